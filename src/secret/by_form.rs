//! Where the secrets of a text are, as far as form and names in it show. Pure.

use std::ops::Range;

use super::by_name::names_a_version;
use super::logins;
use super::member::{self, is_secret_named};
use super::random::is_hex;
use super::shape::shaped;

/// Whether a value is a secret, by its key or by itself. Of one that holds a secret, such as a URL with
/// a password, all of it counts as one.
pub fn is_secret(key: &str, value: &str) -> bool {
    is_secret_named(key, value) || !ranges(value).is_empty() && !is_version(key, value)
}

/// Whether it is the hash of a text, and its key says so.
pub(super) fn is_version(key: &str, value: &str) -> bool {
    names_a_version(key) && is_hex(value)
}

/// The secrets of a text, without overlaps, in their order.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let all = shaped(text).chain(member::ranges(text));
    merged(all.chain(logins::in_commands(text)).collect())
}

/// The same of the value of a key, whose name may say what is in it.
pub(super) fn ranges_of(key: &str, value: &str) -> Vec<Range<usize>> {
    let own = logins::of_key(key, value);
    merged(ranges(value).into_iter().chain(own).collect())
}

fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

//! Which errors of a log are of another kind than all that an earlier one has. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::cause;
use crate::event::ServiceName;

/// What containers have said that are replaced, or why that cannot be read.
pub(crate) type EarlierLogs = BTreeMap<ServiceName, Result<Vec<String>, String>>;

/// The first error of each kind that only the later log has, in order.
pub(crate) fn new_kinds(before: &[String], after: &[String]) -> Vec<String> {
    let mut known: BTreeSet<String> = cause::errors(before)
        .iter()
        .map(|text| kind(text))
        .collect();
    let errors = cause::errors(after).into_iter();
    errors.filter(|text| known.insert(kind(text))).collect()
}

/// An error without what differs from one time to the next: numbers, times, identifiers, addresses, paths.
fn kind(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let masked = mask(word);
        // `2 files`, `2 3 files`.
        if masked != "#" || words.last() != Some(&masked) {
            words.push(masked);
        }
    }
    words.join(" ")
}

fn mask(word: &str) -> String {
    let is_path = word.contains(['/', '\\']);
    if is_path {
        return "/".to_owned();
    }
    let mut masked = String::with_capacity(word.len());
    // A run of letters and digits with a digit in it is a number, a time or an identifier.
    let mut run = String::new();
    let end = |run: &mut String, masked: &mut String| {
        match run.contains(|c: char| c.is_ascii_digit()) {
            true if masked.ends_with('#') => {}
            true => masked.push('#'),
            false => masked.push_str(&run.to_lowercase()),
        }
        run.clear();
    };
    for c in word.chars() {
        match c {
            c if c.is_alphanumeric() => run.push(c),
            // What holds the parts of a time, an address or an identifier together.
            '.' | ':' | '-' | '_' | '+' | ',' => {
                end(&mut run, &mut masked);
                if !masked.ends_with('#') {
                    masked.push(c);
                }
            }
            c => {
                end(&mut run, &mut masked);
                masked.push(c);
            }
        }
    }
    end(&mut run, &mut masked);
    masked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_index_that_fails_is_new_though_the_rest_is_as_ever() {
        let before = "2026-11-30 10:00:00 info: Server listening on port 3080
2026-11-30 10:00:01 error: [MeiliSearch] connect ECONNREFUSED 172.18.0.3:7700
2026-11-30 10:00:02 warn: default secret in use";
        let after = "2026-12-01 11:12:13 info: Server listening on port 3080
2026-12-01 11:12:14 error: [MeiliSearch] connect ECONNREFUSED 172.18.0.7:7700
2026-12-01 11:12:15 error: [User] Index build failed: email_1
2026-12-01 11:12:15 error: [User] Index build failed: email_2
2026-12-01 11:12:16 error: [Role] Index build failed: name_1";
        let found = new_kinds(&lines(before), &lines(after));
        assert_eq!(
            found,
            [
                "[User] Index build failed: email_1",
                "[Role] Index build failed: name_1"
            ]
        );
        assert!(new_kinds(&lines(after), &lines(before)).is_empty());
    }

    #[test]
    fn what_fails_is_new_where_nothing_calls_it_an_error() {
        let before = "Server listening on port 3080\nUpdate check failed: timed out";
        let after = "Server listening on port 3080
Update check failed: timed out
Index build failed: E11000 duplicate key error collection: chat.users index: email_1
2026-12-01 11:12:15 warn: failed to build the index of roles
2026-12-01 11:12:15 info: retry of what failed: none
[DEBUG] failed to find a cache, as ever
0 tests failed
{\"level\": \"info\", \"msg\": \"what failed: nothing\"}";
        assert_eq!(
            new_kinds(&lines(before), &lines(after)),
            [
                "Index build failed: E11000 duplicate key error collection: chat.users index: email_1",
                "2026-12-01 11:12:15 warn: failed to build the index of roles",
            ]
        );
    }

    #[test]
    fn what_differs_each_time_makes_no_kind() {
        for (a, b) in [
            ("took 3.2 ms", "took 17 ms"),
            (
                "no 507f1f77bcf86cd799439011 here",
                "no 65a1b2c3d4e5f60718293a4b here",
            ),
            (
                "run 0b8e6f2a-3a0e-4d59-8f43-aa11bb22cc33 failed",
                "run 7c9e6679-7425-40de-944b-e07fc1f90ae7 failed",
            ),
            ("cannot open /data/a/1.tmp", "cannot open /var/b.tmp"),
            (
                "at 2026-11-30T10:00:00.123Z",
                "at 2026-12-01T01:02:03.9+01:00",
            ),
            (
                "ECONNREFUSED 10.0.0.1:27017",
                "ECONNREFUSED 10.0.12.1:27017",
            ),
        ] {
            assert_eq!(kind(a), kind(b));
        }
        assert_ne!(kind("Index build failed"), kind("index drop failed"));
    }

    proptest! {
        #[test]
        fn a_log_has_nothing_new_beside_itself(log in "([a-zE:# 0-9/\\n]|ERROR |error: |Error: ){0,60}") {
            let log = lines(&log);
            prop_assert!(new_kinds(&log, &log).is_empty());
        }

        /// Each is one of the later log's errors, none is there twice, and a longer past makes fewer.
        #[test]
        fn what_is_new_is_an_error_of_the_later_log(
            before in "(error: [ab0-9]{1,3}\n|fine\n){0,8}",
            more in "(error: [ab0-9]{1,3}\n|fine\n){0,8}",
            after in "(error: [ab0-9]{1,3}\n|fine\n){0,8}",
        ) {
            let (before, after) = (lines(&before), lines(&after));
            let found = new_kinds(&before, &after);
            let errors = cause::errors(&after);
            prop_assert!(found.iter().all(|text| errors.contains(text)));
            let kinds: BTreeSet<String> = found.iter().map(|text| kind(text)).collect();
            prop_assert_eq!(kinds.len(), found.len());
            let longer = new_kinds(&[before, lines(&more)].concat(), &after);
            prop_assert!(longer.iter().all(|text| found.contains(text)));
        }

        #[test]
        fn numbers_make_no_new_kind(a in 0_u32.., b in 0_u32.., word in "[a-z]{1,8}") {
            let line = |n: u32| vec![format!("12:00:00 ERROR {word} {n} of {n}")];
            prop_assert!(new_kinds(&line(a), &line(b)).is_empty());
        }
    }
}

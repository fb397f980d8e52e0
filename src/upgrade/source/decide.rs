//! The decisions, without git and without a clock.

use std::time::Duration;

use super::version::Version;
use crate::settings::Allow;

fn allows(allow: Allow, from: &Version, to: &Version) -> bool {
    match allow {
        Allow::Major => true,
        Allow::Minor => from.major == to.major,
        Allow::Patch => (from.major, from.minor) == (to.major, to.minor),
    }
}

/// What is newer and not old enough yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// How many commits or tags wait.
    pub count: usize,
    /// When the next of them is old enough, in seconds since 1970.
    pub next_at: i64,
}

/// An answer, and what waits behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen<T> {
    /// What to go to; `None`: nothing newer may be taken (yet).
    pub take: Option<T>,
    /// What is newer than that and too young.
    pub waiting: Option<Waiting>,
}

/// The newest of some commits, newest first, that is at least `min_age` old at `now` (seconds since
/// 1970). What was committed before a commit that is old enough, but bears a later date, goes with it:
/// whoever takes a commit takes what it is built on.
pub(super) fn old_enough<T: Clone>(
    newest_first: &[(T, i64)],
    min_age: Duration,
    now: i64,
) -> Chosen<T> {
    let ready = |made: i64| now >= ready_at(made, min_age);
    let found = newest_first.iter().position(|(_, made)| ready(*made));
    let young = &newest_first[..found.unwrap_or(newest_first.len())];
    Chosen {
        take: found.map(|index| newest_first[index].0.clone()),
        waiting: waiting(young.iter().map(|(_, made)| *made), min_age),
    }
}

/// The newest version among tags that is newer than `current`, allowed, and old enough. Pre-releases
/// count only where `current` is one. Without a current version every release counts. A tag without a
/// date is as good as old: nothing speaks against it.
pub(super) fn newest_tag<'a>(
    tags: impl IntoIterator<Item = (&'a str, Option<i64>)>,
    current: Option<&Version>,
    allow: Allow,
    min_age: Duration,
    now: i64,
) -> Chosen<String> {
    let candidate = |version: &Version| match current {
        None => !version.is_pre_release(),
        Some(current) => {
            version > current
                && allows(allow, current, version)
                && (current.is_pre_release() || !version.is_pre_release())
        }
    };
    let mut newer: Vec<(Version, &str, Option<i64>)> = tags
        .into_iter()
        .filter_map(|(name, made)| Some((Version::of_tag(name)?, name, made)))
        .filter(|(version, ..)| candidate(version))
        .collect();
    // `v1.2.0` and `1.2.0` are one version: the order of names makes the answer a stable one.
    newer.sort_by(|a, b| (&b.0, b.1).cmp(&(&a.0, a.1)));
    let ready = |made: &Option<i64>| made.is_none_or(|made| now >= ready_at(made, min_age));
    let found = newer.iter().position(|(.., made)| ready(made));
    let young = &newer[..found.unwrap_or(newer.len())];
    Chosen {
        take: found.map(|index| newer[index].1.to_owned()),
        waiting: waiting(young.iter().filter_map(|(.., made)| *made), min_age),
    }
}

fn ready_at(made: i64, min_age: Duration) -> i64 {
    made.saturating_add(i64::try_from(min_age.as_secs()).unwrap_or(i64::MAX))
}

fn waiting(young: impl Iterator<Item = i64>, min_age: Duration) -> Option<Waiting> {
    let at: Vec<i64> = young.map(|made| ready_at(made, min_age)).collect();
    Some(Waiting {
        count: at.len(),
        next_at: at.iter().copied().min()?,
    })
}

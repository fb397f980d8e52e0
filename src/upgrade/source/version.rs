//! Versions as tags name them.

use std::cmp::Ordering;
use std::fmt;

/// A version: `1.2.3`, also `v1.2` and `v1.2.3-rc4+build`.
///
/// Ordered as semantic versions are, with one difference: letters and digits in one word of a
/// pre-release are compared apart, so that `rc10` is newer than `rc9`, which is what is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Version {
    /// The first number.
    pub major: u64,
    /// The second; 0 where there is none.
    pub minor: u64,
    /// The third; 0 where there is none.
    pub patch: u64,
    /// What follows `-`; empty for a release.
    pub pre: String,
}

impl Version {
    /// Reads a tag's name; `None` for one that names no version.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let (text, _) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, pre) = match text.split_once('-') {
            Some((_, "")) => return None,
            Some((numbers, pre)) => (numbers, pre),
            None => (text, ""),
        };
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        // A lone number is a date or a build more often than a version.
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_number) {
            return None;
        }
        let number = |index: usize| parts.get(index).map_or(Some(0), |part| part.parse().ok());
        Some(Self {
            major: number(0)?,
            minor: number(1)?,
            patch: number(2)?,
            pre: pre.to_owned(),
        })
    }

    /// Whether it comes before a release.
    pub(super) fn is_pre_release(&self) -> bool {
        !self.pre.is_empty()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.is_pre_release() {
            write!(f, "-{}", self.pre)?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self)
            .cmp(&numbers(other))
            .then_with(|| match (self.is_pre_release(), other.is_pre_release()) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                _ => words(&self.pre).cmp(&words(&other.pre)),
            })
            .then_with(|| self.pre.cmp(&other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A piece of a pre-release; numbers come before letters, as in semantic versions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PreReleaseWord<'a> {
    /// The dot between two words: a shorter word comes first.
    End,
    /// Without leading zeroes: the longer is the larger.
    Number(usize, &'a str),
    Letters(&'a str),
}

fn words(pre: &str) -> Vec<PreReleaseWord<'_>> {
    let mut words = Vec::new();
    for part in pre.split('.') {
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits);
            let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
            words.push(if digits {
                let number = word.trim_start_matches('0');
                PreReleaseWord::Number(number.len(), number)
            } else {
                PreReleaseWord::Letters(word)
            });
            rest = behind;
        }
        words.push(PreReleaseWord::End);
    }
    words
}

//! What was told to whom: one line a try in `notifications.jsonl` of a stack's state. It keeps the
//! same news from being told twice, and shows who could not be reached. Holds no addresses.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::document::{self, StateError};
use super::runs::Record;
use super::{StackState, make_folder, write_file};
use crate::event::{Outcome, RunId};
use crate::report::notify::{Story, Word};

const NAME: &str = "notifications.jsonl";

/// So many lines are kept; the file is shortened when it has twice as many.
const KEPT: usize = 200;

/// A failure that stays the same is told again after this: what fails every night is told every
/// night, although a timer is not punctual, and what fails every hour is not told every hour.
const AGAIN: Duration = Duration::from_secs(20 * 3600);

/// One try to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// When.
    pub at: Timestamp,
    /// The receiver's name.
    pub to: String,
    /// Of what; `None`: of nothing but that there was a run, as a heartbeat is.
    pub event: Option<Word>,
    /// The run.
    pub run: Option<RunId>,
    /// What makes two of them the same.
    pub mark: Option<String>,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was not taken, without secrets; `None`: it was.
    pub error: Option<String>,
}

/// The record of one stack.
#[derive(Debug)]
pub(crate) struct Register(PathBuf);

impl Register {
    /// That of a stack.
    pub(crate) fn of(state: &StackState) -> Self {
        Self(state.folder().join(NAME))
    }

    /// Everything that is remembered and can be read, in order.
    ///
    /// # Errors
    /// The file cannot be read: that is not the same as nothing.
    pub(crate) fn read(&self) -> Result<Vec<Delivery>, StateError> {
        let found = document::read_lines(&self.0)?;
        Ok(found.map(|found| found.lines).unwrap_or_default())
    }

    /// Adds some.
    ///
    /// # Errors
    /// The state cannot be written.
    pub(crate) fn add(&self, all: &[Delivery]) -> anyhow::Result<()> {
        if let Some(folder) = self.0.parent() {
            make_folder(folder)?;
        }
        let lines = |all: &[Delivery]| -> anyhow::Result<Vec<u8>> {
            let lines: anyhow::Result<Vec<_>> = all.iter().map(document::line).collect();
            Ok(lines?.concat())
        };
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.0)
            .with_context(|| format!("cannot write {}", self.0.display()))?;
        // One write: others may add theirs at the same time.
        file.write_all(&lines(all)?)
            .with_context(|| format!("cannot write {}", self.0.display()))?;
        let known = self.read()?;
        if known.len() > 2 * KEPT {
            let kept = &known[known.len() - KEPT..];
            write_file(&self.0, &lines(kept)?)?;
        }
        Ok(())
    }

    /// Whether a receiver has been told this already; `once`: it does not grow old. What could not be told
    /// then is told now.
    ///
    /// # Errors
    /// What was told cannot be read.
    pub(crate) fn knows(
        &self,
        to: &str,
        once: bool,
        mark: &str,
        now: Timestamp,
    ) -> Result<bool, StateError> {
        let recent = |told: &Delivery| once || now.duration_since(told.at).unsigned_abs() < AGAIN;
        let same = |told: &Delivery| told.to == to && told.mark.as_deref() == Some(mark);
        let all = self.read()?;
        Ok(all
            .iter()
            .any(|told| same(told) && told.error.is_none() && recent(told)))
    }

    /// Whom the last try did not reach.
    ///
    /// # Errors
    /// What was told cannot be read.
    pub(crate) fn unreached(&self) -> Result<Vec<Delivery>, StateError> {
        let mut last: Vec<Delivery> = Vec::new();
        for told in self.read()? {
            last.retain(|other| other.to != told.to);
            last.push(told);
        }
        last.retain(|told| told.error.is_some());
        Ok(last)
    }
}

/// What makes two stories the same, short. After a run that was good a failure is news again.
pub(crate) fn mark(story: &Story, state: &StackState) -> String {
    // What cannot be read is told at its own place; here it only makes the same news new.
    let before = state.runs().unwrap_or_default().into_iter().rev();
    let before = before.filter(|run| Some(*run) != story.run);
    let mut records = before.filter_map(|run| Record::read(state, run).ok().flatten());
    let good = records.find(|record| record.outcome == Some(Outcome::Applied));
    // What is available is so whatever was done meanwhile.
    let good = good.filter(|_| story.word() != Some(Word::Available));
    let since = good.map_or(0, |record| record.run.0);
    let hash = Sha256::digest(format!("{since}\n{}", story.mark()));
    crate::hash::hex(&hash[..12])
}

#[cfg(test)]
mod tests;

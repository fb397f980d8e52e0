//! What came of unattended runs: one line each in `unattended.jsonl` of a stack's state. Most of them
//! do nothing, and make no run of their own.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TimerAction;
use crate::complaint::Code;
use crate::complaint::passing::may_pass;
use crate::event::{Outcome, RunId};
use crate::state::document::{self, StateError};
use crate::state::{StackState, make_folder, write_file};

/// So many are kept.
const KEPT: usize = 1000;

/// One time that a timer fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Firing {
    /// When it ended.
    pub at: Timestamp,
    /// What was to be done.
    pub action: TimerAction,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code.
    pub exit_code: u8,
    /// The run, if there was one.
    pub run: Option<RunId>,
    /// The stable code of why nothing was done, or of what failed.
    pub code: Option<String>,
    /// The same in words, without secrets.
    pub text: Option<String>,
    /// What failed lies outside of the version, and may be gone the next time.
    #[serde(default)]
    pub may_pass: bool,
    /// What registries did not tell, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<String>,
}

impl Firing {
    fn code(&self) -> Option<Code> {
        self.code.as_deref().and_then(Code::of_word)
    }

    /// Whether what failed may be gone the next time. Older records do not say so themselves.
    pub(crate) fn may_pass(&self) -> bool {
        self.may_pass
            || self
                .code()
                .is_some_and(|code| may_pass(code, self.text.as_deref()))
    }

    /// Whether it succeeded: everything was asked and there is nothing to do, or something newer works.
    pub(crate) fn is_well(&self) -> bool {
        let is_done = matches!(self.outcome, Outcome::Applied | Outcome::NothingToDo);
        let waits = self.code() == Some(Code::FailedBefore);
        is_done && !waits && self.unanswered.is_empty() && !self.was_let_pass()
    }

    /// Whether it was let pass by a rule of ours without a look at the stack, or was cut off: it says
    /// nothing of what it went to.
    pub(crate) fn was_let_pass(&self) -> bool {
        let rules = [
            Code::OutsideWindow,
            Code::MaxFailures,
            Code::NotMissed,
            Code::Postponed,
            Code::Locked,
            Code::Interrupted,
        ];
        self.code().is_some_and(|code| rules.contains(&code))
    }
}

/// What the times that a timer fired come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    /// All of them.
    pub times: usize,
    /// Something newer came, and was proven.
    pub applied: usize,
    /// There was nothing newer, or nothing but what had failed before.
    pub nothing_to_do: usize,
    /// There was nothing to do, as far as registries answered.
    pub unanswered: usize,
    /// It was refused, failed, was rolled back, or is in force and not proven.
    pub failures: usize,
    /// A rule of ours, another run or a shutdown came before.
    pub let_pass: usize,
}

impl Tally {
    /// Of these.
    pub(crate) fn of(entries: &[Firing]) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            tally.times += 1;
            let count = match entry.outcome {
                _ if entry.was_let_pass() => &mut tally.let_pass,
                Outcome::Applied => &mut tally.applied,
                Outcome::NothingToDo if !entry.unanswered.is_empty() => &mut tally.unanswered,
                Outcome::NothingToDo => &mut tally.nothing_to_do,
                Outcome::NotProven
                | Outcome::Refused
                | Outcome::FailedBefore
                | Outcome::RolledBack
                | Outcome::RollbackFailed => &mut tally.failures,
            };
            *count += 1;
        }
        tally
    }
}

/// The record of one stack.
#[derive(Debug)]
pub(crate) struct UnattendedRecord(PathBuf);

impl UnattendedRecord {
    /// That of a stack.
    pub(crate) fn of(state: &StackState) -> Self {
        Self(state.folder().join("unattended.jsonl"))
    }

    /// All that is remembered and can be read, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read: that is not the same as nothing.
    pub(crate) fn read(&self) -> Result<Vec<Firing>, StateError> {
        let found = document::read_lines(&self.0)?;
        Ok(found.map(|found| found.lines).unwrap_or_default())
    }

    /// Adds one, and forgets the oldest.
    ///
    /// # Errors
    /// What is there cannot be read, or the disk is full.
    pub(crate) fn add(&self, entry: Firing) -> anyhow::Result<()> {
        let mut all = self.read()?;
        all.push(entry);
        let skip = all.len().saturating_sub(KEPT);
        let mut text = Vec::new();
        for entry in &all[skip..] {
            text.extend(document::line(entry)?);
        }
        if let Some(folder) = self.0.parent() {
            make_folder(folder)?;
        }
        write_file(&self.0, &text)
    }
}

/// The last time that a timer fired.
///
/// # Errors
/// What is remembered cannot be read.
pub(crate) async fn last(
    directory: &Path,
    state: &StackState,
) -> Result<Option<Firing>, StateError> {
    Ok(entries(directory, state).await?.pop())
}

/// Every time that a timer fired, as far as it is kept. root sees as well what the owner of the stack
/// remembers: a timer runs as that.
///
/// # Errors
/// What is remembered cannot be read.
pub(crate) async fn entries(
    directory: &Path,
    state: &StackState,
) -> Result<Vec<Firing>, StateError> {
    let mut all = UnattendedRecord::of(state).read()?;
    if rustix::process::geteuid().is_root()
        && let Some(state) = super::stack::state_of_owner(directory).await
    {
        all.extend(UnattendedRecord::of(&state).read()?);
        all.sort_by_key(|entry| entry.at);
    }
    Ok(all)
}

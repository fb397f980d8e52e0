//! What has failed: it is not tried again until something newer appears, or somebody asks for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::complaint::{Code, Complaint};
use crate::event::{News, Outcome, RunId};
use crate::run::survey::Survey;
use crate::state::StackState;
use crate::state::document::{self, StateError};
use crate::state::journal::Entry;
use crate::state::runs::{self, Record};

const FAILED: &str = "upgrade-failed.json";
const WORKED: &str = "upgrade-worked.json";

/// Causes that lie in nothing that a newer version would mend.
const NOT_ITS_FAULT: [Code; 6] = [
    Code::Interrupted,
    Code::CutOff,
    Code::HookFailed,
    Code::PullFailed,
    Code::EngineError,
    Code::GitFailed,
];

/// What an upgrade goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempt {
    commit: Option<String>,
    /// Digests by image.
    images: BTreeMap<String, String>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    attempt: Attempt,
    run: RunId,
    at: Timestamp,
    reason: String,
}

/// The last attempt that worked: somebody may undo it all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Worked {
    attempt: Attempt,
    run: RunId,
}

/// The memory of one stack.
pub(super) struct Memory<'a>(&'a StackState);

impl Attempt {
    /// The target of a survey.
    pub(super) fn of(survey: &Survey, news: &News) -> Self {
        let moving = survey.moving.as_ref();
        let images = news.images.iter();
        Self {
            commit: moving.map(|moving| moving.movement.to.to_string()),
            images: images
                .map(|image| (image.name.clone(), image.to.clone()))
                .collect(),
        }
    }

    fn words(&self) -> String {
        match &self.commit {
            Some(commit) => commit.get(..9).unwrap_or(commit).to_owned(),
            None => "what the registries have".to_owned(),
        }
    }
}

fn date(at: Timestamp) -> String {
    let at = at.to_zoned_datetime(jiff::tz::TimeZone::system());
    at.strftime("%F %H:%M").to_string()
}

impl Failed {
    /// In a sentence.
    pub(super) fn text(&self) -> String {
        format!(
            "{} failed before, on {} in run {}: {}",
            self.attempt.words(),
            date(self.at),
            self.run,
            self.reason
        )
    }

    /// For somebody who asks by hand.
    pub(super) fn refusal(&self) -> Complaint {
        let hint = format!(
            "refit show {} tells more; refit upgrade --retry tries it again",
            self.run
        );
        Complaint::new(Code::FailedBefore, self.text()).hint(hint)
    }
}

impl<'a> Memory<'a> {
    pub(super) fn of(state: &'a StackState) -> Self {
        Self(state)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.folder().join(name)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        document::read(&self.path(name))
    }

    fn write(&self, name: &str, what: &impl Serialize) -> anyhow::Result<()> {
        document::write(&self.path(name), what)
    }

    /// The failure of just this attempt: a newer commit or image is another one.
    ///
    /// # Errors
    /// What is remembered cannot be read: an unattended run must not try again what broke the stack.
    pub(super) fn failed(&self, attempt: &Attempt) -> Result<Option<Failed>, StateError> {
        let failed: Option<Failed> = self.read(FAILED)?;
        Ok(failed.filter(|failed| failed.attempt == *attempt))
    }

    /// Remembers a run, if it failed by what it went to.
    ///
    /// # Errors
    /// The run cannot be read, or the disk is full.
    pub(super) fn remember(&self, run: RunId, attempt: Attempt) -> anyhow::Result<()> {
        let Some(record) = Record::read(self.0, run)? else {
            return Ok(());
        };
        let code = record
            .lines
            .iter()
            .rev()
            .find_map(|line| match &line.entry {
                Entry::RollingBack { code, .. } => Some(code.clone()),
                _ => None,
            });
        let failed = matches!(
            record.outcome,
            Some(Outcome::RolledBack | Outcome::RollbackFailed | Outcome::FailedBefore)
        );
        let Some(code) = code.filter(|_| failed && record.typed().starts_with("upgrade")) else {
            return Ok(());
        };
        if Code::of_word(&code).is_some_and(|code| NOT_ITS_FAULT.contains(&code)) {
            return Ok(());
        }
        let failed = Failed {
            attempt,
            run: record.run,
            at: record.began,
            reason: record.reason.unwrap_or_default(),
        };
        self.write(FAILED, &failed)
    }

    /// That somebody undid just this attempt, in a sentence.
    ///
    /// # Errors
    /// What is remembered cannot be read.
    pub(super) fn undone(&self, attempt: &Attempt) -> Result<Option<String>, StateError> {
        let worked: Option<Worked> = self.read(WORKED)?;
        let Some(worked) = worked.filter(|worked| worked.attempt == *attempt) else {
            return Ok(None);
        };
        let by = runs::all(self.0)?.known.into_iter().rev().find(|record| {
            record.outcome == Some(Outcome::Applied) && record.undoes.contains(&worked.run)
        });
        Ok(by.map(|by| {
            format!(
                "{} had come in run {}, and was rolled back on {} in run {}",
                attempt.words(),
                worked.run,
                date(by.began),
                by.run
            )
        }))
    }

    /// Something newer has worked.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn worked(&self, run: RunId, attempt: Attempt) -> anyhow::Result<()> {
        crate::engine::files::remove(&self.path(FAILED))?;
        self.write(WORKED, &Worked { attempt, run })
    }
}

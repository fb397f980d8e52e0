//! What has failed: it is not tried again until something newer appears, or somebody asks for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::complaint::{Code, Complaint};
use crate::event::{News, Outcome, RunId};
use crate::run::history::{self, Record};
use crate::run::journal::Entry;
use crate::run::state::{StackState, write_file};
use crate::run::survey::Survey;

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

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.path(name)).ok()?).ok()
    }

    /// Without it the same is tried once more: no harm but time.
    fn write(&self, name: &str, what: &impl Serialize) {
        if let Ok(text) = serde_json::to_vec_pretty(what) {
            let _ = write_file(&self.path(name), &text);
        }
    }

    /// The failure of just this attempt: a newer commit or image is another one.
    pub(super) fn failed(&self, attempt: &Attempt) -> Option<Failed> {
        let failed: Option<Failed> = self.read(FAILED);
        failed.filter(|failed| failed.attempt == *attempt)
    }

    /// Remembers a run, if it failed by what it went to.
    pub(super) fn remember(&self, run: RunId, attempt: Attempt) {
        let Some(record) = Record::read(self.0, run) else {
            return;
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
        let Some(code) = code.filter(|_| failed && record.command.starts_with("upgrade")) else {
            return;
        };
        if Code::of_word(&code).is_some_and(|code| NOT_ITS_FAULT.contains(&code)) {
            return;
        }
        let failed = Failed {
            attempt,
            run: record.run,
            at: record.began,
            reason: record.reason.unwrap_or_default(),
        };
        self.write(FAILED, &failed);
    }

    /// That somebody undid just this attempt, in a sentence.
    pub(super) fn undone(&self, attempt: &Attempt) -> Option<String> {
        let worked: Worked = self.read(WORKED)?;
        let by = history::records(self.0).into_iter().rev().find(|record| {
            record.outcome == Some(Outcome::Applied) && record.undoes.contains(&worked.run)
        })?;
        (worked.attempt == *attempt).then(|| {
            format!(
                "{} had come in run {}, and was rolled back on {} in run {}",
                attempt.words(),
                worked.run,
                date(by.began),
                by.run
            )
        })
    }

    /// Something newer has worked.
    pub(super) fn worked(&self, run: RunId, attempt: Attempt) {
        let _ = std::fs::remove_file(self.path(FAILED));
        self.write(WORKED, &Worked { attempt, run });
    }
}

//! What has failed: it is not tried again until something newer appears, or somebody asks for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::complaint::Complaint;
use crate::event::{News, Outcome, RunId};
use crate::run::history::Record;
use crate::run::journal::Entry;
use crate::run::state::{StackState, write_file};
use crate::run::survey::Survey;

const NAME: &str = "upgrade-failed.json";

/// Causes that lie in nothing that a newer version would mend.
const NOT_ITS_FAULT: [&str; 6] = [
    "interrupted",
    "cut_off",
    "hook_failed",
    "pull_failed",
    "engine_error",
    "git_failed",
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

/// The memory of one stack.
pub(super) struct Memory(PathBuf);

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
}

impl Failed {
    /// In a sentence.
    pub(super) fn text(&self) -> String {
        let at = self.at.to_zoned_datetime(jiff::tz::TimeZone::system());
        let what = match &self.attempt.commit {
            Some(commit) => commit.get(..9).unwrap_or(commit).to_owned(),
            None => "these images".to_owned(),
        };
        format!(
            "{what} failed before, on {} in run {}: {}",
            at.strftime("%F %H:%M"),
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
        Complaint::new("failed_before", self.text()).hint(hint)
    }
}

impl Memory {
    pub(super) fn of(state: &StackState) -> Self {
        Self(state.folder().join(NAME))
    }

    fn read(&self) -> Option<Failed> {
        serde_json::from_slice(&std::fs::read(&self.0).ok()?).ok()
    }

    /// The failure of just this attempt: a newer commit or image is another one.
    pub(super) fn failed(&self, attempt: &Attempt) -> Option<Failed> {
        self.read().filter(|failed| failed.attempt == *attempt)
    }

    /// Remembers a run, if it failed by what it went to.
    pub(super) fn remember(&self, state: &StackState, run: RunId, attempt: Attempt) {
        let Some(record) = Record::read(state, run) else {
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
        if NOT_ITS_FAULT.contains(&code.as_str()) {
            return;
        }
        let failed = Failed {
            attempt,
            run: record.run,
            at: record.began,
            reason: record.reason.unwrap_or_default(),
        };
        if let Ok(text) = serde_json::to_vec_pretty(&failed) {
            // Without it the same is tried once more: no harm but time.
            let _ = write_file(&self.0, &text);
        }
    }

    /// Something newer has worked.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

//! What has failed: it is not tried again until something newer appears, or somebody asks for it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::complaint::{Code, Complaint};
use crate::event::{News, Outcome, RunId};
use crate::run::run_report::{RunFailure, RunReport};
use crate::state::StackState;
use crate::state::document::{self, StateError};
use crate::state::runs;

const FAILED: &str = "upgrade-failed.json";
const WORKED: &str = "upgrade-worked.json";

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
    /// A guard refused it once its images were there. Whoever asks by hand meets that guard again.
    #[serde(default)]
    by_guard: bool,
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
    /// What was found to go to.
    pub(super) fn of(news: &News) -> Self {
        let images = news.images.iter();
        Self {
            commit: news.checkout.as_ref().map(|checkout| checkout.to.clone()),
            images: images
                .map(|image| (image.name.clone(), image.to.clone()))
                .collect(),
        }
    }

    /// Whether it went to what was there already.
    pub(super) fn is_nothing_new(&self) -> bool {
        self.commit.is_none() && self.images.is_empty()
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

    /// Whether somebody who asks by hand, with `--allow` or without, is answered by a guard.
    pub(super) fn is_left_to_guards(&self) -> bool {
        self.by_guard
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

    /// Takes in what became of a run; what was refused or called off was none.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn take(&self, report: &RunReport) -> anyhow::Result<()> {
        let (Some(run), Some(news)) = (report.run, &report.news) else {
            return Ok(());
        };
        let attempt = Attempt::of(news);
        if attempt.is_nothing_new() {
            return Ok(());
        }
        match report.end.outcome {
            // It is in force: whoever undoes it does not want it again.
            Outcome::Applied | Outcome::NotProven => self.worked(run, attempt),
            Outcome::RolledBack | Outcome::RollbackFailed | Outcome::FailedBefore => {
                let failure = report.end.failure.as_ref();
                match failure.filter(|failure| !failure.may_pass) {
                    Some(failure) => self.failed_now(run, attempt, failure),
                    None => Ok(()),
                }
            }
            Outcome::NothingToDo | Outcome::Refused => Ok(()),
        }
    }

    fn failed_now(&self, run: RunId, attempt: Attempt, failure: &RunFailure) -> anyhow::Result<()> {
        let failed = Failed {
            attempt,
            run,
            at: Timestamp::now(),
            reason: failure.text.clone(),
            by_guard: matches!(failure.code, Code::GuardStore | Code::GuardNoWayBack),
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
            record.outcome.is_some_and(Outcome::is_in_force) && record.undoes.contains(&worked.run)
        });
        Ok(by.map(|by| {
            format!(
                "{} was applied in run {}, and rolled back on {} in run {}",
                attempt.words(),
                worked.run,
                date(by.began),
                by.run
            )
        }))
    }

    /// Something newer has worked.
    fn worked(&self, run: RunId, attempt: Attempt) -> anyhow::Result<()> {
        crate::host::files::remove(&self.path(FAILED))?;
        self.write(WORKED, &Worked { attempt, run })
    }
}

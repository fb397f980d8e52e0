//! What became of a run: the only thing that a run hands back. Exit code, last line, notification, the
//! memory of upgrades and the record of timers are functions of it.

use crate::assessment::Assessment;
use crate::assessment::Decision;
use crate::complaint::passing::may_pass;
use crate::complaint::{Code, Complaint};
use crate::event::{News, NoteCode, Outcome, RunId, ServiceSummary};
use crate::exit::{self, Exit};
use crate::host::signals::Signal;
use crate::settings::written::WrittenSettings;
use crate::stack::Place;
use crate::stack::locate::Located;

/// What became of a run.
#[derive(Debug, Clone)]
pub(crate) struct RunReport {
    /// Its number, if it came to one.
    pub run: Option<RunId>,
    /// The stack, once it was found.
    pub stack: Option<FoundStack>,
    /// Files and keys that were to change.
    pub changes: Vec<(String, String)>,
    /// What an upgrade found.
    pub news: Option<News>,
    /// Why what it found was not taken, though nothing forbids it.
    pub skipped: Option<NoteCode>,
    /// An earlier run that had been cut off and was finished first.
    pub recovered: Option<(RunId, Outcome)>,
    /// What was left out of it, because nobody has accepted it.
    pub left_out: Vec<String>,
    /// How it ended.
    pub end: RunEnd,
}

/// A stack as a run has found it, before its change.
#[derive(Debug, Clone)]
pub(crate) struct FoundStack {
    /// Where it is.
    pub located: Located,
    /// What its `refit.yaml` says.
    pub written: WrittenSettings,
    /// Compose's name for it, once Compose was asked.
    pub project: Option<String>,
}

impl FoundStack {
    /// As far as it is known before Compose is asked.
    pub(crate) fn of(place: &Place) -> Self {
        Self {
            located: place.located.clone(),
            written: place.written.clone(),
            project: None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct RunEnd {
    /// In a word.
    pub outcome: Outcome,
    /// With `--dry-run --exit-code`: there is something to do.
    pub something_to_do: bool,
    /// A signal asked for the end.
    pub signal: Option<Signal>,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why it did not do what was asked.
    pub failure: Option<RunFailure>,
    /// What a person has to do.
    pub todo: Vec<String>,
    /// What the person reads last.
    pub text: Option<String>,
}

impl RunEnd {
    /// How it ends the process.
    pub(crate) fn exit(&self) -> Exit {
        let code = self.failure.as_ref().map(|failure| failure.code);
        match (self.outcome, self.signal) {
            // Somebody else's lock is told so, whatever came meanwhile.
            (Outcome::Refused, _) if code == Some(Code::Locked) => Exit::Locked,
            (Outcome::RollbackFailed, _) => Exit::NotRolledBack,
            (Outcome::RolledBack | Outcome::FailedBefore | Outcome::Refused, Some(signal)) => {
                Exit::Signal(signal)
            }
            (Outcome::NotProven, _) => Exit::NotProven,
            (Outcome::RolledBack, None) => Exit::RolledBack,
            (Outcome::Refused, None) => code.map_or(Exit::Refused, exit::of_refusal),
            (Outcome::FailedBefore, None) => Exit::Refused,
            (Outcome::Applied | Outcome::NothingToDo, _) if code.is_some() => Exit::Refused,
            (Outcome::Applied | Outcome::NothingToDo, _) if self.something_to_do => {
                Exit::SomethingToDo
            }
            (Outcome::Applied | Outcome::NothingToDo, _) => Exit::Done,
        }
    }
}

/// Why a run did not do what was asked, without the secrets that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFailure {
    /// Stable.
    pub code: Code,
    /// In a sentence without a full stop.
    pub text: String,
    /// The cause lies outside of what was tried, and may be gone the next time.
    pub may_pass: bool,
}

impl RunEnd {
    /// An end without anything special about it, and before any container was touched.
    pub(crate) fn of(outcome: Outcome, text: Option<String>) -> Self {
        Self {
            outcome,
            something_to_do: false,
            signal: None,
            services: Vec::new(),
            failure: None,
            todo: Vec::new(),
            text,
        }
    }

    /// The same with a failure beside it, in words without secrets.
    pub(super) fn beside(self, complaint: &Complaint, text: String) -> Self {
        Self {
            failure: Some(RunFailure {
                code: complaint.code,
                text,
                may_pass: false,
            }),
            todo: complaint.hint.iter().cloned().collect(),
            ..self
        }
    }

    /// A refusal: nothing was touched.
    pub(crate) fn refused(complaint: &Complaint, signal: Option<Signal>) -> Self {
        Self {
            signal,
            failure: Some(RunFailure {
                code: complaint.code,
                text: complaint.text.clone(),
                may_pass: may_pass(complaint.code, lines(complaint)),
            }),
            todo: complaint.hint.iter().cloned().collect(),
            ..Self::of(Outcome::Refused, None)
        }
    }
}

impl RunReport {
    /// Of a run that has not begun: what is learnt of it is filled in as it goes.
    pub(super) fn begun() -> Self {
        Self {
            run: None,
            stack: None,
            changes: Vec::new(),
            news: None,
            skipped: None,
            recovered: None,
            left_out: Vec::new(),
            end: RunEnd::of(Outcome::Refused, None),
        }
    }

    /// Of what was refused before there was a run.
    pub(crate) fn of_refusal(complaint: &Complaint) -> Self {
        Self {
            end: RunEnd::refused(complaint, None),
            ..Self::begun()
        }
    }

    /// Takes in what is known of the change before it is made.
    pub(super) fn assessed(&mut self, assessment: &Assessment) {
        let changes = assessment.edited.changes.iter();
        self.changes = changes
            .map(|change| (change.file.clone(), change.key.clone()))
            .collect();
        self.news = assessment.news().cloned();
        self.skipped = match &assessment.decision {
            Decision::CalledOff { code, .. } => Some(*code),
            Decision::Made | Decision::Refused(_) => None,
        };
        if let Some(stack) = &mut self.stack {
            stack.project = Some(assessment.after.name.clone());
        }
    }
}

/// A change that was refused, with what an upgrade had found by then.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why.
    pub complaint: Complaint,
    /// What there is that is new.
    pub news: Option<Box<News>>,
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Complaint::from(error).into()
    }
}

impl From<Complaint> for Refused {
    fn from(complaint: Complaint) -> Self {
        Self {
            complaint,
            news: None,
        }
    }
}

/// All that is told of a refusal.
fn lines(complaint: &Complaint) -> impl Iterator<Item = &str> {
    let details = complaint.details.iter().map(String::as_str);
    std::iter::once(complaint.text.as_str()).chain(details)
}

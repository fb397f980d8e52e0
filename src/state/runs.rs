//! The runs of a stack, read from their journals.

use std::time::Duration;

use jiff::Timestamp;

use super::StackState;
use super::document::StateError;
use super::journal::{self, Entry, Line};
use crate::event::{Outcome, RunId, ServiceName, ServiceSummary};

/// A run as its journal tells it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number.
    pub run: RunId,
    /// When it began.
    pub began: Timestamp,
    /// What was typed, without secret values; `None`: the line that says it is damaged.
    pub command: Option<String>,
    /// How it ended; `None`: it is open, or the line that says it is damaged.
    pub outcome: Option<Outcome>,
    /// How long it took, as far as it came.
    pub took: Duration,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// The reason's stable code.
    pub code: Option<String>,
    /// It failed, and was left in place as asked.
    pub left_in_place: bool,
    /// Its files were put back.
    pub files_restored: bool,
    /// What a person has to do, where it could not be given back.
    pub todo: Vec<String>,
    /// The runs that it undid.
    pub undoes: Vec<RunId>,
    /// All of its journal that can be read.
    pub lines: Vec<Line>,
    /// The lines that cannot.
    pub damaged: Vec<StateError>,
}

impl Record {
    /// Reads a run; `None` when it did not even begin.
    ///
    /// # Errors
    /// The journal cannot be read, or holds nothing that can be.
    pub(crate) fn read(state: &StackState, run: RunId) -> Result<Option<Self>, StateError> {
        let folder = state.run_folder(run);
        let nothing = |why: Option<StateError>| {
            let why = why.or_else(|| journal::gone(&folder));
            why.map_or(Ok(None), Err)
        };
        let Some(found) = journal::read(&folder)? else {
            return nothing(None);
        };
        let (Some(first), Some(last)) = (found.lines.first(), found.lines.last()) else {
            return nothing(found.damaged.into_iter().next());
        };
        let mut record = Self {
            run,
            began: first.at,
            command: None,
            outcome: None,
            took: last.at.duration_since(first.at).unsigned_abs(),
            services: Vec::new(),
            reason: None,
            code: None,
            left_in_place: false,
            files_restored: false,
            todo: Vec::new(),
            undoes: Vec::new(),
            lines: Vec::new(),
            damaged: found.damaged,
        };
        for line in &found.lines {
            record.take(&line.entry);
        }
        record.lines = found.lines;
        Ok(Some(record))
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Begin {
                command, undoes, ..
            } => {
                self.command = Some(command.clone());
                self.undoes.clone_from(undoes);
            }
            Entry::RollingBack { reason, code } => self.failed(reason, code),
            Entry::LeftInPlace { reason, code } => {
                self.failed(reason, code);
                self.left_in_place = true;
            }
            Entry::FilesRestored => self.files_restored = true,
            Entry::Finished {
                outcome,
                services,
                todo,
            } => {
                self.outcome = Some(*outcome);
                self.services.clone_from(services);
                self.todo.clone_from(todo);
            }
            Entry::Change { .. }
            | Entry::Planned { .. }
            | Entry::Checkpointed
            | Entry::Writing { .. }
            | Entry::LeftAlone { .. }
            | Entry::Written
            | Entry::Preparing
            | Entry::Converged
            | Entry::Verdict { .. }
            | Entry::Effect { .. }
            | Entry::Proof { .. }
            | Entry::Touching { .. }
            | Entry::Proven => {}
        }
    }

    fn failed(&mut self, reason: &str, code: &str) {
        self.reason = Some(reason.to_owned());
        self.code = Some(code.to_owned());
    }

    /// The services that it planned to touch.
    pub(crate) fn planned(&self) -> impl Iterator<Item = &ServiceName> {
        self.lines.iter().filter_map(|line| {
            let Entry::Planned { service, .. } = &line.entry else {
                return None;
            };
            Some(service)
        })
    }

    /// Whether the run left its change in place.
    pub(crate) fn is_in_force(&self) -> bool {
        matches!(
            self.outcome,
            Some(Outcome::Applied | Outcome::RollbackFailed)
        )
    }

    /// What was typed, as it is told.
    pub(crate) fn typed(&self) -> &str {
        self.command.as_deref().unwrap_or("(not readable)")
    }
}

/// Every run of a stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs {
    /// Those whose journals can be read, the oldest first.
    pub known: Vec<Record>,
    /// The others, and why.
    pub unreadable: Vec<(RunId, StateError)>,
}

/// Every run of a stack, the oldest first.
///
/// # Errors
/// The folder of runs cannot be listed.
pub(crate) fn all(state: &StackState) -> Result<Runs, StateError> {
    let mut runs = Runs::default();
    for run in state.runs()? {
        match Record::read(state, run) {
            Ok(record) => runs.known.extend(record),
            Err(error) => runs.unreadable.push((run, error)),
        }
    }
    Ok(runs)
}

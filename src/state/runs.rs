//! The runs of a stack, read from their journals.

use std::time::Duration;

use jiff::Timestamp;

use super::StackState;
use super::journal::{self, Entry, Line};
use crate::event::{Outcome, RunId, ServiceSummary};

/// A run as its journal tells it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number.
    pub run: RunId,
    /// When it began.
    pub began: Timestamp,
    /// What was typed, without secret values.
    pub command: String,
    /// How it ended; `None`: it is open.
    pub outcome: Option<Outcome>,
    /// How long it took, as far as it came.
    pub took: Duration,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// What a person has to do, where it could not be given back.
    pub todo: Vec<String>,
    /// The runs that it undid.
    pub undoes: Vec<RunId>,
    /// All of its journal.
    pub lines: Vec<Line>,
}

impl Record {
    /// Reads a run; `None` when its journal does not even begin.
    pub fn read(state: &StackState, run: RunId) -> Option<Self> {
        let lines = journal::read(&state.run_folder(run));
        let (first, last) = (lines.first()?, lines.last()?);
        let Entry::Begin {
            command, undoes, ..
        } = &first.entry
        else {
            return None;
        };
        let mut record = Self {
            run,
            began: first.at,
            command: command.clone(),
            outcome: None,
            took: last.at.duration_since(first.at).unsigned_abs(),
            services: Vec::new(),
            reason: None,
            todo: Vec::new(),
            undoes: undoes.clone(),
            lines: Vec::new(),
        };
        for line in &lines {
            match &line.entry {
                Entry::RollingBack { reason, .. } => record.reason = Some(reason.clone()),
                Entry::Finished {
                    outcome,
                    services,
                    todo,
                } => {
                    record.outcome = Some(*outcome);
                    record.services.clone_from(services);
                    record.todo.clone_from(todo);
                }
                _ => {}
            }
        }
        record.lines = lines;
        Some(record)
    }

    /// Whether the run left its change in place.
    pub fn is_in_force(&self) -> bool {
        matches!(
            self.outcome,
            Some(Outcome::Applied | Outcome::RollbackFailed)
        )
    }
}

/// Every run of a stack, the oldest first.
pub fn records(state: &StackState) -> Vec<Record> {
    state
        .runs()
        .into_iter()
        .filter_map(|run| Record::read(state, run))
        .collect()
}

//! Finishes what a killed run left: commits it where its effect had been proven, else rolls it back.
//! Whichever command takes the lock next does this first, and it may itself be killed and done again.

use std::collections::BTreeSet;

use super::checkpoint::{self, Checkpoint};
use super::ending::touched;
use super::journal::{self, Entry, Journal, Line};
use super::rollback::{Rollback, Undone};
use super::state::StackState;
use crate::complaint::Complaint;
use crate::engine::process::end_orphans;
use crate::event::{Emitter, Kind, Outcome, RunId};
use crate::fault::fault;
use crate::health::limits::Limits;
use crate::stack::Place;

/// The runs whose journals do not end.
pub fn open_runs(state: &StackState) -> Vec<RunId> {
    // Only the newest can be open: each command closes what it finds before it begins its own.
    let runs = state.runs();
    let newest = runs.iter().rev().take(2).copied();
    let is_open = |run: &RunId| journal::outcome(&journal::read(&state.run_folder(*run))).is_none();
    let mut open: Vec<RunId> = newest.filter(is_open).collect();
    open.sort();
    open
}

/// Says, without the lock, that a run is open.
pub fn mention(state: &StackState, emitter: &Emitter) {
    for run in open_runs(state) {
        emitter.note("unfinished", sentence(state, run));
    }
}

/// What is to be said of an open run.
pub fn sentence(state: &StackState, run: RunId) -> String {
    let lines = journal::read(&state.run_folder(run));
    let alive = lines.iter().any(|line| match line.entry {
        Entry::Begin { pid, .. } => std::path::Path::new(&format!("/proc/{pid}")).exists(),
        _ => false,
    });
    if alive {
        format!("run {run} is at work on this stack")
    } else {
        format!(
            "run {run} was cut off; the next command that changes something (refit apply) finishes it"
        )
    }
}

/// Finishes every open run; the worst outcome among them, or `None` when there was none.
///
/// # Errors
/// The state cannot be written, or the engine does not answer.
pub async fn finish(
    place: &Place,
    state: &StackState,
    emitter: &Emitter,
) -> Result<Option<Outcome>, Complaint> {
    let mut worst = None;
    for run in open_runs(state) {
        let outcome = finish_one(place, state, run, emitter).await?;
        emitter.emit(Kind::Recovered { run, outcome });
        worst = match worst {
            Some(Outcome::RollbackFailed) => worst,
            _ => Some(outcome),
        };
    }
    Ok(worst)
}

async fn finish_one(
    place: &Place,
    state: &StackState,
    run: RunId,
    emitter: &Emitter,
) -> Result<Outcome, Complaint> {
    let folder = state.run_folder(run);
    let lines = journal::read(&folder);
    // Compose may outlive the refit that started it, and would go on with the change.
    let mark = journal::mark(&folder)?;
    end_orphans(&mark).await?;
    let place = &Place {
        compose: place.compose.marked(mark),
        ..place.clone()
    };
    let journal = Journal::open(&folder)?;
    fault!("recover.begun");
    let has = |wanted: &Entry| lines.iter().any(|line| line.entry == *wanted);
    let close = |outcome, todo: &[String]| {
        journal.add(Entry::Finished {
            outcome,
            services: Vec::new(),
            todo: todo.to_vec(),
        })
    };
    let checkpoint = Checkpoint::read(&folder).filter(|_| has(&Entry::Checkpointed));
    let Some(checkpoint) = checkpoint else {
        // Cut off before the first write; at most images got another name.
        if let Some(partial) = Checkpoint::read(&folder) {
            checkpoint::release(&place.docker, &partial).await?;
        }
        close(Outcome::FailedBefore, &[])?;
        return Ok(Outcome::FailedBefore);
    };
    if is_proven(&lines) {
        close(Outcome::Applied, &[])?;
        return Ok(Outcome::Applied);
    }
    let undone = roll_back(place, &checkpoint, &folder, &lines, &journal, emitter).await;
    fault!("recover.rolled_back");
    if undone.is_whole() {
        close(Outcome::RolledBack, &[])?;
        return Ok(Outcome::RolledBack);
    }
    for (problem, todo) in undone.problems.iter().zip(&undone.todo) {
        let complaint = Complaint::new("rollback_failed", problem).hint(todo);
        emitter.emit(Kind::Complaint(complaint));
    }
    if place.docker.answers().await {
        close(Outcome::RollbackFailed, &undone.todo)?;
    }
    Ok(Outcome::RollbackFailed)
}

/// Whether the change was proven, and nobody has begun to take it back since.
fn is_proven(lines: &[Line]) -> bool {
    let last = lines.iter().rev().find_map(|line| match line.entry {
        Entry::Proven => Some(true),
        Entry::RollingBack { .. } => Some(false),
        _ => None,
    });
    last == Some(true)
}

async fn roll_back(
    place: &Place,
    checkpoint: &Checkpoint,
    folder: &std::path::Path,
    lines: &[Line],
    journal: &Journal,
    emitter: &Emitter,
) -> Undone {
    let mut place = place.clone();
    place.located.args = checkpoint.args.clone();
    let (reason, code) = ("the run was cut off".to_owned(), "cut_off".to_owned());
    emitter.emit(Kind::Rollback {
        reason: reason.clone(),
    });
    let _ = journal.add(Entry::RollingBack { reason, code });
    let rollback = Rollback {
        place: &place,
        checkpoint,
        folder,
        touched: &touched(lines),
        revive: true,
        // How long they were away, nobody has seen.
        away: &BTreeSet::new(),
        limits: Limits::default(),
        emitter,
    };
    rollback.run(journal).await
}

//! Finishes what a killed run left: commits it where its effect had been proven, else rolls it back.
//! Whichever command takes the lock next does this first, and it may itself be killed and done again.
//! What cannot be read is never taken for "nothing happened".

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::checkpoint::{self, Checkpoint};
use super::in_force::named;
use super::saved_file::{SavedFile, SavedSide, of_neither_side};
use super::unfinished::{
    self, CutOff, Remaining, Unfinished, done_since, of_another, of_another_folder,
};
use crate::complaint::{Code, Complaint};
use crate::event::{Emitter, Kind, NoteCode, Outcome, RunId, ServiceName};
use crate::failure::interrupted;
use crate::fault::fault;
use crate::health::limits::Limits;
use crate::host::files;
use crate::host::process::end_orphans;
use crate::host::signals::Signals;
use crate::request::WithUnfinished;
use crate::rollback::{Rollback, RollbackEnd, Undone};
use crate::stack::Place;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::journal::{self, Entry, Journal, touched};
use crate::state::lock::{Lock, LockSubject};
use crate::state::open_run::OpenRun;
use crate::state::runs;

/// What became of a run that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovered {
    /// It was complete already, and is recorded as it would have ended.
    InForce(RunId, Outcome),
    /// It had touched nothing.
    NotBegun(RunId),
    /// It was rolled back, with what the comparison found.
    RolledBack(RunId, String),
    /// What a person made of the stack since stays.
    LeftAsFound(RunId),
    /// It could not be finished; nothing else is done.
    Failed {
        /// Its number.
        run: RunId,
        /// What the person reads last.
        text: String,
    },
}

impl Recovered {
    /// In a word; what was left as it was found is told by a note.
    pub(crate) fn outcome(&self) -> Option<(RunId, Outcome)> {
        match self {
            Self::InForce(run, outcome) => Some((*run, *outcome)),
            Self::NotBegun(run) => Some((*run, Outcome::FailedBefore)),
            Self::RolledBack(run, _) => Some((*run, Outcome::RolledBack)),
            Self::Failed { run, .. } => Some((*run, Outcome::RollbackFailed)),
            Self::LeftAsFound(_) => None,
        }
    }
}

/// The lock on the stack, and how long to wait for more.
pub(crate) struct Locking<'a> {
    /// What is held.
    pub lock: &'a mut Lock,
    /// How long whoever is at work elsewhere is waited for.
    pub wait: Duration,
}

impl Locking<'_> {
    /// Takes what the open run was at work on besides the stack: its project, which another folder may
    /// name as well, and files outside of the folder, which other stacks may use.
    async fn also(
        &mut self,
        place: &Place,
        checkpoint: &Checkpoint,
        signals: &Signals,
    ) -> Result<(), RecoveryStopped> {
        let project = LockSubject::Project(checkpoint.project.clone());
        let paths = checkpoint.files.iter().map(|file| &*file.path);
        let wanted: Vec<LockSubject> = std::iter::once(project)
            .chain(files_outside(place, paths))
            .collect();
        tokio::select! {
            locked = self.lock.also(wanted, self.wait) => locked.map_err(RecoveryStopped::Choice),
            signal = signals.wait() => {
                Err(RecoveryStopped::Choice(interrupted(signal)))
            }
        }
    }
}

/// Finishes the open run; `None` when there is none.
///
/// # Errors
/// Somebody else has to finish it, or is at work on the same files, or the person has to choose; then
/// nothing was touched.
pub(crate) async fn finish(
    place: &Place,
    state: &StackState,
    how: WithUnfinished,
    locking: Locking<'_>,
    emitter: &Emitter,
    signals: &Signals,
) -> Result<Option<Recovered>, Complaint> {
    let directory = &place.located.args.directory;
    if let Some(open) = OpenRun::of_another(directory, state)? {
        return Err(of_another(&open, state));
    }
    let name = place.located.args.name.as_ref();
    if let Some(complaint) = name.and_then(|name| of_another_folder(name, state)) {
        return Err(complaint);
    }
    let open = match unfinished::find(state)? {
        None => return Ok(None),
        Some(Unfinished::Unknown(run, error)) => {
            return Ok(Some(not_known(run, error, state, emitter)));
        }
        Some(Unfinished::Open(open)) => open,
    };
    let (run, aim) = (open.run, open.undoes().to_vec());
    let recovered = match finish_open(place, &open, how, locking, emitter, signals).await {
        Ok(recovered) => recovered,
        Err(RecoveryStopped::Choice(complaint)) => return Err(complaint),
        // The run stays open, and the next command tries again.
        Err(RecoveryStopped::Failed(complaint)) => {
            emitter.emit(Kind::Complaint(complaint));
            Recovered::Failed {
                run,
                text: not_yet(run),
            }
        }
    };
    if unfinished::find(state)?.is_none() {
        OpenRun::end(directory, state);
    }
    if let Some((run, outcome)) = recovered.outcome() {
        emitter.emit(Kind::Recovered { run, outcome });
        let came_to_nothing = matches!(outcome, Outcome::RolledBack | Outcome::FailedBefore);
        let asks_again = matches!(how, WithUnfinished::GoBack(_));
        if came_to_nothing && !asks_again && !aim.is_empty() {
            let aim = named(&aim);
            let text =
                format!("run {run} was to undo {aim}, which it did not: refit rollback does it");
            emitter.note(NoteCode::Unfinished, text);
        }
    }
    Ok(Some(recovered))
}

fn not_yet(run: RunId) -> String {
    format!(
        "Nothing of this command was done: run {run} is not finished yet. The next command tries again. \
         More: refit show {run}"
    )
}

/// Why recovery came to no end.
enum RecoveryStopped {
    /// A person has to choose, or somebody else is at work; nothing was touched.
    Choice(Complaint),
    /// Something failed that may work later.
    Failed(Complaint),
}

impl From<Complaint> for RecoveryStopped {
    fn from(complaint: Complaint) -> Self {
        Self::Failed(complaint)
    }
}

impl From<anyhow::Error> for RecoveryStopped {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error.into())
    }
}

fn not_known(run: RunId, error: StateError, state: &StackState, emitter: &Emitter) -> Recovered {
    let folder = state.run_folder(run);
    let folder = folder.display();
    emitter.emit(Kind::Complaint(error.into()));
    Recovered::Failed {
        run,
        text: format!(
            "Nothing of this command was done: it is not known whether run {run} was finished. Where the \
             stack is as it should be: mv {folder} {folder}.damaged"
        ),
    }
}

async fn finish_open(
    place: &Place,
    open: &CutOff,
    how: WithUnfinished,
    mut locking: Locking<'_>,
    emitter: &Emitter,
    signals: &Signals,
) -> Result<Recovered, RecoveryStopped> {
    let CutOff { run, folder, .. } = open;
    // Compose may outlive the refit that started it, and would go on with the change.
    let mark = journal::mark(folder)?;
    end_orphans(&mark).await?;
    let place = &Place {
        compose: place.compose.marked(mark),
        ..place.clone()
    };
    let journal = Journal::open(folder)?;
    fault!("recover.begun");
    let close = |outcome, todo: &[String]| {
        journal.add(Entry::Finished {
            outcome,
            services: Vec::new(),
            todo: todo.to_vec(),
        })
    };
    let checkpoint = match open.remaining()? {
        Remaining::Record => {
            let outcome = match runs::still_failing(&open.lines).is_empty() {
                true => Outcome::Applied,
                false => Outcome::NotProven,
            };
            close(outcome, &[])?;
            return Ok(Recovered::InForce(*run, outcome));
        }
        Remaining::Close(checkpoint) => {
            if let Some(checkpoint) = checkpoint {
                checkpoint::release(&place.docker, &checkpoint).await?;
            }
            close(Outcome::FailedBefore, &[])?;
            return Ok(Recovered::NotBegun(*run));
        }
        Remaining::Lost(error) => return lost(open, error, close, emitter),
        Remaining::GoBack(checkpoint) => checkpoint,
    };
    locking.also(place, &checkpoint, signals).await?;
    let edited = of_neither_side(checkpoint.all_files())?;
    let by_others = open.by_others(&place.docker, &checkpoint).await?;
    if !edited.is_empty() || !by_others.is_empty() {
        match how {
            WithUnfinished::Refuse => {
                return Err(RecoveryStopped::Choice(choice(
                    place, open, &edited, &by_others,
                )));
            }
            WithUnfinished::KeepPresent => {
                let todo =
                    format!("left as it was found by refit apply; back: refit rollback {run}");
                close(Outcome::RollbackFailed, &[todo])?;
                let done = done_since(&place.located.args.directory, &edited, &by_others);
                let text = format!(
                    "run {run} was cut off, and {done} since: what is there now stays as it is"
                );
                emitter.note(NoteCode::LeftAsFound, text);
                return Ok(Recovered::LeftAsFound(*run));
            }
            WithUnfinished::GoBack(_) => {}
        }
    }
    let undone = roll_back(place, &checkpoint, open, &journal, emitter, signals).await;
    fault!("recover.rolled_back");
    for problem in undone.end.problems() {
        let complaint = Complaint::new(Code::RollbackFailed, &problem.text);
        let complaint = match &problem.todo {
            Some(todo) => complaint.hint(todo),
            None => complaint,
        };
        emitter.emit(Kind::Complaint(complaint));
    }
    let text = match &undone.end {
        RollbackEnd::Back(_) => {
            close(Outcome::RolledBack, &[])?;
            return Ok(Recovered::RolledBack(*run, undone.end.text(*run)));
        }
        RollbackEnd::Open(_) => not_yet(*run),
        RollbackEnd::Failed(_) => {
            close(Outcome::RollbackFailed, &undone.end.todo())?;
            format!(
                "Nothing of this command was done: run {run} could not be rolled back. More: refit show {run}"
            )
        }
    };
    Ok(Recovered::Failed { run: *run, text })
}

/// What the run did cannot be undone without what it kept; nothing of that is let go of.
fn lost(
    open: &CutOff,
    error: StateError,
    close: impl Fn(Outcome, &[String]) -> anyhow::Result<()>,
    emitter: &Emitter,
) -> Result<Recovered, RecoveryStopped> {
    let run = open.run;
    let passes = error.may_pass();
    let todo = format!("see what run {run} changed (refit show {run}), and undo it by hand");
    emitter.emit(Kind::Complaint(error.into()));
    if !passes {
        close(Outcome::RollbackFailed, std::slice::from_ref(&todo))?;
    }
    Ok(Recovered::Failed {
        run,
        text: format!(
            "Nothing of this command was done: run {run} was cut off, and cannot be rolled back. \
             To do: {todo}"
        ),
    })
}

/// The three texts of each file, what became of services, and the two ways.
fn choice(
    place: &Place,
    open: &CutOff,
    edited: &[&SavedFile],
    by_others: &[(ServiceName, &'static str)],
) -> Complaint {
    let (run, folder) = (open.run, open.folder.display());
    let done = done_since(&place.located.args.directory, edited, by_others);
    let text = format!("run {run} was cut off, and {done} since: what is to stay?");
    let kept = |side: &SavedSide| match side {
        SavedSide::Absent => "no such file".to_owned(),
        SavedSide::Text { name, .. } => format!("{folder}/{name}"),
        SavedSide::Unknown { why } => format!("not known: {why}"),
    };
    let lines: Vec<String> = edited
        .iter()
        .flat_map(|file| {
            let now = file.path.display();
            let (before, after) = (kept(&file.before), kept(&file.after));
            [
                format!("before run {run}: {before}"),
                format!("by run {run}: {after}"),
                format!("now: {now}"),
            ]
        })
        .collect();
    Complaint::new(Code::UnfinishedEdited, text)
        .details(&lines.join("\n"))
        .hint(format!(
            "refit rollback {run} goes back to before it and keeps edited texts aside; refit apply goes on \
             with what is there now"
        ))
}

async fn roll_back(
    place: &Place,
    checkpoint: &Checkpoint,
    open: &CutOff,
    journal: &Journal,
    emitter: &Emitter,
    signals: &Signals,
) -> Undone {
    let mut place = place.clone();
    place.located.args = checkpoint.args.clone();
    let (reason, code) = (
        "the run was cut off".to_owned(),
        Code::CutOff.word().to_owned(),
    );
    let text = format!("run {} was cut off: rolling it back", open.run);
    emitter.note(NoteCode::RollingBack, text);
    emitter.emit(Kind::Rollback {
        reason: reason.clone(),
    });
    let _ = journal.add(Entry::RollingBack { reason, code });
    let rollback = Rollback {
        place: &place,
        checkpoint,
        folder: &open.folder,
        touched: &touched(&open.lines),
        cut_off: true,
        since: open.began(),
        engine_ended: true,
        // How long they were away, nobody has seen.
        away: &BTreeSet::new(),
        limits: Limits::default(),
        signals,
        emitter,
    };
    rollback.run(journal).await
}

/// Files outside of the stack's folder, which other stacks may use as well.
pub(crate) fn files_outside<'a>(
    place: &Place,
    paths: impl Iterator<Item = &'a Path>,
) -> impl Iterator<Item = LockSubject> {
    let directory = files::follow(&place.located.args.directory);
    let paths = paths.map(files::follow);
    paths
        .filter(move |path| !path.starts_with(&directory))
        .map(LockSubject::File)
}

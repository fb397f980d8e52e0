//! What is known of a run that was cut off, or is at work, by looking only: for whoever finishes it, and
//! for whoever is to be told what the next command does first. Touches nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::checkpoint::{self, Checkpoint};
use super::saved_file::{SavedFile, of_neither_side};
use crate::complaint::{Code, Complaint};
use crate::event::{Emitter, NoteCode, RunId};
use crate::state::StackState;
use crate::state::document::{Lines, StateError};
use crate::state::journal::{self, Entry, Line};
use crate::state::open_run::OpenRun;

/// The newest run, if it has no end that can be read. Only the newest can be open: each command closes
/// what it finds before it begins its own.
pub(crate) enum Unfinished {
    /// Its journal does not end.
    Open(CutOff),
    /// Its journal cannot be read, so nobody knows whether it ended.
    Unknown(RunId, StateError),
}

/// A run that was cut off, or is at work.
pub(crate) struct CutOff {
    pub(crate) run: RunId,
    pub(crate) folder: PathBuf,
    pub(crate) lines: Vec<Line>,
    /// Lines that cannot be read.
    damaged: Vec<StateError>,
}

/// What has to be done about a run that was cut off.
pub(crate) enum Remaining {
    /// It was proven: it only has to be recorded.
    Record,
    /// It had touched nothing; a checkpoint may have given names to images.
    Close(Option<Checkpoint>),
    /// It is to be rolled back.
    GoBack(Checkpoint),
    /// It had begun, and what it kept cannot be read.
    Lost(StateError),
}

/// What stands before every other change of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// What, in a few words.
    pub what: String,
    /// What is known of it, and what becomes of it.
    pub sentence: String,
}

pub(crate) fn find(state: &StackState) -> Result<Option<Unfinished>, StateError> {
    let Some(run) = state.runs()?.last().copied() else {
        return Ok(None);
    };
    let folder = state.run_folder(run);
    let found = match journal::read(&folder) {
        Err(error) => return Ok(Some(Unfinished::Unknown(run, error))),
        Ok(found) => found,
    };
    let found = match found {
        Some(found) if !found.lines.is_empty() => found,
        // A run that did not come to its first line left nothing else either.
        other => {
            let damaged = other.into_iter().flat_map(|found| found.damaged).next();
            if let Some(error) = damaged.or_else(|| journal::gone(&folder)) {
                return Ok(Some(Unfinished::Unknown(run, error)));
            }
            Lines {
                lines: Vec::new(),
                damaged: Vec::new(),
            }
        }
    };
    if journal::outcome(&found.lines).is_some() {
        return Ok(None);
    }
    Ok(Some(Unfinished::Open(CutOff {
        run,
        folder,
        lines: found.lines,
        damaged: found.damaged,
    })))
}

/// Says, without the lock, that a run is open, and what the next command does about it first.
pub(crate) fn mention(directory: &Path, state: &StackState, emitter: &Emitter) -> Option<Ahead> {
    let ahead = ahead(directory, state)?;
    emitter.note(NoteCode::Unfinished, &ahead.sentence);
    Some(ahead)
}

/// What the next command that changes something meets before its own work.
pub(crate) fn ahead(directory: &Path, state: &StackState) -> Option<Ahead> {
    let unknown = |error: StateError| Ahead {
        what: "what cannot be read of earlier runs".to_owned(),
        sentence: error.to_string(),
    };
    match OpenRun::of_another(directory, state) {
        Ok(None) => {}
        Ok(Some(open)) => {
            return Some(Ahead {
                what: format!("run {} of another state folder", open.run),
                sentence: of_another(&open, state).text,
            });
        }
        Err(error) => return Some(unknown(error)),
    }
    let (what, sentence) = match find(state) {
        Ok(None) => return None,
        Err(error) => return Some(unknown(error)),
        Ok(Some(Unfinished::Unknown(run, error))) => {
            let sentence = format!("it is not known whether run {run} was finished: {error}");
            (format!("run {run}, which cannot be read"), sentence)
        }
        Ok(Some(Unfinished::Open(open))) => open.told(),
    };
    Some(Ahead { what, sentence })
}

impl CutOff {
    /// When it began.
    pub(crate) fn began(&self) -> Timestamp {
        self.lines
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |line| line.at)
    }

    /// Whether its journal tells all services that it was about to touch: they stand before the checkpoint.
    pub(crate) fn knows_its_plan(&self) -> bool {
        let checkpointed = |line: &Line| matches!(line.entry, Entry::Checkpointed);
        self.damaged.is_empty() && self.lines.iter().any(checkpointed)
    }

    /// Whether it came to its first effect, as far as its journal tells: a line that cannot be read may
    /// tell of one.
    fn came_to_effects(&self) -> bool {
        !self.damaged.is_empty() || !self.is_early()
    }

    fn is_early(&self) -> bool {
        let early = |line: &Line| {
            matches!(
                line.entry,
                Entry::Begin { .. } | Entry::Change { .. } | Entry::Planned { .. }
            )
        };
        self.lines.iter().all(early)
    }

    /// Whether the change was proven, and nobody has begun to take it back since.
    fn is_proven(&self) -> bool {
        let last = self.lines.iter().rev().find(|line| {
            matches!(
                line.entry,
                // Of a damaged journal the first of the last two may be missing.
                Entry::Proven | Entry::RollingBack { .. } | Entry::FilesRestored
            )
        });
        last.is_some_and(|line| line.entry == Entry::Proven)
    }

    /// What has to be done about it.
    ///
    /// # Errors
    /// A file of the stack cannot be read.
    pub(crate) fn remaining(&self) -> anyhow::Result<Remaining> {
        if self.is_proven() {
            return Ok(Remaining::Record);
        }
        let checkpoint = match (Checkpoint::read(&self.folder), self.came_to_effects()) {
            (Ok(Some(checkpoint)), _) => checkpoint,
            // Without a checkpoint nothing is written.
            (Ok(None) | Err(_), false) => return Ok(Remaining::Close(None)),
            (Ok(None), true) => {
                let path = checkpoint::path(&self.folder);
                let gone = StateError::Gone { path };
                // It may never have been there: then nobody knows because of that line.
                let line = self.damaged.first().filter(|_| self.is_early());
                return Ok(Remaining::Lost(line.cloned().unwrap_or(gone)));
            }
            (Err(error), true) => return Ok(Remaining::Lost(error)),
        };
        let mut untouched = true;
        for file in checkpoint.all_files() {
            if file.is_as_before()? {
                continue;
            }
            // What the run only reads, somebody else has edited.
            untouched &= !checkpoint.files.contains(file);
            // All of it is readable, or nothing is begun: half of the files would be of no side.
            if let Err(error) = file.before.read(&self.folder) {
                return Ok(Remaining::Lost(error));
            }
        }
        Ok(match !self.came_to_effects() && untouched {
            // Cut off before the first write; at most images got another name.
            true => Remaining::Close(Some(checkpoint)),
            false => Remaining::GoBack(checkpoint),
        })
    }

    /// What it is, and what becomes of it.
    fn told(&self) -> (String, String) {
        let run = self.run;
        match journal::is_at_work(&self.lines) {
            true => (
                format!("run {run}, which is at work"),
                format!("run {run} is at work on this stack"),
            ),
            false => (format!("run {run}, which was cut off"), self.sentence()),
        }
    }

    fn sentence(&self) -> String {
        let run = self.run;
        let next = "the next command that changes something (refit apply)";
        let remaining = match self.remaining() {
            Ok(remaining) => remaining,
            Err(error) => return format!("run {run} was cut off: {error:#}"),
        };
        match remaining {
            Remaining::Record => {
                format!("run {run} was cut off after it was proven; {next} records it")
            }
            Remaining::Close(_) => {
                format!("run {run} was cut off before it changed anything; {next} records that")
            }
            Remaining::Lost(error) => {
                format!("run {run} was cut off, and cannot be rolled back: {error}")
            }
            Remaining::GoBack(checkpoint) => match of_neither_side(checkpoint.all_files()) {
                Ok(edited) if edited.is_empty() => {
                    format!("run {run} was cut off; {next} rolls it back first")
                }
                Ok(edited) => format!(
                    "run {run} was cut off, and {} was edited since: refit rollback {run} goes back to \
                     before it, refit apply goes on with what is there now",
                    names(&edited)
                ),
                Err(error) => format!("run {run} was cut off: {error:#}"),
            },
        }
    }
}

fn names(edited: &[&SavedFile]) -> String {
    let names: Vec<String> = edited
        .iter()
        .map(|file| file.path.display().to_string())
        .collect();
    names.join(", ")
}

/// A run of another folder that was cut off on the same project of the engine: its containers are these.
pub(crate) fn of_another_folder(project: &str, own: &StackState) -> Option<Complaint> {
    own.others().iter().find_map(|other| {
        // What cannot be read there keeps nobody here from work.
        let Ok(Some(Unfinished::Open(open))) = find(other) else {
            return None;
        };
        let (its, directory) = open.lines.iter().find_map(Line::begun_on)?;
        if its != project {
            return None;
        }
        let (run, directory) = (open.run, directory.display());
        let text = format!(
            "run {run} of {directory} on the project {project} was cut off, and is not finished"
        );
        let hint = format!("finish it first: refit -C {directory} apply");
        Some(Complaint::new(Code::UnfinishedOfAnother, text).hint(hint))
    })
}

pub(crate) fn of_another(open: &OpenRun, own: &StackState) -> Complaint {
    let (run, state) = (open.run, open.state.display());
    let home = |folder: &Path| folder.ancestors().nth(2).map(Path::to_owned);
    let name = crate::host::files::user_name(open.uid);
    let name = name.unwrap_or_else(|| format!("user {}", open.uid));
    let hint = match (open.is_own(), home(&open.state)) {
        (true, at) if at == home(own.folder()) => {
            let folder = StackState::at(open.state.clone()).run_folder(run);
            let folder = folder.display();
            format!(
                "the folder of the stack was moved since: move it back, and type refit apply there; or, \
                 where the stack is as it should be: mv {folder} {folder}.left"
            )
        }
        (true, at) => {
            let at = at.unwrap_or_else(|| open.state.clone());
            format!(
                "finish it first: REFIT_STATE_HOME={} refit apply",
                at.display()
            )
        }
        (false, _) => format!("finish it first, as {name}: sudo -u {name} refit apply"),
    };
    let text =
        format!("run {run} of {name} on this stack was cut off and is not finished ({state})");
    Complaint::new(Code::UnfinishedOfAnother, text).hint(hint)
}

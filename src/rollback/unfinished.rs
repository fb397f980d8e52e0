//! What is known of a run that was cut off, or is at work, by looking only: for whoever finishes it, and
//! for whoever is to be told what the next command does first. Touches nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::by_others;
use super::checkpoint::{self, Checkpoint};
use super::in_force::named;
use super::saved_file::{SavedFile, of_neither_side};
use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::event::{Emitter, NoteCode, RunId, ServiceName};
use crate::stack::shown;
use crate::stack::snapshot::EngineSide;
use crate::state::StackState;
use crate::state::document::{Lines, StateError};
use crate::state::journal::{self, Entry, Line, touched};
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
    /// What it leaves of the stack.
    pub then: Then,
}

/// The stack once what stands before a change is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    /// Files and containers are those of now.
    Same,
    /// They are others: what would be done after it cannot be told.
    Another {
        /// What is done to them, as far as it is known.
        does: Option<String>,
    },
}

impl Ahead {
    /// Whether what is to be done after it can be told from the stack as it is now.
    pub(crate) fn leaves_the_stack(&self) -> bool {
        self.then == Then::Same
    }

    /// What is said in place of a plan that nobody would carry out.
    pub(crate) fn in_place_of_a_plan(&self) -> String {
        let does = match &self.then {
            Then::Another { does: Some(does) } => format!(": {does}"),
            Then::Another { does: None } | Then::Same => String::new(),
        };
        format!(
            "Not planned: first comes {}{does}. refit plan shows what is left when that is done",
            self.what
        )
    }
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
pub(crate) async fn mention(
    docker: &Docker,
    directory: &Path,
    state: &StackState,
    emitter: &Emitter,
) -> Option<Ahead> {
    let ahead = ahead(Some(docker), directory, state).await?;
    emitter.note(NoteCode::Unfinished, &ahead.sentence);
    Some(ahead)
}

/// What the next command that changes something meets before its own work. Without an engine nobody sees
/// what was done to containers since.
pub(crate) async fn ahead(
    docker: Option<&Docker>,
    directory: &Path,
    state: &StackState,
) -> Option<Ahead> {
    let stopped = || Then::Another { does: None };
    let unknown = |error: StateError| Ahead {
        what: "what cannot be read of earlier runs".to_owned(),
        sentence: error.to_string(),
        then: stopped(),
    };
    match OpenRun::of_another(directory, state) {
        Ok(None) => {}
        Ok(Some(open)) => {
            return Some(Ahead {
                what: format!("run {} of another state folder", open.run),
                sentence: of_another(&open, state).text,
                then: stopped(),
            });
        }
        Err(error) => return Some(unknown(error)),
    }
    match find(state) {
        Ok(None) => None,
        Err(error) => Some(unknown(error)),
        Ok(Some(Unfinished::Unknown(run, error))) => Some(Ahead {
            what: format!("run {run}, which cannot be read"),
            sentence: format!("it is not known whether run {run} was finished: {error}"),
            then: stopped(),
        }),
        Ok(Some(Unfinished::Open(open))) => Some(open.told(docker, directory).await),
    }
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

    /// The runs that it was to undo, if it is a rollback.
    pub(super) fn undoes(&self) -> &[RunId] {
        let begin = self.lines.iter().find_map(|line| {
            let Entry::Begin { undoes, .. } = &line.entry else {
                return None;
            };
            Some(undoes.as_slice())
        });
        begin.unwrap_or_default()
    }

    /// What somebody has done since to services that it had not touched.
    ///
    /// # Errors
    /// The engine's.
    pub(super) async fn by_others(
        &self,
        docker: &Docker,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<(ServiceName, &'static str)>, Complaint> {
        // What it touched itself is nobody else's doing.
        if !self.knows_its_plan() {
            return Ok(Vec::new());
        }
        let base = &checkpoint.engine;
        let now = EngineSide::look(docker, &base.project, BTreeSet::new(), Some(base)).await?;
        let signalled = docker.signalled_since(&base.project, self.began()).await?;
        Ok(by_others::done(
            base,
            &now,
            &touched(&self.lines),
            &signalled,
        ))
    }

    /// What it is, and what becomes of it.
    async fn told(&self, docker: Option<&Docker>, directory: &Path) -> Ahead {
        let run = self.run;
        if journal::is_at_work(&self.lines) {
            return Ahead {
                what: format!("run {run}, which is at work"),
                sentence: format!("run {run} is at work on this stack"),
                then: Then::Same,
            };
        }
        let told = self.becomes(docker, directory).await;
        let (sentence, then) = told.unwrap_or_else(|error| {
            let sentence = format!("run {run} was cut off: {error:#}");
            (sentence, Then::Another { does: None })
        });
        Ahead {
            what: format!("run {run}, which was cut off"),
            sentence,
            then,
        }
    }

    async fn becomes(
        &self,
        docker: Option<&Docker>,
        directory: &Path,
    ) -> anyhow::Result<(String, Then)> {
        let (run, aim) = (self.run, self.undoes());
        let next = "the next command that changes something (refit apply)";
        Ok(match self.remaining()? {
            Remaining::Record => (
                format!("run {run} was cut off after it was proven; {next} records it"),
                Then::Same,
            ),
            Remaining::Close(_) if aim.is_empty() => (
                format!("run {run} was cut off before it changed anything; {next} records that"),
                Then::Same,
            ),
            Remaining::Close(_) => (
                format!(
                    "run {run}, which was to undo {}, was cut off before it changed anything; refit \
                     rollback does it",
                    named(aim)
                ),
                Then::Same,
            ),
            Remaining::Lost(error) => (
                format!("run {run} was cut off, and cannot be rolled back: {error}"),
                Then::Another { does: None },
            ),
            Remaining::GoBack(checkpoint) => {
                let edited = of_neither_side(checkpoint.all_files())?;
                let others = match docker {
                    Some(docker) => self.by_others(docker, &checkpoint).await?,
                    None => Vec::new(),
                };
                if !edited.is_empty() || !others.is_empty() {
                    let done = done_since(directory, &edited, &others);
                    let text = format!(
                        "run {run} was cut off, and {done} since: refit rollback {run} goes back to before \
                         it, refit apply goes on with what is there now"
                    );
                    return Ok((text, Then::Same));
                }
                let does = self.way_back(directory, &checkpoint)?;
                let text = match aim {
                    [] => format!("run {run} was cut off; {next} rolls it back first"),
                    aim => format!(
                        "run {run}, which was to undo {}, was cut off; refit rollback does it anew, and {next} \
                         rolls run {run} back first",
                        named(aim)
                    ),
                };
                (text, Then::Another { does: Some(does) })
            }
        })
    }

    /// What rolling it back does.
    fn way_back(&self, directory: &Path, checkpoint: &Checkpoint) -> anyhow::Result<String> {
        let (mut restored, mut removed) = (Vec::new(), Vec::new());
        for file in &checkpoint.files {
            if !file.is_as_before()? {
                match file.was_there() {
                    true => restored.push(shown(directory, &file.path)),
                    false => removed.push(shown(directory, &file.path)),
                }
            }
        }
        let touched = touched(&self.lines).into_keys();
        let touched: Vec<String> = touched.map(|service| service.to_string()).collect();
        let parts = [
            ("restores", restored),
            ("removes", removed),
            ("brings back", touched),
        ];
        let parts = parts.into_iter().filter(|(_, what)| !what.is_empty());
        let parts = parts.map(|(verb, what)| format!("{verb} {}", what.join(", ")));
        let parts: Vec<String> = parts.collect();
        Ok(match parts.is_empty() {
            true => "it is rolled back".to_owned(),
            false => format!("rolling it back {}", parts.join(", ")),
        })
    }
}

/// What was done to files and services by somebody else.
pub(super) fn done_since(
    directory: &Path,
    edited: &[&SavedFile],
    by_others: &[(ServiceName, &'static str)],
) -> String {
    let edited = edited.iter();
    let mut done: Vec<String> = edited
        .map(|file| format!("{} was edited", shown(directory, &file.path)))
        .collect();
    let services = by_others.iter();
    done.extend(services.map(|(service, what)| format!("{service} was {what} by somebody")));
    done.join(", ")
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

//! Forgetting a stack: its runs with all that they keep - names of images, commits in git, old texts of files -
//! and what was learned of it. What runs is not touched. Texts that a person typed, and that a run had to take
//! out of the stack, stay: nobody has another copy of them.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::checkpoint::Checkpoint;
use super::unfinished::{self, Unfinished};
use super::{pinned_images, retention};
use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::docker::container::{Container, label};
use crate::event::RunId;
use crate::state::document::StateError;
use crate::state::journal::{self, Line};
use crate::state::runs::Record;
use crate::state::trust_record::{self, TrustRecord};
use crate::state::{self, StackState, StateHome, TYPED};

/// What is remembered of a stack.
pub(crate) struct Remembered {
    pub(crate) state: StackState,
    /// Its runs, in order.
    pub(crate) runs: Vec<RunId>,
    /// The projects that they are of: those of one folder share its history.
    pub(crate) projects: BTreeSet<String>,
    /// Names under which images are kept for them.
    pub(crate) images: Vec<String>,
    /// How many of them keep a commit of the checkout.
    pub(crate) commits: usize,
    /// Folders of texts that a person typed: these stay.
    pub(crate) typed: Vec<PathBuf>,
    /// That something of upstream's waits to be accepted: forgotten, it would count. Stays with the stack.
    waits: Option<PathBuf>,
}

impl Remembered {
    /// Looks, and changes nothing.
    ///
    /// # Errors
    /// The state cannot be read, a run is not finished, or the engine does not answer.
    pub(crate) async fn of(
        docker: &Docker,
        state: StackState,
        is_gone: bool,
    ) -> Result<Self, Complaint> {
        match unfinished::find(&state)? {
            None => {}
            Some(Unfinished::Unknown(run, error)) => return Err(not_known(&state, run, error)),
            Some(Unfinished::Open(open)) => return Err(not_finished(open.run)),
        }
        let runs = state.runs()?;
        let (mut commits, mut projects) = (0, BTreeSet::new());
        for run in &runs {
            // Of one that cannot be read nothing is known.
            if let Ok(Some(record)) = Record::read(&state, *run) {
                projects.extend(record.project);
            }
            let found = Checkpoint::read(&state.run_folder(*run));
            commits +=
                usize::from(found.is_ok_and(|found| {
                    found.is_some_and(|checkpoint| checkpoint.checkout.is_some())
                }));
        }
        let names = pinned_images::all(docker).await?;
        let marks = marks(&state)?;
        let typed = TYPED.iter().map(|name| state.folder().join(name));
        let trust = TrustRecord::read(&state)?;
        let has_waiting = trust.is_some_and(|record| record.has_waiting()) && !is_gone;
        Ok(Self {
            waits: has_waiting.then(|| trust_record::path(&state)),
            images: names
                .into_iter()
                .filter(|name| is_of(name, &marks))
                .collect(),
            typed: typed.filter(|folder| folder.exists()).collect(),
            state,
            projects,
            runs,
            commits,
        })
    }

    /// Whether there is nothing to forget.
    pub(crate) fn is_nothing(&self) -> Result<bool, Complaint> {
        Ok(self.runs.is_empty() && self.goes()?.is_empty())
    }

    /// What lies in the folder and goes.
    fn goes(&self) -> anyhow::Result<Vec<PathBuf>> {
        let stays = |path: &PathBuf| self.typed.contains(path) || self.waits.as_ref() == Some(path);
        let mut found = state::entries_of(self.state.folder())?;
        found.retain(|path| !stays(path));
        Ok(found)
    }

    /// Forgets it, the oldest run first: what is left by somebody who is killed here is a history that was
    /// pruned, and is forgotten by the same command.
    ///
    /// # Errors
    /// The engine's, or a folder cannot be removed.
    pub(crate) async fn forget(&self, docker: &Docker) -> Result<(), Complaint> {
        for run in &self.runs {
            let folder = self.state.run_folder(*run);
            // What cannot be read keeps nothing by itself: names are asked of the engine.
            let checkpoint = Checkpoint::read(&folder).unwrap_or_default();
            retention::remove(docker, &folder, checkpoint.as_ref()).await?;
        }
        for name in &self.images {
            docker.untag(name).await?;
        }
        for path in self.goes()? {
            let removed = match path.is_dir() && !path.is_symlink() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
        if self.typed.is_empty() && self.waits.is_none() {
            self.state.remove_empty()?;
        }
        Ok(())
    }
}

/// Nobody knows whether it was finished: what it keeps may be the only copy of a text.
fn not_known(state: &StackState, run: RunId, error: StateError) -> Complaint {
    let folder = state.run_folder(run).display().to_string();
    let hint = format!(
        "restore it from a backup; or, where the stack is as it should be: mv {folder} {folder}.left, and again"
    );
    Complaint::from(error).hint(hint)
}

fn not_finished(run: RunId) -> Complaint {
    let text = format!("run {run} was cut off, and what it keeps is needed to finish it");
    Complaint::new(Code::NotFinished, text)
        .hint("refit rollback finishes it and undoes it; refit status tells how far it came")
}

/// A stack of the state folder, seen by somebody who looks for those that are gone.
pub(crate) enum Existence {
    /// Its folder is gone, and no container is left of it.
    Gone(PathBuf),
    /// It may be there, or may come back; why.
    Left(PathBuf, String),
    /// Nothing tells which folder it was of.
    Unnamed(String),
    /// It is there.
    Present,
}

/// Looks whether a stack still exists. `containers` are all of the engine's.
pub(crate) fn look(home: &StateHome, state: &StackState, containers: &[Container]) -> Existence {
    let directory = match directory_of(home, state) {
        Ok(Some(directory)) => directory,
        Ok(None) => return Existence::Unnamed("it does not say which folder it is of".to_owned()),
        Err(why) => return Existence::Unnamed(why),
    };
    match fs::symlink_metadata(&directory) {
        Ok(_) => return Existence::Present,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Existence::Left(directory, format!("cannot look at it: {error}")),
    }
    let is_its = |one: &&Container| {
        let folder = one.labels.get(label::WORKING_DIR);
        folder.is_some_and(|folder| Path::new(folder) == directory)
    };
    if let Some(container) = containers.iter().find(is_its) {
        let project = &container.project;
        let why = format!("the engine still has its containers: docker compose -p {project} down");
        return Existence::Left(directory, why);
    }
    // A folder above it that is empty may be where a disk is mounted when it is there.
    let above = directory.ancestors().skip(1).find(|above| above.is_dir());
    match above.map(|above| {
        (
            above,
            fs::read_dir(above).map(|mut all| all.next().is_none()),
        )
    }) {
        Some((above, Ok(true))) => {
            let why = format!("{} is empty: its disk may be missing", above.display());
            Existence::Left(directory, why)
        }
        Some((_, Ok(false))) if directory.parent().is_some_and(Path::is_dir) => {
            Existence::Gone(directory)
        }
        Some((above, Err(error))) => {
            let why = format!("cannot look into {}: {error}", above.display());
            Existence::Left(directory, why)
        }
        Some((_, Ok(false))) | None => {
            let why = "the folder above it is gone as well: its disk may be missing";
            Existence::Left(directory, why.to_owned())
        }
    }
}

/// The folder that a stack's state is of: what its runs say, where the name of the state agrees.
fn directory_of(home: &StateHome, state: &StackState) -> Result<Option<PathBuf>, String> {
    let runs = state.runs().map_err(|error| error.to_string())?;
    for run in runs.iter().rev() {
        let lines = journal::read(&state.run_folder(*run));
        let Ok(Some(lines)) = lines else { continue };
        let begun = lines.lines.iter().find_map(Line::begun_on);
        if let Some((_, directory)) = begun
            && home.of_stack(directory) == *state
        {
            return Ok(Some(directory.to_owned()));
        }
    }
    Ok(None)
}

/// What the names of images that a run keeps have in common.
fn marks(state: &StackState) -> Result<Vec<String>, StateError> {
    let runs = state.runs()?;
    let mark = |run: &RunId| format!("-{run}-{}-", state::short_name(&state.run_folder(*run)));
    Ok(runs.iter().map(mark).collect())
}

fn is_of(name: &str, marks: &[String]) -> bool {
    marks.iter().any(|mark| name.contains(mark.as_str()))
}

/// Names of kept images that no run of this user knows: those of another user, or of runs whose folder
/// somebody removed.
///
/// # Errors
/// The engine's, or a state folder cannot be read.
pub(crate) async fn unknown_images(
    docker: &Docker,
    home: &StateHome,
) -> Result<Vec<String>, Complaint> {
    let mut known = Vec::new();
    for state in home.stacks()? {
        known.extend(marks(&state)?);
    }
    let names = pinned_images::all(docker).await?;
    Ok(names
        .into_iter()
        .filter(|name| !is_of(name, &known))
        .collect())
}

//! The runs of a stack, read from their journals; what it takes to undo them; and how long they are
//! kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::checkout::{Moving, SavedCheckout};
use super::checkpoint::{self, Checkpoint};
use super::describe::describe;
use super::edits::Edited;
use super::journal::{self, Entry, Line};
use super::kept::SavedImage;
use super::saved_file::{self, SavedFile};
use super::state::StackState;
use crate::complaint::Complaint;
use crate::engine::files;
use crate::event::{Outcome, RunId, ServiceSummary};
use crate::stack::Place;
use crate::stack::staged::FileEdit;

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
    fn is_in_force(&self) -> bool {
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

/// What undoes some runs.
#[derive(Debug)]
pub struct Undo {
    /// The files as they are to be again.
    pub edited: Edited,
    /// The images that services are to run again.
    pub images: Vec<SavedImage>,
    /// The move of the checkout back to where it was, if one of them moved it.
    pub moving: Option<Moving>,
    /// The runs that are undone.
    pub runs: Vec<RunId>,
    /// The networks that there were before them.
    pub networks: Vec<String>,
    /// The volumes that there were before them.
    pub volumes: Vec<String>,
}

/// What it takes to go back to before `target`, or before the last run.
///
/// # Errors
/// There is no such run, its checkpoint is gone, or files were edited since (`edited`), or the
/// checkout is at another commit by now (`git_moved`).
pub async fn undo(
    place: &Place,
    state: &StackState,
    target: Option<RunId>,
    allow_edited: bool,
) -> Result<Undo, Complaint> {
    let in_force: Vec<Record> = records(state)
        .into_iter()
        .filter(Record::is_in_force)
        .collect();
    let Some(last) = in_force.last().map(|record| record.run) else {
        return Err(
            Complaint::new("no_run", "there is no run to undo on this stack")
                .hint("refit history lists the runs"),
        );
    };
    let target = target.unwrap_or(last);
    let runs: Vec<RunId> = in_force
        .iter()
        .map(|r| r.run)
        .filter(|run| *run >= target)
        .collect();
    if runs.is_empty() || (!state.runs().contains(&target)) {
        return Err(Complaint::new(
            "no_run",
            format!("no run from {target} on changed anything"),
        )
        .hint("refit history lists the runs"));
    }
    let mut oldest: BTreeMap<PathBuf, (PathBuf, SavedFile)> = BTreeMap::new();
    let mut newest: BTreeMap<PathBuf, SavedFile> = BTreeMap::new();
    let mut images: Vec<SavedImage> = Vec::new();
    let mut checkout: Option<SavedCheckout> = None;
    let mut before = None;
    for run in &runs {
        let folder = state.run_folder(*run);
        let Some(checkpoint) = Checkpoint::read(&folder) else {
            let text = format!("the checkpoint of run {run} is gone, it cannot be undone");
            return Err(Complaint::new("checkpoint_gone", text));
        };
        checkout = match (checkout, checkpoint.checkout) {
            // From where the last one left it to where the first one found it.
            (Some(first), Some(last)) => Some(SavedCheckout {
                moved_to: last.moved_to,
                tree: last.tree,
                ..first
            }),
            (first, last) => first.or(last),
        };
        let engine = &checkpoint.engine;
        before.get_or_insert((engine.own_networks(), engine.own_volumes()));
        for file in checkpoint.files {
            newest.insert(file.path.clone(), file.clone());
            oldest
                .entry(file.path.clone())
                .or_insert((folder.clone(), file));
        }
        for image in checkpoint.images {
            if images.iter().all(|known| known.service != image.service) {
                images.push(image);
            }
        }
    }
    let edited_since = saved_file::edited_since(newest.values())?;
    if !edited_since.is_empty() && !allow_edited {
        let names: Vec<String> = edited_since.iter().map(|path| place.shown(path)).collect();
        let text = format!("{} was edited since that run", names.join(", "));
        return Err(Complaint::new("edited", text)
            .hint("--allow edited overwrites it; the present text stays in the new run"));
    }
    let moving = match &checkout {
        Some(checkout) => Some(checkout.way_back(&place.scratch).await?),
        None => None,
    };
    let mut edited = Edited::default();
    let mut moved: Vec<FileEdit> = moving.iter().flat_map(Moving::file_edits).collect();
    moved.retain(|edit| !oldest.contains_key(&edit.path));
    edited.files = moved;
    for (path, (folder, file)) in oldest {
        // What only git can put back, git puts back.
        if file.is_link_only() {
            continue;
        }
        edited.files.push(FileEdit {
            before: files::read_unless_folder(&path)?,
            after: file.old_bytes(&folder),
            path,
        });
    }
    if let Some(moving) = &moving {
        edited.changes.push(moving.described());
    }
    for edit in &edited.files {
        if moving.is_none() || place.is_config(&edit.path) {
            describe(place, edit, &mut edited.changes);
        }
    }
    let (networks, volumes) = before.unwrap_or_default();
    Ok(Undo {
        edited,
        images,
        moving,
        runs,
        networks,
        volumes,
    })
}

/// Removes old runs, and the names that kept their images; never the newest one that was applied.
pub async fn prune(place: &Place, state: &StackState) {
    let keep = &place.settings.keep;
    let runs = state.runs();
    let surplus = runs.len().saturating_sub(keep.runs);
    let too_old = |run: RunId| {
        let first = journal::read(&state.run_folder(run))
            .first()
            .map(|line| line.at);
        first.is_some_and(|at| Timestamp::now().duration_since(at).unsigned_abs() > keep.age)
    };
    // The oldest tells whether any other can be too old.
    if surplus == 0 && !runs.first().is_some_and(|run| too_old(*run)) {
        return;
    }
    let applied = |run: &&RunId| {
        journal::outcome(&journal::read(&state.run_folder(**run))) == Some(Outcome::Applied)
    };
    let last_good = runs.iter().rev().find(applied).copied();
    for (index, run) in runs.iter().enumerate() {
        let open = journal::outcome(&journal::read(&state.run_folder(*run))).is_none();
        if Some(*run) == last_good || open || !(index < surplus || too_old(*run)) {
            continue;
        }
        remove(place, &state.run_folder(*run)).await;
    }
}

async fn remove(place: &Place, folder: &Path) {
    if let Some(checkpoint) = Checkpoint::read(folder)
        && checkpoint::release(&place.docker, &checkpoint)
            .await
            .is_err()
    {
        // Kept until the engine lets them go.
        return;
    }
    let _ = std::fs::remove_dir_all(folder);
}

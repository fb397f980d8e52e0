//! What it takes to undo runs, and how long they are kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;

use super::checkout::SavedCheckout;
use super::checkpoint::{self, Checkpoint};
use super::in_force::InForce;
use super::saved_file::{self, SavedFile};
use crate::assessment::PinnedImage;
use crate::assessment::edited::Edited;
use crate::assessment::key_diff::describe;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::{Outcome, RunId};
use crate::stack::Place;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::runs::{self, Record};

/// What undoes some runs.
#[derive(Debug)]
pub(crate) struct Undo {
    /// The files as they are to be again.
    pub edited: Edited,
    /// The images that services are to run again.
    pub images: Vec<PinnedImage>,
    /// The move of the checkout back to where it was, if one of them moved it.
    pub moving: Option<Moving>,
    /// The runs that are undone.
    pub runs: Vec<RunId>,
    /// Those among them whose change is there now.
    pub told: Vec<RunId>,
    /// The change before them, for whoever wants to go further back.
    pub further: Option<RunId>,
    /// The networks that there were before them.
    pub networks: Vec<String>,
    /// The volumes that there were before them.
    pub volumes: Vec<String>,
}

/// What it takes to go back to before `target`, or before the last run.
///
/// # Errors
/// There is no such run, something that has to be known of it cannot be read, its checkpoint is gone, or
/// files were edited since (`edited`), or the checkout is at another commit by now (`git_moved`).
pub(crate) async fn undo(
    place: &Place,
    state: &StackState,
    target: Option<RunId>,
    allow_edited: bool,
) -> Result<Undo, Complaint> {
    let (in_force, runs) = to_undo(state, target)?;
    let mut oldest: BTreeMap<PathBuf, (PathBuf, SavedFile)> = BTreeMap::new();
    let mut newest: BTreeMap<PathBuf, (RunId, SavedFile)> = BTreeMap::new();
    // Texts that a later run found and kept, and that go with this one.
    let mut edited_since: BTreeMap<PathBuf, RunId> = BTreeMap::new();
    let mut images: Vec<PinnedImage> = Vec::new();
    let mut checkout: Option<SavedCheckout> = None;
    let mut before = None;
    for run in &runs {
        let folder = state.run_folder(*run);
        let Some(checkpoint) = Checkpoint::read(&folder)? else {
            let text = format!("the checkpoint of run {run} is gone, it cannot be undone");
            let path = checkpoint::path(&folder).display().to_string();
            return Err(Complaint::new(Code::CheckpointGone, text).details(&path));
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
            if let Some((earlier, known)) = newest.get(&file.path)
                && !file.before.is_same_text(&known.after)
            {
                edited_since.insert(file.path.clone(), *earlier);
            }
            newest.insert(file.path.clone(), (*run, file.clone()));
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
    for path in saved_file::edited_since(newest.values().map(|(_, file)| file))? {
        let (run, _) = newest[&path];
        edited_since.insert(path, run);
    }
    if !edited_since.is_empty() && !allow_edited {
        let names = edited_since.iter();
        let names =
            names.map(|(path, run)| format!("{} was edited since run {run}", place.shown(path)));
        let text = names.collect::<Vec<_>>().join(", ");
        return Err(Complaint::new(Code::Edited, text)
            .hint("--allow edited replaces it; the present text is kept, and told where"));
    }
    let moving = match &checkout {
        Some(checkout) => Some(checkout.way_back(&place.scratch).await?),
        None => None,
    };
    let mut edited = Edited::default();
    let mut moved: Vec<FileEdit> = moving.iter().flat_map(Moving::file_edits).collect();
    moved.retain(|edit| {
        let saved = oldest.get(&edit.path);
        saved.is_none_or(|(_, file)| file.is_link_only())
    });
    edited.files = moved;
    for (path, (folder, file)) in oldest {
        // What only git can put back, git puts back.
        if file.is_link_only() {
            continue;
        }
        let before = Side::read(&path).known();
        let before = before.map_err(|why| Complaint::new(Code::Io, why))?;
        let after = file.before.read(&folder)?;
        if let Side::Unknown(why) = &after {
            let file = place.shown(&path);
            let text = format!("{file} stays as it is: its earlier text is not known ({why})");
            edited.notes.push(text);
            continue;
        }
        let after = match after {
            Side::Text(text) if before == Side::Absent => Side::Text(text),
            Side::Text(text) => Side::new(text.bytes, &before),
            Side::Absent | Side::Unknown(_) => after,
        };
        if edited_since.contains_key(&path) {
            edited.replaced.push(path.clone());
        }
        edited.files.push(FileEdit {
            path,
            before,
            after,
            origin: match (&moving, file.origin) {
                // git has moved it back by the time that it is written.
                (Some(_), Origin::Upstream) => Origin::Upstream,
                _ => Origin::Refit,
            },
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
        told: in_force.told(&runs),
        further: in_force.further_back(&runs, state),
        runs,
        networks,
        volumes,
    })
}

/// The runs that left their change in place, and those of them from `target` on. All of these must be
/// known: a run that cannot be read may have changed anything.
fn to_undo(state: &StackState, target: Option<RunId>) -> Result<(InForce, Vec<RunId>), Complaint> {
    let all = runs::all(state)?;
    let in_force = InForce::of(&all.known);
    let from = target.or_else(|| in_force.last_change(state));
    let unreadable = all.unreadable.iter().map(|(run, error)| (*run, error));
    let half = all.known.iter().filter(|record| record.outcome.is_none());
    let half = half.filter_map(|record| Some((record.run, record.damaged.first()?)));
    let mut unknown: Vec<(RunId, &StateError)> = unreadable.chain(half).collect();
    unknown.retain(|(run, _)| from.is_none_or(|from| *run >= from));
    if let Some((run, error)) = unknown.first() {
        let text = format!("run {run} cannot be read, so it is not known what it left in place");
        return Err(Complaint::new(Code::StateDamaged, text)
            .details(&error.to_string())
            .hint("refit history lists the runs that are known"));
    }
    let Some(from) = from.filter(|_| !in_force.is_empty()) else {
        return Err(nothing_left(&in_force));
    };
    let runs = in_force.since(from);
    let numbers = state.runs()?;
    let refused = |text: String, hint: String| Err(Complaint::new(Code::NoRun, text).hint(hint));
    if !numbers.contains(&from) {
        let last = numbers.last().map(|last| format!("; the last is {last}"));
        let text = format!("there is no run {from}{}", last.unwrap_or_default());
        return refused(text, "refit history lists the runs".to_owned());
    }
    if in_force.told(&runs).is_empty() {
        return match in_force.undone_by(from) {
            Some(by) => refused(
                format!("run {from} is undone already, by run {by}"),
                format!("to have it back: refit rollback {by}"),
            ),
            None => refused(
                format!("no run from {from} on left a change"),
                "refit history lists the runs".to_owned(),
            ),
        };
    }
    Ok((in_force, runs))
}

/// Every run is undone, or none was ever applied.
fn nothing_left(in_force: &InForce) -> Complaint {
    match in_force.last_rollback() {
        Some(last) => Complaint::new(Code::NoRun, "every run of this stack is undone already")
            .hint(format!("to have the last one back: refit rollback {last}")),
        None => Complaint::new(Code::NoRun, "there is no run to undo on this stack")
            .hint("refit set, edit, apply and the like make one"),
    }
}

/// Removes old runs, and the names that kept their images; never the newest one that was applied, and
/// none that cannot be read.
///
/// # Errors
/// The runs cannot be listed, or one not be removed.
pub(crate) async fn prune(place: &Place, state: &StackState) -> Result<(), Complaint> {
    let keep = &place.settings.keep;
    let runs = state.runs()?;
    let surplus = runs.len().saturating_sub(keep.runs);
    let too_old = |record: &Record| {
        let age = Timestamp::now().duration_since(record.began);
        age.unsigned_abs() > keep.age
    };
    let oldest = match runs.first() {
        Some(run) => Record::read(state, *run).ok().flatten(),
        None => return Ok(()),
    };
    // The oldest tells whether any other can be too old.
    if surplus == 0 && !oldest.as_ref().is_some_and(too_old) {
        return Ok(());
    }
    let all = runs::all(state)?.known;
    let is_good = |record: &&Record| record.outcome == Some(Outcome::Applied);
    let last_good = all.iter().rev().find(is_good).map(|record| record.run);
    for record in &all {
        let index = runs.iter().position(|run| *run == record.run);
        let is_surplus = index.is_some_and(|index| index < surplus);
        if Some(record.run) == last_good
            || record.outcome.is_none()
            || !(is_surplus || too_old(record))
        {
            continue;
        }
        remove(place, &state.run_folder(record.run)).await?;
    }
    Ok(())
}

async fn remove(place: &Place, folder: &Path) -> Result<(), Complaint> {
    // What cannot be read keeps what it names.
    if let Some(checkpoint) = Checkpoint::read(folder)? {
        checkpoint::release(&place.docker, &checkpoint).await?;
    }
    std::fs::remove_dir_all(folder)
        .with_context(|| format!("cannot remove {}", folder.display()))
        .map_err(Complaint::from)
}

//! What it takes to undo runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::checkout::SavedCheckout;
use super::checkpoint::{self, Checkpoint};
use super::in_force::InForce;
use super::retention::{KeptRuns, is_dropped_next};
use super::saved_file::{self, SavedFile};
use crate::assessment::PinnedImage;
use crate::assessment::edited::Edited;
use crate::assessment::key_diff::describe;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::{RunId, ServiceName};
use crate::stack::Place;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::stack::snapshot::EngineSide;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::journal;
use crate::state::runs::{self, Record, Runs};

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
    /// Those that were undone, and are in force again.
    pub again: Vec<RunId>,
    /// Services whose containers never had what goes.
    pub never_had: BTreeSet<ServiceName>,
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
    let Wanted {
        in_force,
        runs,
        because,
        records,
    } = to_undo(place, state, target)?;
    let saved = Saved::of(state, &runs, &records)?;
    let edited_since = saved.edited_since()?;
    if !edited_since.is_empty() && !allow_edited {
        return Err(was_edited(place, &edited_since));
    }
    let moving = match &saved.checkout {
        Some(checkout) => Some(checkout.way_back(&place.scratch).await?),
        None => None,
    };
    let mut edited = saved.edits(place, moving.as_ref(), &edited_since)?;
    edited.notes.extend(because);
    if let Some(moving) = &moving {
        edited.changes.push(moving.described());
    }
    for edit in &edited.files {
        if moving.is_none() || place.is_config(&edit.path) {
            describe(place, edit, &mut edited.changes);
        }
    }
    let before = saved.before.as_ref();
    Ok(Undo {
        edited,
        moving,
        told: in_force.told(&runs),
        again: in_force.again(&runs),
        further: in_force
            .further_back(&runs, state)
            .filter(|run| !is_dropped_next(place, state, *run)),
        never_had: saved.never_had(place).await?,
        networks: before.map(EngineSide::own_networks).unwrap_or_default(),
        volumes: before.map(EngineSide::own_volumes).unwrap_or_default(),
        images: saved.images,
        runs,
    })
}

/// What the checkpoints of some runs hold together.
#[derive(Default)]
struct Saved {
    /// Each file as the first of them found it, and the folder of that run.
    oldest: BTreeMap<PathBuf, (PathBuf, SavedFile)>,
    /// Each file as the last of them left it, and that run.
    newest: BTreeMap<PathBuf, (RunId, SavedFile)>,
    /// Texts that a later run found and kept, and that go with this one.
    edited_between: BTreeMap<PathBuf, RunId>,
    images: Vec<PinnedImage>,
    checkout: Option<SavedCheckout>,
    /// What the engine had before the first of them.
    before: Option<EngineSide>,
    /// The services whose containers one of them touched.
    touched: BTreeSet<ServiceName>,
}

impl Saved {
    fn of(state: &StackState, runs: &[RunId], records: &[Record]) -> Result<Self, Complaint> {
        let mut saved = Self::default();
        for run in runs {
            let folder = state.run_folder(*run);
            let Some(checkpoint) = Checkpoint::read(&folder)? else {
                let text = format!("the checkpoint of run {run} is gone, it cannot be undone");
                let path = checkpoint::path(&folder).display().to_string();
                return Err(Complaint::new(Code::CheckpointGone, text).details(&path));
            };
            let record = records.iter().find(|record| record.run == *run);
            if let Some(record) = record {
                saved
                    .touched
                    .extend(journal::touched(&record.lines).into_keys());
            }
            // One that failed may have given its files back before it could not go on.
            let is_restored = record.is_some_and(|record| record.files_restored);
            saved.take(*run, &folder, checkpoint, is_restored);
        }
        Ok(saved)
    }

    fn take(&mut self, run: RunId, folder: &Path, checkpoint: Checkpoint, is_restored: bool) {
        self.checkout = match (self.checkout.take(), checkpoint.checkout) {
            // From where the last one left it to where the first one found it.
            (Some(first), Some(last)) => Some(SavedCheckout {
                moved_to: last.moved_to,
                tree: last.tree,
                ..first
            }),
            (first, last) => first.or(last),
        };
        self.before.get_or_insert(checkpoint.engine);
        for file in checkpoint.files {
            if let Some((earlier, known)) = self.newest.get(&file.path)
                && !file.found().is_same_text(&known.after)
            {
                self.edited_between.insert(file.path.clone(), *earlier);
            }
            let left = match is_restored {
                true => file.clone().given_back(),
                false => file.clone(),
            };
            self.newest.insert(file.path.clone(), (run, left));
            self.oldest
                .entry(file.path.clone())
                .or_insert((folder.to_owned(), file));
        }
        for image in checkpoint.images {
            if self
                .images
                .iter()
                .all(|known| known.service != image.service)
            {
                self.images.push(image);
            }
        }
    }

    /// The files that hold, or held between these runs, what none of them wrote.
    fn edited_since(&self) -> Result<BTreeMap<PathBuf, RunId>, Complaint> {
        let mut edited = self.edited_between.clone();
        let left = self.newest.values().map(|(_, file)| file);
        for path in saved_file::edited_since(left)? {
            let (run, _) = self.newest[&path];
            edited.insert(path, run);
        }
        Ok(edited)
    }

    /// The files as they are to be again.
    fn edits(
        &self,
        place: &Place,
        moving: Option<&Moving>,
        edited_since: &BTreeMap<PathBuf, RunId>,
    ) -> Result<Edited, Complaint> {
        let mut edited = Edited::default();
        let mut moved: Vec<FileEdit> = moving.into_iter().flat_map(Moving::file_edits).collect();
        moved.retain(|edit| {
            let saved = self.oldest.get(&edit.path);
            saved.is_none_or(|(_, file)| file.is_link_only())
        });
        edited.files = moved;
        for (path, (folder, file)) in &self.oldest {
            // What only git can put back, git puts back.
            if file.is_link_only() {
                continue;
            }
            let before = Side::read(path).known();
            let before = before.map_err(|why| Complaint::new(Code::Io, why))?;
            let after = file.before.read(folder)?;
            if let Side::Unknown(why) = &after {
                let file = place.shown(path);
                let text = format!("{file} stays as it is: its earlier text is not known ({why})");
                edited.notes.push(text);
                continue;
            }
            let after = match after {
                Side::Text(text) if before == Side::Absent => Side::Text(text),
                Side::Text(text) => Side::new(text.bytes, &before),
                Side::Absent | Side::Unknown(_) => after,
            };
            if edited_since.contains_key(path) {
                edited.replaced.push(path.clone());
            }
            edited.files.push(FileEdit {
                path: path.clone(),
                before,
                after,
                origin: match (moving, file.origin) {
                    // git has moved it back by the time that it is written.
                    (Some(_), Origin::Upstream) => Origin::Upstream,
                    _ => Origin::Refit,
                },
            });
        }
        Ok(edited)
    }

    /// The services whose containers are those from before these runs: what goes was never in them.
    async fn never_had(&self, place: &Place) -> Result<BTreeSet<ServiceName>, Complaint> {
        let Some(before) = &self.before else {
            return Ok(BTreeSet::new());
        };
        let now = EngineSide::look(&place.docker, &before.project, BTreeSet::new(), None).await?;
        let mut services: BTreeSet<ServiceName> = now.services().into_iter().cloned().collect();
        services
            .retain(|service| !self.touched.contains(service) && now.is_as_left(before, service));
        Ok(services)
    }
}

fn was_edited(place: &Place, edited_since: &BTreeMap<PathBuf, RunId>) -> Complaint {
    let is_gone = |path: &Path| !path.exists() && !path.is_symlink();
    let names = edited_since.iter().map(|(path, run)| {
        let what = match is_gone(path) {
            true => "removed",
            false => "edited",
        };
        format!("{} was {what} since run {run}", place.shown(path))
    });
    let text = names.collect::<Vec<_>>().join(", ");
    let hint = match edited_since.keys().all(|path| is_gone(path)) {
        true => "--allow edited brings it back as it was before that run",
        false => "--allow edited replaces it; the present text is kept, and told where",
    };
    Complaint::new(Code::Edited, text).hint(hint)
}

/// What a rollback is to undo.
struct Wanted {
    in_force: InForce,
    /// They, the oldest first.
    runs: Vec<RunId>,
    /// Why they are more than the last change, or what else the person should know of them.
    because: Vec<String>,
    records: Vec<Record>,
}

/// The runs that left their change in place, and those of them from `target` on. All of these must be
/// known: a run that cannot be read may have changed anything.
fn to_undo(place: &Place, state: &StackState, target: Option<RunId>) -> Result<Wanted, Complaint> {
    let all = runs::all(state)?;
    let in_force = InForce::of(&all.known);
    let (from, because) = match target {
        Some(run) => (Some(run), in_force.warnings(run, state)),
        None => match in_force.last_change(state) {
            Some(last) => (Some(last.from), last.because),
            None => (None, Vec::new()),
        },
    };
    known_from(&all, from)?;
    let kept = KeptRuns::of(place, state)?;
    if let Some(run) = target.filter(|run| kept.has_dropped(*run)) {
        return Err(kept.dropped(run));
    }
    let Some(from) = from.filter(|_| !in_force.is_empty()) else {
        return Err(kept.nothing_left(&in_force));
    };
    let runs = in_force.since(from);
    let refused = |text: String, hint: String| Err(Complaint::new(Code::NoRun, text).hint(hint));
    if !kept.numbers.contains(&from) {
        let last = kept.numbers.last();
        let last = last.map(|last| format!("; the last is {last}"));
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
    Ok(Wanted {
        in_force,
        runs,
        because,
        records: all.known,
    })
}

/// Every run from one on can be read.
fn known_from(all: &Runs, from: Option<RunId>) -> Result<(), Complaint> {
    let unreadable = all.unreadable.iter().map(|(run, error)| (*run, error));
    let half = all.known.iter().filter(|record| record.outcome.is_none());
    let half = half.filter_map(|record| Some((record.run, record.damaged.first()?)));
    let mut unknown: Vec<(RunId, &StateError)> = unreadable.chain(half).collect();
    unknown.retain(|(run, _)| from.is_none_or(|from| *run >= from));
    match unknown.first() {
        None => Ok(()),
        Some((run, error)) => {
            let text =
                format!("run {run} cannot be read, so it is not known what it left in place");
            Err(Complaint::new(Code::StateDamaged, text)
                .details(&error.to_string())
                .hint("refit history lists the runs that are known"))
        }
    }
}

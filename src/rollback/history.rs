//! What it takes to undo runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::in_force::{InForce, named};
use super::projects::{self, OwnRuns};
use super::retention::{KeptRuns, is_dropped_next};
use super::saved_runs::Saved;
use super::shared_files::{self, RunElsewhere};
use crate::assessment::PinnedImage;
use crate::assessment::edited::Edited;
use crate::assessment::key_diff::describe;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::{Outcome, RunId, ServiceName};
use crate::stack::Place;
use crate::stack::side::FileEdit;
use crate::stack::snapshot::EngineSide;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::runs::{self, Record, Runs};
use crate::text::shell_word;

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
    /// Files that do not hold what the last of these left: they were edited since.
    pub again_edited: Vec<String>,
    /// Services whose containers never had what goes.
    pub never_had: BTreeSet<ServiceName>,
    /// Services that somebody had stopped before them.
    pub stopped: BTreeSet<ServiceName>,
    /// The change before them, for whoever wants to go further back.
    pub further: Option<RunId>,
    /// How many containers each service had before them.
    pub containers: BTreeMap<ServiceName, usize>,
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
        past,
    } = to_undo(place, state, target).await?;
    let saved = Saved::of(state, &runs, &past.own)?;
    let edited_since = saved.edited_since()?;
    if !edited_since.is_empty() && !allow_edited {
        return Err(was_edited(place, state, &past, &edited_since));
    }
    if !allow_edited {
        refuse_what_others_wrote(place, state, &saved)?;
    }
    if saved.checkout.is_none() {
        refuse_what_is_back(place, state, &saved, &runs)?;
    }
    let moving = match &saved.checkout {
        Some(checkout) => Some(checkout.way_back(&place.scratch).await?),
        None => None,
    };
    let mut edited = saved.edits(place, moving.as_ref(), &edited_since)?;
    edited.notes.extend(because);
    if !edited.is_noop() {
        edited.notes.extend(projects::told_others(place));
    }
    if let Some(moving) = &moving {
        edited.changes.push(moving.described());
    }
    for edit in &edited.files {
        if moving.is_none() || place.is_config(&edit.path) {
            describe(place, edit, &mut edited.changes);
        }
    }
    let before = saved.before.as_ref();
    let again = in_force.again(&runs);
    let further = in_force
        .further_back(&runs, state)
        .filter(|run| !is_dropped_next(place, state, *run))
        .filter(|run| can_be_undone(state, &in_force.since(*run), &past.own, &edited.files));
    Ok(Undo {
        again_edited: not_as_left(place, state, &again, &edited.files)?,
        edited,
        moving,
        told: in_force.told(&runs),
        again,
        further,
        never_had: saved.never_had(place).await?,
        containers: before.map(counted).unwrap_or_default(),
        stopped: before.map(EngineSide::stopped).unwrap_or_default(),
        networks: before.map(EngineSide::own_networks).unwrap_or_default(),
        volumes: before.map(EngineSide::own_volumes).unwrap_or_default(),
        images: saved.images,
        runs,
    })
}

fn counted(side: &EngineSide) -> BTreeMap<ServiceName, usize> {
    let services = side.services().into_iter();
    let counted = services.map(|name| (name.clone(), side.of_service(name).len()));
    counted.collect()
}

/// The files that some runs changed, and that will hold something else than the last of them left.
fn not_as_left(
    place: &Place,
    state: &StackState,
    runs: &[RunId],
    edits: &[FileEdit],
) -> Result<Vec<String>, Complaint> {
    let mut left = BTreeMap::new();
    for run in runs {
        let checkpoint = Checkpoint::read(&state.run_folder(*run))?;
        let files = checkpoint.into_iter().flat_map(|found| found.files);
        left.extend(files.map(|file| (file.path, file.after)));
    }
    let differs = |edit: &&FileEdit| {
        let left = left.get(&edit.path);
        left.is_some_and(|left| left.is_known() && !left.holds(&edit.after))
    };
    let differing = edits.iter().filter(differs);
    Ok(differing.map(|edit| place.shown(&edit.path)).collect())
}

/// Whether nothing stands against undoing some runs once these files are written: nobody has edited theirs.
fn can_be_undone(
    state: &StackState,
    runs: &[RunId],
    records: &[Record],
    edits: &[FileEdit],
) -> bool {
    let saved = Saved::of(state, runs, records);
    let edited = saved.and_then(|saved| saved.then(edits).edited_since());
    edited.is_ok_and(|edited| edited.is_empty())
}

/// What a stack of another folder wrote is undone there: its containers run with it.
fn refuse_what_others_wrote(
    place: &Place,
    state: &StackState,
    saved: &Saved,
) -> Result<(), Complaint> {
    let found = saved.found_in_place()?.into_iter();
    let written = found.filter_map(|path| Some((path, shared_files::writer(state, path)?)));
    let written: Vec<(&PathBuf, RunElsewhere)> = written.collect();
    let Some((_, by)) = written.first() else {
        return Ok(());
    };
    let names: Vec<String> = written.iter().map(|(path, _)| place.shown(path)).collect();
    let was = if names.len() == 1 { "was" } else { "were" };
    let text = format!(
        "{} {was} written by {}",
        names.join(", "),
        told_elsewhere(by)
    );
    let hint = format!(
        "refit -C {} rollback undoes it there, and refit apply puts that in force here; --allow edited \
         replaces it for both",
        shell_word(&by.directory.to_string_lossy())
    );
    Err(Complaint::new(Code::Edited, text).hint(hint))
}

/// Where every file is as before the runs already, there is none to undo: containers are another matter.
fn refuse_what_is_back(
    place: &Place,
    state: &StackState,
    saved: &Saved,
    runs: &[RunId],
) -> Result<(), Complaint> {
    let back = saved.all_as_before()?;
    let Some(first) = back.first() else {
        return Ok(());
    };
    let by = match shared_files::writer(state, first) {
        Some(by) => told_elsewhere(&by),
        None => "somebody".to_owned(),
    };
    let names: Vec<String> = back.iter().map(|path| place.shown(path)).collect();
    let text = format!(
        "{} already as before {}: {by} has put that back",
        match names.as_slice() {
            [one] => format!("{one} is"),
            all => format!("{} are", all.join(", ")),
        },
        named(runs)
    );
    Err(Complaint::new(Code::Edited, text).hint("refit apply puts in force what is there"))
}

fn told_elsewhere(by: &RunElsewhere) -> String {
    format!(
        "run {} of the project {} in {}",
        by.run,
        by.project,
        by.directory.display()
    )
}

fn was_edited(
    place: &Place,
    state: &StackState,
    past: &OwnRuns,
    edited_since: &BTreeMap<PathBuf, RunId>,
) -> Complaint {
    let mut of_others = false;
    let is_gone = |path: &Path| !path.exists() && !path.is_symlink();
    let names = edited_since.iter().map(|(path, run)| {
        if let Some((by, project)) = past.writer(state, path) {
            of_others = true;
            let file = place.shown(path);
            return format!(
                "{file} was written since run {run}, by run {by} of the project {project}"
            );
        }
        let what = match is_gone(path) {
            true => "removed",
            false => "edited",
        };
        format!("{} was {what} since run {run}", place.shown(path))
    });
    let text = names.collect::<Vec<_>>().join(", ");
    if of_others {
        let hint =
            "refit apply takes what is there now; --allow edited replaces it for all projects";
        return Complaint::new(Code::Edited, text).hint(hint);
    }
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
    past: OwnRuns,
}

/// The runs that left their change in place, and those of them from `target` on. All of these must be
/// known: a run that cannot be read may have changed anything.
async fn to_undo(
    place: &Place,
    state: &StackState,
    target: Option<RunId>,
) -> Result<Wanted, Complaint> {
    let mut all = runs::all(state)?;
    let past = OwnRuns::of(place, std::mem::take(&mut all.known)).await?;
    let in_force = InForce::of(&past.own);
    if let Some(run) = target {
        past.is_own(run)?;
    }
    let (from, because) = match target {
        Some(run) => (Some(run), in_force.warnings(run, state)),
        None => match (in_force.last_change(state), came_to_no_end(&past.own)) {
            (Some(last), Some((record, from))) if last.from != from => {
                let (by, aim) = (record.run, named(&record.undoes));
                let text = format!("run {by} was to undo {aim}, and was cut off: that is done now");
                (Some(from), vec![text])
            }
            (Some(last), _) => (Some(last.from), last.because),
            (None, _) => (None, Vec::new()),
        },
    };
    known_from(&all, &past.own, from)?;
    let kept = KeptRuns::of(place, state)?;
    if let Some(run) = target.filter(|run| kept.has_dropped(*run)) {
        return Err(kept.dropped(run));
    }
    if target.is_none()
        && in_force.newest_change(state).is_none()
        && let Some(complaint) = past.written_by_others(state)
    {
        return Err(complaint);
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
        past,
    })
}

/// The newest run and the one from which on it was to undo, where it is a rollback that was cut off.
fn came_to_no_end(records: &[Record]) -> Option<(&Record, RunId)> {
    let record = records.last()?;
    let is_cut_off = match record.outcome? {
        Outcome::RolledBack => record.code.as_deref() == Some(Code::CutOff.word()),
        // Why a run that went no further failed, it says.
        Outcome::FailedBefore => record.code.is_none(),
        Outcome::Applied
        | Outcome::NotProven
        | Outcome::NothingToDo
        | Outcome::Refused
        | Outcome::RollbackFailed => false,
    };
    let from = record.undoes.first().filter(|_| is_cut_off)?;
    Some((record, *from))
}

/// Every run from one on can be read.
fn known_from(all: &Runs, own: &[Record], from: Option<RunId>) -> Result<(), Complaint> {
    let unreadable = all.unreadable.iter().map(|(run, error)| (*run, error));
    let half = own.iter().filter(|record| record.outcome.is_none());
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

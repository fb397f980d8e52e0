//! How long runs are kept, and what is said of one that is not.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;

use super::checkpoint::{self, Checkpoint};
use super::in_force::InForce;
use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::event::{Outcome, RunId};
use crate::stack::Place;
use crate::state::StackState;
use crate::state::runs::{self, Record};

/// Which runs are there still.
pub(super) struct KeptRuns<'a> {
    place: &'a Place,
    pub(super) numbers: Vec<RunId>,
}

impl<'a> KeptRuns<'a> {
    pub(super) fn of(place: &'a Place, state: &StackState) -> Result<Self, Complaint> {
        Ok(Self {
            place,
            numbers: state.runs()?,
        })
    }

    /// Numbers are given one after the other: what is below the first that is there was there.
    pub(super) fn has_dropped(&self, run: RunId) -> bool {
        run.0 > 0 && self.numbers.first().is_some_and(|first| run < *first)
    }

    pub(super) fn dropped(&self, run: RunId) -> Complaint {
        let (keep, first) = (&self.place.settings.keep, self.numbers.first());
        let days = keep.age.as_secs() / 86_400;
        let text = format!(
            "run {run} is no longer kept: refit keeps {} runs, for {days} days",
            keep.runs
        );
        let first = first.map_or_else(|| "no run".to_owned(), |first| format!("run {first}"));
        Complaint::new(Code::NoRun, text).hint(format!(
            "{first} is the oldest that is; keep: in refit.yaml keeps more"
        ))
    }

    /// Every run is undone, or none was ever applied.
    pub(super) fn nothing_left(&self, in_force: &InForce) -> Complaint {
        let some_dropped = self.has_dropped(RunId(1));
        match in_force.last_rollback() {
            Some(last) => {
                let text = match some_dropped {
                    true => "every run that is still kept is undone already",
                    false => "every run of this stack is undone already",
                };
                let hint = format!("to have the last one back: refit rollback {last}");
                Complaint::new(Code::NoRun, text).hint(hint)
            }
            None => Complaint::new(Code::NoRun, "there is no run to undo on this stack")
                .hint("refit set, edit, apply and the like make one"),
        }
    }
}

/// Whether a run goes once one more is there.
pub(super) fn is_dropped_next(place: &Place, state: &StackState, run: RunId) -> bool {
    let Ok(runs) = state.runs() else { return false };
    let surplus = (runs.len() + 1).saturating_sub(place.settings.keep.runs);
    runs.iter().take(surplus).any(|dropped| *dropped == run)
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
        let folder = state.run_folder(record.run);
        // What cannot be read keeps what it names.
        let checkpoint = Checkpoint::read(&folder)?;
        remove(&place.docker, &folder, checkpoint.as_ref()).await?;
    }
    Ok(())
}

/// Removes a run, and what it keeps.
pub(super) async fn remove(
    docker: &Docker,
    folder: &Path,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), Complaint> {
    if let Some(checkpoint) = checkpoint {
        checkpoint::release(docker, checkpoint).await?;
    }
    std::fs::remove_dir_all(folder)
        .with_context(|| format!("cannot remove {}", folder.display()))
        .map_err(Complaint::from)
}

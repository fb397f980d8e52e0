//! Several projects that run from one folder: they share its files and its runs, and each has containers
//! of its own. A rollback undoes runs of its own project alone.

use std::collections::BTreeSet;
use std::path::Path;

use super::baseline;
use super::in_force::InForce;
use crate::complaint::{Code, Complaint};
use crate::docker::container::label;
use crate::event::RunId;
use crate::host::files;
use crate::stack::side::Side;
use crate::stack::{Place, resolve_model, unreadable};
use crate::state::StackState;
use crate::state::runs::Record;

/// The runs of a folder, told apart by their projects.
pub(super) struct OwnRuns {
    /// The project that is meant; none where the folder has runs of one alone.
    project: Option<String>,
    /// Its runs, and those of which nobody knows whose they are; the oldest first.
    pub(super) own: Vec<Record>,
    /// The others.
    others: Vec<Record>,
}

impl OwnRuns {
    /// # Errors
    /// Compose cannot say which project is meant.
    pub(super) async fn of(place: &Place, records: Vec<Record>) -> Result<Self, Complaint> {
        let known = records.iter().filter_map(|record| record.project.as_ref());
        let known: BTreeSet<&String> = known.collect();
        let project = match (&place.located.args.name, known.len()) {
            (Some(name), _) => Some(name.clone()),
            (None, 0 | 1) => None,
            (None, _) => {
                let resolved = resolve_model(&place.compose, &place.located).await;
                Some(resolved.map_err(unreadable)?.model.name)
            }
        };
        let is_other = |record: &Record| match (&project, &record.project) {
            (Some(own), Some(its)) => own != its,
            (None, _) | (_, None) => false,
        };
        let (others, own) = records.into_iter().partition(is_other);
        Ok(Self {
            project,
            own,
            others,
        })
    }

    /// Says so where a run that was named is another project's.
    pub(super) fn is_own(&self, run: RunId) -> Result<(), Complaint> {
        let other = self.others.iter().find(|record| record.run == run);
        match other.and_then(|record| record.project.as_ref()) {
            None => Ok(()),
            Some(project) => {
                let text = format!("run {run} is of the project {project}");
                let hint = format!("to undo it there: refit -p {project} rollback {run}");
                Err(Complaint::new(Code::NoRun, text).hint(hint))
            }
        }
    }

    /// Why there is nothing to undo for this project, where a run of another one wrote the files.
    pub(super) fn written_by_others(&self, state: &StackState) -> Option<Complaint> {
        let own = self.project.as_ref()?;
        let run = InForce::of(&self.others).newest_change(state)?;
        let record = self.others.iter().find(|record| record.run == run)?;
        let project = record.project.as_ref()?;
        let text = format!(
            "no run of the project {own} left a change of the files: run {run} of the project {project} \
             was the last that did"
        );
        let hint = format!(
            "refit -p {project} rollback undoes it there; refit -p {own} apply then takes the files here"
        );
        Some(Complaint::new(Code::NoRun, text).hint(hint))
    }

    /// The run of another project that wrote what a file holds now.
    pub(super) fn writer(&self, state: &StackState, path: &Path) -> Option<(RunId, &str)> {
        let run = baseline::written_by(state, path, &Side::read(path))?;
        let record = self.others.iter().find(|record| record.run == run)?;
        Some((run, record.project.as_deref()?))
    }
}

/// What is said of the other projects whose containers run from the same folder.
pub(super) fn told_others(place: &Place) -> Option<String> {
    let own = place.located.args.name.as_ref()?;
    let folder = files::follow(&place.located.args.directory);
    let here = place.containers.iter().filter(|one| {
        let its = one.labels.get(label::WORKING_DIR);
        one.project != *own && its.is_some_and(|its| files::follow(Path::new(its)) == folder)
    });
    let others: BTreeSet<&str> = here.map(|one| one.project.as_str()).collect();
    let others: Vec<&str> = others.into_iter().collect();
    let names = others.join(", ");
    match others.as_slice() {
        [] => None,
        [one] => Some(format!(
            "{one} runs from this folder too, and is not touched: what it takes from these files it has as \
             before, until refit -p {one} apply"
        )),
        _ => Some(format!(
            "{names} run from this folder too, and are not touched: what they take from these files they have \
             as before, until refit -p NAME apply"
        )),
    }
}

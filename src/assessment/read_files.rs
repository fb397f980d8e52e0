//! Files that containers are made of and that a run only reads. What somebody types there between plan
//! and write is not what was planned, and what is typed later is nothing that old containers had.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::assessment::Assessment;
use crate::assessment::edited::Edited;
use crate::host::files;
use crate::stack::Place;
use crate::stack::side::Side;
use crate::stack::source::Source;
use crate::stack::variables::StackVariables;

/// Those of the stack's folder that the edits do not change. What lies elsewhere other stacks may use
/// as well; what cannot be read, Compose refuses.
pub(crate) fn of_stack(place: &Place, source: &Source, edited: &Edited) -> BTreeMap<PathBuf, Side> {
    let services = source.services.values();
    let mut paths: BTreeSet<PathBuf> = services
        .flat_map(|service| &service.env_files)
        .map(|entry| entry.path.clone())
        .collect();
    paths.extend(of_all(place));
    for edit in edited.changing() {
        paths.remove(&edit.path);
    }
    let directory = files::follow(&place.located.args.directory);
    paths.retain(|path| !path.is_dir() && files::follow(path).starts_with(&directory));
    let sides = paths.into_iter().map(|path| {
        let side = Side::read(&path);
        (path, side)
    });
    sides
        .filter(|(_, side)| !matches!(side, Side::Unknown(_)))
        .collect()
}

/// Those of them that reach a container which the run makes.
pub(crate) fn of_new_containers<'a>(
    place: &Place,
    assessment: &'a Assessment,
) -> impl Iterator<Item = (&'a PathBuf, &'a Side)> {
    let steps = assessment.plan.steps.iter();
    let services: Vec<_> = steps
        .filter(|step| step.action.makes_container())
        .map(|step| assessment.source.services.get(&step.service))
        .collect();
    let mut reaching: BTreeSet<PathBuf> = services
        .iter()
        .flatten()
        .flat_map(|service| &service.env_files)
        .map(|entry| entry.path.clone())
        .collect();
    if !services.is_empty() {
        reaching.extend(of_all(place));
    }
    let read = assessment.edited.read.iter();
    read.filter(move |(path, _)| reaching.contains(*path))
}

/// The env files of services.
pub(crate) fn env_files_of(source: &Source) -> impl Iterator<Item = PathBuf> + '_ {
    let services = source.services.values();
    services.flat_map(|service| service.env_files.iter().map(|entry| entry.path.clone()))
}

/// What Compose reads whichever service it is about.
pub(crate) fn of_all(place: &Place) -> impl Iterator<Item = PathBuf> {
    let located = &place.located;
    let variables = StackVariables::read(located, &[]);
    let besides: Vec<PathBuf> = variables.read_besides().cloned().collect();
    let files = located.args.files.iter().cloned();
    files
        .chain(besides)
        .chain(located.default_overrides())
        .chain(located.env_files())
}

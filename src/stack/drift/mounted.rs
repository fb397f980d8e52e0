//! What a process has at the place of a bind mount, beside what lies at its source now. A mount follows
//! what lay there at the start of the container, wherever that was moved, until it is started again.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::docker::container::{Container, Inspected, State};
use crate::event::{Action, Route, ServiceName};
use crate::host::{files, mounts};
use crate::stack::model::{Bind, Model};
use crate::stack::shown;

use super::difference::{Drift, drift};
use super::engine_state::EngineState;

/// What a process has, beside what lies at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeenMount {
    /// The same.
    Same,
    /// What lay there before; it is another one now.
    Before(MountedKind),
    /// What lay there before; there is nothing now.
    Gone(MountedKind),
    /// It cannot be seen.
    NotKnown,
}

/// What a process has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountedKind {
    File,
    EmptyFolder,
    Folder,
    NotKnown,
}

/// Looks at the container of this machine's engine.
pub(crate) fn of_bind(inspected: &Inspected, bind: &Bind) -> SeenMount {
    if inspected.state != State::Running {
        return SeenMount::NotKnown;
    }
    // A process that has no mount there is not the container's, but another one of that number.
    let Ok(Some(point)) = mounts::of_process(inspected.pid, &bind.target) else {
        return SeenMount::NotKnown;
    };
    let place = seen_by_process(inspected.pid, &bind.target);
    let inside = std::fs::metadata(&place);
    let here = match std::fs::metadata(&bind.source) {
        Ok(here) => here,
        Err(error) if error.kind() == ErrorKind::NotFound => return SeenMount::Gone(kind(&place)),
        Err(_) => return SeenMount::NotKnown,
    };
    match inside {
        Ok(inside) if (inside.dev(), inside.ino()) == (here.dev(), here.ino()) => SeenMount::Same,
        Ok(_) => SeenMount::Before(kind(&place)),
        Err(_) if point.is_deleted => SeenMount::Before(MountedKind::NotKnown),
        // Not permitted to look inside: by its path, which follows what was moved.
        Err(_) if is_below(&files::follow(&bind.source), &point.root) => SeenMount::Same,
        Err(_) => SeenMount::NotKnown,
    }
}

fn is_below(source: &Path, root: &Path) -> bool {
    source.ends_with(root.strip_prefix("/").unwrap_or(root))
}

fn kind(place: &Path) -> MountedKind {
    match std::fs::metadata(place) {
        Ok(found) if found.is_dir() => match std::fs::read_dir(place) {
            Ok(mut entries) => match entries.next() {
                Some(_) => MountedKind::Folder,
                None => MountedKind::EmptyFolder,
            },
            Err(_) => MountedKind::NotKnown,
        },
        Ok(_) => MountedKind::File,
        Err(_) => MountedKind::NotKnown,
    }
}

/// A path as a process of this host sees it.
pub(crate) fn seen_by_process(pid: i64, target: &Path) -> PathBuf {
    let below = target.strip_prefix("/").unwrap_or(target);
    PathBuf::from(format!("/proc/{pid}/root")).join(below)
}

/// Mounts of a service whose source is another one now, or gone, and those of which that is not known.
pub(super) fn of_service(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    directory: &Path,
    model: &Model,
) -> (Vec<Drift>, Vec<String>) {
    let (mut found, mut not_known) = (Vec::new(), Vec::new());
    let inspected: Vec<&Inspected> = own
        .iter()
        .filter_map(|container| seen.inspected.get(&container.id))
        .collect();
    let binds = model.services.get(name).map(|service| &service.binds);
    for bind in binds.into_iter().flatten() {
        // A container of another definition is told as such.
        let of_it = inspected.iter().filter(|one| {
            let mut mounts = one.mounts.iter();
            one.state == State::Running && mounts.any(|mount| mount.destination == bind.target)
        });
        let seen: Vec<SeenMount> = of_it.map(|one| of_bind(one, bind)).collect();
        let source = shown(directory, &bind.source);
        let is_gone = matches!(bind.source.try_exists(), Ok(false));
        match changed(&seen, is_gone) {
            Some(changed) => found.extend(told(name, bind, &source, changed)),
            None if seen.contains(&SeenMount::NotKnown) && bind.source.is_dir() => {
                not_known.push(format!(
                    "whether {name} sees the {source} that lies there now (refit restart {name})"
                ));
            }
            None => {}
        }
    }
    (found, not_known)
}

/// What differs of one that several containers may have. Of what is gone here that is known also where nobody
/// may look into the process.
fn changed(seen: &[SeenMount], is_gone: bool) -> Option<SeenMount> {
    let is_changed = |one: &&SeenMount| matches!(one, SeenMount::Before(_) | SeenMount::Gone(_));
    let unseen = || is_gone && seen.contains(&SeenMount::NotKnown);
    let told = seen.iter().find(is_changed).copied();
    told.or_else(|| unseen().then_some(SeenMount::Gone(MountedKind::NotKnown)))
}

fn told(name: &ServiceName, bind: &Bind, source: &str, mounted: SeenMount) -> Option<Drift> {
    let is_folder = bind.source.is_dir();
    let (action, text) = match mounted {
        SeenMount::Same | SeenMount::NotKnown => return None,
        SeenMount::Before(MountedKind::File) if is_folder => (
            Action::None,
            format!("{source}, which it mounts as a file, is a folder: it would not start again"),
        ),
        // A file is compared by what is in it.
        SeenMount::Before(_) if !is_folder => return None,
        SeenMount::Before(_) => (
            Action::Restart,
            format!("{source} is another folder than when it was started: it still has that one"),
        ),
        SeenMount::Gone(kind) => {
            let then = match kind {
                MountedKind::File => "it would not start again",
                MountedKind::EmptyFolder | MountedKind::Folder | MountedKind::NotKnown
                    if !bind.creates_source =>
                {
                    "it would not start again"
                }
                MountedKind::EmptyFolder | MountedKind::Folder | MountedKind::NotKnown => {
                    "it would start again with an empty folder"
                }
            };
            let text = format!("{source}, which it mounts, does not exist: {then}");
            (Action::None, text)
        }
    };
    let mut one = drift(name, action, Route::Bind, text);
    // What is mended is proven by what it sees, and not by a file.
    one.reason.file = (action == Action::None).then(|| source.to_owned());
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_told_by_whoever_may_not_look_inside_as_well() {
        let unseen = [SeenMount::NotKnown];
        let gone = Some(SeenMount::Gone(MountedKind::NotKnown));
        assert_eq!(changed(&unseen, true), gone);
        assert_eq!(changed(&unseen, false), None);
        // None of its containers mounts it.
        assert_eq!(changed(&[], true), None);
        let file = SeenMount::Gone(MountedKind::File);
        assert_eq!(changed(&[SeenMount::NotKnown, file], true), Some(file));
    }
}

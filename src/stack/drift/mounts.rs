//! Mounted files, beside what the processes have read of them.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::difference::{Drift, drift};
use super::engine_state::EngineState;
use super::mounted::{self, seen_by_process};
use crate::docker::container::{Container, Inspected, State};
use crate::event::{Action, Route, ServiceName};
use crate::host::files;
use crate::stack::locate::lexical;
use crate::stack::model::Model;
use crate::stack::{Place, application, routes, shown};

/// Largest mounted file that is compared by content.
const COMPARED_BYTES: u64 = 1 << 20;

/// So many entries of a mounted folder are looked at: more than anybody edits by hand.
const MOST_FILES: usize = 2_000;

/// A file of the host that a service sees.
struct MountedFile {
    route: Route,
    source: PathBuf,
    target: PathBuf,
}

/// What is known of a mounted file and the process that may have read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// It is as it was when the process was started.
    Fresh,
    /// Somebody has given it another content since.
    Stale,
    /// It was written to since, and it may have been by the container itself.
    ByItself,
}

/// What is known of who writes files, and who was told of them.
pub(super) struct Writers<'a> {
    directory: &'a Path,
    /// The files and folders that services read anew when they are told to.
    reloads: Vec<(&'a ServiceName, PathBuf)>,
    /// The files that a person writes, however they are mounted: env files, and those in which a known
    /// application has its settings.
    settings: BTreeSet<PathBuf>,
    /// When refit last told a service to read its files anew.
    reloaded: &'a BTreeMap<ServiceName, Timestamp>,
}

impl<'a> Writers<'a> {
    pub(super) fn of(
        place: &'a Place,
        model: &Model,
        reloaded: &'a BTreeMap<ServiceName, Timestamp>,
    ) -> Self {
        let directory = &place.located.args.directory;
        let known = application::of(directory, model, None).ok();
        let known = known.into_iter().flat_map(|known| {
            let names = known.profile.config_files.into_keys();
            names.map(|name| directory.join(name))
        });
        let all = place.located.env_files().into_iter().chain(known);
        let reloads = place.settings.services.iter().flat_map(|(name, settings)| {
            let told = settings.reload.iter().flat_map(|reload| &reload.files);
            told.map(move |file| (name, directory.join(file)))
        });
        Self {
            directory,
            reloads: reloads.map(|(name, path)| (name, lexical(&path))).collect(),
            settings: all.map(|file| files::follow(&file)).collect(),
            reloaded,
        }
    }

    /// The part of a mounted folder that a service reads anew when it is told to.
    fn reloaded_in(&self, name: &ServiceName, folder: &Path) -> Option<PathBuf> {
        let mut own = self.reloads.iter().filter(|(service, _)| *service == name);
        own.find_map(
            |(_, path)| match (path.starts_with(folder), folder.starts_with(path)) {
                (true, _) => Some(path.clone()),
                (false, true) => Some(folder.to_owned()),
                (false, false) => None,
            },
        )
    }

    /// Whether only a person can have written a file of the stack.
    fn is_persons(&self, source: &Path, seen: &EngineState) -> bool {
        let own = source.starts_with(self.directory);
        own && (!seen.writable(source) || self.settings.contains(&files::follow(source)))
    }
}

/// Mounted files that the process has not read in their present form, and those of which that is not
/// known.
pub(super) fn of_mounts(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    writers: &Writers<'_>,
    model: &Model,
) -> (Vec<Drift>, Vec<String>) {
    let (mut found, mut not_known) = (Vec::new(), Vec::new());
    for mounted in files_of(model, name) {
        let is_persons = writers.is_persons(&mounted.source, seen);
        if matches!(mounted.source.try_exists(), Ok(false)) {
            let file = shown(writers.directory, &mounted.source);
            let text = format!("{file}, which it mounts, does not exist: it would not start again");
            found.push(drift(name, Action::None, mounted.route, text));
            continue;
        }
        let is_there = |one: &&Container| {
            let mut mounts = one.mounts.iter();
            mounts.any(|mount| mount.destination == mounted.target)
        };
        // Compose's hash knows of mounts, and not of where configs and secrets come from.
        if matches!(mounted.route, Route::Config | Route::Secret) && !own.iter().all(is_there) {
            let file = shown(writers.directory, &mounted.source);
            let what = mounted.route.word();
            let text =
                format!("its {what} is not the file {file}, and docker compose up -d leaves it so");
            found.push(drift(name, Action::Recreate, mounted.route, text));
            continue;
        }
        let readings = own
            .iter()
            .filter_map(|container| seen.inspected.get(&container.id))
            .map(|inspected| {
                let since = inspected
                    .started_at
                    .max(writers.reloaded.get(name).copied());
                reading(&mounted, is_persons, inspected, since)
            });
        let readings: Vec<Reading> = readings.collect();
        let file = shown(writers.directory, &mounted.source);
        if readings.contains(&Reading::Stale) {
            let text = format!("{file} has changed since it was started");
            let mut one = drift(name, Action::Restart, mounted.route, text);
            one.reason.file = Some(file);
            found.push(one);
        } else if readings.contains(&Reading::ByItself) {
            not_known.push(format!(
                "whether {name} has read {file} since it was written to (refit restart {name})"
            ));
        }
    }
    let (changed, unclear) = mounted::of_service(name, own, seen, writers.directory, model);
    found.extend(changed);
    not_known.extend(unclear);
    let (stale, unclear) = of_folders(name, own, seen, writers, model);
    found.extend(stale);
    not_known.extend(unclear);
    (found, not_known)
}

/// Folders of the stack that a container only reads, with files that are newer than its start: whether it
/// reads them again by itself nobody can see. Where a person says that it is to be told, it was not.
fn of_folders(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    writers: &Writers<'_>,
    model: &Model,
) -> (Vec<Drift>, Vec<String>) {
    let (mut found, mut not_known) = (Vec::new(), Vec::new());
    let inspected = own.iter().filter_map(|one| seen.inspected.get(&one.id));
    let started = inspected.filter(|one| one.state == State::Running);
    let since = started.filter_map(|one| one.started_at).min();
    let since = since.max(writers.reloaded.get(name).copied());
    let binds = model
        .services
        .get(name)
        .map(|service| service.binds.as_slice());
    for bind in binds.unwrap_or_default() {
        let folder = &bind.source;
        if !folder.is_dir() || !folder.starts_with(writers.directory) {
            continue;
        }
        let told = writers.reloaded_in(name, folder);
        if told.is_none() && seen.writable(folder) {
            continue;
        }
        let Some(file) = newest_below(told.as_ref().unwrap_or(folder), &mut MOST_FILES.to_owned())
        else {
            continue;
        };
        let metadata = std::fs::metadata(&file);
        if !metadata.is_ok_and(|metadata| is_newer(&metadata, since)) {
            continue;
        }
        let file = shown(writers.directory, &file);
        if told.is_some() {
            let text = format!("{file} has changed since it was started");
            let mut one = drift(name, Action::Signal, Route::Bind, text);
            one.reason.file = Some(file);
            found.push(one);
        } else {
            not_known.push(format!(
                "whether {name} has read {file} since it was written to (refit restart {name})"
            ));
        }
    }
    (found, not_known)
}

/// The file below a folder that was written to last, among the first so many.
fn newest_below(folder: &Path, left: &mut usize) -> Option<PathBuf> {
    if folder.is_file() {
        return Some(folder.to_owned());
    }
    let mut newest: Option<(std::time::SystemTime, PathBuf)> = None;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let kind = entry.file_type().ok()?;
        let file = match kind.is_dir() {
            true => newest_below(&entry.path(), left),
            false => Some(entry.path()),
        };
        let modified = file
            .as_ref()
            .and_then(|file| file.metadata().ok()?.modified().ok());
        if let (Some(file), Some(modified)) = (file, modified)
            && newest.as_ref().is_none_or(|(at, _)| modified > *at)
        {
            newest = Some((modified, file));
        }
    }
    newest.map(|(_, file)| file)
}

fn files_of(model: &Model, name: &ServiceName) -> Vec<MountedFile> {
    let Some(service) = model.services.get(name) else {
        return Vec::new();
    };
    let binds = service.binds.iter().map(|bind| MountedFile {
        route: Route::Bind,
        source: bind.source.clone(),
        target: bind.target.clone(),
    });
    let granted = routes::granted_files(model, service).into_iter();
    let granted = granted.map(|granted| MountedFile {
        route: granted.route,
        source: granted.file,
        target: granted.target,
    });
    // A folder in its place, or nothing, is what `doctor` and a run look at.
    let binds = binds.filter(|mounted| mounted.source.is_file());
    let granted = granted.filter(|mounted| !mounted.source.is_dir());
    binds.chain(granted).collect()
}

/// Beside what the process read.
///
/// A file that is replaced is seen to differ through the process's own root (F1). One that is
/// written in place looks the same there; what only a person can have written is then known by its
/// time, any other one may be written by the service itself (a database, `acme.json`).
fn reading(
    mounted: &MountedFile,
    is_persons: bool,
    inspected: &Inspected,
    since: Option<Timestamp>,
) -> Reading {
    if inspected.state != State::Running {
        return Reading::Fresh;
    }
    let Ok(metadata) = std::fs::metadata(&mounted.source) else {
        return Reading::Fresh;
    };
    let by_time = || match (is_newer(&metadata, since), is_persons) {
        (true, true) => Reading::Stale,
        (true, false) => Reading::ByItself,
        (false, _) => Reading::Fresh,
    };
    if metadata.len() > COMPARED_BYTES {
        return by_time();
    }
    let inside = seen_by_process(inspected.pid, &mounted.target);
    let (Ok(here), Ok(there)) = (std::fs::read(&mounted.source), std::fs::read(&inside)) else {
        // Not permitted to look: the time is all that is known.
        return by_time();
    };
    if here != there {
        return Reading::Stale;
    }
    // A file that was replaced by an equal one: what the process read still holds.
    let same_file = std::fs::metadata(inside)
        .is_ok_and(|seen| (seen.dev(), seen.ino()) == (metadata.dev(), metadata.ino()));
    match same_file {
        true => by_time(),
        false => Reading::Fresh,
    }
}

fn is_newer(metadata: &std::fs::Metadata, since: Option<Timestamp>) -> bool {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| Timestamp::try_from(time).ok());
    matches!((modified, since), (Some(modified), Some(since)) if modified > since)
}

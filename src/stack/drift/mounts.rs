//! Mounted files, beside what the processes have read of them.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Drift, EngineState, drift};
use crate::docker::container::{Container, Inspected, State};
use crate::event::{Action, Route, ServiceName};
use crate::host::files;
use crate::stack::{Place, Resolved, shown};

/// Largest mounted file that is compared by content.
const COMPARED_BYTES: u64 = 1 << 20;

/// Mounted files that the process has not read in their present form.
pub(super) fn of_mounts(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    place: &Place,
    resolved: &Resolved,
) -> Vec<Drift> {
    let Some(service) = resolved.model.services.get(name) else {
        return Vec::new();
    };
    if !place.docker.endpoint.is_local() {
        return Vec::new();
    }
    let settings: BTreeSet<PathBuf> = place
        .located
        .env_files()
        .iter()
        .map(|file| files::follow(file))
        .collect();
    let mut found = Vec::new();
    for bind in service.binds.iter().filter(|bind| bind.source.is_file()) {
        let stale = own
            .iter()
            .filter_map(|c| seen.inspected.get(&c.id))
            .any(|inspected| {
                let is_setting = settings.contains(&files::follow(&bind.source));
                is_stale(&bind.source, &bind.target, is_setting, inspected)
            });
        if stale {
            let file = shown(&place.located.args.directory, &bind.source);
            let text = format!("{file} has changed since it was started");
            let mut one = drift(name, Action::Restart, Route::Bind, text);
            one.reason.file = Some(file);
            found.push(one);
        }
    }
    found
}

/// Whether a mounted file is newer than what the process read.
///
/// A file that is replaced is seen to differ through the process's own root (F1). One that is
/// written in place looks the same there; only a settings file is then known to be the person's
/// work: any other one may be written by the service itself (a database, `acme.json`).
fn is_stale(source: &Path, target: &Path, is_setting: bool, inspected: &Inspected) -> bool {
    if inspected.state != State::Running {
        return false;
    }
    let Ok(metadata) = std::fs::metadata(source) else {
        return false;
    };
    if metadata.len() > COMPARED_BYTES {
        return false;
    }
    let inside = seen_by_process(inspected.pid, target);
    let (Ok(here), Ok(there)) = (std::fs::read(source), std::fs::read(&inside)) else {
        // Not permitted to look: the time is all that is known.
        return is_setting && changed_since_start(&metadata, inspected);
    };
    if here != there {
        return true;
    }
    // A file that was replaced by an equal one: what the process read still holds.
    let same_file = std::fs::metadata(inside)
        .is_ok_and(|seen| (seen.dev(), seen.ino()) == (metadata.dev(), metadata.ino()));
    same_file && is_setting && changed_since_start(&metadata, inspected)
}

fn changed_since_start(metadata: &std::fs::Metadata, inspected: &Inspected) -> bool {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| Timestamp::try_from(time).ok());
    matches!((modified, inspected.started_at), (Some(m), Some(s)) if m > s)
}

/// A path as a process of this host sees it.
pub(crate) fn seen_by_process(pid: i64, target: &Path) -> PathBuf {
    let below = target.strip_prefix("/").unwrap_or(target);
    PathBuf::from(format!("/proc/{pid}/root")).join(below)
}

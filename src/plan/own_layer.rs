//! What a recreate discards: files that a container has written outside of its volumes. Pure.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::event::ServiceName;

/// What a recreate of a container discards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiscardedLayer {
    /// The engine's ID of the container.
    pub(crate) container: String,
    /// Its service.
    pub(crate) service: ServiceName,
    /// The files; `None`: they could not be listed.
    pub(crate) files: Option<Vec<DiscardedFile>>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiscardedFile {
    /// Its path in the container.
    pub(crate) path: String,
    /// The digest of what is in it, where it was read.
    pub(crate) digest: Option<String>,
}

/// Folders whose files are made anew, or are of the past.
const PASSING: [&str; 16] = [
    "/tmp",
    "/var/tmp",
    "/run",
    "/var/run",
    "/var/cache",
    "/var/log",
    "/proc",
    "/sys",
    "/dev",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/mtab",
    "/sbin/docker-init",
    "/usr/share/zoneinfo",
    "/var/lib/apt",
];

/// Names of such folders, wherever they are.
const PASSING_NAMES: [&str; 9] = [
    "cache",
    ".cache",
    "caches",
    "__pycache__",
    "tmp",
    "temp",
    "logs",
    "log",
    ".npm",
];

/// Ends of such files.
const PASSING_ENDS: [&str; 9] = [
    ".pyc", ".pid", ".sock", ".log", ".lock", ".tmp", ".swp", "_history", "-wal",
];

/// The files among the paths of a layer that somebody may miss. Of a folder only what is in it is told,
/// and of what is mounted nothing.
pub(crate) fn discarded<'a>(written: &'a [String], mounted: &[&Path]) -> Vec<&'a str> {
    let is_parent = |path: &str| {
        let below = |other: &String| {
            other.len() > path.len()
                && other.starts_with(path)
                && other[path.len()..].starts_with('/')
        };
        written.iter().any(below)
    };
    // In order of the paths, what is below a folder follows it sooner or later.
    let files = written.iter().filter(|path| !is_passing(path));
    let files = files.filter(|path| {
        let path = Path::new(path);
        !mounted
            .iter()
            .any(|mount| path.starts_with(mount) || mount.starts_with(path))
    });
    files
        .map(String::as_str)
        .filter(|path| !is_parent(path))
        .collect()
}

fn is_passing(path: &str) -> bool {
    let is_in = |folder: &str| Path::new(path).starts_with(folder);
    PASSING.iter().any(|folder| is_in(folder))
        || PASSING_ENDS.iter().any(|end| path.ends_with(end))
        || path.split('/').any(|part| PASSING_NAMES.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_may_miss() {
        let written = [
            "/app",
            "/app/backend",
            "/app/backend/.webui_secret_key",
            "/app/backend/data",
            "/tmp/x",
            "/sbin/docker-init",
            "/app/__pycache__/a.pyc",
            "/root/.cache",
            "/var/log/x",
            "/app/.env",
            "/srv/upload",
            "/srv/upload/a.png",
            "/run/x.pid",
            "/srv/upload-2",
        ];
        let written = written.map(str::to_owned);
        let mounted = [Path::new("/app/backend/data"), Path::new("/app/.env")];
        assert_eq!(
            discarded(&written, &mounted),
            [
                "/app/backend/.webui_secret_key",
                "/srv/upload/a.png",
                "/srv/upload-2"
            ]
        );
    }
}

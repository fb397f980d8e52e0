//! Folders for indexes that are thrown away.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Once;

use super::error::GitError;

const PREFIX: &str = ".refit-git-";

/// A folder that goes when it is dropped.
pub(super) fn scratch() -> Result<tempfile::TempDir, GitError> {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(sweep);
    tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir()
        .map_err(|error| GitError::failed("index", &format!("no temporary folder: {error}")))
}

/// Removes what commands of this user that were killed have left.
pub(super) fn sweep() {
    let me = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir(std::env::temp_dir());
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let pid = owner.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        let is_dead = pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        if is_dead && entry.metadata().is_ok_and(|found| found.uid() == me) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

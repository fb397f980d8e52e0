//! `index.lock`: ours, and those that a killed git left.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::process;

/// Begins the content of our index lock, so that it can be told from git's own.
pub(super) const OURS: &str = "refit ";

/// The index lock; released when this is dropped.
pub(super) struct IndexLock(pub(super) PathBuf);

impl Drop for IndexLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether an index lock was left by a refit that has ended.
pub(super) fn is_ours(lock: &Path) -> bool {
    let text = fs::read_to_string(lock).unwrap_or_default();
    let Some((pid, started)) = text
        .strip_prefix(OURS)
        .and_then(|rest| rest.split_once(' '))
    else {
        return false;
    };
    let (Ok(pid), started) = (pid.parse::<u32>(), started.trim().parse::<u64>().ok()) else {
        return false;
    };
    pid == std::process::id() || process::start_time(pid) != started || started.is_none()
}

/// git holds these locks for moments; one that is older was left by a git that was killed.
const STALE: Duration = Duration::from_secs(2);

/// Removes a lock that a killed git left, once it is certain that none writes.
pub(super) async fn remove_stale(lock: &Path) {
    let age = |metadata: fs::Metadata| metadata.modified().ok()?.elapsed().ok();
    let Some(age) = lock.symlink_metadata().ok().and_then(age) else {
        return;
    };
    if age < STALE {
        tokio::time::sleep(STALE.saturating_sub(age)).await;
    }
    let _ = fs::remove_file(lock);
}

//! A git that root runs in somebody's repository makes root's files there. The owner's next `git
//! fetch` or `git commit` would fail at them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::checkout::Checkout;

/// What git writes in its folder; configuration and hooks are the person's.
const WRITTEN: [&str; 10] = [
    "FETCH_HEAD",
    "HEAD",
    "index",
    "logs",
    "modules",
    "objects",
    "packed-refs",
    "refs",
    "shallow",
    "worktrees",
];

impl Checkout {
    /// Gives what root's git has made in the repository to the repository's owner. Where it cannot be
    /// given, it stays as it is: the upgrade is none the worse.
    pub(crate) fn give_to_owner(&self) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let Ok(owner) = fs::metadata(&self.common_dir) else {
            return;
        };
        if owner.uid() == 0 {
            return;
        }
        for name in WRITTEN {
            give(&self.common_dir.join(name), owner.uid(), owner.gid());
        }
    }
}

fn give(path: &Path, uid: u32, gid: u32) {
    let Ok(metadata) = path.symlink_metadata() else {
        return;
    };
    if metadata.uid() == 0 {
        let _ = std::os::unix::fs::lchown(path, Some(uid), Some(gid));
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            give(&entry.path(), uid, gid);
        }
    }
}

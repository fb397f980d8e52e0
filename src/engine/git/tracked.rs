//! The question that every edit asks: would an upgrade change this file as well?

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether a file belongs to a checkout that has an upstream: then an upgrade may change it, and an
/// edit of ours would stand in its way. Without git, or outside a checkout: no.
pub fn is_tracked_upstream(file: &Path) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return false;
    };
    let git = |args: &[&std::ffi::OsStr]| {
        Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())
    };
    let tracked = git(&[
        "ls-files".as_ref(),
        "--error-unmatch".as_ref(),
        "--".as_ref(),
        name,
    ]);
    tracked.is_some() && git(&["remote".as_ref()]).is_some_and(|remotes| !remotes.stdout.is_empty())
}

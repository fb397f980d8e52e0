//! What a process has mounted, as the kernel tells everybody (`/proc/PID/mountinfo`).

use std::io;
use std::path::{Path, PathBuf};

/// A mount of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountPoint {
    /// What is mounted, from the root of its file system.
    pub(crate) root: PathBuf,
    /// That has been removed since.
    pub(crate) is_deleted: bool,
}

/// What a process has at just this path; `None`: nothing of its own.
///
/// # Errors
/// There is no such process, or it is not to be looked at.
pub(crate) fn of_process(pid: i64, target: &Path) -> io::Result<Option<MountPoint>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    Ok(at(&text, target))
}

/// The last one covers those before it.
fn at(mountinfo: &str, target: &Path) -> Option<MountPoint> {
    let mut points = mountinfo.lines().rev().map(|line| {
        let mut fields = line.split(' ').skip(3);
        (fields.next(), fields.next())
    });
    let (root, _) = points.find(|(_, at)| at.is_some_and(|at| plain(at) == target))?;
    let root = root?;
    let kept = root.strip_suffix("//deleted");
    Some(MountPoint {
        root: plain(kept.unwrap_or(root)),
        is_deleted: kept.is_some(),
    })
}

/// A path without the kernel's escapes: `\040` is a space.
fn plain(field: &str) -> PathBuf {
    let mut text = field.to_owned();
    for (escape, character) in [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ] {
        text = text.replace(escape, character);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_of_a_place_is_seen_with_what_became_of_it() {
        let text = "1 0 0:39 / / rw - overlay overlay rw\n\
                    2 1 254:0 /s/d.old /d rw,relatime - ext4 /dev/vda rw\n\
                    3 1 254:0 /s/a\\040b//deleted /f rw - ext4 /dev/vda rw\n\
                    4 1 0:50 / /d rw - tmpfs tmpfs rw\n";
        let of = |target: &str| {
            let point = at(text, Path::new(target))?;
            Some((point.root.display().to_string(), point.is_deleted))
        };
        assert_eq!(of("/d"), Some(("/".to_owned(), false)));
        assert_eq!(of("/f"), Some(("/s/a b".to_owned(), true)));
        assert_eq!(of("/f/below"), None);
    }
}

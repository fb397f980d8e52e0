//! Whether a file can be given another text, asked of the kernel before anything is touched.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, StatxAttributes, StatxFlags, accessat, statx};
use rustix::io::Errno;

use super::files::follow;

/// Whether something is mounted at just this file: nothing takes the place of its name then, and its text
/// is written where it lies.
pub(super) fn is_mount_point(file: &File) -> bool {
    // A kernel that does not tell refuses the rename, which tells it as well.
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Why a file cannot get another text, or be made where there is none; `None`: nothing is in the way that
/// can be seen.
pub(crate) fn obstacle(path: &Path) -> Option<String> {
    let real = follow(path);
    let attributes = |path: &Path| {
        let found = statx(
            CWD,
            path,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        );
        found.ok().map(|found| found.stx_attributes)
    };
    let locked = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    let is_locked = |path: &Path| attributes(path).is_some_and(|own| own.intersects(locked));
    if is_locked(&real) {
        let shown = path.display();
        return Some(format!(
            "it is marked as immutable (lsattr {shown} shows it)"
        ));
    }
    let own = attributes(&real);
    if own.is_some_and(|own| own.contains(StatxAttributes::MOUNT_ROOT)) {
        return denied(&real, Access::WRITE_OK, "it");
    }
    let folder = real.ancestors().skip(1).find(|folder| folder.is_dir())?;
    if is_locked(folder) {
        return Some("its folder is marked as immutable".to_owned());
    }
    denied(folder, Access::WRITE_OK | Access::EXEC_OK, "its folder")
}

fn denied(path: &Path, how: Access, what: &str) -> Option<String> {
    match accessat(CWD, path, how, AtFlags::EACCESS) {
        Err(Errno::ROFS) => Some(format!(
            "{what} lies on a file system that is mounted read-only"
        )),
        Err(Errno::ACCESS | Errno::PERM) => Some(format!("this user may not write to {what}")),
        // What is not known is found out by writing.
        Ok(()) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_in_the_way_is_seen_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        assert_eq!(obstacle(&path), None);
        assert_eq!(obstacle(&dir.path().join("new/.env")), None);
        // The kernel lets nobody make files there.
        let denied = obstacle(Path::new("/proc/self/.env"));
        assert_eq!(
            denied.as_deref(),
            Some("this user may not write to its folder")
        );
    }
}

//! Files of the stack: read whole, replaced atomically. A replacement keeps symlink, mode, owner and
//! extended attributes, and leaves no temporary file behind.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Temporary files start like this, so that recovery can tell them from the user's.
pub const TEMPORARY_PREFIX: &str = ".refit-tmp-";

/// A file's bytes; `None` when there is no such file.
///
/// # Errors
/// It exists and cannot be read.
pub fn read_if_exists(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Replaces a file's content, or makes the file; the old or the new content is there at every moment.
///
/// The new bytes are on disk when this returns, and so is the rename.
///
/// # Errors
/// The folder cannot be written, the disk is full, or the owner cannot be kept.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let real = follow(path);
    let folder = real.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> anyhow::Result<()> {
        let mut temporary = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        match fs::metadata(&real) {
            Ok(old) => keep_attributes(&real, &old, temporary.as_file(), temporary.path())?,
            Err(_) => temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?,
        }
        temporary.as_file().sync_all()?;
        temporary.persist(&real)?;
        sync_folder(folder)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// The file that a path means, through symlinks; itself where it is none or dangles.
pub fn follow(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn keep_attributes(
    from: &Path,
    old: &fs::Metadata,
    new: &File,
    new_path: &Path,
) -> anyhow::Result<()> {
    let now = new.metadata()?;
    if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid())).with_context(|| {
            format!("its owner (uid {}) could not be kept; run refit as that user or root", old.uid())
        })?;
    }
    new.set_permissions(old.permissions())?;
    // A file system without extended attributes has none to keep.
    for name in xattr::list(from).into_iter().flatten() {
        if let Some(value) = xattr::get(from, &name)? {
            xattr::set(new_path, &name, &value)
                .with_context(|| format!("cannot keep its attribute {}", name.to_string_lossy()))?;
        }
    }
    Ok(())
}

/// Free bytes for this user on the file system of a path.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_keeps_mode_symlink_and_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.env");
        let link = dir.path().join(".env");
        fs::write(&real, "A=1\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        let has_xattr = xattr::set(&real, "user.note", b"mine").is_ok();
        std::os::unix::fs::symlink("real.env", &link).unwrap();

        replace(&link, b"A=2\n").unwrap();

        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real.env"));
        assert_eq!(fs::read(&real).unwrap(), b"A=2\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o7777, 0o640);
        if has_xattr {
            assert_eq!(xattr::get(&real, "user.note").unwrap().unwrap(), b"mine");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing temporary is left");
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let error = replace(&dir.path().join("no/such/.env"), b"A=1").unwrap_err();
        assert!(format!("{error:#}").contains("no/such/.env"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

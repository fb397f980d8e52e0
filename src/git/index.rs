//! The index of a checkout, exchanged whole.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::checkout::Checkout;
use super::error::GitError;
use crate::host::files;

/// Puts an index in place: the old or the new one is there at every moment.
pub(super) fn install_index(index: &Path, checkout: &Checkout) -> Result<(), GitError> {
    let temporary = checkout.git_dir.join("refit-index");
    copy_index(index, &temporary)?;
    sync(&temporary)?;
    let put = || {
        if let Ok(metadata) = fs::metadata(checkout.index()) {
            fs::set_permissions(&temporary, metadata.permissions())?;
            // Root in somebody's checkout: the index stays theirs.
            if rustix::process::geteuid().is_root() {
                let (uid, gid) = (metadata.uid(), metadata.gid());
                std::os::unix::fs::chown(&temporary, Some(uid), Some(gid))?;
            }
        }
        fs::rename(&temporary, checkout.index())
    };
    put().map_err(|error| GitError::failed("index", &format!("cannot write it: {error}")))?;
    let _ = files::sync_folder(&checkout.git_dir);
    Ok(())
}

pub(super) fn sync(path: &Path) -> Result<(), GitError> {
    fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| {
            GitError::failed(
                "index",
                &format!("cannot store {}: {error}", path.display()),
            )
        })
}

/// Copies an index with its date: git tells from it which entries it must compare by content.
pub(super) fn copy_index(from: &Path, to: &Path) -> Result<(), GitError> {
    let copy = || {
        let date = match fs::metadata(from) {
            Ok(metadata) => metadata.modified()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        fs::copy(from, to)?;
        fs::File::options().write(true).open(to)?.set_modified(date)
    };
    copy().map_err(|error| {
        let text = format!("cannot copy {}: {error}", from.display());
        GitError::failed("index", &text)
    })
}

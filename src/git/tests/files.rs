//! The files of a move put back, as a rollback does it with what it has saved of them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::git::{TreeEdit, TreeEntry};

impl TreeEdit {
    /// Puts back what lay at the path before, whatever a move has made of it. Safe to repeat.
    ///
    /// Entries whose `before` is nothing must be put back first: see [`TreeEdit::put_back_all`].
    fn put_back(&self, top: &Path) -> anyhow::Result<()> {
        let path = top.join(&self.path);
        if self.before.is_none() && crate::host::files::is_beyond_link(top, &path) {
            return Ok(());
        }
        if TreeEntry::read(top, &self.path)? == self.before
            && (self.before.is_some() || !path.exists())
        {
            return Ok(());
        }
        // A folder where there was a file: by now all that the move put into it is gone.
        if path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
        {
            if self.before.is_none() {
                return Ok(());
            }
            fs::remove_dir(&path)?;
        }
        let Some(before) = &self.before else {
            return remove_with_folders(&path, top);
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match before {
            TreeEntry::Link { target } => {
                crate::host::files::remove(&path)?;
                std::os::unix::fs::symlink(target, &path)?;
            }
            TreeEntry::File { bytes, executable } => {
                if path.is_symlink() {
                    crate::host::files::remove(&path)?;
                }
                fs::write(&path, bytes)?;
                let mode = fs::metadata(&path)?.permissions().mode();
                let mode = if *executable {
                    mode | (mode & 0o444) >> 2
                } else {
                    mode & !0o111
                };
                fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            }
        }
        Ok(())
    }

    /// Puts the whole work tree back, in an order in which files and folders that took each other's
    /// place do not meet. Bytes, symlinks and the executable bit; other attributes are those of a new
    /// file. Safe to repeat.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn put_back_all(edits: &[Self], top: &Path) -> anyhow::Result<()> {
        let (came, was): (Vec<&Self>, Vec<&Self>) =
            edits.iter().partition(|edit| edit.before.is_none());
        // From the deepest to the highest, so that folders are empty when their turn comes.
        for edit in came.iter().rev().chain(was.iter()) {
            edit.put_back(top)?;
        }
        Ok(())
    }
}

/// Removes a file and the folders that are empty without it: git has no empty folders.
fn remove_with_folders(path: &Path, top: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(error.into());
        }
        _ => {}
    }
    for folder in path.ancestors().skip(1) {
        if folder == top || fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

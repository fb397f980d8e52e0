//! The run that is open on a stack, written on the stack's folder itself: the lock is shared by all users
//! of a stack, but each keeps runs in a state folder of their own. Whoever takes the lock sees by this that
//! somebody else's run was cut off there.
//!
//! It is an extended attribute: nothing lies in the folder, and who may not write to the folder cannot
//! write it. Nothing is ever restored from a place that it names, since somebody else may have written it.
//! A file system without such attributes has none; then only one's own runs are seen.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::document::StateError;
use super::runs::Record;
use super::{StackState, document};
use crate::event::RunId;
use crate::host::extended_attributes;

const NAME: &str = "user.refit.run";

/// A run that has begun, and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenRun {
    /// Its number.
    pub run: RunId,
    /// Whose.
    pub uid: u32,
    /// Where that user keeps the runs of this stack.
    pub state: PathBuf,
    /// The folder that it is about: a copy of it with all attributes is another one.
    inode: u64,
}

impl OpenRun {
    /// Writes on the folder that a run has begun; says whether it could.
    pub(crate) fn begin(directory: &Path, state: &StackState, run: RunId) -> bool {
        let Ok(metadata) = std::fs::metadata(directory) else {
            return false;
        };
        let open = Self {
            run,
            uid: rustix::process::geteuid().as_raw(),
            state: state.folder().to_owned(),
            inode: metadata.ino(),
        };
        let bytes = document::line(&open).unwrap_or_default();
        extended_attributes::set(directory, NAME, &bytes).is_ok()
    }

    /// Takes it away again, where it is of this user's own run.
    pub(crate) fn end(directory: &Path, state: &StackState) {
        if Self::read(directory).is_some_and(|open| open.is_of(state)) {
            let _ = extended_attributes::remove(directory, NAME);
        }
    }

    /// The run that is open on a stack of somebody else's, as far as can be seen.
    ///
    /// # Errors
    /// Its journal may be read, and is damaged.
    pub(crate) fn of_another(
        directory: &Path,
        own: &StackState,
    ) -> Result<Option<Self>, StateError> {
        let Some(open) = Self::read(directory).filter(|open| !open.is_of(own)) else {
            return Ok(None);
        };
        // Who may look there knows better.
        let theirs = StackState::at(open.state.clone());
        match Record::read(&theirs, open.run) {
            Ok(Some(record)) if record.outcome.is_some() => {
                let _ = extended_attributes::remove(directory, NAME);
                Ok(None)
            }
            Ok(Some(_)) | Err(StateError::Unreadable { .. }) => Ok(Some(open)),
            // Whoever may look there finds none: it was forgotten or moved away.
            Ok(None) if open.is_own() || rustix::process::geteuid().is_root() => Ok(None),
            Ok(None) => Ok(Some(open)),
            Err(error) => Err(error),
        }
    }

    /// Whether it is a run of this user, in whatever state folder.
    pub(crate) fn is_own(&self) -> bool {
        self.uid == rustix::process::geteuid().as_raw()
    }

    fn is_of(&self, state: &StackState) -> bool {
        self.is_own() && self.state == state.folder()
    }

    fn read(directory: &Path) -> Option<Self> {
        let bytes = extended_attributes::get(directory, NAME).ok().flatten()?;
        let open: Self = serde_json::from_slice(&bytes).ok()?;
        let inode = std::fs::metadata(directory).ok()?.ino();
        (open.inode == inode).then_some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_folder_has_no_open_run() {
        let dir = tempfile::tempdir().unwrap();
        let state = StackState::at(dir.path().join("state"));
        if !OpenRun::begin(dir.path(), &state, RunId(3)) {
            return;
        }
        let open = OpenRun::read(dir.path()).unwrap();
        assert_eq!((open.run, open.is_of(&state)), (RunId(3), true));
        let copy = tempfile::tempdir().unwrap();
        let bytes = extended_attributes::get(dir.path(), NAME).unwrap().unwrap();
        extended_attributes::set(copy.path(), NAME, &bytes).unwrap();
        assert_eq!(OpenRun::read(copy.path()), None);
        // A stack may be reached through a symlink.
        let link = copy.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert_eq!(OpenRun::read(&link), Some(open));
        OpenRun::end(&link, &state);
        assert_eq!(OpenRun::read(dir.path()), None);
    }
}

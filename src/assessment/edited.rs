//! Files as they are to be, and the keys that change in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::stack::side::{FileEdit, Origin, Side};

/// One key that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyChange {
    /// The file, as shown.
    pub file: String,
    /// The key, or the path in a YAML file.
    pub key: String,
    /// The key under which it is judged whether the value is a secret.
    pub name: String,
    /// Value before, as Compose reads it.
    pub before: Option<String>,
    /// Value after.
    pub after: Option<String>,
}

/// A key to be removed that is not there, while another is that was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotThere {
    /// As it was typed.
    pub key: String,
    /// The other one.
    pub meant: String,
    /// Where that stands, as shown.
    pub at: String,
}

/// Files as they are to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edited {
    /// Each file once; those that stay as they are included.
    pub files: Vec<FileEdit>,
    /// Every key that was named, whether it changes or not.
    pub changes: Vec<KeyChange>,
    /// Keys to be removed that are a slip of the hand away from those that are there.
    pub not_there: Vec<NotThere>,
    /// What the person should know.
    pub notes: Vec<String>,
    /// What is only told, such as which file was chosen.
    pub remarks: Vec<String>,
    /// A person made the edits, and they are in place already.
    pub is_by_hand: bool,
    /// The services that the keys were made to reach.
    pub reach: Vec<ServiceName>,
    /// Files whose present text a person typed since the last run, and allowed to be replaced.
    pub replaced: Vec<PathBuf>,
    /// Files that the plan was made from besides, as they were then.
    pub read: BTreeMap<PathBuf, Side>,
    /// Files that a person edited before and did not apply, as they are shown: new containers take them.
    pub pending: Vec<String>,
    /// A compose file that the edit makes, and that Compose will load by itself.
    pub new_compose_file: Option<PathBuf>,
}

impl Edited {
    /// Whether no byte of any file changes.
    pub(crate) fn is_noop(&self) -> bool {
        self.files.iter().all(FileEdit::is_noop)
    }

    /// Whether a move of the checkout makes these edits.
    pub(crate) fn comes_from_upstream(&self) -> bool {
        self.files
            .iter()
            .any(|edit| edit.origin == Origin::Upstream)
    }

    /// Whether a value with a `$` is typed: Compose fills in what it takes for a variable.
    pub(crate) fn types_dollar(&self) -> bool {
        let mut typed = self
            .changes
            .iter()
            .filter_map(|change| change.after.as_ref());
        typed.any(|value| value.contains('$'))
    }

    /// Whether a path is there after the edit: it is now, and not all of it is removed, or a file is
    /// made at or below it.
    pub(crate) fn brings(&self, path: &Path) -> bool {
        let made = |edit: &FileEdit| edit.after.bytes().is_some() && edit.path.starts_with(path);
        self.files.iter().any(made) || self.leaves(path)
    }

    /// Whether something is at a path, or below it, that no edit removes. git removes folders that it
    /// has emptied.
    fn leaves(&self, path: &Path) -> bool {
        let below = |edit: &&FileEdit| edit.after == Side::Absent && edit.path.starts_with(path);
        let removed: Vec<&FileEdit> = self.changing().filter(below).collect();
        if removed.is_empty() {
            return path.exists();
        }
        if removed.iter().any(|edit| edit.path == path) {
            return false;
        }
        // What cannot be listed is there.
        let Ok(entries) = std::fs::read_dir(path) else {
            return path.symlink_metadata().is_ok();
        };
        entries.flatten().any(|entry| self.leaves(&entry.path()))
    }

    /// What a file holds after the edits so far: an earlier one of this run may have changed it.
    pub(crate) fn text(&self, path: &Path) -> Result<Side, Complaint> {
        if let Some(edit) = self.files.iter().find(|edit| edit.path == path) {
            return Ok(edit.after.clone());
        }
        let known = Side::read(path).known();
        known.map_err(|why| Complaint::new(Code::Io, why))
    }

    /// Gives a file this text, which was made from what [`Edited::text`] gave.
    pub(crate) fn put(&mut self, path: &Path, was: Side, after: Side) {
        match self.files.iter_mut().find(|edit| edit.path == path) {
            Some(edit) => edit.after = after,
            None => self.files.push(FileEdit {
                path: path.to_owned(),
                before: was,
                after,
                origin: Origin::Refit,
            }),
        }
    }

    /// The first key that is to change, and that has another value now than when these edits were made
    /// before.
    pub(crate) fn changed_since(&self, earlier: &Self) -> Option<&KeyChange> {
        // What a person edits in place is never typed to us.
        let typed = self.changes.iter().filter(|_| !self.is_by_hand);
        typed.into_iter().find(|now| {
            let mut then = earlier.changes.iter();
            let then = then.find(|then| then.file == now.file && then.key == now.key);
            then.is_none_or(|then| then.before != now.before)
        })
    }

    /// The files that are no longer what the plan was made from.
    pub(crate) fn edited_meanwhile(&self) -> Vec<&Path> {
        let changing = self.changing();
        let stale = changing.filter(|edit| match edit.origin {
            // git looks by itself, at the moment of the move.
            Origin::Upstream => false,
            // In place already, a removal as well.
            Origin::Person | Origin::Checkout if self.is_by_hand || edit.is_in_place() => {
                !Side::read(&edit.path).is_same_file(&edit.after)
            }
            Origin::Person | Origin::Checkout | Origin::Refit => {
                !Side::read(&edit.path).is_same_file(&edit.before)
            }
        });
        let read = self.read.iter();
        let read = read.filter(|(path, side)| !Side::read(path).is_same_text(side));
        let stale = stale.map(|edit| edit.path.as_path());
        stale.chain(read.map(|(path, _)| path.as_path())).collect()
    }

    /// Whether a file changes.
    pub(crate) fn changes_file(&self, path: &Path) -> bool {
        self.changing().any(|edit| edit.path == path)
    }

    /// The files that change.
    pub(crate) fn changing(&self) -> impl Iterator<Item = &FileEdit> {
        self.files.iter().filter(|edit| !edit.is_noop())
    }
}

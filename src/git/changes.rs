//! Which paths differ between two trees.

use std::path::PathBuf;

use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use super::removed::Removed;
use crate::git::command::{fields, path};

/// A path that differs. A renamed file is one that went and one that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathChange {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// What it was.
    pub before: ChangeKind,
    /// What it is.
    pub after: ChangeKind,
    /// The object that it is now; `None`: it is gone.
    pub object: Option<Oid>,
}

/// What lies at a path of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A file that can be executed.
    Executable,
    /// A symlink.
    Link,
    /// A submodule.
    Submodule,
}

impl ChangeKind {
    fn of_mode(mode: &[u8]) -> Self {
        match mode {
            b"100644" => Self::File,
            b"100755" => Self::Executable,
            b"120000" => Self::Link,
            b"160000" => Self::Submodule,
            _ => Self::Nothing,
        }
    }

    /// As git writes it in a tree; `None` of nothing.
    pub(super) fn mode(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::File => Some("100644"),
            Self::Executable => Some("100755"),
            Self::Link => Some("120000"),
            Self::Submodule => Some("160000"),
        }
    }
}

impl Git {
    /// The paths in which two trees (or commits) differ, in git's order.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn changes(&self, from: &Oid, to: &Oid) -> Result<Vec<PathChange>, GitError> {
        let ask = self
            .ask("diff-tree")
            .args(["-r", "-z", "--raw", "--no-renames", "--no-abbrev"]);
        let ask = ask.args(["--full-index", "--ignore-submodules=none", "--no-relative"]);
        let bytes = ask.arg(from).arg(to).bytes().await?;
        let mut fields = fields(&bytes);
        let mut changes = Vec::new();
        // `:OLDMODE NEWMODE OLDID NEWID STATUS` and the path, in turn.
        while let (Some(meta), Some(name)) = (fields.next(), fields.next()) {
            let mut words = meta
                .strip_prefix(b":")
                .unwrap_or(meta)
                .split(|b| *b == b' ');
            let mut next = || words.next().unwrap_or_default();
            let (before, after) = (ChangeKind::of_mode(next()), ChangeKind::of_mode(next()));
            let (_, object) = (next(), next());
            let object = String::from_utf8_lossy(object).parse().ok();
            changes.push(PathChange {
                path: path(name),
                before,
                object: object.filter(|_| after != ChangeKind::Nothing),
                after,
            });
        }
        Ok(changes)
    }

    /// The files that the second of two trees (or commits) does not have any more.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn removed(&self, from: &Oid, to: &Oid) -> Result<Vec<Removed>, GitError> {
        let ask =
            self.ask("diff-tree")
                .args(["-r", "-z", "-M", "--name-status", "--diff-filter=DR"]);
        let ask = ask.args(["--ignore-submodules=all", "--no-relative"]);
        let bytes = ask.arg(from).arg(to).bytes().await?;
        let mut fields = fields(&bytes);
        let mut removed = Vec::new();
        // `D` and the path, or `R` with a score and both paths, in turn.
        while let (Some(status), Some(name)) = (fields.next(), fields.next()) {
            let renamed_to = match status.first() {
                Some(b'R') => fields.next().map(path),
                Some(_) | None => None,
            };
            removed.push(Removed {
                path: path(name),
                renamed_to,
            });
        }
        Ok(removed)
    }
}

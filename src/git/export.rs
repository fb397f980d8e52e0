//! A tree as files: exported whole into a folder, and as edits of the work tree. git writes the files,
//! so that LFS, line ends and sparse patterns come out as a checkout would have them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::changes::{ChangeKind, PathChange};
use super::checkout::Checkout;
use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use super::predict::Prediction;
use super::scratch::scratch;
use crate::host::files;

/// What lies at a path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TreeEntry {
    /// A file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symlink.
    Link {
        /// Where it points.
        target: PathBuf,
    },
}

/// Shows how much there is, never what: a tracked file may hold secrets.
impl std::fmt::Debug for TreeEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { bytes, executable } => f
                .debug_struct("File")
                .field("bytes", &bytes.len())
                .field("executable", executable)
                .finish(),
            Self::Link { target } => f.debug_struct("Link").field("target", target).finish(),
        }
    }
}

impl TreeEntry {
    /// What lies at a path below a root now; `None`: nothing, or a folder. What a symlink on the way leads
    /// to has its own path.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub(crate) fn read(root: &Path, path: &Path) -> std::io::Result<Option<Self>> {
        let path = root.join(path);
        if files::is_beyond_link(root, &path) {
            return Ok(None);
        }
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            // ENOTDIR: a file lies where the path has a folder.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if metadata.is_symlink() {
            let target = fs::read_link(&path)?;
            return Ok(Some(Self::Link { target }));
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        Ok(Some(Self::File {
            bytes: fs::read(&path)?,
            executable: metadata.permissions().mode() & 0o100 != 0,
        }))
    }
}

/// What a move does at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeEdit {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// What lies there now.
    pub before: Option<TreeEntry>,
    /// What is to lie there.
    pub after: Option<TreeEntry>,
}

impl Checkout {
    /// Writes a tree, whole, into a folder: as a checkout of it would be, with initialised submodules
    /// and sparse patterns. Work tree and index are not touched.
    ///
    /// # Errors
    /// The folder cannot be written; a filter such as LFS fails.
    pub(crate) async fn export(&self, tree: &Oid, into: &Path) -> Result<(), GitError> {
        let git_dir = self.git_dir.clone();
        self.git.write_tree_to(&git_dir, tree, into).await?;
        for (path, commit) in self.git.submodules_of(tree).await? {
            let folder = self.git.top().join(&path);
            // One that does not exist yet, or was not initialised, stays an empty folder.
            if let Some(inner) = self.inner(&folder).await? {
                let below = into.join(&path);
                Box::pin(inner.export(&commit, &below)).await?;
            }
        }
        Ok(())
    }

    /// What a move does at each path, given the predicted tree exported into a folder. Paths that
    /// sparse patterns leave out are left out here.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) async fn edits(
        &self,
        prediction: &Prediction,
        exported: &Path,
    ) -> Result<Vec<TreeEdit>, GitError> {
        let mut edits = Vec::new();
        for change in &prediction.changes {
            if [change.before, change.after].contains(&ChangeKind::Submodule) {
                edits.extend(self.edits_inside(change, exported).await?);
            }
            edits.extend(edit_at(self.git.top(), exported, &change.path)?);
        }
        Ok(edits)
    }

    async fn edits_inside(
        &self,
        change: &PathChange,
        exported: &Path,
    ) -> Result<Vec<TreeEdit>, GitError> {
        let folder = self.git.top().join(&change.path);
        let (Some(inner), Some(commit)) = (self.inner(&folder).await?, &change.object) else {
            return Ok(Vec::new());
        };
        let mut edits = Vec::new();
        for change_inside in inner.git.changes(&inner.head, commit).await? {
            let path = change.path.join(&change_inside.path);
            edits.extend(edit_at(self.git.top(), exported, &path)?);
        }
        Ok(edits)
    }
}

fn edit_at(top: &Path, exported: &Path, path: &Path) -> Result<Option<TreeEdit>, GitError> {
    let read = |root: &Path| {
        TreeEntry::read(root, path).map_err(|error| {
            let file = root.join(path);
            GitError::failed(
                "export",
                &format!("cannot read {}: {error}", file.display()),
            )
        })
    };
    let (before, after) = (read(top)?, read(exported)?);
    Ok((before != after).then(|| TreeEdit {
        path: path.to_owned(),
        before,
        after,
    }))
}

impl Git {
    async fn write_tree_to(&self, git_dir: &Path, tree: &Oid, into: &Path) -> Result<(), GitError> {
        fs::create_dir_all(into).map_err(|error| {
            GitError::failed(
                "export",
                &format!("cannot make {}: {error}", into.display()),
            )
        })?;
        let scratch = scratch()?;
        let there = self.in_folder(into);
        let ask = there.write("read-tree").args(["--reset", "-u"]).arg(tree);
        let ask = ask
            .work_tree(git_dir, into)
            .index(&scratch.path().join("index"));
        ask.bytes().await.map(drop)
    }
}

//! A tree as files: exported whole into a folder, and as edits of the work tree. git writes the files,
//! so that LFS, line ends and sparse patterns come out as a checkout would have them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::changes::{Change, ChangeKind};
use super::checkout::Checkout;
use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use super::predict::Prediction;
use super::scratch::scratch;

/// What lies at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
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
impl std::fmt::Debug for Entry {
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

impl Entry {
    /// What lies at a path now; `None`: nothing, or a folder.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(path: &Path) -> std::io::Result<Option<Self>> {
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
            let target = fs::read_link(path)?;
            return Ok(Some(Self::Link { target }));
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        Ok(Some(Self::File {
            bytes: fs::read(path)?,
            executable: metadata.permissions().mode() & 0o100 != 0,
        }))
    }
}

/// What a move does at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEdit {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// What lies there now.
    pub before: Option<Entry>,
    /// What is to lie there.
    pub after: Option<Entry>,
}

impl TreeEdit {
    /// Puts back what lay at the path before, whatever a move has made of it. Safe to repeat.
    ///
    /// Entries whose `before` is nothing must be put back first: see [`TreeEdit::put_back_all`].
    fn put_back(&self, top: &Path) -> anyhow::Result<()> {
        let path = top.join(&self.path);
        if Entry::read(&path)? == self.before && (self.before.is_some() || !path.exists()) {
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
            Entry::Link { target } => {
                crate::host::files::remove(&path)?;
                std::os::unix::fs::symlink(target, &path)?;
            }
            Entry::File { bytes, executable } => {
                if path.is_symlink() {
                    crate::host::files::remove(&path)?;
                }
                crate::host::files::replace(&path, bytes)?;
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
    pub fn put_back_all(edits: &[Self], top: &Path) -> anyhow::Result<()> {
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

impl Checkout {
    /// Writes a tree, whole, into a folder: as a checkout of it would be, with initialised submodules
    /// and sparse patterns. Work tree and index are not touched.
    ///
    /// # Errors
    /// The folder cannot be written; a filter such as LFS fails.
    pub async fn export(&self, tree: &Oid, into: &Path) -> Result<(), GitError> {
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
    pub async fn edits(
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
        change: &Change,
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
        let file = root.join(path);
        Entry::read(&file).map_err(|error| {
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

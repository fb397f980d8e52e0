//! The move of a git checkout to another commit as a step of a run. Which commit it goes to is decided
//! elsewhere.

use std::path::{Path, PathBuf};

use super::edited::KeyChange;
use crate::complaint::Complaint;
use crate::git::{Checkout, GitError, Move, Oid, Prediction, TreeEdit, TreeEntry};
use crate::stack::side::{FileEdit, Origin, Side};

/// A move that is about to be made.
#[derive(Debug)]
pub(crate) struct Moving {
    /// The checkout.
    pub checkout: Checkout,
    /// From where to where.
    pub movement: Move,
    /// What it does at each path.
    pub edits: Vec<TreeEdit>,
    /// The whole tree as it is to be, for builds while the old one serves.
    pub exported: tempfile::TempDir,
}

impl Moving {
    /// Exports the predicted tree below `scratch`, and reads what changes.
    ///
    /// # Errors
    /// `git_conflict`, `git_untracked`; the disk is full; git's own.
    pub(crate) async fn new(
        checkout: Checkout,
        to: Oid,
        prediction: Prediction,
        scratch: &Path,
    ) -> Result<Self, Complaint> {
        prediction.refuse_loss()?;
        let exported = tempfile::Builder::new()
            .prefix(&format!("{}-tree-", std::process::id()))
            .tempdir_in(scratch)
            .map_err(|error| anyhow::Error::new(error).context("cannot export the new version"))?;
        checkout.export(&prediction.tree, exported.path()).await?;
        let edits = checkout.edits(&prediction, exported.path()).await?;
        let movement = Move {
            from: checkout.head.clone(),
            to,
            prediction,
        };
        Ok(Self {
            checkout,
            movement,
            edits,
            exported,
        })
    }

    /// The top of the work tree.
    pub(crate) fn top(&self) -> &Path {
        self.checkout.git.top()
    }

    /// What it does to files, as edits of the stack.
    pub(crate) fn file_edits(&self) -> Vec<FileEdit> {
        let edit = |edit: &TreeEdit| FileEdit {
            path: self.checkout.named(&edit.path),
            before: content(edit.before.as_ref(), self.top(), &edit.path),
            after: content(edit.after.as_ref(), self.exported.path(), &edit.path),
            origin: Origin::Upstream,
        };
        self.edits.iter().map(edit).collect()
    }

    /// Where a symlink points that the move makes at this path.
    pub(crate) fn link_at(&self, path: &Path) -> Option<PathBuf> {
        let mut edits = self.edits.iter();
        match &edits
            .find(|edit| self.checkout.named(&edit.path) == path)?
            .after
        {
            Some(TreeEntry::Link { target }) => Some(target.clone()),
            _ => None,
        }
    }

    /// The move as a person reads it.
    pub(crate) fn described(&self) -> KeyChange {
        KeyChange {
            file: "git".to_owned(),
            key: self.checkout.branch().unwrap_or("HEAD").to_owned(),
            name: String::new(),
            before: Some(self.movement.from.short().to_owned()),
            after: Some(self.movement.to.short().to_owned()),
        }
    }

    /// Makes the move. Should refit be killed meanwhile, its programs are found by `mark`.
    ///
    /// # Errors
    /// [`GitError::EditedMeanwhile`], before anything has moved; git refuses; the disk is full.
    pub(crate) async fn carry_out(&self, mark: PathBuf) -> Result<(), GitError> {
        let checkout = Checkout {
            git: self.checkout.git.clone().marked(mark),
            ..self.checkout.clone()
        };
        let done = checkout.advance(&self.movement).await;
        checkout.give_to_owner();
        done
    }
}

/// What a path holds as a file; a symlink is read through, as everybody who mounts it does.
fn content(entry: Option<&TreeEntry>, root: &Path, path: &Path) -> Side {
    match entry {
        None => Side::Absent,
        Some(TreeEntry::File { bytes, .. }) => Side::new(bytes.clone(), &Side::Absent),
        // One that leads to a folder, or to nothing, holds no text.
        Some(TreeEntry::Link { .. }) => match Side::read(&root.join(path)) {
            Side::Text(text) => Side::new(text.bytes, &Side::Absent),
            textless @ (Side::Absent | Side::Unknown(_)) => textless,
        },
    }
}

//! The move of a git checkout to another commit as a step of a run: how it is done, what has to be
//! saved before, and the way back. Which commit it goes to is decided elsewhere.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::assess::edits::KeyChange;
use crate::complaint::{Code, Complaint};
use crate::event::RunId;
use crate::failure::Failure;
use crate::git::{Checkout, Entry, Git, GitError, GitState, Move, Oid, Prediction, TreeEdit};
use crate::stack::side::{FileEdit, Origin, Side};

/// A move that is about to be made.
#[derive(Debug)]
pub struct Moving {
    /// The checkout.
    pub checkout: Checkout,
    /// From where to where.
    pub movement: Move,
    /// What it does at each path.
    pub edits: Vec<TreeEdit>,
    /// The whole tree as it is to be, for builds while the old one serves.
    pub exported: tempfile::TempDir,
}

/// What a checkpoint keeps of a checkout besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCheckout {
    /// HEAD, branch, index, submodules as they were.
    pub state: GitState,
    /// The commit that the run moves to.
    pub moved_to: Oid,
    /// The tracked files as they lay in the work tree, as a tree; with them the files that git did not
    /// know and that the target brings as they are, so that the way back leaves them.
    pub worktree: Oid,
    /// As they lie there after the move.
    pub tree: Oid,
    /// The ref that keeps both from being removed.
    pub kept_as: String,
}

impl Moving {
    /// Exports the predicted tree below `scratch`, and reads what changes.
    ///
    /// # Errors
    /// `git_conflict`, `git_untracked`; the disk is full; git's own.
    pub async fn new(
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
    pub fn top(&self) -> &Path {
        self.checkout.git.top()
    }

    /// What it does to files, as edits of the stack.
    pub fn file_edits(&self) -> Vec<FileEdit> {
        let edit = |edit: &TreeEdit| FileEdit {
            path: self.top().join(&edit.path),
            before: content(edit.before.as_ref(), self.top(), &edit.path),
            after: content(edit.after.as_ref(), self.exported.path(), &edit.path),
            origin: Origin::Upstream,
        };
        self.edits.iter().map(edit).collect()
    }

    /// Where a symlink points that the move makes at this path.
    pub fn link_at(&self, path: &Path) -> Option<PathBuf> {
        let mut edits = self.edits.iter();
        match &edits
            .find(|edit| self.top().join(&edit.path) == path)?
            .after
        {
            Some(Entry::Link { target }) => Some(target.clone()),
            _ => None,
        }
    }

    /// The move as a person reads it.
    pub fn described(&self) -> KeyChange {
        KeyChange {
            file: "git".to_owned(),
            key: self.checkout.branch().unwrap_or("HEAD").to_owned(),
            name: String::new(),
            before: Some(self.movement.from.short().to_owned()),
            after: Some(self.movement.to.short().to_owned()),
        }
    }

    /// Saves what the way back needs besides the files.
    ///
    /// # Errors
    /// The folder cannot be written; git fails.
    pub async fn save(&self, run: RunId, folder: &Path) -> Result<SavedCheckout, Complaint> {
        let prediction = &self.movement.prediction;
        let state = self.checkout.state(prediction, folder).await?;
        // Two stacks in one repository count their runs by themselves.
        let kept_as = format!("{}/{run}", super::checkpoint::whose(folder));
        let worktree = self.checkout.worktree_with_same(prediction).await?;
        let git = &self.checkout.git;
        let trees = [&prediction.tree, &worktree];
        git.keep_trees(&kept_as, &trees, &self.movement.from)
            .await?;
        Ok(SavedCheckout {
            state,
            moved_to: self.movement.to.clone(),
            worktree,
            tree: prediction.tree.clone(),
            kept_as,
        })
    }

    /// Makes the move. Should refit be killed meanwhile, its programs are found by `mark`.
    ///
    /// # Errors
    /// Files were edited meanwhile; git refuses; the disk is full.
    pub async fn carry_out(&self, mark: PathBuf) -> Result<(), Failure> {
        let checkout = Checkout {
            git: self.checkout.git.clone().marked(mark),
            ..self.checkout.clone()
        };
        let done = checkout.advance(&self.movement).await;
        checkout.give_to_owner();
        done.map_err(|error| Complaint::from(error).into())
    }
}

/// What a path holds as a file; a symlink is read through, as everybody who mounts it does.
fn content(entry: Option<&Entry>, root: &Path, path: &Path) -> Side {
    match entry {
        None => Side::Absent,
        Some(Entry::File { bytes, .. }) => Side::new(bytes.clone(), &Side::Absent),
        // One that leads to a folder, or to nothing, holds no text.
        Some(Entry::Link { .. }) => match Side::read(&root.join(path)) {
            Side::Text(text) => Side::new(text.bytes, &Side::Absent),
            textless @ (Side::Absent | Side::Unknown(_)) => textless,
        },
    }
}

impl SavedCheckout {
    /// Gives HEAD, branch, index and submodules back; the files have been given back before.
    ///
    /// # Errors
    /// Somebody committed since; git fails.
    pub async fn give_back(&self, mark: PathBuf, folder: &Path) -> Result<(), GitError> {
        let git = Git::at(&self.state.top, true).marked(mark);
        let done = self.state.restore(&git, &self.moved_to, folder).await;
        if let Ok(Some(checkout)) = Checkout::find(&git, &self.state.top).await {
            checkout.give_to_owner();
        }
        done
    }

    /// The move back from where the run left the checkout, later: what was edited since on other
    /// lines stays.
    ///
    /// # Errors
    /// `git_moved`: it is at another commit by now.
    pub async fn way_back(&self, scratch: &Path) -> Result<Moving, Complaint> {
        let top = &self.state.top;
        let git = Git::at(top, true);
        let Some(checkout) = Checkout::find(&git, top).await? else {
            let text = format!("{} is not a git repository any more", top.display());
            return Err(Complaint::new(Code::GitMoved, text));
        };
        if checkout.head != self.moved_to || checkout.branch() != self.state.branch.as_deref() {
            let text = format!(
                "the checkout is at {} by now, and not at {} where that run left it",
                checkout.head.short(),
                self.moved_to.short()
            );
            let hint = format!(
                "git reset --keep {} goes there first",
                self.moved_to.short()
            );
            return Err(Complaint::new(Code::GitMoved, text).hint(hint));
        }
        let prediction = checkout.predict_tree(&self.tree, &self.worktree).await?;
        Moving::new(checkout, self.state.head.clone(), prediction, scratch).await
    }

    /// Lets the old commit go.
    ///
    /// # Errors
    /// git's.
    pub async fn release(&self) -> Result<(), GitError> {
        let git = Git::at(&self.state.top, true);
        git.drop_ref(&self.kept_as).await
    }
}

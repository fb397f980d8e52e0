//! The move of a git checkout to another commit as a step of a run: how it is done, what has to be
//! saved before, and the way back. Which commit it goes to is decided elsewhere.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::RunId;
use crate::git::{Checkout, Git, GitError, GitState, Oid, StagedTrees};
use crate::state;

/// What a checkpoint keeps of a checkout besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedCheckout {
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
    /// The folder of the stack that led to the checkout: its files are named after it.
    #[serde(default)]
    pub directory: Option<PathBuf>,
}

impl SavedCheckout {
    /// Saves what the way back needs besides the files.
    ///
    /// # Errors
    /// The folder cannot be written; git fails.
    pub(crate) async fn save(
        moving: &Moving,
        run: RunId,
        folder: &Path,
    ) -> Result<Self, Complaint> {
        let prediction = &moving.movement.prediction;
        let state = moving.checkout.state(prediction, folder).await?;
        // Two stacks in one repository count their runs by themselves.
        let kept_as = format!("{}/{run}", state::short_name(folder));
        let worktree = moving.checkout.worktree_with_same(prediction).await?;
        let git = &moving.checkout.git;
        let staged = &prediction.staged;
        let trees = [&prediction.tree, &staged.before, &staged.after, &worktree];
        git.keep_trees(&kept_as, &trees, &moving.movement.from)
            .await?;
        Ok(Self {
            state,
            moved_to: moving.movement.to.clone(),
            worktree,
            tree: prediction.tree.clone(),
            kept_as,
            directory: Some(moving.checkout.named.folder.clone()),
        })
    }

    /// Gives HEAD, branch, index and submodules back; the files have been given back before. Says where
    /// an index is kept in which somebody staged something meanwhile.
    ///
    /// # Errors
    /// Somebody committed since; git fails.
    pub(crate) async fn give_back(
        &self,
        mark: PathBuf,
        folder: &Path,
    ) -> Result<Option<PathBuf>, GitError> {
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
    pub(crate) async fn way_back(&self, scratch: &Path) -> Result<Moving, Complaint> {
        let top = self.directory.as_ref().filter(|folder| folder.is_dir());
        let top = top.unwrap_or(&self.state.top);
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
        let staged = match &self.state.staged {
            Some(known) => known.clone(),
            // An older refit left the index of the commit that it moved to.
            None => StagedTrees {
                before: checkout.git.tree_of(&self.state.head).await?,
                after: checkout.git.tree_of(&self.moved_to).await?,
            },
        };
        let (base, wanted) = (&self.tree, &self.worktree);
        let prediction = checkout.predict_tree(base, wanted, &staged).await?;
        Moving::new(checkout, self.state.head.clone(), prediction, scratch).await
    }

    /// The state that this one found, and where a later one has left the checkout.
    pub(crate) fn then(self, last: Self) -> Self {
        let both = self.state.staged.zip(last.state.staged);
        Self {
            state: GitState {
                staged: both.map(|(first, last)| StagedTrees {
                    after: last.after,
                    ..first
                }),
                ..self.state
            },
            moved_to: last.moved_to,
            tree: last.tree,
            ..self
        }
    }

    /// Lets the old commit go.
    ///
    /// # Errors
    /// git's.
    pub(crate) async fn release(&self) -> Result<(), GitError> {
        let git = Git::at(&self.state.top, true);
        git.drop_ref(&self.kept_as).await
    }
}

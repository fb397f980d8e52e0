//! What a move changes apart from files, saved before it and put back after a failure: HEAD, the
//! branch, the index, submodules.

use std::fs;
use std::path::{Path, PathBuf};

use crate::hash::sha256;
use serde::{Deserialize, Serialize};

use super::checkout::Checkout;
use super::command::Git;
use super::error::GitError;
use super::index::{copy_index, install_index, sync};
use super::index_lock::{is_ours, remove_stale};
use super::oid::Oid;
use super::predict::Prediction;
use super::staged::StagedTrees;
use super::submodule::Submodule;

/// A checkout as it was, apart from its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GitState {
    /// Top of the work tree.
    pub top: PathBuf,
    /// Its git folder.
    pub git_dir: PathBuf,
    /// The commit.
    pub head: Oid,
    /// The branch; `None`: HEAD was detached.
    pub branch: Option<String>,
    /// The index; `None`: there was none.
    pub index: Option<SavedIndex>,
    /// The submodules that the move moves.
    pub submodules: Vec<Submodule>,
    /// What the index holds before and after the move.
    #[serde(default)]
    pub staged: Option<StagedTrees>,
}

/// A copy of the index file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedIndex {
    /// Its name in the folder that the state was saved in.
    pub file: String,
    /// Hash of its bytes.
    pub sha256: String,
}

const SAVED_INDEX: &str = "git-index";
const STAGED_SINCE: &str = "git-index-staged";

impl Checkout {
    /// Saves into a folder what a move changes apart from files.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) async fn state(
        &self,
        prediction: &Prediction,
        folder: &Path,
    ) -> Result<GitState, GitError> {
        let saved = folder.join(SAVED_INDEX);
        let index = if self.index().exists() {
            copy_index(&self.index(), &saved)?;
            let bytes = read(&saved)?;
            sync(&saved)?;
            Some(SavedIndex {
                file: SAVED_INDEX.to_owned(),
                sha256: sha256(&bytes),
            })
        } else {
            None
        };
        Ok(GitState {
            top: self.git.top().to_owned(),
            git_dir: self.git_dir.clone(),
            head: self.head.clone(),
            branch: self.branch().map(Into::into),
            index,
            submodules: self.submodules(prediction).await?,
            staged: Some(prediction.staged.clone()),
        })
    }
}

impl GitState {
    /// Puts HEAD, branch, index and submodules back; files are the caller's, and go first. Safe to
    /// repeat, and right after a kill at any point of a move to `moved_to`. An index in which somebody
    /// staged something meanwhile is kept aside: says where.
    ///
    /// # Errors
    /// [`GitError::Diverged`] when the branch is by now neither where it was nor where the move put
    /// it: somebody has committed since. The saved index is gone or damaged.
    pub(crate) async fn restore(
        &self,
        git: &Git,
        moved_to: &Oid,
        folder: &Path,
    ) -> Result<Option<PathBuf>, GitError> {
        super::scratch::sweep();
        let git = git.in_folder(&self.top);
        let lock = self.git_dir.join("index.lock");
        if is_ours(&lock) {
            let _ = fs::remove_file(&lock);
        }
        let checkout = Checkout::find(&git, &self.top).await?;
        let Some(checkout) = checkout else {
            let text = format!("{} is not a git repository any more", self.top.display());
            return Err(GitError::failed("rollback", &text));
        };
        self.restore_head(&git, &checkout, moved_to).await?;
        let kept = self.restore_index(&checkout, folder).await?;
        checkout.restore_submodules(&self.submodules).await?;
        Ok(kept)
    }

    async fn restore_head(
        &self,
        git: &Git,
        now: &Checkout,
        moved_to: &Oid,
    ) -> Result<(), GitError> {
        for name in ["HEAD".to_owned()].into_iter().chain(self.branch_ref()) {
            remove_stale(&now.git_dir.join(format!("{name}.lock"))).await;
            remove_stale(&now.common_dir.join(format!("{name}.lock"))).await;
        }
        if now.branch() != self.branch.as_deref()
            && let Some(name) = self.branch_ref()
        {
            let ask = git.write("symbolic-ref").args(["-m", BACK, "HEAD", &name]);
            ask.bytes().await?;
        }
        let name = self.branch_ref().unwrap_or_else(|| "HEAD".to_owned());
        let at = git.commit(&name).await?;
        if at.as_ref() == Some(&self.head) && now.branch() == self.branch.as_deref() {
            return Ok(());
        }
        if let Some(at) = at
            && at != *moved_to
            && at != self.head
        {
            let text = format!("{name} is at {}: somebody committed since", at.short());
            return Err(GitError::failed("rollback", &text));
        }
        let ask = git
            .write("update-ref")
            .args(["--no-deref", "-m", BACK, &name]);
        ask.arg(&self.head).bytes().await.map(drop)
    }

    fn branch_ref(&self) -> Option<String> {
        self.branch
            .as_ref()
            .map(|branch| format!("refs/heads/{branch}"))
    }

    async fn restore_index(
        &self,
        now: &Checkout,
        folder: &Path,
    ) -> Result<Option<PathBuf>, GitError> {
        let Some(saved) = &self.index else {
            return Ok(None);
        };
        let copy = folder.join(&saved.file);
        let bytes = read(&copy)?;
        if sha256(&bytes) != saved.sha256 {
            let text = format!("{} is damaged", copy.display());
            return Err(GitError::failed("rollback", &text));
        }
        if fs::read(now.index()).is_ok_and(|there| there == bytes) {
            return Ok(None);
        }
        let kept = match &self.staged {
            Some(known) => staged_since(now, known, folder).await?,
            None => None,
        };
        install_index(&copy, now)?;
        Ok(kept)
    }
}

/// Keeps an index that is of neither side of the move.
async fn staged_since(
    now: &Checkout,
    known: &StagedTrees,
    folder: &Path,
) -> Result<Option<PathBuf>, GitError> {
    let is_known = match now.index_tree().await {
        Ok(tree) => tree == known.before || tree == known.after,
        // One with conflicts is no tree, and somebody's.
        Err(_) => false,
    };
    if is_known || !now.index().exists() {
        return Ok(None);
    }
    let kept = folder.join(STAGED_SINCE);
    copy_index(&now.index(), &kept)?;
    sync(&kept)?;
    Ok(Some(kept))
}

/// What the reflog says of the way back.
const BACK: &str = "refit: back to before the upgrade";

fn read(path: &Path) -> Result<Vec<u8>, GitError> {
    fs::read(path).map_err(|error| {
        GitError::failed("index", &format!("cannot read {}: {error}", path.display()))
    })
}

//! Submodules that are initialised: each is a checkout of its own that follows what the outer one
//! records. Those that are not are left alone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::changes::{ChangeKind, PathChange};
use super::checkout::Checkout;
use super::command::{Git, MANY};
use super::error::GitError;
use super::fetch::Tags;
use super::index_lock::remove_stale;
use super::oid::Oid;
use super::predict::Prediction;
use super::progress::GitProgress;
use crate::git::command::{fields, path};

/// An initialised submodule as it is checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submodule {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// The commit that is checked out in it.
    pub head: Oid,
    /// The branch, unless HEAD is detached, as it mostly is.
    pub branch: Option<String>,
}

impl Git {
    /// The submodules that a tree (or commit) records, with their commits.
    pub(super) async fn submodules_of(&self, tree: &Oid) -> Result<Vec<(PathBuf, Oid)>, GitError> {
        let ask = self
            .ask("ls-tree")
            .args(["-r", "-z", "--full-tree"])
            .arg(tree);
        let bytes = ask.bytes().await?;
        let submodule = |entry: &[u8]| {
            let rest = entry.strip_prefix(b"160000 commit ")?;
            let tab = rest.iter().position(|byte| *byte == b'\t')?;
            let commit = String::from_utf8_lossy(rest.get(..tab)?).parse().ok()?;
            Some((path(rest.get(tab + 1..)?), commit))
        };
        Ok(fields(&bytes).filter_map(submodule).collect())
    }
}

impl Checkout {
    /// The checkout in a submodule's folder; `None`: it is not initialised.
    pub(super) async fn inner(&self, folder: &Path) -> Result<Option<Self>, GitError> {
        if folder.join(".git").symlink_metadata().is_err() {
            return Ok(None);
        }
        Box::pin(Self::find(&self.git, folder)).await
    }

    /// The changes that move an initialised submodule, with its checkout.
    async fn moved_inner<'a>(
        &self,
        changes: &'a [PathChange],
    ) -> Result<Vec<(&'a PathChange, &'a Oid, Self)>, GitError> {
        let mut moved = Vec::new();
        for change in changes {
            if let (ChangeKind::Submodule, Some(object)) = (change.after, &change.object)
                && let Some(inner) = self.inner(&self.git.top().join(&change.path)).await?
            {
                moved.push((change, object, inner));
            }
        }
        Ok(moved)
    }

    /// Submodules that the target moves and in which tracked files are edited: git could not move
    /// them.
    pub(super) async fn edited_submodules(
        &self,
        changes: &[PathChange],
    ) -> Result<Vec<PathBuf>, GitError> {
        let mut edited = Vec::new();
        for (change, _, inner) in self.moved_inner(changes).await? {
            if !inner.local_edits().await?.edited.is_empty() {
                edited.push(change.path.clone());
            }
        }
        Ok(edited)
    }

    /// The initialised submodules that a move would move, as they are now.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn submodules(
        &self,
        prediction: &Prediction,
    ) -> Result<Vec<Submodule>, GitError> {
        let moved = self.moved_inner(&prediction.changes).await?;
        let now = moved.into_iter().map(|(change, _, inner)| Submodule {
            path: change.path.clone(),
            branch: inner.branch().map(Into::into),
            head: inner.head,
        });
        Ok(now.collect())
    }

    /// Fetches the commits that a move needs in initialised submodules, so that the move itself needs
    /// no network. Goes before [`Checkout::export`].
    ///
    /// # Errors
    /// A remote does not answer; the commit is nowhere.
    pub(crate) async fn fetch_submodules(
        &self,
        prediction: &Prediction,
        mut progress: impl FnMut(GitProgress),
    ) -> Result<(), GitError> {
        for (_, commit, inner) in self.moved_inner(&prediction.changes).await? {
            if inner.git.commit(commit.as_str()).await?.is_some() {
                continue;
            }
            let remotes = inner.git.remotes().await?;
            let remote = remotes.first().map_or("origin", String::as_str);
            inner
                .git
                .fetch(remote, Tags::Following, &mut progress)
                .await?;
            if inner.git.commit(commit.as_str()).await?.is_none() {
                let name = commit.as_str();
                inner.git.fetch_named(remote, name, &mut progress).await?;
            }
        }
        Ok(())
    }

    /// Checks out in initialised submodules what the index records.
    pub(super) async fn update_submodules(&self, paths: &[PathBuf]) -> Result<(), GitError> {
        for some in paths.chunks(MANY) {
            let ask = self.git.write("submodule").args(["--quiet", "update"]);
            let ask = ask.args(["--recursive", "--checkout", "--no-fetch", "--"]);
            ask.args(some).bytes().await?;
        }
        Ok(())
    }

    /// Checks out in submodules what they had. Their tracked files were not edited: a move of an
    /// edited submodule is refused.
    pub(super) async fn restore_submodules(&self, saved: &[Submodule]) -> Result<(), GitError> {
        for submodule in saved {
            let folder = self.git.top().join(&submodule.path);
            let Some(inner) = self.inner(&folder).await? else {
                continue;
            };
            remove_stale(&inner.git_dir.join("index.lock")).await;
            let ask = inner.git.write("checkout").args(["-q", "-f"]);
            let ask = match &submodule.branch {
                Some(branch) => ask.arg(branch).arg("--"),
                None => ask.arg("--detach").arg(&submodule.head),
            };
            ask.bytes().await?;
            let nested = inner.git.write("submodule");
            let nested = nested.args([
                "--quiet",
                "update",
                "--recursive",
                "--checkout",
                "--no-fetch",
            ]);
            nested.bytes().await?;
        }
        Ok(())
    }
}

//! Files that git does not know and that the target brings just as they are: nobody's edit, and
//! nobody's loss, if the way back leaves them where they are.

use super::checkout::Checkout;
use super::error::GitError;
use super::oid::Oid;
use super::predict::Prediction;
use super::scratch::scratch;

impl Checkout {
    /// The work tree before a move, as a tree: its tracked files, and those that git did not know and
    /// that the target has too.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn worktree_with_same(
        &self,
        prediction: &Prediction,
    ) -> Result<Oid, GitError> {
        let same = &prediction.untracked_and_same;
        if same.is_empty() {
            return Ok(prediction.worktree.clone());
        }
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        let git = &self.git;
        let ask = git.write("read-tree").arg(&prediction.worktree);
        ask.index(&index).bytes().await?;
        for change in &prediction.changes {
            let (Some(mode), Some(object)) = (change.after.mode(), &change.object) else {
                continue;
            };
            if same.contains(&change.path) {
                let ask = git.write("update-index").index(&index);
                let ask = ask.args(["--add", "--cacheinfo", mode]).arg(object);
                ask.arg(&change.path).bytes().await?;
            }
        }
        git.write("write-tree").index(&index).oid().await
    }
}

//! What is staged: the index as a tree, and what a move makes of it. What a person has put there, or taken
//! out, may be nowhere else.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkout::Checkout;
use super::command::MANY;
use super::error::GitError;
use super::index::copy_index;
use super::oid::Oid;
use super::scratch::scratch;
use crate::git::command::{fields, path};

/// The index on both sides of a move, as trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StagedTrees {
    /// As it was.
    pub before: Oid,
    /// As the move leaves it: the target's, with what was staged merged in.
    pub after: Oid,
}

/// What a move would make of the index.
#[derive(Debug)]
pub(super) struct PredictedIndex {
    pub(super) trees: StagedTrees,
    /// Files whose staged texts the target contradicts.
    pub(super) conflicts: Vec<PathBuf>,
}

impl Checkout {
    /// The index as a tree; what `git add -N` announces has no part in it.
    pub(super) async fn index_tree(&self) -> Result<Oid, GitError> {
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        copy_index(&self.index(), &index)?;
        self.git.write("write-tree").index(&index).oid().await
    }

    /// What becomes of the index when `wanted` takes the place of `base`. Of the files of `kept` git has none
    /// afterwards.
    pub(super) async fn predict_index(
        &self,
        base: &Oid,
        wanted: &Oid,
        kept: &[PathBuf],
    ) -> Result<PredictedIndex, GitError> {
        let before = self.index_tree().await?;
        let git = &self.git;
        let ours = match kept {
            [] => before.clone(),
            // Their texts stay in the work tree.
            kept => {
                let scratch = scratch()?;
                let index = scratch.path().join("index");
                git.with_files(&before, base, kept, &index).await?
            }
        };
        let (after, conflicts) = if ours == *base {
            (wanted.clone(), Vec::new())
        } else if ours == *wanted {
            (ours, Vec::new())
        } else {
            git.merge(base, &ours, wanted).await?
        };
        Ok(PredictedIndex {
            trees: StagedTrees { before, after },
            conflicts,
        })
    }

    /// Files that `git add -N` has announced.
    pub(super) async fn announced(&self) -> Result<Vec<PathBuf>, GitError> {
        let ask = self.git.ask("diff-files");
        let ask = ask.args([
            "--name-only",
            "-z",
            "--diff-filter=A",
            "--ignore-submodules",
        ]);
        Ok(fields(&ask.bytes().await?).map(path).collect())
    }

    /// Announces them in another index, where they are there still.
    pub(super) async fn announce(&self, files: &[PathBuf], index: &Path) -> Result<(), GitError> {
        let is_there = |file: &&PathBuf| self.git.top().join(file).symlink_metadata().is_ok();
        let there: Vec<&PathBuf> = files.iter().filter(is_there).collect();
        for some in there.chunks(MANY) {
            let ask = self.git.write("add").args(["-f", "-N", "--"]).args(some);
            ask.index(index).bytes().await?;
        }
        Ok(())
    }
}

//! The move: files, then the branch, then the index. Plumbing only, without hooks; git's own index
//! lock is held throughout, so that no other git writes in between.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::attributes::KeptAttributes;
use super::changes::{ChangeKind, PathChange};
use super::checkout::Checkout;
use super::command::MANY;
use super::error::GitError;
use super::index::install_index;
use super::index_lock::{IndexLock, OURS, is_ours};
use super::oid::Oid;
use super::predict::Prediction;
use super::scratch::scratch;
use crate::fault::fault;
use crate::host::process;

/// A move that was predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Move {
    /// The commit that is checked out.
    pub from: Oid,
    /// The commit to be checked out.
    pub to: Oid,
    /// What is to lie in the work tree.
    pub prediction: Prediction,
}

impl Checkout {
    fn lock_index(&self) -> Result<IndexLock, GitError> {
        let path = self.git_dir.join("index.lock");
        if is_ours(&path) {
            let _ = fs::remove_file(&path);
        }
        let pid = std::process::id();
        let started = process::start_time(pid).map_or_else(String::new, |time| time.to_string());
        let make = || {
            let mut file = fs::File::options()
                .write(true)
                .create_new(true)
                .open(&path)?;
            writeln!(file, "{OURS}{pid} {started}")
        };
        match make() {
            Ok(()) => Ok(IndexLock(path)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(GitError::locked(self.git.top()))
            }
            Err(error) => Err(GitError::failed(
                "index",
                &format!("cannot write {}: {error}", path.display()),
            )),
        }
    }

    /// Moves work tree, branch (or detached HEAD) and index. Local edits stay, and what is staged stays
    /// staged. After an error or a kill, the files and [`super::GitState::restore`] lead back; the
    /// same call again leads on.
    ///
    /// # Errors
    /// [`GitError::EditedMeanwhile`], and whatever git refuses; disk full.
    pub(crate) async fn advance(&self, to: &Move) -> Result<(), GitError> {
        let lock = self.lock_index()?;
        self.refuse_other_head(to).await?;
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        fault!("git.locked");
        self.move_files(to, &index).await?;
        fault!("git.files");
        self.move_ref(to).await?;
        fault!("git.ref");
        self.move_index(to, &index).await?;
        fault!("git.index");
        drop(lock);
        let moved = |change: &&PathChange| change.after == ChangeKind::Submodule;
        let moved = to.prediction.changes.iter().filter(moved);
        let initialised = |path: &PathBuf| self.git.top().join(path).join(".git").exists();
        let paths: Vec<PathBuf> = moved.map(|c| c.path.clone()).filter(initialised).collect();
        self.update_submodules(&paths).await
    }

    /// Who commits, or checks another branch out, while an upgrade is prepared has it so.
    async fn refuse_other_head(&self, to: &Move) -> Result<(), GitError> {
        let branch = self.git.head_branch().await?;
        let at = self.git.commit("HEAD").await?;
        let is_known = at.as_ref() == Some(&to.from) || at.as_ref() == Some(&to.to);
        match branch.as_deref() == self.branch() && is_known {
            true => Ok(()),
            false => Err(GitError::MovedMeanwhile {
                at: at.map_or_else(|| "nothing".to_owned(), |at| at.short().to_owned()),
                branch,
            }),
        }
    }

    /// The files; `index` becomes an index that fits them. git refuses by itself to overwrite what
    /// was edited since.
    pub(super) async fn move_files(&self, to: &Move, index: &Path) -> Result<(), GitError> {
        let now = self.snapshot(index).await?;
        let same = self.already_there(to).await?;
        for some in same.chunks(MANY) {
            let ask = self.git.write("add").args(["-f", "--"]).args(some);
            ask.index(index).bytes().await?;
        }
        let planned = &to.prediction;
        if now != planned.worktree {
            self.refuse_edits_since(&now, planned).await?;
        }
        let (files, _) = self.untracked_below(&planned.changes).await?;
        if !files.is_empty() {
            return Err(GitError::EditedMeanwhile { files });
        }
        let now = self.git.write("write-tree").index(index).oid().await?;
        let kept = KeptAttributes::of(self.git.top(), &planned.changes);
        let ask = self.git.write("read-tree").args(["-m", "-u"]);
        let ask = ask.arg(&now).arg(&planned.tree).index(index);
        ask.bytes().await?;
        Ok(kept.put_back()?)
    }

    /// Files of the target that the index does not know and that are there already: those that were
    /// the same from the start, and those that a killed move has written.
    async fn already_there(&self, to: &Move) -> Result<Vec<PathBuf>, GitError> {
        let mut there = Vec::new();
        for change in &to.prediction.changes {
            let comes =
                change.before == ChangeKind::Nothing && change.after != ChangeKind::Submodule;
            if comes && self.is_same(change).await? {
                there.push(change.path.clone());
            }
        }
        Ok(there)
    }

    /// What a killed move has done is no edit; anything else is.
    async fn refuse_edits_since(&self, now: &Oid, planned: &Prediction) -> Result<(), GitError> {
        let since = self.git.changes(&planned.worktree, now).await?;
        let by_us = |change: &PathChange| {
            planned.changes.iter().any(|plan| {
                plan.path == change.path
                    && plan.object == change.object
                    && plan.after == change.after
            })
        };
        let edited = since.into_iter().filter(|change| !by_us(change));
        let files: Vec<PathBuf> = edited.map(|change| change.path).collect();
        if files.is_empty() {
            return Ok(());
        }
        Err(GitError::EditedMeanwhile { files })
    }

    /// The branch, or HEAD where it is detached.
    pub(super) async fn move_ref(&self, to: &Move) -> Result<(), GitError> {
        let branch = self.git.head_branch().await?;
        if branch.as_deref() != self.branch() {
            let text = "another branch was checked out while the upgrade was prepared";
            return Err(GitError::failed("update-ref", text));
        }
        let name = branch.map_or("HEAD".to_owned(), |branch| format!("refs/heads/{branch}"));
        if self.git.commit(&name).await?.as_ref() == Some(&to.to) {
            return Ok(());
        }
        let why = format!("refit: upgrade to {}", to.to.short());
        let ask = self
            .git
            .write("update-ref")
            .args(["--no-deref", "-m", &why, &name]);
        ask.arg(&to.to).arg(&to.from).bytes().await.map(drop)
    }

    /// The index: the target's, so that local edits show as such, with what was staged.
    pub(super) async fn move_index(&self, to: &Move, index: &Path) -> Result<(), GitError> {
        let marked = self.marked().await?;
        let announced = self.announced().await?;
        let git = &self.git;
        let ask = git.write("read-tree").arg("-m").index(index);
        ask.arg(&to.prediction.staged.after).bytes().await?;
        self.announce(&announced, index).await?;
        // Exit code 1 says that files differ from the index: local edits do.
        let refresh = git.write("update-index").args(["-q", "--refresh"]);
        refresh.index(index).ended().await?;
        if !self.is_sparse {
            for (mark, files) in marked {
                let ask = git
                    .write("update-index")
                    .index(index)
                    .arg(mark.option(true));
                for file in files {
                    // The target may no longer have the file: then there is nothing to mark.
                    ask.clone().arg("--").arg(file).ended().await?;
                }
            }
        }
        install_index(index, self)
    }
}

//! What a move would meet: local edits merged with the target, conflicts, files in the way. Works on a
//! copy of the index, so that neither work tree nor index nor any ref changes; only objects are added
//! to the repository (F33).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::changes::{ChangeKind, PathChange};
use super::checkout::Checkout;
use super::command::{Git, MANY};
use super::error::GitError;
use super::index::copy_index;
use super::oid::Oid;
use super::removed::Removed;
use super::scratch::scratch;
use super::staged::{PredictedIndex, StagedTrees};
use crate::git::command::{fields, path};
use crate::host::files;

/// What was edited here, from the top of the work tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LocalEdits {
    /// Tracked files that differ from HEAD, staged or not, removed ones included.
    pub edited: Vec<PathBuf>,
    /// Files and folders that git neither tracks nor ignores.
    pub untracked: Vec<PathBuf>,
    /// Files with conflicts that are not resolved.
    pub unmerged: Vec<PathBuf>,
}

/// What a move would make of the work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prediction {
    /// The tracked files as they lie in the work tree now, as a tree.
    pub worktree: Oid,
    /// As they are to lie there: the target with the local edits merged in. Without meaning where
    /// there are conflicts.
    pub tree: Oid,
    /// Tracked files whose local edits the target contradicts.
    pub conflicts: Vec<PathBuf>,
    /// Those of them that are gone here, from the folder or from git's index.
    pub gone_here: Vec<PathBuf>,
    /// The index now and after the move. Without meaning where there are conflicts.
    pub staged: StagedTrees,
    /// Files whose staged texts alone the target contradicts.
    pub staged_conflicts: Vec<PathBuf>,
    /// Tracked files that were edited here, and that the target does not have at their path any more.
    pub edited_and_gone: Vec<Removed>,
    /// Files that git does not know and that the target would overwrite.
    pub untracked_in_the_way: Vec<PathBuf>,
    /// Files that git does not know and that are what the target brings.
    pub untracked_and_same: Vec<PathBuf>,
    /// Every path in which `worktree` and `tree` differ.
    pub changes: Vec<PathChange>,
}

impl Prediction {
    /// Refuses what would lose something.
    ///
    /// # Errors
    /// [`GitError::EditedAndGone`], [`GitError::Conflict`], [`GitError::GoneHere`],
    /// [`GitError::StagedConflict`] and [`GitError::Untracked`].
    pub(crate) fn refuse_loss(&self) -> Result<(), GitError> {
        if !self.edited_and_gone.is_empty() {
            let files = self.edited_and_gone.clone();
            return Err(GitError::EditedAndGone { files });
        }
        let edited = self
            .conflicts
            .iter()
            .filter(|path| !self.gone_here.contains(path));
        let files: Vec<PathBuf> = edited.cloned().collect();
        if !files.is_empty() {
            return Err(GitError::Conflict { files });
        }
        if !self.gone_here.is_empty() {
            let files = self.gone_here.clone();
            return Err(GitError::GoneHere { files });
        }
        if !self.staged_conflicts.is_empty() {
            let files = self.staged_conflicts.clone();
            return Err(GitError::StagedConflict { files });
        }
        if !self.untracked_in_the_way.is_empty() {
            let files = self.untracked_in_the_way.clone();
            return Err(GitError::Untracked { files });
        }
        Ok(())
    }
}

/// A mark by which a person told git not to look at a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    AssumeUnchanged,
    SkipWorktree,
}

impl Mark {
    pub(super) fn option(self, set: bool) -> &'static str {
        match (self, set) {
            (Self::AssumeUnchanged, true) => "--assume-unchanged",
            (Self::AssumeUnchanged, false) => "--no-assume-unchanged",
            (Self::SkipWorktree, true) => "--skip-worktree",
            (Self::SkipWorktree, false) => "--no-skip-worktree",
        }
    }
}

impl Checkout {
    /// What was edited here.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn local_edits(&self) -> Result<LocalEdits, GitError> {
        let ask = self.git.ask("status").args([
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=normal",
        ]);
        let bytes = ask.bytes().await?;
        let mut edits = LocalEdits::default();
        for entry in fields(&bytes) {
            let (Some(state), Some(name)) = (entry.get(..2), entry.get(3..)) else {
                continue;
            };
            let list = match state {
                b"??" => &mut edits.untracked,
                b"DD" | b"AA" => &mut edits.unmerged,
                _ if state.contains(&b'U') => &mut edits.unmerged,
                _ => &mut edits.edited,
            };
            list.push(path(name));
        }
        Ok(edits)
    }

    /// What a move to a commit would make of the work tree. The files of `kept`, which the target
    /// removes, stay there as they are; git does not track them afterwards. What lies at `given_back` is
    /// nobody's edit, and gives way to the target.
    ///
    /// # Errors
    /// [`GitError::Busy`]; git fails.
    pub(crate) async fn predict(
        &self,
        target: &Oid,
        kept: &[PathBuf],
        given_back: &[PathBuf],
    ) -> Result<Prediction, GitError> {
        let (head_tree, target_tree) =
            tokio::join!(self.git.tree_of(&self.head), self.git.tree_of(target));
        let (head_tree, target_tree) = (head_tree?, target_tree?);
        let index = self.predict_index(&head_tree, &target_tree, kept);
        let trees = (&head_tree, &target_tree);
        self.predict_keeping(trees, kept, given_back, index).await
    }

    /// What becomes of the work tree when `wanted` takes the place of `base`, and of the index when
    /// `before` takes the place of `after`: what was edited and staged since is merged in.
    ///
    /// # Errors
    /// As [`Checkout::predict`].
    pub(crate) async fn predict_tree(
        &self,
        base: &Oid,
        wanted: &Oid,
        staged: &StagedTrees,
    ) -> Result<Prediction, GitError> {
        let index = self.predict_index(&staged.after, &staged.before, &[]);
        self.predict_keeping((base, wanted), &[], &[], index).await
    }

    async fn predict_keeping(
        &self,
        (base, wanted): (&Oid, &Oid),
        kept: &[PathBuf],
        given_back: &[PathBuf],
        staged: impl Future<Output = Result<PredictedIndex, GitError>>,
    ) -> Result<Prediction, GitError> {
        self.ensure_idle()?;
        let scratch = scratch()?;
        let index = scratch.path().join("index");
        let worktree = self.snapshot(&index).await?;
        // Where all three have the same file, a merge has no part in it.
        let git = &self.git;
        let as_it_lies = [kept, given_back].concat();
        let base = &git.with_files(base, &worktree, &as_it_lies, &index).await?;
        let wanted = &git.with_files(wanted, &worktree, kept, &index).await?;
        let (tree, mut conflicts) = if worktree == *base {
            (wanted.clone(), Vec::new())
        } else {
            git.merge(base, &worktree, wanted).await?
        };
        let changes = git.changes(&worktree, &tree).await?;
        if conflicts.is_empty() {
            conflicts = self.edited_submodules(&changes).await?;
        }
        let edited_and_gone = git.edited_and_gone(base, &worktree, wanted).await?;
        conflicts.retain(|path| edited_and_gone.iter().all(|gone| gone.path != *path));
        let (in_the_way, same) = self.untracked_below(&changes).await?;
        let gone = git.removed(base, &worktree).await?;
        let is_gone = |path: &&PathBuf| gone.iter().any(|gone| gone.path == **path);
        let gone_here: Vec<PathBuf> = conflicts.iter().filter(is_gone).cloned().collect();
        let staged = staged.await?;
        let mut staged_conflicts = staged.conflicts;
        staged_conflicts.retain(|path| !conflicts.contains(path));
        Ok(Prediction {
            gone_here,
            staged: staged.trees,
            staged_conflicts,
            worktree,
            tree,
            conflicts,
            edited_and_gone,
            untracked_in_the_way: in_the_way,
            untracked_and_same: same,
            changes,
        })
    }

    /// Makes `index` a copy of the index in which every tracked file is as it lies in the work tree,
    /// and gives that as a tree.
    pub(super) async fn snapshot(&self, index: &Path) -> Result<Oid, GitError> {
        copy_index(&self.index(), index)?;
        let git = &self.git;
        let unmerged = git.ask("ls-files").args(["-u", "-z"]).bytes().await?;
        if !unmerged.is_empty() {
            return Err(GitError::Busy {
                top: git.top().to_owned(),
                what: "files have conflicts that are not resolved".to_owned(),
                way_out: "git status names them; resolve them, then git add FILE",
            });
        }
        for (mark, files) in self.marked().await? {
            let ask = git.write("update-index").index(index);
            for some in files.chunks(MANY) {
                let ask = ask.clone().arg(mark.option(false)).arg("--").args(some);
                ask.bytes().await?;
            }
        }
        git.write("add").arg("-u").index(index).bytes().await?;
        git.write("write-tree").index(index).oid().await
    }

    /// Tracked files that git was told not to look at, and that are there all the same: local edits
    /// may hide in them.
    pub(super) async fn marked(&self) -> Result<Vec<(Mark, Vec<PathBuf>)>, GitError> {
        let bytes = self.git.ask("ls-files").args(["-v", "-z"]).bytes().await?;
        let mut assumed = Vec::new();
        let mut skipped = Vec::new();
        for entry in fields(&bytes) {
            let (Some(letter), Some(name)) = (entry.first(), entry.get(2..)) else {
                continue;
            };
            let name = path(name);
            let is_there = || self.git.top().join(&name).symlink_metadata().is_ok();
            if letter.is_ascii_lowercase() && is_there() {
                assumed.push(name.clone());
            }
            if letter.eq_ignore_ascii_case(&b'S') && is_there() {
                skipped.push(name);
            }
        }
        let all = [
            (Mark::AssumeUnchanged, assumed),
            (Mark::SkipWorktree, skipped),
        ];
        Ok(all
            .into_iter()
            .filter(|(_, files)| !files.is_empty())
            .collect())
    }

    /// Files that git does not know where the target has files: those in the way, and those that are
    /// the same.
    pub(super) async fn untracked_below(
        &self,
        changes: &[PathChange],
    ) -> Result<(Vec<PathBuf>, Vec<PathBuf>), GitError> {
        let going: BTreeSet<&Path> = changes
            .iter()
            .filter(|change| change.before != ChangeKind::Nothing)
            .map(|change| change.path.as_path())
            .collect();
        let (mut in_the_way, mut same) = (BTreeSet::new(), Vec::new());
        let coming = |change: &&PathChange| change.before == ChangeKind::Nothing;
        for change in changes.iter().filter(coming) {
            let found = obstacles(self.git.top(), &change.path, &going);
            if found == [change.path.clone()] && self.is_same(change).await? {
                same.push(change.path.clone());
            } else {
                in_the_way.extend(found);
            }
        }
        Ok((in_the_way.into_iter().collect(), same))
    }

    /// Whether what lies at a path is what the target has there.
    pub(super) async fn is_same(&self, change: &PathChange) -> Result<bool, GitError> {
        let top = self.git.top();
        let file = top.join(&change.path);
        let Ok(metadata) = file.symlink_metadata() else {
            return Ok(false);
        };
        // git writes nothing through a symlink: the folder takes its place.
        if files::is_beyond_link(top, &file) {
            return Ok(false);
        }
        if metadata.is_dir() || metadata.is_symlink() != (change.after == ChangeKind::Link) {
            return Ok(false);
        }
        let Some(object) = &change.object else {
            return Ok(false);
        };
        if metadata.is_symlink() {
            let target = self.git.ask("cat-file").arg("blob").arg(object);
            let target = path(&target.bytes().await?);
            return Ok(fs::read_link(&file).is_ok_and(|link| link == target));
        }
        let ask = self.git.ask("hash-object").arg("--").arg(&change.path);
        Ok(ask.oid().await? == *object)
    }
}

/// What lies where a file is to come, and does not go by itself.
fn obstacles(top: &Path, path: &Path, going: &BTreeSet<&Path>) -> Vec<PathBuf> {
    let above = path
        .ancestors()
        .skip(1)
        .filter(|dir| !dir.as_os_str().is_empty());
    for dir in above {
        match top.join(dir).symlink_metadata() {
            Ok(metadata) if !metadata.is_dir() && !going.contains(dir) => {
                return vec![dir.to_owned()];
            }
            // Below a tracked file or symlink that goes, there is nothing of the checkout.
            Ok(metadata) if !metadata.is_dir() => return Vec::new(),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(one) = open.pop() {
        let Ok(metadata) = top.join(&one).symlink_metadata() else {
            continue;
        };
        if !metadata.is_dir() {
            found.extend((!going.contains(one.as_path())).then_some(one));
            continue;
        }
        let entries = fs::read_dir(top.join(&one)).into_iter().flatten().flatten();
        open.extend(entries.map(|entry| one.join(entry.file_name())));
    }
    found.sort();
    found
}

impl Git {
    /// The tree of a commit.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn tree_of(&self, commit: &Oid) -> Result<Oid, GitError> {
        let name = format!("{commit}^{{tree}}");
        self.ask("rev-parse").args(["--verify", &name]).oid().await
    }

    /// A tree with some files as another one has them, or has them not, each at its path; `index` is scratch.
    pub(super) async fn with_files(
        &self,
        tree: &Oid,
        of: &Oid,
        files: &[PathBuf],
        index: &Path,
    ) -> Result<Oid, GitError> {
        if files.is_empty() {
            return Ok(tree.clone());
        }
        let read = self.write("read-tree").arg(tree).index(index);
        read.bytes().await?;
        let listed = self.ask("ls-tree").args(["-r", "-z", "--full-tree"]);
        let listed = listed.arg(of).arg("--").args(files).bytes().await?;
        let removed = self
            .write("update-index")
            .index(index)
            .arg("--force-remove");
        removed.arg("--").args(files).bytes().await?;
        for entry in fields(&listed) {
            // `MODE TYPE OBJECT` and the path, after a tab.
            let tab = entry.iter().position(|byte| *byte == b'\t');
            let Some((meta, name)) = tab.and_then(|tab| entry.split_at_checked(tab)) else {
                continue;
            };
            let meta = String::from_utf8_lossy(meta);
            let mut words = meta.split(' ');
            if let (Some(mode), Some(object)) = (words.next(), words.nth(1)) {
                let ask = self.write("update-index").index(index);
                let ask = ask.args(["--add", "--cacheinfo", mode, object]);
                ask.arg(path(&name[1..])).bytes().await?;
            }
        }
        self.write("write-tree").index(index).oid().await
    }

    /// The files that were edited since `base` and that `wanted` removes. A merge would carry the edits to
    /// where upstream has moved the file: into a sample, where nobody reads them, and where a password
    /// is tracked.
    async fn edited_and_gone(
        &self,
        base: &Oid,
        worktree: &Oid,
        wanted: &Oid,
    ) -> Result<Vec<Removed>, GitError> {
        if worktree == base {
            return Ok(Vec::new());
        }
        let edited = self.changes(base, worktree).await?;
        let mut removed = self.removed(base, wanted).await?;
        // What was removed here as well is nobody's loss.
        removed.retain(|gone| {
            let mut edited = edited.iter();
            edited.any(|edit| edit.path == gone.path && edit.after != ChangeKind::Nothing)
        });
        Ok(removed)
    }

    /// Merges two trees that come from a third; the paths are those in conflict.
    ///
    /// The base is given as the parent of two commits made for it: `--merge-base` would need git 2.40 (F33).
    pub(super) async fn merge(
        &self,
        base: &Oid,
        ours: &Oid,
        theirs: &Oid,
    ) -> Result<(Oid, Vec<PathBuf>), GitError> {
        let parent = self.loose_commit(base, None).await?;
        let ours = self.loose_commit(ours, Some(&parent)).await?;
        let theirs = self.loose_commit(theirs, Some(&parent)).await?;
        let ask = self.ask("merge-tree");
        let ask = ask.args(["--write-tree", "-z", "--name-only", "--no-messages"]);
        let ask = ask.arg(&ours).arg(&theirs);
        let ended = ask.ended().await?;
        if ended.stderr.contains("usage: git merge-tree") {
            let text = "there are local edits, and this git cannot predict a merge: it needs 2.38 or newer";
            return Err(GitError::failed("merge-tree", text));
        }
        if !matches!(ended.code, Some(0 | 1)) {
            return Err(ask.failure(&ended));
        }
        let mut fields = fields(&ended.stdout);
        let tree = String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
        let tree = tree.trim().parse();
        let tree = tree.map_err(|_| ask.failure(&ended))?;
        // Of a path that is of another kind on each side, one has git's name for that side.
        let sides = [&ours, &theirs].map(|side| format!("~{side}"));
        let own = |name: &[u8]| {
            let mut sides = sides.iter();
            let end = sides.find(|side| name.ends_with(side.as_bytes()));
            path(&name[..name.len() - end.map_or(0, String::len)])
        };
        let mut conflicts: Vec<PathBuf> = fields.map(own).collect();
        conflicts.sort();
        conflicts.dedup();
        Ok((tree, conflicts))
    }

    /// A commit that no ref names.
    pub(super) async fn loose_commit(
        &self,
        tree: &Oid,
        parent: Option<&Oid>,
    ) -> Result<Oid, GitError> {
        let mut ask = self.write("commit-tree").args(["-m", "refit"]);
        if let Some(parent) = parent {
            ask = ask.arg("-p").arg(parent);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            ask = ask
                .env(&format!("GIT_{role}_NAME"), "refit")
                .env(&format!("GIT_{role}_EMAIL"), "refit@localhost")
                .env(&format!("GIT_{role}_DATE"), "@0 +0000");
        }
        ask.arg(tree).oid().await
    }
}

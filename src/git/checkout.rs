//! What a folder's checkout is: read, never changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use crate::git::command::{fields, path};

/// A checkout with at least one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkout {
    /// git in its top folder.
    pub git: Git,
    /// The folder that was asked about, from the top; empty for the top itself.
    pub prefix: PathBuf,
    /// Its folders under the names by which it was asked about.
    pub named: NamedRoot,
    /// The commit that is checked out.
    pub head: Oid,
    /// What names it.
    pub at: HeadName,
    /// What the branch follows.
    pub upstream: Option<Upstream>,
    /// Its own git folder: `.git`, or that of a worktree.
    pub git_dir: PathBuf,
    /// The git folder that it shares with other worktrees; mostly the same.
    pub common_dir: PathBuf,
    /// Whether history was cut off at cloning.
    pub is_shallow: bool,
    /// Whether only some of the tracked files are meant to be there.
    pub is_sparse: bool,
    /// Whether `.gitmodules` is there.
    pub has_submodules: bool,
}

/// A folder of a checkout under the name by which somebody came there: a symlink may lead to it, or to a
/// folder above, and Compose names everything after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedRoot {
    /// Its name.
    pub folder: PathBuf,
    /// Where it lies, from the top of the work tree.
    pub inside: PathBuf,
}

impl NamedRoot {
    /// Of a folder that lies at `prefix` in the work tree: the top itself, where the name shows the way.
    fn of(directory: &Path, prefix: &Path) -> Self {
        let depth = prefix.components().count();
        match directory.ancestors().nth(depth) {
            Some(top) if directory.ends_with(prefix) => Self {
                folder: top.to_owned(),
                inside: PathBuf::new(),
            },
            Some(_) | None => Self {
                folder: directory.to_owned(),
                inside: prefix.to_owned(),
            },
        }
    }
}

/// What HEAD names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadName {
    /// A branch.
    Branch(String),
    /// A commit, with the tags that name it.
    Detached {
        /// Possibly none.
        tags: Vec<String>,
    },
}

/// What a branch follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// The remote; `.` is this repository itself.
    pub remote: String,
    /// The branch's ref there: `refs/heads/main`.
    pub branch: String,
    /// The ref here that remembers it: `refs/remotes/origin/main`.
    pub tracking: String,
}

impl Upstream {
    /// As a person writes it: `origin/main`.
    pub(crate) fn name(&self) -> &str {
        let short = self.tracking.strip_prefix("refs/remotes/");
        short.unwrap_or_else(|| self.tracking.trim_start_matches("refs/heads/"))
    }
}

impl Checkout {
    /// The checkout that a folder lies in; `None` outside of one, in a bare repository, and before
    /// the first commit. `git` says how to call; its folder does not matter.
    ///
    /// # Errors
    /// There is no git and the folder looks like a checkout; git does not trust the folder.
    pub(crate) async fn find(git: &Git, directory: &Path) -> Result<Option<Self>, GitError> {
        let git = git.in_folder(directory);
        let ask = git.ask("rev-parse").args([
            "--path-format=absolute",
            "--show-toplevel",
            "--git-dir",
            "--git-common-dir",
            "--is-shallow-repository",
            "--show-prefix",
        ]);
        let ended = match ask.ended().await {
            Err(GitError::NoGit) if !looks_like_checkout(directory) => return Ok(None),
            other => other?,
        };
        if !ended.ok() {
            let none = ["not a git repository", "must be run in a work tree"];
            if none.iter().any(|mark| ended.stderr.contains(mark)) {
                return Ok(None);
            }
            return Err(ask.failure(&ended));
        }
        let text = String::from_utf8_lossy(&ended.stdout);
        let mut lines = text.lines();
        let mut next = || lines.next().unwrap_or_default();
        let (top, git_dir, common_dir) = (next(), next(), next());
        let (shallow, prefix) = (next(), next());
        let git = git.in_folder(top);
        let Some(head) = git.commit("HEAD").await? else {
            return Ok(None);
        };
        let (at, sparse) = tokio::join!(git.head_at(&head), git.is_set("core.sparseCheckout"));
        let at = at?;
        Ok(Some(Self {
            upstream: match &at {
                HeadName::Branch(branch) => git.upstream(branch).await?,
                HeadName::Detached { .. } => None,
            },
            at,
            named: NamedRoot::of(directory, Path::new(prefix)),
            prefix: PathBuf::from(prefix),
            head,
            git_dir: PathBuf::from(git_dir),
            common_dir: PathBuf::from(common_dir),
            is_shallow: shallow == "true",
            is_sparse: sparse?,
            has_submodules: git.top().join(".gitmodules").exists(),
            git,
        }))
    }

    /// A path of the work tree under the name by which Compose knows it.
    pub(crate) fn named(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.named.inside) {
            Ok(rest) => self.named.folder.join(rest),
            Err(_) => self.git.top().join(path),
        }
    }

    /// Where a path lies in the work tree; the opposite of [`Checkout::named`].
    pub(crate) fn inside(&self, path: &Path) -> Option<PathBuf> {
        match path.strip_prefix(&self.named.folder) {
            Ok(rest) => Some(self.named.inside.join(rest)),
            Err(_) => path.strip_prefix(self.git.top()).ok().map(Path::to_owned),
        }
    }

    /// The branch, unless HEAD is detached.
    pub(crate) fn branch(&self) -> Option<&str> {
        match &self.at {
            HeadName::Branch(branch) => Some(branch),
            HeadName::Detached { .. } => None,
        }
    }

    /// What the branch follows.
    ///
    /// # Errors
    /// [`GitError::NoUpstream`].
    pub(crate) fn need_upstream(&self) -> Result<&Upstream, GitError> {
        self.upstream.as_ref().ok_or_else(|| GitError::NoUpstream {
            at: self.branch().map(Into::into),
        })
    }

    /// The index file.
    pub(crate) fn index(&self) -> PathBuf {
        self.git_dir.join("index")
    }

    /// Whether git tracks a file; the path is absolute, or from the top.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn is_tracked(&self, path: &Path) -> Result<bool, GitError> {
        let ask = self.git.ask("ls-files").args(["-z", "--cached", "--"]);
        let listed = ask.arg(path).ended().await?;
        // A path outside the checkout is none that it tracks.
        Ok(listed.ok() && fields(&listed.stdout).next().is_some())
    }

    /// Those of some files that are just as HEAD has them; the paths are absolute.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn as_committed(
        &self,
        files: &[&Path],
    ) -> Result<BTreeSet<PathBuf>, GitError> {
        let inside: Vec<PathBuf> = files.iter().filter_map(|file| self.inside(file)).collect();
        if inside.is_empty() {
            return Ok(BTreeSet::new());
        }
        let listed = self.git.ask("ls-files").args(["-z", "--"]).args(&inside);
        let edited =
            self.git
                .ask("diff")
                .args(["--name-only", "-z", "--no-relative", "HEAD", "--"]);
        let (listed, edited) = (listed.bytes().await?, edited.args(&inside).bytes().await?);
        let edited: BTreeSet<PathBuf> = fields(&edited).map(path).collect();
        let listed = fields(&listed)
            .map(path)
            .filter(|file| !edited.contains(file));
        Ok(listed.map(|file| self.named(&file)).collect())
    }

    /// Whether a tracked file, as it lies in the work tree, is as a commit before HEAD had it.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn was_committed(&self, file: &Path) -> Result<bool, GitError> {
        let is_there = self.git.top().join(file).symlink_metadata().is_ok();
        let object = match is_there {
            true => {
                let ask = self.git.ask("hash-object").arg("--").arg(file);
                ask.text().await?
            }
            // As git writes that there was nothing.
            false => "0".repeat(self.head.as_str().len()),
        };
        let past = self
            .git
            .ask("log")
            .args(["--format=", "--raw", "--no-abbrev", "--no-renames"]);
        let past = past
            .args(["-m", "--first-parent", "HEAD", "--"])
            .arg(file)
            .text()
            .await?;
        Ok(past.contains(&object))
    }

    /// Refuses a checkout in which something else is going on.
    ///
    /// # Errors
    /// [`GitError::Busy`].
    pub(crate) fn ensure_idle(&self) -> Result<(), GitError> {
        const GOING_ON: [(&str, &str, &str); 6] = [
            ("MERGE_HEAD", "a merge is not finished", "git merge --abort"),
            (
                "rebase-merge",
                "a rebase is not finished",
                "git rebase --abort",
            ),
            (
                "rebase-apply",
                "a rebase is not finished",
                "git rebase --abort",
            ),
            (
                "CHERRY_PICK_HEAD",
                "a cherry-pick is not finished",
                "git cherry-pick --abort",
            ),
            (
                "REVERT_HEAD",
                "a revert is not finished",
                "git revert --abort",
            ),
            ("BISECT_LOG", "a bisect is not finished", "git bisect reset"),
        ];
        for (file, what, way_out) in GOING_ON {
            if self.git_dir.join(file).exists() {
                return Err(GitError::Busy {
                    top: self.git.top().to_owned(),
                    what: what.to_owned(),
                    way_out,
                });
            }
        }
        if self.git_dir.join("index.lock").exists() {
            return Err(GitError::locked(self.git.top()));
        }
        Ok(())
    }
}

/// Without git nothing can be asked; its folder is there to see all the same.
fn looks_like_checkout(directory: &Path) -> bool {
    directory.ancestors().any(|dir| dir.join(".git").exists())
}

impl Git {
    /// The commit that a name means, tags peeled; `None`: there is none.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn commit(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let wanted = match name.strip_prefix(":/") {
            // What it searches for has no end.
            Some(words) => format!("HEAD^{{/{words}}}^{{commit}}"),
            None => format!("{name}^{{commit}}"),
        };
        let ask = self
            .ask("rev-parse")
            .args(["-q", "--verify", "--end-of-options"]);
        let ended = ask.arg(wanted).ended().await?;
        Ok(String::from_utf8_lossy(&ended.stdout).trim().parse().ok())
    }

    async fn head_at(&self, head: &Oid) -> Result<HeadName, GitError> {
        if let Some(branch) = self.head_branch().await? {
            return Ok(HeadName::Branch(branch));
        }
        let tags = self.ask("tag").arg("--points-at").arg(head).text().await?;
        Ok(HeadName::Detached {
            tags: tags.lines().map(Into::into).collect(),
        })
    }

    /// The branch that HEAD names; `None`: it is detached.
    pub(super) async fn head_branch(&self) -> Result<Option<String>, GitError> {
        let head = self.ask("symbolic-ref").args(["-q", "HEAD"]);
        let name = head.text_if_any().await?;
        Ok(name.and_then(|name| name.strip_prefix("refs/heads/").map(Into::into)))
    }

    /// Whether a setting is true.
    async fn is_set(&self, setting: &str) -> Result<bool, GitError> {
        let ask = self.ask("config").args(["--type=bool", "--get", setting]);
        Ok(ask.text_if_any().await?.as_deref() == Some("true"))
    }

    async fn upstream(&self, branch: &str) -> Result<Option<Upstream>, GitError> {
        let format = "--format=%(upstream)%00%(upstream:remotename)%00%(upstream:remoteref)";
        let of = format!("refs/heads/{branch}");
        let text = self.ask("for-each-ref").args([format, &of]).text().await?;
        // The pattern also matches `branch/below`, which git does not allow beside `branch`.
        let mut parts = text.lines().next().unwrap_or_default().split('\0');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (tracking, remote, upstream) = (next(), next(), next());
        match tracking.is_empty() {
            true => self.upstream_not_fetched(branch).await,
            false => Ok(Some(Upstream {
                remote,
                branch: upstream,
                tracking,
            })),
        }
    }

    /// A branch of the remote that a plain fetch leaves out, as in a single-branch clone: git has no name
    /// for it then.
    async fn upstream_not_fetched(&self, branch: &str) -> Result<Option<Upstream>, GitError> {
        let of = async |name: &str| {
            let setting = format!("branch.{branch}.{name}");
            self.ask("config")
                .args(["--get", &setting])
                .text_if_any()
                .await
        };
        let (Some(remote), Some(upstream)) = (of("remote").await?, of("merge").await?) else {
            return Ok(None);
        };
        let name = upstream.strip_prefix("refs/heads/");
        let Some(name) = name else {
            return Ok(None);
        };
        // It may be `.`, or an address.
        let is_remote = self.remotes().await?.contains(&remote);
        Ok(is_remote.then(|| Upstream {
            tracking: format!("refs/remotes/{remote}/{name}"),
            branch: upstream.clone(),
            remote,
        }))
    }
}

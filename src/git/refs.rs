//! Branches, tags and commits that an upgrade can go to, and refs of our own that keep a commit.

use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use crate::git::command::fields;

/// A tag of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its name, without `refs/tags/`.
    pub name: String,
    /// The commit, where it is here; of a shallow clone's other tags only the name is known.
    pub commit: Option<Oid>,
    /// When it was made (or its commit, where the tag itself has no date), in seconds since 1970.
    pub made: Option<i64>,
}

/// A branch of a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    /// Its name there.
    pub name: String,
    /// Its newest commit, as of the last fetch.
    pub commit: Oid,
}

/// A branch that is followed, as the remote has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemoteBranch {
    /// Whether it is there.
    pub exists: bool,
    /// The branch that the remote names as its own, where it names one.
    pub default: Option<String>,
}

/// A commit and its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dated {
    /// The commit.
    pub commit: Oid,
    /// When it was committed, in seconds since 1970.
    pub made: i64,
}

/// Refs of ours live below this.
const OURS: &str = "refs/refit/";

impl Git {
    /// Every tag of a commit that is here.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, GitError> {
        self.tags_with(&[]).await
    }

    /// The tags that a commit is built on, its own included.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn tags_below(&self, commit: &Oid) -> Result<Vec<Tag>, GitError> {
        self.tags_with(&["--merged", commit.as_str()]).await
    }

    /// The tags on the way from one commit to another.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn tags_between(&self, from: &Oid, to: &Oid) -> Result<Vec<Tag>, GitError> {
        self.tags_with(&["--merged", to.as_str(), "--no-merged", from.as_str()])
            .await
    }

    async fn tags_with(&self, which: &[&str]) -> Result<Vec<Tag>, GitError> {
        let format = "--format=%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(creatordate:unix)";
        let ask = self
            .ask("for-each-ref")
            .args([format, "--sort=creatordate"]);
        let text = ask.args(which).arg("refs/tags").text().await?;
        let tag = |line: &str| {
            let mut parts = line.split('\0');
            let name = parts.next()?.strip_prefix("refs/tags/")?.to_owned();
            let own = (parts.next()?, parts.next()?);
            let peeled = (parts.next()?, parts.next()?);
            let commit = [own, peeled]
                .into_iter()
                .find_map(|(kind, id)| (kind == "commit").then_some(id))?;
            Some(Tag {
                name,
                commit: commit.parse().ok(),
                made: parts.next()?.parse().ok(),
            })
        };
        Ok(text.lines().filter_map(tag).collect())
    }

    /// The tags that a remote has, by name: what a shallow clone has not fetched is among them.
    ///
    /// # Errors
    /// The remote does not answer.
    pub(crate) async fn remote_tags(&self, remote: &str) -> Result<Vec<Tag>, GitError> {
        let ask = self.remote_ask("ls-remote").await?;
        let text = ask
            .args(["--tags", "--refs", "--"])
            .arg(remote)
            .text()
            .await?;
        let names = text
            .lines()
            .filter_map(|line| line.split_once("\trefs/tags/"));
        Ok(names
            .map(|(_, name)| Tag {
                name: name.to_owned(),
                commit: None,
                made: None,
            })
            .collect())
    }

    /// Asks a remote for one of its branches: the ref here that remembers it outlives it.
    ///
    /// # Errors
    /// The remote does not answer.
    pub(crate) async fn remote_branch(
        &self,
        remote: &str,
        branch: &str,
    ) -> Result<RemoteBranch, GitError> {
        let whole = format!("refs/heads/{branch}");
        let ask = self.remote_ask("ls-remote").await?;
        let ask = ask.args(["--symref", "--"]).arg(remote);
        let text = ask.args(["HEAD", &whole]).text().await?;
        let mut found = RemoteBranch {
            exists: false,
            default: None,
        };
        for (meaning, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            found.exists |= name == whole;
            let default = meaning.strip_prefix("ref: refs/heads/");
            if let Some(default) = default.filter(|_| name == "HEAD") {
                found.default = Some(default.to_owned());
            }
        }
        Ok(found)
    }

    /// The branches of a remote as of the last fetch.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn remote_branches(&self, remote: &str) -> Result<Vec<Branch>, GitError> {
        let below = format!("refs/remotes/{remote}/");
        let format = "--format=%(refname)%00%(objectname)";
        let text = self
            .ask("for-each-ref")
            .args([format, &below])
            .text()
            .await?;
        let branch = |line: &str| {
            let (name, commit) = line.split_once('\0')?;
            let name = name.strip_prefix(&below).filter(|name| *name != "HEAD")?;
            Some(Branch {
                name: name.to_owned(),
                commit: commit.parse().ok()?,
            })
        };
        Ok(text.lines().filter_map(branch).collect())
    }

    /// The names of all remotes.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn remotes(&self) -> Result<Vec<String>, GitError> {
        let text = self.ask("remote").text().await?;
        Ok(text.lines().map(Into::into).collect())
    }

    /// The commits that lead from one to another along first parents, newest first.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn first_parents(&self, from: &Oid, to: &Oid) -> Result<Vec<Dated>, GitError> {
        let ask = self
            .ask("log")
            .args(["--first-parent", "-z", "--format=%H %ct"]);
        let bytes = ask.arg(to).arg("--not").arg(from).bytes().await?;
        let dated = |field: &[u8]| {
            let text = String::from_utf8_lossy(field).into_owned();
            let (commit, made) = text.trim().split_once(' ')?;
            Some(Dated {
                commit: commit.parse().ok()?,
                made: made.parse().ok()?,
            })
        };
        Ok(fields(&bytes).filter_map(dated).collect())
    }

    /// Whether a commit has a file at a path, or below it; the path is from the top of the work tree.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn has_at(
        &self,
        commit: &Oid,
        path: &std::path::Path,
    ) -> Result<bool, GitError> {
        let ask = self.ask("ls-tree").args(["-r", "-z", "--full-tree"]);
        let listed = ask.arg(commit).arg("--").arg(path).bytes().await?;
        Ok(!listed.is_empty())
    }

    /// Keeps a commit from being removed, under `refs/refit/NAME`.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn keep_ref(&self, name: &str, commit: &Oid) -> Result<(), GitError> {
        let name = format!("{OURS}{name}");
        let ask = self.write("update-ref").args(["--no-deref", &name]);
        ask.arg(commit).bytes().await.map(drop)
    }

    /// The same for trees that no commit has, as descendants of `parent`.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn keep_trees(
        &self,
        name: &str,
        trees: &[&Oid],
        parent: &Oid,
    ) -> Result<(), GitError> {
        let mut commit = parent.clone();
        for tree in trees {
            commit = self.loose_commit(tree, Some(&commit)).await?;
        }
        self.keep_ref(name, &commit).await
    }

    /// Gives up `refs/refit/NAME`; one that is not there is no error.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn drop_ref(&self, name: &str) -> Result<(), GitError> {
        let name = format!("{OURS}{name}");
        let ask = self.write("update-ref").args(["--no-deref", "-d", &name]);
        ask.bytes().await.map(drop)
    }

    /// The bytes of a file at a commit, as a checkout would write them; `None`: it has no such file.
    /// The path is from the top of the work tree.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn read_at(
        &self,
        commit: &Oid,
        path: &std::path::Path,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let listed = self.ask("ls-tree").args(["-z", "--full-tree"]).arg(commit);
        let entry = listed.arg("--").arg(path).bytes().await?;
        if !fields(&entry).any(|entry| entry.starts_with(b"100")) {
            return Ok(None);
        }
        let mut name = std::ffi::OsString::from(format!("{commit}:"));
        name.push(path);
        let ask = self.ask("cat-file").args(["--filters"]).arg(name);
        ask.bytes().await.map(Some)
    }
}

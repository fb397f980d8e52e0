//! How two commits stand to each other, and what lies between them.

use std::path::Path;

use super::changes::PathChange;
use super::checkout::Checkout;
use super::checkout::Upstream;
use super::command::Git;
use super::error::Commits;
use super::error::GitError;
use super::oid::Oid;
use crate::git::command::fields;

/// How a target stands to the commit that is checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// It is that commit.
    Same,
    /// It is built on it.
    Forward {
        /// How many commits lie between.
        count: u64,
    },
    /// It is older: HEAD is built on it.
    Behind {
        /// How many commits would be left.
        count: u64,
    },
    /// It is on another line of history, and nothing that was made here is left behind: HEAD is a
    /// commit that the remote or a tag still has. So it is between tags of release branches.
    Aside {
        /// How many commits the target has that HEAD does not.
        theirs: u64,
    },
    /// Commits were made here that the target does not have.
    Diverged {
        /// How many.
        ours: u64,
        /// How many the target has that HEAD does not.
        theirs: u64,
    },
    /// Upstream's branch once had commits that HEAD is built on, and no longer has them.
    Rewritten {
        /// How many upstream gave up.
        gone: u64,
        /// How many were made here on top of them.
        ours: u64,
        /// How many the target has that HEAD does not.
        theirs: u64,
    },
}

impl Relation {
    /// Refuses what a fast-forward is not. `Behind` and `Aside` pass: whoever names an older or
    /// another release wants it.
    ///
    /// # Errors
    /// [`GitError::Rewritten`] and [`GitError::Diverged`], about `target` as a person names it.
    pub(crate) fn refuse_loss(self, target: &str) -> Result<(), GitError> {
        let upstream = target.to_owned();
        match self {
            Self::Diverged { ours, theirs } => Err(GitError::Diverged {
                upstream,
                ours: Commits(ours),
                theirs: Commits(theirs),
            }),
            Self::Rewritten { gone, ours, theirs } => Err(GitError::Rewritten {
                upstream,
                gone: Commits(gone),
                ours: Commits(ours),
                theirs: Commits(theirs),
            }),
            Self::Same | Self::Forward { .. } | Self::Behind { .. } | Self::Aside { .. } => Ok(()),
        }
    }
}

/// What a target brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCommits {
    /// How many commits.
    pub count: u64,
    /// Subject of the oldest of them.
    pub oldest: Option<String>,
    /// Subject of the newest.
    pub newest: Option<String>,
    /// Tags among them, oldest first.
    pub tags: Vec<String>,
    /// Every path in which the two commits differ.
    pub changes: Vec<PathChange>,
}

impl Git {
    /// Whether `old` is `new` or one that it is built on.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn is_ancestor(&self, old: &Oid, new: &Oid) -> Result<bool, GitError> {
        let ask = self.ask("merge-base").arg("--is-ancestor");
        ask.arg(old).arg(new).yes().await
    }

    /// The commit that was checked out at a time, in seconds since 1970; `None`: the reflog does not go
    /// back so far.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn head_then(&self, time: i64) -> Result<Option<Oid>, GitError> {
        let moves =
            self.ask("log")
                .args(["-g", "-z", "--date=unix", "--format=%H %gd", "HEAD", "--"]);
        let moves = moves.bytes().await?;
        let entry = fields(&moves).find_map(|entry| {
            let text = String::from_utf8_lossy(entry).into_owned();
            let (commit, since) = text.trim().split_once(" HEAD@{")?;
            let since: i64 = since.strip_suffix('}')?.parse().ok()?;
            (since <= time).then(|| commit.parse().ok()).flatten()
        });
        Ok(entry)
    }

    /// Whether two commits differ in what lies at a path.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn differ_in(
        &self,
        one: &Oid,
        other: &Oid,
        path: &Path,
    ) -> Result<bool, GitError> {
        let ask = self.ask("diff-tree").args(["--quiet", "-r"]);
        let ask = ask.arg(one).arg(other).arg("--");
        // An empty path is the whole tree.
        let ask = match path.as_os_str().is_empty() {
            true => ask,
            false => ask.arg(path),
        };
        Ok(!ask.yes().await?)
    }

    /// Whether one of two is built on the other.
    pub(super) async fn is_line(&self, one: &Oid, other: &Oid) -> Result<bool, GitError> {
        Ok(self.is_ancestor(one, other).await? || self.is_ancestor(other, one).await?)
    }

    /// How many commits `of` has that `without` does not.
    async fn count(&self, of: &Oid, without: &Oid) -> Result<u64, GitError> {
        let ask = self.ask("rev-list").arg("--count").arg(of);
        let text = ask.arg("--not").arg(without).text().await?;
        text.parse()
            .map_err(|_| GitError::failed("rev-list", &text))
    }

    /// What a target brings to a commit.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn news(&self, head: &Oid, target: &Oid) -> Result<NewCommits, GitError> {
        let subjects = self
            .ask("log")
            .args(["-z", "--topo-order", "--format=%s"])
            .arg(target);
        let subjects = subjects.arg("--not").arg(head);
        let (subjects, tags, changes) = tokio::join!(
            subjects.bytes(),
            self.tags_between(head, target),
            self.changes(head, target)
        );
        let subjects = subjects?;
        // A commit may be without a word: its field is empty, and counts.
        let all: Vec<&[u8]> = match subjects.strip_suffix(b"\0").unwrap_or(&subjects) {
            [] if subjects.is_empty() => Vec::new(),
            text => text.split(|byte| *byte == 0).collect(),
        };
        let text = |subject: &&[u8]| String::from_utf8_lossy(subject).trim().to_owned();
        Ok(NewCommits {
            count: all.len() as u64,
            oldest: all.last().map(text),
            newest: all.first().map(text),
            tags: tags?.into_iter().map(|tag| tag.name).collect(),
            changes: changes?,
        })
    }
}

impl Checkout {
    /// How a target stands to HEAD. `upstream` is the branch that it was taken from, if it was: its
    /// reflog tells a rewritten history from commits that were made here.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn relation(
        &self,
        target: &Oid,
        upstream: Option<&Upstream>,
    ) -> Result<Relation, GitError> {
        let (git, head) = (&self.git, &self.head);
        if head == target {
            return Ok(Relation::Same);
        }
        if git.is_ancestor(head, target).await? {
            let count = git.count(target, head).await?;
            return Ok(Relation::Forward { count });
        }
        if git.is_ancestor(target, head).await? {
            let count = git.count(head, target).await?;
            return Ok(Relation::Behind { count });
        }
        let theirs = git.count(target, head).await?;
        if let Some(upstream) = upstream
            && let Some(old) = self.old_upstream(upstream, target).await?
        {
            return Ok(Relation::Rewritten {
                gone: git.count(&old, target).await?,
                ours: git.count(head, &old).await?,
                theirs,
            });
        }
        let ours = git.ask("rev-list").arg("--count").arg(head);
        let ours = ours.arg("--not").arg(target).args(["--remotes", "--tags"]);
        let ours = ours.text().await?.parse().unwrap_or(0);
        Ok(match ours {
            0 => Relation::Aside { theirs },
            ours => Relation::Diverged { ours, theirs },
        })
    }

    /// The commit of HEAD's history that upstream's branch once had and no longer has.
    async fn old_upstream(
        &self,
        upstream: &Upstream,
        target: &Oid,
    ) -> Result<Option<Oid>, GitError> {
        let git = &self.git;
        let ask = git
            .ask("merge-base")
            .args(["--fork-point", &upstream.tracking]);
        let fork: Option<Oid> = match ask.arg(&self.head).text_if_any().await? {
            Some(text) => text.parse().ok(),
            None => None,
        };
        if let Some(fork) = fork
            && !git.is_ancestor(&fork, target).await?
        {
            return Ok(Some(fork));
        }
        // The remote-tracking ref has no reflog from before the first fetch after cloning, but HEAD
        // has: what a clone or a pull brought was upstream's.
        let moves = git
            .ask("log")
            .args(["-g", "-z", "--format=%H %gs", "HEAD", "--"]);
        let moves = moves.ended().await?;
        for entry in fields(&moves.stdout) {
            let text = String::from_utf8_lossy(entry).into_owned();
            let Some((commit, how)) = text.trim().split_once(' ') else {
                continue;
            };
            let brought = how.starts_with("clone:")
                || how.ends_with("Fast-forward")
                || how.starts_with("refit");
            if let (true, Ok(commit)) = (brought, commit.parse::<Oid>())
                && git.is_ancestor(&commit, &self.head).await?
                && !git.is_ancestor(&commit, target).await?
            {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod words {
    use super::*;

    #[test]
    fn only_a_loss_is_refused() {
        for fine in [
            Relation::Same,
            Relation::Forward { count: 1 },
            Relation::Behind { count: 1 },
            Relation::Aside { theirs: 1 },
        ] {
            assert_eq!(fine.refuse_loss("origin/main"), Ok(()));
        }
        let error = Relation::Diverged { ours: 1, theirs: 2 }
            .refuse_loss("origin/main")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "this checkout has 1 commit of its own, and origin/main has 2 commits that it does not have"
        );
    }
}

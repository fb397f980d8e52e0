//! The target in a checkout: what was asked for, looked up among what is there.

use std::time::Duration;

use super::decide::{Chosen, Waiting, newest_tag, old_enough};
use super::version::Version;
use crate::git::{Checkout, FollowedBy, GitError, GitProgress, Oid, Tag, Upstream};
use crate::settings::Allow;

/// What an upgrade is to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UpgradeGoal {
    /// `--to`: a tag, a branch of the remote, or a commit.
    Named(String),
    /// The newest version among the tags.
    NewestTag(Allow),
    /// The upstream of the branch.
    Upstream,
}

/// Where an upgrade goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UpgradeTarget {
    /// The commit; HEAD itself when there is nothing newer, or nothing that is old enough.
    pub commit: Oid,
    /// As a person names it: `origin/main`, `v1.2.0`.
    pub name: String,
    /// The branch whose history it is, where it is one.
    pub upstream: Option<Upstream>,
    /// What is newer and too young.
    pub waiting: Option<Waiting>,
}

/// Names further from a typed one than this are no suggestion.
const NEAR: f64 = 0.7;

/// Looks the target up. `remote` has been fetched; what a shallow or single-branch clone leaves out is
/// fetched here by name. `now` is in seconds since 1970.
///
/// # Errors
/// [`GitError::NoUpstream`], [`GitError::NoSuchRef`]; git fails, the remote does not answer.
pub(crate) async fn find(
    checkout: &Checkout,
    remote: &str,
    wanted: &UpgradeGoal,
    min_age: Duration,
    now: i64,
    progress: impl FnMut(GitProgress),
) -> Result<UpgradeTarget, GitError> {
    match wanted {
        UpgradeGoal::Named(name) => named(checkout, remote, name, progress).await,
        UpgradeGoal::Upstream => upstream(checkout, min_age, now, progress).await,
        UpgradeGoal::NewestTag(allow) => {
            tagged(checkout, remote, *allow, min_age, now, progress).await
        }
    }
}

async fn upstream(
    checkout: &Checkout,
    min_age: Duration,
    now: i64,
    progress: impl FnMut(GitProgress),
) -> Result<UpgradeTarget, GitError> {
    let upstream = checkout.need_upstream()?;
    let git = &checkout.git;
    let branch = upstream.branch.trim_start_matches("refs/heads/");
    if !git.fetches(&upstream.remote, branch).await? {
        git.fetch_named(&upstream.remote, branch, progress).await?;
    }
    let tip = git.commit(&upstream.tracking).await?;
    let tip = tip.ok_or_else(|| GitError::NoSuchRef {
        name: upstream.name().to_owned(),
        nearest: None,
    })?;
    let target = |commit: Oid, waiting| UpgradeTarget {
        commit,
        name: upstream.name().to_owned(),
        upstream: Some(upstream.clone()),
        waiting,
    };
    if min_age.is_zero() || tip == checkout.head {
        return Ok(target(tip, None));
    }
    let commits = git.first_parents(&checkout.head, &tip).await?;
    if commits.is_empty() {
        // Upstream is behind HEAD: that is not for age to decide.
        return Ok(target(tip, None));
    }
    let dated: Vec<(Oid, i64)> = commits.into_iter().map(|c| (c.commit, c.made)).collect();
    let chosen = old_enough(&dated, min_age, now);
    let commit = chosen.take.unwrap_or_else(|| checkout.head.clone());
    Ok(target(commit, chosen.waiting))
}

async fn named(
    checkout: &Checkout,
    remote: &str,
    name: &str,
    mut progress: impl FnMut(GitProgress),
) -> Result<UpgradeTarget, GitError> {
    let git = &checkout.git;
    if is_revision(name) {
        return match git.commit(name).await? {
            Some(commit) => Ok(UpgradeTarget {
                commit,
                name: name.to_owned(),
                upstream: None,
                waiting: None,
            }),
            None => Err(no_such(checkout, remote, name).await?),
        };
    }
    let found = lookup(checkout, remote, name).await?;
    // A branch here may be stale, and a shallow or single-branch clone fetches less than there is.
    let is_branch_here = git.commit(&format!("refs/heads/{name}")).await?.is_some();
    let branch = branch_of(remote, name);
    if let Some(found) = found
        && (found.name != name || !is_branch_here)
        && (found.upstream.is_none() || git.fetches(remote, branch).await?)
    {
        return still_there(checkout, remote, branch, found).await;
    }
    if !git.fetch_named(remote, branch, &mut progress).await? && branch != name {
        git.fetch_named(remote, name, progress).await?;
    }
    match lookup(checkout, remote, name).await? {
        Some(found) => still_there(checkout, remote, branch, found).await,
        None => Err(no_such(checkout, remote, name).await?),
    }
}

/// A fetch leaves what it once knew of a branch that upstream has removed since.
async fn still_there(
    checkout: &Checkout,
    remote: &str,
    branch: &str,
    found: UpgradeTarget,
) -> Result<UpgradeTarget, GitError> {
    if found.upstream.is_none() || remote == "." {
        return Ok(found);
    }
    let at_remote = checkout.git.remote_branch(remote, branch).await?;
    match at_remote.exists {
        true => Ok(found),
        false => Err(GitError::BranchGone {
            remote: remote.to_owned(),
            branch: branch.to_owned(),
            default: at_remote.default,
            followed: FollowedBy::Command,
        }),
    }
}

/// Whether a name is more than that of a tag, a branch or a commit: it means what git makes of it here.
fn is_revision(name: &str) -> bool {
    ["HEAD", "@"].contains(&name)
        || name.contains(['~', '^', ':'])
        || ["@{", ".."].iter().any(|mark| name.contains(mark))
}

/// `main` of `origin/main`.
fn branch_of<'a>(remote: &str, name: &'a str) -> &'a str {
    let inside = name.strip_prefix(remote);
    let inside = inside.and_then(|rest| rest.strip_prefix('/'));
    inside.unwrap_or(name)
}

/// A tag, then the remote's branch (one of that name here may be stale), then whatever git makes of
/// it: a commit, a branch here.
async fn lookup(
    checkout: &Checkout,
    remote: &str,
    name: &str,
) -> Result<Option<UpgradeTarget>, GitError> {
    let git = &checkout.git;
    let target = |commit, name: &str, upstream| UpgradeTarget {
        commit,
        name: name.to_owned(),
        upstream,
        waiting: None,
    };
    if let Some(commit) = git.commit(&format!("refs/tags/{name}")).await? {
        return Ok(Some(target(commit, name, None)));
    }
    let branch = branch_of(remote, name);
    let tracking = format!("refs/remotes/{remote}/{branch}");
    if let Some(commit) = git.commit(&tracking).await? {
        let upstream = Upstream {
            remote: remote.to_owned(),
            branch: format!("refs/heads/{branch}"),
            tracking,
        };
        let name = upstream.name().to_owned();
        return Ok(Some(target(commit, &name, Some(upstream))));
    }
    let commit = git.commit(name).await?;
    Ok(commit.map(|commit| match commit.as_str() == name {
        true => target(commit.clone(), commit.short(), None),
        false => target(commit, name, None),
    }))
}

async fn no_such(checkout: &Checkout, remote: &str, name: &str) -> Result<GitError, GitError> {
    let (tags, branches) = tokio::join!(checkout.git.tags(), checkout.git.remote_branches(remote));
    let tags = tags?.into_iter().map(|tag| tag.name);
    let names = tags.chain(branches?.into_iter().map(|branch| branch.name));
    let near = names
        .map(|other| (strsim::jaro_winkler(name, &other), other))
        .filter(|(nearness, _)| *nearness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Ok(GitError::NoSuchRef {
        name: name.to_owned(),
        nearest: near.map(|(_, name)| name),
    })
}

async fn tagged(
    checkout: &Checkout,
    remote: &str,
    allow: Allow,
    min_age: Duration,
    now: i64,
    mut progress: impl FnMut(GitProgress),
) -> Result<UpgradeTarget, GitError> {
    let git = &checkout.git;
    let current = current_version(checkout).await?;
    if checkout.is_shallow {
        // Only tags that are newer: each of the old ones would bring its history.
        let names = git.remote_tags(remote).await?;
        let mut left: Vec<&str> = names.iter().map(|tag| tag.name.as_str()).collect();
        loop {
            let undated = left.iter().map(|name| (*name, None));
            let newer = newest_tag(undated, current.as_ref(), allow, Duration::ZERO, now);
            let Some(newest) = newer.take else { break };
            git.fetch_named(remote, &newest, &mut progress).await?;
            left.retain(|name| *name != newest);
            let here = git.tags().await?;
            if choose(&here, current.as_ref(), allow, min_age, now)
                .take
                .is_some()
            {
                break;
            }
        }
    }
    let tags = git.tags().await?;
    let chosen = choose(&tags, current.as_ref(), allow, min_age, now);
    let head = || UpgradeTarget {
        commit: checkout.head.clone(),
        name: current
            .as_ref()
            .map_or("HEAD".to_owned(), |v| format!("v{v}")),
        upstream: None,
        waiting: chosen.waiting,
    };
    let taken = tags
        .iter()
        .find(|tag| Some(&tag.name) == chosen.take.as_ref());
    Ok(
        match taken.and_then(|tag| Some((tag, tag.commit.clone()?))) {
            None => head(),
            Some((tag, commit)) => UpgradeTarget {
                commit,
                name: tag.name.clone(),
                upstream: None,
                waiting: chosen.waiting,
            },
        },
    )
}

fn choose(
    tags: &[Tag],
    current: Option<&Version>,
    allow: Allow,
    min_age: Duration,
    now: i64,
) -> Chosen<String> {
    let dated = tags.iter().map(|tag| (tag.name.as_str(), tag.made));
    newest_tag(dated, current, allow, min_age, now)
}

/// The version of what is checked out: the newest tag that HEAD is built on.
async fn current_version(checkout: &Checkout) -> Result<Option<Version>, GitError> {
    let tags = checkout.git.tags_below(&checkout.head).await?;
    Ok(tags
        .iter()
        .filter_map(|tag| Version::of_tag(&tag.name))
        .max())
}

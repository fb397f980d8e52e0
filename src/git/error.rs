//! What git can refuse, told apart by its own words (they are asked for in English), and what to do
//! about each.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::removed::Removed;
use crate::complaint::{Code, Complaint};
use crate::host::process::Ended;
use crate::secret::Redactor;

/// Why git could not do what was asked, or why refit does not ask it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// There is no git program.
    #[error("git is not installed, and the stack is a git checkout")]
    NoGit,
    /// git does not trust a folder of another user.
    #[error("git does not use {} here: it belongs to {owner}, and refit runs as {me}", folder.display())]
    Ownership {
        /// The folder.
        folder: PathBuf,
        /// Who owns it.
        owner: String,
        /// Who runs.
        me: String,
    },
    /// The remote wants a user name, a password or a key.
    #[error("the remote requires a login, and git has none without asking")]
    Credentials {
        /// git's words.
        message: String,
    },
    /// The remote cannot be reached.
    #[error("the remote cannot be reached")]
    Network {
        /// git's words.
        message: String,
    },
    /// The branch follows nothing.
    #[error("{} has no upstream", at.as_deref().map_or("a detached HEAD".to_owned(), |b| format!("the branch {b}")))]
    NoUpstream {
        /// The branch; `None` on a detached HEAD.
        at: Option<String>,
    },
    /// There is no such tag, branch or commit.
    #[error("there is no tag, branch or commit {name}")]
    NoSuchRef {
        /// What was asked for.
        name: String,
        /// What it may have meant.
        nearest: Option<String>,
    },
    /// Local edits and the target change the same lines.
    #[error(
        "{} edited here and changed upstream on the same lines: {}",
        files_are(files),
        list(files)
    )]
    Conflict {
        /// From the top of the work tree.
        files: Vec<PathBuf>,
    },
    /// Files were removed here, or git was told not to track them, and upstream has changed them.
    #[error(
        "removed here, or no longer tracked, and changed upstream: {}",
        list(files)
    )]
    GoneHere {
        /// From the top of the work tree.
        files: Vec<PathBuf>,
    },
    /// Staged texts and the target change the same lines.
    #[error(
        "{} staged here, and the same lines change with the move: {}",
        files_are(files),
        list(files)
    )]
    StagedConflict {
        /// From the top of the work tree.
        files: Vec<PathBuf>,
    },
    /// Files were edited here, and upstream has them no more, or under another name.
    #[error(
        "edited here, and removed or renamed upstream: {}",
        list_removed(files)
    )]
    EditedAndGone {
        /// What became of each.
        files: Vec<Removed>,
    },
    /// The branch that is followed is not at the remote any more.
    #[error("{remote} has no branch {branch}{}", any_more(*followed))]
    BranchGone {
        /// The remote.
        remote: String,
        /// The branch's name there.
        branch: String,
        /// The branch that the remote names as its own.
        default: Option<String>,
        /// Where it was said that this branch is followed.
        followed: FollowedBy,
    },
    /// A file was edited between the look and the move.
    #[error(
        "edited while the upgrade was prepared, and left as it is: {}",
        list(files)
    )]
    EditedMeanwhile {
        /// From the top of the work tree.
        files: Vec<PathBuf>,
    },
    /// Another commit or branch was checked out between the look and the move.
    #[error(
        "{at} was checked out while the upgrade was prepared{}: nothing was moved",
        branch.as_deref().map_or_else(String::new, |branch| format!(", on {branch}"))
    )]
    MovedMeanwhile {
        /// The commit.
        at: String,
        /// The branch, unless HEAD is detached.
        branch: Option<String>,
    },
    /// Files that git does not know lie where the target has files.
    #[error(
        "{} not in git, and the target brings a file of the same name: {}",
        files_are(files),
        list(files)
    )]
    Untracked {
        /// From the top of the work tree.
        files: Vec<PathBuf>,
    },
    /// Upstream's history was replaced.
    #[error("the history of {upstream} was rewritten: {gone} that this checkout is built on {}", are_gone(*gone))]
    Rewritten {
        /// The upstream branch, or the tag.
        upstream: String,
        /// How many commits of the old history are gone.
        gone: Commits,
        /// How many commits were made here on top of them.
        ours: Commits,
        /// How many the new history has that are not here.
        theirs: Commits,
    },
    /// Commits were made here and upstream.
    #[error(
        "this checkout has {ours} of its own, and {upstream} has {theirs} that it does not have"
    )]
    Diverged {
        /// What was to be moved to.
        upstream: String,
        /// How many only here.
        ours: Commits,
        /// How many only there.
        theirs: Commits,
    },
    /// Something else is going on in the checkout.
    #[error("{what} in {}", top.display())]
    Busy {
        /// The top of the work tree.
        top: PathBuf,
        /// What, as the start of a sentence.
        what: String,
        /// How to end it.
        way_out: &'static str,
    },
    /// Anything else.
    #[error("git {what} failed")]
    Failed {
        /// What was asked.
        what: String,
        /// git's words.
        message: String,
    },
}

/// Who says which branch is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowedBy {
    /// The local branch does, in git's configuration.
    Git,
    /// `upgrade.branch` of `refit.yaml`.
    Settings,
    /// `--to` does, and what an earlier fetch brought of it is here.
    Command,
}

/// A number of commits, which prints with its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commits(pub u64);

impl std::fmt::Display for Commits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            1 => f.write_str("1 commit"),
            number => write!(f, "{number} commits"),
        }
    }
}

fn are_gone(commits: Commits) -> &'static str {
    if commits.0 == 1 {
        "is gone"
    } else {
        "are gone"
    }
}

/// What git follows was there when it was set so.
fn any_more(followed: FollowedBy) -> &'static str {
    match followed {
        FollowedBy::Git | FollowedBy::Command => " any more",
        FollowedBy::Settings => "",
    }
}

fn files_are(files: &[PathBuf]) -> String {
    match files.len() {
        1 => "1 file is".to_owned(),
        number => format!("{number} files are"),
    }
}

/// More names than this make no sentence; all of them are in the details.
const NAMED: usize = 5;

fn list(files: &[PathBuf]) -> String {
    let named: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| file.display().to_string())
        .collect();
    match files.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{} and {more} more", named.join(", ")),
        _ => named.join(", "),
    }
}

fn list_removed(files: &[Removed]) -> String {
    let named = files.iter().map(|file| match &file.renamed_to {
        Some(to) => PathBuf::from(format!("{} (now {})", file.path.display(), to.display())),
        None => file.path.clone(),
    });
    list(&named.collect::<Vec<_>>())
}

impl GitError {
    /// The stable code of each case.
    pub fn code(&self) -> Code {
        match self {
            Self::NoGit => Code::NoGit,
            Self::Ownership { .. } => Code::GitOwnership,
            Self::Credentials { .. } => Code::GitCredentials,
            Self::Network { .. } => Code::GitNetwork,
            Self::NoUpstream { .. } => Code::GitNoUpstream,
            Self::NoSuchRef { .. } => Code::GitNoSuchRef,
            Self::Conflict { .. }
            | Self::GoneHere { .. }
            | Self::StagedConflict { .. }
            | Self::EditedAndGone { .. } => Code::GitConflict,
            Self::EditedMeanwhile { .. } | Self::MovedMeanwhile { .. } => Code::Edited,
            Self::BranchGone { .. } => Code::GitBranchGone,
            Self::Untracked { .. } => Code::GitUntracked,
            Self::Rewritten { .. } => Code::GitRewritten,
            Self::Diverged { .. } => Code::GitDiverged,
            Self::Busy { .. } => Code::GitBusy,
            Self::Failed { .. } => Code::GitFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoGit => "install it: apt-get install git".to_owned(),
            Self::Ownership { folder, owner, .. } => format!(
                "run refit as {owner}, or trust the folder: git config --global --add safe.directory '{}'",
                folder.display()
            ),
            Self::Credentials { .. } => {
                "make `GIT_TERMINAL_PROMPT=0 git fetch` work for this user: a deploy key without passphrase, or a credential helper".to_owned()
            }
            Self::Network { .. } => "try again when it answers; `git remote -v` shows the address".to_owned(),
            Self::NoUpstream { at: Some(branch) } => format!(
                "name the target with --to, or: git branch --set-upstream-to=origin/{branch} {branch}"
            ),
            Self::NoUpstream { at: None } => {
                "name the target with --to, or follow tags: `upgrade: {track: tags}` in refit.yaml".to_owned()
            }
            Self::NoSuchRef { nearest: Some(name), .. } => format!("did you mean --to {name}?"),
            Self::NoSuchRef { .. } => "`git tag` and `git branch -r` list what there is".to_owned(),
            Self::Conflict { .. } => "commit or undo these edits, or move them to a file that git does not track, such as a compose override".to_owned(),
            Self::GoneHere { .. } => "git reset -- FILE tracks it again and leaves your text; git checkout HEAD -- FILE brings git's text back".to_owned(),
            Self::StagedConflict { .. } => "commit what is staged, or unstage it: git restore --staged FILE (git show :FILE prints the text that is staged)".to_owned(),
            Self::EditedAndGone { files } => of_gone(files),
            Self::BranchGone { remote, branch, default, followed } => {
                of_lost_branch(remote, branch, default.as_deref(), *followed)
            }
            Self::EditedMeanwhile { .. } | Self::MovedMeanwhile { .. } => {
                "run the command again".to_owned()
            }
            Self::Untracked { files } => of_untracked(files),
            Self::Rewritten { .. } => "if that is expected: --allow rewritten (the old commit is kept under refs/refit/)".to_owned(),
            Self::Diverged { .. } => "push or rebase your commits, or leave them behind with --allow rewritten (they are kept under refs/refit/)".to_owned(),
            Self::Busy { way_out, .. } => (*way_out).to_owned(),
            Self::Failed { .. } => return None,
        })
    }

    /// A failure in git's own words.
    pub(super) fn failed(what: &str, message: &str) -> Self {
        Self::Failed {
            what: what.to_owned(),
            message: redacted(message.trim()),
        }
    }

    /// git could not be started.
    pub(super) fn of_start(error: &anyhow::Error) -> Self {
        let missing = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound);
        if missing {
            Self::NoGit
        } else {
            Self::failed("start", &format!("{error:#}"))
        }
    }

    /// What the end of a call means.
    pub(super) fn of(top: &Path, what: &str, ended: &Ended) -> Self {
        let text = &ended.stderr;
        let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
        if has(&["dubious ownership", "unsafe repository"]) {
            return Self::of_ownership(top, text);
        }
        if has(&[".lock': File exists", "Another git process seems to be"]) {
            return Self::locked(top);
        }
        let message = words(text);
        if has(&CREDENTIALS) {
            Self::Credentials { message }
        } else if has(&NETWORK) {
            Self::Network { message }
        } else if message.is_empty() {
            let end = ended.code.map_or("a signal".to_owned(), |c| c.to_string());
            Self::failed(what, &format!("it ended with {end} and said nothing"))
        } else {
            Self::failed(what, &message)
        }
    }

    /// Another git writes in the checkout, or died while it did.
    pub(super) fn locked(top: &Path) -> Self {
        Self::Busy {
            top: top.to_owned(),
            what: "another git is at work, or left its lock behind,".to_owned(),
            way_out: "wait until it has ended; if none runs, remove .git/index.lock",
        }
    }

    fn of_ownership(top: &Path, text: &str) -> Self {
        let named = text.split_once("repository at '").map(|(_, rest)| rest);
        let folder = named
            .and_then(|rest| rest.split_once('\''))
            .map_or(top.to_owned(), |(path, _)| PathBuf::from(path));
        let uid = std::fs::metadata(&folder).map(|metadata| metadata.uid());
        let me = rustix::process::geteuid().as_raw();
        Self::Ownership {
            owner: uid.map_or("another user".to_owned(), user_name),
            me: user_name(me),
            folder,
        }
    }
}

fn of_untracked(files: &[PathBuf]) -> String {
    let Some(first) = files.first().map(|file| file.display()) else {
        return "run the command again".to_owned();
    };
    format!(
        "keep your text under another name (mv {first} {first}.mine), upgrade, then put it where it belongs now"
    )
}

fn of_gone(files: &[Removed]) -> String {
    let Some(first) = files.first().map(|file| file.path.display()) else {
        return "run the command again".to_owned();
    };
    format!(
        "keep your text under another name (cp {first} {first}.mine), give git its own back (git checkout \
         HEAD -- {first}), upgrade, then put your edits where they belong now"
    )
}

fn of_lost_branch(
    remote: &str,
    branch: &str,
    default: Option<&str>,
    followed: FollowedBy,
) -> String {
    let Some(default) = default else {
        return format!("git ls-remote --heads {remote} names the branches that it has");
    };
    match followed {
        FollowedBy::Settings => format!(
            "its own branch is {default}: write `upgrade: {{branch: {default}}}` in refit.yaml in place of \
             {branch}"
        ),
        FollowedBy::Command => format!(
            "its own branch is {default}; what was last fetched of {branch}: refit upgrade --to \
             $(git rev-parse {remote}/{branch})"
        ),
        FollowedBy::Git => format!(
            "its own branch is {default}; to follow that: git remote set-branches --add {remote} {default} \
             && git fetch {remote} && git branch -u {remote}/{default}"
        ),
    }
}

const CREDENTIALS: [&str; 11] = [
    "could not read Username",
    "could not read Password",
    "Authentication failed",
    "terminal prompts disabled",
    "Permission denied (",
    "Host key verification failed",
    "returned error: 401",
    "returned error: 403",
    "Invalid username or",
    "Repository not found",
    "repository not found",
];

const NETWORK: [&str; 14] = [
    "Could not resolve",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "Operation timed out",
    "Operation too slow",
    "Network is unreachable",
    "No route to host",
    "Failed to connect",
    "hung up unexpectedly",
    "early EOF",
    "unable to access",
    "does not appear to be a git repository",
    "Could not read from remote repository",
];

/// git's message without progress, hints and passwords in URLs.
fn words(stderr: &str) -> String {
    let kept: Vec<&str> = stderr
        .split(['\n', '\r'])
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with("hint:"))
        .filter(|line| super::progress::parse(line).is_none())
        .collect();
    redacted(&kept.join("\n"))
}

/// Without what may be a secret. An object's name looks like one, and is shown as far as refit shows it
/// elsewhere; in an address it may be one.
fn redacted(text: &str) -> String {
    let is_hex = |run: &str| run.len() == 40 && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        if ["://", "@", "="].iter().any(|mark| word.contains(mark)) {
            shown.push_str(word);
            continue;
        }
        let ends = |c: char| !c.is_ascii_alphanumeric();
        for run in word.split_inclusive(ends) {
            let name = run.trim_end_matches(ends);
            match is_hex(name) {
                true => shown.extend([&name[..9], &run[name.len()..]]),
                false => shown.push_str(run),
            }
        }
    }
    Redactor::default().redact(&shown)
}

/// A user as people know him, with the number where the name is not known.
fn user_name(uid: u32) -> String {
    crate::host::files::user_name(uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// What has no case of its own: a file that cannot be written.
impl From<anyhow::Error> for GitError {
    fn from(error: anyhow::Error) -> Self {
        Self::failed("files", &format!("{error:#}"))
    }
}

impl From<GitError> for Complaint {
    fn from(error: GitError) -> Self {
        let mut complaint = Self::new(error.code(), error.to_string());
        complaint.hint = error.hint();
        match &error {
            GitError::Credentials { message }
            | GitError::Network { message }
            | GitError::Failed { message, .. } => complaint = complaint.details(message),
            GitError::Conflict { files }
            | GitError::GoneHere { files }
            | GitError::StagedConflict { files }
            | GitError::Untracked { files }
            | GitError::EditedMeanwhile { files }
                if files.len() > NAMED =>
            {
                complaint
                    .details
                    .extend(files.iter().map(|file| file.display().to_string()));
            }
            GitError::Rewritten { ours, theirs, .. } => complaint
                .details
                .push(format!("only upstream: {theirs}; only here: {ours}")),
            GitError::NoGit
            | GitError::Ownership { .. }
            | GitError::NoUpstream { .. }
            | GitError::NoSuchRef { .. }
            | GitError::Conflict { .. }
            | GitError::GoneHere { .. }
            | GitError::StagedConflict { .. }
            | GitError::EditedAndGone { .. }
            | GitError::BranchGone { .. }
            | GitError::MovedMeanwhile { .. }
            | GitError::EditedMeanwhile { .. }
            | GitError::Untracked { .. }
            | GitError::Diverged { .. }
            | GitError::Busy { .. } => {}
        }
        complaint
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_commit_is_no_secret_and_a_login_is() {
        let commit = "3c9099a41d17bc5df0e1490600eec17f6c5f9a14";
        let text = format!("fatal: remote error: upload-pack: not our ref {commit}");
        assert_eq!(
            redacted(&text),
            "fatal: remote error: upload-pack: not our ref 3c9099a41"
        );
        let text =
            format!("error: 'refs/tags/{commit}..HEAD' is no name\nfatal: {commit}, {commit}");
        let shown = "error: 'refs/tags/3c9099a41..HEAD' is no name\nfatal: 3c9099a41, 3c9099a41";
        assert_eq!(redacted(&text), shown);
        for login in [
            "https://{}@example.org/x",
            "https://me:{}@example.org",
            "token={}",
        ] {
            let text = format!("fatal: cannot read {}", login.replace("{}", commit));
            assert!(!redacted(&text).contains("3c9099a41"), "{text}");
        }
    }
}

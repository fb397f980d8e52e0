//! What comes from a remote. Writes remote-tracking refs, tags and objects; never the work tree, the
//! index or a branch.

use super::checkout::Checkout;
use super::command::Git;
use super::error::GitError;
use super::oid::Oid;
use super::progress::{GitProgress, parse};
use crate::git::command::GitCall;

/// Which tags come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tags {
    /// Those of commits that come anyway: a shallow clone would otherwise fetch the history of every
    /// old tag.
    Following,
    /// All.
    All,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fetched {
    /// Tags that mean another commit at the remote than here. They were left as they are here.
    pub moved_tags: Vec<String>,
}

/// Ends a connection that says nothing for so many seconds.
const STALLED: &str = "60";

impl Git {
    /// A call that talks to a remote, without prompts.
    pub(super) async fn remote_ask(&self, verb: &str) -> Result<GitCall<'_>, GitError> {
        let ask = self
            .ask(verb)
            .option("http.lowSpeedLimit=1")
            .option(&format!("http.lowSpeedTime={STALLED}"));
        if self.has_own_ssh().await? {
            return Ok(ask);
        }
        Ok(ask.env(
            "GIT_SSH_COMMAND",
            "ssh -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=4",
        ))
    }

    /// Whether the person has said how ssh is to be called; his way stands.
    async fn has_own_ssh(&self) -> Result<bool, GitError> {
        let set = |name: &str| {
            self.env.iter().any(|(key, _)| key == name) || std::env::var_os(name).is_some()
        };
        if set("GIT_SSH_COMMAND") || set("GIT_SSH") {
            return Ok(true);
        }
        let ask = self.ask("config").args(["--get", "core.sshCommand"]);
        Ok(ask.text_if_any().await?.is_some())
    }

    /// `git fetch REMOTE`, with what the person configured for it. The remote `.` is this repository.
    ///
    /// # Errors
    /// The remote does not answer, or wants credentials.
    pub(crate) async fn fetch(
        &self,
        remote: &str,
        tags: Tags,
        progress: impl FnMut(GitProgress),
    ) -> Result<Fetched, GitError> {
        if remote == "." {
            return Ok(Fetched::default());
        }
        let ask = self.fetch_ask().await?;
        let ask = match tags {
            Tags::Following => ask,
            Tags::All => ask.arg("--tags"),
        };
        self.fetched(ask.arg("--").arg(remote), progress).await
    }

    /// Fetches what a name means at the remote, where the configured fetch leaves it out: a branch
    /// (into its remote-tracking ref), a tag, or a commit in full. Says whether there was one.
    ///
    /// # Errors
    /// As [`Git::fetch`].
    pub(crate) async fn fetch_named(
        &self,
        remote: &str,
        name: &str,
        mut progress: impl FnMut(GitProgress),
    ) -> Result<bool, GitError> {
        let of_branch = format!("refs/heads/{name}");
        let is_name = self.ask("check-ref-format").arg(&of_branch);
        if remote == "." || name.starts_with(['-', '+']) || !is_name.ended().await?.ok() {
            return Ok(false);
        }
        let mut refspecs = vec![
            format!("refs/tags/{name}:refs/tags/{name}"),
            format!("+refs/heads/{name}:refs/remotes/{remote}/{name}"),
        ];
        if name.parse::<Oid>().is_ok() {
            refspecs = vec![name.to_owned()];
        }
        let mut found = false;
        for refspec in refspecs {
            let ask = self.fetch_ask().await?.args(["--no-tags", "--"]);
            let ask = ask.arg(remote).arg(&refspec);
            match self.fetched(ask, &mut progress).await {
                Ok(_) => found = true,
                Err(GitError::Failed { message, .. }) if is_unknown(&message) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Whether a plain fetch brings this branch of a remote: that of a single-branch clone does not.
    ///
    /// # Errors
    /// git fails.
    pub(crate) async fn fetches(&self, remote: &str, branch: &str) -> Result<bool, GitError> {
        let setting = format!("remote.{remote}.fetch");
        let ask = self.ask("config").args(["--get-all", &setting]);
        let refspecs = ask.text_if_any().await?.unwrap_or_default();
        let whole = format!("refs/heads/{branch}");
        let covers = |refspec: &str| {
            let from = refspec.trim_start_matches('+').split(':').next();
            from.is_some_and(|from| match from.split_once('*') {
                Some((start, end)) => whole.starts_with(start) && whole.ends_with(end),
                None => from == whole || from == branch,
            })
        };
        Ok(remote == "." || refspecs.lines().any(covers))
    }

    async fn fetch_ask(&self) -> Result<GitCall<'_>, GitError> {
        Ok(self.remote_ask("fetch").await?.args([
            "--progress",
            "--no-auto-gc",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
        ]))
    }

    async fn fetched(
        &self,
        ask: GitCall<'_>,
        mut progress: impl FnMut(GitProgress),
    ) -> Result<Fetched, GitError> {
        let tell = |line: &str| {
            if let Some(state) = parse(line) {
                progress(state);
            }
        };
        let ended = ask.ended_telling(tell).await?;
        let (moved_tags, other) = rejected(&ended.stderr);
        // git ends with 1 when a tag was not overwritten, having done all the rest.
        if ended.ok() || (ended.code == Some(1) && !moved_tags.is_empty() && !other) {
            return Ok(Fetched { moved_tags });
        }
        Err(ask.failure(&ended))
    }
}

/// Tags that were not overwritten, and whether anything else went wrong.
fn rejected(stderr: &str) -> (Vec<String>, bool) {
    let mut tags = Vec::new();
    let mut other = false;
    for line in stderr.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("! [rejected]") {
            match rest.split_once("->") {
                Some((_, name)) if name.contains("would clobber existing tag") => {
                    let name = name.split_whitespace().next();
                    tags.extend(name.map(Into::into));
                }
                _ => other = true,
            }
        }
        other |= line.starts_with("fatal:") || line.starts_with("error:");
    }
    (tags, other)
}

fn is_unknown(message: &str) -> bool {
    [
        "couldn't find remote ref",
        "not our ref",
        "unadvertised object",
        "no such remote ref",
    ]
    .iter()
    .any(|mark| message.contains(mark))
}

/// How many commits a shallow clone is deepened by before all of history is fetched.
const STEPS: [&str; 3] = ["50", "500", "5000"];

impl Checkout {
    /// Makes sure that a shallow clone has enough history to say how two commits are related.
    ///
    /// # Errors
    /// As [`Git::fetch`].
    pub(crate) async fn deepen_until_related(
        &self,
        remote: &str,
        head: &Oid,
        target: &Oid,
        mut progress: impl FnMut(GitProgress),
    ) -> Result<(), GitError> {
        let steps = STEPS.map(|step| format!("--deepen={step}"));
        for step in steps.into_iter().chain(["--unshallow".to_owned()]) {
            let is_shallow = self.git.ask("rev-parse").arg("--is-shallow-repository");
            if is_shallow.text().await? != "true" || self.git.is_line(head, target).await? {
                return Ok(());
            }
            let ask = self.git.fetch_ask().await?.args([&step, "--"]).arg(remote);
            self.git.fetched(ask, &mut progress).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::rejected;

    #[test]
    fn moved_tags_are_told_from_other_refusals() {
        let text = "From /srv/x\n ! [rejected]        v1.0       -> v1.0  (would clobber existing tag)\n   12..34  main -> origin/main\n";
        assert_eq!(rejected(text), (vec!["v1.0".to_owned()], false));
        let text = " ! [rejected] main -> main (non-fast-forward)\n";
        assert_eq!(rejected(text), (Vec::new(), true));
    }
}

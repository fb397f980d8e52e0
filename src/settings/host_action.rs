//! What settings make refit do on this machine, or call from it: hooks, receivers of notifications, probes.
//! Pure. Whether it is done is not decided here.

use super::upgrade::HookName;
use crate::event::ServiceName;

/// Where in the settings it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ActionAt {
    /// `hooks.before_upgrade` and the like.
    Hook(HookName),
    /// A receiver under `notify`, by its place in the list.
    Receiver(usize),
    /// `services.NAME.probe`.
    Probe(ServiceName),
}

impl ActionAt {
    /// What becomes of it where it is not accepted.
    pub(crate) fn not_done(&self) -> &'static str {
        match self {
            Self::Hook(_) => "not run",
            Self::Receiver(_) => "not notified",
            Self::Probe(_) => "not asked",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostAction {
    /// Where it stands.
    pub at: ActionAt,
    /// Its key: `hooks.before_upgrade`, `notify: webhook`, `services.web.probe`.
    pub key: String,
    /// What it does, fit for print: of an address only the host, with the names of what fills it.
    pub shown: String,
    /// Where it goes, so that two addresses can be told apart; what may be a secret of its own is a hash.
    pub addresses: Vec<String>,
    /// All of what has to be the same to be the same action; what else may change by itself is not in it.
    pub identity: String,
    /// The variables that fill its address, or name its program.
    pub variables: Vec<String>,
    /// Words that name files which it runs or reads, whatever these hold.
    pub files: Vec<String>,
    /// Words that may name programs.
    pub words: Vec<String>,
}

impl HostAction {
    /// What it does, in one line.
    pub(crate) fn in_a_line(&self) -> String {
        let lines: Vec<&str> = self.shown.lines().map(str::trim).collect();
        lines.join("; ")
    }
}

/// Programs that run what follows them.
const RUNNERS: [&str; 31] = [
    ".", "ash", "bash", "bun", "chroot", "command", "dash", "deno", "doas", "env", "exec", "flock",
    "ionice", "ksh", "lua", "nice", "node", "nohup", "perl", "php", "python", "python3", "ruby",
    "setsid", "sh", "source", "sudo", "time", "timeout", "xargs", "zsh",
];

/// The words of a command line that name what it runs: what each command begins with, and what a program
/// that runs another is given. What is only read, such as a file that is backed up, is not among them.
pub(super) fn run_by(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in command.split(|c: char| ";|&(){}\"'`\n".contains(c)) {
        let mut is_after_runner = false;
        let words = part.split_whitespace();
        for word in words.filter(|word| !word.starts_with('-') && !word.contains('=')) {
            let is_runner = RUNNERS.contains(&word.rsplit('/').next().unwrap_or(word));
            found.push(word.to_owned());
            // `timeout 60 sh ./backup.sh web.conf` ends with the first that looks like a file.
            is_after_runner |= is_runner;
            if !is_after_runner || (!is_runner && word.contains(['/', '.'])) {
                break;
            }
        }
        match part.split_whitespace().next() {
            Some("make" | "gmake") => {
                found.extend(["Makefile", "makefile", "GNUmakefile"].map(str::to_owned));
            }
            Some("just") => found.extend(["justfile", "Justfile"].map(str::to_owned)),
            Some("npm" | "yarn" | "pnpm") => found.push("package.json".to_owned()),
            Some(_) | None => {}
        }
    }
    found
}

/// The words of a command line, without what the shell makes of them.
pub(super) fn words(command: &str) -> Vec<String> {
    let parts = command.split(|c: char| c.is_whitespace() || ";|&()<>{}\"'`=,".contains(c));
    let parts = parts.filter(|word| !word.is_empty() && !word.starts_with('-'));
    parts.map(str::to_owned).collect()
}

/// The words of a program's text that may name another program.
pub(crate) fn words_of_text(text: &str) -> Vec<String> {
    let mut all = words(text);
    // `$(dirname "$0")/lib.sh` and `"$here/lib.sh"`.
    let below: Vec<String> = all
        .iter()
        .filter_map(|word| {
            let (folder, rest) = word.split_once('/')?;
            let is_filled = folder.is_empty() || folder.starts_with('$');
            (is_filled && !rest.is_empty()).then(|| rest.to_owned())
        })
        .collect();
    all.extend(below);
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_line_runs_and_not_what_it_reads() {
        let runs = |text: &str| run_by(text).join(" ");
        assert_eq!(runs("./backup.sh --all web.conf"), "./backup.sh");
        assert_eq!(runs("cat web.conf"), "cat");
        assert_eq!(runs("sh -e ./b.sh web.conf"), "sh ./b.sh");
        assert_eq!(runs("timeout 60 sh b && A=1 ./c x"), "timeout 60 sh b ./c");
        assert_eq!(runs("cd ops; . ./lib.sh"), "cd . ./lib.sh");
        assert_eq!(runs("sh -c 'exec ./x.sh'"), "sh exec ./x.sh");
        assert!(runs("make backup").contains("Makefile"));
    }
}

//! The programs that know logins, as the settings of docker and git name them: a timer has another `PATH`
//! than the person's shell, and would be refused where they are let in.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::docker::credentials::Logins;
use crate::git::Git;
use crate::git::command::{fields, path};
use crate::host::programs;

/// A program that is asked for logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginProgram {
    /// Its name, or its path.
    pub(super) name: String,
    /// The file that names it.
    pub(super) file: PathBuf,
    /// For whom.
    pub(super) purpose: String,
}

impl LoginProgram {
    /// Where it is, in folders that are listed as in `PATH`.
    pub(super) fn found_in(&self, folders: &OsStr) -> Option<PathBuf> {
        let own = Path::new(&self.name);
        match own.is_absolute() {
            true => Some(own.to_owned()).filter(|own| programs::is_program(own)),
            false => programs::program_in(folders, &self.name),
        }
    }

    /// That a timer with this `PATH` does not find it.
    pub(super) fn missing_in(&self, folders: &str) -> Option<String> {
        if self.found_in(OsStr::new(folders)).is_some() {
            return None;
        }
        let Self {
            name,
            file,
            purpose,
        } = self;
        let file = file.display();
        let here = std::env::var_os("PATH").unwrap_or_default();
        let what = match self.found_in(&here) {
            Some(found) => format!(
                "is not in the timer's PATH, but at {}: refit schedule install",
                found.display()
            ),
            None => "is not on this machine's PATH either".to_owned(),
        };
        Some(format!("{name}, which {file} names for {purpose}, {what}"))
    }

    /// Whether this shell has it, and a timer with this `PATH` does not.
    pub(super) fn is_lost_in(&self, folders: &str) -> bool {
        let here = std::env::var_os("PATH").unwrap_or_default();
        self.found_in(&here).is_some() && self.found_in(OsStr::new(folders)).is_none()
    }
}

/// Those that the docker CLI asks.
pub(super) fn of_docker(logins: &Logins) -> Vec<LoginProgram> {
    let helpers = logins.helpers();
    let program = helpers.map(|helper| LoginProgram {
        name: helper.program,
        file: logins.file().to_owned(),
        purpose: helper.registry.unwrap_or_else(|| "registries".to_owned()),
    });
    program.collect()
}

/// Those that git asks in a folder, without those of its own.
pub(super) async fn of_git(folder: &Path) -> Vec<LoginProgram> {
    let git = Git::at(folder, true);
    let call = git
        .ask("config")
        .args(["-z", "--show-origin", "--get-regexp"]);
    // Without git, or without such a setting, there is none.
    let Ok(found) = call.arg(r"^credential\.(.*\.)?helper$").bytes().await else {
        return Vec::new();
    };
    let own = git.ask("--exec-path").text().await.unwrap_or_default();
    let own = PathBuf::from(own.trim());
    let all: Vec<&[u8]> = fields(&found).collect();
    let programs = all.chunks_exact(2).filter_map(|pair| {
        let origin = path(pair[0]);
        let origin = origin.to_string_lossy().into_owned();
        let setting = String::from_utf8_lossy(pair[1]).into_owned();
        let (_, value) = setting.split_once('\n')?;
        let name = program_of(value)?;
        (!programs::is_program(&own.join(&name))).then(|| LoginProgram {
            name,
            file: PathBuf::from(origin.strip_prefix("file:").unwrap_or(&origin)),
            purpose: "git".to_owned(),
        })
    });
    programs.collect()
}

/// The program that a value of `credential.helper` stands for.
fn program_of(value: &str) -> Option<String> {
    let (is_shell, words) = match value.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let word = words.split_whitespace().next()?.trim_matches(['"', '\'']);
    // What else a shell can do is its own.
    let is_plain = word
        .chars()
        .all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    if !is_plain || word.is_empty() {
        return None;
    }
    match is_shell || word.starts_with('/') {
        true => Some(word.to_owned()),
        false => Some(format!("git-credential-{word}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_asks_for_logins() {
        for (value, program) in [
            ("store", Some("git-credential-store")),
            ("cache --timeout 3600", Some("git-credential-cache")),
            ("/opt/x/helper --all", Some("/opt/x/helper")),
            ("!gh auth git-credential", Some("gh")),
            ("!/usr/bin/gh auth git-credential", Some("/usr/bin/gh")),
            ("!'/opt/gh' auth", Some("/opt/gh")),
            ("!f() { echo; }; f", None),
            ("", None),
        ] {
            assert_eq!(program_of(value).as_deref(), program, "{value}");
        }
    }
}

//! One call of git: its arguments and environment as data, and how its answer is read.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::oid::Oid;
use crate::host::process::{self, Call, Ended};

/// Variables by which a git that calls refit (in a hook, an alias) would point ours elsewhere.
const ELSEWHERE: [&str; 11] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_QUARANTINE_PATH",
];

/// More paths than this are not put on one command line.
pub(super) const MANY: usize = 500;

/// A call that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct GitCall<'a> {
    git: &'a Git,
    options: Vec<OsString>,
    args: Vec<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
}

/// A work tree and how git is called in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Git {
    top: PathBuf,
    unattended: bool,
    pub(super) env: Vec<(OsString, OsString)>,
    mark: Option<PathBuf>,
}

impl Git {
    /// git in a folder; `unattended` also keeps graphical password prompts from opening.
    pub(crate) fn at(top: impl Into<PathBuf>, unattended: bool) -> Self {
        Self {
            top: top.into(),
            unattended,
            env: Vec::new(),
            mark: None,
        }
    }

    /// The same, with a mark on each process that it starts: one that outlives refit must be found.
    #[must_use]
    pub(crate) fn marked(self, mark: PathBuf) -> Self {
        Self {
            mark: Some(mark),
            ..self
        }
    }

    /// The same with a variable in the environment of every call.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn with_env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// The folder in which it is called: the top of the work tree, once that is known.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// The same way of calling in another folder.
    pub(super) fn in_folder(&self, folder: impl Into<PathBuf>) -> Self {
        Self {
            top: folder.into(),
            ..self.clone()
        }
    }
}

impl Git {
    /// Asks for something: `git VERB`. No hook has a part in it, nor what `core.fsmonitor` names: both can
    /// lie in the checkout, where upstream writes them, and a fetch runs `reference-transaction`.
    pub(crate) fn ask(&self, verb: &str) -> GitCall<'_> {
        let call = GitCall {
            git: self,
            options: Vec::new(),
            args: vec![verb.into()],
            env: Vec::new(),
        };
        call.option("core.hooksPath=/dev/null")
            .option("core.fsmonitor=false")
    }

    /// The same for what writes refs or an index: the user's hooks must neither run twice nor refuse
    /// the way back (`reference-transaction` and `post-index-change` run for plumbing as well).
    pub(crate) fn write(&self, verb: &str) -> GitCall<'_> {
        self.ask(verb)
            .option("core.splitIndex=false")
            .option("core.safecrlf=false")
    }
}

impl<'a> GitCall<'a> {
    /// `-c NAME=VALUE`.
    pub(crate) fn option(mut self, setting: &str) -> Self {
        self.options.extend(["-c".into(), setting.into()]);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.into(), value.as_ref().to_owned()));
        self
    }

    /// With this file in place of the index.
    pub(crate) fn index(self, file: &Path) -> Self {
        self.env("GIT_INDEX_FILE", file)
    }

    /// With another folder in place of the work tree.
    pub(crate) fn work_tree(mut self, git_dir: &Path, folder: &Path) -> Self {
        for (name, path) in [("--git-dir=", git_dir), ("--work-tree=", folder)] {
            let mut option = OsString::from(name);
            option.push(path);
            self.options.push(option);
        }
        self
    }

    /// The command line.
    pub(crate) fn call(&self) -> Call {
        let mut env: Vec<(OsString, Option<OsString>)> = ELSEWHERE
            .iter()
            .map(|name| (OsString::from(name), None))
            .collect();
        let set = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_ADVICE", "0"),
            ("GIT_EDITOR", "true"),
        ];
        env.extend(set.map(|(key, value)| (key.into(), Some(value.into()))));
        if self.git.unattended {
            // Set and empty: git then asks neither core.askPass nor SSH_ASKPASS.
            env.push(("GIT_ASKPASS".into(), Some(OsString::new())));
            env.push(("SSH_ASKPASS".into(), None));
            env.push(("SSH_ASKPASS_REQUIRE".into(), Some("never".into())));
        }
        let own = self.git.env.iter().chain(&self.env);
        env.extend(own.map(|(key, value)| (key.clone(), Some(value.clone()))));
        Call {
            program: PathBuf::from("git"),
            args: self.options.iter().chain(&self.args).cloned().collect(),
            env,
            directory: self.git.top.clone(),
            mark: self.git.mark.clone(),
        }
    }

    /// Runs it to its end, whatever that is.
    pub(crate) async fn ended(&self) -> Result<Ended, GitError> {
        self.ended_telling(|_| ()).await
    }

    /// The same; `line` sees each line of standard error.
    pub(crate) async fn ended_telling(&self, line: impl FnMut(&str)) -> Result<Ended, GitError> {
        process::run(&self.call(), line)
            .await
            .map_err(|error| GitError::of_start(&error))
    }

    /// What it prints; anything but exit code 0 is an error.
    pub(crate) async fn bytes(&self) -> Result<Vec<u8>, GitError> {
        let ended = self.ended().await?;
        if ended.ok() {
            Ok(ended.stdout)
        } else {
            Err(self.failure(&ended))
        }
    }

    /// The one line that it prints.
    pub(crate) async fn text(&self) -> Result<String, GitError> {
        Ok(one_line(&self.bytes().await?))
    }

    /// The one line that it prints; `None` when it says no (exit code 1).
    pub(crate) async fn text_if_any(&self) -> Result<Option<String>, GitError> {
        let ended = self.ended().await?;
        match ended.code {
            Some(0) => Ok(Some(one_line(&ended.stdout)).filter(|line| !line.is_empty())),
            Some(1) => Ok(None),
            _ => Err(self.failure(&ended)),
        }
    }

    /// Whether it says yes (0) or no (1).
    pub(crate) async fn yes(&self) -> Result<bool, GitError> {
        let ended = self.ended().await?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failure(&ended)),
        }
    }

    /// The object that it prints.
    pub(crate) async fn oid(&self) -> Result<Oid, GitError> {
        let text = self.text().await?;
        text.parse()
            .map_err(|_| GitError::failed(self.verb(), &text))
    }

    /// What went wrong.
    pub(crate) fn failure(&self, ended: &Ended) -> GitError {
        GitError::of(&self.git.top, self.verb(), ended)
    }

    fn verb(&self) -> &str {
        self.args
            .first()
            .and_then(|verb| verb.to_str())
            .unwrap_or_default()
    }
}

fn one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// The fields of output that ends each with NUL.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty())
}

/// A path as git prints it with `-z`.
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

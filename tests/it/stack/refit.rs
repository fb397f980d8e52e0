//! refit as the tests call it. It cannot be called otherwise than before the witness: a command of a
//! [`TestStack`](super::TestStack) is none of the standard library's, and whatever runs it looks
//! before and after.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, CommandEnvs, ExitStatus, Output, Stdio};
use std::sync::Arc;

use super::witness::{Stage, Watching};

/// A call that has not begun, to be changed by the test.
pub(crate) struct Refit {
    command: Command,
    stage: Arc<Stage>,
    disturbed: bool,
}

/// A call that runs beside the test.
pub(crate) struct Running {
    child: Child,
    watching: Option<Watching>,
    disturbed: bool,
}

impl Refit {
    pub(crate) fn new(command: Command, stage: Arc<Stage>) -> Self {
        Self {
            command,
            stage,
            disturbed: false,
        }
    }

    /// The test, or somebody else, changes the stack meanwhile: what is there afterwards says nothing
    /// of refit. Exit code and words are judged all the same.
    pub(crate) fn disturbed(&mut self, _why: &str) -> &mut Self {
        self.disturbed = true;
        self
    }

    pub(crate) fn arg(&mut self, word: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(word);
        self
    }

    pub(crate) fn args(&mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.command.args(words);
        self
    }

    pub(crate) fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.command.env_remove(key);
        self
    }

    pub(crate) fn current_dir(&mut self, folder: impl AsRef<Path>) -> &mut Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.command.stdin(stdin);
        self
    }

    pub(crate) fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.command.stdout(stdout);
        self
    }

    pub(crate) fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.command.stderr(stderr);
        self
    }

    pub(crate) fn get_envs(&self) -> CommandEnvs<'_> {
        self.command.get_envs()
    }

    pub(crate) fn get_program(&self) -> &OsStr {
        self.command.get_program()
    }

    pub(crate) fn get_args(&self) -> std::process::CommandArgs<'_> {
        self.command.get_args()
    }

    pub(crate) fn get_current_dir(&self) -> Option<&Path> {
        self.command.get_current_dir()
    }

    /// Sets what goes for a command of any program.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Command)) -> &mut Self {
        change(&mut self.command);
        self
    }

    pub(crate) fn spawn(&mut self) -> io::Result<Running> {
        let watching = Watching::begin(&self.command, Some(&self.stage));
        let child = self.command.spawn()?;
        Ok(Running {
            child,
            watching,
            disturbed: self.disturbed,
        })
    }
}

impl fmt::Debug for Refit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.command.fmt(f)
    }
}

impl Running {
    /// One that need not be of a test stack.
    pub(crate) fn of(command: &mut Command) -> io::Result<Self> {
        let watching = Watching::begin(command, None);
        Ok(Self {
            child: command.spawn()?,
            watching,
            disturbed: false,
        })
    }

    /// The test has changed the stack meanwhile.
    pub(crate) fn disturbed(&mut self, _why: &str) -> &mut Self {
        self.disturbed = true;
        self
    }

    /// Waits; what it prints is not seen here.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        if let Some(watching) = self.watching.take() {
            watching.end(status.code().unwrap_or(-1), None, None, self.disturbed);
        }
        Ok(status)
    }

    #[track_caller]
    pub(crate) fn wait_with_output(self) -> io::Result<Output> {
        let taken = self.child.stdout.is_none();
        let output = self.child.wait_with_output()?;
        if let Some(watching) = self.watching {
            let stdout = String::from_utf8_lossy(&output.stdout);
            let stderr = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code().unwrap_or(-1);
            watching.end(
                code,
                Some(&*stdout).filter(|_| !taken),
                Some(&*stderr),
                self.disturbed,
            );
        }
        Ok(output)
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// A command of any kind; refit is recognised in those of the standard library as well.
pub(crate) enum Call {
    Refit(Refit),
    Other(Command),
}

impl From<Refit> for Call {
    fn from(refit: Refit) -> Self {
        Self::Refit(refit)
    }
}

impl From<Command> for Call {
    fn from(command: Command) -> Self {
        Self::Other(command)
    }
}

impl Call {
    pub(crate) fn start(self) -> (String, Running) {
        let start = |command: &mut Command| {
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            format!("{command:?}")
        };
        match self {
            Self::Refit(mut refit) => {
                let typed = start(&mut refit.command);
                (typed, refit.spawn().unwrap())
            }
            Self::Other(mut command) => {
                let typed = start(&mut command);
                (typed, Running::of(&mut command).unwrap())
            }
        }
    }
}

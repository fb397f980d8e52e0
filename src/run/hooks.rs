//! Runs the hooks of `refit.yaml`. Decides nothing by their results: that is the run's.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::engine::script::{self, ScriptEnd};
use crate::event::RunId;
use crate::secret::Redactor;
use crate::stack::settings::Hook;

/// The exit code by which a hook says "not now": `EX_TEMPFAIL` of sysexits.h.
pub const NOT_NOW: i32 = 75;

/// So many of the last lines are told; the file in the run's folder has all.
const TOLD: usize = 50;

/// A line is cut at so many bytes.
const LONGEST: usize = 16 * 1024;

/// Which hook; the names are those of `refit.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the keys of refit.yaml")]
pub enum HookName {
    BeforeUpgrade,
    AfterSuccess,
    AfterFailure,
}

impl HookName {
    /// The key in `refit.yaml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::BeforeUpgrade => "before_upgrade",
            Self::AfterSuccess => "after_success",
            Self::AfterFailure => "after_failure",
        }
    }
}

/// What a hook is told in its environment; what is not known is not set.
#[derive(Debug, Clone, Default)]
pub struct HookEnvironment {
    /// `REFIT_RUN`.
    pub run: Option<RunId>,
    /// `REFIT_PROJECT`.
    pub project: Option<String>,
    /// `REFIT_FROM`: the commit before.
    pub from: Option<String>,
    /// `REFIT_TO`: the commit that is wanted.
    pub to: Option<String>,
    /// `REFIT_OUTCOME`: the word of `finished`.
    pub outcome: Option<String>,
}

impl HookEnvironment {
    fn pairs(&self) -> Vec<(OsString, OsString)> {
        let known = [
            ("REFIT_RUN", self.run.map(|run| run.to_string())),
            ("REFIT_PROJECT", self.project.clone()),
            ("REFIT_FROM", self.from.clone()),
            ("REFIT_TO", self.to.clone()),
            ("REFIT_OUTCOME", self.outcome.clone()),
        ];
        let known = known.into_iter();
        known
            .filter_map(|(key, value)| Some((key.into(), value?.into())))
            .collect()
    }
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEnd {
    /// With 0.
    Ok,
    /// With [`NOT_NOW`].
    NotNow {
        /// Its last lines, without secrets.
        lines: Vec<String>,
    },
    /// With another code, or by a signal.
    Failed {
        /// `None`: a signal ended it.
        code: Option<i32>,
        /// Its last lines, without secrets.
        lines: Vec<String>,
    },
    /// It was killed at its limit, with all that it had started.
    TimedOut {
        /// The limit.
        after: Duration,
        /// Its last lines, without secrets.
        lines: Vec<String>,
    },
}

/// Runs a hook to its end. Its output is kept in the run's folder as `hook-NAME.log`, this user's
/// alone, without the secrets that the redactor knows.
///
/// # Errors
/// It cannot be started, or its output not be kept.
pub async fn run(
    name: HookName,
    hook: &Hook,
    directory: &Path,
    environment: &HookEnvironment,
    folder: &Path,
    redactor: &Redactor,
) -> anyhow::Result<HookEnd> {
    let mut log = Log::create(&folder.join(format!("hook-{}.log", name.key())), redactor)?;
    let env = environment.pairs();
    let keep = |bytes: &[u8]| log.take(bytes);
    let end = script::run(&hook.run, directory, &env, hook.timeout, keep).await;
    let end = end.with_context(|| format!("the hook {} cannot be run", name.key()))?;
    let lines = log.finish()?;
    Ok(match end {
        ScriptEnd::Exited(Some(0)) => HookEnd::Ok,
        ScriptEnd::Exited(Some(NOT_NOW)) => HookEnd::NotNow { lines },
        ScriptEnd::Exited(code) => HookEnd::Failed { code, lines },
        ScriptEnd::TimedOut => HookEnd::TimedOut {
            after: hook.timeout,
            lines,
        },
    })
}

/// Output on its way to the file: whole lines, because a secret could lie across two reads.
struct Log<'a> {
    file: File,
    redactor: &'a Redactor,
    open: Vec<u8>,
    lines: std::collections::VecDeque<String>,
}

impl<'a> Log<'a> {
    fn create(path: &Path, redactor: &'a Redactor) -> anyhow::Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            file,
            redactor,
            open: Vec::new(),
            lines: std::collections::VecDeque::new(),
        })
    }

    fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() >= LONGEST {
                self.close_line()?;
            }
        }
        Ok(())
    }

    fn close_line(&mut self) -> anyhow::Result<()> {
        let bytes = std::mem::take(&mut self.open);
        let text = String::from_utf8_lossy(&bytes);
        let line = self.redactor.redact(text.trim_end());
        writeln!(self.file, "{line}").context("cannot keep what a hook prints")?;
        if self.lines.len() == TOLD {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Vec<String>> {
        if !self.open.is_empty() {
            self.close_line()?;
        }
        Ok(self.lines.into())
    }
}

#[cfg(test)]
mod tests;

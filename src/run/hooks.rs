//! The hooks of `refit.yaml` around a run.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use super::run_report::RunEnd;
use super::transaction::Transaction;
use crate::assessment::hooks::HookEnvironment;
use crate::complaint::{Code, Complaint};
use crate::event::{Kind, NoteCode, Outcome};
use crate::host::script::{self, ScriptEnd};
use crate::secret::Redactor;
use crate::settings::{ActionAt, Hook, HookName};
use crate::state::journal::Entry;
use crate::trust;

/// The exit code by which a hook says "not now": `EX_TEMPFAIL` of sysexits.h.
pub(crate) const NOT_NOW: i32 = 75;

/// So many of the last lines are told; the file in the run's folder has all.
const TOLD: usize = 50;

/// A line is cut at so many bytes.
const LONGEST: usize = 16 * 1024;

impl HookEnd {
    /// In words, unless it was well.
    fn problem(&self) -> Option<(String, &[String])> {
        Some(match self {
            Self::Ok => return None,
            Self::NotNow { lines } => ("says: not now".to_owned(), lines),
            Self::Failed {
                code: Some(code),
                lines,
            } => (format!("ended with {code}"), lines),
            Self::Failed { code: None, lines } => ("was ended by a signal".to_owned(), lines),
            Self::TimedOut { after, lines } => {
                (format!("did not end within {} s", after.as_secs()), lines)
            }
        })
    }
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookEnd {
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
pub(crate) async fn run(
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

impl Transaction<'_> {
    /// `before_upgrade`: nothing has been touched yet, and nothing will be where it does not end well.
    ///
    /// # Errors
    /// How the run ends.
    pub(super) async fn before(&self) -> Result<(), RunEnd> {
        let end = self.hook(HookName::BeforeUpgrade, None).await;
        let (outcome, complaint) = match end {
            Ok(HookEnd::Ok) => return Ok(()),
            Ok(end @ HookEnd::NotNow { .. }) => {
                let (words, lines) = end.problem().unwrap_or_default();
                let last = lines
                    .last()
                    .map_or_else(String::new, |line| format!(": {line}"));
                let text = format!("Nothing was done: before_upgrade {words}{last}");
                self.record(Outcome::NothingToDo, &[], &[]);
                return Err(RunEnd::of(Outcome::NothingToDo, Some(text)));
            }
            Ok(end) => {
                let (words, lines) = end.problem().unwrap_or_default();
                let text = format!("before_upgrade {words}");
                let complaint = Complaint::new(Code::HookFailed, text).details(&lines.join("\n"));
                (Outcome::FailedBefore, complaint)
            }
            Err(error) => {
                let complaint = match self.signals.received() {
                    Some(_) => Complaint::new(Code::Interrupted, error.to_string()),
                    None => Complaint::from(error),
                };
                (Outcome::FailedBefore, complaint)
            }
        };
        let reason = complaint.text.clone();
        let code = complaint.code.word().to_owned();
        let end = RunEnd::refused(&complaint, self.signals.received());
        self.emitter.emit(Kind::Complaint(complaint));
        let _ = self.journal.add(Entry::RollingBack { reason, code });
        self.record(outcome, &[], &[]);
        let text = format!("Nothing was changed. More: refit show {}", self.run);
        Err(RunEnd {
            outcome,
            text: Some(text),
            ..end
        })
    }

    /// `after_success` or `after_failure`: what they do changes nothing of the run's result.
    pub(super) async fn after(&self, outcome: Outcome) {
        let name = match outcome {
            Outcome::Applied => HookName::AfterSuccess,
            Outcome::NotProven
            | Outcome::NothingToDo
            | Outcome::Refused
            | Outcome::FailedBefore
            | Outcome::RolledBack
            | Outcome::RollbackFailed => HookName::AfterFailure,
        };
        let problem = match self.hook(name, Some(outcome)).await {
            Ok(end) => end.problem().map(|(words, _)| words),
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(words) = problem {
            let text = format!("the hook {} {words}", name.key());
            self.emitter.note(NoteCode::HookFailed, text);
        }
    }

    /// Whether its program is another one by now, as after the move of the checkout.
    ///
    /// # Errors
    /// What was accepted cannot be read.
    async fn is_left_out(&self, name: HookName) -> anyhow::Result<bool> {
        let written = &self.place.written;
        let judged = trust::judge(written, &self.place.located, self.state).await?;
        let at = ActionAt::Hook(name);
        let Some(one) = judged.waits.iter().find(|one| one.action.at == at) else {
            return Ok(false);
        };
        let what = one.left_out();
        self.emitter.note(NoteCode::NotTrusted, &what);
        self.journal.add(Entry::LeftOut { what })?;
        Ok(true)
    }

    async fn hook(&self, name: HookName, outcome: Option<Outcome>) -> anyhow::Result<HookEnd> {
        let Some(around) = self.assessment.hooks() else {
            return Ok(HookEnd::Ok);
        };
        let Some(hook) = around.hooks.get(name).cloned() else {
            return Ok(HookEnd::Ok);
        };
        if self.is_left_out(name).await? {
            return Ok(HookEnd::Ok);
        }
        let environment = HookEnvironment {
            run: Some(self.run),
            outcome: outcome.map(|outcome| outcome.word().to_owned()),
            ..around.environment.clone()
        };
        let directory = &self.place.located.args.directory;
        let redactor = self.assessment.redactor();
        let work = run(
            name,
            &hook,
            directory,
            &environment,
            &self.folder,
            &redactor,
        );
        // Before the change a signal ends it all. After it, whoever asks from now on does not want to
        // wait for the hook; what led to the end of the run says nothing about that.
        let asked = self.signals.asked();
        tokio::select! {
            end = work => end,
            signal = self.signals.wait(), if outcome.is_none() => {
                anyhow::bail!("interrupted by {}", signal.name())
            }
            () = self.signals.asked_beyond(asked), if outcome.is_some() => {
                anyhow::bail!("was ended before its end, as asked")
            }
        }
    }
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

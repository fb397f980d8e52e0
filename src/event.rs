//! What can be told: the words of a run, and the events that carry them. Knows neither the engine
//! nor values of secret settings, so that terminal, JSON and history stay stable and free of them.

mod note_code;
mod redacted;
mod served_port;

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::complaint::{Code, Complaint};
use crate::secret::Redactor;

pub use note_code::NoteCode;
pub(crate) use served_port::ServedPort;

/// A service of the stack, as the compose file names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ServiceName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl From<String> for ServiceName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The number of a run within its stack; the first one is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is done to a service. The order is the order of weight: the heavier action wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing: the service is not reached.
    None,
    /// A reload that the user declared, by this signal.
    Signal,
    /// The same container, stopped and started: bind mounts are resolved again (F2).
    Restart,
    /// A container where there was none, or more of them.
    Start,
    /// A new container from the same image name (F4).
    Recreate,
    /// A new image first, then a new container.
    Rebuild,
    /// The container goes: the files no longer define the service.
    Remove,
}

impl Action {
    /// The word used in print and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signal => "signal",
            Self::Restart => "restart",
            Self::Start => "start",
            Self::Recreate => "recreate",
            Self::Rebuild => "rebuild",
            Self::Remove => "remove",
        }
    }

    /// Whether the service gets a container that did not exist before.
    pub fn makes_container(self) -> bool {
        matches!(self, Self::Start | Self::Recreate | Self::Rebuild)
    }
}

/// How a key or file reaches a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `${KEY}` in a compose file.
    Interpolation,
    /// `env_file:` of the service.
    EnvFile,
    /// `environment:` of the service names the key.
    Environment,
    /// The file, or a folder above it, is mounted.
    Bind,
    /// A `configs:` entry stands on the file or the key.
    Config,
    /// A `secrets:` entry stands on the file or the key.
    Secret,
    /// Build arguments, the Dockerfile, or a file that the build copies.
    Build,
    /// Another service that it shares a namespace with, or depends on, is touched.
    Follows,
    /// The service's own definition in a compose file differs.
    Definition,
    /// The person asked for it by name.
    Asked,
}

impl Route {
    /// The word used in print and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interpolation => "interpolation",
            Self::EnvFile => "env_file",
            Self::Environment => "environment",
            Self::Bind => "bind",
            Self::Config => "config",
            Self::Secret => "secret",
            Self::Build => "build",
            Self::Follows => "follows",
            Self::Definition => "definition",
            Self::Asked => "asked",
        }
    }

    /// Whether a key takes this way for the file alone that it stands in.
    pub(crate) fn is_of_file(self) -> bool {
        match self {
            Self::EnvFile | Self::Bind | Self::Config | Self::Secret => true,
            Self::Interpolation
            | Self::Environment
            | Self::Build
            | Self::Follows
            | Self::Definition
            | Self::Asked => false,
        }
    }
}

/// Why a service is touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// How the change reaches the service.
    pub route: Route,
    /// The file that changed, as shown: relative to the stack where it lies in it.
    pub file: Option<String>,
    /// The key that changed, where the reason is one key.
    pub key: Option<String>,
    /// The reason in words; never holds a value of a setting.
    pub text: String,
}

/// One service of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStep {
    /// The service.
    pub service: ServiceName,
    /// What is done to it.
    pub action: Action,
    /// All reasons, the first one being that of the action.
    pub reasons: Vec<Reason>,
}

/// The judgement on a service, from observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictWord {
    /// The healthcheck or the probe says so.
    Healthy,
    /// No healthcheck; the ports that answered before answer again, and it ran through the settle window.
    Answers,
    /// No healthcheck and no port; it ran through the settle window.
    Settled,
    /// A one-shot that ended with 0.
    Completed,
    /// It does not work.
    Failed,
    /// It did not work before the run either.
    AlreadyFailing,
}

impl VerdictWord {
    /// The word used in print and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Answers => "answers",
            Self::Settled => "settled",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::AlreadyFailing => "already_failing",
        }
    }
}

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// There is none.
    Absent,
    /// It may be printed.
    Plain(String),
    /// It is a secret.
    Secret,
}

impl Shown {
    /// A whole mapping, such as a service, without the secrets in it.
    fn without_secrets(value: &str) -> Self {
        let mapping: Option<serde_json::Map<_, _>> = serde_json::from_str(value).ok();
        mapping.map_or(Self::Secret, |mapping| {
            Self::Plain(Redactor::default().redact_all(&mapping.into()).to_string())
        })
    }

    /// The value of that key, where what is known of the stack's secrets says that it is one of them, or
    /// holds one.
    #[must_use]
    pub fn hiding(self, key: &str, redactor: &Redactor) -> Self {
        match self {
            Self::Plain(text) if !redactor.lets_pass_of(key, &text) => Self::Secret,
            same @ (Self::Plain(_) | Self::Absent | Self::Secret) => same,
        }
    }

    /// Decides by key and value whether it may be printed.
    pub fn of(key: &str, value: Option<&str>) -> Self {
        match value {
            None => Self::Absent,
            Some(value) if crate::secret::is_secret_named(key, value) => Self::Secret,
            Some(value) if crate::secret::is_secret(key, value) => Self::without_secrets(value),
            Some(value) => Self::Plain(value.to_owned()),
        }
    }
}

/// The parts of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "each is the word itself; docs/architecture.md has their order"
)]
pub enum Phase {
    Plan,
    Checks,
    Fetch,
    Checkpoint,
    Write,
    Prepare,
    Converge,
    Watch,
    Effect,
    Commit,
    Rollback,
    Record,
}

impl Phase {
    /// The word used in print and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Checks => "checks",
            Self::Fetch => "fetch",
            Self::Checkpoint => "checkpoint",
            Self::Write => "write",
            Self::Prepare => "prepare",
            Self::Converge => "converge",
            Self::Watch => "watch",
            Self::Effect => "effect",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Record => "record",
        }
    }
}

/// What an upgrade finds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct News {
    /// New commits; `None`: the checkout stays where it is.
    pub checkout: Option<CheckoutNews>,
    /// Services whose image is another one at its registry.
    pub images: Vec<ImageNews>,
    /// What the new version's sample of the env file says.
    pub env: Option<EnvNews>,
    /// What registries did not tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unanswered: Vec<Unanswered>,
}

/// Images for which no registry told whether there is a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// Why, in a word.
    pub code: Code,
    /// Their names.
    pub images: Vec<String>,
    /// In a sentence.
    pub text: String,
    /// What to do about it.
    #[serde(skip)]
    pub(crate) hint: Option<String>,
}

/// A move of the checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckoutNews {
    /// The commit that is checked out.
    pub from: String,
    /// The commit that is the target.
    pub to: String,
    /// As a person names the target.
    pub target: String,
    /// How many commits it brings.
    pub commits: u64,
    /// How many commits it is behind the present one, where it brings none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<u64>,
    /// Subject of the oldest.
    pub oldest: Option<String>,
    /// Subject of the newest.
    pub newest: Option<String>,
    /// Tags among them.
    pub tags: Vec<String>,
    /// Changed files that set up the stack: compose files, samples of the env file.
    pub files: Vec<String>,
}

/// Another image under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageNews {
    /// The service.
    pub service: ServiceName,
    /// The image's name.
    pub name: String,
    /// Digest of the one that runs.
    pub from: Option<String>,
    /// Digest of the registry's.
    pub to: String,
    /// The name of the image that runs, where the new version gives the service another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The version of the one that runs, as its label says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// The version of the registry's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// Where its changes are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
}

impl ImageNews {
    /// `0.11.4 → 0.12.4 (release notes: …)`, where both images say their version.
    pub fn versions(&self) -> Option<String> {
        let (from, to) = self.from_version.as_ref().zip(self.to_version.as_ref())?;
        let notes = self.release_notes.as_ref();
        let notes = notes.map_or_else(String::new, |at| format!(" (release notes: {at})"));
        Some(match from == to {
            true => format!("{to} in another build{notes}"),
            false => format!("{from} → {to}{notes}"),
        })
    }
}

/// A key of a sample, with what the sample says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleKey {
    /// Its name.
    pub key: String,
    /// The value that the sample gives it, unless it is a secret.
    pub default: Option<String>,
    /// The comment above it.
    pub comment: Vec<String>,
}

/// What a sample of the env file says anew.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct EnvNews {
    /// The sample.
    pub sample: String,
    /// Keys that it sets now.
    pub added: Vec<SampleKey>,
    /// Keys that it shows commented out now.
    pub options: Vec<SampleKey>,
    /// Keys with another default.
    pub changed: Vec<String>,
    /// Keys that it has no more, and that are set here.
    pub removed: Vec<String>,
    /// Secrets that are set here to what the sample publishes.
    pub published: Vec<String>,
    /// Keys that it leaves to be filled in, and that are not set here.
    pub required: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The change is in force and proven.
    Applied,
    /// The change is in force, and what was failing before and was touched by it is not well: nothing says
    /// that the change is good, nor that it is at fault.
    NotProven,
    /// The stack is as asked already.
    NothingToDo,
    /// A rule or a check said no; nothing was touched.
    Refused,
    /// It failed before anything was touched.
    FailedBefore,
    /// It failed, and the old state was restored and verified.
    RolledBack,
    /// It failed, and the old state could not be restored.
    RollbackFailed,
}

impl Outcome {
    /// The word used in print and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotProven => "not_proven",
            Self::NothingToDo => "nothing_to_do",
            Self::Refused => "refused",
            Self::FailedBefore => "failed_before",
            Self::RolledBack => "rolled_back",
            Self::RollbackFailed => "rollback_failed",
        }
    }

    /// Whether the change was made and stays.
    pub fn is_in_force(self) -> bool {
        match self {
            Self::Applied | Self::NotProven => true,
            Self::NothingToDo
            | Self::Refused
            | Self::FailedBefore
            | Self::RolledBack
            | Self::RollbackFailed => false,
        }
    }
}

/// How long it took until a service was well, by what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// From the first thing that happened to it.
    pub after: Duration,
    /// Its process runs since.
    pub running: Option<Duration>,
    /// This port of it was down, and all along somebody looked.
    pub down: Option<PortDown>,
    /// None of its containers was there.
    pub replaced: Option<Duration>,
}

impl Times {
    /// The same with what came before it in the same run: what was not measured once is not measured as a
    /// whole.
    #[must_use]
    pub fn behind(self, earlier: Self) -> Self {
        let down = earlier.down.zip(self.down);
        let replaced = earlier.replaced.zip(self.replaced);
        Self {
            after: earlier.after,
            running: self.running,
            down: down.map(|(earlier, later)| PortDown {
                port: later.port,
                time: earlier.time + later.time,
            }),
            replaced: replaced.map(|(earlier, later)| earlier + later),
        }
    }
}

/// A port that nobody listened on for some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortDown {
    /// As people know it.
    pub port: ServedPort,
    /// In all.
    pub time: Duration,
}

/// What a run did to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSummary {
    /// The service.
    pub service: ServiceName,
    /// What was done to it.
    pub action: Action,
    /// Milliseconds in which nobody listened on its port, where somebody looked all along.
    pub down_ms: Option<u64>,
    /// Milliseconds in which none of its containers was there.
    #[serde(default)]
    pub replaced_ms: Option<u64>,
}

/// How an effect was proven (F29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The environment of the container, from the engine's inspect.
    Inspect,
    /// The file as the process sees it, through `/proc/PID/root`.
    Proc,
    /// The file read by a command inside the container.
    Exec,
    /// The mounted file has the new content, and the container was started after the write.
    StartedAfterWrite,
    /// The container was made after the write, by Compose, from the new definition.
    Recreated,
}

impl How {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Proc => "proc",
            Self::Exec => "exec",
            Self::StartedAfterWrite => "started_after_write",
            Self::Recreated => "recreated",
        }
    }
}

/// What came of a check of the application itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofResult {
    /// It is as asked.
    Proven,
    /// It could not be looked at.
    NotProven,
    /// It is not as asked.
    Failed,
}

impl ProofResult {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::NotProven => "not_proven",
            Self::Failed => "failed",
        }
    }
}

/// One thing that happened, without secrets: only a redactor makes one.
#[derive(Debug, Clone)]
pub struct Event {
    at: Timestamp,
    run: Option<RunId>,
    kind: Kind,
}

impl Event {
    /// Takes the secrets out that the redactor knows.
    pub fn new(at: Timestamp, run: Option<RunId>, kind: Kind, redactor: &Redactor) -> Self {
        let kind = kind.redacted(redactor);
        Self { at, run, kind }
    }

    /// The same with the commands that it tells the person to type put in another form.
    #[must_use]
    pub fn with_commands(&self, fit: impl Fn(&str) -> String) -> Self {
        let mut event = self.clone();
        if let Kind::Complaint(complaint) = &mut event.kind {
            *complaint = complaint.with_commands(fit);
        } else if let Kind::Note { text, .. } = &mut event.kind {
            *text = fit(text);
        } else if let Kind::Finished { next, .. } = &mut event.kind {
            *next = next.as_deref().map(fit);
        }
        event
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The run that it belongs to; queries and refusals before a run have none.
    pub fn run(&self) -> Option<RunId> {
        self.run
    }

    /// What.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
}

/// What happened.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "fields carry the names of docs/json.md")]
pub enum Kind {
    RunStarted {
        command: String,
        project: String,
        directory: PathBuf,
    },
    /// One key of one file changes.
    Change {
        file: String,
        key: String,
        before: Shown,
        after: Shown,
        /// It was so already, which of two secrets nobody sees.
        same: bool,
    },
    /// The edit of a file line by line, secrets hidden; with `--dry-run`.
    Diff {
        file: String,
        lines: Vec<String>,
    },
    Plan {
        steps: Vec<PlannedStep>,
        untouched: Vec<ServiceName>,
    },
    /// What an upgrade finds, before its plan.
    News(Box<News>),
    Phase {
        phase: Phase,
    },
    Progress {
        what: String,
        done: u64,
        total: Option<u64>,
    },
    Container {
        service: ServiceName,
        state: String,
        health: Option<String>,
        restarts: u32,
    },
    Verdict {
        service: ServiceName,
        verdict: VerdictWord,
        reason: Option<String>,
        /// The ports that answer as before.
        ports: Vec<ServedPort>,
        times: Times,
    },
    /// What is waited for, until when.
    Waiting {
        service: ServiceName,
        what: String,
        elapsed: Duration,
        limit: Duration,
    },
    /// `what` is the sentence for a person: where the new value was seen.
    Effect {
        service: ServiceName,
        key: String,
        route: Route,
        ok: bool,
        how: How,
        what: String,
    },
    /// What was looked at in the application itself, and what came of it.
    Proof {
        service: ServiceName,
        check: &'static str,
        result: ProofResult,
        what: String,
    },
    Rollback {
        reason: String,
    },
    /// The files are as they were before the run: what it had brought is removed.
    Restored {
        files: Vec<String>,
        removed: Vec<String>,
    },
    Recovered {
        run: RunId,
        outcome: Outcome,
    },
    /// Something the person should know that changes nothing.
    Note {
        code: NoteCode,
        text: String,
    },
    /// The last lines of a container that failed.
    Logs {
        service: ServiceName,
        lines: Vec<String>,
    },
    /// A refusal or failure.
    Complaint(Complaint),
    /// A look at what runs is over: no run ended here, so there is no outcome.
    Watched {
        exit_code: u8,
        duration: Duration,
        text: String,
    },
    Finished {
        outcome: Outcome,
        exit_code: u8,
        duration: Duration,
        services: Vec<ServiceSummary>,
        /// What the person may type next, or read.
        next: Option<String>,
    },
}

/// Where events go. Implemented by each report.
pub trait Tell {
    /// Takes one event; must not fail: a broken pipe is no reason to stop a run half way.
    fn tell(&self, event: &Event);
}

/// The hand that emits events: it knows the run and the clock, so that callers give only the kind.
#[derive(Clone)]
pub struct Emitter {
    run: Option<RunId>,
    to: Rc<dyn Tell>,
    redactor: Rc<Redactor>,
}

impl Emitter {
    /// An emitter for events outside a run.
    pub fn new(to: Rc<dyn Tell>) -> Self {
        Self {
            run: None,
            to,
            redactor: Rc::default(),
        }
    }

    /// The same for the events of a run.
    #[must_use]
    pub fn of_run(&self, run: RunId) -> Self {
        Self {
            run: Some(run),
            ..self.clone()
        }
    }

    /// The same, with these secrets taken out of every text.
    #[must_use]
    pub fn hiding(&self, redactor: Rc<Redactor>) -> Self {
        Self {
            redactor,
            ..self.clone()
        }
    }

    /// Tells that something happened now.
    pub fn emit(&self, kind: Kind) {
        let now = Timestamp::now();
        self.to
            .tell(&Event::new(now, self.run, kind, &self.redactor));
    }

    /// Tells that a run was refused: why, and that it ends so.
    pub fn refused(&self, complaint: Complaint, exit_code: u8, duration: Duration) {
        self.emit(Kind::Complaint(complaint));
        self.emit(Kind::Finished {
            outcome: Outcome::Refused,
            exit_code,
            duration,
            services: Vec::new(),
            next: None,
        });
    }

    /// A text as it may be told.
    pub fn told(&self, text: &str) -> String {
        self.redactor.told(text)
    }

    /// Tells that a phase begins.
    pub fn phase(&self, phase: Phase) {
        self.emit(Kind::Phase { phase });
    }

    /// Tells something that the person should know.
    pub fn note(&self, code: NoteCode, text: impl Into<String>) {
        self.emit(Kind::Note {
            code,
            text: text.into(),
        });
    }
}

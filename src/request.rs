//! What is asked for: data that the command line fills in.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::complaint::Complaint;
use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::docker::endpoint::{self, EndpointRequest};
use crate::event::{Emitter, RunId, ServiceName};
use crate::health::limits::Limits;
use crate::plan::guard::Guard;
use crate::report;
use crate::secret::Secret;
use crate::stack::locate::LocateRequest;
use crate::stack::side::FileEdit;
use crate::text::shell_word;

/// Which stack is meant, and at which engine.
#[derive(Debug, Clone, Default)]
pub(crate) struct StackRequest {
    /// What was said of its files.
    pub files: LocateRequest,
    /// The folder in which refit was started, under the name by which the person went there.
    pub came_from: PathBuf,
    /// What was said of the engine.
    pub engine: EndpointRequest,
}

impl StackRequest {
    /// The engine that is meant.
    ///
    /// # Errors
    /// It does not answer, or is of a kind that refit cannot use.
    pub(crate) async fn connect(&self) -> Result<Docker, Complaint> {
        Ok(Docker::connect(endpoint::resolve(&self.engine)?).await?)
    }

    /// Every container of Compose, or none where no engine answers.
    pub(crate) async fn containers_if_any(&self) -> Vec<Container> {
        match self.connect().await {
            Ok(docker) => docker.compose_containers().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

/// How refit was called: on which stack, and how it prints.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    /// The stack.
    pub stack: StackRequest,
    /// How much is told, and in which form.
    pub output: report::PrintOptions,
}

impl Invocation {
    /// Where events go. Each has a renderer of its own.
    pub(crate) fn emitter(&self) -> Emitter {
        Emitter::new(report::renderer(self.output))
    }
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What was typed, without secret values.
    pub command: String,
    /// How.
    pub options: Options,
}

/// What is to happen.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Edit files, then bring the engine in line with the edit.
    Edit(EditRequest),
    /// Put this text in place of a file's present one.
    Replace(FileEdit),
    /// Bring the engine in line with the files, for these services or all.
    Apply(Vec<ServiceName>),
    /// Restart these services, or all that run.
    Restart(Vec<ServiceName>),
    /// Go back to before this run, or before the last one.
    Rollback(Option<RunId>),
}

/// A command as it was typed, so that a hint can repeat it with a word mended. It holds no secret: of one
/// the key alone is typed again, and its value asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypedCommand {
    /// `set`.
    pub verb: String,
    /// In their order; what says which stack is meant is put in by the report.
    pub words: Vec<TypedWord>,
}

/// A word of a command.
#[derive(Debug, Clone)]
pub(crate) enum TypedWord {
    /// What the command is about: `KEY=VALUE`, `KEY`.
    Plain(String),
    /// An option, and its value where it takes one, as a shell takes them.
    Option(String),
}

impl TypedCommand {
    /// Whether one of its plain words has a value that can be typed again.
    pub(crate) fn has_value(&self, at: usize) -> bool {
        let plain = self.words.iter().filter_map(|word| match word {
            TypedWord::Plain(word) => Some(word),
            TypedWord::Option(_) => None,
        });
        plain.skip(at).take(1).any(|word| word.contains('='))
    }

    /// The command with these of its plain words replaced by others.
    pub(crate) fn with(&self, mended: Range<usize>, by: &[&str]) -> String {
        let mut words = vec!["refit".to_owned(), self.verb.clone()];
        let mut by = by.iter().map(|word| shell_word(word));
        let mut at = 0;
        for word in &self.words {
            match word {
                TypedWord::Option(option) => words.push(option.clone()),
                TypedWord::Plain(word) => {
                    if at == mended.start {
                        words.extend(by.by_ref());
                    }
                    if !mended.contains(&at) {
                        words.push(shell_word(word));
                    }
                    at += 1;
                }
            }
        }
        words.extend(by);
        words.join(" ")
    }
}

/// Edits of one file.
#[derive(Debug, Clone)]
pub(crate) struct EditRequest {
    /// The command that asks for it, where one does.
    pub typed: Option<TypedCommand>,
    /// `-F`; without it the stack's first env file.
    pub file: Option<PathBuf>,
    /// In the order in which they were typed.
    pub edits: Vec<Edit>,
    /// `--for`: services that the keys must reach.
    pub reach: Vec<ServiceName>,
}

/// One edit.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    /// A key of an env file, or a path of a YAML file, as typed.
    pub key: String,
    /// What it is to be.
    pub to: To,
}

/// What a key is to be.
#[derive(Debug, Clone)]
pub(crate) enum To {
    /// This value.
    Set(Secret, ValueType),
    /// Gone.
    Unset,
}

/// How a typed value is to be read in a YAML file. Env files know only text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ValueType {
    /// As its place and its look suggest.
    #[default]
    Auto,
    /// Text, whatever it looks like.
    String,
    /// Text in which a `$` is one, also for Compose, which otherwise takes it for a variable (F14).
    Literal,
    /// A whole number.
    Int,
    /// JSON.
    Json,
}

/// What a command says about a run that was cut off, and whose files somebody has edited since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WithUnfinished {
    /// The person has to choose first.
    #[default]
    Refuse,
    /// `apply`: what is there now stays.
    KeepPresent,
    /// `rollback`: back to before this run, or before the last one.
    GoBack(Option<RunId>),
}

/// How containers are brought in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Strategy {
    /// The cheapest that works.
    #[default]
    Auto,
    /// Restart what is touched.
    Restart,
    /// Make new containers for what is touched.
    Recreate,
    /// The literal `down` and `up -d --build`.
    DownUp,
}

/// The options of every run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Show the plan, do nothing.
    pub dry_run: bool,
    /// With `dry_run`: exit with 10 when there is something to do.
    pub exit_code: bool,
    /// Edit the files only.
    pub no_apply: bool,
    /// Leave a failed change in place.
    pub no_rollback: bool,
    /// How containers are brought in line.
    pub strategy: Strategy,
    /// What bounds the watch.
    pub limits: Limits,
    /// Guards that the person overrides.
    pub allow: BTreeSet<Guard>,
    /// How long to wait for another run.
    pub wait_lock: Duration,
    /// What becomes of a run that was cut off.
    pub unfinished: WithUnfinished,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            exit_code: false,
            no_apply: false,
            no_rollback: false,
            strategy: Strategy::Auto,
            limits: Limits::default(),
            allow: BTreeSet::new(),
            wait_lock: Duration::ZERO,
            unfinished: WithUnfinished::Refuse,
        }
    }
}

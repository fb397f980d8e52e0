//! A stack as far as it has to be known to tell others of it: where it is, whom its `refit.yaml`
//! names, and what the variables in their addresses hold.

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::complaint::Complaint;
use crate::host::signals::Signals;
use crate::report::notify::{self, Beat, Message, Payload, Sent, Story, Target};
use crate::request::StackRequest;
use crate::run::run_report::FoundStack;
use crate::secret::{Redactor, Secret};
use crate::settings::{Receiver, Settings};
use crate::stack::env_of;
use crate::stack::locate::{self, Located};
use crate::state::notification_log::Told;
use crate::state::{StackState, StateHome};

/// The stack.
pub struct Known {
    /// Where it is.
    pub located: Located,
    /// What its `refit.yaml` says.
    pub settings: Settings,
    /// What refit keeps of it.
    pub state: StackState,
    /// What the stack's env files set: a timer has no other environment.
    env: Vec<(String, String)>,
}

/// What is to be sent to one, or why there is nothing that could be sent.
pub struct Letter<'a> {
    to: &'a Receiver,
    payload: Result<Payload, String>,
    /// Hides what must not be printed in what comes back.
    redactor: Redactor,
}

impl Known {
    /// The same stack as a run has found it.
    pub fn of(found: FoundStack) -> Option<Self> {
        let FoundStack {
            located, settings, ..
        } = found;
        let state = StateHome::find().ok()?.of_stack(&located.args.directory);
        let env = env_of(&located);
        Some(Self {
            located,
            settings,
            state,
            env,
        })
    }

    /// Found with the engine's help where that answers, and without it where not: that it is dead
    /// is what somebody wants to hear.
    ///
    /// # Errors
    /// There is no stack, or its `refit.yaml` cannot be read.
    pub async fn without_engine(stack: &StackRequest) -> Result<Self, Complaint> {
        let containers = stack.containers_if_any().await;
        let located = locate::locate(&stack.files, &containers)?;
        let settings = Settings::load(&located.args.directory, &located.args.files)?;
        let state = StateHome::find()?.of_stack(&located.args.directory);
        let env = env_of(&located);
        Ok(Self {
            located,
            settings,
            state,
            env,
        })
    }

    /// Compose's name for it, as far as it is told; else that of its folder.
    pub fn project(&self) -> String {
        let folder = self.located.args.directory.file_name();
        let folder = || folder.unwrap_or_default().to_string_lossy().into_owned();
        self.located.args.name.clone().unwrap_or_else(folder)
    }

    /// A story with what a run tells only when it comes so far.
    pub fn complete(&self, story: &Story) -> Story {
        let mut story = story.clone();
        if story.project.is_empty() {
            story.project = self.project();
        }
        story.directory.clone_from(&self.located.args.directory);
        story.host = host();
        story
    }

    /// Knows every secret of the env files.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for (key, value) in &self.env {
            redactor.learn(key, value);
        }
        redactor
    }

    /// Those who hear of every unattended run.
    pub fn heartbeats(&self) -> impl Iterator<Item = &Receiver> {
        let all = self.settings.notify.iter();
        all.filter(|one| matches!(one.target, Target::Heartbeat { .. }))
    }

    /// What one of them is sent.
    pub fn letter<'a>(&self, to: &'a Receiver, message: &Message, beat: Beat) -> Letter<'a> {
        let variable = |name: &str| {
            let own = std::env::var(name).ok().filter(|value| !value.is_empty());
            let of_file = || self.env.iter().rfind(|(key, _)| key == name);
            own.or_else(|| of_file().map(|(_, value)| value.clone()))
        };
        let directory = &self.located.args.directory;
        let mut redactor = self.redactor();
        let target: Result<Target<Secret>, String> =
            to.target.try_map(|text| text.value(directory, &variable));
        let payload = target.and_then(|target| {
            target
                .secrets()
                .iter()
                .for_each(|secret| redactor.hide(secret));
            notify::payload(&target, message, beat, Timestamp::now())
        });
        Letter {
            to,
            payload,
            redactor,
        }
    }

    /// Sends them side by side; a signal ends what has not come through by then.
    pub async fn send(
        &self,
        letters: Vec<Letter<'_>>,
        of: Option<(&Story, String)>,
        once: bool,
        signals: &Signals,
    ) -> Vec<Told> {
        let (of, once) = (&of, once);
        let one = async |letter: Letter<'_>| {
            let sent = match &letter.payload {
                Err(error) => Sent {
                    tries: 0,
                    error: Some(error.clone()),
                },
                Ok(payload) => tokio::select! {
                    sent = notify::send(payload, once) => sent,
                    signal = signals.wait() => Sent {
                        tries: 1,
                        error: Some(format!("interrupted by {}", signal.name())),
                    },
                },
            };
            let is_beat = matches!(letter.to.target, Target::Heartbeat { .. });
            let of = of.as_ref().filter(|_| !is_beat);
            Told {
                at: Timestamp::now(),
                to: letter.to.name.clone(),
                event: of.and_then(|(story, _)| story.word()),
                run: of.and_then(|(story, _)| story.run),
                mark: of.map(|(_, mark)| mark.clone()),
                tries: sent.tries,
                error: sent.error.map(|error| letter.redactor.redact(&error)),
            }
        };
        join_all(letters.into_iter().map(one)).await
    }
}

/// This machine's name.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    }
}

//! Those who hear of a stack: whom its `refit.yaml` names, what the variables in their addresses hold, and
//! what each is sent.

use jiff::Timestamp;

use crate::complaint::{Code, Complaint};
use crate::host::files;
use crate::host::signals::Signals;
use crate::report::notify::{self, Beat, Letter, Message, Sent, Story, Target};
use crate::request::StackRequest;
use crate::run::run_report::FoundStack;
use crate::secret::Redactor;
use crate::settings::written::WrittenSettings;
use crate::settings::{ActionAt, Receiver, Settings, WaitingAction};
use crate::stack::env_of;
use crate::stack::locate::{self, Located};
use crate::state::document::StateError;
use crate::state::notification_log::Delivery;
use crate::state::{StackState, StateHome};
use crate::trust;

/// The stack as far as it has to be known to tell others of it.
pub(super) struct Audience {
    /// Where it is.
    pub(super) located: Located,
    /// What of its `refit.yaml` counts.
    pub(super) settings: Settings,
    /// What of it waits to be accepted.
    waits: Vec<WaitingAction>,
    /// All of it.
    written: WrittenSettings,
    /// What refit keeps of it.
    pub(super) state: StackState,
    /// What the stack's env files set: a timer has no other environment.
    env: Vec<(String, String)>,
}

impl Audience {
    /// The same stack as a run has found it. What its receivers run may be another program by now, so it is
    /// judged anew; without what was accepted nobody is told.
    pub(super) async fn of(found: FoundStack) -> Option<Self> {
        let state = StateHome::find().ok()?;
        let state = state.of_stack(&found.located.args.directory);
        Self::judged(found.located, &found.written, state)
            .await
            .ok()
    }

    /// Found with the engine's help where that answers, and without it where not: that it is dead
    /// is what somebody wants to hear.
    ///
    /// # Errors
    /// There is no stack, its `refit.yaml` cannot be read, or what of it was accepted.
    pub(super) async fn find(stack: &StackRequest) -> Result<Self, Complaint> {
        let containers = stack.containers_if_any().await;
        let located = locate::locate(&stack.files, &containers)?;
        let written = WrittenSettings::load(&located.args.directory, &located.args.files)?;
        let state = StateHome::find()?.of_stack(&located.args.directory);
        Ok(Self::judged(located, &written, state).await?)
    }

    async fn judged(
        located: Located,
        written: &WrittenSettings,
        state: StackState,
    ) -> Result<Self, StateError> {
        let judged = trust::judge(written, &located, &state).await?;
        let env = env_of(&located);
        Ok(Self {
            located,
            settings: judged.settings,
            waits: judged.waits,
            written: written.clone(),
            state,
            env,
        })
    }

    /// Compose's name for it, as far as it is told; else that of its folder.
    pub(super) fn project(&self) -> String {
        let folder = self.located.args.directory.file_name();
        let folder = || folder.unwrap_or_default().to_string_lossy().into_owned();
        self.located.args.name.clone().unwrap_or_else(folder)
    }

    /// A story with what a run tells only when it comes so far.
    pub(super) fn complete(&self, story: &Story) -> Story {
        let mut story = story.clone();
        if story.project.is_empty() {
            story.project = self.project();
        }
        story.directory.clone_from(&self.located.args.directory);
        story.host = host();
        story
    }

    /// Knows every secret of the env files.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for (key, value) in &self.env {
            redactor.learn(key, value);
        }
        redactor
    }

    /// Those who hear of every unattended run.
    pub(super) fn heartbeats(&self) -> impl Iterator<Item = &Receiver> {
        let all = self.settings.notify.iter();
        all.filter(|one| matches!(one.target, Target::Heartbeat { .. }))
    }

    /// What one of them is sent.
    pub(super) fn letter(&self, to: &Receiver, message: &Message, beat: Beat) -> Letter {
        let variable = |name: &str| {
            let own = std::env::var(name).ok().filter(|value| !value.is_empty());
            let of_file = || self.env.iter().rfind(|(key, _)| key == name);
            own.or_else(|| of_file().map(|(_, value)| value.clone()))
        };
        let directory = &self.located.args.directory;
        let target = to.target.try_map(|text| text.value(directory, &variable));
        let is_heartbeat = matches!(to.target, Target::Heartbeat { .. });
        Letter::new(
            &to.name,
            is_heartbeat,
            target,
            message,
            beat,
            self.redactor(),
        )
    }

    /// Those who go by a name, else those of a kind; without either everybody.
    ///
    /// # Errors
    /// There is nobody.
    pub(super) fn named(&self, name: Option<&str>) -> Result<Vec<&Receiver>, Complaint> {
        let all = &self.settings.notify;
        let is_meant = |name: &str| {
            let named = move |one: &Receiver| one.name == name;
            let of_kind = move |one: &Receiver| one.target.kind() == name;
            match all.iter().any(named) {
                true => all.iter().filter(|one| named(one)).collect::<Vec<_>>(),
                false => all.iter().filter(|one| of_kind(one)).collect(),
            }
        };
        let meant = name.map_or_else(|| all.iter().collect(), is_meant);
        match (meant.is_empty(), self.untold(name).is_empty()) {
            (true, true) => Err(self.nobody(name)),
            (true | false, _) => Ok(meant),
        }
    }

    /// Those who go by a name, and are told nothing before somebody has accepted them.
    pub(super) fn untold(&self, name: Option<&str>) -> Vec<(String, String)> {
        let all = &self.written.settings.notify;
        let waiting = self.waits.iter().filter_map(|one| match &one.action.at {
            ActionAt::Receiver(index) => Some((all.get(*index)?, one)),
            ActionAt::Hook(_) | ActionAt::Probe(_) => None,
        });
        let is_meant =
            |one: &Receiver| name.is_none_or(|name| one.name == name || one.target.kind() == name);
        waiting
            .filter(|(receiver, _)| is_meant(receiver))
            .map(|(receiver, one)| (receiver.name.clone(), one.left_out()))
            .collect()
    }

    fn nobody(&self, name: Option<&str>) -> Complaint {
        let all = &self.settings.notify;
        let Some(name) = name.filter(|_| !all.is_empty()) else {
            let text = "refit.yaml has no receivers under notify";
            return Complaint::new(Code::NoReceiver, text).hint(
                "add notify: [{ntfy: \"https://ntfy.sh/TOPIC\"}] to refit.yaml beside the compose file",
            );
        };
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let text = format!("notify in refit.yaml has no {name}");
        Complaint::new(Code::NoReceiver, text).hint(format!("it has {}", names.join(", ")))
    }
}

/// Sends letters, and gives what is to be remembered of them; `of` is what they tell, with what makes two
/// of them the same.
pub(super) async fn send(
    letters: &[Letter],
    of: Option<(&Story, String)>,
    once: bool,
    signals: &Signals,
) -> Vec<Delivery> {
    let told = |letter: &Letter, sent: Sent| {
        let of = of.as_ref().filter(|_| !letter.is_heartbeat);
        Delivery {
            at: Timestamp::now(),
            to: letter.to.clone(),
            event: of.and_then(|(story, _)| story.word()),
            run: of.and_then(|(story, _)| story.run),
            mark: of.map(|(_, mark)| mark.clone()),
            tries: sent.tries,
            error: sent.error,
        }
    };
    notify::deliver(letters, once, signals, told).await
}

/// This machine's name.
pub(super) fn host() -> String {
    files::host_name().unwrap_or_else(|| "this machine".to_owned())
}

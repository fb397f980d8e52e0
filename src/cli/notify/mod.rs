//! Telling others: `refit notify test`, and a run with those around it who want to hear of it.

mod known;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Global;
use crate::complaint::{Code, Complaint};
use crate::event::{NoteCode, RunId};
use crate::exit::Exit;
use crate::host::signals::Signals;
use crate::report::notify::{Beat, Message, Story};
use crate::report::{self, page};
use crate::request::Invocation;
use crate::run::Runner;
use crate::run::run_report::RunReport;
use crate::state::StateHome;
use crate::state::notification_log::{self, Register, Told};
use known::{Known, Letter};

#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Send a test to everybody whom refit.yaml names under notify, or to one of them
    Test {
        /// Its name: what name says, or the kind, such as ntfy
        name: Option<String>,
    },
}

/// After this a person wonders what is going on.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// What is known of a run before it begins, for those who hear of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion {
    /// Nobody watches: refusals are told too, and heartbeats hear of begin and end.
    pub(super) unattended: bool,
    /// Nothing is to be changed.
    pub(super) dry: bool,
}

/// A run, and the news of it.
pub(super) async fn telling(
    global: &Global,
    occasion: Occasion,
    command: &str,
    run: impl AsyncFnOnce(&Runner) -> RunReport,
) -> Result<RunReport, Complaint> {
    run_and_tell(&global.invocation(), occasion, command, run).await
}

/// A run, and afterwards, its lock given back, the news of it to those whom `refit.yaml` names. What
/// becomes of that changes nothing of the run's result.
///
/// # Errors
/// The run could not even begin.
pub(super) async fn run_and_tell(
    invocation: &Invocation,
    occasion: Occasion,
    command: &str,
    run: impl AsyncFnOnce(&Runner) -> RunReport,
) -> Result<RunReport, Complaint> {
    let before = match occasion.unattended {
        true => Known::without_engine(&invocation.stack).await.ok(),
        false => None,
    };
    let early = match &before {
        Some(known) => known.begin(&story(occasion, command, None)).await,
        None => Vec::new(),
    };
    let (known, signals, done) = match runner(invocation).await {
        Ok(runner) => {
            let report = run(&runner).await;
            let known = report.stack.clone().and_then(Known::of);
            (known.or(before), runner.signals, Ok(report))
        }
        Err(complaint) => (before, Signals::none(), Err(complaint)),
    };
    let report = match &done {
        Ok(report) => report.clone(),
        Err(complaint) => RunReport::of_refusal(complaint),
    };
    let story = story(occasion, command, Some(&report));
    if let Some(known) = known {
        let good = report.end.exit() == Exit::Done;
        let told = patiently(invocation, known.tell(&story, good, &signals)).await;
        known.remember(
            invocation,
            story.run,
            early.into_iter().chain(told).collect(),
        );
    }
    done
}

/// A runner that tells what it does as refit was told to.
async fn runner(invocation: &Invocation) -> Result<Runner, Complaint> {
    Ok(Runner {
        docker: invocation.stack.connect().await?,
        home: StateHome::find()?,
        emitter: invocation.emitter(),
        signals: Signals::listen().map_err(anyhow::Error::from)?,
    })
}

/// A person who waits for the prompt wants to know for whom.
async fn patiently<T>(invocation: &Invocation, telling: impl Future<Output = T>) -> T {
    let mut telling = std::pin::pin!(telling);
    tokio::select! {
        told = &mut telling => return told,
        () = tokio::time::sleep(IMPATIENCE) => {}
    }
    if std::io::stderr().is_terminal() && !invocation.output.quiet {
        report::err("… those who are to be told do not answer yet; Ctrl-C gives up");
    }
    telling.await
}

/// Tells of something that is no run, such as that there will be none any more: as a failure of an
/// unattended run, and like those not again while it stays the same.
pub(super) async fn warn(invocation: &Invocation, command: &str, complaint: &Complaint) {
    let Ok(known) = Known::without_engine(&invocation.stack).await else {
        return;
    };
    let occasion = Occasion {
        unattended: true,
        dry: false,
    };
    let report = RunReport::of_refusal(complaint);
    let story = story(occasion, command, Some(&report));
    let told = known.tell(&story, false, &Signals::none()).await;
    known.remember(invocation, None, told);
}

fn story(occasion: Occasion, command: &str, report: Option<&RunReport>) -> Story {
    let verb = command.split(' ').next().unwrap_or_default();
    let story = report.map(story_of).unwrap_or_default();
    Story {
        verb: verb.to_owned(),
        unattended: occasion.unattended,
        dry: occasion.dry,
        ..story
    }
}

/// What is told of a run: names of keys, never values of settings.
fn story_of(report: &RunReport) -> Story {
    let (end, stack) = (&report.end, report.stack.as_ref());
    let project = stack.and_then(|stack| stack.project.clone());
    let directory = stack.map(|stack| stack.located.args.directory.clone());
    Story {
        run: report.run,
        project: project.unwrap_or_default(),
        directory: directory.unwrap_or_default(),
        changes: report.changes.clone(),
        news: report.news.clone(),
        outcome: Some(end.outcome),
        services: end.services.clone(),
        reason: end.failure.as_ref().map(|failure| failure.text.clone()),
        code: end.failure.as_ref().map(|failure| failure.code),
        todo: end.todo.clone(),
        recovered: report.recovered,
        ..Story::default()
    }
}

impl Known {
    /// Tells heartbeats that it begins. No beat is missed for want of a second try: the next one
    /// tells more.
    async fn begin(&self, story: &Story) -> Vec<Told> {
        let mut letters = Vec::new();
        for receiver in self.heartbeats() {
            let message = Message::of(&self.complete(story), Timestamp::now(), &self.redactor());
            letters.push(self.letter(receiver, &message, Beat::Start));
        }
        self.send(letters, None, true, &Signals::none()).await
    }

    async fn tell(&self, story: &Story, good: bool, signals: &Signals) -> Vec<Told> {
        if self.settings.notify.is_empty() {
            return Vec::new();
        }
        let story = self.complete(story);
        let now = Timestamp::now();
        let message = Message::of(&story, now, &self.redactor());
        let register = Register::of(&self.state);
        let mark = notification_log::mark(&story, &self.state);
        let mut letters = Vec::new();
        for receiver in &self.settings.notify {
            let wanted = story.word().filter(|word| receiver.on.contains(word));
            // Where it cannot be read what was told, it is told once more.
            if let Some(word) = wanted.filter(|_| receiver.target.kind() != "heartbeat")
                && !register
                    .knows(&receiver.name, word, &mark, now)
                    .unwrap_or(false)
            {
                letters.push(self.letter(receiver, &message, Beat::Success));
            }
        }
        let beat = if good { Beat::Success } else { Beat::Fail };
        for receiver in self.heartbeats().filter(|_| story.unattended) {
            letters.push(self.letter(receiver, &message, beat));
        }
        // Who has asked for the end once does not wait for a receiver that is asleep.
        let ended = signals.received().is_some();
        let still = Signals::none();
        let signals = if ended { &still } else { signals };
        self.send(letters, Some((&story, mark)), ended, signals)
            .await
    }

    /// Writes down what came of it, and says what did not work.
    fn remember(&self, invocation: &Invocation, run: Option<RunId>, told: Vec<Told>) {
        if told.is_empty() {
            return;
        }
        let emitter = invocation.emitter();
        let emitter = run.map_or(emitter.clone(), |run| emitter.of_run(run));
        for one in &told {
            if let Some(error) = &one.error {
                emitter.note(
                    NoteCode::NotifyFailed,
                    format!("{} was not told: {error}", one.to),
                );
            }
        }
        if let Err(error) = Register::of(&self.state).add(&told) {
            emitter.note(
                NoteCode::NotifyFailed,
                format!("what was told is not kept: {error:#}"),
            );
        }
    }
}

pub(super) async fn notify(global: &Global, args: &NotifyArgs) -> Result<Exit, Complaint> {
    let NotifyCommand::Test { name } = &args.command;
    let known = Known::without_engine(&global.stack_request()).await?;
    let all = &known.settings.notify;
    let is_meant = |name: &str| {
        let named = move |one: &crate::settings::Receiver| one.name == name;
        let of_kind = move |one: &crate::settings::Receiver| one.target.kind() == name;
        match all.iter().any(named) {
            true => all.iter().filter(|one| named(one)).collect::<Vec<_>>(),
            false => all.iter().filter(|one| of_kind(one)).collect(),
        }
    };
    let meant = name
        .as_deref()
        .map_or_else(|| all.iter().collect(), is_meant);
    if meant.is_empty() {
        return Err(nobody(&known, name.as_deref()));
    }
    let project = known.project();
    let directory = &known.located.args.directory;
    let message = Message::test(&project, directory, &known::host(), Timestamp::now());
    let letters: Vec<Letter<'_>> = meant
        .into_iter()
        .map(|receiver| known.letter(receiver, &message, Beat::Success))
        .collect();
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    let told = known.send(letters, None, false, &signals).await;
    Register::of(&known.state).add(&told)?;
    if global.json {
        let rows: Vec<Value> = told.iter().map(row).collect();
        page::document(&json!({"receivers": rows}));
    } else {
        told.iter().for_each(|told| print(told, global.quiet));
    }
    let failed = told.iter().any(|told| told.error.is_some());
    Ok(match (failed, signals.received()) {
        (_, Some(signal)) => Exit::Signal(signal),
        (true, None) => Exit::Refused,
        (false, None) => Exit::Done,
    })
}

fn nobody(known: &Known, name: Option<&str>) -> Complaint {
    let all = &known.settings.notify;
    let Some(name) = name.filter(|_| !all.is_empty()) else {
        let text = "refit.yaml names nobody to tell";
        return Complaint::new(Code::NoReceiver, text).hint(
            "add notify: [{ntfy: \"https://ntfy.sh/TOPIC\"}] to refit.yaml beside the compose file",
        );
    };
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let text = format!("notify in refit.yaml has no {name}");
    Complaint::new(Code::NoReceiver, text).hint(format!("it has {}", names.join(", ")))
}

/// A try to tell somebody as JSON.
pub(super) fn row(told: &Told) -> Value {
    json!({
        "name": told.to,
        "at": told.at.to_string(),
        "ok": told.error.is_none(),
        "tries": told.tries,
        "error": told.error,
    })
}

fn print(told: &Told, quiet: bool) {
    match &told.error {
        Some(error) => {
            let tries = match told.tries {
                0 | 1 => String::new(),
                tries => format!(" ({tries} tries)"),
            };
            report::err(&format!("✗ {}: {error}{tries}", told.to));
        }
        None if quiet => {}
        None => report::out(&format!("✓ {}: delivered", told.to)),
    }
}

//! A run with those around it who want to hear of it: whom `refit.yaml` names, and what they are told.
//! What a message says and how it is sent is `report::notify`.

mod audience;

use std::time::Duration;

use jiff::Timestamp;

use super::Runner;
use super::run_report::RunReport;
use crate::complaint::Complaint;
use crate::event::{NoteCode, RunId};
use crate::exit::Exit;
use crate::host::signals::Signals;
use crate::report;
use crate::report::notify::{Beat, Letter, Message, Story, Word};
use crate::request::{Invocation, StackRequest};
use crate::state::StateHome;
use crate::state::notification_log::{self, Delivery, Register};
use audience::Audience;

/// After this a person wonders what is going on.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// What is known of a run before it begins, for those who hear of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    /// Nobody watches: refusals are told too, and heartbeats hear of begin and end.
    pub unattended: bool,
    /// Nothing is to be changed.
    pub dry: bool,
    /// It is one of a timer's runs.
    pub series: Option<Series>,
}

/// The runs of a timer, of which the same failure is told once until one succeeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    /// When one succeeded last.
    pub last_well: Option<Timestamp>,
}

/// A run, and afterwards, its lock given back, the news of it to those whom `refit.yaml` names. What
/// becomes of that changes nothing of the run's result.
///
/// # Errors
/// The run could not even begin.
pub(crate) async fn telling(
    invocation: &Invocation,
    occasion: Occasion,
    command: &str,
    run: impl AsyncFnOnce(&Runner) -> RunReport,
) -> Result<RunReport, Complaint> {
    let before = match occasion.unattended {
        true => Audience::find(&invocation.stack).await.ok(),
        false => None,
    };
    let early = match &before {
        Some(audience) => audience.begin(&story(occasion, command, None)).await,
        None => Vec::new(),
    };
    let (audience, signals, done) = match runner(invocation).await {
        Ok(runner) => {
            let report = run(&runner).await;
            let audience = match report.stack.clone() {
                Some(stack) => Audience::of(stack).await,
                None => before,
            };
            (audience, runner.signals, Ok(report))
        }
        Err(complaint) => (before, Signals::none(), Err(complaint)),
    };
    let report = match &done {
        Ok(report) => report.clone(),
        Err(complaint) => RunReport::of_refusal(complaint),
    };
    let story = story(occasion, command, Some(&report));
    if let Some(audience) = audience {
        let good = report.end.exit() == Exit::Done;
        let told = patiently(invocation, audience.tell(&story, good, &signals)).await;
        audience.remember(
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
    let text = "… the receivers of the notification do not answer yet; Ctrl-C gives up";
    report::to_watcher(invocation.output, text);
    telling.await
}

/// Tells of something that is no run, such as that there will be none any more: as a failure of an
/// unattended run, and like those not again while it stays the same.
pub(crate) async fn warn(
    invocation: &Invocation,
    command: &str,
    occasion: Occasion,
    complaint: &Complaint,
) {
    let Ok(audience) = Audience::find(&invocation.stack).await else {
        return;
    };
    let report = RunReport::of_refusal(complaint);
    let story = story(occasion, command, Some(&report));
    let told = audience.tell(&story, false, &Signals::none()).await;
    audience.remember(invocation, None, told);
}

/// Sends a test to everybody whom `refit.yaml` names, or to those of a name or a kind.
///
/// # Errors
/// There is no stack, or nobody to tell; what was told cannot be remembered.
pub(crate) async fn test(
    stack: &StackRequest,
    name: Option<&str>,
    signals: &Signals,
) -> Result<Vec<Delivery>, Complaint> {
    let audience = Audience::find(stack).await?;
    let meant = audience.named(name)?;
    let directory = &audience.located.args.directory;
    let now = Timestamp::now();
    let message = Message::test(&audience.project(), directory, &audience::host(), now);
    let letters: Vec<Letter> = meant
        .into_iter()
        .map(|receiver| audience.letter(receiver, &message, Beat::Success))
        .collect();
    let told = audience::send(&letters, None, false, signals).await;
    Register::of(&audience.state).add(&told)?;
    let untold = audience.untold(name).into_iter();
    let untold = untold.map(|(to, why)| Delivery {
        at: now,
        to,
        event: None,
        run: None,
        mark: None,
        tries: 0,
        error: Some(why),
    });
    Ok(told.into_iter().chain(untold).collect())
}

fn story(occasion: Occasion, command: &str, report: Option<&RunReport>) -> Story {
    let verb = command.split(' ').next().unwrap_or_default();
    let story = report.map(story_of).unwrap_or_default();
    Story {
        verb: verb.to_owned(),
        unattended: occasion.unattended,
        dry: occasion.dry,
        last_well: occasion.series.map(|series| series.last_well),
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
        skipped: report.skipped,
        outcome: Some(end.outcome),
        services: end.services.clone(),
        reason: end.failure.as_ref().map(|failure| failure.text.clone()),
        code: end.failure.as_ref().map(|failure| failure.code),
        todo: end.todo.clone(),
        left_out: report.left_out.clone(),
        recovered: report.recovered,
        ..Story::default()
    }
}

impl Audience {
    /// Tells heartbeats that it begins. No beat is missed for want of a second try: the next one
    /// tells more.
    async fn begin(&self, story: &Story) -> Vec<Delivery> {
        let mut letters = Vec::new();
        for receiver in self.heartbeats() {
            let message = Message::of(&self.complete(story), Timestamp::now(), &self.redactor());
            letters.push(self.letter(receiver, &message, Beat::Start));
        }
        audience::send(&letters, None, true, &Signals::none()).await
    }

    async fn tell(&self, story: &Story, good: bool, signals: &Signals) -> Vec<Delivery> {
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
            let wanted = story.words().find(|word| receiver.on.contains(word));
            // Where it cannot be read what was told, it is told once more.
            // What is available stays so until there is something else.
            let once = story.word() == Some(Word::Available) || story.is_told_once();
            if wanted.is_some_and(|_| receiver.target.kind() != "heartbeat")
                && !register
                    .knows(&receiver.name, once, &mark, now)
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
        audience::send(&letters, Some((&story, mark)), ended, signals).await
    }

    /// Writes down what came of it, and says what did not work.
    fn remember(&self, invocation: &Invocation, run: Option<RunId>, told: Vec<Delivery>) {
        if told.is_empty() {
            return;
        }
        let emitter = invocation.emitter();
        let emitter = run.map_or(emitter.clone(), |run| emitter.of_run(run));
        for one in &told {
            if let Some(error) = &one.error {
                emitter.note(
                    NoteCode::NotifyFailed,
                    format!("{} could not be notified: {error}", one.to),
                );
            }
        }
        if let Err(error) = Register::of(&self.state).add(&told) {
            emitter.note(
                NoteCode::NotifyFailed,
                format!("cannot record the notification: {error:#}"),
            );
        }
    }
}

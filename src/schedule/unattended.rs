//! One time that a timer fires: an upgrade with nobody watching, where it is due.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::TimerAction;
use super::fields::Fields;
use super::policy::{self, Pass, Policy};
use super::record::{Firing, UnattendedRecord};
use super::stack::ScheduledStack;
use crate::complaint::{Code, Complaint};
use crate::event::{Kind, NoteCode, Outcome};
use crate::exit::Exit;
use crate::host::signals::{Signal, Signals};
use crate::request::{Invocation, Options, Request, StackRequest};
use crate::rollback::aftermath;
use crate::run::notify::{self, Occasion, Series};
use crate::run::run_report::RunReport;
use crate::settings::window::Window;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::runs;
use crate::upgrade::outlook::Outlook;
use crate::upgrade::{self, UpgradeRequest};

/// Between two looks whether the engine answers.
const ENGINE_PAUSE: Duration = Duration::from_secs(1);

/// What an unattended run is asked for.
#[derive(Debug)]
pub(crate) struct UnattendedRequest {
    /// What is done.
    pub action: TimerAction,
    /// Nothing is done outside of these hours; else of those of `refit.yaml`.
    pub window: Option<Window>,
    /// It waits by chance up to so long before anything else.
    pub random_delay: Duration,
    /// Nothing is done unless these have been due since the last run.
    pub missed: Option<Fields>,
    /// How long it waits for the engine.
    pub wait_engine: Duration,
    /// How long it waits for another run.
    pub wait_lock: Duration,
    /// What has failed before is tried again.
    pub retry: bool,
}

/// A check at once, that is not remembered.
///
/// # Errors
/// It could not even begin.
pub(crate) async fn check(
    invocation: &Invocation,
    request: &UnattendedRequest,
) -> Result<Exit, Complaint> {
    let occasion = Occasion {
        unattended: true,
        dry: true,
        series: None,
    };
    let report = upgrade(invocation, occasion, request, Outlook::default()).await?;
    Ok(report.end.exit())
}

/// What is due now, or nothing, and its line in the record.
///
/// # Errors
/// It could not even begin.
pub(crate) async fn run(
    invocation: &Invocation,
    request: &UnattendedRequest,
) -> Result<Exit, Complaint> {
    if let Some(signal) = wait(&invocation.stack, request).await? {
        return Ok(Exit::Signal(signal));
    }
    let stack = ScheduledStack::find(&invocation.stack).await?;
    let record = UnattendedRecord::of(&stack.state);
    let settings = match stack.usable() {
        Ok(settings) => &settings.upgrade,
        Err(complaint) => {
            record.add(entry(request.action, &RunReport::of_refusal(&complaint)))?;
            return Err(complaint);
        }
    };
    let policy = Policy {
        window: request.window.or(settings.window),
        max_failures: match request.retry {
            true => u32::MAX,
            false => settings.max_failures.0.get(),
        },
        pauses: !request.retry,
        if_missed: request.missed.clone(),
    };
    let past = record.read()?;
    let repaired = repaired(&stack.state)?;
    let occasion = Occasion {
        unattended: true,
        dry: request.action == TimerAction::Check,
        series: Some(Series {
            last_well: policy::last_well(&past),
        }),
    };
    if let Err(pass) = policy.decide(&super::now(), &past, repaired) {
        return let_pass(invocation, &record, occasion, &pass).await;
    }
    let limit = settings.stale_after.0;
    let outlook = Outlook {
        unwell: unwell(invocation, &stack.state, true).await,
        stale: policy::stale(&past, repaired, Timestamp::now(), limit).map(stale),
    };
    let done = upgrade(invocation, occasion, request, outlook.clone()).await;
    let report = match &done {
        Ok(report) => report,
        Err(complaint) => &RunReport::of_refusal(complaint),
    };
    let exit = report.end.exit();
    let entry = entry(request.action, report);
    let is_well = entry.is_well();
    // What became of the run stands, and is told, also where it cannot be written down.
    if let Err(error) = record.add(entry) {
        let text = format!("not written to the record of unattended runs: {error:#}");
        invocation.emitter().note(NoteCode::NotRemembered, text);
    }
    // What was applied may have mended it.
    let unwell = match report.end.outcome.is_in_force() {
        true => unwell(invocation, &stack.state, false).await,
        false => outlook.unwell,
    };
    let mut further: Vec<Complaint> = unwell.into_iter().collect();
    further.extend(outlook.stale.filter(|_| !is_well));
    let before = policy::failures(&past, repaired);
    let failures = policy::failures(&record.read()?, repaired);
    if failures > before && failures == policy.max_failures {
        further.push(Pass::MaxFailures(failures).complaint());
    }
    tell_further(invocation, occasion, report, further).await;
    done.map(|_| exit)
}

/// Tells what the run has not told itself: its heartbeat does not end well either.
async fn tell_further(
    invocation: &Invocation,
    occasion: Occasion,
    report: &RunReport,
    further: Vec<Complaint>,
) {
    let told = report.end.failure.as_ref().map(|failure| &failure.text);
    let is_told = |complaint: &Complaint| told.is_some_and(|text| text.contains(&complaint.text));
    for complaint in further.into_iter().filter(|one| !is_told(one)) {
        let is_since_run = complaint.code == Code::Unhealthy;
        let note = if is_since_run {
            NoteCode::SinceRun
        } else {
            NoteCode::Note
        };
        invocation.emitter().note(note, complaint.text.clone());
        notify::warn(invocation, "schedule run", occasion, &complaint).await;
    }
}

/// That none has succeeded since then.
fn stale(since: Timestamp) -> Complaint {
    let since = since.to_zoned_datetime(jiff::tz::TimeZone::system());
    Complaint::new(Code::Stale, policy::stale_text(&since))
        .hint("refit history tells what kept each of them")
}

/// What became of the runs before is looked at before the next one: nobody else looks at a stack that is
/// changed at night. An engine that cannot be asked is told by the upgrade itself.
async fn unwell(
    invocation: &Invocation,
    state: &StackState,
    also_as_before: bool,
) -> Option<Complaint> {
    let docker = invocation.stack.connect().await.ok()?;
    let emitter = invocation.emitter();
    let found = match aftermath::look(&docker, state).await {
        Ok(found) => found,
        Err(complaint) => {
            emitter.note(NoteCode::SinceRun, complaint.text);
            return None;
        }
    };
    // What was so before is no news.
    let (as_before, new): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| one.as_before);
    for one in as_before.into_iter().filter(|_| also_as_before) {
        emitter.note(NoteCode::SinceRun, one.told());
    }
    let first = new.first()?;
    let texts: Vec<&str> = new.iter().map(|one| one.text.as_str()).collect();
    Some(Complaint::new(Code::Unhealthy, texts.join("; ")).hint(first.hint()))
}

fn entry(action: TimerAction, report: &RunReport) -> Firing {
    let exit = report.end.exit();
    let failure = report.end.failure.as_ref();
    let skipped = report.skipped.map(|code| code.word().to_owned());
    let unanswered = report.news.iter().flat_map(|news| &news.unanswered);
    Firing {
        at: Timestamp::now(),
        action,
        outcome: report.end.outcome,
        exit_code: exit.code(),
        run: report.run,
        // That somebody switches the machine off is no failure of a version.
        code: if matches!(exit, Exit::Signal(_)) {
            Some(Code::Interrupted.word().to_owned())
        } else {
            failure
                .map(|failure| failure.code.word().to_owned())
                .or(skipped)
        },
        text: failure
            .map(|failure| failure.text.clone())
            .or_else(|| report.end.text.clone().filter(|_| report.skipped.is_some())),
        may_pass: failure.is_some_and(|failure| failure.may_pass),
        unanswered: unanswered.map(|one| one.text.clone()).collect(),
    }
}

/// The last time that somebody's own run was applied: after that failures count anew.
pub(super) fn repaired(state: &StackState) -> Result<Option<Timestamp>, StateError> {
    let own = |record: &runs::Record| {
        record.outcome == Some(Outcome::Applied) && !record.typed().contains("--unattended")
    };
    let all = runs::all(state)?;
    let last = all.known.iter().rfind(|record| own(record));
    Ok(last.map(|record| record.began))
}

/// A rule of ours says no: at another time it says yes by itself, or it waits for a person, who has to hear
/// of it.
async fn let_pass(
    invocation: &Invocation,
    record: &UnattendedRecord,
    occasion: Occasion,
    pass: &Pass,
) -> Result<Exit, Complaint> {
    let action = match occasion.dry {
        true => TimerAction::Check,
        false => TimerAction::Upgrade,
    };
    let Some(code) = pass.note_code() else {
        let complaint = pass.complaint();
        record.add(entry(action, &RunReport::of_refusal(&complaint)))?;
        notify::warn(invocation, "schedule run", occasion, &complaint).await;
        return Err(complaint);
    };
    record.add(Firing {
        at: Timestamp::now(),
        action,
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        run: None,
        code: Some(pass.code().word().to_owned()),
        text: Some(pass.text()),
        may_pass: false,
        unanswered: Vec::new(),
    })?;
    let emitter = invocation.emitter();
    emitter.note(code, pass.text());
    emitter.emit(Kind::Finished {
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        duration: Duration::ZERO,
        services: Vec::new(),
        next: None,
    });
    Ok(Exit::Done)
}

/// Waits by chance, and for the engine; gives the signal that ended it.
async fn wait(
    stack: &StackRequest,
    request: &UnattendedRequest,
) -> Result<Option<Signal>, Complaint> {
    if request.random_delay.is_zero() && request.wait_engine.is_zero() {
        return Ok(None);
    }
    // Its keys are random in each process: enough for not meeting others.
    let chance = RandomState::new().build_hasher().finish() >> 32;
    let share = chance as f64 / f64::from(u32::MAX);
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    let waiting = async {
        tokio::time::sleep(request.random_delay.mul_f64(share)).await;
        let patience = Instant::now();
        // Nothing tells when a socket begins to answer.
        while patience.elapsed() < request.wait_engine && stack.connect().await.is_err() {
            tokio::time::sleep(ENGINE_PAUSE).await;
        }
    };
    tokio::select! {
        () = waiting => Ok(None),
        signal = signals.wait() => Ok(Some(signal)),
    }
}

async fn upgrade(
    invocation: &Invocation,
    occasion: Occasion,
    asked: &UnattendedRequest,
    outlook: Outlook,
) -> Result<RunReport, Complaint> {
    let dry = occasion.dry;
    let request = Request {
        command: match (dry, asked.retry) {
            (true, _) => "upgrade --check --unattended".to_owned(),
            (false, true) => "upgrade --unattended --retry".to_owned(),
            (false, false) => "upgrade --unattended".to_owned(),
        },
        options: Options {
            dry_run: dry,
            wait_lock: asked.wait_lock,
            ..Options::default()
        },
    };
    let upgrade = UpgradeRequest {
        retry: asked.retry,
        unattended: true,
        outlook,
        ..UpgradeRequest::default()
    };
    let located = &invocation.stack.files;
    notify::telling(invocation, occasion, &request.command, async |runner| {
        upgrade::execute(runner, located, &request, &upgrade).await
    })
    .await
}

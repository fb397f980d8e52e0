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
use crate::run::notify::{self, Occasion};
use crate::run::run_report::RunReport;
use crate::settings::window::Window;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::runs;
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
    let report = upgrade(invocation, TimerAction::Check, request).await?;
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
        if_missed: request.missed.clone(),
    };
    if let Err(pass) = policy.decide(&super::now(), &record.read()?, repaired(&stack.state)?) {
        return let_pass(invocation, &record, request.action, &pass);
    }
    tell_aftermath(invocation, &stack.state).await;
    let done = upgrade(invocation, request.action, request).await;
    let report = match &done {
        Ok(report) => report,
        Err(complaint) => &RunReport::of_refusal(complaint),
    };
    let exit = report.end.exit();
    record.add(entry(request.action, report))?;
    let failures = policy::failures(&record.read()?, repaired(&stack.state)?);
    if exit != Exit::Done && failures == policy.max_failures {
        let pass = Pass::MaxFailures(failures);
        let complaint = Complaint::new(pass.code(), pass.text())
            .hint("refit history tells what happened; refit schedule run --retry tries it again");
        notify::warn(invocation, "schedule run", &complaint).await;
    }
    done.map(|_| exit)
}

/// What became of the last run is looked at before the next one, and told to those who hear of failures:
/// nobody else looks at a stack that is changed at night. An engine that cannot be asked is told by the
/// upgrade itself.
async fn tell_aftermath(invocation: &Invocation, state: &StackState) {
    let Ok(docker) = invocation.stack.connect().await else {
        return;
    };
    match aftermath::look(&docker, state).await {
        Ok(found) => {
            for one in found {
                let emitter = invocation.emitter();
                emitter.note(NoteCode::SinceRun, one.told());
                // What was so before is no news.
                if one.as_before {
                    continue;
                }
                let hint = one.hint();
                let complaint = Complaint::new(Code::Unhealthy, one.text).hint(hint);
                notify::warn(invocation, "schedule run", &complaint).await;
            }
        }
        Err(complaint) => invocation
            .emitter()
            .note(NoteCode::SinceRun, complaint.text),
    }
}

fn entry(action: TimerAction, report: &RunReport) -> Firing {
    let exit = report.end.exit();
    let failure = report.end.failure.as_ref();
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
            failure.map(|failure| failure.code.word().to_owned())
        },
        text: failure.map(|failure| failure.text.clone()),
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

fn let_pass(
    invocation: &Invocation,
    record: &UnattendedRecord,
    action: TimerAction,
    pass: &Pass,
) -> Result<Exit, Complaint> {
    let emitter = invocation.emitter();
    emitter.note(pass.note_code(), pass.text());
    emitter.emit(Kind::Finished {
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        duration: Duration::ZERO,
        services: Vec::new(),
        next: None,
    });
    record.add(Firing {
        at: Timestamp::now(),
        action,
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        run: None,
        code: Some(pass.code().word().to_owned()),
        text: Some(pass.text()),
    })?;
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
    action: TimerAction,
    asked: &UnattendedRequest,
) -> Result<RunReport, Complaint> {
    let dry = action == TimerAction::Check;
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
        ..UpgradeRequest::default()
    };
    let occasion = Occasion {
        unattended: true,
        dry,
    };
    let located = &invocation.stack.files;
    notify::telling(invocation, occasion, &request.command, async |runner| {
        upgrade::execute(runner, located, &request, &upgrade).await
    })
    .await
}

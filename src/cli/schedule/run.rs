//! `refit schedule run`: one time that a timer fires.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::super::notify::{self, Occasion};
use super::super::{Global, duration};
use super::job;
use crate::complaint::Complaint;
use crate::engine::signals::Signals;
use crate::event::{Emitter, Kind, Outcome};
use crate::exit::{self, Exit};
use crate::report::notify::Story;
use crate::run::history;
use crate::run::request::{Options, Request};
use crate::schedule::Action;
use crate::schedule::policy::{self, Pass, Policy};
use crate::schedule::record::{Entry, Record};
use crate::stack::settings::window::Window;
use crate::upgrade::{self, UpgradeRequest};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// What is done
    #[arg(long, value_enum, default_value = "upgrade")]
    action: Action,
    /// Do nothing outside of these hours [default: upgrade.window of refit.yaml]
    #[arg(long, value_name = "FROM-TO")]
    window: Option<Window>,
    /// Wait by chance up to so long before anything else
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    random_delay: Duration,
    /// Do nothing where there was a run within this time: for a machine that was off
    #[arg(long, value_name = "TIME", value_parser = duration)]
    missed: Option<Duration>,
    /// How long to wait for another run on this stack
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    wait_lock: Duration,
    /// Try again what has failed before, and after too many failures
    #[arg(long)]
    retry: bool,
    /// A check at once, that is not remembered: what refit schedule test runs
    #[arg(long, hide = true)]
    test: bool,
}

pub(super) async fn run(global: &Global, args: RunArgs) -> Result<Exit, Complaint> {
    if args.test {
        let (exit, _) = upgrade(global, Action::Check, &args).await?;
        return Ok(exit);
    }
    if let Some(exit) = wait(args.random_delay).await? {
        return Ok(exit);
    }
    let stack = job::Stack::find(global).await?;
    let (record, settings) = (Record::of(&stack.state), &stack.settings.upgrade);
    let policy = Policy {
        window: args.window.or(settings.window),
        max_failures: match args.retry {
            true => u32::MAX,
            false => settings.max_failures.0.get(),
        },
        if_missed: args
            .missed
            .and_then(|time| SignedDuration::try_from(time).ok()),
    };
    if let Err(pass) = policy.decide(&super::now(), &record.read(), repaired(&stack)) {
        return let_pass(global, &record, args.action, &pass);
    }
    let done = upgrade(global, args.action, &args).await;
    let (exit, story) = match &done {
        Ok((exit, story)) => (exit.code(), story.clone()),
        Err(complaint) => (
            exit::of_complaint(complaint).code(),
            Story {
                code: Some(complaint.code.to_owned()),
                reason: Some(complaint.text.clone()),
                ..Story::default()
            },
        ),
    };
    let entry = Entry {
        at: Timestamp::now(),
        action: args.action,
        outcome: story.outcome.unwrap_or(Outcome::Refused),
        exit_code: exit,
        run: story.run,
        code: story.code,
        text: story.reason,
    };
    record.add(entry)?;
    let failures = policy::failures(&record.read(), repaired(&stack));
    if exit != 0 && failures == policy.max_failures {
        let pass = Pass::MaxFailures(failures);
        let complaint = Complaint::new(pass.code(), pass.text())
            .hint("refit history tells what happened; refit schedule run --retry tries it again");
        notify::warn(global, "schedule run", &complaint).await;
    }
    done.map(|(exit, _)| exit)
}

/// The last time that somebody's own run was applied: after that failures count anew.
fn repaired(stack: &job::Stack) -> Option<Timestamp> {
    let own = |record: &history::Record| {
        record.outcome == Some(Outcome::Applied) && !record.command.contains("--unattended")
    };
    let all = history::records(&stack.state);
    all.iter()
        .rfind(|record| own(record))
        .map(|record| record.began)
}

fn let_pass(
    global: &Global,
    record: &Record,
    action: Action,
    pass: &Pass,
) -> Result<Exit, Complaint> {
    let emitter = Emitter::new(global.renderer());
    emitter.note(pass.code(), pass.text());
    emitter.emit(Kind::Finished {
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        duration: Duration::ZERO,
        services: Vec::new(),
        next: None,
    });
    record.add(Entry {
        at: Timestamp::now(),
        action,
        outcome: Outcome::NothingToDo,
        exit_code: Exit::Done.code(),
        run: None,
        code: Some(pass.code().to_owned()),
        text: Some(pass.text()),
    })?;
    Ok(Exit::Done)
}

/// Waits by chance; a signal ends it.
async fn wait(most: Duration) -> Result<Option<Exit>, Complaint> {
    if most.is_zero() {
        return Ok(None);
    }
    // Its keys are random in each process: enough for not meeting others.
    let chance = RandomState::new().build_hasher().finish() >> 32;
    let share = chance as f64 / f64::from(u32::MAX);
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    tokio::select! {
        () = tokio::time::sleep(most.mul_f64(share)) => Ok(None),
        signal = signals.wait() => Ok(Some(Exit::Signal(signal))),
    }
}

async fn upgrade(
    global: &Global,
    action: Action,
    args: &RunArgs,
) -> Result<(Exit, Story), Complaint> {
    let dry = action == Action::Check;
    let request = Request {
        command: match dry {
            true => "upgrade --check --unattended".to_owned(),
            false => "upgrade --unattended".to_owned(),
        },
        options: Options {
            dry_run: dry,
            wait_lock: args.wait_lock,
            ..Options::default()
        },
    };
    let upgrade = UpgradeRequest {
        retry: args.retry,
        unattended: true,
        ..UpgradeRequest::default()
    };
    let occasion = Occasion {
        unattended: true,
        dry,
    };
    let located = global.locate_request();
    notify::telling_story(global, occasion, &request.command, async |runner| {
        upgrade::execute(runner, &located, &request, &upgrade).await
    })
    .await
}

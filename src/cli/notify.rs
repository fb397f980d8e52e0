//! `refit notify test`, and runs with those around them who want to hear of them.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::exit::Exit;
use crate::host::signals::Signals;
use crate::report::notify::{Beat, Message};
use crate::report::{self, page};
use crate::run::notify::known::{self, Known, Letter};
use crate::run::run_report::RunReport;
use crate::run::{self, Runner};
use crate::state::notification_log::{Register, Told};

pub(super) use crate::run::notify::Occasion;

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

/// A run, and the news of it.
pub(super) async fn telling(
    global: &Global,
    occasion: Occasion,
    command: &str,
    run: impl AsyncFnOnce(&Runner) -> RunReport,
) -> Result<RunReport, Complaint> {
    run::notify::telling(&global.invocation(), occasion, command, run).await
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

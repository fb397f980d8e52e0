//! `refit notify test`, and runs with those around them who want to hear of them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::host::signals::Signals;
use crate::report::{self, page};
use crate::run::run_report::RunReport;
use crate::run::{self, Runner};
use crate::state::notification_log::Delivery;

pub(super) use crate::run::notify::Occasion;

#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Send a test to every receiver in refit.yaml, or to one
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
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    let told = run::notify::test(&global.stack_request(), name.as_deref(), &signals).await?;
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

/// A try to tell somebody as JSON.
pub(super) fn row(told: &Delivery) -> Value {
    json!({
        "name": told.to,
        "at": told.at.to_string(),
        "ok": told.error.is_none(),
        "tries": told.tries,
        "error": told.error,
    })
}

fn print(told: &Delivery, quiet: bool) {
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

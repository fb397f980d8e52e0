//! The past of a stack: `history`, `show`, `rollback`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::get::Asked;
use super::runs::{RunArgs, execute};
use super::{Global, schedule};
use crate::complaint::{Code, Complaint};
use crate::event::{Outcome, RunId};
use crate::exit::Exit;
use crate::report::words::secs;
use crate::report::{self, page};
use crate::request::{Options, What, WithUnfinished};
use crate::schedule::record::Tally;
use crate::secret::HIDDEN;
use crate::state::document::StateError;
use crate::state::journal::Entry;
use crate::state::runs::{self, Record, Runs};
use crate::state::statistics::Sum;
use crate::state::{StackState, StateHome};

mod since;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Only runs that began since then, with their sum: 30d, 2w, 12h, or a date
    #[arg(long, value_name = "WHEN", value_parser = since::argument)]
    since: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Number of the run; the last one without it
    run: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Go back to before this run; without it the last run is undone
    #[arg(value_name = "RUN")]
    target: Option<u64>,
    #[command(flatten)]
    run: RunArgs,
}

async fn state(global: &Global) -> Result<StackState, Complaint> {
    Ok(stack(global).await?.1)
}

/// The stack's folder, and what is remembered of it.
async fn stack(global: &Global) -> Result<(PathBuf, StackState), Complaint> {
    let asked = Asked::of(global).await?;
    let directory = asked.located.args.directory;
    let state = StateHome::find()?.of_stack(&directory);
    Ok((directory, state))
}

pub(super) async fn rollback(global: &Global, args: RollbackArgs) -> Result<Exit, Complaint> {
    let target = args.target.map(RunId);
    let what = What::Rollback(target);
    let options = Options {
        unfinished: WithUnfinished::GoBack(target),
        ..args.run.options()
    };
    execute(global, what, options).await
}

pub(super) async fn history(global: &Global, args: &HistoryArgs) -> Result<Exit, Complaint> {
    let (directory, state) = stack(global).await?;
    let Runs {
        known: mut records,
        unreadable,
    } = runs::all(&state)?;
    let Some(since) = args.since else {
        match global.json {
            true => {
                let mut all: Vec<Value> = records.iter().map(summary).collect();
                all.extend(unreadable.iter().map(unreadable_row));
                page::document(&Value::Array(all));
            }
            false => list(&records, &unreadable, "no runs on this stack yet"),
        }
        return Ok(exit_of(&unreadable));
    };
    let is_cut = since::is_cut(&records, since);
    records.retain(|record| record.began >= since);
    let sum = Sum::of(&records);
    let mut fired = schedule::entries(&directory, &state).await?;
    fired.retain(|entry| entry.at >= since);
    let fired = Tally::of(&fired);
    if global.json {
        let mut runs: Vec<Value> = records.iter().map(summary).collect();
        runs.extend(unreadable.iter().map(unreadable_row));
        let mut sum = since::document(&sum, since, is_cut);
        sum["unattended"] = json!(fired);
        page::document(&json!({"runs": runs, "sum": sum}));
    } else {
        let none = format!("no runs on this stack since {}", local(since));
        list(&records, &unreadable, &none);
        if sum.runs > 0 {
            since::print(&sum, is_cut);
        }
        since::print_fired(&fired);
    }
    Ok(exit_of(&unreadable))
}

/// A run of which nothing can be read.
type Unreadable = (RunId, StateError);

/// A record that is not whole is told, and so by the exit code.
fn exit_of(unreadable: &[Unreadable]) -> Exit {
    match unreadable.is_empty() {
        true => Exit::Done,
        false => Exit::Refused,
    }
}

fn unreadable_row((run, error): &Unreadable) -> Value {
    json!({"run": run, "error": error.to_string()})
}

/// The runs as a table, or what is to be said where there are none.
fn list(records: &[Record], unreadable: &[Unreadable], none: &str) {
    if records.is_empty() && unreadable.is_empty() {
        return report::out(none);
    }
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            vec![
                record.run.to_string(),
                local(record.began),
                outcome(record).to_owned(),
                secs(record.took),
                record.typed().to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page::table(&["RUN", "BEGAN", "OUTCOME", "TOOK", "COMMAND"], &rows);
    }
    for (run, error) in unreadable {
        report::out(&format!("! run {run} is not known: {error}"));
    }
    for error in records.iter().flat_map(|record| &record.damaged) {
        report::out(&format!("! {error}"));
    }
}

pub(super) async fn show(global: &Global, args: &ShowArgs) -> Result<Exit, Complaint> {
    let state = state(global).await?;
    let wanted = match args.run {
        Some(run) => Some(RunId(run)),
        None => state.runs()?.last().copied(),
    };
    let record = match wanted {
        Some(run) => Record::read(&state, run)?,
        None => None,
    };
    let Some(record) = record else {
        let text = match args.run {
            Some(run) => format!("no run {run} on this stack"),
            None => "no runs on this stack yet".to_owned(),
        };
        return Err(Complaint::new(Code::NoRun, text).hint("refit history lists the runs"));
    };
    let logs = logs(&state, record.run);
    if global.json {
        let mut document = summary(&record);
        document["timeline"] = serde_json::to_value(&record.lines).unwrap_or_default();
        document["logs"] = logs
            .iter()
            .map(|(name, text)| json!({"file": name, "text": text}))
            .collect();
        page::document(&document);
    } else {
        print(&state, &record, &logs);
    }
    Ok(Exit::Done)
}

fn outcome(record: &Record) -> &'static str {
    record.outcome.map_or("unfinished", Outcome::word)
}

fn local(at: Timestamp) -> String {
    let zoned = at.to_zoned_datetime(TimeZone::system());
    zoned.strftime("%F %T").to_string()
}

fn summary(record: &Record) -> Value {
    json!({
        "run": record.run,
        "began": record.began.to_string(),
        "command": record.command,
        "damaged": record.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "outcome": record.outcome.map(Outcome::word),
        "took_ms": u64::try_from(record.took.as_millis()).unwrap_or(u64::MAX),
        "reason": record.reason,
        "todo": record.todo,
        "undoes": record.undoes,
        "services": record.services,
    })
}

/// The logs that were saved before a container was replaced; secrets were hidden then.
fn logs(state: &StackState, run: RunId) -> Vec<(String, String)> {
    let folder = state.run_folder(run);
    let mut logs: Vec<(String, String)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            let text = std::fs::read_to_string(entry.path()).ok()?;
            name.ends_with(".log").then_some((name, text))
        })
        .collect();
    logs.sort();
    logs
}

fn print(state: &StackState, record: &Record, logs: &[(String, String)]) {
    report::out(&format!("run {}  refit {}", record.run, record.typed()));
    for error in &record.damaged {
        report::out(&format!("! {error}"));
    }
    let began = local(record.began);
    let took = secs(record.took);
    report::out(&format!(
        "began {began}, took {took}, outcome {}",
        outcome(record)
    ));
    if let Some(reason) = &record.reason {
        report::out(&format!("reason  {reason}"));
    }
    for todo in &record.todo {
        report::out(&format!("to do   {todo}"));
    }
    if !record.undoes.is_empty() {
        let runs: Vec<String> = record.undoes.iter().map(ToString::to_string).collect();
        report::out(&format!("undoes  run {}", runs.join(", ")));
    }
    report::out("");
    for line in &record.lines {
        let after = line.at.duration_since(record.began).unsigned_abs();
        if let Some(text) = told(&line.entry) {
            report::out(&format!("{:>9.3} s  {text}", after.as_secs_f64()));
        }
    }
    for (name, text) in logs {
        report::out(&format!("\n{name}"));
        text.lines()
            .for_each(|line| report::out(&format!("  │ {line}")));
    }
    report::out(&format!(
        "\nall of it: {}",
        state.run_folder(record.run).display()
    ));
}

/// A line of the timeline; `None` for what is only for recovery.
fn told(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Change {
            file,
            key,
            before,
            after,
            secret,
            added,
            removed,
        } => {
            let word = |value: &Option<String>, absent: bool| match value {
                Some(text) => text.clone(),
                None if *secret && !absent => HIDDEN.to_owned(),
                None => "unset".to_owned(),
            };
            let (before, after) = (word(before, *added), word(after, *removed));
            format!("{file}  {key}  {before} → {after}")
        }
        Entry::Planned {
            service,
            action,
            reasons,
        } => {
            format!("plan: {} {service}: {}", action.word(), reasons.join("; "))
        }
        Entry::Checkpointed => "checkpoint taken".to_owned(),
        Entry::LeftAlone { file } => {
            format!("{} was edited meanwhile, and left alone", file.display())
        }
        Entry::Written => "files written".to_owned(),
        Entry::Preparing => "fetching and building images".to_owned(),
        Entry::Touching { services } => {
            let names: Vec<&str> = services.iter().map(|service| service.as_str()).collect();
            format!("touching {}", names.join(", "))
        }
        Entry::Converged => "containers are as planned".to_owned(),
        Entry::Verdict {
            service,
            verdict,
            reason,
        } => match reason {
            Some(reason) => format!("{service} {}: {reason}", verdict.word()),
            None => format!("{service} {}", verdict.word()),
        },
        Entry::Effect {
            service, what, ok, ..
        } => {
            format!(
                "{} {service}: {what}",
                if *ok { "proven:" } else { "not seen:" }
            )
        }
        Entry::Proof {
            service,
            result,
            what,
            ..
        } => {
            let word = result.word().replace('_', " ");
            format!("{word}: {service}: {what}")
        }
        Entry::RollingBack { reason, .. } => format!("rolling back: {reason}"),
        Entry::FilesRestored => "files restored".to_owned(),
        Entry::Finished { outcome, .. } => outcome.word().to_owned(),
        Entry::Begin { .. } | Entry::Writing { .. } | Entry::Proven => {
            return None;
        }
    })
}

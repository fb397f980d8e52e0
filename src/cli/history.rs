//! `refit history`: the runs of a stack.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::global::Global;
use super::located_stack::LocatedStack;
use crate::complaint::Complaint;
use crate::event::{Outcome, RunId, ServiceName};
use crate::exit::Exit;
use crate::report::words::secs;
use crate::report::{self, page};
use crate::rollback::in_force;
use crate::schedule;
use crate::schedule::record::Tally;
use crate::state::document::StateError;
use crate::state::runs::{self, Record, Runs, Standing};
use crate::state::statistics::Sum;

mod since;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Only runs since then, with their sum: 30d, 2w, 12h, or a date
    #[arg(long, value_name = "WHEN", value_parser = since::argument)]
    since: Option<Timestamp>,
}

pub(super) async fn history(global: &Global, args: &HistoryArgs) -> Result<Exit, Complaint> {
    let found = LocatedStack::of(global).await?;
    let (directory, state) = (&found.located.args.directory, found.state()?);
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
    let mut fired = schedule::record::entries(directory, &state).await?;
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
                standing(&record.standing()),
                took(record),
                typed(records, record),
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

/// What was typed, and of a rollback what it undid.
fn typed(records: &[Record], record: &Record) -> String {
    match in_force::undid(records, record).as_slice() {
        [] => record.typed().to_owned(),
        runs => format!("{} (undid {})", record.typed(), in_force::named(runs)),
    }
}

/// How a run stands, in words.
pub(super) fn standing(standing: &Standing) -> String {
    match standing {
        Standing::Running => "running".to_owned(),
        Standing::CutOff => "cut off".to_owned(),
        Standing::Unknown => "not known".to_owned(),
        Standing::NotApplied => "written, not applied".to_owned(),
        Standing::Written => "written".to_owned(),
        Standing::StillFailing(services) => {
            let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
            format!("not proven, {} still failing", names.join(", "))
        }
        Standing::Ended(outcome) => told(*outcome).to_owned(),
    }
}

/// How long a run took: of one that was cut off nobody knows.
fn took(record: &Record) -> String {
    match record.standing() {
        Standing::Running => format!("{} so far", secs(so_far(record))),
        Standing::CutOff | Standing::Unknown => "-".to_owned(),
        Standing::NotApplied
        | Standing::Written
        | Standing::StillFailing(_)
        | Standing::Ended(_) => secs(record.took),
    }
}

/// The age of a run that is at work.
pub(super) fn so_far(record: &Record) -> Duration {
    let since = Timestamp::now().duration_since(record.began);
    Duration::try_from(since).unwrap_or_default()
}

/// An outcome in words; `--json` has its code.
pub(super) fn told(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::NotProven => "not proven",
        Outcome::NothingToDo => "nothing to do",
        Outcome::Refused => "refused",
        Outcome::FailedBefore => "called off",
        Outcome::RolledBack => "rolled back",
        Outcome::RollbackFailed => "not rolled back",
    }
}

pub(super) fn local(at: Timestamp) -> String {
    let zoned = at.to_zoned_datetime(TimeZone::system());
    zoned.strftime("%F %T").to_string()
}

pub(super) fn summary(record: &Record) -> Value {
    let standing = record.standing();
    let still_failing: &[ServiceName] = match &standing {
        Standing::StillFailing(services) => services,
        Standing::Running
        | Standing::CutOff
        | Standing::Unknown
        | Standing::NotApplied
        | Standing::Written
        | Standing::Ended(_) => &[],
    };
    let millis = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    json!({
        "run": record.run,
        "began": record.began.to_string(),
        "command": record.command,
        "damaged": record.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "outcome": record.outcome.map(Outcome::word),
        "standing": standing.word(),
        "still_failing": still_failing,
        "took_ms": standing.is_over().then(|| millis(record.took)),
        "reason": record.reason,
        "todo": record.todo,
        "undoes": record.undoes,
        "services": record.services,
    })
}

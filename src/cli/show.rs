//! `refit show`: one run whole.

use clap::Args;
use serde_json::json;

use super::argument::run_number;
use super::global::Global;
use super::history::{self, local, summary};
use super::located_stack::LocatedStack;
use crate::complaint::{Code, Complaint};
use crate::event::RunId;
use crate::exit::Exit;
use crate::report::words::secs;
use crate::report::{self, page};
use crate::rollback::in_force;
use crate::secret::HIDDEN;
use crate::state::StackState;
use crate::state::journal::Entry;
use crate::state::runs::{self, Record, Standing};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Number of the run [default: the last]
    #[arg(value_parser = run_number)]
    run: Option<u64>,
}

pub(super) async fn show(global: &Global, args: &ShowArgs) -> Result<Exit, Complaint> {
    let state = LocatedStack::of(global).await?.state()?;
    let wanted = match args.run {
        Some(run) => Some(RunId(run)),
        None => state.runs()?.last().copied(),
    };
    let record = match wanted {
        Some(run) => Record::read(&state, run)?,
        None => None,
    };
    let Some(record) = record else {
        return Err(no_run(&state, args.run)?);
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
        let undid = in_force::undid(&runs::all(&state)?.known, &record);
        print(&state, &record, &undid, &logs);
    }
    Ok(Exit::Done)
}

fn no_run(state: &StackState, wanted: Option<u64>) -> Result<Complaint, Complaint> {
    let refused = |text: String| Complaint::new(Code::NoRun, text);
    Ok(match (wanted, state.runs()?.last()) {
        (Some(run), Some(last)) => refused(format!("there is no run {run}; the last is {last}"))
            .hint("refit history lists the runs"),
        (Some(_) | None, _) => refused("this stack has no runs yet".to_owned())
            .hint("every change of refit is one, such as refit apply"),
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

fn print(state: &StackState, record: &Record, undid: &[RunId], logs: &[(String, String)]) {
    report::out(&format!("run {}  refit {}", record.run, record.typed()));
    for error in &record.damaged {
        report::out(&format!("! {error}"));
    }
    report::out(&in_short(record));
    if let Some(reason) = &record.reason {
        report::out(&format!("reason  {reason}"));
    }
    for todo in &record.todo {
        page::advice(&format!("to do   {todo}"));
    }
    if !undid.is_empty() {
        report::out(&format!("undid   {}", in_force::named(undid)));
    }
    report::out("");
    for line in &record.lines {
        let after = line.at.duration_since(record.began).unsigned_abs();
        if let Some(text) = told(record, &line.entry) {
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

/// When it began, how long it took, and how it stands.
fn in_short(record: &Record) -> String {
    let began = local(record.began);
    let standing = record.standing();
    let word = history::standing(&standing);
    match standing {
        Standing::Running => {
            let so_far = secs(history::so_far(record));
            format!("began {began}, {word} for {so_far}")
        }
        Standing::CutOff | Standing::Unknown => {
            let took = secs(record.took);
            format!("began {began}, {word}, last heard of after {took}")
        }
        Standing::NotApplied
        | Standing::Written
        | Standing::StillFailing(_)
        | Standing::Ended(_) => {
            let took = secs(record.took);
            format!("began {began}, took {took}, outcome: {word}")
        }
    }
}

/// A line of the timeline; `None` for what is only for recovery.
fn told(record: &Record, entry: &Entry) -> Option<String> {
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
        Entry::LeftOut { what } => what.clone(),
        Entry::Checkpointed => "checkpoint taken".to_owned(),
        Entry::LeftAlone { file } => {
            format!("{} was left alone", file.display())
        }
        Entry::Written => "files written".to_owned(),
        Entry::Preparing => "fetching and building images".to_owned(),
        Entry::PassingVersion { to, kept_by } => match kept_by.as_slice() {
            [] => format!("passing {to}: no way back"),
            names => format!("passing {to}: the way back is kept by {}", names.join(", ")),
        },
        Entry::RunningOnce {
            service, command, ..
        } => format!("running {command} once, {service} stopped"),
        Entry::RanOnce { command, .. } => format!("{command} ended with 0"),
        Entry::Touching { services } => {
            let names: Vec<&str> = services.iter().map(|service| service.as_str()).collect();
            format!("updating {}", names.join(", "))
        }
        Entry::Converged => "containers are as planned".to_owned(),
        Entry::Verdict {
            service,
            verdict,
            reason,
            ..
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
        // The last reason stands above.
        Entry::RollingBack { reason, .. } if record.reason.as_ref() == Some(reason) => {
            "rolling back".to_owned()
        }
        Entry::RollingBack { reason, .. } => format!("rolling back: {reason}"),
        Entry::LeftInPlace { reason, .. } => format!("left in place: {reason}"),
        Entry::FilesRestored => "files restored".to_owned(),
        Entry::Finished { .. } => history::standing(&record.standing()),
        Entry::Begin { .. }
        | Entry::Writing { .. }
        | Entry::Left { .. }
        | Entry::Built { .. }
        | Entry::Proven => {
            return None;
        }
    })
}

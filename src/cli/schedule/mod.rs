//! `refit schedule`: unattended upgrades.

mod health;
mod job;
mod place;
mod run;
mod stack;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::civil::Time;
use jiff::{Timestamp, ZonedDateTime};
use serde_json::{Value, json};

use super::argument::duration;
use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::record::{Entry, Record};
use crate::schedule::{Action, Via};
use crate::settings::window::{Window, time_of_day};
use crate::state::StackState;
use crate::state::document::StateError;
use health::{Health, Moment};
use job::InstallRequest;
use place::Found;
use stack::Stack;

#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    /// Make a timer for this stack: systemd's where it runs, else cron's
    Install(InstallArgs),
    /// Take the timer of this stack out again
    Remove,
    /// Show the timer, when it fires, what came of it, and whether this machine would really run it
    Status,
    /// What the timer calls: an upgrade with nobody watching
    Run(run::RunArgs),
    /// Run the timer's command in the timer's environment, as a check that changes nothing
    Test,
}

impl ScheduleArgs {
    /// Whether it is told as a run.
    pub(super) fn is_run(&self) -> bool {
        matches!(self.command, ScheduleCommand::Run(_))
    }

    /// Whether it is the timer's command, tried out by `refit schedule test`.
    pub(super) fn is_tried_out(&self) -> bool {
        matches!(&self.command, ScheduleCommand::Run(args) if args.test)
    }

    /// Whether it is about a timer that may have outlived its stack.
    pub(super) fn is_about_a_timer(&self) -> bool {
        let command = &self.command;
        matches!(command, ScheduleCommand::Remove | ScheduleCommand::Status)
    }
}

#[derive(Debug, Args)]
struct InstallArgs {
    /// day, week, or a calendar expression of systemd ("Mon..Fri 04:00") or of cron ("0 4 * * 1-5")
    #[arg(long, value_name = "WHEN", default_value = "day")]
    every: String,
    /// Time of the day [default: when the window opens, else 04:00]
    #[arg(long, value_name = "TIME", value_parser = time_of_day)]
    at: Option<Time>,
    /// Hours in which it may begin, such as 02:00-05:00
    #[arg(long, value_name = "FROM-TO")]
    window: Option<Window>,
    /// Begin by up to so much later, by chance
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    random_delay: Duration,
    /// What is done
    #[arg(long, value_enum, default_value = "upgrade")]
    action: Action,
    /// Who keeps the time [default: systemd where it runs, else cron]
    #[arg(long, value_enum)]
    via: Option<Via>,
    /// A timer of this user; the same as --via user
    #[arg(long, conflicts_with = "via")]
    user: bool,
    /// How long it waits for another run on this stack [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait_lock: Option<Duration>,
    /// A further folder that the service may write to, such as that of a backup in a hook
    #[arg(long, value_name = "DIR")]
    writable: Vec<PathBuf>,
    /// Show the files, and install nothing
    #[arg(long)]
    print: bool,
}

pub(super) async fn schedule(global: &Global, args: ScheduleArgs) -> Result<Exit, Complaint> {
    match args.command {
        ScheduleCommand::Install(args) => install(global, args).await,
        ScheduleCommand::Remove => remove(global).await,
        ScheduleCommand::Status => status(global).await,
        ScheduleCommand::Run(args) => run::run(global, args).await,
        ScheduleCommand::Test => test(global).await,
    }
}

async fn install(global: &Global, args: InstallArgs) -> Result<Exit, Complaint> {
    let request = global.stack_request();
    let wanted = InstallRequest {
        every: args.every,
        at: args.at,
        window: args.window,
        random_delay: args.random_delay,
        action: args.action,
        via: args.via.or(args.user.then_some(Via::User)),
        wait_lock: args.wait_lock,
        writable: args.writable,
        only_print: args.print,
    };
    let stack = Stack::find(&request).await?;
    stack.usable()?;
    let via = place::choose(wanted.via, wanted.only_print, &stack.account).await?;
    let job = stack.job(&request, &wanted, via).await?;
    let files = place::files(&job, via, &stack.scratch).await?;
    if wanted.only_print {
        print_files(global, &job.id, via, &files);
        return Ok(Exit::Done);
    }
    let changed = place::install(&job, via, &files, &stack).await?;
    let found = place::find(&job.id, &job.account).await;
    let health = match found.iter().find(|one| one.via == via) {
        Some(one) => health::of(one, &stack).await,
        None => Health::default(),
    };
    if global.json {
        page::document(&json!({
            "id": job.id,
            "via": via,
            "changed": changed,
            "files": files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
            "next": health.next.as_ref().map(Moment::row),
            "problems": health.problems,
        }));
        return Ok(Exit::Done);
    }
    let did = if changed {
        "Installed in"
    } else {
        "Nothing to do: it is so already, in"
    };
    report::out(&format!("{did} {}: {}", via.words(), job.title));
    for (path, _) in &files {
        report::out(&format!("  {}", path.display()));
    }
    if let Some(next) = health.next {
        report::out(&format!("  next   {next}, as {}", job.account.name));
    }
    if stack.has_hooks() && via == Via::Systemd {
        report::out(
            "  hooks  may write to the stack and to what --writable DIR names, and nowhere else",
        );
        if !job.mails {
            report::out("         and call no program that takes more rights, such as sudo");
        }
    }
    for name in Stack::withheld() {
        report::err(&format!(
            "! {name} holds a password, so the timer is not told of it"
        ));
    }
    for problem in health.problems {
        report::err(&format!("! {problem}"));
    }
    report::out("Try it: refit schedule test");
    Ok(Exit::Done)
}

fn print_files(global: &Global, id: &str, via: Via, files: &[(PathBuf, String)]) {
    if global.json {
        let file = |(path, text): &(PathBuf, String)| json!({"path": path, "text": text});
        let files: Vec<Value> = files.iter().map(file).collect();
        page::document(&json!({"id": id, "via": via, "files": files}));
        return;
    }
    for (path, text) in files {
        report::out(&format!("# {}", path.display()));
        report::out(text.trim_end_matches('\n'));
    }
}

async fn remove(global: &Global) -> Result<Exit, Complaint> {
    let stack = Stack::find(&global.stack_request()).await?;
    let found = place::find(&stack.id, &stack.account).await;
    if found.is_empty() && !stack.directory.is_dir() {
        stack.usable()?;
    }
    for one in &found {
        place::remove(one, &stack.id, &stack.account, &stack.scratch).await?;
        if !global.json {
            report::out(&format!("Taken out of {}", one.via.words()));
        }
    }
    if global.json {
        page::document(&json!({"removed": found.iter().map(|one| one.via).collect::<Vec<_>>()}));
    } else if found.is_empty() {
        report::out("Nothing to do: no timer is installed for this stack");
    }
    Ok(Exit::Done)
}

async fn status(global: &Global) -> Result<Exit, Complaint> {
    let stack = Stack::find(&global.stack_request()).await?;
    let found = place::find(&stack.id, &stack.account).await;
    let mut timers = Vec::new();
    for one in &found {
        timers.push((one, health::of(one, &stack).await));
    }
    if timers.is_empty() {
        stack.usable()?;
    }
    let last = last(&stack.directory, &stack.state).await?;
    if global.json {
        let timers: Vec<Value> = timers
            .iter()
            .map(|(one, health)| {
                json!({
                    "via": one.via,
                    "file": one.file,
                    "next": health.next.as_ref().map(Moment::row),
                    "last": health.last.as_ref().map(Moment::row),
                    "problems": health.problems,
                })
            })
            .collect();
        page::document(&json!({"id": stack.id, "timers": timers, "last_result": last}));
        return Ok(Exit::Done);
    }
    if timers.is_empty() {
        report::out("no timer is installed for this stack; refit schedule install makes one");
    }
    for (Found { via, file, .. }, health) in &timers {
        report::out(&format!("timer   {}, {}", via.words(), file.display()));
        let next = health.next.as_ref();
        let next = next.map_or_else(|| "unknown".to_owned(), Moment::to_string);
        report::out(&format!("next    {next}"));
        for problem in &health.problems {
            report::out(&format!("! {problem}"));
        }
        if health.problems.is_empty() {
            report::out("        this machine will run it");
        }
    }
    report::out(&format!(
        "last    {}",
        last.as_ref().map_or_else(|| "none yet".to_owned(), told)
    ));
    Ok(Exit::Done)
}

async fn test(global: &Global) -> Result<Exit, Complaint> {
    let stack = Stack::find(&global.stack_request()).await?;
    let found = place::find(&stack.id, &stack.account).await;
    let Some(one) = found.first() else {
        let text = "no timer is installed for this stack, so there is none to test";
        return Err(
            Complaint::new(Code::NotScheduled, text).hint("refit schedule install makes one")
        );
    };
    let command = health::command(one, &stack).await?;
    let loud = !global.quiet && !global.json;
    if loud {
        report::err(&format!("as {}: {}", stack.account.name, command.shown()));
    }
    let code = command.run_as_check(&stack.account, loud).await?;
    let works = code == Some(0);
    if global.json {
        page::document(&json!({
            "id": stack.id,
            "via": one.via,
            "user": stack.account.name,
            "command": command.shown(),
            "works": works,
            "exit_code": code,
        }));
    }
    if loud {
        report::err(match works {
            true => "✓ the timer's command works in the timer's environment",
            false => "✗ the timer's command fails in the timer's environment",
        });
    }
    Ok(if works { Exit::Done } else { Exit::Refused })
}

/// The last time that a timer fired.
pub(super) async fn last(
    directory: &Path,
    state: &StackState,
) -> Result<Option<Entry>, StateError> {
    Ok(entries(directory, state).await?.pop())
}

/// Every time that a timer fired, as far as it is kept. root sees as well what the owner of the stack
/// remembers: a timer runs as that.
pub(super) async fn entries(
    directory: &Path,
    state: &StackState,
) -> Result<Vec<Entry>, StateError> {
    let mut all = Record::of(state).read()?;
    if rustix::process::geteuid().is_root()
        && let Some(state) = stack::state_of_owner(directory).await
    {
        all.extend(Record::of(&state).read()?);
        all.sort_by_key(|entry| entry.at);
    }
    Ok(all)
}

/// An unattended run in a line.
pub(super) fn told(entry: &Entry) -> String {
    let at = entry.at.to_zoned_datetime(jiff::tz::TimeZone::system());
    let run = entry
        .run
        .map(|run| format!(" (refit show {run})"))
        .unwrap_or_default();
    let text = entry
        .text
        .as_ref()
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    let word = entry.outcome.word().replace('_', " ");
    format!("{}, {}, {word}{run}{text}", shown(&at), entry.action.word())
}

fn shown(at: &ZonedDateTime) -> String {
    at.strftime("%F %H:%M").to_string()
}

/// The same for JSON.
pub(super) fn row(entry: Option<&Entry>) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}

/// The present moment, in this machine's zone.
fn now() -> ZonedDateTime {
    Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::system())
}

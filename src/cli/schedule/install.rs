//! `refit schedule install`: makes a timer for the stack.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::civil::Time;
use serde_json::{Value, json};

use super::super::argument::duration;
use super::super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::health::Moment;
use crate::schedule::install::{Installation, NewTimer};
use crate::schedule::job::{self, InstallRequest};
use crate::schedule::{TimerAction, Via};
use crate::settings::window::{Window, time_of_day};

#[derive(Debug, Args)]
pub(super) struct InstallArgs {
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
    action: TimerAction,
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

pub(super) async fn install(global: &Global, args: InstallArgs) -> Result<Exit, Complaint> {
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
    let timer = NewTimer::make(&global.stack_request(), &wanted).await?;
    if wanted.only_print {
        print_files(global, &timer);
        return Ok(Exit::Done);
    }
    let done = timer.install().await?;
    match global.json {
        true => page::document(&document(&timer, &done)),
        false => print(&timer, done),
    }
    Ok(Exit::Done)
}

fn document(timer: &NewTimer, done: &Installation) -> Value {
    json!({
        "id": timer.job.id,
        "via": timer.via,
        "changed": done.changed,
        "files": timer.files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "next": done.health.next.as_ref().map(Moment::row),
        "problems": done.health.problems,
    })
}

fn print(timer: &NewTimer, done: Installation) {
    let job = &timer.job;
    let did = if done.changed {
        "Installed in"
    } else {
        "Nothing to do: already installed in"
    };
    report::out(&format!("{did} {}: {}", timer.via.words(), job.title));
    for (path, _) in &timer.files {
        report::out(&format!("  {}", path.display()));
    }
    if let Some(next) = done.health.next {
        report::out(&format!("  next   {next}, as {}", job.account.name));
    }
    if timer.walls_hooks_in() {
        report::out(
            "  hooks  may write to the stack and to what --writable DIR names, and nowhere else",
        );
        if !job.mails {
            report::out("         and call no program that takes more rights, such as sudo");
        }
    }
    for name in job::withheld() {
        report::err(&format!(
            "! {name} holds a password, so it is not passed to the timer"
        ));
    }
    for problem in done.health.problems {
        report::err(&format!("! {problem}"));
    }
    page::advice("Try it: refit schedule test");
}

fn print_files(global: &Global, timer: &NewTimer) {
    let NewTimer {
        job, via, files, ..
    } = timer;
    if global.json {
        let file = |(path, text): &(PathBuf, String)| json!({"path": path, "text": text});
        let files: Vec<Value> = files.iter().map(file).collect();
        page::document(&json!({"id": job.id, "via": via, "files": files}));
        return;
    }
    for (path, text) in files {
        report::out(&format!("# {}", path.display()));
        report::out(text.trim_end_matches('\n'));
    }
}

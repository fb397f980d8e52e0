//! `refit schedule`: unattended upgrades.

mod install;
mod remove;
mod result;
mod run;
mod status;
mod test;

use clap::{Args, Subcommand};

use super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;

pub(super) use result::{row, told};

#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    /// Install a timer for this stack, with systemd or else cron
    Install(install::InstallArgs),
    /// Remove the timer of this stack
    Remove,
    /// Show the timer, its last run, and whether this machine runs it
    Status,
    /// What the timer calls: an unattended upgrade
    Run(run::UnattendedArgs),
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

pub(super) async fn schedule(global: &Global, args: ScheduleArgs) -> Result<Exit, Complaint> {
    match args.command {
        ScheduleCommand::Install(args) => install::install(global, args).await,
        ScheduleCommand::Remove => remove::remove(global).await,
        ScheduleCommand::Status => status::status(global).await,
        ScheduleCommand::Run(args) => run::run(global, args).await,
        ScheduleCommand::Test => test::test(global).await,
    }
}

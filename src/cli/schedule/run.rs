//! `refit schedule run`: what a timer calls.

use std::time::Duration;

use clap::Args;

use super::super::argument::duration;
use super::super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::schedule::TimerAction;
use crate::schedule::fields::Fields;
use crate::schedule::unattended::{self, UnattendedRequest};
use crate::settings::window::Window;

#[derive(Debug, Args)]
pub(super) struct UnattendedArgs {
    /// What is done
    #[arg(long, value_enum, default_value = "upgrade")]
    action: TimerAction,
    /// Do nothing outside of these hours [default: upgrade.window of refit.yaml]
    #[arg(long, value_name = "FROM-TO")]
    window: Option<Window>,
    /// Wait by chance up to so long before anything else
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    random_delay: Duration,
    /// Do nothing unless these five fields of cron have been due since the last run: for a machine that
    /// was off
    #[arg(long, value_name = "FIELDS", value_parser = fields)]
    missed: Option<Fields>,
    /// How long to wait for the engine, where the machine has only just been started
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    wait_engine: Duration,
    /// How long to wait for another run on this stack
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    wait_lock: Duration,
    /// Try again what has failed before, and after too many failures
    #[arg(long)]
    retry: bool,
    /// A check at once, that is not remembered: what refit schedule test runs
    #[arg(long, hide = true)]
    pub(super) test: bool,
}

pub(super) async fn run(global: &Global, args: UnattendedArgs) -> Result<Exit, Complaint> {
    let invocation = global.invocation();
    let request = UnattendedRequest {
        action: args.action,
        window: args.window,
        random_delay: args.random_delay,
        missed: args.missed,
        wait_engine: args.wait_engine,
        wait_lock: args.wait_lock,
        retry: args.retry,
    };
    match args.test {
        true => unattended::check(&invocation, &request).await,
        false => unattended::run(&invocation, &request).await,
    }
}

/// The five fields of a crontab.
fn fields(text: &str) -> Result<Fields, String> {
    Fields::read(text).ok_or_else(|| format!("{text:?} is not the five fields of a crontab"))
}

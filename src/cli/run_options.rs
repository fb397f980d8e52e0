//! The options that every run has, and a run with them.

use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::argument::{duration, limits};
use super::global::Global;
use super::notify::{self, Occasion};
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::plan::guard::Guard;
use crate::request::{Options, Request, Strategy, What, WithUnfinished};

/// The options of every run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every run")]
pub(super) struct RunOptions {
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: exit with 10 when there is something to do
    #[arg(long, hide_short_help = true)]
    exit_code: bool,
    /// Leave a failed change in place
    #[arg(long)]
    no_rollback: bool,
    /// How containers are updated
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "HOW",
        hide_short_help = true
    )]
    strategy: StrategyArg,
    /// Time limit [default: as the healthchecks allow, else 5m]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// How long a service without a healthcheck must run [default: 5s]
    #[arg(long, value_parser = duration, value_name = "TIME", hide_short_help = true)]
    settle: Option<Duration>,
    /// Allow what a guard refuses; the refusal names it
    #[arg(
        long,
        value_enum,
        value_name = "GUARD",
        hide_possible_values = true,
        long_help = all_guards()
    )]
    allow: Vec<Guard>,
    /// How long to wait for another run on this stack
    #[arg(
        long,
        value_parser = duration,
        default_value = "0s",
        value_name = "TIME",
        hide_short_help = true
    )]
    wait_lock: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StrategyArg {
    /// The cheapest way that works
    Auto,
    /// Restart what is touched
    Restart,
    /// Recreate what is touched
    Recreate,
    /// docker compose down, then up -d --build
    DownUp,
}

impl RunOptions {
    /// Whether nothing is to be done.
    pub(super) fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// # Errors
    /// Options that exclude each other.
    pub(super) fn options(&self) -> Result<Options, Complaint> {
        Ok(Options {
            dry_run: self.dry_run,
            exit_code: self.exit_code,
            no_apply: false,
            no_rollback: self.no_rollback,
            strategy: match self.strategy {
                StrategyArg::Auto => Strategy::Auto,
                StrategyArg::Restart => Strategy::Restart,
                StrategyArg::Recreate => Strategy::Recreate,
                StrategyArg::DownUp => Strategy::DownUp,
            },
            limits: limits(self.settle, self.timeout, "--timeout")?,
            allow: self.allow.iter().copied().collect(),
            wait_lock: self.wait_lock,
            unfinished: WithUnfinished::Refuse,
        })
    }
}

fn all_guards() -> String {
    let words: Vec<&str> = Guard::ALL.iter().map(|guard| guard.word()).collect();
    format!(
        "Allow what a guard refuses; repeatable. The refusal names its guard: {}",
        words.join(", ")
    )
}

impl ValueEnum for Guard {
    fn value_variants<'a>() -> &'a [Self] {
        Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()))
    }
}

pub(super) async fn execute(
    global: &Global,
    what: What,
    options: Options,
) -> Result<Exit, Complaint> {
    let occasion = Occasion {
        unattended: false,
        dry: options.dry_run,
        series: None,
    };
    let request = Request {
        command: global.command_line(),
        options,
    };
    let located = global.locate_request();
    let report = notify::telling(global, occasion, &request.command, async |runner| {
        runner.execute(&located, &request, &what).await
    })
    .await?;
    Ok(report.end.exit())
}

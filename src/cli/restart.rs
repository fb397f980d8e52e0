//! `refit restart`.

use clap::Args;

use super::argument::service_names;
use super::global::Global;
use super::run_options::{RunOptions, execute};
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::request::{Strategy, What};

#[derive(Debug, Args)]
pub(super) struct RestartArgs {
    /// Services [default: all that run]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// docker compose down, then up -d --build: the whole stack
    #[arg(long, conflicts_with = "services")]
    down: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn restart(global: &Global, args: RestartArgs) -> Result<Exit, Complaint> {
    let mut options = args.run.options()?;
    if args.down {
        options.strategy = Strategy::DownUp;
    }
    let what = What::Restart(service_names(&args.services));
    execute(global, what, options).await
}

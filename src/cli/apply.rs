//! `refit apply`.

use clap::Args;

use super::argument::service_names;
use super::global::Global;
use super::run_options::{RunOptions, execute};
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::request::{Options, What, WithUnfinished};

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn apply(global: &Global, args: ApplyArgs) -> Result<Exit, Complaint> {
    let what = What::Apply(service_names(&args.services));
    let options = Options {
        unfinished: WithUnfinished::KeepPresent,
        ..args.run.options()?
    };
    execute(global, what, options).await
}

//! `refit plan`.

use clap::Args;

use super::argument::service_names;
use super::global::Global;
use super::run_options::execute;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::request::{Options, What};

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Exit with 10 when there is something to do
    #[arg(long)]
    exit_code: bool,
}

pub(super) async fn plan(global: &Global, args: PlanArgs) -> Result<Exit, Complaint> {
    let what = What::Apply(service_names(&args.services));
    let options = Options {
        dry_run: true,
        exit_code: args.exit_code,
        ..Options::default()
    };
    execute(global, what, options).await
}

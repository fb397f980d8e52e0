//! `refit rollback`.

use clap::Args;

use super::argument::run_number;
use super::global::Global;
use super::run_options::{RunOptions, execute};
use crate::complaint::Complaint;
use crate::event::RunId;
use crate::exit::Exit;
use crate::request::{Options, What, WithUnfinished};

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Go back to before this run [default: undo the last change]
    ///
    /// Without it, each rollback goes further back: runs that changed nothing and runs that are
    /// undone already are passed over. The number of a rollback undoes that rollback.
    #[arg(value_name = "RUN", value_parser = run_number)]
    target: Option<u64>,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn rollback(global: &Global, args: RollbackArgs) -> Result<Exit, Complaint> {
    let target = args.target.map(RunId);
    let what = What::Rollback(target);
    let options = Options {
        unfinished: WithUnfinished::GoBack(target),
        ..args.run.options()?
    };
    execute(global, what, options).await
}

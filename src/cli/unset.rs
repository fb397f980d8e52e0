//! `refit unset`.

use std::path::PathBuf;

use clap::Args;

use super::assignment;
use super::global::Global;
use super::run_options::{RunOptions, execute};
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::request::{Edit, EditRequest, Options, To, What};

#[derive(Debug, Args)]
pub(super) struct UnsetArgs {
    /// Keys, or paths in a file
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Env, YAML, TOML, JSON or INI file [default: where the key belongs]
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Edit the file only; refit apply does the rest
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn unset(global: &Global, args: UnsetArgs) -> Result<Exit, Complaint> {
    let typed = global.typed.typed();
    assignment::refuse_values(&args.keys, &typed)?;
    let keys = args.keys.into_iter();
    let what = What::Edit(EditRequest {
        typed: Some(typed),
        file: args.file,
        edits: keys.map(|key| Edit { key, to: To::Unset }).collect(),
        reach: Vec::new(),
    });
    let options = Options {
        no_apply: args.no_apply,
        ..args.run.options()?
    };
    execute(global, what, options).await
}

//! `refit man`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};

use crate::complaint::Complaint;
use crate::exit::Exit;

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Folder to write to; it must exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn man(args: &ManArgs, command: Command) -> Result<Exit, Complaint> {
    clap_mangen::generate_to(command, &args.directory)
        .with_context(|| format!("cannot write man pages to {}", args.directory.display()))?;
    Ok(Exit::Done)
}

//! For packagers: completions and man pages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Command};

use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Folder to write to; it must exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs, command: &mut Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "refit", &mut script);
    report::print(&String::from_utf8_lossy(&script));
    Exit::Done
}

pub(super) fn man(args: &ManArgs, command: Command) -> Result<Exit, Complaint> {
    clap_mangen::generate_to(command, &args.directory)
        .with_context(|| format!("cannot write man pages to {}", args.directory.display()))?;
    Ok(Exit::Done)
}

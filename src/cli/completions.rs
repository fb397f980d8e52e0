//! `refit completions`.

use clap::{Args, Command};

use crate::exit::Exit;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(super) fn completions(args: &CompletionsArgs, command: &mut Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "refit", &mut script);
    report::print(&String::from_utf8_lossy(&script));
    Exit::Done
}

//! `refit man`: a page for each command, with the sections that man(7) wants.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;

use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report;

/// What refit reads and writes.
const FILES: &str = "\
compose.yaml, .env      the stack, as docker compose finds it
refit.yaml              settings of refit, beside the compose file
$XDG_STATE_HOME/refit   runs and what undoes them; of root: /var/lib/refit";

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Folder to write to; it must exist
    // Not `directory`: that is -C.
    #[arg(id = "pages", value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn man(args: &ManArgs, command: Command) -> Result<Exit, Complaint> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let folder = &args.directory;
    let count = pages(&command, folder)
        .with_context(|| format!("cannot write man pages to {}", folder.display()))?;
    let first = folder.join("refit.1");
    report::out(&format!(
        "{count} pages written; man -l {}",
        first.display()
    ));
    Ok(Exit::Done)
}

/// Writes the page of a command and those below it; how many they are.
fn pages(command: &Command, folder: &Path) -> std::io::Result<usize> {
    let mut count = 1;
    for below in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        count += pages(below, folder)?;
    }
    let page = Man::new(command.clone());
    let mut bytes = Vec::new();
    write(&page, command, &mut bytes)?;
    std::fs::write(folder.join(page.get_filename()), bytes)?;
    Ok(count)
}

fn write(page: &Man, command: &Command, to: &mut impl Write) -> std::io::Result<()> {
    page.render_title(to)?;
    page.render_name_section(to)?;
    page.render_synopsis_section(to)?;
    page.render_description_section(to)?;
    page.render_options_section(to)?;
    if command.has_subcommands() {
        page.render_subcommands_section(to)?;
    }
    section(to, "FILES", FILES)?;
    let help = command.get_after_long_help().map(ToString::to_string);
    let help = help.unwrap_or_default();
    for block in help.split("\n\n") {
        let (head, text) = block.split_once(":\n").unwrap_or_default();
        match head {
            "Exit codes" => section(to, "EXIT STATUS", text)?,
            head => section(to, &head.to_uppercase(), text)?,
        }
    }
    if !help.contains("Exit codes") {
        section(to, "EXIT STATUS", "see refit(1)")?;
    }
    Ok(())
}

/// Lines as they are.
fn section(to: &mut impl Write, head: &str, text: &str) -> std::io::Result<()> {
    writeln!(to, ".SH \"{head}\"\n.nf")?;
    for line in text.lines() {
        let line = line.trim_start().replace('\\', "\\e").replace('-', "\\-");
        writeln!(to, "\\&{line}")?;
    }
    writeln!(to, ".fi")
}

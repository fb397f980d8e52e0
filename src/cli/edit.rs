//! `refit edit`: the person's editor on a copy, then a run with what was made of it. A text that is
//! refused or rolled back is not lost.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::Args;

use super::Global;
use super::get::Asked;
use super::runs::{RunArgs, execute};
use crate::complaint::{Code, Complaint};
use crate::engine::files;
use crate::exit::Exit;
use crate::report;
use crate::run::edits;
use crate::run::request::What;
use crate::stack::shown;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::state::{StateHome, make_folder, write_file};

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// File of the stack; without it the first env file
    #[arg(id = "edited", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Edit the file only; refit apply brings the engine in line later
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunArgs,
}

pub(super) async fn edit(global: &Global, args: EditArgs) -> Result<Exit, Complaint> {
    let located = Asked::of(global).await?.located;
    let path = match &args.file {
        Some(file) => {
            edits::named(&located, file).unwrap_or_else(|| located.args.directory.join(file))
        }
        None => located.first_env_file(),
    };
    let name = shown(&located.args.directory, &path);
    edits::check_is_file(&name, &path)?;
    let before = match Side::read(&path) {
        Side::Unknown(why) => return Err(Complaint::new(Code::Io, why)),
        known => known,
    };
    let home = StateHome::find()?;
    // The editor sees the file's own name, by which it chooses how to show it.
    let folder = tempfile::Builder::new()
        .prefix(&format!("{}-edit-", std::process::id()))
        .tempdir_in(home.scratch()?)
        .context("cannot make a folder for the copy")?;
    let copy = folder
        .path()
        .join(path.file_name().unwrap_or("file".as_ref()));
    write_file(&copy, before.bytes().unwrap_or_default())?;
    let edited = open_editor(&copy);
    let after = files::read_if_exists(&copy)?;
    let is_same = after.as_deref().unwrap_or_default() == before.bytes().unwrap_or_default();
    if let Err(complaint) = edited {
        if !is_same && after.as_deref().is_some_and(|text| !text.is_empty()) {
            tell_kept(&keep(&home, &located.args.directory, &copy)?);
        }
        return Err(complaint);
    }
    if is_same {
        report::err(&format!("{name} was not changed"));
        return Ok(Exit::Done);
    }
    let mut options = args.run.options();
    options.no_apply = args.no_apply;
    let after = match after {
        Some(bytes) => Side::new(bytes, &before),
        None => Side::Absent,
    };
    let what = What::Replace(FileEdit {
        path,
        before,
        after,
        origin: Origin::Person,
    });
    let ended = execute(global, what, options).await;
    if !matches!(ended, Ok(Exit::Done)) || args.run.is_dry() {
        tell_kept(&keep(&home, &located.args.directory, &copy)?);
    }
    ended
}

fn tell_kept(kept: &Path) {
    report::err(&format!("→ your text is in {}", kept.display()));
}

/// Runs the editor as git does: by the shell, so that it may have arguments.
fn open_editor(file: &Path) -> Result<(), Complaint> {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let editor = named
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| "vi".into());
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(file)
        .status()
        .with_context(|| format!("cannot start {editor}"))?;
    if status.success() {
        return Ok(());
    }
    Err(Complaint::new(
        Code::EditorFailed,
        format!("{editor} ended with an error; nothing was changed"),
    )
    .hint("set VISUAL or EDITOR to the editor you want"))
}

/// Saves a text that did not make it into the stack.
fn keep(home: &StateHome, directory: &Path, copy: &Path) -> Result<PathBuf, Complaint> {
    let folder = home.of_stack(directory).folder().join("rejected");
    make_folder(&folder)?;
    let stamp = jiff::Timestamp::now().as_millisecond();
    let name = copy
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let kept = folder.join(format!("{stamp}-{name}"));
    write_file(&kept, &files::read_if_exists(copy)?.unwrap_or_default())?;
    Ok(kept)
}

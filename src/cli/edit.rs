//! `refit edit`: the person's editor on a copy, then a run with what was made of it. A text that is
//! refused or rolled back is not lost, nor one that was typed when refit was ended.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::process::{Child, Command};

use super::global::Global;
use super::located_stack::LocatedStack;
use super::run_options::{RunOptions, execute};
use crate::assess::edits;
use crate::complaint::{Code, Complaint};
use crate::exit::Exit;
use crate::host::files;
use crate::host::process::{is_refit, signal_tree};
use crate::host::signals::{Signal, Signals};
use crate::report;
use crate::request::What;
use crate::stack::shown;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::state::{REJECTED, StateHome, make_folder, write_file};

/// How long an editor that was told to end may take: it writes down what was not saved.
const EDITOR_END: Duration = Duration::from_secs(3);

/// In the name of a folder with a copy that is being edited, behind the number of its refit.
const OPEN: &str = "-edit-";

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// File of the stack [default: the first env file]
    #[arg(id = "edited", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Edit the file only; refit apply does the rest
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    run: RunOptions,
}

pub(super) async fn edit(global: &Global, args: EditArgs) -> Result<Exit, Complaint> {
    let located = LocatedStack::of(global).await?.located;
    let path = match &args.file {
        Some(file) => {
            edits::named(&located, file).unwrap_or_else(|| located.args.directory.join(file))
        }
        None => located.first_env_file(),
    };
    let name = shown(&located.args.directory, &path);
    edits::check_is_file(&name, &path)?;
    let before = Side::read(&path).known();
    let before = before.map_err(|why| Complaint::new(Code::Io, why))?;
    let rejected = Rejected::of(&StateHome::find()?, &located.args.directory)?;
    for left in rejected.left_behind(&path)? {
        report::err(&format!(
            "an earlier refit edit was cut off; your text is in {}",
            left.display()
        ));
    }
    // The editor sees the file's own name, by which it chooses how to show it.
    let folder = tempfile::Builder::new()
        .prefix(&format!("{}{OPEN}", std::process::id()))
        .tempdir_in(&rejected.folder)
        .context("cannot make a folder for the copy")?;
    let copy = folder
        .path()
        .join(path.file_name().unwrap_or("file".as_ref()));
    write_file(&copy, before.bytes().unwrap_or_default())?;
    let edited = open_editor(&copy).await;
    let after = files::read_if_exists(&copy)?;
    let is_same = after.as_deref().unwrap_or_default() == before.bytes().unwrap_or_default();
    match edited {
        Ok(EditorEnd::Done) => {}
        Ok(EditorEnd::Ended(signal)) => {
            report::err(&format!(
                "interrupted by {}; nothing was changed",
                signal.name()
            ));
            // What an editor that was ended writes down lies beside the copy, under names of its own.
            for kept in rejected.keep_all(folder.path(), before.bytes().unwrap_or_default())? {
                tell_kept(&kept);
            }
            return Ok(Exit::Signal(signal));
        }
        Ok(EditorEnd::StillOpen(signal)) => {
            let name = signal.name();
            report::err(&format!(
                "interrupted by {name}; nothing was changed, and the editor is still open"
            ));
            tell_kept(&folder.keep().join(copy.file_name().unwrap_or_default()));
            return Ok(Exit::Signal(signal));
        }
        Err(complaint) => {
            if !is_same && after.as_deref().is_some_and(|text| !text.is_empty()) {
                tell_kept(&rejected.keep(&copy)?);
            }
            return Err(complaint);
        }
    }
    if is_same {
        report::err(&match before {
            Side::Absent => {
                format!("{name} does not exist, and nothing was written: none was made")
            }
            Side::Text(_) | Side::Unknown(_) => format!("{name} was not changed"),
        });
        return Ok(Exit::Done);
    }
    let Some(after) = after else {
        let text = format!("the editor left no {name}; nothing was changed");
        let complaint = Complaint::new(Code::EditorFailed, text);
        let hint = format!("to remove it: rm {name}, then refit apply");
        return Err(complaint.hint(hint));
    };
    let mut options = args.run.options()?;
    options.no_apply = args.no_apply;
    let after = Side::new(after, &before);
    let what = What::Replace(FileEdit {
        path,
        before,
        after,
        origin: Origin::Person,
    });
    let ended = execute(global, what, options).await;
    if !matches!(ended, Ok(Exit::Done)) || args.run.is_dry() {
        tell_kept(&rejected.keep(&copy)?);
    }
    ended
}

fn tell_kept(kept: &Path) {
    report::err(&format!("→ your text is in {}", kept.display()));
}

/// How an editor ended that could be started and complained of nothing.
enum EditorEnd {
    /// By itself.
    Done,
    /// As it was told to, because refit was.
    Ended(Signal),
    /// It was told to end, and goes on.
    StillOpen(Signal),
}

/// Runs the editor as git does: by the shell, so that it may have arguments. Ctrl-C is the editor's
/// while it is open; whatever else asks refit to end is passed on to it.
async fn open_editor(file: &Path) -> Result<EditorEnd, Complaint> {
    let named = ["VISUAL", "EDITOR"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|text| !text.trim().is_empty());
    // An editor that was chosen may need none.
    if named.is_none() && !std::io::stdin().is_terminal() {
        let text = "there is no terminal to open vi in";
        let complaint = Complaint::new(Code::EditorFailed, text);
        return Err(complaint.hint("set VISUAL or EDITOR to a command that edits a file"));
    }
    let editor = named.unwrap_or_else(|| "vi".into());
    let mut signals = Signals::listen().map_err(anyhow::Error::from)?;
    let mut child = Command::new("sh")
        .arg("-c")
        // The shell outlives what its editor lives through, and ends with it.
        .arg(format!("trap : INT TERM HUP; {editor} \"$1\""))
        .arg("sh")
        .arg(file)
        .spawn()
        .with_context(|| format!("cannot start {editor}"))?;
    let ended = |status: std::io::Result<ExitStatus>| match status {
        Ok(status) if status.success() => Ok(EditorEnd::Done),
        Ok(_) | Err(_) => Err(Complaint::new(
            Code::EditorFailed,
            format!("{editor} ended with an error; nothing was changed"),
        )
        .hint("for another editor: set VISUAL or EDITOR")),
    };
    tokio::select! {
        biased;
        signal = signals.asked_to_end() => Ok(told_to_end(&mut child, signal).await),
        status = child.wait() => match signals.ended() {
            // The terminal tells the editor as well, and it may be quicker.
            Some(signal) => Ok(EditorEnd::Ended(signal)),
            None => ended(status),
        },
    }
}

async fn told_to_end(child: &mut Child, signal: Signal) -> EditorEnd {
    if let Some(pid) = child.id() {
        signal_tree(pid, signal.number());
    }
    match tokio::time::timeout(EDITOR_END, child.wait()).await {
        Ok(_) => EditorEnd::Ended(signal),
        Err(_) => EditorEnd::StillOpen(signal),
    }
}

/// Where texts are kept that did not make it into the stack.
struct Rejected {
    folder: PathBuf,
}

impl Rejected {
    fn of(home: &StateHome, directory: &Path) -> Result<Self, Complaint> {
        let folder = home.of_stack(directory).folder().join(REJECTED);
        make_folder(&folder)?;
        Ok(Self { folder })
    }

    fn keep(&self, copy: &Path) -> Result<PathBuf, Complaint> {
        let stamp = jiff::Timestamp::now().as_millisecond();
        let name = copy.file_name().unwrap_or_default().to_string_lossy();
        let kept = self.folder.join(format!("{stamp}-{name}"));
        write_file(&kept, &files::read_if_exists(copy)?.unwrap_or_default())?;
        Ok(kept)
    }

    /// Keeps what lies in a folder of a copy, but for what is empty or as it was.
    fn keep_all(&self, folder: &Path, before: &[u8]) -> Result<Vec<PathBuf>, Complaint> {
        let mut kept = Vec::new();
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.context("cannot read what was edited")?.path();
            if !path.is_file() {
                continue;
            }
            let bytes = files::read_if_exists(&path)?.unwrap_or_default();
            if !bytes.is_empty() && bytes != before {
                kept.push(self.keep(&path)?);
            }
        }
        kept.sort();
        Ok(kept)
    }

    /// Keeps what was typed in an edit of a refit that was killed.
    fn left_behind(&self, file: &Path) -> Result<Vec<PathBuf>, Complaint> {
        let now = files::read_if_exists(file)?.unwrap_or_default();
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.split_once(OPEN).and_then(|(pid, _)| pid.parse().ok());
            if owner.is_some_and(|pid| !is_refit(pid)) && entry.path().is_dir() {
                kept.extend(self.keep_all(&entry.path(), &now)?);
                std::fs::remove_dir_all(entry.path()).context("cannot remove what was kept")?;
            }
        }
        Ok(kept)
    }
}

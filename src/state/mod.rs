//! Where runs are kept: outside of the stack, so that build contexts and backups do not meet them.
//! Folders 0700, files 0600: checkpoints hold the person's secrets.

pub(crate) mod document;
mod files;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod notification_log;
pub(crate) mod open_run;
pub(crate) mod runs;
mod scratch;
pub(crate) mod statistics;
pub(crate) mod trust_record;

pub(crate) use files::{make_folder, write_file};

use std::fs;
use std::io::{self};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::event::RunId;
use crate::hash::sha256;
use crate::host::files::sync_folder;
use document::StateError;

/// In a home folder.
const OF_HOME: &str = ".local/state/refit";

/// The folder of all stacks' state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateHome(PathBuf);

impl StateHome {
    /// Makes nothing: a question is answered also where nothing can be written.
    ///
    /// `$REFIT_STATE_HOME`, else `$XDG_STATE_HOME/refit`, else `/var/lib/refit` as root, else the default
    /// in the home folder.
    ///
    /// # Errors
    /// There is no home directory.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|text| !text.is_empty());
        let path = if let Some(path) = set("REFIT_STATE_HOME") {
            PathBuf::from(path)
        } else if let Some(path) = set("XDG_STATE_HOME") {
            PathBuf::from(path).join("refit")
        } else if rustix::process::geteuid().is_root() {
            PathBuf::from("/var/lib/refit")
        } else {
            std::env::home_dir()
                .context("no home directory; set REFIT_STATE_HOME to a folder for refit's state")?
                .join(OF_HOME)
        };
        Ok(Self(path))
    }

    /// Where another account keeps its own, as far as can be known of it. Makes nothing.
    pub(crate) fn of_account(home: &Path) -> Self {
        Self(home.join(OF_HOME))
    }

    /// All stacks of which something is remembered here.
    ///
    /// # Errors
    /// The folder is there and cannot be listed.
    pub(crate) fn stacks(&self) -> anyhow::Result<Vec<StackState>> {
        let found = entries_of(&self.0.join("stacks"))?;
        Ok(found.into_iter().map(StackState).collect())
    }

    /// A folder of a test's own.
    #[cfg(test)]
    pub(super) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The file in which the checked version of the Compose plug-in is remembered.
    pub(crate) fn compose_stamp(&self) -> PathBuf {
        self.0.join("compose-version")
    }

    /// The state of the stack in a folder. It is made when the first run is.
    ///
    /// Like the lock it belongs to the folder: what two projects of one folder do to its files is
    /// one history.
    pub(crate) fn of_stack(&self, directory: &Path) -> StackState {
        let directory = &crate::host::files::follow(directory);
        let hash = Sha256::digest(directory.as_os_str().as_encoded_bytes());
        let short = crate::hash::hex(&hash[..6]);
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .take(40)
            .collect();
        StackState(self.0.join("stacks").join(format!("{name}-{short}")))
    }
}

/// What lies in a folder, in order; nothing where it is not there.
pub(crate) fn entries_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let looking = || format!("cannot look at {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(looking)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.with_context(looking)?.path());
    }
    found.sort();
    Ok(found)
}

/// The folder of one stack's runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackState(PathBuf);

impl StackState {
    /// A folder of that kind elsewhere, as another user has it.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The other stacks of the same state folder.
    pub(crate) fn others(&self) -> Vec<Self> {
        let entries = self.0.parent().map(fs::read_dir);
        let entries = entries.into_iter().flatten().flatten().flatten();
        let folders = entries.map(|entry| entry.path());
        folders.filter(|path| *path != self.0).map(Self).collect()
    }

    /// Takes the folder away where nothing is left in it.
    ///
    /// # Errors
    /// It is not empty, or cannot be removed.
    pub(crate) fn remove_empty(&self) -> anyhow::Result<()> {
        match fs::remove_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.with_context(|| format!("cannot remove {}", self.0.display())),
        }
    }

    /// Numbers of all runs, in order.
    ///
    /// # Errors
    /// The folder is there and cannot be listed.
    pub(crate) fn runs(&self) -> Result<Vec<RunId>, StateError> {
        let folder = self.0.join("runs");
        let unreadable = |error: &io::Error| StateError::of_io(&folder, error);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_symlink() => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(unreadable(&error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| unreadable(&error))?.file_name();
            runs.extend(name.to_str().and_then(|name| name.parse().ok()).map(RunId));
        }
        runs.sort();
        Ok(runs)
    }

    /// The folder of one run.
    pub(crate) fn run_folder(&self, run: RunId) -> PathBuf {
        self.0.join("runs").join(run.to_string())
    }

    /// Makes the folder of the next run.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn next_run(&self) -> anyhow::Result<(RunId, PathBuf)> {
        let run = RunId(self.runs()?.last().map_or(1, |last| last.0 + 1));
        let folder = self.run_folder(run);
        make_folder(&folder)?;
        for parent in folder.ancestors().skip(1).take(3) {
            sync_folder(parent).with_context(|| format!("cannot sync {}", parent.display()))?;
        }
        Ok((run, folder))
    }
}

/// Folders of texts that a person typed: those that a run had to take out of the stack, and those of an editor that were
/// refused. No other copy is known of them.
pub(crate) const TYPED: [&str; 2] = [EDITED, REJECTED];
const EDITED: &str = "edited";
/// What was typed in an editor, and refused.
pub(crate) const REJECTED: &str = "rejected";

/// Where texts are kept that a person typed and that a run had to take out of the stack. They lie beside
/// the runs, not in them: what is old is forgotten of runs, and nothing of this.
pub(crate) fn edited_of(run_folder: &Path) -> PathBuf {
    let run = run_folder.file_name().unwrap_or_default();
    let stack = run_folder.ancestors().nth(2).unwrap_or(run_folder);
    stack.join(EDITED).join(run)
}

/// A short name of a run's folder. Root and a user have a state folder each, and count their runs
/// by themselves: one must not take the other's names.
pub(crate) fn short_name(folder: &Path) -> String {
    let hash = sha256(folder.as_os_str().as_encoded_bytes());
    hash.get(..6).unwrap_or(&hash).to_owned()
}

//! The folder for what lives no longer than a command. It is needed by questions as well, so a state
//! folder that is full, or cannot be written, does not keep a stack from being looked at.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{StateHome, make_folder};
use crate::host::process;

/// What a command puts there is copies of settings: more than this is rare.
static ROOM: [u8; 1 << 16] = [0; 1 << 16];

impl StateHome {
    /// The folder; in place of one that has no room, a private one in the temporary directory. Leftovers
    /// of commands that were killed are removed, they may hold secrets.
    ///
    /// # Errors
    /// Neither can be used.
    pub(crate) fn scratch(&self) -> anyhow::Result<PathBuf> {
        let own = self.folder().join("scratch");
        match usable(&own) {
            Ok(()) => Ok(own),
            Err(error) => {
                let other = elsewhere();
                private(&other)
                    .and_then(|()| usable(&other))
                    .map(|()| other)
                    .map_err(|second| error.context(format!("{second:#}")))
            }
        }
    }
}

/// Makes it, tidies it up, and writes to it.
fn usable(folder: &Path) -> anyhow::Result<()> {
    make_folder(folder)?;
    sweep(folder);
    tempfile::tempfile_in(folder)
        .and_then(|mut file| file.write_all(&ROOM))
        .with_context(|| format!("cannot write to {}", folder.display()))
}

fn elsewhere() -> PathBuf {
    let me = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("refit-{me}"))
}

/// Anybody may make a folder of that name there before.
fn private(folder: &Path) -> anyhow::Result<()> {
    let found = match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.with_context(|| format!("cannot look at {}", folder.display()))?,
    };
    let is_own = found.uid() == rustix::process::geteuid().as_raw();
    if !found.is_dir() || !is_own || found.permissions().mode() & 0o077 != 0 {
        anyhow::bail!("{} is not a private folder of this user", folder.display());
    }
    Ok(())
}

fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // The programs that have a mark are ended first, by whoever finds the stack.
        let name = name.to_str().filter(|name| !process::is_mark(name));
        let owner = name.and_then(|n| n.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !process::is_refit(pid)) {
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}

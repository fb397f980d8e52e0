//! Mode and owner of the files that a move replaces. git makes a new file with the mode and the owner
//! of whoever runs it: a configuration that was readable for its service alone, or that a root run
//! makes root's, would come out wrong.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::changes::{ChangeKind, PathChange};
use crate::host::files;

/// What the files of a move had besides their content.
pub(super) struct KeptAttributes {
    top: PathBuf,
    files: Vec<Kept>,
}

struct Kept {
    path: PathBuf,
    executable: bool,
    /// Mode, owner and group; `None` for a file that comes.
    had: Option<(u32, u32, u32)>,
}

impl KeptAttributes {
    pub(super) fn of(top: &Path, changes: &[PathChange]) -> Self {
        let is_file = |kind| matches!(kind, ChangeKind::File | ChangeKind::Executable);
        let files = changes.iter().filter(|change| is_file(change.after));
        let kept = files.map(|change| {
            let path = top.join(&change.path);
            let had = path.symlink_metadata().ok().filter(fs::Metadata::is_file);
            let had = had.filter(|_| !files::is_beyond_link(top, &path));
            Kept {
                had: had.map(|had| (had.mode() & 0o7777, had.uid(), had.gid())),
                executable: change.after == ChangeKind::Executable,
                path,
            }
        });
        Self {
            top: top.to_owned(),
            files: kept.collect(),
        }
    }

    /// Gives the files that git wrote what those before them had; to new ones, and the folders made
    /// for them, the owner of the top folder where root runs.
    pub(super) fn put_back(self) -> anyhow::Result<()> {
        let of_top = fs::metadata(&self.top).map(|top| (top.uid(), top.gid()))?;
        for file in &self.files {
            let Ok(now) = file.path.symlink_metadata() else {
                // Sparse patterns leave it out.
                continue;
            };
            let (mode, uid, gid) = match file.had {
                Some((mode, uid, gid)) => (file.with_bit(mode), uid, gid),
                None => (now.mode() & 0o7777, of_top.0, of_top.1),
            };
            let root = rustix::process::geteuid().is_root();
            if (file.had.is_some() || root) && (now.uid(), now.gid()) != (uid, gid) {
                own(&file.path, uid, gid)?;
            }
            if now.mode() & 0o7777 != mode {
                fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))
                    .with_context(|| format!("cannot keep the mode of {}", file.path.display()))?;
            }
            if file.had.is_none() && root {
                self.own_folders(&file.path, of_top)?;
            }
        }
        Ok(())
    }

    /// Folders above a new file that are root's: git made them for it.
    fn own_folders(&self, file: &Path, (uid, gid): (u32, u32)) -> anyhow::Result<()> {
        let above = file.ancestors().skip(1).take_while(|dir| *dir != self.top);
        for folder in above {
            if uid != 0 && fs::metadata(folder)?.uid() == 0 {
                own(folder, uid, gid)?;
            }
        }
        Ok(())
    }
}

impl Kept {
    /// A mode with the executable bit as the target has it, for those who may read.
    fn with_bit(&self, mode: u32) -> u32 {
        if self.executable {
            mode | (mode & 0o444) >> 2
        } else {
            mode & !0o111
        }
    }
}

fn own(path: &Path, uid: u32, gid: u32) -> anyhow::Result<()> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).with_context(|| {
        format!(
            "the owner of {} (uid {uid}) cannot be kept; run refit as that user or root",
            path.display()
        )
    })
}

//! A file as a checkpoint keeps it: bytes, attributes, symlink; and the way back, which is safe to
//! repeat and loses nothing that somebody wrote meanwhile.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::files::{self, Attributes};
use crate::stack::staged::FileEdit;
use crate::state::write_file;

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Where the stack has it.
    pub path: PathBuf,
    /// Where a symlink points, if it is one.
    pub link: Option<PathBuf>,
    /// Its content's name in the run's folder, and its attributes; `None`: there was no such file, or
    /// only a symlink that leads to none.
    pub content: Option<(String, Attributes)>,
    /// Hash of what the run makes of it; `None`: it removes it.
    pub after: Option<String>,
    /// Where a symlink points that the run makes of it: what lies there may be another's.
    #[serde(default)]
    pub after_link: Option<PathBuf>,
    /// The highest folder that did not exist, and goes when the file goes.
    #[serde(default)]
    pub new_folder: Option<PathBuf>,
}

/// What putting a file back took.
pub(super) enum Back {
    /// Nothing: it is as it was.
    AsItWas,
    /// It was put back.
    Put {
        /// Where a text that somebody wrote meanwhile is now.
        kept: Option<PathBuf>,
    },
}

/// The files whose content is no longer what the run made of them.
///
/// # Errors
/// A file cannot be read.
pub fn edited_since<'a>(
    files: impl Iterator<Item = &'a SavedFile>,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut edited = Vec::new();
    for file in files {
        if file.is_as_linked() {
            continue;
        }
        let now = files::read_unless_folder(&file.path)?.map(|bytes| hash(&bytes));
        if now != file.after {
            edited.push(file.path.clone());
        }
    }
    Ok(edited)
}

impl SavedFile {
    /// Puts it back, in a way that is safe to repeat.
    ///
    /// # Errors
    /// It cannot be written, or something is in the way.
    pub(super) fn restore(&self, folder: &Path) -> anyhow::Result<Back> {
        if !self.was_there() {
            return self.remove(folder);
        }
        let now = self.make_room()?;
        let Some((name, attributes)) = &self.content else {
            return self.restore_link();
        };
        let bytes = std::fs::read(folder.join(name))
            .with_context(|| format!("the checkpoint of {} is gone", self.path.display()))?;
        let same_link = self.link.as_deref() == std::fs::read_link(&self.path).ok().as_deref();
        let same = now.as_ref() == Some(&bytes)
            && Attributes::of(&self.path).ok().as_ref() == Some(attributes);
        if same && same_link {
            return Ok(Back::AsItWas);
        }
        let kept = match &now {
            Some(text) => self.keep_foreign(text, Some(&bytes), folder)?,
            None => None,
        };
        if !same_link {
            files::remove(&self.path)?;
            if let Some(target) = &self.link {
                std::os::unix::fs::symlink(target, &self.path)?;
            }
            // What the symlink leads to is a file of its own, and may be as it was.
            let there = files::read_if_exists(&self.path)?;
            if self.link.is_some() && there.as_ref() == Some(&bytes) {
                return Ok(Back::Put { kept });
            }
        }
        files::replace_with(&self.path, &bytes, attributes)?;
        Ok(Back::Put { kept })
    }

    /// Whether it was a symlink that led to no file.
    pub fn is_link_only(&self) -> bool {
        self.content.is_none() && self.link.is_some()
    }

    /// Whether it is the symlink that the run made.
    fn is_as_linked(&self) -> bool {
        let now = std::fs::read_link(&self.path).ok();
        now.is_some() && now == self.after_link
    }

    pub(super) fn was_there(&self) -> bool {
        self.content.is_some() || self.link.is_some()
    }

    /// Takes away what the run made where nothing was.
    fn remove(&self, folder: &Path) -> anyhow::Result<Back> {
        let kept = match self.path.symlink_metadata() {
            // A folder is none of the run's: whoever made it has put it in the place of the file.
            Ok(now) if now.is_dir() => return Ok(Back::AsItWas),
            Err(_) => return Ok(Back::AsItWas),
            Ok(now) if now.is_symlink() && self.path.is_dir() => None,
            Ok(_) => match files::read_if_exists(&self.path)? {
                Some(text) => self.keep_foreign(&text, None, folder)?,
                None => None,
            },
        };
        files::remove(&self.path)?;
        let above = self.path.ancestors().skip(1);
        for folder in above.take_while(|dir| {
            self.new_folder
                .as_ref()
                .is_some_and(|new| dir.starts_with(new))
        }) {
            // One that holds something else by now stays.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(Back::Put { kept })
    }

    /// The content that is there; the folders above are made where they are missing.
    fn make_room(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if self.path.is_dir() && !self.path.is_symlink() {
            // Only where it is empty: what a person put there is not ours to remove.
            std::fs::remove_dir(&self.path)
                .with_context(|| format!("a folder is in the way of {}", self.path.display()))?;
        }
        files::read_if_exists(&self.path)
    }

    /// A symlink that leads to no file.
    fn restore_link(&self) -> anyhow::Result<Back> {
        let (Some(target), now) = (&self.link, std::fs::read_link(&self.path).ok()) else {
            return Ok(Back::AsItWas);
        };
        if now.as_ref() == Some(target) {
            return Ok(Back::AsItWas);
        }
        files::remove(&self.path)?;
        std::os::unix::fs::symlink(target, &self.path)?;
        Ok(Back::Put { kept: None })
    }

    /// Keeps a text that neither this run nor its checkpoint knows.
    fn keep_foreign(
        &self,
        text: &[u8],
        before: Option<&[u8]>,
        folder: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        if self.is_as_linked() {
            return Ok(None);
        }
        let now = hash(text);
        if Some(&now) == self.after.as_ref() || Some(text) == before {
            return Ok(None);
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let copy = folder.join(format!("edited-{}-{name}", now.get(..8).unwrap_or(&now)));
        write_file(&copy, text)?;
        Ok(Some(copy))
    }

    /// The old content.
    pub fn old_bytes(&self, folder: &Path) -> Option<Vec<u8>> {
        let (name, _) = self.content.as_ref()?;
        std::fs::read(folder.join(name)).ok()
    }
}

pub(super) fn save_file(edit: &FileEdit, index: usize, folder: &Path) -> anyhow::Result<SavedFile> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let above = edit.path.ancestors().skip(1);
    let content = match &edit.before {
        Some(bytes) => {
            let name = format!("file-{index}");
            write_file(&folder.join(&name), bytes)?;
            let attributes = Attributes::of(&edit.path)
                .with_context(|| format!("cannot read {}", edit.path.display()))?;
            Some((name, attributes))
        }
        None => None,
    };
    Ok(SavedFile {
        path: edit.path.clone(),
        link: std::fs::read_link(&edit.path).ok(),
        content,
        after: edit.after.as_deref().map(hash),
        after_link: None,
        new_folder: above.take_while(missing).last().map(Path::to_owned),
    })
}

pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

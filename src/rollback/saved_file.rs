//! A file as a checkpoint keeps it, both sides of it; and the way back, which is safe to repeat and loses
//! nothing that somebody typed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::hash::sha256;
use crate::host::exchange::{self, Exchanged, FileAsRead, New};
use crate::host::files::{self, Attributes};
use crate::stack::side::{FileEdit, Origin, Side};
use crate::state::document::{self, DamagedAt, StateError};
use crate::state::write_file;

/// A file on both sides of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedFile {
    /// Where the stack has it.
    pub path: PathBuf,
    /// Where a symlink pointed, if it was one.
    pub link: Option<PathBuf>,
    /// What it held before the run.
    pub before: SavedSide,
    /// What the run makes of it.
    pub after: SavedSide,
    /// Where a symlink points that the run makes of it: what lies there may be another's.
    #[serde(default)]
    pub after_link: Option<PathBuf>,
    /// The highest folder that did not exist, and goes when the file goes.
    #[serde(default)]
    pub new_folder: Option<PathBuf>,
    /// The folder below which git writes it: nothing of it lies beyond a symlink that is on the way from there.
    #[serde(default)]
    pub below: Option<PathBuf>,
    /// Who wrote the new side.
    pub origin: Origin,
}

/// A side of a file as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "snake_case")]
pub(crate) enum SavedSide {
    /// There is no such file, or only a symlink that leads to none.
    Absent,
    /// It holds this.
    Text {
        /// The name of its content in the run's folder.
        name: String,
        /// The content's hash.
        hash: String,
        /// What it has besides.
        attributes: Attributes,
    },
    /// Nobody knows: it is neither restored nor removed.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What putting a file back took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// Nothing: it is as it was.
    AsItWas,
    /// It was put back, or taken away.
    Put {
        /// Where a text that somebody typed is now.
        kept: Option<PathBuf>,
    },
    /// What it held before is not known, so it was left alone.
    NotKnown {
        /// Why.
        why: String,
    },
}

/// Which side of a run lies in the place of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PresentSide {
    /// The one before it.
    Before,
    /// What the run made of it.
    After,
    /// Something that somebody wrote since.
    Neither,
    /// The one before it is not known.
    NotKnown,
}

/// How often a file is put back while somebody goes on writing to it.
const TRIES: u32 = 5;

/// The files whose content is no longer what the run made of them.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn edited_since<'a>(
    files: impl Iterator<Item = &'a SavedFile>,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut edited = Vec::new();
    for file in files {
        if !file.is_as_linked() && !file.after.is(file.now()?.as_ref()) {
            edited.push(file.path.clone());
        }
    }
    Ok(edited)
}

/// The files whose content is neither side of the run: somebody edited them since.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn of_neither_side<'a>(
    files: impl Iterator<Item = &'a SavedFile>,
) -> anyhow::Result<Vec<&'a SavedFile>> {
    let mut edited = Vec::new();
    for file in files {
        let now = file.now()?;
        let known = [&file.before, &file.after]
            .iter()
            .any(|side| side.is(now.as_ref()));
        if !known && !file.is_as_linked() {
            edited.push(file);
        }
    }
    Ok(edited)
}

impl SavedSide {
    /// Whether it holds the same text as another one. What is not known is like everything.
    pub(super) fn is_same_text(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown { .. }, _)
            | (_, Self::Unknown { .. })
            | (Self::Absent, Self::Absent) => true,
            (Self::Text { hash: one, .. }, Self::Text { hash: other, .. }) => one == other,
            (Self::Absent, Self::Text { .. }) | (Self::Text { .. }, Self::Absent) => false,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        match self {
            Self::Absent | Self::Text { .. } => true,
            Self::Unknown { .. } => false,
        }
    }

    /// Whether this is a side's very text.
    pub(super) fn holds(&self, side: &Side) -> bool {
        match (self, side) {
            (Self::Text { hash, .. }, Side::Text(text)) => *hash == sha256(&text.bytes),
            (Self::Absent, Side::Absent) => true,
            (Self::Text { .. } | Self::Absent | Self::Unknown { .. }, _) => false,
        }
    }

    /// Whether this is what lies there. What is not known is like everything.
    fn is(&self, now: Option<&FileAsRead>) -> bool {
        match (self, now) {
            (Self::Unknown { .. }, _) | (Self::Absent, None) => true,
            (Self::Text { hash: known, .. }, Some(now)) => *known == sha256(&now.bytes),
            (Self::Absent, Some(_)) | (Self::Text { .. }, None) => false,
        }
    }

    /// The text itself, as an old side of another change.
    ///
    /// # Errors
    /// It was kept, and cannot be read any more.
    pub(crate) fn read(&self, folder: &Path) -> Result<Side, StateError> {
        Ok(match self {
            Self::Absent => Side::Absent,
            Self::Unknown { why } => Side::Unknown(why.clone()),
            Self::Text {
                name,
                hash: known,
                attributes,
            } => {
                let bytes = kept(folder, name, known)?;
                Side::Text(crate::stack::side::Text {
                    bytes,
                    attributes: attributes.clone(),
                    id: None,
                })
            }
        })
    }

    fn save(side: &Side, name: &str, folder: &Path) -> anyhow::Result<Self> {
        Ok(match side {
            Side::Absent => Self::Absent,
            Side::Unknown(why) => Self::Unknown { why: why.clone() },
            Side::Text(text) => {
                write_file(&folder.join(name), &text.bytes)?;
                Self::Text {
                    name: name.to_owned(),
                    hash: sha256(&text.bytes),
                    attributes: text.attributes.clone(),
                }
            }
        })
    }
}

/// A kept text, if it is still the one that was kept.
fn kept(folder: &Path, name: &str, known: &str) -> Result<Vec<u8>, StateError> {
    let path = folder.join(name);
    let Some(bytes) = document::read_bytes(&path)? else {
        return Err(StateError::Gone { path });
    };
    if sha256(&bytes) != known {
        return Err(StateError::Damaged {
            path,
            place: DamagedAt::Somewhere,
            cause: "it is not the text that was kept".to_owned(),
        });
    }
    Ok(bytes)
}

impl SavedFile {
    /// Keeps both sides of an edit in the run's folder.
    ///
    /// # Errors
    /// The disk is full, or the file's attributes cannot be read.
    pub(crate) fn save(edit: &FileEdit, index: usize, folder: &Path) -> anyhow::Result<Self> {
        Self::save_moved(edit, index, folder, None)
    }

    /// The same of an edit that git makes below a folder.
    ///
    /// # Errors
    /// As [`SavedFile::save`].
    pub(crate) fn save_moved(
        edit: &FileEdit,
        index: usize,
        folder: &Path,
        below: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        // Where a symlink is, git makes a folder of its own.
        let is_link = |dir: &Path| match &below {
            Some(root) => dir != root && (dir.is_symlink() || files::is_beyond_link(root, dir)),
            None => false,
        };
        let missing = |dir: &&Path| !dir.as_os_str().is_empty() && (!dir.exists() || is_link(dir));
        let above = edit.path.ancestors().skip(1);
        let mut before = SavedSide::save(&edit.before, &format!("file-{index}"), folder)?;
        // What came out of git has no attributes yet.
        if let (Side::Text(text), SavedSide::Text { attributes, .. }) = (&edit.before, &mut before)
            && text.id.is_none()
            && edit.origin == Origin::Upstream
        {
            *attributes = Attributes::of(&edit.path)
                .with_context(|| format!("cannot read {}", edit.path.display()))?;
        }
        let after = SavedSide::save(&edit.after, &format!("file-{index}-after"), folder)?;
        Ok(Self {
            path: edit.path.clone(),
            link: link_at(&edit.path, below.as_deref()),
            before,
            after,
            after_link: None,
            new_folder: above.take_while(missing).last().map(Path::to_owned),
            below,
            origin: edit.origin,
        })
    }

    /// Keeps a file that the run only reads, so that both of its sides are the same.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn save_read(
        path: &Path,
        side: &Side,
        index: usize,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let side = SavedSide::save(side, &format!("file-read-{index}"), folder)?;
        Ok(Self {
            path: path.to_owned(),
            link: std::fs::read_link(path).ok(),
            before: side.clone(),
            after: side,
            after_link: None,
            new_folder: None,
            below: None,
            origin: Origin::Person,
        })
    }

    /// Whether it is as it was before the run.
    pub(crate) fn is_as_before(&self) -> anyhow::Result<bool> {
        Ok(self.before.is(self.now()?.as_ref()))
    }

    /// Which side of the run lies there.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn lies(&self) -> anyhow::Result<PresentSide> {
        if let SavedSide::Unknown { .. } = self.before {
            return Ok(PresentSide::NotKnown);
        }
        let now = self.now()?;
        let link = self.link_now();
        Ok(if self.before.is(now.as_ref()) && self.link == link {
            PresentSide::Before
        } else if self.after.is(now.as_ref()) || self.is_as_linked() {
            PresentSide::After
        } else {
            PresentSide::Neither
        })
    }

    /// Whether the run found its text in place, and did not write it.
    pub(super) fn was_in_place(&self) -> bool {
        matches!(self.origin, Origin::Person | Origin::Checkout)
    }

    /// Whether another text than the earlier one lay there when the run began, which had come with git.
    pub(super) fn was_pulled(&self) -> bool {
        self.origin == Origin::Checkout && self.before != self.after
    }

    /// What lay there when the run began: a person's edit was in place already.
    pub(super) fn found(&self) -> &SavedSide {
        match self.origin {
            Origin::Person | Origin::Checkout => &self.after,
            Origin::Refit | Origin::Upstream => &self.before,
        }
    }

    /// The same once it was put back: nothing of the run is there any more.
    pub(super) fn given_back(self) -> Self {
        Self {
            after: self.before.clone(),
            after_link: self.link.clone(),
            ..self
        }
    }

    fn now(&self) -> anyhow::Result<Option<FileAsRead>> {
        match self.path.is_dir() || self.is_beyond_link() {
            true => Ok(None),
            false => exchange::look(&self.path),
        }
    }

    /// Where a symlink points that is there now.
    fn link_now(&self) -> Option<PathBuf> {
        link_at(&self.path, self.below.as_deref())
    }

    /// Whether what reads as lying at its path is another file.
    fn is_beyond_link(&self) -> bool {
        let below = self.below.as_ref();
        below.is_some_and(|root| files::is_beyond_link(root, &self.path))
    }

    /// Puts it back, in a way that is safe to repeat. A text that only a person has is kept in `aside`
    /// first.
    ///
    /// # Errors
    /// It cannot be written, or something is in the way.
    pub(crate) fn restore(&self, folder: &Path, aside: &Path) -> anyhow::Result<Back> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            if self.is_untouched()? {
                return Ok(Back::AsItWas);
            }
            let done = match (&self.before, &self.link) {
                (SavedSide::Unknown { why }, _) => {
                    return Ok(Back::NotKnown { why: why.clone() });
                }
                (SavedSide::Absent, Some(target)) => return self.restore_link(target, aside),
                (SavedSide::Absent, None) => self.take_away(aside)?,
                (
                    SavedSide::Text {
                        name,
                        hash,
                        attributes,
                    },
                    _,
                ) => {
                    let bytes = kept(folder, name, hash)?;
                    let old = New {
                        bytes: &bytes,
                        attributes,
                    };
                    self.put_back(old, aside)?
                }
            };
            match done {
                Some(back) => return Ok(back),
                None if tries > 0 => {}
                None => anyhow::bail!("somebody goes on writing to {}", self.path.display()),
            }
        }
    }

    /// Whether nothing has to be put back: then a kept text that is damaged is of no harm, and a mode
    /// that somebody has given it since stays.
    fn is_untouched(&self) -> anyhow::Result<bool> {
        let SavedSide::Text { attributes, .. } = &self.before else {
            return Ok(false);
        };
        let is_read_only = self.before == self.after;
        let is_old = |now: &FileAsRead| is_read_only || now.attributes == *attributes;
        let now = self.now()?;
        let same_link = self.link == self.link_now();
        Ok(same_link && self.before.is(now.as_ref()) && now.as_ref().is_some_and(is_old))
    }

    /// Mode, owner and attributes for the old text: a person's own where they are of neither side.
    fn attributes_back<'a>(
        &'a self,
        old: &'a Attributes,
        now: Option<&'a FileAsRead>,
    ) -> &'a Attributes {
        let SavedSide::Text { attributes, .. } = &self.after else {
            return old;
        };
        match (now, self.origin) {
            (_, Origin::Upstream) | (None, _) => old,
            (Some(now), Origin::Refit | Origin::Person | Origin::Checkout)
                if now.attributes == *attributes =>
            {
                old
            }
            (Some(now), Origin::Refit | Origin::Person | Origin::Checkout) => &now.attributes,
        }
    }

    /// Whether it has a mode, an owner or attributes that somebody has given it since.
    pub(crate) fn has_other_attributes(&self) -> anyhow::Result<bool> {
        let SavedSide::Text { attributes, .. } = &self.before else {
            return Ok(false);
        };
        let now = self.now()?;
        Ok(self.origin != Origin::Upstream && now.is_some_and(|now| now.attributes != *attributes))
    }

    /// Whether it was a symlink that led to no file.
    pub(crate) fn is_link_only(&self) -> bool {
        self.before == SavedSide::Absent && self.link.is_some()
    }

    /// Whether it is the symlink that the run made.
    fn is_as_linked(&self) -> bool {
        let now = self.link_now();
        now.is_some() && now == self.after_link
    }

    pub(crate) fn was_there(&self) -> bool {
        self.before != SavedSide::Absent || self.link.is_some()
    }

    /// `None`: somebody wrote to it in between.
    fn put_back(&self, old: New<'_>, aside: &Path) -> anyhow::Result<Option<Back>> {
        self.make_room()?;
        let now = exchange::look(&self.path)?;
        let attributes = self.attributes_back(old.attributes, now.as_ref()).clone();
        let old = New {
            attributes: &attributes,
            ..old
        };
        let same_link = self.link.as_deref() == self.link_now().as_deref();
        let is_old =
            |seen: &FileAsRead| seen.bytes == old.bytes && seen.attributes == *old.attributes;
        if same_link && now.as_ref().is_some_and(is_old) {
            return Ok(Some(Back::AsItWas));
        }
        let kept = self.keep_typed(now.as_ref(), Some(old.bytes), aside)?;
        if !same_link {
            files::remove(&self.path)?;
            if let Some(target) = &self.link {
                std::os::unix::fs::symlink(target, &self.path)?;
            }
        }
        // What a symlink leads to is a file of its own, and may be as it was.
        let now = match same_link {
            true => now,
            false => exchange::look(&self.path)?,
        };
        if self.link.is_some() && now.as_ref().is_some_and(|seen| seen.bytes == old.bytes) {
            return Ok(Some(Back::Put { kept }));
        }
        // Of a symlink that leads to nothing yet, it is the file there that is made.
        let place = match (&self.link, &now) {
            (Some(target), None) => {
                let there = self.path.parent().unwrap_or(Path::new("/")).join(target);
                if let Some(folder) = there.parent() {
                    std::fs::create_dir_all(folder)
                        .with_context(|| format!("cannot make {}", folder.display()))?;
                }
                there
            }
            (Some(_), Some(_)) | (None, _) => self.path.clone(),
        };
        match exchange::exchange(&place, now.as_ref(), Some(old))? {
            Exchanged::Done => Ok(Some(Back::Put { kept })),
            Exchanged::Edited => Ok(None),
        }
    }

    /// Takes away what the run made where nothing was; what a person made there is kept.
    fn take_away(&self, aside: &Path) -> anyhow::Result<Option<Back>> {
        if self.is_beyond_link() {
            return Ok(Some(Back::AsItWas));
        }
        match self.path.symlink_metadata() {
            // A folder is none of the run's: whoever made it has put it in the place of the file.
            Ok(now) if now.is_dir() => return Ok(Some(Back::AsItWas)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Some(Back::AsItWas));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                return Ok(Some(Back::AsItWas));
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", self.path.display()));
            }
            Ok(now) if now.is_symlink() => {
                files::remove(&self.path)?;
                self.remove_new_folders();
                return Ok(Some(Back::Put { kept: None }));
            }
            Ok(_) => {}
        }
        let now = exchange::look(&self.path)?;
        let kept = self.keep_typed(now.as_ref(), None, aside)?;
        match exchange::exchange(&self.path, now.as_ref(), None)? {
            Exchanged::Edited => Ok(None),
            Exchanged::Done => {
                self.remove_new_folders();
                Ok(Some(Back::Put { kept }))
            }
        }
    }

    fn remove_new_folders(&self) {
        let above = self.path.ancestors().skip(1);
        let Some(new) = &self.new_folder else { return };
        for folder in above.take_while(|dir| dir.starts_with(new)) {
            // One that holds something else by now stays.
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// The folders above are made where they are missing.
    fn make_room(&self) -> anyhow::Result<()> {
        if self.is_beyond_link() {
            anyhow::bail!(
                "a symlink is in the place of a folder of {}",
                self.path.display()
            );
        }
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if self.path.is_dir() && !self.path.is_symlink() {
            // Only where it is empty: what a person put there is not ours to remove.
            std::fs::remove_dir(&self.path)
                .with_context(|| format!("a folder is in the way of {}", self.path.display()))?;
        }
        Ok(())
    }

    /// A symlink that leads to no file.
    fn restore_link(&self, target: &Path, aside: &Path) -> anyhow::Result<Back> {
        if self.link_now().is_some_and(|now| now == target) {
            return Ok(Back::AsItWas);
        }
        self.make_room()?;
        let kept = self.keep_typed(self.now()?.as_ref(), None, aside)?;
        files::remove(&self.path)?;
        std::os::unix::fs::symlink(target, &self.path)?;
        Ok(Back::Put { kept })
    }

    /// Keeps a text that nobody else has: a person's new side, and one that is neither side of the run.
    fn keep_typed(
        &self,
        now: Option<&FileAsRead>,
        old: Option<&[u8]>,
        aside: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        let Some(now) = now.filter(|now| Some(&now.bytes[..]) != old) else {
            return Ok(None);
        };
        if self.is_as_linked() || (!self.was_in_place() && self.after.is(Some(now))) {
            return Ok(None);
        }
        let name = self.path.file_name().unwrap_or_default();
        keep_aside(&now.bytes, &name.to_string_lossy(), aside).map(Some)
    }
}

/// Where the symlink at a path points that is below a folder.
fn link_at(path: &Path, below: Option<&Path>) -> Option<PathBuf> {
    match below {
        Some(root) if files::is_beyond_link(root, path) => None,
        Some(_) | None => std::fs::read_link(path).ok(),
    }
}

/// Puts a text that a person typed where it is kept; gives the path.
///
/// # Errors
/// The disk is full.
pub(crate) fn keep_aside(bytes: &[u8], name: &str, aside: &Path) -> anyhow::Result<PathBuf> {
    crate::state::make_folder(aside)?;
    let mut number = 1;
    loop {
        let copy = match number {
            1 => aside.join(name),
            number => aside.join(format!("{name}.{number}")),
        };
        match std::fs::read(&copy) {
            Ok(known) if known == bytes => return Ok(copy),
            Ok(_) => number += 1,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_file(&copy, bytes)?;
                return Ok(copy);
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", copy.display()));
            }
        }
    }
}

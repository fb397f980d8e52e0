//! The two sides of a change of a file, as values. Absent, unknown and unreadable are not one: what is
//! unknown is never restored, never deleted and never shown as absent.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::host::exchange::{self, FileAsRead, FileId};
use crate::host::files::Attributes;

/// A file on one side of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// There is no such file.
    Absent,
    /// It holds this.
    Text(Text),
    /// Nobody knows, and why.
    Unknown(String),
}

/// A file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Mode, owner, extended attributes.
    pub attributes: Attributes,
    /// Which file it was, where it was read from one that lies in its place.
    pub id: Option<FileId>,
}

/// Who wrote the new side of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// refit, from keys and values that were typed.
    Refit,
    /// A person, in an editor: nobody else has this text.
    Person,
    /// Upstream, by git: it can be had again.
    Upstream,
    /// The same, and it is in place already: somebody has called git.
    Checkout,
}

impl Side {
    /// What a path holds now. A folder in the place of a file is no file.
    pub(crate) fn read(path: &Path) -> Self {
        if path.is_dir() {
            return Self::Absent;
        }
        match exchange::look(path) {
            Ok(Some(seen)) => Self::Text(seen.into()),
            Ok(None) => Self::Absent,
            Err(error) => Self::Unknown(format!("{error:#}")),
        }
    }

    /// The same where it is known what it holds.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(crate) fn known(self) -> Result<Self, String> {
        match self {
            Self::Absent | Self::Text(_) => Ok(self),
            Self::Unknown(why) => Err(why),
        }
    }

    /// A text that is not written yet, with what the file has now besides.
    pub(crate) fn new(bytes: Vec<u8>, like: &Self) -> Self {
        let attributes = match like {
            Self::Text(text) => text.attributes.clone(),
            Self::Absent | Self::Unknown(_) => Attributes::NEW,
        };
        Self::Text(Text {
            bytes,
            attributes,
            id: None,
        })
    }

    /// Its bytes, where it is known to have some.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(&text.bytes),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Whether both are known, and hold the same.
    pub(crate) fn is_same_text(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Text(one), Self::Text(other)) => one.bytes == other.bytes,
            (Self::Absent | Self::Text(_) | Self::Unknown(_), _) => false,
        }
    }
}

impl Side {
    /// Whether both are the same file with the same bytes, or both are absent.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        let id = |side: &Self| match side {
            Self::Text(text) => text.id.clone(),
            Self::Absent | Self::Unknown(_) => None,
        };
        self.is_same_text(other) && (id(self) == id(other) || id(other).is_none())
    }
}

impl From<FileAsRead> for Text {
    fn from(seen: FileAsRead) -> Self {
        Self {
            bytes: seen.bytes,
            attributes: seen.attributes,
            id: Some(seen.id),
        }
    }
}

impl Text {
    /// As the exchange wants it; `None` where it is not known which file it was.
    pub(crate) fn seen(&self) -> Option<FileAsRead> {
        Some(FileAsRead {
            bytes: self.bytes.clone(),
            attributes: self.attributes.clone(),
            id: self.id.clone()?,
        })
    }
}

/// A file as it is and as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEdit {
    /// Absolute path under which the stack knows it.
    pub path: PathBuf,
    /// What it holds before the change.
    pub before: Side,
    /// What it holds after it.
    pub after: Side,
    /// Who wrote that.
    pub origin: Origin,
}

impl FileEdit {
    /// Whether nothing changes.
    pub(crate) fn is_noop(&self) -> bool {
        self.before.is_same_text(&self.after)
    }

    /// Whether the new text is already where it belongs: a person wrote it there.
    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self.origin, Origin::Person | Origin::Checkout)
            && matches!(&self.after, Side::Text(text) if text.id.is_some())
    }
}

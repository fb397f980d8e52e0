//! git, by its CLI, so that credentials, filters and `safe.directory` behave as the user's own. This
//! is the only place that calls it. Nothing here decides which commit an upgrade goes to.
//!
//! [`Checkout::find`] says what there is; [`Git`] asks and moves. Every call is without prompt: a
//! child in a process group of its own would be stopped by the terminal that it reads from.

mod advance;
mod attributes;
mod changes;
mod checkout;
pub(crate) mod command;
mod error;
mod export;
mod fetch;
pub mod grep;
mod history;
pub(crate) mod identical;
mod index;
mod owner;
mod predict;
mod progress;
mod refs;
mod scratch;
mod state;
mod submodule;
#[cfg(test)]
mod tests;
mod tracked;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use advance::Move;
pub use changes::{Change, ChangeKind};
pub use checkout::{At, Checkout, Upstream};
pub use error::{Commits, GitError};
pub use export::{Entry, TreeEdit};
pub use fetch::{Fetched, Tags};
pub use history::{News, Relation};
pub use predict::{LocalEdits, Prediction};
pub use progress::Progress;
pub use refs::{Branch, Dated, Tag};
pub use state::{GitState, SavedIndex};
pub use submodule::Submodule;
pub use tracked::is_tracked_upstream;

/// The name of an object: a commit or a tree, in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(String);

impl Oid {
    /// Its hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first nine digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..9).unwrap_or(&self.0)
    }
}

impl FromStr for Oid {
    type Err = NotAnOid;

    fn from_str(text: &str) -> Result<Self, NotAnOid> {
        let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NotAnOid(text.to_owned()))
        }
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<std::ffi::OsStr> for Oid {
    fn as_ref(&self) -> &std::ffi::OsStr {
        self.0.as_ref()
    }
}

/// A text that is no full object name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the full name of a git object")]
pub struct NotAnOid(String);

/// A work tree and how git is called in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    top: PathBuf,
    unattended: bool,
    env: Vec<(OsString, OsString)>,
    mark: Option<PathBuf>,
}

impl Git {
    /// git in a folder; `unattended` also keeps graphical password prompts from opening.
    pub fn at(top: impl Into<PathBuf>, unattended: bool) -> Self {
        Self {
            top: top.into(),
            unattended,
            env: Vec::new(),
            mark: None,
        }
    }

    /// The same, with a mark on each process that it starts: one that outlives refit must be found.
    #[must_use]
    pub fn marked(self, mark: PathBuf) -> Self {
        Self {
            mark: Some(mark),
            ..self
        }
    }

    /// The same with a variable in the environment of every call.
    #[must_use]
    pub fn with_env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// The folder in which it is called: the top of the work tree, once that is known.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The same way of calling in another folder.
    fn in_folder(&self, folder: impl Into<PathBuf>) -> Self {
        Self {
            top: folder.into(),
            ..self.clone()
        }
    }
}

//! What was accepted in a stack, and what waits, by hashes: `trust.json` of its state. It holds no text of
//! what it is about.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{self, StateError};
use super::{StackState, make_folder};

/// So many parts of one key are kept.
const MOST: usize = 2000;

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrustRecord {
    /// By hash.
    parts: BTreeMap<String, Known>,
}

/// What is known of a part of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// Its key in the settings, for whoever reads the file.
    key: String,
    /// A person wrote or accepted it; else it waits.
    accepted: bool,
    /// Since when it is known so.
    since: Timestamp,
}

/// Where it is kept.
pub(crate) fn path(state: &StackState) -> PathBuf {
    state.folder().join("trust.json")
}

impl TrustRecord {
    /// Reads it; `None`: no run has been here since refit keeps it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(state: &StackState) -> Result<Option<Self>, StateError> {
        document::read(&path(state))
    }

    /// Writes it.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn write(&self, state: &StackState) -> anyhow::Result<()> {
        make_folder(state.folder())?;
        document::write(&path(state), self)
    }

    /// Whether a part is accepted; `None`: it was never seen.
    pub(crate) fn knows(&self, hash: &str) -> Option<bool> {
        self.parts.get(hash).map(|known| known.accepted)
    }

    /// Writes down a part that was not seen before.
    pub(crate) fn note(&mut self, hash: &str, key: &str, waits: bool) {
        let known = || Known {
            key: key.to_owned(),
            accepted: !waits,
            since: Timestamp::now(),
        };
        self.parts.entry(hash.to_owned()).or_insert_with(known);
        self.forget_oldest(key);
    }

    /// A person's own file that changes each day, such as a dump that a hook writes, does not fill the disk.
    fn forget_oldest(&mut self, key: &str) {
        let of_key = self.parts.iter().filter(|(_, known)| known.key == key);
        if of_key.clone().count() <= MOST {
            return;
        }
        let accepted = of_key.filter(|(_, known)| known.accepted);
        let oldest = accepted.min_by_key(|(_, known)| known.since);
        if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
            self.parts.remove(&oldest);
        }
    }

    /// Whether something waits: without this file it would count.
    pub(crate) fn has_waiting(&self) -> bool {
        self.parts.values().any(|known| !known.accepted)
    }

    /// A person accepts it.
    pub(crate) fn accept(&mut self, hash: &str) {
        if let Some(known) = self.parts.get_mut(hash) {
            known.accepted = true;
            known.since = Timestamp::now();
        }
    }
}

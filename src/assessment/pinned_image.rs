//! An image that a run keeps by ID under a name of ours, so that no prune takes it.

use serde::{Deserialize, Serialize};

use crate::event::ServiceName;

/// An image that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PinnedImage {
    /// The service that runs it.
    pub service: ServiceName,
    /// The name that its definition gives it.
    pub name: String,
    /// What that name meant before the run: a pull may have moved it.
    #[serde(default)]
    pub meant: Option<String>,
    /// Its ID.
    pub id: String,
    /// The name that keeps it.
    pub kept_as: String,
    /// The digest that the run fetches in its place, if it does.
    #[serde(default)]
    pub fetched: Option<String>,
}

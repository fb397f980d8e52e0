//! Of what somebody is told.

use serde::{Deserialize, Serialize};

/// What can be told of; the words of `on:` in `refit.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// A run changed the stack, and it was proven.
    Applied,
    /// It failed and was given back.
    Rollback,
    /// It failed, and nothing was changed or it could not be given back; it was made, and what was failing
    /// before is not well; or a run that nobody
    /// watches was refused.
    Failure,
    /// A check found something newer.
    Available,
}

impl Word {
    /// The word used in `refit.yaml` and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rollback => "rollback",
            Self::Failure => "failure",
            Self::Available => "available",
        }
    }
}

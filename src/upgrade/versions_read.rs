//! What an upgrade has read before it decides.

use crate::assessment::Assessment;
use crate::event::News;

/// The stack on both sides of a move, as Compose reads it; without a move, beside what runs.
pub(super) struct VersionsRead {
    /// What is to be done.
    pub(super) assessment: Assessment,
    /// What was found.
    pub(super) news: News,
    /// What the person should know.
    pub(super) notes: Vec<String>,
}

impl From<Assessment> for VersionsRead {
    fn from(assessment: Assessment) -> Self {
        Self {
            assessment,
            news: News::default(),
            notes: Vec::new(),
        }
    }
}

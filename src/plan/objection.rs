//! What speaks against a change. Data.

/// What speaks against a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    /// What would be lost.
    pub text: String,
    /// What to type to keep it, if there is something.
    pub instead: Option<String>,
}

impl From<String> for Objection {
    fn from(text: String) -> Self {
        Self {
            text,
            instead: None,
        }
    }
}

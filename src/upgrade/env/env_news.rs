//! What a new version's sample says about keys.

/// What a new version says about the env file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SampleChanges {
    /// The sample's name.
    pub sample: String,
    /// Keys that the sample sets now, did not before, and that the person does not set.
    pub added: Vec<NewKey>,
    /// Keys that it now shows commented out, likewise.
    pub options: Vec<NewOption>,
    /// Keys whose default changed.
    pub changed: Vec<ChangedDefault>,
    /// Keys that it no longer has, and that the person still sets.
    pub removed: Vec<String>,
    /// Keys of secrets where the person uses the value that the sample publishes for everybody to
    /// read.
    pub published: Vec<String>,
    /// Keys that it leaves to be filled in, and that the person does not have.
    pub required: Vec<String>,
}

impl SampleChanges {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.options.is_empty()
            && self.changed.is_empty()
            && self.removed.is_empty()
            && self.published.is_empty()
            && self.required.is_empty()
    }
}

/// A key that is new in the sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewKey {
    /// Its name.
    pub key: String,
    /// The lines of comment above it, with their `#`.
    pub comment: Vec<String>,
    /// The value that the sample gives it, as Compose reads it.
    pub default: String,
    /// The assignment as the sample writes it, without the line end.
    pub text: String,
    /// Whether the default is a secret that everybody can read.
    pub is_published_secret: bool,
}

/// A key that is new in the sample, commented out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewOption {
    /// Its name.
    pub key: String,
    /// The lines of comment above it, with their `#`.
    pub comment: Vec<String>,
    /// What stands behind the `=`.
    pub example: String,
}

/// A key whose value in the sample changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangedDefault {
    /// Its name.
    pub key: String,
    /// What the sample said.
    pub before: String,
    /// What it says.
    pub after: String,
    /// What the person does with the key.
    pub own: Own,
}

/// How the person's file stands to a default that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// It does not set the key.
    Unset,
    /// It sets the old default.
    Old,
    /// It sets the new default.
    New,
    /// It sets something else.
    Other,
}

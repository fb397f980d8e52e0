//! What a person sees of a secret.

/// What stands in place of a secret wherever text is printed.
pub(crate) const HIDDEN: &str = "•••";

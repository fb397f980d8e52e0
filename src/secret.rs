//! What must not be shown: which keys hold secrets, a value that does not print, and the redaction
//! of text that may contain one. Pure; knows neither files nor the engine.

mod by_form;
mod by_name;
pub(crate) mod generate;
mod hidden;
mod logins;
mod member;
mod nothing;
mod ordinary;
mod random;
mod redactor;
mod shape;
mod url;
mod words;

pub use by_form::is_secret;
pub(crate) use by_name::{is_secret_key, names_secret};
pub(crate) use hidden::HIDDEN;
pub(crate) use member::is_secret_named;
pub(crate) use redactor::{Redactor, hidden_by_form, hidden_by_key};

use std::fmt;

use zeroize::Zeroizing;

/// A value that prints as `•••` and is wiped from memory when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value that must not be printed.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests;

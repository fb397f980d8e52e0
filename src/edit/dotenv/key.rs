//! The name of a variable, as Compose accepts one in an env file.

use crate::complaint::Code;
use std::fmt;
use std::str::FromStr;

/// A variable name that Compose reads from an env file: one or more letters, digits, `_`, `.`, `-`,
/// `[` or `]`. It may begin with a digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvKey(String);

/// Why a text is no variable name. The text itself is shown: it is a name, not a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvKeyError {
    /// Nothing between the start and the `=`.
    #[error("a variable needs a name: write KEY=VALUE")]
    Empty,
    /// A character that Compose refuses, or would read as the end of the name.
    #[error(
        "{key:?} is not a variable name: {character:?} at character {position} is not allowed; \
         Compose takes letters, digits, `_`, `.`, `-`, `[` and `]`"
    )]
    Character {
        /// The refused text.
        key: String,
        /// The first character that is not allowed.
        character: char,
        /// Its place, in characters from 1.
        position: usize,
    },
}

impl EnvKeyError {
    /// The stable name of the case.
    pub fn code(&self) -> Code {
        Code::KeyInvalid
    }
}

impl EnvKey {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvKey {
    type Err = EnvKeyError;

    fn from_str(key: &str) -> Result<EnvKey, EnvKeyError> {
        if key.is_empty() {
            return Err(EnvKeyError::Empty);
        }
        match key.chars().enumerate().find(|(_, c)| !is_key_char(*c)) {
            None => Ok(EnvKey(key.to_owned())),
            Some((index, character)) => Err(EnvKeyError::Character {
                key: key.to_owned(),
                character,
                position: index + 1,
            }),
        }
    }
}

impl fmt::Display for EnvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for EnvKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether Compose takes `c` inside a variable name. Blanks inside a name are the parser's business:
/// Compose takes a tab there, and refuses a space only afterwards.
pub(super) fn is_key_char(c: char) -> bool {
    matches!(c, '_' | '.' | '-' | '[' | ']') || c.is_alphanumeric()
}

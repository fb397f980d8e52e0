//! A store that is there already: what is known of it.

use crate::profile::recognise::image_name;

/// A store that is there already, and can be used.
pub(crate) struct ExistingStore {
    /// Its name in the application's network.
    pub(crate) host: String,
    /// Where the application finds it.
    pub(crate) url: String,
    /// What is said of it.
    pub(crate) note: String,
}

/// What a Redis answers to whoever gives no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It wants a password.
    Refused,
    /// Whatever is asked.
    Answered,
    /// It does not run, or cannot be asked.
    Unknown,
}

impl Stranger {
    /// Whether others are kept out; of one that cannot be asked a password that is known tells it.
    pub(crate) fn is_kept_out(self, has_password: bool) -> bool {
        match self {
            Self::Refused => true,
            Self::Answered => false,
            Self::Unknown => has_password,
        }
    }
}

pub(crate) fn is_one_of(known: &[String], image: Option<&str>) -> bool {
    let image = image.map(image_name).unwrap_or_default();
    known.iter().any(|known| known == image)
}

/// The password that a Redis is started with: behind `--requirepass`, also in a line for a shell, or in
/// the variable of images that take it from there.
pub(crate) fn password_of(
    command: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    // As an argument it is one word; in a line for a shell it may be quoted, or a variable.
    let at = command.iter().position(|word| word == "--requirepass");
    let argument = at.and_then(|at| command.get(at + 1)).cloned();
    let in_line = || {
        let line = command
            .iter()
            .find(|word| word.contains("--requirepass "))?;
        let (_, rest) = line.split_once("--requirepass ")?;
        let word = rest.split([' ', ';', '&']).find(|word| !word.is_empty())?;
        let word = word.trim_matches(['"', '\'']);
        match word.strip_prefix('$') {
            Some(name) => variable(name.trim_matches(['{', '}'])),
            None => Some(word.to_owned()),
        }
    };
    argument
        .or_else(in_line)
        .or_else(|| variable("REDIS_PASSWORD"))
        .filter(|word| !word.is_empty())
}

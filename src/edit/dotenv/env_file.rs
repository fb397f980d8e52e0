//! An env file in memory.

use std::fmt;

use super::error::DotenvError;
use super::key::EnvKey;
use super::syntax::{self, Item, ItemKind};

/// How Compose reads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// As `.env`, and as an `env_file` entry without a format.
    #[default]
    Compose,
    /// `format: raw` of a long-form `env_file` entry: lines `KEY=VALUE`, taken literally.
    Raw,
}

/// An env file in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Dotenv {
    pub(super) format: Format,
    pub(super) text: String,
    pub(super) items: Vec<Item>,
}

impl Dotenv {
    /// Takes the bytes of a file apart. Lines that Compose cannot read are kept as they are and do not
    /// fail here; [`Dotenv::read`] reports them.
    ///
    /// # Errors
    /// [`DotenvError::NotUtf8`] and [`DotenvError::Nul`]: such a file can neither be read nor edited.
    pub fn parse(bytes: &[u8], format: Format) -> Result<Dotenv, DotenvError> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (line, column) = place_of(&bytes[..error.valid_up_to()]);
                return Err(DotenvError::NotUtf8 { line, column });
            }
        };
        if let Some(nul) = text.find('\0') {
            let (line, column) = place_of(&bytes[..nul]);
            return Err(DotenvError::Nul { line, column });
        }
        Ok(Dotenv::of_text(text.to_owned(), format))
    }

    pub(super) fn of_text(text: String, format: Format) -> Dotenv {
        let items = match format {
            Format::Compose => syntax::parse(&text, syntax::compose_statement),
            Format::Raw => syntax::parse(&text, syntax::raw_statement),
        };
        Dotenv {
            format,
            text,
            items,
        }
    }

    /// The file as it is to be written.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The file as it is to be written.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.text.clone().into_bytes()
    }

    /// How the file is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Every variable that the file names, assigned or inherited, with its line from 1. A key that
    /// stands there twice comes twice.
    pub fn keys(&self) -> impl Iterator<Item = (&str, usize)> {
        self.items.iter().filter_map(|item| {
            let key = self.key_of(item)?;
            (!key.is_empty()).then_some((key, item.line))
        })
    }

    /// The line, from 1, of the assignment of `key` that counts: the last one.
    pub fn line_of(&self, key: &EnvKey) -> Option<usize> {
        self.items
            .iter()
            .rev()
            .find(|item| self.names(item, key))
            .map(|item| item.line)
    }

    /// The line, from 1, of the last commented example of `key`: `#KEY=` or `# KEY=…`.
    pub fn is_documented(&self, key: &EnvKey) -> Option<usize> {
        self.example_of(key)
            .map(|example| self.items[example.index].line)
    }

    /// The name that an item assigns or inherits.
    fn key_of(&self, item: &Item) -> Option<&str> {
        match item.kind {
            ItemKind::Assignment { key, .. } | ItemKind::Inherited { key } => {
                Some(key.of(&self.text))
            }
            ItemKind::Bom
            | ItemKind::Space
            | ItemKind::Comment
            | ItemKind::Bare { .. }
            | ItemKind::Junk(_) => None,
        }
    }

    pub(super) fn names(&self, item: &Item, key: &EnvKey) -> bool {
        self.key_of(item) == Some(key.as_str())
    }
}

/// Shows how much there is, never what: values may be secret.
impl fmt::Debug for Dotenv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dotenv")
            .field("format", &self.format)
            .field("bytes", &self.text.len())
            .field("items", &self.items.len())
            .finish()
    }
}

/// Line and column, from 1, of what follows `before`. The column counts characters.
fn place_of(before: &[u8]) -> (usize, usize) {
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |feed| feed + 1);
    (
        line,
        String::from_utf8_lossy(&before[start..]).chars().count() + 1,
    )
}

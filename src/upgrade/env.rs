//! What a new version's sample of the env file (`.env.example` and its kin) says, beside the person's
//! own file; and the new keys put behind that. Pure: bytes in, bytes out. Never holds a value of the
//! person's file.

mod librechat;
mod merge;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use librechat::librechat_version;
pub use merge::{Generate, MergeError, Merged, Shape, merge};

use crate::edit::dotenv::{Dotenv, DotenvError, Format};
use crate::secret::is_secret;
use sample::Sample;

/// The names under which applications keep a sample, the usual one first.
pub const SAMPLE_NAMES: [&str; 6] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
    "example.env",
];

/// What a new version says about the env file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnvNews {
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

impl EnvNews {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
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
pub struct NewKey {
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
pub struct NewOption {
    /// Its name.
    pub key: String,
    /// The lines of comment above it, with their `#`.
    pub comment: Vec<String>,
    /// What stands behind the `=`.
    pub example: String,
}

/// A key whose value in the sample changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedDefault {
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
pub enum Own {
    /// It does not set the key.
    Unset,
    /// It sets the old default.
    Old,
    /// It sets the new default.
    New,
    /// It sets something else.
    Other,
}

/// Compares the sample before and after, and the person's own file. `old` or `new` is `None` where that
/// version has no sample.
///
/// # Errors
/// A file that Compose could not read.
pub fn news(
    sample: &str,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    own: &[u8],
) -> Result<EnvNews, DotenvError> {
    let read = |bytes: Option<&[u8]>| bytes.map(Sample::read).transpose();
    let (old, new) = (
        read(old)?.unwrap_or_default(),
        read(new)?.unwrap_or_default(),
    );
    let own = values(own)?;
    let known = |key: &str| old.has(key) || own.contains_key(key);
    let added = new.keys.iter().filter(|key| !known(&key.key));
    let options = new.options.iter().filter(|option| !known(&option.key));
    let required = new
        .keys
        .iter()
        .filter(|key| key.default.is_empty() && !own.contains_key(&key.key));
    let had = old.keys.iter().map(|key| &key.key);
    let had = had.chain(old.options.iter().map(|option| &option.key));
    let removed: BTreeSet<&String> = had
        .filter(|key| !new.has(key) && own.contains_key(*key))
        .collect();
    Ok(EnvNews {
        sample: sample.to_owned(),
        added: added.cloned().collect(),
        options: options.cloned().collect(),
        changed: changed(&old, &new, &own),
        // Without a sample nothing is known to be gone.
        removed: match new.keys.is_empty() && new.options.is_empty() {
            true => Vec::new(),
            false => removed.into_iter().cloned().collect(),
        },
        published: published(&old, &new, &own),
        required: required.map(|key| key.key.clone()).collect(),
    })
}

fn changed(old: &Sample, new: &Sample, own: &Values) -> Vec<ChangedDefault> {
    let mut changed = Vec::new();
    for key in &new.keys {
        let Some(before) = old.default_of(&key.key).filter(|b| *b != key.default) else {
            continue;
        };
        let own = match own.get(&key.key) {
            None => Own::Unset,
            Some(Some(value)) if value == before => Own::Old,
            Some(Some(value)) if *value == key.default => Own::New,
            Some(_) => Own::Other,
        };
        changed.push(ChangedDefault {
            key: key.key.clone(),
            before: before.to_owned(),
            after: key.default.clone(),
            own,
        });
    }
    changed
}

fn published(old: &Sample, new: &Sample, own: &Values) -> Vec<String> {
    let samples = old.keys.iter().chain(&new.keys);
    let same = samples
        .filter(|key| key.is_published_secret)
        .filter(|key| own.get(&key.key) == Some(&Some(key.default.clone())))
        .map(|key| key.key.clone());
    let same: BTreeSet<String> = same.collect();
    same.into_iter().collect()
}

/// Each variable that a file names, with its value as Compose reads it; `None` where that comes from
/// the environment.
type Values = BTreeMap<String, Option<String>>;

fn values(bytes: &[u8]) -> Result<Values, DotenvError> {
    let file = Dotenv::parse(bytes, Format::Compose)?;
    Ok(file.read(&|_| None)?.into_iter().collect())
}

/// Whether a value of a sample is a secret that somebody may use as it is, and not a word that stands
/// for one. `changeme` is the former: it works.
fn is_published_secret(key: &str, value: &str) -> bool {
    const STANDS_FOR_ONE: [&str; 6] = ["user_provided", "none", "null", "true", "false", "xxx"];
    let lower = value.to_ascii_lowercase();
    let stands_for_one = STANDS_FOR_ONE.contains(&lower.as_str())
        || lower.starts_with("your")
        || lower.starts_with('<')
        || lower.contains("${")
        || lower.bytes().all(|byte| byte == b'x' || byte == b'*');
    !value.is_empty() && !stands_for_one && is_secret(key, value)
}

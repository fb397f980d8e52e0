//! What a new version's sample of the env file (`.env.example` and its kin) says, beside the person's
//! own file; and the new keys put behind that. Pure: bytes in, bytes out. Never holds a value of the
//! person's file.

mod env_news;
mod librechat;
mod merge;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use env_news::{ChangedDefault, NewKey, NewOption, Own, SampleChanges};
pub(crate) use librechat::librechat_version;
pub(crate) use merge::{GenerateSecret, SecretShape, merge};

use crate::edit::dotenv::{Dotenv, DotenvError, Format};
use sample::Sample;

/// Compares the sample before and after, and the person's own file. `old` or `new` is `None` where that
/// version has no sample.
///
/// # Errors
/// A file that Compose could not read.
pub(crate) fn news(
    sample: &str,
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    own: &[u8],
) -> Result<SampleChanges, DotenvError> {
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
    Ok(SampleChanges {
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

fn changed(old: &Sample, new: &Sample, own: &EnvValues) -> Vec<ChangedDefault> {
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

fn published(old: &Sample, new: &Sample, own: &EnvValues) -> Vec<String> {
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
type EnvValues = BTreeMap<String, Option<String>>;

fn values(bytes: &[u8]) -> Result<EnvValues, DotenvError> {
    let file = Dotenv::parse(bytes, Format::Compose)?;
    Ok(file.read(&|_| None)?.into_iter().collect())
}

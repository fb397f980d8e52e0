//! What the new version's samples say: read from both versions, told, and merged where that is wanted.

use std::path::{Path, PathBuf};

use super::env::{self, NewKey, SampleChanges, SecretShape};
use super::upgrade_request::UpgradeRequest;
use crate::assessment::edited::{Edited, KeyChange};
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event;
use crate::host::files;
use crate::secret::generate::Generate;
use crate::secret::{Secret, is_secret};
use crate::stack::Place;
use crate::stack::sample::SAMPLE_NAMES;
use crate::stack::side::{FileEdit, Origin, Side};

/// What is to be told.
#[derive(Default)]
pub(super) struct SampleDiff {
    pub(super) news: Option<event::EnvNews>,
    pub(super) notes: Vec<String>,
}

/// Reads the samples, and puts the merge into the edits where it is asked for.
///
/// # Errors
/// The env file cannot be read or appended to.
pub(super) async fn read(
    place: &Place,
    moving: &Moving,
    upgrade: &UpgradeRequest,
    edited: &mut Edited,
) -> Result<SampleDiff, Complaint> {
    let mut told = SampleDiff::default();
    let prefix = &moving.checkout.prefix;
    told.notes.extend(librechat(place, moving).await?);
    let Some(sample) = sample_of(moving, prefix) else {
        return Ok(told);
    };
    let (old, new) = both(moving, &prefix.join(sample)).await?;
    let path = place.located.env_files().into_iter().next();
    let path = path.unwrap_or_else(|| place.located.args.directory.join(".env"));
    let own = Side::read(&path).known();
    let own = own.map_err(|why| Complaint::new(Code::Io, why))?;
    let found = env::news(
        sample,
        old.as_deref(),
        new.as_deref(),
        own.bytes().unwrap_or_default(),
    );
    let news = match found {
        Ok(news) => news,
        Err(error) => {
            let text = format!("{sample} cannot be compared with the env file: {error}");
            told.notes.push(text);
            return Ok(told);
        }
    };
    if upgrade.merge_env {
        merge(place, path, own, &news, upgrade.new_secrets, edited)?;
    }
    told.news = (!news.is_empty()).then(|| in_events(&news));
    Ok(told)
}

/// The first of the usual names that the new version has beside its compose file.
fn sample_of(moving: &Moving, prefix: &Path) -> Option<&'static str> {
    let folder = moving.exported.path().join(prefix);
    SAMPLE_NAMES
        .into_iter()
        .find(|name| folder.join(name).is_file())
}

async fn both(
    moving: &Moving,
    path: &Path,
) -> Result<(Option<Vec<u8>>, Option<Vec<u8>>), Complaint> {
    let git = &moving.checkout.git;
    let (old, new) = tokio::join!(
        git.read_at(&moving.movement.from, path),
        git.read_at(&moving.movement.to, path)
    );
    Ok((old?, new?))
}

async fn librechat(place: &Place, moving: &Moving) -> Result<Option<String>, Complaint> {
    let sample = moving.checkout.prefix.join("librechat.example.yaml");
    if !moving.exported.path().join(&sample).is_file() {
        return Ok(None);
    }
    let (old, new) = both(moving, &sample).await?;
    let own = place.located.args.directory.join("librechat.yaml");
    let own = files::read_if_exists(&own)?;
    Ok(env::librechat_version(
        old.as_deref(),
        new.as_deref(),
        own.as_deref(),
    ))
}

fn merge(
    place: &Place,
    path: PathBuf,
    own: Side,
    news: &SampleChanges,
    new_secrets: bool,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let mut make = generated;
    let generate: Option<env::GenerateSecret<'_>> = match new_secrets {
        true => Some(&mut make),
        false => None,
    };
    let merged = env::merge(own.bytes().unwrap_or_default(), news, generate)
        .map_err(|error| Complaint::new(error.code(), error.to_string()))?;
    let value_of = |key: &String| {
        let found = news.added.iter().find(|new| new.key == *key);
        match merged.generated.contains(key) {
            true => Some("(generated)".to_owned()),
            false => found.map(|new| new.default.clone()),
        }
    };
    for key in &merged.added {
        edited.changes.push(KeyChange {
            file: place.shown(&path),
            key: key.clone(),
            name: key.clone(),
            before: None,
            after: value_of(key),
        });
    }
    if own.bytes() != Some(&merged.bytes[..]) && !merged.added.is_empty() {
        edited.files.push(FileEdit {
            path,
            after: Side::new(merged.bytes, &own),
            before: own,
            origin: Origin::Refit,
        });
    }
    Ok(())
}

fn generated(shape: SecretShape) -> anyhow::Result<Secret> {
    // Hexadecimal digits and base64 come in whole bytes.
    let (generate, length) = match shape {
        SecretShape::Hex(length) => (Generate::Hex(length.div_ceil(2)), length),
        SecretShape::Base64(length) => (Generate::Base64(length / 4 * 3), length),
        SecretShape::Alnum(length) => (Generate::Alnum(length), length),
    };
    let value = generate.value()?;
    let text: String = value.expose().chars().take(length).collect();
    Ok(Secret::new(text))
}

fn in_events(news: &SampleChanges) -> event::EnvNews {
    let shown = |key: &str, value: &str| (!is_secret(key, value)).then(|| value.to_owned());
    let added = |new: &NewKey| event::SampleKey {
        key: new.key.clone(),
        default: shown(&new.key, &new.default),
        comment: new.comment.clone(),
    };
    let option = |new: &env::NewOption| event::SampleKey {
        key: new.key.clone(),
        default: shown(&new.key, &new.example),
        comment: new.comment.clone(),
    };
    event::EnvNews {
        sample: news.sample.clone(),
        added: news.added.iter().map(added).collect(),
        options: news.options.iter().map(option).collect(),
        changed: news.changed.iter().map(|c| c.key.clone()).collect(),
        removed: news.removed.clone(),
        published: news.published.clone(),
        required: news.required.clone(),
    }
}

//! New keys put behind what the person's env file has. Nothing that is there is replaced or moved.

use super::env_news::{NewKey, SampleChanges};
use crate::complaint::Code;
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, Format};
use crate::secret::Secret;

/// An env file with new keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// The keys that were appended.
    pub added: Vec<String>,
    /// Those of them whose published default was replaced by a generated value.
    pub generated: Vec<String>,
}

/// Why new keys were not appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// Compose could not read the file.
    #[error(transparent)]
    Env(#[from] DotenvError),
    /// Whatever stands at the end of the file would swallow the new lines.
    #[error("new keys cannot be appended without changing what the file says; add them by hand")]
    WouldChangeMore,
    /// No random value could be made.
    #[error("no value can be generated: {0}")]
    Generate(String),
}

impl MergeError {
    /// The stable code of each case.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Env(error) => error.code(),
            Self::WouldChangeMore => Code::EditUnsafe,
            Self::Generate(_) => Code::Io,
        }
    }
}

/// What a generated value must look like to take the place of a published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretShape {
    /// So many hexadecimal digits.
    Hex(usize),
    /// So many characters of base64, padding included.
    Base64(usize),
    /// So many letters and digits.
    Alnum(usize),
}

/// A shorter secret than this is replaced by a longer one: nothing can depend on its length.
const SHORT: usize = 16;
const LONG: usize = 32;

impl SecretShape {
    /// The shape of a value: applications check the length of keys (`CREDS_IV`: 32 digits).
    pub(crate) fn of(value: &str) -> Self {
        let length = value.chars().count();
        if length < SHORT {
            return Self::Alnum(LONG);
        }
        if value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::Hex(length);
        }
        let body = value.trim_end_matches('=');
        let is_base64 = body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b));
        if is_base64
            && length.is_multiple_of(4)
            && body.len() + 3 > length
            && value.contains(['+', '/', '='])
        {
            return Self::Base64(length);
        }
        Self::Alnum(length)
    }
}

/// Makes a random value of a shape.
pub(crate) type GenerateSecret<'a> = &'a mut dyn FnMut(SecretShape) -> anyhow::Result<Secret>;

/// Appends the new keys with their comments and defaults. With `generate`, defaults that are published
/// secrets are replaced by generated ones. What the person set stays as it is, published or not: a key
/// may have encrypted data behind it.
///
/// # Errors
/// The file cannot be read, or its end would swallow what follows.
pub(crate) fn merge(
    own: &[u8],
    news: &SampleChanges,
    mut generate: Option<GenerateSecret<'_>>,
) -> Result<Merged, MergeError> {
    let before = Dotenv::parse(own, Format::Compose)?;
    let mut merged = Merged {
        bytes: own.to_vec(),
        added: Vec::new(),
        generated: Vec::new(),
    };
    let set: Vec<&str> = before.keys().map(|(key, _)| key).collect();
    let new = news
        .added
        .iter()
        .filter(|new| !set.contains(&new.key.as_str()));
    let new: Vec<&NewKey> = new.collect();
    if new.is_empty() {
        return Ok(merged);
    }
    let end = line_end(own);
    let mut lines = vec![String::new(), format!("# New in {}", news.sample)];
    for key in new {
        if !key.comment.is_empty() {
            lines.push(String::new());
            lines.extend(key.comment.iter().cloned());
        }
        let value = match &mut generate {
            Some(generate) if key.is_published_secret => {
                let value = generate(SecretShape::of(&key.default));
                merged.generated.push(key.key.clone());
                Some(value.map_err(|error| MergeError::Generate(format!("{error:#}")))?)
            }
            _ => None,
        };
        lines.push(match value {
            Some(value) => assigned(&key.key, &value)?,
            None => key.text.clone(),
        });
        merged.added.push(key.key.clone());
    }
    if own.is_empty() || own == "\u{feff}".as_bytes() {
        lines.remove(0);
    } else if !own.ends_with(b"\n") {
        merged.bytes.extend(end.as_bytes());
    }
    for line in lines {
        merged.bytes.extend(line.as_bytes());
        merged.bytes.extend(end.as_bytes());
    }
    if !says_the_same(&before, &merged)? {
        return Err(MergeError::WouldChangeMore);
    }
    Ok(merged)
}

/// The line end of a file: that of its first line.
fn line_end(bytes: &[u8]) -> &'static str {
    let feed = bytes.iter().position(|byte| *byte == b'\n');
    match feed.and_then(|at| at.checked_sub(1)).map(|at| bytes[at]) {
        Some(b'\r') => "\r\n",
        _ => "\n",
    }
}

fn assigned(key: &str, value: &Secret) -> Result<String, MergeError> {
    let name: EnvKey = key.parse().map_err(|_| MergeError::WouldChangeMore)?;
    let mut file = Dotenv::parse(b"", Format::Compose)?;
    file.set(&name, value.expose())?;
    Ok(String::from_utf8_lossy(file.as_bytes())
        .trim_end()
        .to_owned())
}

/// Whether every variable reads as before, in an empty environment and in one that has everything, and
/// every new one is there.
fn says_the_same(before: &Dotenv, merged: &Merged) -> Result<bool, MergeError> {
    let after = Dotenv::parse(&merged.bytes, Format::Compose)?;
    let nothing = |_: &str| None;
    let everything = |name: &str| Some(format!("<{name}>"));
    let readings = [
        (before.read(&nothing)?, after.read(&nothing)?),
        (before.read(&everything)?, after.read(&everything)?),
    ];
    for (old, new) in readings {
        let kept = new.iter().filter(|(key, _)| !merged.added.contains(key));
        if !kept.eq(old.iter()) {
            return Ok(false);
        }
    }
    let named = |key: &String| after.keys().any(|(name, _)| name == key);
    Ok(merged.added.iter().all(named))
}

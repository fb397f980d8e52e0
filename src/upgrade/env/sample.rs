//! A sample taken apart: what it sets, what it shows commented out, and what it says above each.

use std::collections::BTreeMap;

use super::env_news::{NewKey, NewOption};
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, Format};
use crate::secret::is_secret;
use crate::stack::sample::option_in;

/// A sample in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) keys: Vec<NewKey>,
    pub(super) options: Vec<NewOption>,
}

impl Sample {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DotenvError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let file = Dotenv::parse(bytes, Format::Compose)?;
        let values: BTreeMap<String, Option<String>> = file.read(&|_| None)?.into_iter().collect();
        let text = String::from_utf8_lossy(bytes).into_owned();
        let whole: Vec<&str> = text.split('\n').collect();
        let lines: Vec<&str> = whole.iter().copied().map(without_return).collect();
        let mut sample = Self::default();
        for (key, _) in file.keys() {
            let seen = sample.keys.iter().any(|known| known.key == key);
            let (Some(Some(default)), Ok(name), false) = (values.get(key), key.parse(), seen)
            else {
                continue;
            };
            // A key that stands there twice has the value of its last line.
            let line = file.line_of(&name).unwrap_or(1);
            sample.keys.push(NewKey {
                key: key.to_owned(),
                comment: comment_above(&lines, line),
                default: default.clone(),
                text: assignment(&whole, line, &name, default),
                is_published_secret: is_published_secret(key, default),
            });
        }
        for (index, line) in lines.iter().enumerate() {
            if let Some((key, example)) = option_in(line)
                && !sample.has(key)
            {
                sample.options.push(NewOption {
                    key: key.to_owned(),
                    comment: comment_above(&lines, index + 1),
                    example: example.to_owned(),
                });
            }
        }
        Ok(sample)
    }

    /// Whether it names a key at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.default_of(key).is_some() || self.options.iter().any(|option| option.key == key)
    }

    pub(super) fn default_of(&self, key: &str) -> Option<&str> {
        let found = self.keys.iter().find(|known| known.key == key);
        found.map(|known| known.default.as_str())
    }
}

/// The comment right above a line (from 1), without examples that are commented out and without the
/// lines that only draw a line.
fn comment_above(lines: &[&str], line: usize) -> Vec<String> {
    let above = lines.get(..line.saturating_sub(1)).unwrap_or_default();
    let mut comment: Vec<String> = above
        .iter()
        .rev()
        .take_while(|line| line.starts_with('#') && option_in(line).is_none())
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .map(|line| line.trim_end().to_owned())
        .collect();
    comment.reverse();
    comment
}

fn without_return(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

/// An assignment as it stands there, over as many lines as its quotes; written anew where it shares
/// its lines with others. The ends of the lines within its quotes are part of the value.
fn assignment(lines: &[&str], line: usize, key: &EnvKey, value: &str) -> String {
    let from = lines.get(line.saturating_sub(1)..).unwrap_or_default();
    for end in 1..=from.len() {
        let text = from[..end].join("\n");
        let text = without_return(&text);
        let alone = Dotenv::parse(format!("{text}\n").as_bytes(), Format::Compose);
        let Ok(alone) = alone else { break };
        if alone.read(&|_| None).is_err() {
            // The quote is still open.
            continue;
        }
        if alone.keys().map(|(name, _)| name).eq([key.as_str()]) {
            return text.to_owned();
        }
        break;
    }
    let mut fresh = Dotenv::parse(b"", Format::Compose);
    if let Ok(file) = &mut fresh
        && file.set(key, value).is_ok()
    {
        return String::from_utf8_lossy(file.as_bytes())
            .trim_end()
            .to_owned();
    }
    format!("{key}=")
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

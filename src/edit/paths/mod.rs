//! Edits of TOML, JSON, INI and properties by path, which keep every other byte: what YAML's own editor does for
//! YAML. Pure.

mod change;
mod ini;
mod ini_added;
mod ini_lines;
mod ini_value;
mod json;
mod properties;
#[cfg(test)]
mod tests;
mod toml;

use serde_json::Value;

pub(crate) use change::{PathEdit, PathEditError};

use crate::edit::yaml::{NewValue, Segment, YamlPath};
use ini::Ini;

/// The grammar of a file whose values have paths, other than YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathSyntax {
    Toml,
    Json,
    Ini,
    Properties,
}

impl PathSyntax {
    /// What makes a text unreadable, if anything does.
    pub(crate) fn unreadable(self, text: &str) -> Option<PathEditError> {
        match self {
            // Each of its programs reads other lines.
            Self::Ini | Self::Properties => None,
            Self::Toml => toml::read(text).err(),
            Self::Json => json::read(text).err(),
        }
    }

    /// The value at a path.
    ///
    /// # Errors
    /// As [`PathEditError`] says.
    pub(crate) fn get(self, text: &str, path: &YamlPath) -> Result<Option<Value>, PathEditError> {
        let tree = match self {
            Self::Ini => return ini::get(text, path),
            Self::Properties => return properties::get(text, path),
            Self::Toml => toml::read(text)?,
            Self::Json => json::read(text)?,
        };
        Ok(change::follow(&tree, path.segments())?.cloned())
    }

    /// Gives the place at a path a value. A value that it has already changes no byte.
    ///
    /// # Errors
    /// As [`PathEditError`] says.
    pub(crate) fn set(
        self,
        text: &str,
        path: &YamlPath,
        value: &NewValue,
    ) -> Result<PathEdit, PathEditError> {
        match self {
            Self::Toml => toml::set(text, path, value),
            Self::Json => json::set(text, path, value),
            Self::Ini => ini::set(text, path, value),
            Self::Properties => properties::set(text, path, value),
        }
    }

    /// Removes what a path names; what is not there is no error.
    ///
    /// # Errors
    /// As [`PathEditError`] says.
    pub(crate) fn delete(self, text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
        match self {
            Self::Toml => toml::delete(text, path),
            Self::Json => json::delete(text, path),
            Self::Ini => ini::delete(text, path),
            Self::Properties => properties::delete(text, path),
        }
    }

    /// The path of a value that is there, and that is a slip of the hand away from one that is not.
    pub(crate) fn sibling(self, text: &str, path: &YamlPath) -> Option<String> {
        let known: Vec<YamlPath> = self.scalars(text).into_iter().map(|(at, _)| at).collect();
        sibling(&known, path)
    }

    /// Every value with its path; none where the text cannot be read.
    pub(crate) fn scalars(self, text: &str) -> Vec<(YamlPath, String)> {
        let tree = match self {
            Self::Ini => return Ini::parse(text).map_or_else(|_| vec![], |ini| ini.entries()),
            Self::Properties => return properties::entries(text),
            Self::Toml => toml::read(text),
            Self::Json => json::read(text),
        };
        let mut found = Vec::new();
        if let Ok(tree) = tree {
            collect(&tree, &mut Vec::new(), &mut found);
        }
        found
    }
}

/// The one of these paths that is a slip of the hand away from one that is none of them, nor above one.
pub(crate) fn sibling(known: &[YamlPath], path: &YamlPath) -> Option<String> {
    let typed = plain(path);
    if known
        .iter()
        .any(|known| known.segments().starts_with(path.segments()) || *known == *path)
    {
        return None;
    }
    let known: Vec<(String, &YamlPath)> = known.iter().map(|known| (plain(known), known)).collect();
    if let Some((_, same)) = known.iter().find(|(words, _)| *words == typed) {
        return Some(same.to_string());
    }
    let words = known.iter().map(|(words, _)| words.as_str());
    let meant = crate::suggest::slip_of(&typed, words)?;
    let (_, meant) = known.iter().find(|(words, _)| words == meant)?;
    Some(meant.to_string())
}

/// A path without the brackets around names that hold dots.
fn plain(path: &YamlPath) -> String {
    let words = path.segments().iter().map(|step| match step {
        Segment::Key(key) => key.clone(),
        Segment::Index(index) => format!("[{index}]"),
        Segment::Append => "[+]".to_owned(),
    });
    words.collect::<Vec<_>>().join(".")
}

/// Whether a text reads as an INI file throughout.
pub(super) fn is_ini(text: &str) -> bool {
    Ini::parse(text).is_ok_and(|ini| ini.says_something())
}

fn collect(value: &Value, steps: &mut Vec<Segment>, found: &mut Vec<(YamlPath, String)>) {
    let below: Vec<(Segment, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (Segment::Key(key.clone()), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (Segment::Index(index), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if let Ok(path) = YamlPath::from_segments(steps.clone()) {
                found.push((path, super::value_text(value)));
            }
            return;
        }
    };
    for (step, value) in below {
        steps.push(step);
        collect(value, steps, found);
        steps.pop();
    }
}

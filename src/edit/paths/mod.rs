//! Edits of TOML, JSON, INI and properties by path, which keep every other byte: what YAML's own editor does for
//! YAML. Pure.

mod change;
mod ini;
mod ini_added;
mod ini_lines;
mod ini_value;
mod json;
mod json_layout;
mod properties;
#[cfg(test)]
mod tests;
mod toml;
mod toml_value;

use serde_json::Value;

pub(crate) use change::{PathEdit, PathEditError};

use crate::edit::yaml::{self, NewValue, Segment, YamlPath};
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
        let below = || match self {
            // A key without its section is refused there, with all that has it.
            Self::Ini => None,
            Self::Toml | Self::Json | Self::Properties => below_one(&known, path),
        };
        sibling(&known, path).or_else(below)
    }

    /// A number as it stands in the text: `1.20`, `0x1F`. Nothing where the place holds none.
    pub(crate) fn number_word(self, text: &str, path: &YamlPath) -> Option<String> {
        let value = self.get(text, path).ok()??;
        let words = self.words(text).filter(|_| value.is_number())?;
        let word = change::follow(&words, path.segments()).ok()?;
        word.map(super::value_text)
    }

    /// The tree with each number as it stands there, where there is a tree and it can be read.
    fn words(self, text: &str) -> Option<Value> {
        match self {
            Self::Ini | Self::Properties => None,
            Self::Toml => toml::words(text).ok(),
            Self::Json => json::words(text).ok(),
        }
    }

    /// The path with a section, of a key that is new, and that would stand in none though there are some.
    pub(crate) fn section_left_out(self, text: &str, path: &YamlPath) -> Option<YamlPath> {
        match self {
            Self::Ini => Ini::parse(text).ok()?.section_left_out(path),
            Self::Toml | Self::Json | Self::Properties => None,
        }
    }

    /// Every value with its path; none where the text cannot be read.
    pub(crate) fn scalars(self, text: &str) -> Vec<(YamlPath, String)> {
        let mut found = Vec::new();
        match self {
            Self::Ini => return Ini::parse(text).map_or_else(|_| vec![], |ini| ini.entries()),
            Self::Properties => return properties::entries(text),
            Self::Toml | Self::Json => {}
        }
        if let Some(tree) = self.words(text) {
            collect(&tree, &mut Vec::new(), &mut found);
        }
        found
    }
}

/// The path of a value of a YAML text that is a slip of the hand away from one that is not there.
pub(crate) fn sibling_in_yaml(text: &str, path: &YamlPath) -> Option<String> {
    let known = yaml::scalars(text).ok()?.into_iter();
    let known: Vec<YamlPath> = known.map(|scalar| scalar.path).collect();
    sibling(&known, path).or_else(|| below_one(&known, path))
}

/// The one path that ends as another does of which nothing is there: `server.port` for `port`. Of several
/// none is likelier than a new one.
fn below_one(known: &[YamlPath], path: &YamlPath) -> Option<String> {
    let steps = path.segments();
    let is_begun = known
        .iter()
        .any(|known| known.segments().first() == steps.first());
    let end = format!(".{}", plain(steps));
    let mut longer = known.iter().filter(|known| {
        let words = plain(known.segments());
        words.ends_with(&end) && !words.contains('[')
    });
    let meant = longer.next().filter(|_| !is_begun)?;
    longer.next().is_none().then(|| meant.to_string())
}

/// The path that is a slip of the hand away from one that leads to none of these: it is one of them, or
/// begins as one does.
fn sibling(known: &[YamlPath], path: &YamlPath) -> Option<String> {
    let steps = path.segments();
    let is_known = |depth: usize| {
        let mut known = known.iter();
        known.any(|known| known.segments().starts_with(&steps[..depth]))
    };
    let depth = (1..=steps.len()).find(|depth| !is_known(*depth))?;
    let typed = plain(steps);
    let whole = known.iter().map(|known| (plain(known.segments()), known));
    let whole: Vec<(String, &YamlPath)> = whole.collect();
    if let Some((_, same)) = whole.iter().find(|(words, _)| *words == typed) {
        return Some(same.to_string());
    }
    let slip = |typed: &str, known: &[(String, Vec<Segment>)]| {
        let words = known.iter().map(|(words, _)| words.as_str());
        let meant = crate::suggest::slip_of(typed, words)?.to_owned();
        known.iter().find(|(words, _)| *words == meant).cloned()
    };
    // The first step that leads nowhere, with the rest as it was typed; else the path as a whole.
    let heads = known
        .iter()
        .filter_map(|known| known.segments().get(..depth));
    let heads: Vec<_> = heads.map(|head| (plain(head), head.to_vec())).collect();
    let meant = match slip(&plain(&steps[..depth]), &heads) {
        Some((_, head)) => [&head, &steps[depth..]].concat(),
        None => {
            let whole = whole.into_iter();
            let whole: Vec<_> = whole
                .map(|(words, path)| (words, path.segments().to_vec()))
                .collect();
            slip(&typed, &whole)?.1
        }
    };
    Some(YamlPath::from_segments(meant).ok()?.to_string())
}

/// A path without the brackets around names that hold dots.
fn plain(steps: &[Segment]) -> String {
    let words = steps.iter().map(|step| match step {
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

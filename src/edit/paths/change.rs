//! What an edit by path gives, in a file that is no YAML; and what can be wrong with it.

use serde_json::Value;

use crate::complaint::Code;
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// What an edit gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PathEdit {
    /// The whole text after the edit.
    pub text: String,
    /// The value before; `None` where there was none.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
    /// What the person should be told.
    pub notes: Vec<String>,
}

/// Why a text cannot be read or an edit of it is not made. With an error there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathEditError {
    /// The text is not what its name says.
    #[error("not valid {syntax} at line {line}, column {column}: {message}")]
    Syntax {
        syntax: &'static str,
        line: usize,
        column: usize,
        message: String,
    },
    /// Something on the way, or at its end, is of another kind than the path or the value needs.
    #[error("{path} is {found}, not {wanted}")]
    WrongKind {
        path: String,
        found: &'static str,
        wanted: &'static str,
    },
    /// A list has fewer items.
    #[error("{path} has {len} items, so there is no [{index}]")]
    NoSuchItem {
        path: String,
        index: usize,
        len: usize,
    },
    /// A part of the file that is not there, and that nobody makes unasked.
    #[error("there is no section {section}")]
    NoSection { section: String, known: Vec<String> },
    /// A whole part of the file, which is not edited as one.
    #[error("{section} is a section of several lines, and no single value")]
    IsSection { section: String },
    /// A key is named without its section.
    #[error("{key} stands in a section: {}", sections.join(", "))]
    WhichSection { key: String, sections: Vec<String> },
    /// A new key without a section, where all keys stand in one.
    #[error("{key} is new, and every key stands in a section: {}", sections.join(", "))]
    WithoutSection {
        key: String,
        sections: Vec<String>,
        /// One that is there, and a slip away.
        meant: Option<String>,
    },
    /// Several places can be meant.
    #[error("{path} is ambiguous: {what}")]
    Ambiguous { path: String, what: String },
    /// A value that cannot stand there.
    #[error("{path}: {what}")]
    Value { path: String, what: &'static str },
    /// A value that not all programs read the same.
    #[error("{path}: {what}")]
    NeedsQuotes { path: String, what: &'static str },
    /// A place that is not edited here.
    #[error("{path} is not edited here: {what}")]
    NotEdited { path: String, what: &'static str },
    /// The edited text did not read as the old one with just this change.
    #[error("{path} cannot be changed without changing what else the file says")]
    WouldChangeMore { path: String },
}

/// A path that was probably meant.
pub(crate) struct MendedPath {
    pub path: String,
    /// How it is brought forward.
    pub lead: &'static str,
}

impl PathEditError {
    /// The stable name of the case.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Syntax { .. } => Code::FileSyntax,
            Self::WrongKind { .. }
            | Self::Value { .. }
            | Self::NeedsQuotes { .. }
            | Self::IsSection { .. } => Code::FileValue,
            Self::NoSuchItem { .. } | Self::NoSection { .. } => Code::FileNoPlace,
            Self::Ambiguous { .. } | Self::WhichSection { .. } | Self::WithoutSection { .. } => {
                Code::FileAmbiguous
            }
            Self::NotEdited { .. } | Self::WouldChangeMore { .. } => Code::EditUnsafe,
        }
    }

    /// The path that was meant, where one can be told.
    pub(crate) fn mended(&self) -> Option<MendedPath> {
        let (key, sections, meant) = match self {
            Self::WhichSection { key, sections } => (key, sections, None),
            Self::WithoutSection {
                key,
                sections,
                meant,
            } => (key, sections, meant.as_ref()),
            Self::Syntax { .. }
            | Self::WrongKind { .. }
            | Self::NoSuchItem { .. }
            | Self::NoSection { .. }
            | Self::IsSection { .. }
            | Self::Ambiguous { .. }
            | Self::Value { .. }
            | Self::NeedsQuotes { .. }
            | Self::NotEdited { .. }
            | Self::WouldChangeMore { .. } => return None,
        };
        let is_sure = meant.is_some() || matches!(self, Self::WhichSection { .. });
        let of_first = || YamlPath::of_keys([sections.first()?, key]).ok();
        let path = match meant {
            Some(meant) => meant.clone(),
            None => of_first()?.to_string(),
        };
        Some(MendedPath {
            path,
            lead: if is_sure {
                "did you mean"
            } else {
                "name its section; is it"
            },
        })
    }

    /// What to do next; `file` as it is shown.
    pub(crate) fn hint(&self, file: &str) -> String {
        let by_hand = format!("refit edit {}", crate::text::shell_word(file));
        match self {
            Self::Syntax { .. } => format!("correct that line: {by_hand}"),
            Self::WrongKind { wanted, .. } if *wanted == "a single value" => {
                "name what is in it, or give the whole as JSON: --as-json".to_owned()
            }
            Self::WrongKind { wanted, .. } if *wanted == "a mapping" => {
                "a name that holds dots is written in brackets: [\"a.b\"]".to_owned()
            }
            Self::WrongKind { .. } => "give such a value; --string writes text".to_owned(),
            Self::NoSuchItem { path, .. } => format!("append with {path}[+]"),
            Self::NoSection { section, known } => {
                let near = crate::suggest::nearest(section, known.iter().map(String::as_str));
                match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("add it: {by_hand}"),
                }
            }
            Self::IsSection { section } => {
                format!("name what is in it: {section}.KEY; the whole of it: {by_hand}")
            }
            Self::WhichSection { key, .. } | Self::WithoutSection { key, .. } => {
                match self.mended() {
                    Some(mended) => format!("{} {}?", mended.lead, mended.path),
                    None => format!("name it: SECTION.{key}"),
                }
            }
            Self::Ambiguous { .. } | Self::NotEdited { .. } | Self::WouldChangeMore { .. } => {
                by_hand
            }
            Self::NeedsQuotes { path, .. } => format!(
                "if its program takes quotes, type them with the value: '{path}=\"…\"'; \
                 --string writes it as it is"
            ),
            Self::Value { .. } => format!("give another value, or change it by hand: {by_hand}"),
        }
    }
}

/// The kind of a value, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The error of a path that ends in something it cannot lead through, or of a value of another kind.
pub(super) fn wrong_kind(steps: &[Segment], found: &Value, wanted: &'static str) -> PathEditError {
    PathEditError::WrongKind {
        path: shown(steps),
        found: kind_of(found),
        wanted,
    }
}

/// The text form of steps, also of none.
pub(super) fn shown(steps: &[Segment]) -> String {
    match YamlPath::from_segments(steps.to_vec()) {
        Ok(path) => path.to_string(),
        Err(_) => "the file".to_owned(),
    }
}

/// Follows a path in a tree.
///
/// # Errors
/// A step needs a mapping or a list, and something else is there.
pub(super) fn follow<'a>(
    tree: &'a Value,
    steps: &[Segment],
) -> Result<Option<&'a Value>, PathEditError> {
    let mut at = tree;
    for (depth, step) in steps.iter().enumerate() {
        let next = match (at, step) {
            (Value::Object(map), Segment::Key(key)) => map.get(key),
            (Value::Array(items), Segment::Index(index)) => match items.get(*index) {
                None => {
                    return Err(PathEditError::NoSuchItem {
                        path: shown(&steps[..depth]),
                        index: *index,
                        len: items.len(),
                    });
                }
                found => found,
            },
            (Value::Array(_), Segment::Append) | (Value::Null, _) => None,
            (Value::Array(_), Segment::Key(_)) => {
                return Err(wrong_kind(&steps[..depth], at, "a mapping"));
            }
            (_, Segment::Key(_)) => return Err(wrong_kind(&steps[..depth], at, "a mapping")),
            (_, Segment::Index(_) | Segment::Append) => {
                return Err(wrong_kind(&steps[..depth], at, "a list"));
            }
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

/// The value that is meant: of the kind that stands there, where one does; else as it looks.
///
/// # Errors
/// It is of another kind, and nothing says that this is meant.
pub(super) fn wanted(
    steps: &[Segment],
    old: Option<&Value>,
    new: &NewValue,
) -> Result<Value, PathEditError> {
    let text = match new {
        NewValue::String(text) => return Ok(Value::String(text.clone())),
        NewValue::Int(number) => return Ok((*number).into()),
        NewValue::Json(value) => return Ok(value.clone()),
        NewValue::Auto(text) => text,
    };
    let word = || serde_json::from_str::<Value>(text).ok();
    let simple = || word().filter(|value| value.is_boolean() || value.is_number());
    match old {
        Some(Value::String(_)) => Ok(Value::String(text.clone())),
        None | Some(Value::Null) => Ok(simple().unwrap_or_else(|| Value::String(text.clone()))),
        Some(old @ (Value::Bool(_) | Value::Number(_))) => {
            let value = simple().filter(|value| kind_of(value) == kind_of(old));
            value.ok_or_else(|| PathEditError::Value {
                path: shown(steps),
                what: match old.is_boolean() {
                    true => "true or false stands there, and this is neither; --string writes text",
                    false => "a number stands there, and this is none; --string writes text",
                },
            })
        }
        Some(old @ (Value::Array(_) | Value::Object(_))) => {
            Err(wrong_kind(steps, old, "a single value"))
        }
    }
}

/// Whether of two texts one only has more than the other: then every other byte is kept.
pub(super) fn keeps_every_byte(before: &str, after: &str) -> bool {
    let (shorter, longer) = match before.len() <= after.len() {
        true => (before, after),
        false => (after, before),
    };
    let mut longer = longer.bytes();
    shorter
        .bytes()
        .all(|byte| longer.any(|other| other == byte))
}

impl PathEdit {
    /// One of which nothing is to be told.
    pub(super) fn of(text: String, before: Option<Value>, after: Option<Value>) -> Self {
        Self {
            text,
            before,
            after,
            notes: vec![],
        }
    }
}

/// The edit, if its text reads as the old one with just this change, and differs in one place.
///
/// # Errors
/// The edit would change more.
pub(super) fn proven(
    read: fn(&str) -> Result<Value, PathEditError>,
    text: &str,
    tree: &Value,
    path: &YamlPath,
    edit: PathEdit,
) -> Result<PathEdit, PathEditError> {
    let (before, after) = (edit.before.is_some(), edit.after.is_some());
    let wanted = match before || after {
        true => changed(tree, path.segments(), edit.after.as_ref()),
        false => Some(tree.clone()),
    };
    let is_it =
        wanted.is_some_and(|wanted| read(&edit.text).is_ok_and(|it| is_same_tree(&it, &wanted)));
    match is_it && (before && after || keeps_every_byte(text, &edit.text)) {
        true => Ok(edit),
        false => Err(PathEditError::WouldChangeMore {
            path: path.to_string(),
        }),
    }
}

/// The tree with a place of it given another value, or none.
pub(super) fn changed(tree: &Value, steps: &[Segment], value: Option<&Value>) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else {
        return value.cloned();
    };
    let mut tree = match tree.is_null() {
        true => Value::Object(serde_json::Map::new()),
        false => tree.clone(),
    };
    match (&mut tree, step) {
        (Value::Object(map), Segment::Key(key)) => {
            let below = changed(map.get(key).unwrap_or(&Value::Null), rest, value);
            match below {
                Some(below) => drop(map.insert(key.clone(), below)),
                None => drop(map.shift_remove(key)),
            }
        }
        (Value::Array(items), Segment::Index(index)) if *index < items.len() => {
            match changed(&items[*index], rest, value) {
                Some(below) => items[*index] = below,
                None => drop(items.remove(*index)),
            }
        }
        (Value::Array(items), Segment::Append) => items.extend(value.cloned()),
        (_, _) => return None,
    }
    Some(tree)
}

/// Whether two trees say the same, in whatever order.
pub(super) fn is_same_tree(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut all = one.iter();
            one.len() == other.len()
                && all.all(|(key, value)| other.get(key).is_some_and(|it| is_same_tree(value, it)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_same_tree(a, b))
        }
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64() && one.as_f64().is_some()
        }
        (one, other) => one == other,
    }
}

/// Line and column of a byte, both from 1.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

//! Edits of YAML files that keep every other byte: pure functions from text to text, no I/O.
//!
//! The text is parsed once into a tree of nodes that know their bytes ([`tree`]); an edit replaces
//! byte ranges ([`splice`]) and is then proven: the tree after it must be the tree before it with
//! just that change ([`fence`]), else there is an error and no text. What a value means to Compose
//! (`${VAR}`, schema, other files) is not decided here.

mod build;
mod change;
mod delete;
mod entries;
mod error;
mod fence;
mod inherited;
mod layout;
mod lists;
mod new_value;
mod path;
mod render;
mod scalar;
mod set;
mod splice;
mod tree;
mod value;
mod walk;
mod wanted;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub(crate) use entries::{Entries, EntryAt, entries};
pub use error::YamlError;
pub use new_value::NewValue;
pub use path::{Segment, YamlPath};
pub use value::read;

use tree::{NodeId, NodeKind, Tree};
use walk::{FoundValue, PathEnd};

/// What an edit gives.
#[derive(Debug, Clone, PartialEq)]
pub struct YamlEdit {
    /// The whole text after the edit; the text before it where nothing was to be done.
    pub text: String,
    /// The value before, as a reader sees it; `None` where there was none. In a list of
    /// `KEY=VALUE` the value is what follows the `=`, null for `KEY` alone.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
    /// What the person should be told.
    pub notes: Vec<YamlNote>,
}

/// Something about an edit that its text alone does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlNote {
    /// The place lies in an anchor, so the change is seen at its aliases too.
    SeenThroughAlias {
        /// The lines of those aliases, in the text before.
        lines: Vec<usize>,
    },
    /// The value came through an alias or a merge key and is now overridden at the path.
    Overrides {
        /// The anchor's name, `<<` where it has none.
        anchor: String,
        /// The anchor's line.
        line: usize,
    },
    /// With the entry gone, an inherited value counts again.
    InheritsAgain {
        /// The anchor's name, `<<` where it has none.
        anchor: String,
        /// The anchor's line.
        line: usize,
    },
    /// A list of `KEY=VALUE` gave the key several times. The last one counts; it was changed, or
    /// all of them were removed.
    RepeatedKey {
        /// Their lines, in the text before.
        lines: Vec<usize>,
    },
}

impl std::fmt::Display for YamlNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |lines: &[usize]| {
            let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
            lines.join(", ")
        };
        match self {
            Self::SeenThroughAlias { lines } => {
                write!(f, "also changes what is used in line {}", list(lines))
            }
            Self::Overrides { anchor, line } => {
                write!(f, "overrides the value of &{anchor} in line {line}")
            }
            Self::InheritsAgain { anchor, line } => {
                write!(f, "the value of &{anchor} in line {line} counts again")
            }
            Self::RepeatedKey { lines } => {
                write!(
                    f,
                    "the key is given several times, in lines {}",
                    list(lines)
                )
            }
        }
    }
}

/// A scalar and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalarAt {
    /// Where it is written; never through an alias.
    pub path: YamlPath,
    /// The line where it begins, from 1; for a block scalar the first line of its text.
    pub line: usize,
    /// Its text without quotes and escapes; empty for an empty value.
    pub value: String,
}

/// The value at a path as a reader sees it, through aliases and merge keys; `None` if there is
/// none.
///
/// # Errors
/// What [`read`] refuses, and a path that leads through something that is no mapping or list.
pub fn get(text: &str, path: &YamlPath) -> Result<Option<Value>, YamlError> {
    let tree = Tree::parse(text)?;
    let place = walk::walk(&tree, path.segments())?;
    wanted::value_at(&tree, path.segments(), &place)
}

/// Gives the place at a path a value, creating the parents that are missing. A value that it has
/// already changes no byte.
///
/// # Errors
/// What [`get`] refuses; a place that cannot be changed without changing another; a text that the
/// fence does not let through.
pub fn set(text: &str, path: &YamlPath, value: &NewValue) -> Result<YamlEdit, YamlError> {
    let tree = Tree::parse(text)?;
    let steps = path.segments();
    let place = walk::walk(&tree, steps)?;
    let before = wanted::value_at(&tree, steps, &place)?;
    let wanted = wanted::wanted(&tree, steps, &place, value)?;
    if before.as_ref() == Some(&wanted.value) && is_written_so(&tree, &place, &wanted) {
        return Ok(YamlEdit {
            text: text.to_owned(),
            after: before.clone(),
            before,
            notes: vec![],
        });
    }
    let read = value::read_resolved(text)?;
    let mut refusal = None;
    for draft in set::drafts(&tree, steps, &place, &wanted)? {
        match fence::prove(&tree, steps, &read, &draft) {
            Ok(text) => {
                let mut notes = notes(&tree, &place, &draft.change);
                if let Some(source) = place.source {
                    let (anchor, line) = walk::anchor_of(&tree, source);
                    notes.push(YamlNote::Overrides { anchor, line });
                }
                return Ok(YamlEdit {
                    text,
                    before,
                    after: Some(wanted.value),
                    notes,
                });
            }
            Err(failure) => refusal = refusal.or(Some(failure)),
        }
    }
    Err(refusal.unwrap_or_else(|| YamlError::Fence {
        path: path.to_string(),
        what: "there is no way to write it".into(),
    }))
}

/// As [`set`], in a file of which nobody knows the types: what stands there says what a value is.
///
/// # Errors
/// What [`set`] refuses, and a value of another type, unless the type is said.
pub(crate) fn set_alike(
    text: &str,
    path: &YamlPath,
    value: &NewValue,
) -> Result<YamlEdit, YamlError> {
    let edit = set(text, path, value)?;
    let NewValue::Auto(word) = value else {
        return Ok(edit);
    };
    let refused = |why| {
        let path = path.to_string();
        Err(YamlError::OtherType { path, why })
    };
    match (&edit.before, &edit.after) {
        (None | Some(Value::Null), _)
        | (Some(Value::Bool(_)), Some(Value::Bool(_)))
        | (Some(Value::Number(_)), Some(Value::Number(_))) => Ok(edit),
        // Also what only other readers take for a date, or a number.
        (Some(Value::String(_)), _) => set(text, path, &NewValue::String(word.clone())),
        (Some(Value::Bool(_)), _) => {
            refused("true or false stands there, and this is neither; --string writes text")
        }
        (Some(Value::Number(_)), _) => {
            refused("a number stands there, and this is none; --string writes text")
        }
        (Some(Value::Array(_)), _) => {
            refused("a list stands there; name an item, as [0] or [+], or write it with --as-json")
        }
        (Some(Value::Object(_)), _) => {
            refused("a mapping stands there; name what is in it, or write it with --as-json")
        }
    }
}

/// A number as it stands in the text: `0600`, `1.20`. Nothing where the place holds none.
pub(crate) fn number_word(text: &str, path: &YamlPath) -> Option<String> {
    let tree = Tree::parse(text).ok()?;
    let place = walk::walk(&tree, path.segments()).ok()?;
    let FoundValue::Node(id) = place.found? else {
        return None;
    };
    let is_number = value::resolve(&tree, id).is_ok_and(|value| value.is_number());
    let (word, _) = tree.scalar(tree.target(id)).filter(|_| is_number)?;
    Some(word.to_owned())
}

/// Removes what a path names, with its own comment. What is not there is no error: the text
/// stays as it is.
///
/// # Errors
/// As for [`set`]. An entry that comes through an alias or a merge key cannot be removed.
pub fn delete(text: &str, path: &YamlPath) -> Result<YamlEdit, YamlError> {
    let tree = Tree::parse(text)?;
    let steps = path.segments();
    let place = walk::walk(&tree, steps)?;
    let before = wanted::value_at(&tree, steps, &place)?;
    let Some(found) = &place.found else {
        return Ok(YamlEdit {
            text: text.to_owned(),
            before,
            after: None,
            notes: vec![],
        });
    };
    let read = value::read_resolved(text)?;
    let draft = delete::draft(&tree, steps, &place, found)?;
    let text = fence::prove(&tree, steps, &read, &draft)?;
    let mut notes = notes(&tree, &place, &draft.change);
    let mut after = None;
    if let (Some(Segment::Key(key)), FoundValue::Node(id)) = (steps.last(), found)
        && let Some(map) = tree.node(*id).parent
        && let Some(source) = walk::inherited(&tree, map, key)
    {
        let (anchor, line) = walk::anchor_of(&tree, source);
        notes.push(YamlNote::InheritsAgain { anchor, line });
        after = Some(value::resolve(&tree, source)?);
    }
    Ok(YamlEdit {
        text,
        before,
        after,
        notes,
    })
}

/// Whether the place itself holds the wanted word, not only an equal value.
fn is_written_so(tree: &Tree<'_>, place: &PathEnd, wanted: &wanted::WantedValue) -> bool {
    let own = match (&place.found, place.source) {
        (Some(FoundValue::Node(id)), None) => tree.scalar(*id),
        _ => None,
    };
    match (own, &wanted.word) {
        (Some((text, _)), Some(word)) => text == word,
        _ => true,
    }
}

fn notes(tree: &Tree<'_>, place: &PathEnd, change: &fence::TreeChange) -> Vec<YamlNote> {
    let mut notes = Vec::new();
    let aliases = fence::seen_through(tree, change);
    if !aliases.is_empty() {
        let lines = aliases.into_iter().map(|alias| tree.line(alias)).collect();
        notes.push(YamlNote::SeenThroughAlias { lines });
    }
    if let Some(FoundValue::Pairs { seq, at }) = &place.found
        && at.len() > 1
    {
        let items = tree.items(*seq);
        let lines = at
            .iter()
            .filter_map(|&at| items.get(at))
            .map(|item| tree.line(item.value));
        notes.push(YamlNote::RepeatedKey {
            lines: lines.collect(),
        });
    }
    notes
}

/// Every scalar of a text with its place, in the order of the file; keys are not among them. For
/// finding the lines of `${VAR}` references.
///
/// # Errors
/// What is not one document of YAML, and templates.
pub fn scalars(text: &str) -> Result<Vec<ScalarAt>, YamlError> {
    let tree = Tree::parse(text)?;
    let mut out = Vec::new();
    if let Some(root) = tree.root {
        collect_scalars(&tree, root, &mut Vec::new(), &mut out);
    }
    Ok(out)
}

fn collect_scalars(tree: &Tree<'_>, id: NodeId, path: &mut Vec<Segment>, out: &mut Vec<ScalarAt>) {
    match &tree.node(id).kind {
        NodeKind::Alias(_) => {}
        NodeKind::Scalar { text, .. } => {
            let node = tree.node(id);
            let empty = node.body.is_empty();
            let value = if empty { String::new() } else { text.clone() };
            let header = tree.layout.slice(node.body.clone()).starts_with(['|', '>']);
            let line = tree.layout.position(node.body.start).line + usize::from(header);
            out.push(ScalarAt {
                path: YamlPath::trusted(path.clone()),
                line,
                value,
            });
        }
        NodeKind::Map { entries, .. } => {
            for entry in entries {
                path.push(Segment::Key(entry.name.clone()));
                collect_scalars(tree, entry.value, path, out);
                path.pop();
            }
        }
        NodeKind::Seq { items, .. } => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                collect_scalars(tree, item.value, path, out);
                path.pop();
            }
        }
    }
}

//! Edits of JSON by path, with or without comments. Layout, commas and every other byte are those of the
//! text; each result is read again and compared.

use jsonc_parser::ast::Value as AstValue;
use jsonc_parser::common::Ranged;
use jsonc_parser::cst::{CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::change::{self, PathEdit, PathEditError, proven, shown};
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// The whole text as a tree.
///
/// # Errors
/// It is no JSON.
pub(super) fn read(text: &str) -> Result<Value, PathEditError> {
    let root = parse(text)?;
    root.to_serde_value().ok_or_else(|| PathEditError::Syntax {
        syntax: "JSON",
        line: 1,
        column: 1,
        message: "there is no value".to_owned(),
    })
}

/// Comments and commas behind the last entry are what many programs read; the rest of JSON5 is not.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

fn parse(text: &str) -> Result<CstRootNode, PathEditError> {
    CstRootNode::parse(text, &OPTIONS).map_err(|error| PathEditError::Syntax {
        syntax: "JSON",
        line: error.line_display(),
        column: error.column_display(),
        message: error.kind().to_string(),
    })
}

/// Gives the place a value.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let root = parse(text)?;
    let tree = read(text)?;
    let before = change::follow(&tree, steps)?.cloned();
    refuse_repeated(&root, steps)?;
    let value = change::wanted(steps, before.as_ref(), new)?;
    if before.as_ref() == Some(&value) {
        return Ok(PathEdit {
            text: text.to_owned(),
            after: before.clone(),
            before,
            notes: vec![],
        });
    }
    // A number is written with the digits that were typed.
    let written = match (new, &value) {
        (NewValue::Auto(typed), Value::Number(_)) => CstInputValue::Number(typed.trim().to_owned()),
        _ => input(&value),
    };
    let done = match node_at(&root, steps) {
        Some(node) => replace(node, written),
        None => match beside(text, steps, &written) {
            Some(edited) => {
                return proven(
                    read,
                    text,
                    &tree,
                    path,
                    PathEdit::of(edited, before, Some(value)),
                );
            }
            None => insert(&root, steps, written),
        },
    };
    done.ok_or_else(|| PathEditError::NotEdited {
        path: path.to_string(),
        what: "there is no plain way to write it",
    })?;
    proven(
        read,
        text,
        &tree,
        path,
        PathEdit::of(root.to_string(), before, Some(value)),
    )
}

/// Removes the place; what is not there is no error.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let root = parse(text)?;
    let tree = read(text)?;
    let before = change::follow(&tree, steps)?.cloned();
    refuse_repeated(&root, steps)?;
    if let Some(node) = node_at(&root, steps) {
        match (steps.last(), node.parent()) {
            (Some(Segment::Key(_)), Some(parent)) => parent.remove(),
            _ => node.remove(),
        }
    }
    proven(
        read,
        text,
        &tree,
        path,
        PathEdit::of(root.to_string(), before, None),
    )
}

/// A key that stands twice in an object on the way: readers differ in which one counts.
fn refuse_repeated(root: &CstRootNode, steps: &[Segment]) -> Result<(), PathEditError> {
    let mut at = root.value();
    for (depth, step) in steps.iter().enumerate() {
        let Some(node) = at else { return Ok(()) };
        if let (Some(object), Segment::Key(key)) = (node.as_object(), step) {
            let named = object.properties().into_iter();
            let named = named.filter(|one| one.decoded_name().as_deref() == Some(key));
            if named.count() > 1 {
                return Err(PathEditError::Ambiguous {
                    path: shown(&steps[..=depth]),
                    what: "the key is there several times".to_owned(),
                });
            }
        }
        at = below(&node, step);
    }
    Ok(())
}

fn node_at(root: &CstRootNode, steps: &[Segment]) -> Option<CstNode> {
    let mut at = root.value()?;
    for step in steps {
        at = below(&at, step)?;
    }
    Some(at)
}

fn below(node: &CstNode, step: &Segment) -> Option<CstNode> {
    match step {
        Segment::Key(key) => node.as_object()?.get(key)?.value(),
        Segment::Index(index) => node.as_array()?.elements().into_iter().nth(*index),
        Segment::Append => None,
    }
}

fn replace(node: CstNode, value: CstInputValue) -> Option<()> {
    // Where both are of one kind only its own text changes.
    if let (Some(text), CstInputValue::String(new)) = (node.as_string_lit(), &value) {
        text.set_raw_value(Value::from(new.as_str()).to_string());
        return Some(());
    }
    if let (Some(number), CstInputValue::Number(new)) = (node.as_number_lit(), &value) {
        number.set_raw_value(new.clone());
        return Some(());
    }
    if let Some(property) = node.parent().and_then(|parent| parent.as_object_prop()) {
        property.set_value(value);
        return Some(());
    }
    if let Some(word) = node.as_boolean_lit() {
        return word.replace_with(value).map(|_| ());
    }
    if let Some(word) = node.as_null_keyword() {
        return word.replace_with(value).map(|_| ());
    }
    if let Some(text) = node.as_string_lit() {
        return text.replace_with(value).map(|_| ());
    }
    if let Some(number) = node.as_number_lit() {
        return number.replace_with(value).map(|_| ());
    }
    if let Some(object) = node.as_object() {
        return object.replace_with(value).map(|_| ());
    }
    node.as_array()?.replace_with(value).map(|_| ())
}

/// The text with an entry added beside others that stand in one line.
fn beside(text: &str, steps: &[Segment], value: &CstInputValue) -> Option<String> {
    let options = CollectOptions::default();
    let tree = parse_to_ast(text, &options, &OPTIONS).ok()?.value?;
    let (last, above) = steps.split_last()?;
    let mut at = &tree;
    for step in above {
        at = match (step, at) {
            (Segment::Key(key), AstValue::Object(object)) => &object.get(key)?.value,
            (Segment::Index(index), AstValue::Array(array)) => array.elements.get(*index)?,
            (_, _) => return None,
        };
    }
    let (entry, ranges) = match (last, at) {
        (Segment::Key(key), AstValue::Object(object)) => {
            let neighbour = object.properties.last()?;
            let colon = &text[neighbour.name.range().end..neighbour.value.range().start];
            let key = Value::from(key.as_str());
            let ranges = object.properties.iter().map(Ranged::range);
            (
                format!("{key}{colon}{}", in_line(value)?),
                ranges.collect::<Vec<_>>(),
            )
        }
        (Segment::Append, AstValue::Array(array)) => {
            let ranges = array.elements.iter().map(Ranged::range);
            (in_line(value)?, ranges.collect())
        }
        (_, _) => return None,
    };
    let whole = &text[at.range().start..at.range().end];
    let end = ranges.last()?.end;
    let comma = match ranges.as_slice() {
        [.., before, last] => &text[before.end..last.start],
        _ if whole.contains(char::is_whitespace) => ", ",
        _ => ",",
    };
    (!whole.contains('\n')).then(|| format!("{}{comma}{entry}{}", &text[..end], &text[end..]))
}

/// A value in one line, where it is a single one.
fn in_line(value: &CstInputValue) -> Option<String> {
    match value {
        CstInputValue::Null => Some("null".to_owned()),
        CstInputValue::Bool(word) => Some(word.to_string()),
        CstInputValue::Number(number) => Some(number.clone()),
        CstInputValue::String(text) => Some(Value::from(text.as_str()).to_string()),
        CstInputValue::Array(_) | CstInputValue::Object(_) => None,
    }
}

/// Adds an entry, with the objects on the way to it.
fn insert(root: &CstRootNode, steps: &[Segment], value: CstInputValue) -> Option<()> {
    let deepest = (0..steps.len())
        .rev()
        .find(|depth| node_at(root, &steps[..*depth]).is_some())?;
    let node = node_at(root, &steps[..deepest])?;
    let (first, rest) = steps[deepest..].split_first()?;
    let value = rest
        .iter()
        .rev()
        .try_fold(value, |inner, step| match step {
            Segment::Key(key) => Some(CstInputValue::Object(vec![(key.clone(), inner)])),
            Segment::Append => Some(CstInputValue::Array(vec![inner])),
            Segment::Index(_) => None,
        })?;
    match first {
        Segment::Key(key) => {
            let object: CstObject = node.as_object()?;
            object.append(key, value);
        }
        Segment::Append => drop(node.as_array()?.append(value)),
        Segment::Index(_) => return None,
    }
    Some(())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(word) => CstInputValue::Bool(*word),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), input(value)));
            CstInputValue::Object(entries.collect())
        }
    }
}

//! Edits of JSON by path, with or without comments. What changes is cut out or put in at its own bytes;
//! each result is read again and compared.

use jsonc_parser::ast::{Object, Value as AstValue};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use super::change::{self, PathEdit, PathEditError, proven, shown};
use super::json_layout::{self, JsonLayout, JsonText};
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// The whole text as a tree.
///
/// # Errors
/// It is no JSON.
pub(super) fn read(text: &str) -> Result<Value, PathEditError> {
    Ok(value_of(&parse(unmarked(text).1)?, false))
}

/// The same with each number as it stands there.
///
/// # Errors
/// It is no JSON.
pub(super) fn words(text: &str) -> Result<Value, PathEditError> {
    Ok(value_of(&parse(unmarked(text).1)?, true))
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

/// The mark of the encoding, and the rest.
fn unmarked(text: &str) -> (&str, &str) {
    text.split_at(match text.starts_with('\u{feff}') {
        true => '\u{feff}'.len_utf8(),
        false => 0,
    })
}

fn parse(body: &str) -> Result<AstValue<'_>, PathEditError> {
    let syntax = |line, column, message| PathEditError::Syntax {
        syntax: "JSON",
        line,
        column,
        message,
    };
    let parsed = parse_to_ast(body, &CollectOptions::default(), &OPTIONS).map_err(|error| {
        let message = error.kind().to_string();
        syntax(error.line_display(), error.column_display(), message)
    })?;
    let value = parsed.value;
    value.ok_or_else(|| syntax(1, 1, "there is no value".to_owned()))
}

fn value_of(node: &AstValue<'_>, as_words: bool) -> Value {
    match node {
        AstValue::NumberLit(number) if as_words => number.value.into(),
        AstValue::StringLit(_)
        | AstValue::NumberLit(_)
        | AstValue::BooleanLit(_)
        | AstValue::NullKeyword(_) => node.clone().into(),
        AstValue::Array(array) => {
            let items = array.elements.iter();
            Value::Array(items.map(|item| value_of(item, as_words)).collect())
        }
        AstValue::Object(object) => {
            let entries = object.properties.iter().map(|one| {
                let name = one.name.as_str().to_owned();
                (name, value_of(&one.value, as_words))
            });
            Value::Object(entries.collect())
        }
    }
}

/// Gives the place a value.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let (mark, body) = unmarked(text);
    let root = parse(body)?;
    let tree = value_of(&root, false);
    let before = change::follow(&tree, steps)?.cloned();
    refuse_repeated(&root, steps)?;
    let value = change::wanted(steps, before.as_ref(), new)?;
    // A number is written with the digits that were typed.
    let written = match (new, &value) {
        (NewValue::Auto(typed), Value::Number(_)) => JsonText::Word(typed.trim().to_owned()),
        _ => JsonText::of(&value),
    };
    let layout = JsonLayout::of(body, &root);
    let edited = match node_at(&root, steps) {
        Some(node) => {
            let is_same = match &written {
                JsonText::Word(word) if value.is_number() => node.text(body) == word,
                JsonText::Word(_) | JsonText::List(_) | JsonText::Map(_) => true,
            };
            if is_same && before.as_ref() == Some(&value) {
                return Ok(PathEdit::of(text.to_owned(), before.clone(), before));
            }
            let (start, end) = (node.start(), node.end());
            let word = layout.in_place_of(body, start..end, &written);
            Some(format!("{}{word}{}", &body[..start], &body[end..]))
        }
        None => insert(body, &root, steps, written, &layout),
    };
    let edited = edited.ok_or_else(|| PathEditError::NotEdited {
        path: path.to_string(),
        what: "there is no plain way to write it",
    })?;
    let edit = PathEdit::of(format!("{mark}{edited}"), before, Some(value));
    proven(read, text, &tree, path, edit)
}

/// Removes the place; what is not there is no error.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let (mark, body) = unmarked(text);
    let root = parse(body)?;
    let tree = value_of(&root, false);
    let before = change::follow(&tree, steps)?.cloned();
    refuse_repeated(&root, steps)?;
    let edited = match steps.split_last() {
        Some((last, above)) if before.is_some() => remove(body, &root, above, last),
        _ => Some(body.to_owned()),
    };
    let edited = edited.unwrap_or_else(|| body.to_owned());
    let edit = PathEdit::of(format!("{mark}{edited}"), before, None);
    proven(read, text, &tree, path, edit)
}

/// A key that stands twice in an object on the way: readers differ in which one counts.
fn refuse_repeated(root: &AstValue<'_>, steps: &[Segment]) -> Result<(), PathEditError> {
    let mut at = Some(root);
    for (depth, step) in steps.iter().enumerate() {
        let Some(node) = at else { return Ok(()) };
        if let (AstValue::Object(object), Segment::Key(key)) = (node, step)
            && named(object, key).count() > 1
        {
            return Err(PathEditError::Ambiguous {
                path: shown(&steps[..=depth]),
                what: "the key is there several times".to_owned(),
            });
        }
        at = below(node, step);
    }
    Ok(())
}

/// The places in an object that go by a name.
fn named<'a>(object: &'a Object<'_>, key: &'a str) -> impl Iterator<Item = usize> + 'a {
    let all = object.properties.iter().enumerate();
    let named = all.filter(move |(_, one)| one.name.as_str() == key);
    named.map(|(index, _)| index)
}

fn node_at<'a, 'b>(root: &'b AstValue<'a>, steps: &[Segment]) -> Option<&'b AstValue<'a>> {
    steps.iter().try_fold(root, |at, step| below(at, step))
}

fn below<'a, 'b>(node: &'b AstValue<'a>, step: &Segment) -> Option<&'b AstValue<'a>> {
    match (node, step) {
        (AstValue::Object(object), Segment::Key(key)) => {
            let index = named(object, key).next()?;
            Some(&object.properties.get(index)?.value)
        }
        (AstValue::Array(array), Segment::Index(index)) => array.elements.get(*index),
        (_, _) => None,
    }
}

/// Adds an entry, with the objects on the way to it.
fn insert(
    body: &str,
    root: &AstValue<'_>,
    steps: &[Segment],
    value: JsonText,
    layout: &JsonLayout<'_>,
) -> Option<String> {
    let is_there = |depth: &usize| node_at(root, &steps[..*depth]).is_some();
    let deepest = (0..steps.len()).rev().find(is_there)?;
    let node = node_at(root, &steps[..deepest])?;
    let (first, rest) = steps[deepest..].split_first()?;
    let wrap = |inner, step: &Segment| match step {
        Segment::Key(key) => Some(JsonText::Map(vec![(key.clone(), inner)])),
        Segment::Append => Some(JsonText::List(vec![inner])),
        Segment::Index(_) => None,
    };
    let value = rest.iter().rev().try_fold(value, wrap)?;
    let children = json_layout::children(node);
    match (first, node) {
        (Segment::Key(key), AstValue::Object(_)) => {
            Some(layout.added(body, node.range(), &children, Some(key), &value))
        }
        (Segment::Append, AstValue::Array(_)) => {
            Some(layout.added(body, node.range(), &children, None, &value))
        }
        // Null stands for what is not there yet.
        (step, AstValue::NullKeyword(_)) => {
            let whole = wrap(value, step)?;
            let word = layout.in_place_of(body, node.start()..node.end(), &whole);
            Some(format!(
                "{}{word}{}",
                &body[..node.start()],
                &body[node.end()..]
            ))
        }
        (_, _) => None,
    }
}

fn remove(body: &str, root: &AstValue<'_>, above: &[Segment], last: &Segment) -> Option<String> {
    let node = node_at(root, above)?;
    let index = match (node, last) {
        (AstValue::Object(object), Segment::Key(key)) => named(object, key).next()?,
        (AstValue::Array(_), Segment::Index(index)) => *index,
        (_, _) => return None,
    };
    let children = json_layout::children(node);
    (index < children.len()).then(|| json_layout::removed(body, node.range(), &children, index))
}

//! What a person means by a value at a place, and what is there before it.

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::error::YamlError;
use super::lists::{self, ListKind};
use super::new_value::NewValue;
use super::path::{Segment, show};
use super::scalar::is_plain_shape;
use super::tree::Tree;
use super::value::{plain_value, resolve};
use super::walk::{FoundValue, PathEnd};

/// A value, with the word to write for it where the person's own word is to be kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WantedValue {
    pub(super) value: Value,
    pub(super) word: Option<String>,
}

impl From<Value> for WantedValue {
    fn from(value: Value) -> Self {
        Self { value, word: None }
    }
}

/// The value that a person means at a place.
pub(super) fn wanted(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
    new: &NewValue,
) -> Result<WantedValue, YamlError> {
    let typed = match new {
        NewValue::Json(value) => WantedValue::from(value.clone()),
        NewValue::Int(number) => WantedValue::from(Value::from(*number)),
        NewValue::String(text) => WantedValue::from(Value::String(text.clone())),
        NewValue::Auto(word) => auto(tree, path, place, word),
    };
    if !is_pair(tree, path, place) {
        return Ok(typed);
    }
    let why = "an item KEY=VALUE holds one word";
    match typed.value {
        Value::Array(_) | Value::Object(_) => Err(YamlError::Value {
            path: show(path),
            why,
        }),
        Value::Null | Value::String(_) => Ok(WantedValue::from(typed.value)),
        Value::Bool(_) | Value::Number(_) => {
            Ok(WantedValue::from(Value::String(typed.value.to_string())))
        }
    }
}

/// A word from the command line: a string where Compose wants one or one stands in quotes, else
/// what YAML makes of it.
fn auto(tree: &Tree<'_>, path: &[Segment], place: &PathEnd, word: &str) -> WantedValue {
    let string = WantedValue::from(Value::String(word.to_owned()));
    let old = match (&place.found, place.source) {
        (Some(FoundValue::Node(id)), None) => tree.scalar(*id),
        _ => None,
    };
    let old = old.filter(|_| place.own.is_none_or(|own| !tree.node(own).body.is_empty()));
    let plain = old.is_none_or(|(_, style)| style == ScalarStyle::Plain);
    let flow = place
        .own
        .is_some_and(|own| tree.in_flow(own) || tree.is_flow(own));
    if !plain || !is_plain_shape(word, flow) {
        return string;
    }
    let value = plain_value(word);
    let as_typed = WantedValue {
        value: value.clone(),
        word: Some(word.to_owned()),
    };
    if lists::holds_string(path) {
        // `PORT: 80` stays a number when it becomes 81: Compose makes the same string of both.
        let was_typed = old.is_some_and(|(text, _)| !plain_value(text).is_string());
        let string_of_it = value.to_string();
        let same_string = !value.is_null() && string_of_it == word;
        return if was_typed && same_string {
            as_typed
        } else {
            string
        };
    }
    if old.is_some() || !value.is_string() {
        as_typed
    } else {
        string
    }
}

/// Whether the path names a key in a list of `KEY=VALUE`.
fn is_pair(tree: &Tree<'_>, path: &[Segment], place: &PathEnd) -> bool {
    if matches!(place.found, Some(FoundValue::Pairs { .. })) {
        return true;
    }
    place.found.is_none()
        && matches!(path.last(), Some(Segment::Key(_)))
        && place.depth + 1 == path.len()
        && place
            .own
            .is_some_and(|own| lists::is_list(tree, tree.target(own)))
        && ListKind::of(path, place.depth).has_pairs()
}

/// The value at a place, as a reader sees it.
pub(super) fn value_at(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
) -> Result<Option<Value>, YamlError> {
    match &place.found {
        None => Ok(None),
        Some(FoundValue::Node(id)) => resolve(tree, *id).map(Some),
        Some(FoundValue::Pairs { seq, at }) => {
            let last = at.last().and_then(|&last| tree.items(*seq).get(last));
            let text = last.and_then(|item| tree.scalar(tree.target(item.value)));
            let kind = ListKind::of(path, path.len().saturating_sub(1));
            let value = text.and_then(|(text, _)| lists::split_pair(text, kind).1);
            Ok(Some(value.map_or(Value::Null, Value::from)))
        }
    }
}

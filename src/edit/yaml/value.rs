//! What a YAML text means, as JSON values. Two readers that know nothing of each other: `read` is
//! serde-saphyr over the whole text; `resolve` walks our own tree. The fence holds one against the
//! other.

use granit_parser::ScalarStyle;
use serde_json::{Map, Value};
use serde_saphyr::options::NonFiniteFloatPolicy;

use super::error::{Position, YamlError};
use super::tree::{NodeId, NodeKind, Tree};

/// Values that a tree may expand to through its aliases, beyond one for each node.
const EXPANSION: usize = 1_000_000;

/// Reads a whole text with aliases and merge keys resolved. Tags are not part of the values. An
/// empty text is null.
///
/// # Errors
/// What is not YAML, templates, several documents, duplicate keys, and what exceeds the limits.
pub fn read(text: &str) -> Result<Value, YamlError> {
    Tree::parse(text)?;
    read_resolved(text)
}

/// `read` for a text that [`Tree::parse`] has accepted.
pub(super) fn read_resolved(text: &str) -> Result<Value, YamlError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|failure| {
        let location = failure.location();
        let at = location.map_or(Position { line: 1, column: 1 }, |location| Position {
            line: usize::try_from(location.line()).unwrap_or(1),
            column: usize::try_from(location.column()).unwrap_or(1),
        });
        YamlError::Unreadable {
            at,
            message: failure.to_string(),
        }
    })
}

/// The readings of Compose's own parser: strict booleans, `0777` octal, `1_000` a number. The
/// ratio of aliases to anchors is no sign of harm in Compose files, where one anchor serves twenty
/// services.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        emit_comments: false,
        budget: serde_saphyr::budget! {
            enforce_alias_anchor_ratio: false,
            max_events: 4_000_000,
            max_nodes: 2_000_000,
        },
    }
}

/// What a plain scalar without a tag means.
pub(super) fn plain_value(word: &str) -> Value {
    let string = || Value::String(word.to_owned());
    let may_be_typed = word == "~"
        || word.is_empty()
        || word.starts_with(['t', 'T', 'f', 'F', 'n', 'N', '.', '+', '-'])
        || word.starts_with(|c: char| c.is_ascii_digit());
    let of_a_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
    if !may_be_typed || !(word == "~" || word.chars().all(of_a_number)) {
        return string();
    }
    if !word.is_empty() && word != "~" && !word.contains(|c: char| c.is_ascii_alphanumeric()) {
        return string();
    }
    read_resolved(word).unwrap_or_else(|_| string())
}

/// The value of a node, with aliases and merge keys resolved.
pub(super) fn resolve(tree: &Tree<'_>, id: NodeId) -> Result<Value, YamlError> {
    let mut budget = EXPANSION.saturating_add(tree.ids().len());
    resolve_within(tree, id, &mut budget)
}

fn resolve_within(tree: &Tree<'_>, id: NodeId, budget: &mut usize) -> Result<Value, YamlError> {
    *budget = budget.checked_sub(1).ok_or_else(|| YamlError::Limit {
        what: "its aliases expand to more than a million values".into(),
    })?;
    match &tree.node(id).kind {
        NodeKind::Alias(target) => resolve_within(tree, *target, budget),
        NodeKind::Scalar { text, style } => {
            Ok(scalar_value(text, *style, tree.node(id).tag.as_deref()))
        }
        NodeKind::Seq { items, .. } => items
            .iter()
            .map(|item| resolve_within(tree, item.value, budget))
            .collect(),
        NodeKind::Map { entries, .. } => {
            let mut map = Map::new();
            for entry in entries.iter().filter(|entry| !tree.is_merge(entry)) {
                map.insert(
                    entry.name.clone(),
                    resolve_within(tree, entry.value, budget)?,
                );
            }
            for entry in entries.iter().filter(|entry| tree.is_merge(entry)) {
                for source in merge_sources(tree, entry.value) {
                    if let Value::Object(inherited) = resolve_within(tree, source, budget)? {
                        for (key, value) in inherited {
                            map.entry(key).or_insert(value);
                        }
                    }
                }
            }
            Ok(Value::Object(map))
        }
    }
}

/// The mappings that a merge key brings in, strongest first.
pub(super) fn merge_sources(tree: &Tree<'_>, value: NodeId) -> Vec<NodeId> {
    let target = tree.target(value);
    match &tree.node(target).kind {
        NodeKind::Seq { items, .. } => items.iter().map(|item| tree.target(item.value)).collect(),
        NodeKind::Scalar { .. } | NodeKind::Map { .. } | NodeKind::Alias(_) => vec![target],
    }
}

fn scalar_value(text: &str, style: ScalarStyle, tag: Option<&str>) -> Value {
    let plain = style == ScalarStyle::Plain;
    match tag {
        Some("!!str" | "!" | "!!binary") => Value::String(text.to_owned()),
        Some("!!null") => Value::Null,
        Some("!!float") => {
            let value = plain_value(text);
            match value.as_number() {
                Some(number) => number.as_f64().map_or(Value::Null, Value::from),
                None => value,
            }
        }
        Some("!!int" | "!!bool") => plain_value(text),
        _ if plain => plain_value(text),
        _ => Value::String(text.to_owned()),
    }
}

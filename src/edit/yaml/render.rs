//! A JSON value as YAML text, in blocks or on one line.

use std::collections::HashMap;

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::scalar::{self, Setting};
use super::tree::Tree;

/// How the file around is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Columns by which a mapping in a mapping is indented.
    pub(super) step: usize,
    /// Columns by which a list in a mapping is indented.
    pub(super) list: usize,
    /// The line break.
    pub(super) line_break: &'static str,
}

impl Shape {
    /// A line break and the indentation of the next line.
    pub(super) fn new_line(self, column: usize) -> String {
        format!("{}{}", self.line_break, " ".repeat(column))
    }

    /// The layout that most of a file has.
    pub(super) fn of(tree: &Tree<'_>) -> Self {
        let (mut steps, mut lists) = (HashMap::new(), HashMap::new());
        for id in tree.ids().filter(|&id| !tree.is_flow(id)) {
            for value in tree.entries(id).iter().map(|entry| entry.value) {
                if tree.is_flow(value) {
                    continue;
                }
                let by = tree.column(value).saturating_sub(tree.column(id));
                if !tree.entries(value).is_empty() && by > 0 {
                    *steps.entry(by).or_insert(0) += 1;
                } else if !tree.items(value).is_empty() {
                    *lists.entry(by).or_insert(0) += 1;
                }
            }
        }
        let most = |counts: HashMap<usize, usize>| {
            counts
                .into_iter()
                .max_by_key(|&(by, count)| (count, by))
                .map(|(by, _)| by)
        };
        let step = most(steps).unwrap_or(2);
        Self {
            step,
            list: most(lists).unwrap_or(step),
            line_break: tree.layout.line_break(0),
        }
    }
}

const NEW: Setting = Setting {
    flow: false,
    like: None,
    replaces: false,
};

/// A value on one line, as in `[a, {b: c}]`. `like` is the notation for its strings.
pub(super) fn flow(value: &Value, like: Option<ScalarStyle>) -> String {
    let setting = Setting {
        flow: true,
        like,
        replaces: false,
    };
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| flow(item, like)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let key = |key: &String| scalar::render(&Value::String(key.clone()), setting);
            let entry = |(name, value)| format!("{}: {}", key(name), flow(value, like));
            format!(
                "{{{}}}",
                map.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            scalar::render(value, setting)
        }
    }
}

/// Whether a value takes lines of its own.
pub(super) fn is_block(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// `key: value` with everything below it, for a mapping in column `column`; without a break at
/// the end. `like` is the notation of its neighbours.
pub(super) fn entry(
    key: &str,
    value: &Value,
    column: usize,
    shape: Shape,
    like: Option<ScalarStyle>,
) -> String {
    let key = scalar::render(&Value::String(key.to_owned()), NEW);
    let value = if value.is_null() {
        String::new()
    } else if is_block(value) {
        below(value, column, shape)
    } else {
        format!(" {}", words(value, column + shape.step, shape, like))
    };
    format!("{key}:{value}")
}

/// The lines of a collection below a key in column `column`.
fn below(value: &Value, column: usize, shape: Shape) -> String {
    let inner = column
        + if value.is_array() {
            shape.list
        } else {
            shape.step
        };
    format!("{}{}", shape.new_line(inner), lines(value, inner, shape))
}

/// `- value` with everything below it, for a list whose dashes stand in column `column`.
pub(super) fn item(
    value: &Value,
    column: usize,
    shape: Shape,
    like: Option<ScalarStyle>,
) -> String {
    if is_block(value) {
        return format!("- {}", lines(value, column + 2, shape));
    }
    format!("- {}", words(value, column + 2, shape, like))
}

/// The lines of a collection, the first one without its indentation.
pub(super) fn lines(value: &Value, column: usize, shape: Shape) -> String {
    let lines: Vec<_> = match value {
        Value::Array(items) => items
            .iter()
            .map(|value| item(value, column, shape, None))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| entry(key, value, column, shape, None))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![words(value, column, shape, None)]
        }
    };
    lines.join(&shape.new_line(column))
}

/// A single value: a literal block for a text of several lines, else one line.
fn words(value: &Value, indent: usize, shape: Shape, like: Option<ScalarStyle>) -> String {
    match value {
        Value::String(text) => literal(text, indent, shape)
            .unwrap_or_else(|| scalar::render(value, Setting { like, ..NEW })),
        Value::Array(_) | Value::Object(_) => flow(value, None),
        Value::Null | Value::Bool(_) | Value::Number(_) => scalar::render(value, NEW),
    }
}

/// A text of several lines as a literal block, where it can be one.
pub(super) fn literal(text: &str, indent: usize, shape: Shape) -> Option<String> {
    // More than one break at the end would take in the blank lines that follow.
    let several = text.contains('\n') && !text.ends_with("\n\n");
    several.then(|| scalar::block(text, ScalarStyle::Literal, "", indent, shape.line_break))?
}

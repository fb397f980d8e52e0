//! One change at a node: it is replaced, or what a path misses is added below it.

use serde_json::{Map, Value};

use super::error::YamlError;
use super::fence::{Draft, TreeChange};
use super::lists::{self, ListKind};
use super::path::{Segment, show};
use super::render;
use super::splice;
use super::tree::{NodeId, NodeKind, Tree};
use super::walk;
use super::wanted::WantedValue;

/// The value with the missing parents around it.
pub(super) fn nested(rest: &[Segment], wanted: &WantedValue) -> Result<WantedValue, YamlError> {
    let Some((_, inner)) = rest.split_first() else {
        return Ok(wanted.clone());
    };
    if inner.is_empty() {
        return Ok(wanted.clone());
    }
    let mut value = wanted.value.clone();
    for segment in inner.iter().rev() {
        value = match segment {
            Segment::Key(key) => Value::Object(Map::from_iter([(key.clone(), value)])),
            Segment::Append | Segment::Index(0) => Value::Array(vec![value]),
            Segment::Index(_) => {
                let why = "there is no list yet, so it begins with [+]";
                return Err(YamlError::Value {
                    path: show(rest),
                    why,
                });
            }
        };
    }
    Ok(WantedValue::from(value))
}

/// Adds what is missing below `own`, the deepest node of the path that exists. `wanted` stands for
/// the step after it.
pub(super) fn add(
    tree: &Tree<'_>,
    path: &[Segment],
    depth: usize,
    own: NodeId,
    wanted: &WantedValue,
) -> Result<Vec<Draft>, YamlError> {
    let (to, step) = (&path[..depth], &path[depth]);
    match (&tree.node(own).kind, step) {
        (NodeKind::Map { entries, .. }, Segment::Key(key)) => {
            let change = TreeChange::Insert {
                map: own,
                key: key.clone(),
                value: wanted.value.clone(),
            };
            let one_line = entries.is_empty() && !tree.in_flow(own);
            let splices = if one_line {
                let whole = Value::Object(Map::from_iter([(key.clone(), wanted.value.clone())]));
                return Ok(replace(tree, own, &WantedValue::from(whole)));
            } else {
                splice::insert(tree, own, key, wanted)
            };
            Ok(vec![Draft { splices, change }])
        }
        (NodeKind::Seq { items, .. }, step) => {
            let item = new_item(tree, path, depth, own, step, wanted)?;
            if items.is_empty() && !tree.in_flow(own) {
                return Ok(replace(
                    tree,
                    own,
                    &WantedValue::from(Value::Array(vec![item.value])),
                ));
            }
            let change = TreeChange::Append {
                seq: own,
                value: item.value.clone(),
            };
            Ok(vec![Draft {
                splices: splice::append(tree, own, &item),
                change,
            }])
        }
        (NodeKind::Scalar { text, .. }, step) => {
            let value = if walk::is_null(tree, own) {
                nested(&[step.clone(), step.clone()], wanted)?.value
            } else if *step == Segment::Append && lists::is_string_or_list(to) {
                Value::Array(vec![Value::String(text.clone()), wanted.value.clone()])
            } else {
                return Err(walk::wrong_kind(tree, to, own, step));
            };
            check_tag(tree, path, own, &WantedValue::from(value.clone()))?;
            Ok(replace(tree, own, &WantedValue::from(value)))
        }
        (_, step) => Err(walk::wrong_kind(tree, to, own, step)),
    }
}

fn new_item(
    tree: &Tree<'_>,
    path: &[Segment],
    depth: usize,
    seq: NodeId,
    step: &Segment,
    wanted: &WantedValue,
) -> Result<WantedValue, YamlError> {
    let len = tree.items(seq).len();
    match step {
        Segment::Append => Ok(wanted.clone()),
        Segment::Index(index) if *index == len => Ok(wanted.clone()),
        Segment::Index(index) => Err(YamlError::NoSuchItem {
            path: show(&path[..depth]),
            index: *index,
            len,
            line: tree.line(seq),
        }),
        Segment::Key(_) if ListKind::of(path, depth).has_pairs() => {
            Ok(WantedValue::from(pair(path, &wanted.value, None)))
        }
        Segment::Key(name) => {
            check_item(&path[..=depth], name, &wanted.value)?;
            Ok(wanted.clone())
        }
    }
}

pub(super) fn replace(tree: &Tree<'_>, id: NodeId, wanted: &WantedValue) -> Vec<Draft> {
    let ways = splice::replace(tree, id, wanted).into_iter();
    ways.map(|splices| Draft {
        splices,
        change: TreeChange::Replace {
            node: id,
            value: wanted.value.clone(),
        },
    })
    .collect()
}

/// `KEY=VALUE`, or `KEY` for null.
pub(super) fn pair(path: &[Segment], value: &Value, old: Option<&str>) -> Value {
    let kind = ListKind::of(path, path.len().saturating_sub(1));
    let key = match path.last() {
        Some(Segment::Key(key)) => key.as_str(),
        _ => "",
    };
    Value::String(lists::join_pair(key, value.as_str(), kind, old))
}

/// An item that a path names by what it holds must go on to hold that.
pub(super) fn check_item(path: &[Segment], name: &str, value: &Value) -> Result<(), YamlError> {
    if lists::item_has_name(value, ListKind::of(path, path.len() - 1), name) {
        return Ok(());
    }
    Err(YamlError::ItemMismatch {
        name: name.to_owned(),
        value: render::flow(value, None),
    })
}

/// A core tag says which type a value has.
pub(super) fn check_tag(
    tree: &Tree<'_>,
    path: &[Segment],
    id: NodeId,
    wanted: &WantedValue,
) -> Result<(), YamlError> {
    let Some(tag) = &tree.node(id).tag else {
        return Ok(());
    };
    let fits = match tag.as_str() {
        "!!str" | "!" => wanted.value.is_string(),
        other => !other.starts_with("!!"),
    };
    if fits {
        return Ok(());
    }
    Err(YamlError::Tagged {
        path: show(path),
        tag: tag.clone(),
        line: tree.line(id),
    })
}

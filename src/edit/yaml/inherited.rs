//! Overriding a value that comes through an alias or a merge key.

use serde_json::{Map, Value};

use super::change::{add, nested};
use super::error::YamlError;
use super::fence::{Draft, TreeChange};
use super::lists;
use super::path::{Segment, show};
use super::render::{self, Shape};
use super::splice::splice;
use super::tree::{NodeId, NodeKind, Tree};
use super::walk::{self, PathEnd};
use super::wanted::WantedValue;

/// A value that an alias or a merge key brings in is overridden at the path itself, where YAML
/// allows that without a copy of everything around it.
pub(super) fn through(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
    own: NodeId,
    wanted: &WantedValue,
) -> Result<Vec<Draft>, YamlError> {
    let rest = &path[place.depth..];
    let source = place.source.unwrap_or(own);
    let refused = || {
        let (anchor, line) = walk::anchor_of(tree, source);
        YamlError::Inherited {
            path: show(path),
            anchor,
            line,
        }
    };
    let Some(Segment::Key(key)) = rest.first() else {
        return Err(refused());
    };
    let target = tree.target(own);
    let here = tree.entries(target).iter().any(|entry| entry.name == *key);
    let covered = here || walk::inherited(tree, target, key).is_some();
    if !matches!(tree.node(target).kind, NodeKind::Map { .. }) || (covered && rest.len() > 1) {
        return Err(refused());
    }
    let wanted = nested(rest, wanted)?;
    if target == own {
        return add(tree, path, place.depth, own, &wanted);
    }
    Ok(vec![override_alias(tree, own, key, &wanted.value)])
}

/// `key: *anchor` becomes a mapping that merges the anchor and holds one more entry.
fn override_alias(tree: &Tree<'_>, alias: NodeId, key: &str, value: &Value) -> Draft {
    let node = tree.node(alias);
    let layout = &tree.layout;
    let name = layout.slice(node.body.clone());
    let change = TreeChange::Wrap {
        alias,
        key: key.to_owned(),
        value: value.clone(),
    };
    let shape = Shape {
        line_break: layout.line_break(node.lead),
        ..Shape::of(tree)
    };
    let parent = node.parent.unwrap_or(alias);
    let in_list = lists::is_list(tree, parent);
    let column = tree.column(parent) + if in_list { 2 } else { shape.step };
    if tree.in_flow(alias) || node.parent.is_none() {
        let entry = Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
        let entry = render::flow(&entry, None);
        let text = format!("{{<<: {name} , {}", entry.trim_start_matches('{'));
        return Draft {
            splices: vec![splice(node.body.clone(), text)],
            change,
        };
    }
    let entry = render::entry(key, value, column, shape, None);
    let lines = format!("<<: {name}{}{entry}", shape.new_line(column));
    if in_list {
        return Draft {
            splices: vec![splice(node.body.clone(), lines)],
            change,
        };
    }
    let end = layout.line_end(node.body.end);
    let below = format!("{}{lines}", shape.new_line(column));
    Draft {
        splices: vec![
            splice(node.lead..node.body.end, ""),
            splice(end..end, below),
        ],
        change,
    }
}

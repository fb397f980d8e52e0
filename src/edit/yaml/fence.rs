//! The fence around every edit: the text after it must mean the text before it with just that one
//! change. Checked twice, by readers that know nothing of each other: node by node with tags and
//! anchors in our tree, and as values by serde-saphyr. No text leaves this room without it.

use serde_json::Value;

use super::error::YamlError;
use super::path::{Segment, show};
use super::splice::{self, Splice};
use super::tree::{NodeId, NodeKind, Tree};
use super::value::{merge_sources, read_resolved, resolve};
use super::walk;

/// An edit that is yet to be proven.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) splices: Vec<Splice>,
    pub(super) change: TreeChange,
}

/// What an edit does to the tree. Nodes are those of the tree before it.
#[derive(Debug, Clone)]
pub(super) enum TreeChange {
    /// The content of a node, its properties staying.
    Replace { node: NodeId, value: Value },
    /// A new entry at the end of a mapping.
    Insert {
        map: NodeId,
        key: String,
        value: Value,
    },
    /// A new item at the end of a list.
    Append { seq: NodeId, value: Value },
    /// Entries or items less.
    Remove { parent: NodeId, at: Vec<usize> },
    /// An alias becomes a mapping that merges it and has one more entry.
    Wrap {
        alias: NodeId,
        key: String,
        value: Value,
    },
    /// An empty document becomes a mapping.
    Root { value: Value },
}

/// Applies a draft and proves it.
pub(super) fn prove(
    tree: &Tree<'_>,
    path: &[Segment],
    before: &Value,
    draft: &Draft,
) -> Result<String, YamlError> {
    let refused = |what: String| YamlError::Fence {
        path: show(path),
        what,
    };
    let text = splice::apply(tree.layout.text, &draft.splices);
    let after = Tree::parse(&text).map_err(|failure| refused(failure.to_string()))?;
    compare_roots(tree, &after, &draft.change).map_err(refused)?;
    let read = read_resolved(&text).map_err(|failure| refused(failure.to_string()))?;
    let expected = match json_path(tree, &draft.change) {
        Some(at) if !reaches_elsewhere(tree, &draft.change) => {
            expected(before, &at, &after, path, &draft.change)
        }
        _ => match after.root {
            Some(root) => resolve(&after, root)?,
            None => Value::Null,
        },
    };
    if expected == read {
        Ok(text)
    } else {
        Err(refused(format!(
            "{} is read otherwise",
            first_difference(&expected, &read)
        )))
    }
}

/// The node that a change is about.
pub(super) fn changed_node(change: &TreeChange) -> Option<NodeId> {
    match change {
        TreeChange::Replace { node, .. } => Some(*node),
        TreeChange::Insert { map, .. } => Some(*map),
        TreeChange::Append { seq, .. } => Some(*seq),
        TreeChange::Remove { parent, .. } => Some(*parent),
        TreeChange::Wrap { alias, .. } => Some(*alias),
        TreeChange::Root { .. } => None,
    }
}

/// The aliases through which a change is seen at other places too.
pub(super) fn seen_through(tree: &Tree<'_>, change: &TreeChange) -> Vec<NodeId> {
    let Some(node) = changed_node(change) else {
        return Vec::new();
    };
    let anchored: Vec<_> = std::iter::once(node).chain(tree.ancestors(node)).collect();
    tree.aliases
        .iter()
        .copied()
        .filter(|&alias| anchored.contains(&tree.target(alias)))
        .collect()
}

fn reaches_elsewhere(tree: &Tree<'_>, change: &TreeChange) -> bool {
    !seen_through(tree, change).is_empty()
}

fn compare_roots(before: &Tree<'_>, after: &Tree<'_>, change: &TreeChange) -> Result<(), String> {
    match (before.root, after.root, change) {
        (_, Some(root), TreeChange::Root { value }) => is_value(after, root, value),
        (Some(old), Some(new), change) => compare(before, old, after, new, change),
        _ => Err("the document".into()),
    }
}

/// Whether two nodes are the same but for the change.
fn compare(
    before: &Tree<'_>,
    old: NodeId,
    after: &Tree<'_>,
    new: NodeId,
    change: &TreeChange,
) -> Result<(), String> {
    let (a, b) = (before.node(old), after.node(new));
    let here = || format!("line {}", after.line(new));
    if a.tag != b.tag || a.anchor != b.anchor {
        return Err(here());
    }
    if let TreeChange::Replace { node, value } = change
        && *node == old
    {
        return is_value(after, new, value);
    }
    if let TreeChange::Wrap { alias, key, value } = change
        && *alias == old
    {
        return is_wrapped(before, old, after, new, key, value);
    }
    match (&a.kind, &b.kind) {
        (NodeKind::Scalar { text: a, style: c }, NodeKind::Scalar { text: b, style: d }) => {
            if a == b && c == d {
                Ok(())
            } else {
                Err(here())
            }
        }
        (NodeKind::Alias(_), NodeKind::Alias(_)) => {
            if alias_name(before, old) == alias_name(after, new) {
                Ok(())
            } else {
                Err(here())
            }
        }
        (NodeKind::Map { .. }, NodeKind::Map { .. }) => {
            compare_maps(before, old, after, new, change)
        }
        (NodeKind::Seq { .. }, NodeKind::Seq { .. }) => {
            compare_lists(before, old, after, new, change)
        }
        _ => Err(here()),
    }
}

fn alias_name<'t>(tree: &'t Tree<'_>, alias: NodeId) -> &'t str {
    tree.layout.slice(tree.node(alias).body.clone())
}

fn is_value(tree: &Tree<'_>, id: NodeId, value: &Value) -> Result<(), String> {
    let same = resolve(tree, id).is_ok_and(|read| read == *value);
    if same {
        Ok(())
    } else {
        Err(format!("line {} is not the new value", tree.line(id)))
    }
}

fn compare_maps(
    before: &Tree<'_>,
    old: NodeId,
    after: &Tree<'_>,
    new: NodeId,
    change: &TreeChange,
) -> Result<(), String> {
    let gone = removed(change, old);
    let kept = before
        .entries(old)
        .iter()
        .enumerate()
        .filter(|(at, _)| !gone.contains(at));
    let mut entries = after.entries(new).iter();
    for (_, a) in kept {
        let Some(b) = entries.next() else {
            return Err(format!("{:?} is lost", a.name));
        };
        if a.name != b.name {
            return Err(format!("{:?} in line {}", b.name, after.line(b.key)));
        }
        compare(before, a.key, after, b.key, change)?;
        compare(before, a.value, after, b.value, change)?;
    }
    match (change, entries.next(), entries.next()) {
        (TreeChange::Insert { map, key, value }, Some(entry), None)
            if *map == old && entry.name == *key =>
        {
            is_value(after, entry.value, value)
        }
        (TreeChange::Insert { map, key, .. }, None, None) if *map == old => {
            Err(format!("{key:?} is missing"))
        }
        (_, None, _) => Ok(()),
        (_, Some(entry), _) => Err(format!("{:?} is new", entry.name)),
    }
}

fn compare_lists(
    before: &Tree<'_>,
    old: NodeId,
    after: &Tree<'_>,
    new: NodeId,
    change: &TreeChange,
) -> Result<(), String> {
    let gone = removed(change, old);
    let kept = before
        .items(old)
        .iter()
        .enumerate()
        .filter(|(at, _)| !gone.contains(at));
    let mut items = after.items(new).iter();
    for (at, a) in kept {
        let Some(b) = items.next() else {
            return Err(format!("item {at} is lost"));
        };
        compare(before, a.value, after, b.value, change)?;
    }
    match (change, items.next(), items.next()) {
        (TreeChange::Append { seq, value }, Some(item), None) if *seq == old => {
            is_value(after, item.value, value)
        }
        (TreeChange::Append { seq, .. }, ..) if *seq == old => {
            Err("the new item is missing".into())
        }
        (_, None, _) => Ok(()),
        (_, Some(item), _) => Err(format!("an item is new in line {}", after.line(item.value))),
    }
}

fn removed(change: &TreeChange, parent: NodeId) -> &[usize] {
    match change {
        TreeChange::Remove { parent: of, at } if *of == parent => at,
        TreeChange::Replace { .. }
        | TreeChange::Insert { .. }
        | TreeChange::Append { .. }
        | TreeChange::Remove { .. }
        | TreeChange::Wrap { .. }
        | TreeChange::Root { .. } => &[],
    }
}

fn is_wrapped(
    before: &Tree<'_>,
    alias: NodeId,
    after: &Tree<'_>,
    new: NodeId,
    key: &str,
    value: &Value,
) -> Result<(), String> {
    let wrong = || Err(format!("line {} is not the override", after.line(new)));
    let [merge, entry] = after.entries(new) else {
        return wrong();
    };
    let name = alias_name(before, alias);
    let source = merge_sources(after, merge.value).len() == 1;
    if after.is_merge(merge)
        && source
        && alias_name(after, merge.value) == name
        && entry.name == key
    {
        return is_value(after, entry.value, value);
    }
    wrong()
}

/// The steps to the changed node in the resolved tree; `None` where a merge key lies on the way.
fn json_path(tree: &Tree<'_>, change: &TreeChange) -> Option<Vec<Segment>> {
    let mut steps = Vec::new();
    let mut node = changed_node(change);
    while let Some(id) = node {
        let parent = tree.node(id).parent;
        if let Some(parent) = parent {
            let entry = tree.entries(parent).iter().find(|entry| entry.value == id);
            let item = tree.items(parent).iter().position(|item| item.value == id);
            steps.push(match (entry, item) {
                (Some(entry), _) if !tree.is_merge(entry) => Segment::Key(entry.name.clone()),
                (None, Some(at)) => Segment::Index(at),
                _ => return None,
            });
        }
        node = parent;
    }
    steps.reverse();
    Some(steps)
}

/// The resolved tree before the edit with the change made in it.
fn expected(
    before: &Value,
    at: &[Segment],
    after: &Tree<'_>,
    path: &[Segment],
    change: &TreeChange,
) -> Value {
    let mut tree = before.clone();
    let node = at.iter().try_fold(&mut tree, |node, step| match step {
        Segment::Key(key) => node.get_mut(key.as_str()),
        Segment::Index(index) => node.get_mut(*index),
        Segment::Append => None,
    });
    let Some(node) = node else { return tree };
    match (change, node) {
        (TreeChange::Replace { value, .. } | TreeChange::Root { value }, node) => {
            *node = value.clone()
        }
        (
            TreeChange::Insert { key, value, .. } | TreeChange::Wrap { key, value, .. },
            Value::Object(map),
        ) => {
            map.insert(key.clone(), value.clone());
        }
        (TreeChange::Append { value, .. }, Value::Array(items)) => items.push(value.clone()),
        (TreeChange::Remove { at, .. }, Value::Array(items)) => {
            let mut index = 0;
            items.retain(|_| {
                index += 1;
                !at.contains(&(index - 1))
            });
        }
        (TreeChange::Remove { .. }, Value::Object(map)) => {
            if let Some(Segment::Key(key)) = path.last() {
                map.remove(key);
                // What the removed entry covered comes to light again.
                if let Ok(place) = walk::walk(after, path)
                    && let Some(walk::FoundValue::Node(id)) = place.found
                    && let Ok(value) = resolve(after, id)
                {
                    map.insert(key.clone(), value);
                }
            }
        }
        _ => {}
    }
    tree
}

fn first_difference(a: &Value, b: &Value) -> String {
    fn find(a: &Value, b: &Value, at: &mut Vec<Segment>) {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                let keys = a.keys().chain(b.keys());
                if let Some(key) = keys.into_iter().find(|key| a.get(*key) != b.get(*key)) {
                    at.push(Segment::Key(key.clone()));
                    if let (Some(a), Some(b)) = (a.get(key), b.get(key)) {
                        find(a, b, at);
                    }
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                if let Some(index) = (0..a.len().max(b.len())).find(|&at| a.get(at) != b.get(at)) {
                    at.push(Segment::Index(index));
                    if let (Some(a), Some(b)) = (a.get(index), b.get(index)) {
                        find(a, b, at);
                    }
                }
            }
            _ => {}
        }
    }
    let mut at = Vec::new();
    find(a, b, &mut at);
    show(&at)
}

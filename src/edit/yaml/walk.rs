//! From a path to the place in a tree: through lists that name their items, aliases and merge keys.

use super::error::YamlError;
use super::lists::{self, ListKind};
use super::path::{Segment, show};
use super::tree::{NodeId, NodeKind, Tree};
use super::value::merge_sources;

/// What a path leads to.
#[derive(Debug)]
pub(super) struct PathEnd {
    /// The value, wherever it is written.
    pub(super) found: Option<FoundValue>,
    /// The deepest node on the way that is written at the path itself.
    pub(super) own: Option<NodeId>,
    /// How many steps lead to `own`.
    pub(super) depth: usize,
    /// Where the way leaves the path's own text: the node that an alias or a merge key brings in.
    pub(super) source: Option<NodeId>,
}

/// A value that exists.
#[derive(Debug)]
pub(super) enum FoundValue {
    Node(NodeId),
    /// `- KEY=VALUE` or `- KEY` in a list; several when the key is repeated.
    Pairs {
        seq: NodeId,
        at: Vec<usize>,
    },
}

/// Follows a path from the root.
///
/// # Errors
/// When a step needs a mapping or a list and something else is there.
pub(super) fn walk(tree: &Tree<'_>, path: &[Segment]) -> Result<PathEnd, YamlError> {
    let mut place = PathEnd {
        found: None,
        own: tree.root,
        depth: 0,
        source: None,
    };
    let Some(mut current) = tree.root else {
        return Ok(place);
    };
    for (depth, segment) in path.iter().enumerate() {
        let target = tree.target(current);
        if target != current && place.source.is_none() {
            place.source = Some(target);
        }
        let next = match (&tree.node(target).kind, segment) {
            (NodeKind::Map { .. }, Segment::Key(key)) => {
                step_into_map(tree, target, key, &mut place)
            }
            (NodeKind::Seq { items, .. }, Segment::Index(index)) => {
                items.get(*index).map(|item| item.value)
            }
            (NodeKind::Seq { items, .. }, Segment::Key(key)) => {
                let kind = ListKind::of(path, depth);
                if kind.has_pairs() {
                    return pairs(tree, path, depth, target, key, place);
                }
                let named = lists::find_named(tree, target, kind, key);
                if named.is_none() {
                    not_an_index(path, depth, key, items.len())?;
                }
                named
            }
            (NodeKind::Seq { .. }, Segment::Append) => None,
            _ if is_null(tree, target) => None,
            (kind, _) => {
                // Appending to a single value may make a list of it; that is for `set` to say.
                if *segment == Segment::Append && matches!(kind, NodeKind::Scalar { .. }) {
                    return Ok(place);
                }
                return Err(wrong_kind(tree, &path[..depth], target, segment));
            }
        };
        let Some(next) = next else { return Ok(place) };
        current = next;
        if place.source.is_none() {
            (place.own, place.depth) = (Some(next), depth + 1);
        }
    }
    place.found = Some(FoundValue::Node(current));
    Ok(place)
}

fn step_into_map(tree: &Tree<'_>, map: NodeId, key: &str, place: &mut PathEnd) -> Option<NodeId> {
    let entries = tree.entries(map);
    if let Some(entry) = entries.iter().find(|entry| entry.name == key) {
        return Some(entry.value);
    }
    let inherited = inherited(tree, map, key)?;
    place.source.get_or_insert(inherited);
    Some(inherited)
}

/// The value that a mapping has for a key through its merge keys alone.
pub(super) fn inherited(tree: &Tree<'_>, map: NodeId, key: &str) -> Option<NodeId> {
    tree.entries(map)
        .iter()
        .filter(|entry| tree.is_merge(entry))
        .find_map(|merge| {
            merge_sources(tree, merge.value)
                .into_iter()
                .find_map(|source| {
                    let own = tree.entries(source).iter().find(|entry| entry.name == key);
                    own.map(|entry| entry.value)
                        .or_else(|| inherited(tree, source, key))
                })
        })
}

/// `ports.0` names no item; `ports[0]` is the first one.
fn not_an_index(path: &[Segment], depth: usize, key: &str, len: usize) -> Result<(), YamlError> {
    match key.parse() {
        Ok(index) if index <= len => {
            let mut meant = path.to_vec();
            meant[depth] = Segment::Index(index);
            Err(YamlError::NameForIndex {
                path: show(&path[..depth]),
                name: key.to_owned(),
                meant: show(&meant),
            })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn pairs(
    tree: &Tree<'_>,
    path: &[Segment],
    depth: usize,
    seq: NodeId,
    key: &str,
    mut place: PathEnd,
) -> Result<PathEnd, YamlError> {
    let at = lists::find_pairs(tree, seq, ListKind::of(path, depth), key);
    if depth + 1 < path.len() {
        return Err(wrong_kind(tree, &path[..=depth], seq, &path[depth + 1]));
    }
    if !at.is_empty() {
        place.found = Some(FoundValue::Pairs { seq, at });
    }
    Ok(place)
}

pub(super) fn is_null(tree: &Tree<'_>, id: NodeId) -> bool {
    super::value::resolve(tree, id).is_ok_and(|value| value.is_null())
}

/// The nearest anchor at or around a node, for messages.
pub(super) fn anchor_of(tree: &Tree<'_>, id: NodeId) -> (String, usize) {
    std::iter::once(id)
        .chain(tree.ancestors(id))
        .find_map(|node| Some((tree.node(node).anchor.clone()?, tree.line(node))))
        .unwrap_or_else(|| ("<<".into(), tree.line(id)))
}

pub(super) fn wrong_kind(
    tree: &Tree<'_>,
    to: &[Segment],
    node: NodeId,
    step: &Segment,
) -> YamlError {
    let found = match tree.node(node).kind {
        NodeKind::Map { .. } => "a mapping",
        NodeKind::Seq { .. } => "a list",
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => "a single value",
    };
    let wanted = match step {
        Segment::Key(_) => "a mapping",
        Segment::Index(_) | Segment::Append => "a list",
    };
    YamlError::WrongKind {
        path: show(to),
        found,
        wanted,
        line: tree.line(node),
    }
}

//! A YAML text as a tree of nodes that know their bytes. `build` makes it; nothing changes it.

use std::ops::Range;

use granit_parser::ScalarStyle;

use super::layout::Layout;

pub(super) type NodeId = usize;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// As written, `!reset`.
    pub(super) tag: Option<String>,
    /// Without the `&`.
    pub(super) anchor: Option<String>,
    /// The first byte, properties included.
    pub(super) start: usize,
    /// The byte after its indicator (`:`, `-`), or after its properties where it has any.
    pub(super) lead: usize,
    /// The content without properties. For an empty scalar: the empty range after its indicator or
    /// its properties. For a block scalar: from `|` to the end of the last line, without the break.
    pub(super) body: Range<usize>,
    pub(super) parent: Option<NodeId>,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Scalar { text: String, style: ScalarStyle },
    Map { flow: bool, entries: Vec<MapEntry> },
    Seq { flow: bool, items: Vec<SeqItem> },
    Alias(NodeId),
}

#[derive(Debug)]
pub(super) struct MapEntry {
    /// The first byte of the entry, `?` included.
    pub(super) start: usize,
    pub(super) key: NodeId,
    /// The key's text.
    pub(super) name: String,
    pub(super) value: NodeId,
}

#[derive(Debug)]
pub(super) struct SeqItem {
    /// The dash; in a flow sequence the first byte of the value.
    pub(super) start: usize,
    pub(super) value: NodeId,
}

#[derive(Debug)]
pub(super) struct Tree<'a> {
    pub(super) layout: Layout<'a>,
    pub(super) nodes: Vec<Node>,
    pub(super) root: Option<NodeId>,
    /// The start of `...`, where there is one.
    pub(super) end_marker: Option<usize>,
    /// Alias nodes in the order of the file.
    pub(super) aliases: Vec<NodeId>,
}

impl<'a> Tree<'a> {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// Follows aliases to the node they stand for.
    pub(super) fn target(&self, id: NodeId) -> NodeId {
        match self.nodes[id].kind {
            NodeKind::Alias(target) => target,
            NodeKind::Scalar { .. } | NodeKind::Map { .. } | NodeKind::Seq { .. } => id,
        }
    }

    pub(super) fn line(&self, id: NodeId) -> usize {
        self.layout.position(self.nodes[id].start).line
    }

    /// Whether the node stands inside a flow collection.
    pub(super) fn in_flow(&self, id: NodeId) -> bool {
        self.ancestors(id).any(|ancestor| self.is_flow(ancestor))
    }

    pub(super) fn is_flow(&self, id: NodeId) -> bool {
        matches!(
            self.nodes[id].kind,
            NodeKind::Map { flow: true, .. } | NodeKind::Seq { flow: true, .. }
        )
    }

    /// The parents of a node, nearest first.
    pub(super) fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.nodes[id].parent, |&parent| self.nodes[parent].parent)
    }

    /// The aliases that stand for a node or for something in it.
    pub(super) fn uses_inside(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.aliases.iter().copied().filter(move |&alias| {
            let target = self.target(alias);
            target == id || self.ancestors(target).any(|ancestor| ancestor == id)
        })
    }

    /// The column in which the keys or dashes of a block collection stand.
    pub(super) fn column(&self, id: NodeId) -> usize {
        let first = self.entries(id).first().map(|entry| entry.start);
        let first = first.or_else(|| self.items(id).first().map(|item| item.start));
        self.layout
            .column(first.unwrap_or(self.nodes[id].body.start))
    }

    pub(super) fn ids(&self) -> std::ops::Range<NodeId> {
        0..self.nodes.len()
    }

    pub(super) fn entries(&self, id: NodeId) -> &[MapEntry] {
        match &self.nodes[id].kind {
            NodeKind::Map { entries, .. } => entries,
            NodeKind::Scalar { .. } | NodeKind::Seq { .. } | NodeKind::Alias(_) => &[],
        }
    }

    pub(super) fn items(&self, id: NodeId) -> &[SeqItem] {
        match &self.nodes[id].kind {
            NodeKind::Seq { items, .. } => items,
            NodeKind::Scalar { .. } | NodeKind::Map { .. } | NodeKind::Alias(_) => &[],
        }
    }

    /// The text of a scalar.
    pub(super) fn scalar(&self, id: NodeId) -> Option<(&str, ScalarStyle)> {
        match &self.nodes[id].kind {
            NodeKind::Scalar { text, style } => Some((text, *style)),
            NodeKind::Map { .. } | NodeKind::Seq { .. } | NodeKind::Alias(_) => None,
        }
    }

    /// A plain `<<` without a tag of its own.
    pub(super) fn is_merge(&self, entry: &MapEntry) -> bool {
        let key = &self.nodes[entry.key];
        entry.name == "<<"
            && key.tag.as_deref().is_none_or(|tag| tag == "!!merge")
            && matches!(
                key.kind,
                NodeKind::Scalar {
                    style: ScalarStyle::Plain,
                    ..
                }
            )
    }
}

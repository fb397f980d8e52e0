//! What stands directly below a place of a text: through aliases and merge keys, each with the line
//! on which it is written.

use serde_json::Value;

use super::error::YamlError;
use super::path::{Segment, YamlPath};
use super::tree::{NodeId, NodeKind, Tree};
use super::value::{merge_sources, resolve};
use super::walk::{self, FoundValue};

/// The mapping or the list at a place.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Entries {
    /// It, or something around it, has a tag of Compose (`!override`, `!reset`): what other files say
    /// of the place before this one does not count.
    pub replaces: bool,
    /// In the order of the text; what comes through a merge key behind the rest.
    pub items: Vec<EntryAt>,
}

/// One entry of a mapping or of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntryAt {
    /// The key; none in a list.
    pub key: Option<String>,
    /// The value as a reader sees it.
    pub value: Value,
    /// The line on which it is written, from 1.
    pub line: usize,
    /// `!reset`: with it the key is gone, whatever other files say.
    pub removes: bool,
}

/// What stands below each of these places, where there is a mapping or a list.
///
/// # Errors
/// What is not one document of YAML.
pub(crate) fn entries(text: &str, places: &[YamlPath]) -> Result<Vec<Option<Entries>>, YamlError> {
    let tree = Tree::parse(text)?;
    places
        .iter()
        .map(|place| below(&tree, place.segments()))
        .collect()
}

fn below(tree: &Tree<'_>, path: &[Segment]) -> Result<Option<Entries>, YamlError> {
    let mut replaces = false;
    let mut last = None;
    for depth in 1..=path.len() {
        // A step into what is no mapping leads nowhere.
        let Ok(end) = walk::walk(tree, &path[..depth]) else {
            return Ok(None);
        };
        let Some(FoundValue::Node(id)) = end.found else {
            return Ok(None);
        };
        replaces |= has_tag(tree, id, "!override") || has_tag(tree, id, "!reset");
        last = Some(id);
    }
    let Some(id) = last else { return Ok(None) };
    let is_gone = has_tag(tree, id, "!reset");
    let mut items = Vec::new();
    if !is_gone {
        collect(tree, tree.target(id), &mut items)?;
    }
    let is_several = matches!(
        tree.node(tree.target(id)).kind,
        NodeKind::Map { .. } | NodeKind::Seq { .. }
    );
    Ok((is_several || replaces).then_some(Entries { replaces, items }))
}

fn has_tag(tree: &Tree<'_>, id: NodeId, tag: &str) -> bool {
    let nodes = [id, tree.target(id)];
    nodes
        .iter()
        .any(|id| tree.node(*id).tag.as_deref() == Some(tag))
}

fn collect(tree: &Tree<'_>, id: NodeId, items: &mut Vec<EntryAt>) -> Result<(), YamlError> {
    for item in tree.items(id) {
        items.push(EntryAt {
            key: None,
            value: resolve(tree, item.value)?,
            line: tree.line(tree.target(item.value)),
            removes: has_tag(tree, item.value, "!reset"),
        });
    }
    let own = tree
        .entries(id)
        .iter()
        .filter(|entry| !tree.is_merge(entry));
    for entry in own {
        if items
            .iter()
            .any(|known| known.key.as_ref() == Some(&entry.name))
        {
            continue;
        }
        items.push(EntryAt {
            key: Some(entry.name.clone()),
            value: resolve(tree, entry.value)?,
            line: tree.line(entry.key),
            removes: has_tag(tree, entry.value, "!reset"),
        });
    }
    let merges = tree.entries(id).iter().filter(|entry| tree.is_merge(entry));
    for merge in merges {
        for source in merge_sources(tree, merge.value) {
            collect(tree, source, items)?;
        }
    }
    Ok(())
}

//! What it takes to give the place at a path a value: an existing node is replaced, a missing one
//! added with its parents, an inherited one overridden where the path says. Decides; the text is
//! made in `splice`.

use super::change::{add, check_item, check_tag, nested, pair, replace};
use super::error::YamlError;
use super::fence::{Draft, TreeChange};
use super::inherited;
use super::lists::{self, ListKind};
use super::path::{Segment, show};
use super::render::{self, Shape};
use super::splice::splice;
use super::tree::{NodeId, Tree};
use super::walk::{self, FoundValue, PathEnd};
use super::wanted::WantedValue;

/// The ways to make the edit, best first.
pub(super) fn drafts(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
    wanted: &WantedValue,
) -> Result<Vec<Draft>, YamlError> {
    let mut drafts = drafts_within(tree, path, place, wanted)?;
    let text = tree.layout.text;
    if !text.ends_with('\n') {
        // A block scalar that a file ends in needs the line break to have one in its value.
        let splices = drafts.iter_mut().flat_map(|draft| draft.splices.iter_mut());
        for last in splices.filter(|splice| splice.range.end == text.len()) {
            if last.text.contains(": |") || last.text.contains("- |") || last.text.starts_with('|')
            {
                last.text.push_str(tree.layout.line_break(text.len()));
            }
        }
    }
    Ok(drafts)
}

fn drafts_within(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
    wanted: &WantedValue,
) -> Result<Vec<Draft>, YamlError> {
    if place.found.is_none() {
        check_dots(path)?;
    }
    let Some(own) = place.own else {
        return Ok(vec![new_document(tree, path, wanted)?]);
    };
    check_reset(tree, path, own)?;
    let rest = &path[place.depth..];
    match &place.found {
        Some(_) if place.source.is_some() => inherited::through(tree, path, place, own, wanted),
        Some(FoundValue::Pairs { seq, at }) => {
            let last = at.last().and_then(|&last| tree.items(*seq).get(last));
            let Some(item) = last else {
                return Ok(Vec::new());
            };
            let old = tree.scalar(item.value).map(|(text, _)| text);
            let pair = WantedValue::from(pair(path, &wanted.value, old));
            Ok(replace(tree, item.value, &pair))
        }
        Some(FoundValue::Node(id)) => {
            check_replaceable(tree, path, *id, wanted)?;
            Ok(replace(tree, *id, wanted))
        }
        None if place.source.is_some() => inherited::through(tree, path, place, own, wanted),
        None if tree.root == Some(own) && walk::is_null(tree, own) => {
            Ok(vec![new_document(tree, path, wanted)?])
        }
        None => add(tree, path, place.depth, own, &nested(rest, wanted)?),
    }
}

fn check_replaceable(
    tree: &Tree<'_>,
    path: &[Segment],
    id: NodeId,
    wanted: &WantedValue,
) -> Result<(), YamlError> {
    if let ([.., Segment::Key(name)], Some(parent)) = (path, tree.node(id).parent)
        && lists::is_list(tree, parent)
    {
        check_item(path, name, &wanted.value)?;
    }
    check_tag(tree, path, id, wanted)?;
    check_merges(tree, id, wanted)?;
    check_anchors_inside(tree, id, true)
}

/// What a merge key brings in must stay a mapping (or null, which brings in nothing).
fn check_merges(tree: &Tree<'_>, id: NodeId, wanted: &WantedValue) -> Result<(), YamlError> {
    if wanted.value.is_object() || wanted.value.is_null() {
        return Ok(());
    }
    let is_merged = |alias: &NodeId| {
        let mut around = std::iter::once(*alias)
            .chain(tree.ancestors(*alias))
            .take(2);
        around.any(|node| {
            let parent = tree
                .node(node)
                .parent
                .map_or(&[][..], |parent| tree.entries(parent));
            parent
                .iter()
                .any(|entry| entry.value == node && tree.is_merge(entry))
        })
    };
    let mut aliases = tree
        .aliases
        .iter()
        .copied()
        .filter(|&alias| tree.target(alias) == id);
    let Some(alias) = aliases.find(is_merged) else {
        return Ok(());
    };
    let anchor = tree.node(id).anchor.clone().unwrap_or_default();
    Err(YamlError::AnchorInUse {
        anchor,
        line: tree.line(id),
        used: tree.line(alias),
    })
}

/// Compose drops whatever stands under `!reset`.
fn check_reset(tree: &Tree<'_>, path: &[Segment], own: NodeId) -> Result<(), YamlError> {
    let mut around = std::iter::once(own).chain(tree.ancestors(own));
    match around.find(|&node| tree.node(node).tag.as_deref() == Some("!reset")) {
        Some(node) => Err(YamlError::Tagged {
            path: show(path),
            tag: "!reset".into(),
            line: tree.line(node),
        }),
        None => Ok(()),
    }
}

/// Refuses to take away an anchor that something outside of the node refers to.
pub(super) fn check_anchors_inside(
    tree: &Tree<'_>,
    id: NodeId,
    own_stays: bool,
) -> Result<(), YamlError> {
    let lost = |alias: &NodeId| {
        let inside = tree.ancestors(*alias).any(|ancestor| ancestor == id);
        !(inside || own_stays && tree.target(*alias) == id)
    };
    let Some(alias) = tree.uses_inside(id).find(lost) else {
        return Ok(());
    };
    let target = tree.target(alias);
    let anchor = tree.node(target).anchor.clone().unwrap_or_default();
    Err(YamlError::AnchorInUse {
        anchor,
        line: tree.line(target),
        used: tree.line(alias),
    })
}

/// `labels.traefik.enable` would make a mapping where Compose wants a word.
fn check_dots(path: &[Segment]) -> Result<(), YamlError> {
    let in_service = matches!(path.first(), Some(Segment::Key(root)) if root == "services");
    let first = if in_service { 2 } else { 1 };
    for (at, _) in path.iter().enumerate().skip(first) {
        if ListKind::of(path, at + 1).has_pairs()
            && matches!(path[at], Segment::Key(_))
            && path.len() > at + 2
        {
            let why = "it holds single words; a name with dots is written as [\"a.b\"]";
            return Err(YamlError::Value {
                path: show(&path[..=at]),
                why,
            });
        }
    }
    Ok(())
}

/// The first entry of a file that holds nothing but comments.
fn new_document(
    tree: &Tree<'_>,
    path: &[Segment],
    wanted: &WantedValue,
) -> Result<Draft, YamlError> {
    let layout = &tree.layout;
    if let Some(root) = tree.root {
        let node = tree.node(root);
        if !node.body.is_empty() || node.tag.is_some() || node.anchor.is_some() {
            let what = "an explicit null in the place of the document";
            return Err(YamlError::Notation {
                at: layout.position(node.start),
                what,
            });
        }
    }
    let whole = [Segment::Append]
        .iter()
        .chain(path)
        .cloned()
        .collect::<Vec<_>>();
    let value = nested(&whole, wanted)?.value;
    let shape = Shape {
        line_break: layout.line_break(0),
        ..Shape::of(tree)
    };
    let lines = render::lines(&value, 0, shape);
    let end = tree.end_marker.unwrap_or(layout.text.len());
    let before = layout.slice(..end);
    let starts_line = before.is_empty() || before.ends_with('\n') || before == "\u{feff}";
    let lead = if starts_line { "" } else { shape.line_break };
    let tail = if before.is_empty() || starts_line {
        shape.line_break
    } else {
        ""
    };
    Ok(Draft {
        splices: vec![splice(end..end, format!("{lead}{lines}{tail}"))],
        change: TreeChange::Root { value },
    })
}

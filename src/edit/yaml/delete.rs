//! What it takes to remove an entry or an item: its lines, its comment where that is clearly its
//! own, and nothing else.

use super::error::YamlError;
use super::fence::{Draft, TreeChange};
use super::path::{Segment, show};
use super::set::check_anchors_inside;
use super::splice::{Splice, splice};
use super::tree::{NodeId, NodeKind, Tree};
use super::walk::{self, FoundValue, PathEnd};

/// The edit that removes what a path names.
pub(super) fn draft(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &PathEnd,
    found: &FoundValue,
) -> Result<Draft, YamlError> {
    if let Some(source) = place.source {
        let (anchor, line) = walk::anchor_of(tree, source);
        return Err(YamlError::Inherited {
            path: show(path),
            anchor,
            line,
        });
    }
    let (parent, at) = match found {
        FoundValue::Pairs { seq, at } => (*seq, at.clone()),
        FoundValue::Node(id) => {
            let parent = tree.node(*id).parent;
            let parent = parent.ok_or_else(|| walk::wrong_kind(tree, path, *id, &path[0]))?;
            let items = tree.items(parent).iter().map(|item| item.value);
            let mut values = tree
                .entries(parent)
                .iter()
                .map(|entry| entry.value)
                .chain(items);
            (
                parent,
                values.position(|value| value == *id).into_iter().collect(),
            )
        }
    };
    for &index in &at {
        if let Some(piece) = piece(tree, parent, index) {
            check_anchors_inside(tree, piece.value, false)?;
        }
    }
    let splices = remove(tree, parent, &at);
    Ok(Draft {
        splices,
        change: TreeChange::Remove { parent, at },
    })
}

/// An entry or an item, as bytes.
struct EntrySpan {
    /// The first byte: the key or the dash.
    start: usize,
    /// The end of the value.
    end: usize,
    value: NodeId,
}

fn piece(tree: &Tree<'_>, parent: NodeId, at: usize) -> Option<EntrySpan> {
    let (start, value) = match &tree.node(parent).kind {
        NodeKind::Map { entries, .. } => entries.get(at).map(|entry| (entry.start, entry.value)),
        NodeKind::Seq { items, .. } => items.get(at).map(|item| (item.start, item.value)),
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => None,
    }?;
    let node = tree.node(value);
    Some(EntrySpan {
        start,
        end: node.body.end.max(node.lead),
        value,
    })
}

fn remove(tree: &Tree<'_>, parent: NodeId, at: &[usize]) -> Vec<Splice> {
    let count = tree.entries(parent).len() + tree.items(parent).len();
    if at.len() == count {
        return vec![empty(tree, parent)];
    }
    let flow = tree.is_flow(parent);
    at.iter()
        .flat_map(|&index| {
            if flow {
                remove_flow(tree, parent, index, count)
            } else {
                remove_block(tree, parent, index)
            }
        })
        .collect()
}

/// A collection that loses all it has becomes `{}` or `[]`.
fn empty(tree: &Tree<'_>, id: NodeId) -> Splice {
    let node = tree.node(id);
    let nothing = if matches!(node.kind, NodeKind::Map { .. }) {
        "{}"
    } else {
        "[]"
    };
    let layout = &tree.layout;
    let below = layout.slice(node.lead..node.body.start).contains('\n');
    if tree.is_flow(id) || !below || node.parent.is_none() {
        return splice(node.body.clone(), nothing);
    }
    // The comment of the key's own line stays, those between the removed lines go with them.
    let key_line = layout.line_end(node.lead);
    let kept = layout.slice(node.lead..key_line);
    splice(
        node.lead..layout.line_end(node.body.end),
        format!(" {nothing}{kept}"),
    )
}

fn remove_block(tree: &Tree<'_>, parent: NodeId, at: usize) -> Vec<Splice> {
    let Some(piece) = piece(tree, parent, at) else {
        return Vec::new();
    };
    let layout = &tree.layout;
    let end = layout.line_end(piece.end);
    let next = layout.next_line(end);
    if !layout.is_first_on_line(piece.start) {
        // The first key of `- key: value`: what follows takes its place, comments included.
        let indent = layout.slice(next..).len() - layout.slice(next..).trim_start().len();
        return vec![splice(piece.start..next + indent, "")];
    }
    let start = own_comment(tree, parent, at, &piece);
    if next > end {
        return vec![splice(start..next, "")];
    }
    // The last line of a file without a final line break: the break before it goes instead.
    let before = layout.slice(..start);
    let before = before.strip_suffix('\n').unwrap_or(before);
    let before = before.strip_suffix('\r').unwrap_or(before);
    vec![splice(before.len()..end, "")]
}

/// Where the removal begins: at the comment lines directly above, if they are clearly about this
/// entry alone; else at its own line.
fn own_comment(tree: &Tree<'_>, parent: NodeId, at: usize, piece: &EntrySpan) -> usize {
    let layout = &tree.layout;
    let line = layout.line_start(piece.start);
    let column = layout.column(piece.start);
    let floor = match at
        .checked_sub(1)
        .and_then(|before| self::piece(tree, parent, before))
    {
        Some(before) => layout.next_line(before.end),
        None => match tree.node(parent).parent {
            Some(_) => layout.next_line(tree.node(parent).lead),
            None => 0,
        },
    };
    let mut start = line;
    let mut words = Vec::new();
    while let Some((above, comment)) = comment_above(tree, start, floor, column) {
        words.push(comment);
        start = above;
    }
    let heads_the_file = column == 0
        && layout
            .slice(..start)
            .trim_start_matches('\u{feff}')
            .is_empty();
    if words.is_empty() || heads_the_file || words.iter().any(|words| is_commented_out(words)) {
        return line;
    }
    if names_it(tree, parent, at, &words) || stands_alone(tree, parent, at, piece) {
        start
    } else {
        line
    }
}

/// The comment in the line above `start`, if the line holds nothing else and the comment stands in
/// that column; with the start of its line.
fn comment_above<'t>(
    tree: &Tree<'t>,
    start: usize,
    floor: usize,
    column: usize,
) -> Option<(usize, &'t str)> {
    let layout = &tree.layout;
    // A byte order mark before the first line makes its start lie after the byte before it.
    let above = layout.line_start(start.checked_sub(1)?);
    let line = layout
        .text
        .get(above..layout.line_end(above))
        .filter(|_| above < start)?;
    let comment = line.trim_start_matches(' ');
    let fits = above >= floor && comment.starts_with('#') && line.len() - comment.len() == column;
    fits.then(|| (above, comment.trim_start_matches('#').trim()))
}

/// A line that was an entry once, and is nobody's comment.
fn is_commented_out(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default();
    let key = |word: &str| {
        word.chars()
            .all(|c| c.is_alphanumeric() || "_-./\"'$".contains(c))
    };
    first == "-"
        || first.strip_suffix(':').is_some_and(key)
        || first.split_once('=').is_some_and(|(name, _)| key(name))
}

fn names_it(tree: &Tree<'_>, parent: NodeId, at: usize, words: &[&str]) -> bool {
    let Some(entry) = tree.entries(parent).get(at) else {
        return false;
    };
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    entry.name.len() >= 3
        && words
            .iter()
            .any(|line| line.split(|c| !is_part(c)).any(|word| word == entry.name))
}

/// Whether a blank line, another comment or the end of the collection follows, so that the comment
/// cannot be the heading of a group.
fn stands_alone(tree: &Tree<'_>, parent: NodeId, at: usize, piece: &EntrySpan) -> bool {
    let layout = &tree.layout;
    let Some(next) = self::piece(tree, parent, at + 1) else {
        return true;
    };
    let after = layout.next_line(piece.end);
    layout.line_start(next.start) != after
}

fn remove_flow(tree: &Tree<'_>, parent: NodeId, at: usize, count: usize) -> Vec<Splice> {
    let Some(piece) = piece(tree, parent, at) else {
        return Vec::new();
    };
    let layout = &tree.layout;
    let comma = |end: usize| {
        let comma = layout.skip_trivia(end);
        (layout.text.as_bytes().get(comma) == Some(&b',')).then_some(comma)
    };
    let own_end = comma(piece.end).map_or(piece.end, |comma| comma + 1);
    let line_end = layout.line_end(own_end);
    let after = layout.skip_blanks(own_end);
    let alone = layout.is_first_on_line(piece.start)
        && (after == line_end || layout.slice(after..).starts_with('#'));
    let mut splices = if alone {
        vec![splice(
            layout.line_start(piece.start)..layout.next_line(line_end),
            "",
        )]
    } else if at + 1 < count {
        let next = self::piece(tree, parent, at + 1).map_or(own_end, |next| next.start);
        return vec![splice(piece.start..next, "")];
    } else {
        Vec::new()
    };
    if at + 1 < count {
        return splices;
    }
    let before = at
        .checked_sub(1)
        .and_then(|before| self::piece(tree, parent, before));
    let Some(before) = before else { return splices };
    if splices.is_empty() {
        // A comma after the last item stays after the one before it.
        return vec![splice(before.end..piece.end, "")];
    }
    if let Some(at) = comma(before.end)
        && comma(piece.end).is_none()
    {
        splices.push(splice(at..at + 1, ""));
    }
    splices
}

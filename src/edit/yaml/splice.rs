//! Pieces of text that replace byte ranges: how a node is replaced and how one is added. What the
//! path asks for is decided in `set` and `delete`.

use std::ops::Range;

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::render::{self, Shape};
use super::scalar::{self, Setting};
use super::tree::{NodeId, NodeKind, Tree};
use super::wanted::WantedValue;

/// One replaced range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

pub(super) fn splice(range: Range<usize>, text: impl Into<String>) -> Splice {
    Splice {
        range,
        text: text.into(),
    }
}

/// The text with its ranges replaced; they do not overlap.
pub(super) fn apply(text: &str, splices: &[Splice]) -> String {
    let mut sorted: Vec<_> = splices.iter().collect();
    sorted.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut pos = 0;
    for splice in sorted {
        out.push_str(text.get(pos..splice.range.start).unwrap_or_default());
        out.push_str(&splice.text);
        pos = pos.max(splice.range.end);
    }
    out.push_str(text.get(pos..).unwrap_or_default());
    out
}

/// The ways to put a value in the place of a node, best first. Its properties stay.
pub(super) fn replace(tree: &Tree<'_>, id: NodeId, wanted: &WantedValue) -> Vec<Vec<Splice>> {
    let in_flow = tree.in_flow(id);
    if render::is_block(&wanted.value) {
        let keeps_flow = tree.is_flow(id) && !is_empty(tree, id);
        return vec![if in_flow || keeps_flow {
            let text = render::flow(&wanted.value, flow_style(tree, id));
            put_words(tree, id, &text)
        } else {
            put_block(tree, id, &wanted.value)
        }];
    }
    let like = tree
        .scalar(id)
        .filter(|_| !tree.node(id).body.is_empty())
        .map(|(_, style)| style);
    let setting = Setting {
        flow: in_flow,
        like,
        replaces: true,
    };
    let words = wanted
        .word
        .clone()
        .unwrap_or_else(|| scalar::render(&wanted.value, setting));
    let block = wanted
        .value
        .as_str()
        .and_then(|text| as_block(tree, id, text, setting));
    let body = tree.node(id).body.clone();
    if wanted.value.is_null()
        && wanted.word.is_none()
        && !in_flow
        && tree.layout.slice(..tree.node(id).lead).ends_with(':')
    {
        return vec![put_nothing(tree, id)];
    }
    let in_block = block.map(|block| match body.is_empty() {
        true => put_words(tree, id, &block),
        false => vec![splice(body, block)],
    });
    in_block
        .into_iter()
        .chain([put_words(tree, id, &words)])
        .collect()
}

fn is_empty(tree: &Tree<'_>, id: NodeId) -> bool {
    tree.entries(id).is_empty() && tree.items(id).is_empty()
}

/// The quotes that the first string in a flow collection has.
fn flow_style(tree: &Tree<'_>, id: NodeId) -> Option<ScalarStyle> {
    let first = tree.items(id).first().map(|item| item.value);
    let first = first.or_else(|| tree.entries(id).first().map(|entry| entry.value));
    first
        .and_then(|first| tree.scalar(first))
        .map(|(_, style)| style)
}

/// A text as block scalar: where one stands already, or where a text of several lines replaces
/// one without quotes.
fn as_block(tree: &Tree<'_>, id: NodeId, text: &str, setting: Setting) -> Option<String> {
    let node = tree.node(id);
    let line_break = tree.layout.line_break(node.body.start);
    match setting.like {
        Some(style @ (ScalarStyle::Literal | ScalarStyle::Folded)) => {
            let header = tree
                .layout
                .slice(node.body.start..tree.layout.line_end(node.body.start));
            let rest = header.trim_start_matches(['|', '>', '+', '-']);
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            let indent = tree
                .layout
                .block_scalar_indent(node.body.start, node.body.end);
            let indent = if indent == usize::MAX {
                below_parent(tree, id)
            } else {
                indent
            };
            scalar::block(text, style, rest, indent, line_break)
        }
        None | Some(ScalarStyle::Plain) if !setting.flow && is_scalar(tree, id) => {
            let shape = Shape {
                line_break,
                ..Shape::of(tree)
            };
            render::literal(text, below_parent(tree, id), shape)
        }
        _ => None,
    }
}

fn is_scalar(tree: &Tree<'_>, id: NodeId) -> bool {
    matches!(
        tree.node(id).kind,
        NodeKind::Scalar { .. } | NodeKind::Alias(_)
    )
}

fn below_parent(tree: &Tree<'_>, id: NodeId) -> usize {
    tree.node(id).parent.map_or(0, |parent| tree.column(parent)) + Shape::of(tree).step
}

/// Puts words on one line in the place of a node.
fn put_words(tree: &Tree<'_>, id: NodeId, words: &str) -> Vec<Splice> {
    let node = tree.node(id);
    let (lead, body, layout) = (node.lead, node.body.clone(), &tree.layout);
    if body.is_empty() {
        let bare_key = node.tag.is_none()
            && node.anchor.is_none()
            && !layout.slice(..lead).ends_with([':', '-']);
        return vec![splice(
            lead..lead,
            format!("{}{words}", if bare_key { ": " } else { " " }),
        )];
    }
    let below = layout.slice(lead..body.start).contains('\n');
    let collection = !is_scalar(tree, id) && !tree.is_flow(id);
    if collection && below {
        let rest = layout.line_end(lead)..layout.line_end(body.end);
        return vec![splice(lead..lead, format!(" {words}")), splice(rest, "")];
    }
    vec![splice(body, words)]
}

/// Takes a value away and leaves its key.
fn put_nothing(tree: &Tree<'_>, id: NodeId) -> Vec<Splice> {
    let node = tree.node(id);
    let (lead, body, layout) = (node.lead, node.body.clone(), &tree.layout);
    if !layout.slice(lead..body.start).contains('\n') {
        return vec![splice(lead..body.end, "")];
    }
    if is_scalar(tree, id) {
        return vec![splice(body, "null")];
    }
    vec![splice(layout.line_end(lead)..layout.line_end(body.end), "")]
}

/// Puts a collection on lines of its own in the place of a node.
fn put_block(tree: &Tree<'_>, id: NodeId, value: &Value) -> Vec<Splice> {
    let node = tree.node(id);
    let (lead, body, layout) = (node.lead, node.body.clone(), &tree.layout);
    let shape = Shape {
        line_break: layout.line_break(lead),
        ..Shape::of(tree)
    };
    let Some(parent) = node.parent else {
        return vec![splice(body, render::lines(value, 0, shape))];
    };
    let column = tree.column(parent);
    let properties = node.tag.is_some() || node.anchor.is_some();
    if !tree.items(parent).is_empty() {
        let inner = column + 2;
        let before = if properties {
            shape.new_line(inner)
        } else {
            " ".into()
        };
        let text = format!("{before}{}", render::lines(value, inner, shape));
        return vec![splice(lead..body.end.max(lead), text)];
    }
    let same_kind = match &node.kind {
        NodeKind::Map { flow, .. } => !flow && value.is_object(),
        NodeKind::Seq { flow, .. } => !flow && value.is_array(),
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => false,
    };
    let step = if value.is_array() {
        shape.list
    } else {
        shape.step
    };
    let inner = if same_kind {
        tree.column(id)
    } else {
        column + step
    };
    let text = format!(
        "{}{}",
        shape.new_line(inner),
        render::lines(value, inner, shape)
    );
    let collection = !is_scalar(tree, id) && !tree.is_flow(id);
    if collection {
        return vec![splice(
            layout.line_end(lead)..layout.line_end(body.end),
            text,
        )];
    }
    let end = layout.line_end(body.end);
    vec![splice(lead..body.end, ""), splice(end..end, text)]
}

/// Adds `key: value` at the end of a mapping that has entries.
pub(super) fn insert(tree: &Tree<'_>, map: NodeId, key: &str, wanted: &WantedValue) -> Vec<Splice> {
    let last = tree.entries(map).last();
    let like = habit(tree, tree.entries(map).iter().map(|entry| entry.value));
    if tree.is_flow(map) {
        let key = scalar::render(
            &Value::String(key.to_owned()),
            Setting {
                flow: true,
                like: habit(tree, tree.entries(map).iter().map(|entry| entry.key)),
                replaces: false,
            },
        );
        let text = format!("{key}: {}", flow_words(wanted, like));
        let last = last.map(|last| (last.start, tree.node(last.value).body.end));
        return add_to_flow(tree, map, last, &text);
    }
    let column = tree.column(map);
    let end = tree.layout.line_end(tree.node(map).body.end);
    let shape = Shape {
        line_break: tree.layout.line_break(end),
        ..Shape::of(tree)
    };
    let text = match &wanted.word {
        Some(word) => {
            format!(
                "{} {word}",
                render::entry(key, &Value::Null, column, shape, None)
            )
        }
        None => render::entry(key, &wanted.value, column, shape, like),
    };
    vec![splice(
        end..end,
        format!("{}{text}", shape.new_line(column)),
    )]
}

/// Adds an item at the end of a list that has items.
pub(super) fn append(tree: &Tree<'_>, seq: NodeId, wanted: &WantedValue) -> Vec<Splice> {
    let last = tree.items(seq).last();
    let like = habit(tree, tree.items(seq).iter().map(|item| item.value));
    if tree.is_flow(seq) {
        let last = last.map(|last| (last.start, tree.node(last.value).body.end));
        return add_to_flow(tree, seq, last, &flow_words(wanted, like));
    }
    let column = tree.column(seq);
    let end = tree.layout.line_end(tree.node(seq).body.end);
    let shape = Shape {
        line_break: tree.layout.line_break(end),
        ..Shape::of(tree)
    };
    let text = match &wanted.word {
        Some(word) => format!("- {word}"),
        None => render::item(&wanted.value, column, shape, like),
    };
    vec![splice(
        end..end,
        format!("{}{text}", shape.new_line(column)),
    )]
}

fn flow_words(wanted: &WantedValue, like: Option<ScalarStyle>) -> String {
    match &wanted.word {
        Some(word) if scalar::is_plain_shape(word, true) => word.clone(),
        _ => render::flow(&wanted.value, like),
    }
}

fn add_to_flow(
    tree: &Tree<'_>,
    id: NodeId,
    last: Option<(usize, usize)>,
    text: &str,
) -> Vec<Splice> {
    let layout = &tree.layout;
    let Some((start, end)) = last else {
        let open = tree.node(id).body.start + 1;
        return vec![splice(open..open, text)];
    };
    let separator = if layout.is_first_on_line(start) {
        format!(
            ",{}{}",
            layout.line_break(end),
            " ".repeat(layout.column(start))
        )
    } else {
        ", ".into()
    };
    vec![splice(end..end, format!("{separator}{text}"))]
}

/// The notation of the nearest neighbour before the end that had the choice: a string that could
/// stand without quotes.
fn habit(
    tree: &Tree<'_>,
    neighbours: impl DoubleEndedIterator<Item = NodeId>,
) -> Option<ScalarStyle> {
    let free = |(text, style): (&str, ScalarStyle)| {
        let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        (quoted || style == ScalarStyle::Plain) && scalar::can_be_plain(text, false)
    };
    let mut styles = neighbours
        .rev()
        .filter_map(|id| tree.scalar(id))
        .filter(|&found| free(found));
    styles.next().map(|(_, style)| style)
}

//! What it takes to give the place at a path a value: an existing node is replaced, a missing one
//! added with its parents, an inherited one overridden where the path says. Decides; the text is
//! made in `splice`.

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::ScalarStyle;

use super::NewValue;
use super::error::YamlError;
use super::fence::{Change, Draft};
use super::lists::{self, ListKind};
use super::path::{Segment, show};
use super::render::{self, Shape};
use super::scalar::is_plain_shape;
use super::splice::{self, Wanted, splice};
use super::tree::{Kind, NodeId, Tree};
use super::value::{plain_value, resolve};
use super::walk::{self, Found, Place};

/// The value that a person means at a place.
pub(super) fn wanted(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &Place,
    new: &NewValue,
) -> Result<Wanted, YamlError> {
    let typed = match new {
        NewValue::Json(value) => Wanted::from(value.clone()),
        NewValue::Int(number) => Wanted::from(Value::from(*number)),
        NewValue::String(text) => Wanted::from(Value::String(text.clone())),
        NewValue::Auto(word) => auto(tree, path, place, word),
    };
    if !is_pair(tree, path, place) {
        return Ok(typed);
    }
    let why = "an item KEY=VALUE holds one word";
    match typed.value {
        Value::Array(_) | Value::Object(_) => Err(YamlError::Value {
            path: show(path),
            why,
        }),
        Value::Null | Value::String(_) => Ok(Wanted::from(typed.value)),
        Value::Bool(_) | Value::Number(_) => {
            Ok(Wanted::from(Value::String(typed.value.to_string())))
        }
    }
}

/// A word from the command line: a string where Compose wants one or one stands in quotes, else
/// what YAML makes of it.
fn auto(tree: &Tree<'_>, path: &[Segment], place: &Place, word: &str) -> Wanted {
    let string = Wanted::from(Value::String(word.to_owned()));
    let old = match (&place.found, place.source) {
        (Some(Found::Node(id)), None) => tree.scalar(*id),
        _ => None,
    };
    let old = old.filter(|_| place.own.is_none_or(|own| !tree.node(own).body.is_empty()));
    let plain = old.is_none_or(|(_, style)| style == ScalarStyle::Plain);
    let flow = place
        .own
        .is_some_and(|own| tree.in_flow(own) || tree.is_flow(own));
    if !plain || !is_plain_shape(word, flow) {
        return string;
    }
    let value = plain_value(word);
    let as_typed = Wanted {
        value: value.clone(),
        word: Some(word.to_owned()),
    };
    if lists::holds_string(path) {
        // `PORT: 80` stays a number when it becomes 81: Compose makes the same string of both.
        let was_typed = old.is_some_and(|(text, _)| !plain_value(text).is_string());
        let string_of_it = value.to_string();
        let same_string = !value.is_null() && string_of_it == word;
        return if was_typed && same_string {
            as_typed
        } else {
            string
        };
    }
    if old.is_some() || !value.is_string() {
        as_typed
    } else {
        string
    }
}

/// Whether the path names a key in a list of `KEY=VALUE`.
fn is_pair(tree: &Tree<'_>, path: &[Segment], place: &Place) -> bool {
    if matches!(place.found, Some(Found::Pairs { .. })) {
        return true;
    }
    place.found.is_none()
        && matches!(path.last(), Some(Segment::Key(_)))
        && place.depth + 1 == path.len()
        && place
            .own
            .is_some_and(|own| lists::is_list(tree, tree.target(own)))
        && ListKind::of(path, place.depth) == ListKind::Pairs
}

/// The ways to make the edit, best first.
pub(super) fn drafts(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &Place,
    wanted: &Wanted,
) -> Result<Vec<Draft>, YamlError> {
    if place.found.is_none() {
        check_dots(path)?;
    }
    let Some(own) = place.own else {
        return Ok(vec![new_document(tree, path, wanted)?]);
    };
    let rest = &path[place.depth..];
    match &place.found {
        Some(_) if place.source.is_some() => through(tree, path, place, own, wanted),
        Some(Found::Pairs { seq, at }) => {
            let last = at.last().and_then(|&last| tree.items(*seq).get(last));
            let Some(item) = last else {
                return Ok(Vec::new());
            };
            let pair = Wanted::from(pair(path, &wanted.value));
            Ok(replace(tree, item.value, &pair))
        }
        Some(Found::Node(id)) => {
            check_replaceable(tree, path, *id, wanted)?;
            Ok(replace(tree, *id, wanted))
        }
        None if place.source.is_some() => through(tree, path, place, own, wanted),
        None => add(tree, path, place.depth, own, &nested(rest, wanted)?),
    }
}

fn replace(tree: &Tree<'_>, id: NodeId, wanted: &Wanted) -> Vec<Draft> {
    let ways = splice::replace(tree, id, wanted).into_iter();
    ways.map(|splices| Draft {
        splices,
        change: Change::Replace {
            node: id,
            value: wanted.value.clone(),
        },
    })
    .collect()
}

/// `KEY=VALUE`, or `KEY` for null.
fn pair(path: &[Segment], value: &Value) -> Value {
    let key = match path.last() {
        Some(Segment::Key(key)) => key.as_str(),
        _ => "",
    };
    Value::String(match value {
        Value::String(text) => format!("{key}={text}"),
        _ => key.to_owned(),
    })
}

fn check_replaceable(
    tree: &Tree<'_>,
    path: &[Segment],
    id: NodeId,
    wanted: &Wanted,
) -> Result<(), YamlError> {
    if let ([.., Segment::Key(name)], Some(parent)) = (path, tree.node(id).parent)
        && lists::is_list(tree, parent)
    {
        check_item(path, name, &wanted.value)?;
    }
    check_tag(tree, path, id, wanted)?;
    check_anchors_inside(tree, id, true)
}

/// An item that a path names by what it holds must go on to hold that.
fn check_item(path: &[Segment], name: &str, value: &Value) -> Result<(), YamlError> {
    if lists::item_has_name(value, ListKind::of(path, path.len() - 1), name) {
        return Ok(());
    }
    Err(YamlError::ItemMismatch {
        name: name.to_owned(),
        value: render::flow(value, None),
    })
}

/// Compose drops what stands under `!reset`, and a core tag says which type a value has.
fn check_tag(
    tree: &Tree<'_>,
    path: &[Segment],
    id: NodeId,
    wanted: &Wanted,
) -> Result<(), YamlError> {
    let Some(tag) = &tree.node(id).tag else {
        return Ok(());
    };
    let fits = match tag.as_str() {
        "!reset" => false,
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

/// The value with the missing parents around it.
fn nested(rest: &[Segment], wanted: &Wanted) -> Result<Wanted, YamlError> {
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
            Segment::Index(index) => {
                return Err(YamlError::NoSuchItem {
                    path: show(rest),
                    index: *index,
                    len: 0,
                    line: 0,
                });
            }
        };
    }
    Ok(Wanted::from(value))
}

/// Adds what is missing below `own`, the deepest node of the path that exists. `wanted` stands for
/// the step after it.
fn add(
    tree: &Tree<'_>,
    path: &[Segment],
    depth: usize,
    own: NodeId,
    wanted: &Wanted,
) -> Result<Vec<Draft>, YamlError> {
    let (to, step) = (&path[..depth], &path[depth]);
    match (&tree.node(own).kind, step) {
        (Kind::Map { entries, .. }, Segment::Key(key)) => {
            let change = Change::Insert {
                map: own,
                key: key.clone(),
                value: wanted.value.clone(),
            };
            let one_line = entries.is_empty() && !tree.in_flow(own);
            let splices = if one_line {
                let whole = Value::Object(Map::from_iter([(key.clone(), wanted.value.clone())]));
                return Ok(replace(tree, own, &Wanted::from(whole)));
            } else {
                splice::insert(tree, own, key, wanted)
            };
            Ok(vec![Draft { splices, change }])
        }
        (Kind::Seq { items, .. }, step) => {
            let item = new_item(tree, path, depth, own, step, wanted)?;
            if items.is_empty() && !tree.in_flow(own) {
                return Ok(replace(
                    tree,
                    own,
                    &Wanted::from(Value::Array(vec![item.value])),
                ));
            }
            let change = Change::Append {
                seq: own,
                value: item.value.clone(),
            };
            Ok(vec![Draft {
                splices: splice::append(tree, own, &item),
                change,
            }])
        }
        (Kind::Scalar { text, .. }, step) => {
            let old = tree.node(own);
            let value = match step {
                _ if walk::is_null(tree, own) => {
                    nested(&[step.clone(), step.clone()], wanted)?.value
                }
                Segment::Append if lists::is_string_or_list(to) => {
                    Value::Array(vec![Value::String(text.clone()), wanted.value.clone()])
                }
                step => return Err(walk::wrong_kind(tree, to, own, step)),
            };
            if old.parent.is_none() {
                return Ok(vec![new_document(tree, path, wanted)?]);
            }
            check_tag(tree, path, own, &Wanted::from(value.clone()))?;
            Ok(replace(tree, own, &Wanted::from(value)))
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
    wanted: &Wanted,
) -> Result<Wanted, YamlError> {
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
        Segment::Key(_) if ListKind::of(path, depth) == ListKind::Pairs => {
            Ok(Wanted::from(pair(path, &wanted.value)))
        }
        Segment::Key(name) => {
            check_item(&path[..=depth], name, &wanted.value)?;
            Ok(wanted.clone())
        }
    }
}

/// `labels.traefik.enable` would make a mapping where Compose wants a word.
fn check_dots(path: &[Segment]) -> Result<(), YamlError> {
    let in_service = matches!(path.first(), Some(Segment::Key(root)) if root == "services");
    let first = if in_service { 2 } else { 1 };
    for (at, _) in path.iter().enumerate().skip(first) {
        if ListKind::of(path, at + 1) == ListKind::Pairs
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

/// A value that an alias or a merge key brings in is overridden at the path itself, where YAML
/// allows that without a copy of everything around it.
fn through(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &Place,
    own: NodeId,
    wanted: &Wanted,
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
    if !matches!(tree.node(target).kind, Kind::Map { .. }) || (covered && rest.len() > 1) {
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
    let name = &layout.text[node.body.clone()];
    let change = Change::Wrap {
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

/// The first entry of a file that holds nothing but comments.
fn new_document(tree: &Tree<'_>, path: &[Segment], wanted: &Wanted) -> Result<Draft, YamlError> {
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
    let before = &layout.text[..end];
    let starts_line = before.is_empty() || before.ends_with('\n') || before == "\u{feff}";
    let lead = if starts_line { "" } else { shape.line_break };
    let tail = if before.is_empty() || starts_line {
        shape.line_break
    } else {
        ""
    };
    Ok(Draft {
        splices: vec![splice(end..end, format!("{lead}{lines}{tail}"))],
        change: Change::Root { value },
    })
}

/// The value at a place, as a reader sees it.
pub(super) fn value_at(
    tree: &Tree<'_>,
    path: &[Segment],
    place: &Place,
) -> Result<Option<Value>, YamlError> {
    match &place.found {
        None => Ok(None),
        Some(Found::Node(id)) => resolve(tree, *id).map(Some),
        Some(Found::Pairs { seq, at }) => {
            let last = at.last().and_then(|&last| tree.items(*seq).get(last));
            let text = last.and_then(|item| tree.scalar(tree.target(item.value)));
            debug_assert!(matches!(path.last(), Some(Segment::Key(_))));
            let value = text.and_then(|(text, _)| lists::split_pair(text).1);
            Ok(Some(value.map_or(Value::Null, Value::from)))
        }
    }
}

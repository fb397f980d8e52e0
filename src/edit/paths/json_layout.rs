//! How entries of JSON are laid out: what is new looks as its neighbours do, and what goes takes its own
//! comma and line with it.

use std::ops::Range;

use jsonc_parser::ast::Value as AstValue;
use jsonc_parser::common::{Range as JsonRange, Ranged};
use serde_json::Value;

/// What is to be written.
pub(super) enum JsonText {
    /// A single value, as it is written.
    Word(String),
    List(Vec<JsonText>),
    Map(Vec<(String, JsonText)>),
}

impl JsonText {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Word(value.to_string())
            }
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(map) => {
                let entries = map
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of(value)));
                Self::Map(entries.collect())
            }
        }
    }
}

/// How a text is laid out.
pub(super) struct JsonLayout<'a> {
    colon: &'a str,
    comma: &'a str,
    /// By how much a line is indented more than the one that it belongs to; nothing where all stands in
    /// one line.
    unit: Option<&'a str>,
    line_end: &'static str,
}

/// The places of what stands in a list or an object.
pub(super) fn children(node: &AstValue<'_>) -> Vec<JsonRange> {
    match node {
        AstValue::Object(object) => object.properties.iter().map(Ranged::range).collect(),
        AstValue::Array(array) => array.elements.iter().map(Ranged::range).collect(),
        AstValue::StringLit(_)
        | AstValue::NumberLit(_)
        | AstValue::BooleanLit(_)
        | AstValue::NullKeyword(_) => vec![],
    }
}

impl<'a> JsonLayout<'a> {
    pub(super) fn of(body: &'a str, root: &AstValue<'_>) -> Self {
        let between = |from: usize, to: usize| body.get(from..to).unwrap_or_default();
        let is_plain = |text: &&str, sign: &str| text.trim() == sign && !text.contains('\n');
        let (mut colon, mut comma) = (None, None);
        let mut nodes = vec![root];
        while let Some(node) = nodes.pop() {
            let gaps = children(node);
            let gaps = gaps.windows(2).map(|two| between(two[0].end, two[1].start));
            comma = comma.or_else(|| gaps.clone().find(|gap| is_plain(gap, ",")));
            match node {
                AstValue::Object(object) => {
                    let properties = object.properties.iter();
                    let mut colons = properties
                        .clone()
                        .map(|one| between(one.name.end(), one.value.start()));
                    colon = colon.or_else(|| colons.find(|gap| is_plain(gap, ":")));
                    nodes.extend(properties.map(|one| &one.value));
                }
                AstValue::Array(array) => nodes.extend(&array.elements),
                AstValue::StringLit(_)
                | AstValue::NumberLit(_)
                | AstValue::BooleanLit(_)
                | AstValue::NullKeyword(_) => {}
            }
        }
        let colon = colon.unwrap_or(": ");
        let is_tight = colon == ":";
        let unit = between(root.start(), root.end()).contains('\n').then(|| {
            let first = children(root)
                .first()
                .map(|first| indent(body, first.start));
            first.filter(|first| !first.is_empty()).unwrap_or("  ")
        });
        Self {
            colon,
            comma: comma.unwrap_or(if is_tight { "," } else { ", " }),
            unit,
            line_end: if body.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    /// A value in lines of which the first one is indented so, or in one line.
    fn rendered(&self, value: &JsonText, indent: Option<&str>) -> String {
        let (open, close, entries) = match value {
            JsonText::Word(word) => return word.clone(),
            JsonText::List(items) => {
                let items = items.iter().map(|item| (String::new(), item));
                ('[', ']', items.collect::<Vec<_>>())
            }
            JsonText::Map(map) => {
                let name = |key: &String| format!("{}{}", Value::from(key.as_str()), self.colon);
                let entries = map.iter().map(|(key, value)| (name(key), value));
                ('{', '}', entries.collect())
            }
        };
        let lines = indent.zip(self.unit).filter(|_| !entries.is_empty());
        let below = lines.map(|(indent, unit)| format!("{indent}{unit}"));
        let words = entries.iter().map(|(name, value)| {
            let value = self.rendered(value, below.as_deref());
            format!("{name}{value}")
        });
        let words: Vec<String> = words.collect();
        match (lines, below) {
            (Some((indent, _)), Some(below)) => {
                let end = self.line_end;
                let words = words.join(&format!(",{end}{below}"));
                format!("{open}{end}{below}{words}{end}{indent}{close}")
            }
            _ => format!("{open}{}{close}", words.join(self.comma)),
        }
    }

    /// A value in the place of another: in lines where that one is.
    pub(super) fn in_place_of(&self, body: &str, old: Range<usize>, value: &JsonText) -> String {
        let is_long = body[old.clone()].contains('\n');
        self.rendered(value, is_long.then(|| indent(body, old.start)))
    }

    /// The text with an entry behind the last one of a list or an object.
    pub(super) fn added(
        &self,
        body: &str,
        whole: JsonRange,
        children: &[JsonRange],
        key: Option<&str>,
        value: &JsonText,
    ) -> String {
        let name = key.map(|key| format!("{}{}", Value::from(key), self.colon));
        let name = name.unwrap_or_default();
        let entry = |indent: Option<&str>| format!("{name}{}", self.rendered(value, indent));
        let Some(last) = children.last() else {
            return self.first(body, whole, entry);
        };
        let before = children.iter().rev().nth(1);
        let gap = &body[before.map_or(whole.start + 1, |before| before.end)..last.start];
        let close = whole.end - 1;
        let comma = comma_at(&body[..close], last.end);
        let behind = comma.map_or(last.end, |comma| comma + 1);
        let (from, at, entry) = match gap.contains('\n') {
            true => {
                let indent = indent(body, last.start);
                let line = format!("{}{indent}{}", self.line_end, entry(Some(indent)));
                (last.end, comment_end(&body[..close], behind), line)
            }
            false => {
                let comma = match before {
                    Some(_) if gap.trim() == "," => gap,
                    _ => self.comma,
                };
                let space = comma
                    .trim_start_matches([' ', '\t'])
                    .trim_start_matches(',');
                (last.end, behind, format!("{space}{}", entry(None)))
            }
        };
        match comma {
            Some(_) => format!("{}{entry},{}", &body[..at], &body[at..]),
            None => format!(
                "{},{}{entry}{}",
                &body[..from],
                &body[from..at],
                &body[at..]
            ),
        }
    }

    /// The text with the first entry of a list or an object.
    fn first(
        &self,
        body: &str,
        whole: JsonRange,
        entry: impl Fn(Option<&str>) -> String,
    ) -> String {
        let (open, close) = (whole.start + 1, whole.end - 1);
        let (before, inner, behind) = (&body[..open], &body[open..close], &body[close..]);
        let Some(unit) = self.unit else {
            return match inner.trim().is_empty() {
                true => format!("{before}{inner}{}{inner}{behind}", entry(None)),
                false => format!("{before}{}{inner}{behind}", entry(None)),
            };
        };
        let (end, indent) = (self.line_end, indent(body, whole.start));
        let below = format!("{indent}{unit}");
        let entry = entry(Some(&below));
        match inner.contains('\n') {
            true => format!("{before}{end}{below}{entry}{inner}{behind}"),
            false => format!("{before}{end}{below}{entry}{inner}{end}{indent}{behind}"),
        }
    }
}

/// The text without an entry of a list or an object.
pub(super) fn removed(body: &str, whole: JsonRange, children: &[JsonRange], at: usize) -> String {
    let (one, close) = (children[at], whole.end - 1);
    let previous = at.checked_sub(1).map(|before| children[before]);
    let comma = comma_at(&body[..close], one.end);
    let end = comma.map_or(one.end, |comma| comma + 1);
    let line = body[..one.start].rfind('\n').map_or(0, |at| at + 1);
    let comment = comment_end(&body[..close], end);
    let behind = &body[comment..close];
    let is_alone = line > whole.start
        && body[line..one.start].trim().is_empty()
        && behind
            .trim_start_matches([' ', '\t', '\r'])
            .starts_with('\n');
    // The comma in front of the last entry goes with it.
    let own = previous.filter(|_| comma.is_none());
    let own = own.and_then(|before| comma_at(&body[..close], before.end));
    let without = |cut: Range<usize>| match own.filter(|own| *own < cut.start) {
        Some(own) => format!(
            "{}{}{}",
            &body[..own],
            &body[own + 1..cut.start],
            &body[cut.end..]
        ),
        None => format!("{}{}", &body[..cut.start], &body[cut.end..]),
    };
    if is_alone {
        let end = body[comment..]
            .find('\n')
            .map_or(close, |at| comment + at + 1);
        return without(line..end);
    }
    let is_blank = |range: Range<usize>| body[range].trim_matches([' ', '\t']).is_empty();
    if let Some(next) = children
        .get(at + 1)
        .filter(|next| is_blank(end..next.start))
    {
        return without(one.start..next.start);
    }
    match previous {
        Some(before)
            if body[before.end..one.start]
                .trim_matches([' ', '\t', ','])
                .is_empty() =>
        {
            format!("{}{}", &body[..before.end], &body[one.end..])
        }
        Some(_) => without(one.start..end),
        None => {
            let spaces = &body[whole.start + 1..one.start];
            let is_padded = is_blank(whole.start + 1..one.start) && body[end..].starts_with([' ']);
            let start = one.start - if is_padded { spaces.len() } else { 0 };
            without(start..end)
        }
    }
}

/// The white space at the start of the line in which a byte stands.
fn indent(body: &str, at: usize) -> &str {
    let start = body[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = &body[start..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The comma behind an entry, with nothing but space and comments before it.
fn comma_at(body: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = &body[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &body[at..];
        if rest.starts_with(',') {
            return Some(at);
        }
        at += match (rest.starts_with("//"), rest.starts_with("/*")) {
            (true, _) => rest.find('\n').map(|end| end + 1)?,
            (_, true) => rest.find("*/").map(|end| end + 2)?,
            (false, false) => return None,
        };
    }
}

/// The end of a comment that stands behind an entry in its line, or the end of the entry.
fn comment_end(body: &str, from: usize) -> usize {
    let rest = &body[from..];
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let comment = line.trim();
    let is_whole = comment.starts_with("//")
        || comment.starts_with("/*")
            && comment
                .find("*/")
                .is_some_and(|end| end + 2 == comment.len());
    match is_whole {
        true => from + line.trim_end().len(),
        false => from,
    }
}

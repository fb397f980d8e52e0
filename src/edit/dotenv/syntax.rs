//! The shape of an env file: text in, items out, one behind the other without a gap. Values are
//! neither unquoted nor resolved here. The grammar is the one that Compose 2.26 and 2.40 were seen to
//! read (F36); where Compose gives up on a file, this parser marks the line as junk and goes on behind
//! it, so that a file with a fault can still be edited.

use super::error::LineProblem;
use super::key::is_key_char;

/// A piece of the text as byte offsets, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The piece of `text`. Spans are cut at character boundaries of the text that they were made
    /// from; of another text they give nothing.
    pub(super) fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteStyle {
    Plain,
    Single,
    Double,
    /// A quote that is never closed: the rest of its line.
    Open(char),
    /// Taken literally, in a file with `format: raw`.
    Raw,
}

/// What an item is. No item but `Space` and a quoted value has a line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemKind {
    Bom,
    Space,
    /// From `#` to the end of the line.
    Comment,
    /// `KEY=VALUE`; without quotes the item includes what is behind the value on the line.
    Assignment {
        key: Span,
        value: Span,
        style: QuoteStyle,
    },
    /// `KEY` alone: the value comes from the environment.
    Inherited {
        key: Span,
    },
    /// A name at the very end of the file without a line end. Compose reads it as the value of a
    /// variable without a name.
    Bare {
        text: Span,
    },
    Junk(LineProblem),
}

/// One item of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) span: Span,
    /// Line on which it begins, from 1.
    pub(super) line: usize,
    pub(super) kind: ItemKind,
}

impl Item {
    /// Whether it says something, or is only space or a comment.
    pub(super) fn is_statement(&self) -> bool {
        !matches!(
            self.kind,
            ItemKind::Bom | ItemKind::Space | ItemKind::Comment
        )
    }
}

/// Reads the items of `text` with the grammar that `statement` knows.
pub(super) fn parse(text: &str, statement: fn(&str, usize) -> (usize, ItemKind)) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (end, kind) = match rest.chars().next() {
            Some('\u{feff}') if at == 0 => (at + '\u{feff}'.len_utf8(), ItemKind::Bom),
            Some('#') => (end_of_line(text, at), ItemKind::Comment),
            Some(c) if c.is_whitespace() => (text.len() - rest.trim_start().len(), ItemKind::Space),
            _ => statement(text, at),
        };
        // A statement is never empty; this keeps a fault here from becoming an endless loop.
        let end = end.max(at + 1);
        let span = Span::new(at, end);
        items.push(Item { span, line, kind });
        line += span.of(text).bytes().filter(|byte| *byte == b'\n').count();
        at = end;
    }
    items
}

/// A statement of a file that Compose reads as it reads `.env`.
pub(super) fn compose_statement(text: &str, start: usize) -> (usize, ItemKind) {
    let body = skip_export(text, start);
    let rest = text.get(body..).unwrap_or_default();
    for (offset, c) in rest.char_indices() {
        let at = body + offset;
        match c {
            '=' | ':' | '\n' => {
                let key = Span::new(body, body + rest[..offset].trim_end().len());
                return if key.of(text).contains(' ') {
                    junk(text, at, LineProblem::SpaceInName)
                } else if c == '\n' {
                    (at, ItemKind::Inherited { key })
                } else {
                    compose_value(text, key, at + 1)
                };
            }
            c if is_blank(c) || is_key_char(c) => {}
            c => return junk(text, at, LineProblem::Character(c)),
        }
    }
    if rest.is_empty() {
        return junk(text, body, LineProblem::LoneExport);
    }
    (
        text.len(),
        ItemKind::Bare {
            text: Span::new(body, body + rest.trim_end().len()),
        },
    )
}

/// A line of a file with `format: raw`.
pub(super) fn raw_statement(text: &str, start: usize) -> (usize, ItemKind) {
    let feed = end_of_line(text, start);
    let line = Span::new(start, feed).of(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let end = start + line.len();
    let (name, value) = match line.split_once('=') {
        Some((name, _)) => (name, Some(Span::new(start + name.len() + 1, end))),
        None => (line, None),
    };
    if name.is_empty() || name.contains([' ', '\t']) {
        return (end, ItemKind::Junk(LineProblem::RawName));
    }
    let key = Span::new(start, start + name.len());
    match value {
        Some(value) => (
            end,
            ItemKind::Assignment {
                key,
                value,
                style: QuoteStyle::Raw,
            },
        ),
        None => (end, ItemKind::Inherited { key }),
    }
}

/// Where the name begins behind `export`. Only the blanks that Compose looks for make it the keyword;
/// a line feed is one of them.
fn skip_export(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    match rest.strip_prefix("export") {
        Some(body) if body.starts_with(['\t', '\n', '\u{c}', '\r', ' ']) => {
            text.len() - body.trim_start_matches(is_blank).len()
        }
        _ => start,
    }
}

fn compose_value(text: &str, key: Span, after: usize) -> (usize, ItemKind) {
    let start = text.len() - text[after..].trim_start_matches(is_blank).len();
    let quoted = match text.as_bytes().get(start) {
        Some(b'\'') => Some(('\'', QuoteStyle::Single)),
        Some(b'"') => Some(('"', QuoteStyle::Double)),
        _ => None,
    };
    // A quoted value first: its line may hold many of them, and is not to be searched for each.
    if let Some((quote, style)) = quoted
        && let Some(end) = closing_quote(text, start, quote)
    {
        return (
            end,
            ItemKind::Assignment {
                key,
                value: Span::new(start, end),
                style,
            },
        );
    }
    let eol = end_of_line(text, start);
    let line = &text[start..eol];
    if let Some((quote, _)) = quoted {
        let value = Span::new(start, start + line.trim_end().len());
        return (
            value.end,
            ItemKind::Assignment {
                key,
                value,
                style: QuoteStyle::Open(quote),
            },
        );
    }
    // Only a space makes `#` a comment here, and the blanks behind `=` are gone by now: `A= #c` reads
    // as `#c` (F36).
    let value = line
        .split_once(" #")
        .map_or(line, |(value, _)| value)
        .trim_end();
    let value = Span::new(start, start + value.len());
    (
        eol,
        ItemKind::Assignment {
            key,
            value,
            style: QuoteStyle::Plain,
        },
    )
}

/// The end of the quoted value that begins at `start`, behind its closing quote.
fn closing_quote(text: &str, start: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(start + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            byte if char::from(byte) == quote => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// The rest of the line of `at`, which is behind the start of the statement.
fn junk(text: &str, at: usize, problem: LineProblem) -> (usize, ItemKind) {
    let line = Span::new(at, end_of_line(text, at)).of(text);
    (at + line.trim_end().len(), ItemKind::Junk(problem))
}

/// The offset of the next line feed, or the end of the text.
pub(super) fn end_of_line(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |offset| at + offset)
}

/// The blanks that Compose skips inside a line.
pub(super) fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

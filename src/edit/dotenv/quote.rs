//! How a value is written so that it reads back byte for byte (F35), in the style of the value that
//! it replaces as far as that style can carry it.

use super::syntax::{ItemKind, QuoteStyle};

/// What the new value takes the place of.
pub(super) enum QuotePlace<'a> {
    /// Nothing: the variable gets its first value.
    New,
    /// A value. `rest_of_line` is what stands behind it on its line, where it is not quoted.
    Value {
        token: &'a str,
        style: QuoteStyle,
        rest_of_line: &'a str,
    },
}

/// The text that says `value` at `place`, in a file that Compose reads as it reads `.env`. `value` has
/// no NUL.
pub(super) fn write(value: &str, place: &QuotePlace<'_>) -> String {
    match place {
        QuotePlace::New => fresh(value),
        QuotePlace::Value {
            token,
            style: QuoteStyle::Plain,
            rest_of_line,
        } => {
            let empty_before_comment = value.is_empty() && !rest_of_line.trim().is_empty();
            if !empty_before_comment && stays_plain(value, token) {
                value.to_owned()
            } else {
                quoted(value)
            }
        }
        QuotePlace::Value {
            token,
            style: QuoteStyle::Single | QuoteStyle::Open('\''),
            ..
        } => {
            // A value over several lines may stay so.
            let over_lines = token.contains('\n') && !token.contains('\r');
            if fits_single(value, over_lines) {
                single(value)
            } else {
                double(value, over_lines)
            }
        }
        // Inside double quotes these need a backslash, which Compose takes off again and other
        // readers of the same file (Node's dotenv) do not; single quotes are read alike by all.
        QuotePlace::Value { .. }
            if value.contains(['\\', '"', '$']) && fits_single(value, false) =>
        {
            single(value)
        }
        QuotePlace::Value { token, .. } => {
            double(value, token.contains('\n') && !token.contains('\r'))
        }
    }
}

/// The quoting rule for a value that has no predecessor.
fn fresh(value: &str) -> String {
    if value.chars().all(is_safe) {
        value.to_owned()
    } else {
        quoted(value)
    }
}

fn quoted(value: &str) -> String {
    if fits_single(value, false) {
        single(value)
    } else {
        double(value, false)
    }
}

/// Characters that mean themselves to Compose, to other readers of env files, and to a shell.
fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c)
}

/// Whether an unquoted value may be followed by another. What the old one had in it without quotes is
/// allowed again, as far as Compose takes it for itself.
fn stays_plain(value: &str, old: &str) -> bool {
    let carried = value
        .chars()
        .all(|c| is_safe(c) || (!matches!(c, '$' | '\n' | '\r') && old.contains(c)));
    carried
        && value.trim() == value
        && !value.starts_with(['\'', '"', '#'])
        && !value.contains(" #")
}

/// Single quotes carry everything but themselves, line ends (an editor or git may change those), and
/// a backslash that would escape the closing quote.
fn fits_single(value: &str, over_lines: bool) -> bool {
    let backslashes = value.len() - value.trim_end_matches('\\').len();
    !value.contains(['\'', '\r'])
        && (over_lines || !value.contains('\n'))
        && backslashes.is_multiple_of(2)
}

fn single(value: &str) -> String {
    format!("'{value}'")
}

fn double(value: &str, keep_line_feeds: bool) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '\\' | '"' | '$' => out.extend(['\\', c]),
            '\n' if !keep_line_feeds => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl<'a> QuotePlace<'a> {
    /// The place of the value of `item`, in `text`.
    pub(super) fn of(kind: &ItemKind, text: &'a str, end: usize) -> QuotePlace<'a> {
        match kind {
            ItemKind::Assignment { value, style, .. } => QuotePlace::Value {
                token: value.of(text),
                style: *style,
                rest_of_line: text.get(value.end..end).unwrap_or_default(),
            },
            ItemKind::Bom
            | ItemKind::Space
            | ItemKind::Comment
            | ItemKind::Inherited { .. }
            | ItemKind::Bare { .. }
            | ItemKind::Junk(_) => QuotePlace::New,
        }
    }
}

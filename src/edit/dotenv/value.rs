//! From a value as it is written to what it says: quotes and escapes. References stay as they are.

use std::borrow::Cow;

use super::syntax::QuoteStyle;

/// A value without its quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unquoted<'a> {
    /// What it says.
    Literal(Cow<'a, str>),
    /// Text in which `$` still has its meaning.
    Template(Cow<'a, str>),
}

/// Takes the quotes off `token`, and resolves the escapes that Compose knows in them.
pub(super) fn unquote(token: &str, style: QuoteStyle) -> Unquoted<'_> {
    match style {
        QuoteStyle::Raw => Unquoted::Literal(Cow::Borrowed(token)),
        QuoteStyle::Plain | QuoteStyle::Open(_) => Unquoted::Template(Cow::Borrowed(token)),
        QuoteStyle::Single => Unquoted::Literal(single(inside(token))),
        QuoteStyle::Double => Unquoted::Template(double(inside(token))),
    }
}

fn inside(token: &str) -> &str {
    token
        .get(1..token.len().saturating_sub(1))
        .unwrap_or_default()
}

/// Between single quotes only `\'` is an escape, and a backslash behind a backslash escapes nothing.
fn single(text: &str) -> Cow<'_, str> {
    if !text.contains("\\'") {
        return Cow::Borrowed(text);
    }
    escapes(text, |escaped, _, out| match escaped {
        '\'' => out.push('\''),
        other => out.extend(['\\', other]),
    })
}

fn double(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    escapes(text, |escaped, rest, out| match escaped {
        '"' | '\\' => out.push(escaped),
        // `$$` is what the resolving of references turns into a plain dollar sign.
        '$' => out.push_str("$$"),
        'a' => out.push('\u{7}'),
        'b' => out.push('\u{8}'),
        't' => out.push('\t'),
        'n' => out.push('\n'),
        'v' => out.push('\u{b}'),
        'f' => out.push('\u{c}'),
        'r' => out.push('\r'),
        '0' => octal(rest, out),
        other => out.extend(['\\', other]),
    })
}

/// `\0` takes up to three digits. Three octal ones up to 377 are a character; anything else loses
/// just the zero.
fn octal(rest: &mut &str, out: &mut String) {
    let length = rest.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let (digits, tail) = rest.split_at(length);
    match u8::from_str_radix(digits, 8) {
        Ok(code) if length == 3 => out.push(char::from(code)),
        _ => {
            out.push('\\');
            out.push_str(digits);
        }
    }
    *rest = tail;
}

/// Copies `text`, giving the character behind each backslash to `write`, together with what follows.
fn escapes(text: &str, write: impl Fn(char, &mut &str, &mut String)) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = behind.chars();
        match chars.next() {
            Some(escaped) => {
                rest = chars.as_str();
                write(escaped, &mut rest, &mut out);
            }
            None => {
                out.push('\\');
                rest = "";
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

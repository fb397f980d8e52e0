//! A single value as YAML text: which notations can carry it, and how it is written in each.

use granit_parser::ScalarStyle;
use serde_json::Value;

use super::value::plain_value;

/// Where a scalar is to stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// Inside `{}` or `[]`.
    pub(super) flow: bool,
    /// The notation of the value that it replaces, or of its neighbours.
    pub(super) like: Option<ScalarStyle>,
    /// Whether that value is being replaced, and so its notation stays wherever it can.
    pub(super) replaces: bool,
}

/// The words of a value on one line.
pub(super) fn render(value: &Value, setting: Setting) -> String {
    match value {
        Value::String(text) => render_string(text, setting),
        Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            value.to_string()
        }
    }
}

fn render_string(text: &str, setting: Setting) -> String {
    let printable = text.chars().all(is_printable);
    match setting.like {
        Some(ScalarStyle::SingleQuoted) if printable => return single(text),
        Some(ScalarStyle::DoubleQuoted) => return double(text),
        _ => {}
    }
    let in_old_style = setting.replaces && setting.like == Some(ScalarStyle::Plain);
    if can_be_plain(text, setting.flow) && (in_old_style || !is_word_of_yaml_1_1(text)) {
        return text.to_owned();
    }
    if printable && text.contains(['"', '\\']) && !text.contains('\'') {
        return single(text);
    }
    double(text)
}

/// Whether a text can stand without quotes and is read as this very string, by Compose's parser
/// as by ours.
pub(super) fn can_be_plain(text: &str, flow: bool) -> bool {
    is_plain_shape(text, flow)
        && !is_typed_elsewhere(text)
        && plain_value(text) == Value::String(text.to_owned())
}

/// Whether a text without quotes is one plain scalar, of whatever type.
pub(super) fn is_plain_shape(text: &str, flow: bool) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second = chars.next();
    let starts_well = match first {
        '-' | '?' | ':' => second.is_some_and(|c| c != ' ' && !(flow && is_flow_indicator(c))),
        c => !is_indicator(c),
    };
    let marker = text == "---" || text == "..." || text.starts_with("--- ");
    starts_well
        && !marker
        && !text.starts_with("... ")
        && !text.ends_with([' ', ':'])
        && !text.starts_with(' ')
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|c| is_printable(c) && c != '\t')
        && !(flow
            && text
                .chars()
                .any(|c| is_flow_indicator(c) || matches!(c, '?' | ':')))
}

fn is_indicator(c: char) -> bool {
    is_flow_indicator(c)
        || matches!(
            c,
            '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
        )
}

fn is_flow_indicator(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}

/// Characters that may stand for themselves within a line.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Words that are strings in YAML 1.2 and in Compose, and booleans or numbers to the base of 60
/// for many other readers: a new one is written in quotes, one that stands without them is left
/// so.
fn is_word_of_yaml_1_1(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.contains(':')
        && text
            .trim_start_matches(['+', '-'])
            .split([':', '.'])
            .all(digits)
    {
        return true;
    }
    matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off")
}

/// Words that some reader of Compose files takes for a number, a date or a special key, though
/// ours takes them for strings.
fn is_typed_elsewhere(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let date = unsigned.len() >= 8
        && unsigned.get(..4).is_some_and(digits)
        && unsigned.get(4..5) == Some("-")
        && unsigned.get(5..6).is_some_and(digits);
    let number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.replace('_', "").parse::<f64>().is_ok();
    let radix = ["0x", "0o", "0b", "0X", "0O", "0B"].iter().any(|radix| {
        let rest = unsigned.strip_prefix(radix);
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_'))
    });
    let special = matches!(
        unsigned.to_ascii_lowercase().as_str(),
        ".inf" | ".nan" | "<<" | "="
    );
    date || number || radix || special
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A block scalar: header and lines, each of them indented, joined by the file's line break and
/// without a break at the end. `None` when that notation cannot carry the text.
pub(super) fn block(
    text: &str,
    style: ScalarStyle,
    header_rest: &str,
    indent: usize,
    line_break: &str,
) -> Option<String> {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    let starts_ill = body.is_empty() || body.starts_with([' ', '\t', '\n']);
    let folds = style == ScalarStyle::Folded && (body.contains('\n') || body.contains("  "));
    let ends_ill = body.split('\n').any(|line| line.ends_with([' ', '\t']));
    if starts_ill || folds || ends_ill || !body.chars().all(|c| c == '\n' || is_printable(c)) {
        return None;
    }
    let mark = if style == ScalarStyle::Literal {
        '|'
    } else {
        '>'
    };
    let chomp = match breaks {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let mut out = format!("{mark}{chomp}{header_rest}");
    for line in body.split('\n') {
        out.push_str(line_break);
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    for _ in 1..breaks {
        out.push_str(line_break);
    }
    Some(out)
}

//! Edits of Java's properties files: no sections, names with dots, no quotes, and no comment behind a
//! value; a backslash escapes, and at the end of a line it joins it with the next one.

use std::ops::Range;

use serde_json::Value;

use super::change::{PathEdit, PathEditError};
use crate::edit::yaml::{NewValue, YamlPath};

/// An entry, over all its lines.
struct Property {
    key: String,
    /// Its lines, with their ends.
    span: Range<usize>,
    /// The bytes of the value, as they are written.
    value: Range<usize>,
}

/// Every key with its value.
pub(super) fn entries(text: &str) -> Vec<(YamlPath, String)> {
    let all = parse(text).into_iter();
    let all = all.filter_map(|one| {
        let path = match one.key.parse() {
            Ok(path) => path,
            Err(_) => YamlPath::of_keys([one.key.as_str()]).ok()?,
        };
        Some((path, decoded(&text[one.value])))
    });
    all.collect()
}

/// The value at a path.
///
/// # Errors
/// It is there several times.
pub(super) fn get(text: &str, path: &YamlPath) -> Result<Option<Value>, PathEditError> {
    let found = find(text, path)?;
    Ok(found.map(|one| decoded(&text[one.value]).into()))
}

/// Gives a key a value; a new one stands at the end.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let value = match new {
        NewValue::Auto(value) | NewValue::String(value) => value.clone(),
        NewValue::Int(number) => number.to_string(),
        NewValue::Json(value) => crate::edit::value_text(value),
    };
    let found = find(text, path)?;
    let before = found.as_ref().map(|one| decoded(&text[one.value.clone()]));
    let after = Some(Value::from(value.clone()));
    if before.as_ref() == Some(&value) {
        return Ok(PathEdit::of(text.to_owned(), after.clone(), after));
    }
    let word = encoded(&value, !text.trim_start_matches('\u{feff}').is_ascii());
    let edited = match found {
        Some(one) => {
            let (before, behind) = (&text[..one.value.start], &text[one.value.end..]);
            // A key alone has no separator yet.
            let is_open = before.ends_with(['=', ':', ' ', '\t']);
            let separator = if is_open { "" } else { "=" };
            format!("{before}{separator}{word}{behind}")
        }
        None => added(text, path, &word),
    };
    match get(&edited, path)? == after {
        true => Ok(PathEdit::of(edited, before.map(Value::from), after)),
        false => Err(PathEditError::WouldChangeMore {
            path: path.to_string(),
        }),
    }
}

/// Removes a key with its lines; what is not there is no error.
///
/// # Errors
/// It is there several times.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let Some(one) = find(text, path)? else {
        return Ok(PathEdit::of(text.to_owned(), None, None));
    };
    let before = decoded(&text[one.value]);
    let edited = format!("{}{}", &text[..one.span.start], &text[one.span.end..]);
    Ok(PathEdit::of(edited, Some(before.into()), None))
}

/// The name that a path is: dots and brackets are parts of it.
fn name(path: &YamlPath) -> String {
    match path.segments() {
        [crate::edit::yaml::Segment::Key(key)] => key.clone(),
        _ => path.to_string(),
    }
}

fn find(text: &str, path: &YamlPath) -> Result<Option<Property>, PathEditError> {
    let key = name(path);
    let mut found = parse(text).into_iter().filter(|one| one.key == key);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(PathEditError::Ambiguous {
            path: path.to_string(),
            what: "the key is there several times".to_owned(),
        }),
        (one, None) => Ok(one),
    }
}

/// Every entry; each other line is a comment or blank.
fn parse(text: &str) -> Vec<Property> {
    let mut found = Vec::new();
    let mut lines = text.split_inclusive('\n').scan(0, |at, line| {
        let span = *at..*at + line.len();
        *at = span.end;
        Some(span)
    });
    while let Some(mut span) = lines.next() {
        let line = text[span.clone()]
            .trim_start_matches('\u{feff}')
            .trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while is_cut(&text[span.clone()]) {
            let Some(more) = lines.next() else { break };
            span.end = more.end;
        }
        found.push(property(text, span));
    }
    found
}

fn is_cut(line: &str) -> bool {
    let line = line.trim_end_matches(['\n', '\r']);
    (line.len() - line.trim_end_matches('\\').len()) % 2 == 1
}

fn property(text: &str, span: Range<usize>) -> Property {
    let end = span.start + text[span.clone()].trim_end_matches(['\n', '\r']).len();
    let raw = &text[span.start..end];
    let line = raw.trim_start_matches('\u{feff}').trim_start();
    let start = end - line.len();
    let mut is_escaped = false;
    let close = line.find(|c: char| {
        let is_end = !is_escaped && (c == '=' || c == ':' || c.is_whitespace());
        is_escaped = c == '\\' && !is_escaped;
        is_end
    });
    let close = start + close.unwrap_or(line.len());
    let behind = text[close..end].trim_start();
    let behind = behind.strip_prefix(['=', ':']).unwrap_or(behind);
    let behind = behind.trim_start();
    Property {
        key: decoded(&text[start..close]),
        span,
        value: end - behind.len()..end,
    }
}

/// The text without its escapes.
fn decoded(raw: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut letters = raw.chars().peekable();
    while let Some(letter) = letters.next() {
        let plain = match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = letters.clone().take(4).collect();
                    match u16::from_str_radix(&digits, 16) {
                        Ok(unit) if digits.len() == 4 => {
                            units.push(unit);
                            letters.nth(3);
                            continue;
                        }
                        _ => 'u',
                    }
                }
                // The line goes on in the next one.
                Some('\r' | '\n') => {
                    while letters.next_if(|c| c.is_whitespace()).is_some() {}
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend(plain.encode_utf16(&mut [0; 2]).iter());
    }
    String::from_utf16_lossy(&units)
}

/// A value as it is written. Letters beyond ASCII are escaped, for many programs read such a file as
/// Latin-1; not where there are some already.
fn encoded(value: &str, has_letters: bool) -> String {
    let mut out = String::new();
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' ' if out.is_empty() => out.push_str("\\ "),
            c if c.is_control() || !(c.is_ascii() || has_letters) => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                out.extend(units.iter().map(|unit| format!("\\u{unit:04X}")));
            }
            c => out.push(c),
        }
    }
    out
}

/// The text with a new entry at its end, written as the last one is.
fn added(text: &str, path: &YamlPath, word: &str) -> String {
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let open = match text.is_empty() || text.ends_with('\n') || text == "\u{feff}" {
        true => "",
        false => line_end,
    };
    let separator = parse(text).pop().map(|last| {
        let before = &text[last.span.start..last.value.start];
        let key = before.trim_end_matches(|c: char| c == '=' || c == ':' || c.is_whitespace());
        before[key.len()..].to_owned()
    });
    let separator = separator.filter(|it| it.len() <= 3 && it.contains(['=', ':']));
    let separator = separator.unwrap_or_else(|| "=".to_owned());
    let key = name(path).replace('\\', "\\\\");
    let key = key
        .replace(':', "\\:")
        .replace('=', "\\=")
        .replace(' ', "\\ ");
    format!("{text}{open}{key}{separator}{word}{line_end}")
}

//! How a value is written in an INI file. Programs differ in what quotes, `#` and `;` mean to them, so
//! what not all of them read the same is refused, unless the file shows how its program reads it.

use super::change::PathEditError;
use super::ini_lines::{IniEntry, unquoted};
use crate::edit::yaml::{NewValue, YamlPath};

/// A value as it is written.
pub(super) struct WrittenValue {
    /// With its quotes.
    pub(super) text: String,
    /// Without them: what is read.
    pub(super) value: String,
}

/// A value in the place of another, or in a new line.
///
/// # Errors
/// Some program would read another value.
pub(super) fn written(
    path: &YamlPath,
    old: Option<(&IniEntry, &str)>,
    new: &NewValue,
) -> Result<WrittenValue, PathEditError> {
    let (value, is_literal) = match new {
        NewValue::Auto(value) => (value.clone(), false),
        NewValue::String(value) => (value.clone(), true),
        NewValue::Int(number) => (number.to_string(), true),
        NewValue::Json(value) => (crate::edit::value_text(value), false),
    };
    let refused = |what| {
        let path = path.to_string();
        Err(PathEditError::Value { path, what })
    };
    if value.contains(char::is_control) {
        return refused("an INI file has values of one line");
    }
    let quoted = |quote: &str, inner: &str| WrittenValue {
        text: format!("{quote}{inner}{quote}"),
        value: inner.to_owned(),
    };
    if let Some((quote, inner)) = unquoted(&value).filter(|_| !is_literal) {
        return Ok(quoted(quote, inner));
    }
    if let Some(quote) = old.and_then(|(entry, _)| entry.quote) {
        let is_held = !value.contains(quote) && !value.ends_with('\\');
        return match is_held {
            true => Ok(quoted(quote, &value)),
            false => refused("it stands in quotes, and this would end or open them"),
        };
    }
    if value.trim() != value {
        return quotes_needed(path, "a space at an end would not be read");
    }
    let signs = ['#', ';'];
    let is_apart = [" #", " ;"].iter().any(|sign| value.contains(sign));
    if value.starts_with(signs) || is_apart {
        return quotes_needed(
            path,
            "many programs read what is behind # or ; as a comment",
        );
    }
    // What stands there shows how its program reads it.
    let has = |signs: &[char]| is_literal || old.is_some_and(|(_, text)| text.contains(signs));
    if value.contains(signs) && !has(&signs) {
        return quotes_needed(
            path,
            "many programs read what is behind # or ; as a comment",
        );
    }
    if (value.contains('"') || value.starts_with(['\'', '`'])) && !has(&['"', '\'', '`']) {
        return quotes_needed(path, "many programs would look for the other quote");
    }
    if value.ends_with('\\') {
        return refused("many programs would go on reading in the next line");
    }
    let inner = unquoted(&value).map_or(value.as_str(), |(_, inner)| inner);
    Ok(WrittenValue {
        value: inner.to_owned(),
        text: value,
    })
}

fn quotes_needed<T>(path: &YamlPath, what: &'static str) -> Result<T, PathEditError> {
    let path = path.to_string();
    Err(PathEditError::NeedsQuotes { path, what })
}

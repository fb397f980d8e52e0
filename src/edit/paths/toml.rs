//! Edits of TOML by path. A value is replaced at its own bytes, an entry removed by its lines; what is
//! added is laid out by `toml_edit`. Each text is read again and compared.

use std::ops::Range;

use serde_json::Value;
use toml_edit::{Document, DocumentMut, InlineTable, Item, Table, Value as TomlValue};

use super::change::{self, PathEdit, PathEditError, position, proven, shown};
use super::toml_value::{of_table, of_value, to_toml};
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// The whole text as a tree; dates are text in it.
///
/// # Errors
/// It is no TOML.
pub(super) fn read(text: &str) -> Result<Value, PathEditError> {
    Ok(of_table(parse(text)?.as_table(), None))
}

/// The same with each number as it stands there.
///
/// # Errors
/// It is no TOML.
pub(super) fn words(text: &str) -> Result<Value, PathEditError> {
    Ok(of_table(parse(text)?.as_table(), Some(text)))
}

fn parse(text: &str) -> Result<Document<&str>, PathEditError> {
    Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = position(text, at);
        PathEditError::Syntax {
            syntax: "TOML",
            line,
            column,
            message: error.message().replace('\n', ", "),
        }
    })
}

/// Gives the place a value.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let document = parse(text)?;
    let tree = of_table(document.as_table(), None);
    let before = change::follow(&tree, steps)?.cloned();
    let found = item_at(document.as_item(), steps);
    let old = found.and_then(|found| found.as_value());
    if before.is_some() && old.is_none() {
        return Err(is_section(steps));
    }
    let value = typed(steps, old, before.as_ref(), new)?;
    let after = of_value(&value, None);
    let span = found.and_then(span_of);
    let word = span.clone().map(|span| styled(&text[span], &value));
    let is_same = !after.is_number() || word.as_deref() == span.clone().map(|span| &text[span]);
    if is_same && before.as_ref() == Some(&after) {
        return Ok(PathEdit::of(text.to_owned(), before.clone(), before));
    }
    let edited = match (span, word) {
        (Some(span), Some(word)) => format!("{}{word}{}", &text[..span.start], &text[span.end..]),
        _ => laid_out(text, path, |document| insert(document, steps, &value))?,
    };
    proven(
        read,
        text,
        &tree,
        path,
        PathEdit::of(edited, before, Some(after)),
    )
}

/// Removes the place; what is not there is no error.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let steps = path.segments();
    let document = parse(text)?;
    let tree = of_table(document.as_table(), None);
    let before = change::follow(&tree, steps)?.cloned();
    let Some(_) = &before else {
        let text = text.to_owned();
        let (after, notes) = (None, vec![]);
        return Ok(PathEdit {
            text,
            before,
            after,
            notes,
        });
    };
    let edited = match lines_of_entry(&document, text, steps) {
        Some(lines) => format!("{}{}", &text[..lines.start], &text[lines.end..]),
        None if item_at(document.as_item(), steps).is_some_and(|it| it.as_value().is_none()) => {
            return Err(is_section(steps));
        }
        None => laid_out(text, path, |document| remove(document, steps))?,
    };
    proven(read, text, &tree, path, PathEdit::of(edited, before, None))
}

/// A table with a header of its own, or several.
fn is_section(steps: &[Segment]) -> PathEditError {
    PathEditError::IsSection {
        section: shown(steps),
    }
}

fn item_at<'a>(root: &'a Item, steps: &[Segment]) -> Option<ItemRef<'a>> {
    let mut at = ItemRef::Item(root);
    for step in steps {
        at = at.below(step)?;
    }
    Some(at)
}

/// A place in the tree: an array holds values, a table items.
#[derive(Clone, Copy)]
enum ItemRef<'a> {
    Item(&'a Item),
    Table(&'a Table),
    Value(&'a TomlValue),
}

impl<'a> ItemRef<'a> {
    fn as_value(&self) -> Option<&'a TomlValue> {
        match self {
            Self::Item(item) => item.as_value(),
            Self::Table(_) => None,
            Self::Value(value) => Some(value),
        }
    }

    fn below(&self, step: &Segment) -> Option<Self> {
        match (self, step) {
            (Self::Table(table), Segment::Key(key)) => table.get(key).map(Self::Item),
            (Self::Item(Item::Table(table)), Segment::Key(key)) => table.get(key).map(Self::Item),
            (Self::Item(Item::ArrayOfTables(all)), Segment::Index(index)) => {
                all.get(*index).map(Self::Table)
            }
            (_, Segment::Key(key)) => {
                let table = self.as_value()?.as_inline_table()?;
                table.get(key).map(Self::Value)
            }
            (_, Segment::Index(index)) => self.as_value()?.as_array()?.get(*index).map(Self::Value),
            (_, Segment::Append) => None,
        }
    }
}

fn span_of(found: ItemRef<'_>) -> Option<Range<usize>> {
    found.as_value()?.span()
}

/// The value of the kind that stands there.
fn typed(
    steps: &[Segment],
    old: Option<&TomlValue>,
    seen: Option<&Value>,
    new: &NewValue,
) -> Result<TomlValue, PathEditError> {
    if let (NewValue::Auto(text), Some(old)) = (new, old) {
        let parsed = text.trim().parse::<TomlValue>().ok();
        let parsed = parsed.map(|value| value.decorated("", ""));
        let alike = |value: &TomlValue| value.type_name() == old.type_name();
        match old {
            TomlValue::Integer(_) | TomlValue::Boolean(_) | TomlValue::Datetime(_) => {
                return parsed.filter(alike).ok_or_else(|| PathEditError::Value {
                    path: shown(steps),
                    what: match old.type_name() {
                        "boolean" => {
                            "true or false stands there, and this is neither; --string writes text"
                        }
                        "integer" if is_digits(text) => TOO_LARGE,
                        "integer" => {
                            "a whole number stands there, and this is none; --string writes text"
                        }
                        _ => "a date or time stands there, and this is none; --string writes text",
                    },
                });
            }
            TomlValue::Float(_) => {
                let whole = parsed.as_ref().and_then(TomlValue::as_integer);
                if let Some(whole) = whole {
                    return Ok(TomlValue::from(whole as f64));
                }
                if let Some(float) = parsed.filter(alike) {
                    return Ok(float);
                }
            }
            TomlValue::String(_) | TomlValue::Array(_) | TomlValue::InlineTable(_) => {}
        }
    }
    if let (NewValue::Auto(text), None) = (new, old)
        && let Some(number) = number(text)
    {
        return Ok(number);
    }
    let value = change::wanted(steps, seen, new)?;
    let is_large = match new {
        NewValue::Auto(text) => value.is_number() && is_digits(text.trim()),
        NewValue::String(_) | NewValue::Int(_) | NewValue::Json(_) => value.is_u64(),
    };
    let made = to_toml(&value).filter(|_| !is_large || value.is_i64());
    made.ok_or_else(|| PathEditError::Value {
        path: shown(steps),
        what: match is_large {
            true => TOO_LARGE,
            false => "TOML has no null",
        },
    })
}

const TOO_LARGE: &str =
    "a whole number of TOML has 64 bits, and this has more; --string writes text";

fn is_digits(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['+', '-']);
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

/// A number that is new, with its digits as they were typed.
fn number(text: &str) -> Option<TomlValue> {
    let text = text.trim();
    let starts_so = text
        .trim_start_matches(['+', '-'])
        .starts_with(|c: char| c.is_ascii_digit());
    let mut value = text.parse::<TomlValue>().ok().filter(|_| starts_so)?;
    value.decor_mut().clear();
    (value.is_integer() || value.is_float()).then_some(value)
}

/// A value as it is written: in the quotes that stood there, where they can hold it.
fn styled(old: &str, value: &TomlValue) -> String {
    let plain = |c: char| c != '\'' && !c.is_control();
    match value.as_str() {
        Some(text)
            if old.starts_with('\'') && !old.starts_with("'''") && text.chars().all(plain) =>
        {
            format!("'{text}'")
        }
        _ => value.to_string().trim().to_owned(),
    }
}

/// An edit in the layout of `toml_edit`, which knows one kind of line end.
fn laid_out(
    text: &str,
    path: &YamlPath,
    edit: impl FnOnce(&mut DocumentMut) -> Option<()>,
) -> Result<String, PathEditError> {
    let not_edited = |what| PathEditError::NotEdited {
        path: path.to_string(),
        what,
    };
    let has_returns = text.contains("\r\n");
    let plain = text.replace("\r\n", "\n");
    if has_returns && text.matches('\n').count() != text.matches("\r\n").count() {
        return Err(not_edited("the lines of the file end in two ways"));
    }
    let mut document = parse(&plain)?.into_mut();
    edit(&mut document).ok_or_else(|| not_edited("there is no plain way to write it"))?;
    let edited = document.to_string();
    Ok(match has_returns {
        true => edited.replace('\n', "\r\n"),
        false => edited,
    })
}

fn insert(document: &mut DocumentMut, steps: &[Segment], value: &TomlValue) -> Option<()> {
    let (last, above) = steps.split_last()?;
    let mut at = document.as_item_mut();
    for step in above {
        at = match step {
            Segment::Key(key) => {
                let table = at.as_table_like_mut()?;
                if !table.contains_key(key) {
                    let mut new = Table::new();
                    new.set_implicit(true);
                    let is_inline = table.get("").is_none() && at.is_inline_table();
                    let item = match is_inline {
                        true => Item::Value(InlineTable::new().into()),
                        false => Item::Table(new),
                    };
                    at.as_table_like_mut()?.insert(key, item);
                }
                at.as_table_like_mut()?.get_mut(key)?
            }
            Segment::Index(index) => at.get_mut(*index)?,
            Segment::Append => return None,
        };
    }
    match last {
        Segment::Key(key) => {
            // One that was implied by its parts has a header of its own now.
            if let Some(table) = at.as_table_mut() {
                table.set_implicit(false);
            }
            at.as_table_like_mut()?
                .insert(key, Item::Value(value.clone()));
        }
        Segment::Append if at.is_array_of_tables() => {
            let table = value.as_inline_table()?.clone().into_table();
            at.as_array_of_tables_mut()?.push(table);
        }
        Segment::Append => {
            let array = at.as_array_mut()?;
            let decor = array.iter().last().map(|last| last.decor().clone());
            let mut value = value.clone();
            match decor {
                Some(decor) if array.trailing_comma() || array.len() > 1 => {
                    *value.decor_mut() = decor;
                    array.push_formatted(value);
                }
                _ => array.push(value),
            }
        }
        Segment::Index(_) => return None,
    }
    Some(())
}

fn remove(document: &mut DocumentMut, steps: &[Segment]) -> Option<()> {
    let (last, above) = steps.split_last()?;
    let mut at = document.as_item_mut();
    for step in above {
        at = match step {
            Segment::Key(key) => at.as_table_like_mut()?.get_mut(key)?,
            Segment::Index(index) => at.get_mut(*index)?,
            Segment::Append => return None,
        };
    }
    match last {
        Segment::Key(key) => at.as_inline_table_mut()?.remove(key).map(|_| ()),
        Segment::Index(index) => {
            let array = at.as_array_mut()?;
            let gone = (*index < array.len()).then(|| array.remove(*index))?;
            // What stood in front of the first item now stands in front of the next one.
            if *index == 0
                && let Some(next) = array.get_mut(0)
            {
                let prefix = gone.decor().prefix().cloned().unwrap_or_default();
                next.decor_mut().set_prefix(prefix);
            }
            Some(())
        }
        Segment::Append => None,
    }
}

/// The lines of an entry of a table, where it is alone on them.
fn lines_of_entry(
    document: &Document<&str>,
    text: &str,
    steps: &[Segment],
) -> Option<Range<usize>> {
    let (Segment::Key(last), above) = steps.split_last()? else {
        return None;
    };
    let table = match item_at(document.as_item(), above)? {
        ItemRef::Item(Item::Table(table)) | ItemRef::Table(table) => table,
        ItemRef::Item(_) | ItemRef::Value(_) => return None,
    };
    let (key, item) = table.get_key_value(last)?;
    let value = item.as_value()?.span()?;
    let start = text[..key.span()?.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[value.end..].find('\n');
    let end = end.map_or(text.len(), |at| value.end + at + 1);
    Some(start..end)
}

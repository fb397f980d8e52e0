//! Edits by path: of YAML, TOML, JSON and INI.

use std::path::Path;

use super::file::{check_is_file, text_of, with_meant};
use crate::assessment::edited::{Edited, KeyChange};
use crate::complaint::{Code, Complaint};
use crate::edit::paths::{PathEditError, PathSyntax};
use crate::edit::value_text;
use crate::edit::yaml::{self, NewValue, YamlError, YamlPath};
use crate::request::{Edit, To, ValueType};
use crate::stack::locate::Located;
use crate::stack::side::Side;
use crate::stack::{shown, suggested_path};

pub(super) fn edit_yaml(
    path: &Path,
    edits: &[Edit],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    let was = edited.text(path)?;
    let mut text = text_of(&file, was.bytes().unwrap_or_default())?;
    for edit in edits {
        let place: YamlPath = edit
            .key
            .parse()
            .map_err(|error| refused_yaml(&file, &error))?;
        let done = match &edit.to {
            To::Set(value, kind) => yaml::set(&text, &place, &new_value(value.expose(), *kind)?),
            To::Unset => yaml::delete(&text, &place),
        };
        let done = done.map_err(|error| refused_yaml(&file, &error))?;
        edited
            .notes
            .extend(done.notes.iter().map(|note| format!("{file}: {note}")));
        edited
            .notes
            .extend(slip(&file, &place, edit, &done, located));
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: edit.key.clone(),
            name: place.last_key().unwrap_or_default().to_owned(),
            before: done.before.as_ref().map(value_text),
            after: done.after.as_ref().map(value_text),
        });
        text = done.text;
    }
    let after = Side::new(text.into_bytes(), &was);
    edited.put(path, was, after);
    Ok(())
}

/// The same of a file of another syntax.
pub(super) fn edit_paths(
    syntax: PathSyntax,
    path: &Path,
    edits: &[Edit],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    let was = edited.text(path)?;
    let mut text = text_of(&file, was.bytes().unwrap_or_default())?;
    let refused = |error: PathEditError| refused_paths(&file, &error);
    for edit in edits {
        let place: YamlPath = edit
            .key
            .parse()
            .map_err(|error| refused_yaml(&file, &error))?;
        let done = match &edit.to {
            To::Set(value, kind) => syntax
                .set(&text, &place, &new_value(value.expose(), *kind)?)
                .map_err(refused)?,
            To::Unset => syntax.delete(&text, &place).map_err(refused)?,
        };
        let notes = done.notes.iter();
        edited
            .notes
            .extend(notes.map(|note| format!("{file}: {note}")));
        if matches!(edit.to, To::Unset) && done.before.is_none() {
            let note = format!("{file}: {place} was not set; nothing to remove");
            let meant = syntax.sibling(&text, &place);
            edited.notes.push(with_meant(note, meant.as_deref()));
        }
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: place.to_string(),
            name: place.last_key().unwrap_or_default().to_owned(),
            before: done.before.as_ref().map(value_text),
            after: done.after.as_ref().map(value_text),
        });
        text = done.text;
    }
    let after = Side::new(text.into_bytes(), &was);
    edited.put(path, was, after);
    Ok(())
}

/// What is wrong with a file or an edit of it.
pub(crate) fn refused_paths(file: &str, error: &PathEditError) -> Complaint {
    Complaint::new(error.code(), format!("{file}: {error}")).hint(error.hint(file))
}

/// What Compose lets pass, and a person may not have meant: nothing to remove, and a service that
/// only a slip of the finger made.
fn slip(
    file: &str,
    place: &YamlPath,
    edit: &Edit,
    done: &yaml::YamlEdit,
    located: &Located,
) -> Option<String> {
    if done.before.is_some() {
        return None;
    }
    let meant = suggested_path::of(place, located);
    match edit.to {
        To::Unset => {
            let text = format!("{file}: {place} was not set; nothing to remove");
            Some(with_meant(text, meant.as_deref()))
        }
        To::Set(..) => meant.map(|meant| format!("{place} is new; did you mean {meant}?")),
    }
}

fn new_value(text: &str, kind: ValueType) -> Result<NewValue, Complaint> {
    Ok(match kind {
        ValueType::Auto => NewValue::Auto(text.to_owned()),
        ValueType::String => NewValue::String(text.to_owned()),
        ValueType::Int => NewValue::Int(text.trim().parse().map_err(|_| {
            Complaint::new(Code::BadValue, "--int: the value is not a whole number")
        })?),
        ValueType::Json => NewValue::Json(serde_json::from_str(text).map_err(|error| {
            Complaint::new(
                Code::BadValue,
                format!("--as-json: the value is not JSON: {error}"),
            )
        })?),
    })
}

/// What is wrong with a YAML file or an edit of it, with its place.
pub(crate) fn refused_yaml(file: &str, error: &YamlError) -> Complaint {
    let place = error
        .line()
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    Complaint::new(error.code(), format!("{file}{place}: {error}")).hint(error.hint())
}

//! Edits by path: of YAML, TOML, JSON, INI and properties.

use std::path::Path;

use super::command::with_key;
use super::file::{check_is_file, text_of, with_meant};
use crate::assessment::edited::{Edited, KeyChange, NotThere};
use crate::complaint::{Code, Complaint};
use crate::edit::paths::{self, PathEditError, PathSyntax};
use crate::edit::value_text;
use crate::edit::yaml::{self, NewValue, YamlError, YamlPath};
use crate::request::{Edit, EditRequest, To, ValueType};
use crate::stack::locate::Located;
use crate::stack::side::Side;
use crate::stack::{shown, suggested_path};
use crate::suggest;

/// Whose file it is, which says how it is read and what a value in it may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum PathFile {
    /// Compose's own, which knows the type of each value itself.
    Compose,
    /// YAML of another program.
    Yaml,
    /// Of another syntax.
    Other(PathSyntax),
}

/// What became of a text.
struct DoneEdit {
    text: String,
    before: Option<String>,
    after: Option<String>,
    notes: Vec<String>,
}

pub(super) fn edit_by_path(
    of: PathFile,
    path: &Path,
    edits: &[Edit],
    request: Option<&EditRequest>,
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    let was = edited.text(path)?;
    let mut text = text_of(&file, was.bytes().unwrap_or_default())?;
    for edit in edits {
        let parsed = edit.key.parse();
        let place: YamlPath = parsed.map_err(|error| refused_yaml(&file, &error))?;
        let done = of.edited(&file, &text, &place, edit, request)?;
        let notes = done.notes.iter();
        edited
            .notes
            .extend(notes.map(|note| format!("{file}: {note}")));
        if done.before.is_none() {
            let meant = of.meant(&text, &place, located);
            if let Some(slip) = of.slip(edit, &file, meant.as_deref()) {
                edited.not_there.push(slip);
            }
            let remark = of.remark_on_new(&file, &place, edit, meant);
            edited.notes.extend(remark);
        }
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: match of {
                PathFile::Compose | PathFile::Yaml => edit.key.clone(),
                PathFile::Other(_) => place.to_string(),
            },
            name: place.last_key().unwrap_or_default().to_owned(),
            before: done.before,
            after: done.after,
        });
        text = done.text;
    }
    let after = Side::new(text.into_bytes(), &was);
    edited.put(path, was, after);
    Ok(())
}

impl PathFile {
    fn new_value(self, text: &str, kind: ValueType) -> Result<NewValue, Complaint> {
        match (self, kind) {
            (Self::Compose, ValueType::Literal) => value_of(&text.replace('$', "$$"), kind),
            (Self::Compose | Self::Yaml | Self::Other(_), _) => value_of(text, kind),
        }
    }

    fn edited(
        self,
        file: &str,
        text: &str,
        place: &YamlPath,
        edit: &Edit,
        request: Option<&EditRequest>,
    ) -> Result<DoneEdit, Complaint> {
        let new = match &edit.to {
            To::Set(value, kind) => Some(self.new_value(value.expose(), *kind)?),
            To::Unset => None,
        };
        // A number is told as it stands, or was typed.
        let told = |value: Option<serde_json::Value>, word: Option<String>| {
            let typed = match &new {
                Some(NewValue::Auto(typed)) => typed.trim(),
                Some(NewValue::String(_) | NewValue::Int(_) | NewValue::Json(_)) | None => "",
            };
            let is_typed = |value: &serde_json::Value| value.is_number() && !typed.is_empty();
            let value = value?;
            Some(word.unwrap_or_else(|| match is_typed(&value) {
                true => typed.to_owned(),
                false => value_text(&value),
            }))
        };
        match self {
            Self::Compose | Self::Yaml => {
                let done = match (&new, self) {
                    (Some(new), Self::Yaml) => yaml::set_alike(text, place, new),
                    (Some(new), _) => yaml::set(text, place, new),
                    (None, _) => yaml::delete(text, place),
                };
                let done = done.map_err(|error| refused_yaml(file, &error))?;
                let word = |text: &str| yaml::number_word(text, place);
                Ok(DoneEdit {
                    before: told(done.before, word(text)),
                    after: told(done.after, word(&done.text)),
                    notes: done.notes.iter().map(ToString::to_string).collect(),
                    text: done.text,
                })
            }
            Self::Other(syntax) => {
                let done = match &new {
                    Some(new) => syntax.set(text, place, new),
                    None => syntax.delete(text, place),
                };
                let done = done.map_err(|error| {
                    let refused = refused_paths(file, &error);
                    let Some((mended, request)) = error.mended().zip(request) else {
                        return refused;
                    };
                    let command = with_key(&mended.path, edit, request);
                    refused.hint(format!("{} {command}?", mended.lead))
                })?;
                let word = |text: &str| syntax.number_word(text, place);
                Ok(DoneEdit {
                    before: told(done.before, word(text)),
                    after: told(done.after, word(&done.text)),
                    notes: done.notes,
                    text: done.text,
                })
            }
        }
    }

    /// What was probably meant by a path that is not there.
    fn meant(self, text: &str, place: &YamlPath, located: &Located) -> Option<String> {
        match self {
            Self::Compose => suggested_path::of(place, located),
            Self::Yaml => paths::sibling_in_yaml(text, place),
            Self::Other(syntax) => syntax.sibling(text, place),
        }
    }

    /// Nothing to remove, by a slip of the hand.
    fn slip(self, edit: &Edit, file: &str, meant: Option<&str>) -> Option<NotThere> {
        let meant = meant.filter(|meant| match self {
            // Of paths in its own files Compose's grammar gives advice that is wider than slips.
            Self::Compose => suggest::slip_of(&edit.key, [*meant]).is_some(),
            Self::Yaml | Self::Other(_) => true,
        })?;
        matches!(edit.to, To::Unset).then(|| NotThere {
            key: edit.key.clone(),
            meant: meant.to_owned(),
            at: file.to_owned(),
        })
    }

    /// What Compose lets pass, and a person may not have meant: nothing to remove, and a service that
    /// only a slip of the finger made.
    fn remark_on_new(
        self,
        file: &str,
        place: &YamlPath,
        edit: &Edit,
        meant: Option<String>,
    ) -> Option<String> {
        match (&edit.to, self) {
            (To::Unset, _) => {
                let note = format!("{file}: {place} was not set; nothing to remove");
                Some(with_meant(note, meant.as_deref()))
            }
            (To::Set(..), Self::Compose) => {
                meant.map(|meant| format!("{place} is new; did you mean {meant}?"))
            }
            // Refused as a slip, unless it is meant so.
            (To::Set(..), Self::Yaml | Self::Other(_)) => None,
        }
    }
}

/// What is wrong with a file or an edit of it.
pub(crate) fn refused_paths(file: &str, error: &PathEditError) -> Complaint {
    Complaint::new(error.code(), format!("{file}: {error}")).hint(error.hint(file))
}

fn value_of(text: &str, kind: ValueType) -> Result<NewValue, Complaint> {
    let refused = |text: String| Complaint::new(Code::BadValue, text);
    Ok(match kind {
        ValueType::Auto => NewValue::Auto(text.to_owned()),
        ValueType::String | ValueType::Literal => NewValue::String(text.to_owned()),
        ValueType::Int => NewValue::Int(text.trim().parse().map_err(|_| {
            let digits = text.trim().trim_start_matches(['+', '-']);
            let is_number = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
            refused(match is_number {
                true => "--int: the number has more than 64 bits".to_owned(),
                false => "--int: the value is not a whole number".to_owned(),
            })
        })?),
        ValueType::Json => NewValue::Json(
            serde_json::from_str(text)
                .map_err(|error| refused(format!("--as-json: the value is not JSON: {error}")))?,
        ),
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

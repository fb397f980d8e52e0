//! Edits of an env file.

use std::path::Path;

use super::file::{check_is_file, format_of, with_meant};
use crate::assess::edit_target;
use crate::assessment::edited::{Edited, KeyChange, NotThere};
use crate::assessment::key_diff::value_of;
use crate::complaint::{Code, Complaint};
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, EnvNote};
use crate::request::{Edit, To};
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::side::Side;
use crate::suggest;

/// A path that was typed for a file that has none.
fn check_is_env(shown: &str, edits: &[Edit]) -> Result<(), Complaint> {
    match edits
        .iter()
        .find(|edit| edit_target::is_compose_path(&edit.key))
    {
        Some(edit) => {
            let text = format!(
                "{} is a path in a compose file, and {shown} is not one",
                edit.key
            );
            Err(Complaint::new(Code::Usage, text).hint("leave -F out, or name the compose file"))
        }
        None => Ok(()),
    }
}

pub(super) fn edit_env(
    path: &Path,
    edits: &[Edit],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    check_is_env(&file, edits)?;
    let was = edited.text(path)?;
    // A name that was mistyped makes a new file as well.
    if was == Side::Absent && path != located.first_env_file() {
        edited.remarks.push(format!("{file} is new"));
    }
    let format = format_of(path, located);
    let refused = |error: DotenvError| Complaint::new(error.code(), format!("{file}: {error}"));
    let mut tree = Dotenv::parse(was.bytes().unwrap_or_default(), format).map_err(&refused)?;
    for edit in edits {
        let key: EnvKey = edit
            .key
            .parse()
            .map_err(|error: crate::edit::dotenv::EnvKeyError| {
                Complaint::new(error.code(), error.to_string()).hint(
                    "write KEY=VALUE; a path such as services.web.image edits the compose file",
                )
            })?;
        let old = value_of(&tree, &key);
        let (notes, new) = match &edit.to {
            To::Set(value, _) => {
                let value = value.expose();
                (
                    tree.set(&key, value).map_err(&refused)?,
                    Some(value.to_owned()),
                )
            }
            To::Unset => (tree.unset(&key).map_err(&refused)?, None),
        };
        let is_gone = notes
            .iter()
            .any(|note| matches!(note, EnvNote::NotSet { .. }));
        let known = || tree.keys().map(|(known, _)| known);
        if is_gone && let Some(meant) = suggest::slip_of(key.as_str(), known()) {
            let line = tree.keys().find(|(known, _)| *known == meant);
            let line = line.map(|(_, line)| format!(":{line}")).unwrap_or_default();
            edited.not_there.push(NotThere {
                key: edit.key.clone(),
                meant: meant.to_owned(),
                at: format!("{file}{line}"),
            });
        }
        let near = || suggest::meant(key.as_str(), known());
        for note in notes {
            let text = format!("{file}: {note}");
            match (&note, near()) {
                (EnvNote::NotSet { .. }, None) => edited.remarks.push(text),
                (EnvNote::NotSet { .. }, near) => edited.notes.push(with_meant(text, near)),
                (_, _) => edited.notes.push(text),
            }
        }
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: key.to_string(),
            name: key.to_string(),
            before: old,
            after: new,
        });
    }
    let after = tree.to_bytes();
    // Nothing to remove from a file that does not exist: it stays so.
    let after = match was == Side::Absent && after.is_empty() {
        true => Side::Absent,
        false => Side::new(after, &was),
    };
    edited.put(path, was, after);
    Ok(())
}

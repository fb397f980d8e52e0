//! Files that a compose file names by a variable: `include: ['${PART}.yaml']`. With `--no-interpolate`
//! Compose does not find them, so it is given the stack with those names filled in.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::locate::Located;
use super::side::{FileEdit, Origin, Side};
use super::staged::Staged;
use super::variables::{OwnVariables, StackVariables};
use crate::docker::compose::Compose;
use crate::edit::yaml::{self, NewValue, Segment, YamlPath};

/// What Compose says of the stack with the names filled in; nothing where there is no such name, or it
/// cannot be read all the same.
pub(super) async fn source_config(
    compose: &Compose,
    located: &Located,
    own: &OwnVariables,
) -> Option<Value> {
    let variables = StackVariables::read(located, &[]);
    let besides = variables.read_besides().cloned();
    let files: Vec<PathBuf> = located.args.files.iter().cloned().chain(besides).collect();
    let edits: Vec<FileEdit> = files.iter().filter_map(|file| filled(file, own)).collect();
    if edits.is_empty() {
        return None;
    }
    let scratch = compose
        .mark()
        .and_then(|mark| Some(mark.parent()?.to_owned()));
    let scratch = scratch.unwrap_or_else(std::env::temp_dir);
    let staged = Staged::new(&located.args, &edits, &scratch).ok()?;
    let read = compose.source_config_of_staged(&staged.args, staged.prefix());
    read.await.ok()
}

fn filled(file: &Path, own: &OwnVariables) -> Option<FileEdit> {
    let before = Side::read(file);
    let mut text = String::from_utf8(before.bytes()?.to_owned()).ok()?;
    let scalars = yaml::scalars(&text).ok()?;
    let mut is_changed = false;
    for scalar in scalars {
        if !scalar.value.contains('$') || !names_a_file(&scalar.path) {
            continue;
        }
        let value = NewValue::String(own.fill_in(&scalar.value));
        text = yaml::set(&text, &scalar.path, &value).ok()?.text;
        is_changed = true;
    }
    is_changed.then(|| FileEdit {
        path: file.to_owned(),
        after: Side::new(text.into_bytes(), &before),
        before,
        origin: Origin::Refit,
    })
}

fn names_a_file(path: &YamlPath) -> bool {
    let key = |at: usize| match path.segments().get(at) {
        Some(Segment::Key(key)) => Some(key.as_str()),
        Some(Segment::Index(_) | Segment::Append) | None => None,
    };
    let of_service = key(0) == Some("services") && key(2) == Some("extends");
    key(0) == Some("include") || of_service && key(3) == Some("file")
}

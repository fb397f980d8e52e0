//! The last text of the stack's files that was seen to agree with its containers: what an `apply`
//! after an edit by hand goes back to when it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::survey::Survey;
use crate::engine::files;
use crate::stack::Place;
use crate::stack::model::{Model, Section};
use crate::stack::source::Source;
use crate::stack::staged::FileEdit;
use crate::state::{StackState, make_folder, write_file};

/// Larger files are data, not settings.
const LARGEST: u64 = 1 << 20;

/// By path, the name of the kept text.
type Index = BTreeMap<PathBuf, String>;

/// The files that make the stack what it is.
fn files_of(place: &Place, model: &Model, source: &Source) -> BTreeSet<PathBuf> {
    let mut paths: BTreeSet<PathBuf> = place.located.args.files.iter().cloned().collect();
    paths.extend(place.located.env_files());
    for service in source.services.values() {
        paths.extend(service.env_files.iter().map(|entry| entry.path.clone()));
    }
    for service in model.services.values() {
        paths.extend(service.binds.iter().map(|bind| bind.source.clone()));
    }
    for section in [Section::Configs, Section::Secrets] {
        for definition in model.shared.get(&section).into_iter().flatten() {
            let file = definition.1.get("file").and_then(Value::as_str);
            paths.extend(file.map(PathBuf::from));
        }
    }
    paths.retain(|path| std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST));
    paths
}

fn folder_of(state: &StackState) -> PathBuf {
    state.folder().join("baseline")
}

fn read_index(state: &StackState) -> Option<Index> {
    serde_json::from_slice(&std::fs::read(folder_of(state).join("index.json")).ok()?).ok()
}

/// Keeps the texts that a run has proven: those that it changed, and those of which none is known.
/// What a person edited elsewhere and did not apply is not proven by it. A text that cannot be kept
/// is missing later, and is said then.
pub fn keep(place: &Place, survey: &Survey, state: &StackState) {
    let known = match read_index(state) {
        // Some services were left out of an `apply`.
        Some(_) if !survey.differing.is_empty() && survey.edited.is_by_hand => return,
        known => known.unwrap_or_default(),
    };
    let changed: BTreeSet<&PathBuf> = survey.edited.changing().map(|edit| &edit.path).collect();
    let proven = |path: &PathBuf| match changed.contains(path) {
        true => None,
        false => known.get(path).cloned(),
    };
    let _ = try_keep(place, survey, state, proven);
}

/// Keeps all present texts where files and containers were compared and agree.
pub fn keep_if_in_line(place: &Place, survey: &Survey, state: &StackState) {
    if survey.in_line {
        let _ = try_keep(place, survey, state, |_| None);
    }
}

/// `retained` names the text that stays the known good one of a file.
fn try_keep(
    place: &Place,
    survey: &Survey,
    state: &StackState,
    retained: impl Fn(&PathBuf) -> Option<String>,
) -> anyhow::Result<()> {
    let folder = folder_of(state);
    let mut index = Index::new();
    for path in files_of(place, &survey.after, &survey.source) {
        if let Some(name) = retained(&path) {
            index.insert(path, name);
            continue;
        }
        let bytes = std::fs::read(&path)?;
        let name: String = Sha256::digest(&bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let kept = folder.join(&name);
        if !kept.exists() {
            make_folder(&folder)?;
            write_file(&kept, &bytes)?;
        }
        index.insert(path, name);
    }
    if read_index(state).as_ref() == Some(&index) {
        return Ok(());
    }
    make_folder(&folder)?;
    write_file(&folder.join("index.json"), &serde_json::to_vec(&index)?)?;
    remove_unused(&folder, &index);
    Ok(())
}

fn remove_unused(folder: &Path, index: &Index) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "index.json" && !index.values().any(|used| *used == name) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// What was edited by hand since the baseline: `before` is the baseline's text, `after` the present
/// one. `None`: there is no baseline.
pub fn edits(
    place: &Place,
    model: &Model,
    source: &Source,
    state: &StackState,
) -> Option<Vec<FileEdit>> {
    let index = read_index(state)?;
    let mut paths = files_of(place, model, source);
    paths.extend(index.keys().cloned());
    let mut edits = Vec::new();
    for path in paths {
        let before = match index.get(&path) {
            Some(name) => std::fs::read(folder_of(state).join(name)).ok(),
            None => None,
        };
        let after = files::read_if_exists(&path).ok().flatten();
        let edit = FileEdit {
            path,
            before,
            after,
        };
        if !edit.is_noop() {
            edits.push(edit);
        }
    }
    Some(edits)
}

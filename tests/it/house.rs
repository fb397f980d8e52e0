//! The layout of the code: rooms use only rooms below them, and a name of a type is used once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that use each other: what a run assesses, applies and rolls back is not apart yet.
const NOT_APART_YET: [(&str, &str); 0] = [];

/// Names that still stand for several types. None may come; one that is gone here has to go there.
const TWICE_YET: &[&str] = &[
    "Account",
    "Action",
    "Address",
    "Application",
    "Ask",
    "At",
    "Candidate",
    "Change",
    "Check",
    "Command",
    "ComposeFile",
    "Credentials",
    "Draft",
    "Edited",
    "End",
    "Entry",
    "Fetched",
    "Finding",
    "Form",
    "Found",
    "Given",
    "Health",
    "ImageNews",
    "Item",
    "Kept",
    "Kind",
    "Lies",
    "Life",
    "Line",
    "Lines",
    "Login",
    "Long",
    "Looked",
    "Mount",
    "News",
    "Note",
    "Options",
    "Origin",
    "Piece",
    "Place",
    "Problem",
    "Progress",
    "Reading",
    "Reason",
    "Record",
    "Reference",
    "Running",
    "Seen",
    "Settings",
    "Shape",
    "Sign",
    "Source",
    "State",
    "Stopped",
    "Style",
    "Subject",
    "Target",
    "Text",
    "Told",
    "Track",
    "Wanted",
    "Word",
];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found
}

/// Without tests, which may use any room.
fn product() -> impl Iterator<Item = (PathBuf, String)> {
    let is_test = |path: &Path| {
        path.iter()
            .any(|part| part == "tests" || part == "tests.rs")
    };
    let sources = sources().into_iter();
    sources
        .filter(move |(path, _)| !is_test(path))
        .map(|(path, text)| {
            let code = text.split("\n#[cfg(test)]").next().unwrap();
            (path, code.to_owned())
        })
}

/// The rooms as `lib.rs` lists them, from top to bottom.
fn rooms() -> Vec<String> {
    let (_, text) = sources()
        .into_iter()
        .find(|(path, _)| path == Path::new("lib.rs"))
        .unwrap();
    let lines = text.lines();
    let modules = lines.filter_map(|line| line.split("mod ").nth(1)?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

fn room_of(path: &Path) -> String {
    let first = path.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn rooms_use_only_what_lies_below_them() {
    let rooms = rooms();
    let at = |name: &str| rooms.iter().position(|room| room == name);
    let mut up = BTreeMap::new();
    for (path, code) in product() {
        let room = room_of(&path);
        let Some(own) = at(&room) else { continue };
        for used in code.split("crate::").skip(1) {
            let used: String = used
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if at(&used).is_some_and(|other| other < own) {
                up.entry((room.clone(), used))
                    .or_insert_with(BTreeSet::new)
                    .insert(path.clone());
            }
        }
    }
    let found: BTreeSet<(&str, &str)> = up
        .keys()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    assert_eq!(found, BTreeSet::from(NOT_APART_YET), "{up:#?}");
}

#[test]
fn a_name_of_a_type_is_used_once() {
    let mut places: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, code) in product() {
        for line in code.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words
                .iter()
                .position(|word| matches!(*word, "struct" | "enum" | "trait"));
            let before = &words[..at.unwrap_or(0)];
            let is_definition = before.iter().all(|word| word.starts_with("pub"));
            let Some(name) = at
                .filter(|_| is_definition)
                .and_then(|at| words.get(at + 1))
            else {
                continue;
            };
            let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
            if name.starts_with(char::is_uppercase) {
                places.entry(name).or_default().insert(path.clone());
            }
        }
    }
    places.retain(|_, files| files.len() > 1);
    let twice: Vec<&str> = places.keys().map(String::as_str).collect();
    assert_eq!(twice, TWICE_YET, "{places:#?}");
}

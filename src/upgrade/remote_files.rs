//! Compose files that lie elsewhere. Compose fetches what `include:` and `extends:` name as soon as it reads
//! the new version, and fills the person's own secrets into the address: nobody has seen that address yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::edit::yaml;
use crate::stack::side::Side;
use crate::stack::{Place, shown};
use crate::trust::VersionFiles;

/// Reads a file of a version.
type Read<'a> = &'a dyn Fn(&Path) -> anyhow::Result<Option<Vec<u8>>>;

/// Keeps a new version from being read that names another place than the present one does.
///
/// # Errors
/// It does, or a file of it cannot be read.
pub(super) fn refuse_new(place: &Place, moving: &Moving) -> Result<(), Complaint> {
    let version = VersionFiles::after(moving);
    let edits = moving.file_edits().into_iter();
    let comes = edits.filter(|edit| !matches!(edit.after, Side::Absent));
    let comes = comes.map(|edit| edit.path).filter(|path| sets_up(path));
    let mut files = place.located.args.files.clone();
    let present = named(files.clone(), &crate::host::files::read_if_exists)?;
    files.extend(comes);
    let coming = named(files, &|path| version.read(path))?;
    let new = coming.iter().find(|(text, _)| !present.contains_key(*text));
    let Some((text, file)) = new else {
        return Ok(());
    };
    let file = shown(&place.located.args.directory, file);
    let text = format!(
        "{file} of the new version takes a compose file from {text}, which the present version does not"
    );
    Err(Complaint::new(Code::RemoteInclude, text).hint(
        "reading it calls that address, with what .env fills in: look at it first, then git pull by hand",
    ))
}

/// By its name, a file that Compose takes by itself.
fn sets_up(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    is_yaml && (name.starts_with("compose") || name.starts_with("docker-compose"))
}

/// The other places that compose files name, as they are written, and those that the files name which they
/// include; with the file that says so.
fn named(mut open: Vec<PathBuf>, read: Read<'_>) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    while let Some(file) = open.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let Some(bytes) = read(&file)? else { continue };
        let folder = file.parent().unwrap_or(Path::new(""));
        for text in taken_in(&String::from_utf8_lossy(&bytes)) {
            match is_elsewhere(&text) {
                true => {
                    found.insert(text, file.clone());
                }
                false => open.push(folder.join(text)),
            }
        }
    }
    Ok(found)
}

/// What a compose file takes in.
fn taken_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    match yaml::read(text) {
        Ok(value) => below_taking(&value, false, &mut found),
        // Compose may be able to read it.
        Err(_) => found.extend(
            text.split(|c: char| c.is_whitespace() || "\"'[]{},".contains(c))
                .filter(|word| is_elsewhere(word))
                .map(str::to_owned),
        ),
    }
    found
}

/// The texts below every `include` and `extends`, which an anchor can put anywhere.
fn below_taking(value: &Value, takes: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if takes => found.push(text.clone()),
        Value::Array(items) => {
            for item in items {
                below_taking(item, takes, found);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                let takes = takes || key == "include" || key == "extends";
                below_taking(field, takes, found);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether Compose may take it from elsewhere: a URL, `git@host:path`, `github.com/owner/name`, or what a
/// variable says at its beginning.
fn is_elsewhere(text: &str) -> bool {
    let first = text.split(['/', ':']).next().unwrap_or_default();
    let is_host = first == "github.com" || first.contains('@');
    text.contains("://") || is_host || text.starts_with('$') || text.contains(".git#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_compose_file_takes_from_elsewhere() {
        let elsewhere = |text: &str| {
            let mut all = taken_in(text);
            all.retain(|text| is_elsewhere(text));
            all
        };
        let url = "http://x/${P}.git";
        assert_eq!(elsewhere(&format!("include: ['{url}']\n")), [url]);
        let long = format!("include:\n  - path: [a.yaml, '{url}']\n");
        assert_eq!(elsewhere(&long), [url]);
        let extends = "services: {a: {extends: {file: 'oci://x/y', service: b}}}\n";
        assert_eq!(elsewhere(extends), ["oci://x/y"]);
        assert_eq!(
            elsewhere("include: ['git@h:a/b', ./c.yaml]\n"),
            ["git@h:a/b"]
        );
        assert_eq!(
            elsewhere("services: {a: {environment: {U: 'http://x'}}}\n").len(),
            0
        );
    }
}

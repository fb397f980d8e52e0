//! Compose files that other compose files name: under `include`, and under `extends` of a service. One
//! that is elsewhere, or named by a variable, is not found here.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::edit::yaml::{self, YamlPath};
use crate::host::files;

/// The files that these include, and those that those include.
pub(crate) fn included(files: &[PathBuf]) -> Vec<PathBuf> {
    closure(files, included_by)
}

/// The files that Compose reads besides these: included ones, and those that services extend.
pub(crate) fn read_besides(files: &[PathBuf]) -> Vec<PathBuf> {
    closure(files, |file| {
        let mut found = included_by(file);
        found.extend(extended_by(file));
        found
    })
}

fn closure(files: &[PathBuf], named_by: impl Fn(&Path) -> Vec<PathBuf>) -> Vec<PathBuf> {
    let (mut seen, mut next) = (files.to_vec(), 0);
    while let Some(file) = seen.get(next).cloned() {
        next += 1;
        for named in named_by(&file) {
            if !seen.contains(&named) {
                seen.push(named);
            }
        }
    }
    seen.split_off(files.len())
}

/// In all forms of `include`.
fn included_by(file: &Path) -> Vec<PathBuf> {
    let entries = value_at(file, "include", "include");
    let entries = entries.as_ref().and_then(Value::as_array);
    let paths_of = |entry: &Value| {
        let named = entry.get("path").unwrap_or(entry);
        match named.as_array() {
            Some(all) => all.clone(),
            None => vec![named.clone()],
        }
    };
    let paths: Vec<Value> = entries.into_iter().flatten().flat_map(paths_of).collect();
    beside(file, paths.iter())
}

fn extended_by(file: &Path) -> Vec<PathBuf> {
    let services = value_at(file, "services", "extends");
    let services = services.as_ref().and_then(Value::as_object);
    let services = services.into_iter().flat_map(|all| all.values());
    let named = services.filter_map(|service| service.get("extends")?.get("file"));
    beside(file, named)
}

/// The value at a path of a file in which a word occurs.
fn value_at(file: &Path, path: &str, word: &str) -> Option<Value> {
    let text = files::text_if_readable(file).unwrap_or_default();
    // Most files name none, and a large one takes long to read.
    if !text.contains(word) {
        return None;
    }
    let path: YamlPath = path.parse().ok()?;
    yaml::get(&text, &path).ok().flatten()
}

fn beside<'a>(file: &Path, named: impl Iterator<Item = &'a Value>) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let paths = named.filter_map(|path| Some(folder.join(path.as_str()?)));
    paths.filter(|path| path.is_file()).collect()
}

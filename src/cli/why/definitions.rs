//! What compose files and later env files say of a key: what overrides a line of an env file.

use std::path::{Path, PathBuf};

use crate::assess::edits;
use crate::edit::dotenv::{Dotenv, EnvKey};
use crate::edit::yaml;
use crate::event::{ServiceName, Shown};
use crate::host::files;
use crate::stack::locate::Located;
use crate::stack::{Resolved, shown};
use crate::suggest;

/// Every env file of the stack, Compose's own and the services', each once.
pub(super) fn env_files(located: &Located, resolved: &Resolved) -> Vec<PathBuf> {
    let mut paths = located.env_files();
    for service in resolved.source.services.values() {
        paths.extend(service.env_files.iter().map(|entry| entry.path.clone()));
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(files::follow(path)));
    paths
}

pub(super) fn tree_of(path: &Path, located: &Located) -> Option<Dotenv> {
    let bytes = files::read_if_exists(path).ok()??;
    Dotenv::parse(&bytes, edits::format_of(path, located)).ok()
}

/// A value that `environment:` of a service gives.
pub(super) struct DefinedValue {
    pub(super) service: ServiceName,
    /// `compose.yaml:8`; empty where it comes through an anchor.
    pub(super) places: String,
    pub(super) value: Shown,
}

/// Every service whose `environment:` names the key.
pub(super) fn given(located: &Located, resolved: &Resolved, key: &EnvKey) -> Vec<DefinedValue> {
    let services = resolved.source.services.iter();
    let named = services.filter(|(_, service)| service.environment.contains(key.as_str()));
    named
        .map(|(name, _)| {
            let service = resolved.model.services.get(name);
            let value = service.and_then(|service| service.environment.get(key.as_str()));
            let value = value.cloned().flatten();
            DefinedValue {
                service: name.clone(),
                places: places(located, name, key),
                value: Shown::of(key.as_str(), value.as_deref()),
            }
        })
        .collect()
}

/// Where `environment:` of a service names a key, in the stack's own files.
pub(super) fn places(located: &Located, service: &ServiceName, key: &EnvKey) -> String {
    let environment = format!("services.{service}.environment");
    let pair = format!("{key}=");
    let mut places = Vec::new();
    for file in &located.args.files {
        let text = files::text_if_readable(file).unwrap_or_default();
        for scalar in yaml::scalars(&text).unwrap_or_default() {
            let path = scalar.path.to_string();
            let Some(rest) = path.strip_prefix(&environment) else {
                continue;
            };
            let in_list = rest.starts_with('[')
                && (scalar.value == key.as_str() || scalar.value.starts_with(&pair));
            if in_list || rest == format!(".{key}") || rest == format!("[\"{key}\"]") {
                let file = shown(&located.args.directory, file);
                places.push(format!("{file}:{}", scalar.line));
            }
        }
    }
    places.dedup();
    places.join(", ")
}

/// What overrides the key of an env file in a service: its `environment:`, or an env file after it.
pub(super) fn over(
    located: &Located,
    resolved: &Resolved,
    service: &ServiceName,
    file: &Path,
    key: &EnvKey,
) -> Option<String> {
    let source = resolved.source.services.get(service)?;
    if source.environment.contains(key.as_str()) {
        let places = places(located, service, key);
        return Some(match places.is_empty() {
            true => "`environment:`".to_owned(),
            false => format!("`environment:` in {places}"),
        });
    }
    let real = files::follow(file);
    let entries = source.env_files.iter();
    let after = entries
        .skip_while(|entry| files::follow(&entry.path) != real)
        .skip(1);
    let sets = |path: &Path| tree_of(path, located).is_some_and(|tree| tree.line_of(key).is_some());
    let last = after.filter(|entry| sets(&entry.path)).last()?;
    Some(shown(&located.args.directory, &last.path))
}

/// The key that was probably meant, where nothing knows the one that was typed.
pub(super) fn meant(located: &Located, resolved: &Resolved, key: &EnvKey) -> Option<String> {
    let mut known: Vec<String> = Vec::new();
    for path in env_files(located, resolved) {
        let tree = tree_of(&path, located);
        let keys = tree.iter().flat_map(|tree| tree.keys());
        known.extend(keys.map(|(known, _)| known.to_owned()));
    }
    for service in resolved.source.services.values() {
        known.extend(service.environment.iter().cloned());
    }
    suggest::nearest(key.as_str(), known.iter().map(String::as_str)).map(str::to_owned)
}

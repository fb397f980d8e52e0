//! Where a key is written so that the application reads it: in an env file that reaches it, or in
//! its definition.

use std::path::{Path, PathBuf};

use crate::assess::edit_target;
use crate::assess::edit_target::key::KeyTarget;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::edit::yaml::{self, YamlPath};
use crate::event::ServiceName;
use crate::host::files;
use crate::request::{Edit, EditRequest, To, ValueType};
use crate::secret::{Secret, is_secret};
use crate::stack::variables::StackVariables;
use crate::stack::{Place, Resolved};

/// Edits, collected by file in the order in which files were first named.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    requests: Vec<EditRequest>,
}

impl Edits {
    /// Adds an edit; without a file where it belongs.
    pub(crate) fn add(&mut self, file: Option<PathBuf>, key: impl Into<String>, to: To) {
        let edit = Edit {
            key: key.into(),
            to,
        };
        match self
            .requests
            .iter_mut()
            .find(|request| request.file == file)
        {
            Some(request) => request.edits.push(edit),
            None => self.requests.push(EditRequest {
                typed: None,
                file,
                edits: vec![edit],
                reach: Vec::new(),
            }),
        }
    }

    /// Adds others, behind those of the same file.
    pub(crate) fn append(&mut self, others: Self) {
        for request in others.requests {
            for edit in request.edits {
                self.add(request.file.clone(), edit.key, edit.to);
            }
        }
    }

    /// What a run takes.
    pub(crate) fn requests(self) -> Vec<EditRequest> {
        self.requests
    }
}

/// A path below a service.
pub(crate) fn below(service: &ServiceName, rest: &[&str]) -> String {
    let keys = ["services", service.as_str()]
        .into_iter()
        .chain(rest.iter().copied());
    match YamlPath::of_keys(keys) {
        Ok(path) => path.to_string(),
        // No key of ours is empty; the path is refused where it is used.
        Err(_) => format!("services.{service}.{}", rest.join(".")),
    }
}

/// Text for a value.
pub(crate) fn text(value: &str) -> To {
    To::Set(Secret::new(value.to_owned()), ValueType::String)
}

/// Where the application's environment takes a key from.
enum KeySource {
    /// An env file.
    File(PathBuf),
    /// Its own definition.
    Definition,
}

/// Writes a key of the application's environment, or takes it out.
pub(crate) fn env(
    place: &Place,
    resolved: &Resolved,
    service: &ServiceName,
    key: &str,
    value: Option<&str>,
    edits: &mut Edits,
) {
    let first = place.located.first_env_file();
    let path = below(service, &["environment", key]);
    match (source_of(place, resolved, service, key), value) {
        (KeySource::File(file), Some(value)) => edits.add(Some(file), key, text(value)),
        (KeySource::File(file), None) => {
            if sets(&file, key) {
                edits.add(Some(file), key, To::Unset);
            }
            // Compose would complain of it from now on, each time.
            if is_handed_on(place, &path, key) {
                edits.add(None, path, To::Unset);
            }
        }
        // A definition may be shared; what is secret stays in the env file.
        (KeySource::Definition, Some(value)) if is_secret(key, value) => {
            edits.add(Some(first), key, text(value));
            edits.add(None, path, text(&format!("${{{key}}}")));
        }
        (KeySource::Definition, Some(value)) => {
            edits.add(None, path, text(&value.replace('$', "$$")))
        }
        (KeySource::Definition, None) => {
            if named(resolved, service, key) {
                edits.add(None, path, To::Unset);
            }
        }
    }
}

/// Whether a definition does no more than hand a key of the env file on, and may be changed here.
fn is_handed_on(place: &Place, path: &str, key: &str) -> bool {
    let Ok(at) = path.parse::<YamlPath>() else {
        return false;
    };
    let here = edit_target::file_for(&at, true, &place.located);
    let written = here.ok().and_then(|target| {
        let bytes = files::read_if_exists(&target.file).ok().flatten()?;
        yaml::get(&String::from_utf8_lossy(&bytes), &at)
            .ok()
            .flatten()
    });
    written.is_some_and(|written| written.as_str() == Some(&format!("${{{key}}}")))
}

fn named(resolved: &Resolved, service: &ServiceName, key: &str) -> bool {
    let source = resolved.source.services.get(service);
    source.is_some_and(|source| source.environment.contains(key))
}

fn source_of(place: &Place, resolved: &Resolved, service: &ServiceName, key: &str) -> KeySource {
    let variables = StackVariables::read(&place.located, &[]);
    let first = place.located.first_env_file();
    let Some(own) = variables.service(service) else {
        return KeySource::Definition;
    };
    if own.counts(key).is_some() {
        let of = std::slice::from_ref(service);
        let found = edit_target::key::in_force(&variables, &place.located, key, of);
        let targets = found.map(|found| found.targets).unwrap_or_default();
        return match targets.into_iter().next() {
            Some(KeyTarget::File(file)) => KeySource::File(file),
            Some(KeyTarget::Definition(_)) | None => KeySource::Definition,
        };
    }
    if own.reads(&first) || own.mounts(&first) {
        return KeySource::File(first);
    }
    if let Some(last) = own.env_files().last() {
        return KeySource::File(last.path.clone());
    }
    let references = resolved.source.services.get(service);
    let used = references.is_some_and(|s| s.references.iter().any(|r| r.variable == key));
    match used {
        true => KeySource::File(first),
        false => KeySource::Definition,
    }
}

/// Whether an env file sets a key.
fn sets(file: &Path, key: &str) -> bool {
    let bytes = files::read_if_exists(file)
        .ok()
        .flatten()
        .unwrap_or_default();
    let tree = Dotenv::parse(&bytes, Format::Compose).ok();
    let key: Option<EnvKey> = key.parse().ok();
    matches!((tree, key), (Some(tree), Some(key)) if tree.line_of(&key).is_some())
}

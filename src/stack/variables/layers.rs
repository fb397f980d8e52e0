//! The definitions of each service as they stand in the compose files, from the weakest to the
//! strongest: what it extends, what is included, and each file of the stack over those before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use super::own::{self, FileScope, OwnVariables, ReadBytes, ReadEnvFile};
use crate::edit::dotenv::Format;
use crate::edit::yaml::{self, Entries, YamlPath};
use crate::stack::source::{self, EnvFile};

/// Files that include or extend one another without end are refused by Compose.
const DEEPEST: usize = 32;

/// What one file says of one service.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) file: PathBuf,
    /// The service under the name that it has there.
    pub(super) service: String,
    /// `environment` of the layers before this one does not count.
    pub(super) replaces: bool,
    pub(super) environment: Vec<Assigned>,
    /// `environment` is written as a list.
    is_list: bool,
    /// `env_file` of the layers before this one does not count.
    pub(super) replaces_files: bool,
    pub(super) env_files: Vec<EnvFile>,
    /// Files and folders of the host that are mounted.
    pub(super) binds: Vec<PathBuf>,
    /// Those that are mounted as a `.env`.
    pub(super) env_binds: Vec<PathBuf>,
    pub(super) image: Option<String>,
}

/// One entry of `environment`.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    pub(super) key: String,
    /// With `${…}` filled in; none for a key alone.
    pub(super) value: Option<String>,
    /// As it is written.
    pub(super) text: Option<String>,
    pub(super) line: usize,
    /// `!reset`.
    pub(super) removes: bool,
}

/// Everything that the compose files say.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) services: BTreeMap<String, Vec<Layer>>,
    /// The files that others include.
    pub(super) included: Vec<PathBuf>,
    /// The files that services of others extend.
    pub(super) extended: Vec<PathBuf>,
    /// The env files of `include`s.
    pub(super) include_env: Vec<ReadEnvFile>,
    /// The variables that texts of a compose file refer to, each with those texts.
    pub(super) references: BTreeMap<String, BTreeSet<String>>,
}

/// Reads them.
pub(super) fn of(
    files: &[PathBuf],
    directory: &Path,
    own: &OwnVariables,
    read: ReadBytes<'_>,
) -> Layers {
    let mut walk = Walk {
        read,
        files: BTreeMap::new(),
        found: Layers::default(),
    };
    let scope = FileScope {
        own,
        base: directory.to_owned(),
        included: Vec::new(),
    };
    for file in files {
        walk.load(file, &scope, 0);
    }
    walk.found
}

/// A compose file as it was read.
#[derive(Default)]
struct DefinitionFile {
    value: Value,
    environments: BTreeMap<String, Entries>,
    env_files: BTreeMap<String, Entries>,
}

struct Walk<'a> {
    read: ReadBytes<'a>,
    files: BTreeMap<PathBuf, Rc<DefinitionFile>>,
    found: Layers,
}

impl Walk<'_> {
    fn file(&mut self, path: &Path) -> Rc<DefinitionFile> {
        if let Some(file) = self.files.get(path) {
            return Rc::clone(file);
        }
        let text = (self.read)(path).and_then(|bytes| String::from_utf8(bytes).ok());
        let file = text.and_then(|text| definition_file(&text));
        let file = Rc::new(file.unwrap_or_default());
        for (name, text) in references(&file.value) {
            let texts = self.found.references.entry(name).or_default();
            texts.insert(text);
        }
        self.files.insert(path.to_owned(), Rc::clone(&file));
        file
    }

    fn load(&mut self, path: &Path, scope: &FileScope<'_>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let file = self.file(path);
        let includes = file.value.get("include").and_then(Value::as_array);
        for include in includes.into_iter().flatten() {
            self.include(include, scope, depth);
        }
        let services = file.value.get("services").and_then(Value::as_object);
        for name in services.into_iter().flat_map(|services| services.keys()) {
            let layers = self.service(path, name, scope, depth);
            let known = self.found.services.entry(name.clone()).or_default();
            known.extend(layers);
        }
    }

    fn include(&mut self, include: &Value, scope: &FileScope<'_>, depth: usize) {
        let paths = texts(include.get("path").unwrap_or(include));
        let paths: Vec<PathBuf> = paths.iter().map(|path| scope.path(path)).collect();
        let Some(first) = paths.first() else { return };
        let base = match include.get("project_directory").and_then(Value::as_str) {
            Some(folder) => scope.path(folder),
            None => first.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let env_files = match include.get("env_file") {
            Some(named) => texts(named).iter().map(|file| scope.path(file)).collect(),
            None => vec![base.join(".env")],
        };
        let mut inner = FileScope {
            base,
            ..scope.clone()
        };
        let mut files: Vec<ReadEnvFile> = Vec::new();
        for path in env_files {
            let lookup = |name: &str| scope.get(name);
            let earlier = |name: &str| own::in_files(&files, name);
            files.extend(ReadEnvFile::of(
                &path,
                Format::Compose,
                self.read,
                &lookup,
                &earlier,
            ));
        }
        self.found.include_env.extend(files.iter().cloned());
        // The first that has a value counts, and of several files of one include that is the last.
        inner.included.extend(files.into_iter().rev());
        let known = std::mem::take(&mut self.found.services);
        for path in paths {
            if !self.found.included.contains(&path) {
                self.found.included.push(path.clone());
            }
            self.load(&path, &inner, depth + 1);
        }
        let included = std::mem::replace(&mut self.found.services, known);
        for (name, mut layers) in included {
            take_from_outside(&mut layers, &inner);
            self.found.services.entry(name).or_default().extend(layers);
        }
    }

    /// What a file says of a service, behind what the service extends.
    fn service(
        &mut self,
        path: &Path,
        name: &str,
        scope: &FileScope<'_>,
        depth: usize,
    ) -> Vec<Layer> {
        let file = self.file(path);
        let definition = file.value.get("services").and_then(|all| all.get(name));
        let Some(definition) = definition.filter(|_| depth <= DEEPEST) else {
            return Vec::new();
        };
        let mut layers = match definition.get("extends") {
            Some(Value::String(other)) => self.service(path, other, scope, depth + 1),
            Some(extends) => {
                let other = extends.get("service").and_then(Value::as_str);
                let other = other.unwrap_or_default();
                match extends.get("file").and_then(Value::as_str) {
                    None => self.service(path, other, scope, depth + 1),
                    Some(from) => {
                        let from = scope.path(from);
                        if !self.found.extended.contains(&from) {
                            self.found.extended.push(from.clone());
                        }
                        let scope = FileScope {
                            base: from.parent().unwrap_or(Path::new("")).to_owned(),
                            ..scope.clone()
                        };
                        self.service(&from, other, &scope, depth + 1)
                    }
                }
            }
            None => Vec::new(),
        };
        layers.push(layer(path, name, definition, &file, scope));
        layers
    }
}

/// Compose gives a key alone the value of the included file's own variables where `environment` is a
/// list when it has read that file, which a merge makes of it as well.
fn take_from_outside(layers: &mut [Layer], scope: &FileScope<'_>) {
    let given = layers.iter().filter(|layer| !layer.environment.is_empty());
    if given.clone().count() < 2 && !given.clone().any(|layer| layer.is_list) {
        return;
    }
    let all = layers.iter_mut().flat_map(|layer| &mut layer.environment);
    for one in all.filter(|one| one.value.is_none()) {
        one.value = scope.get(&one.key);
    }
}

fn definition_file(text: &str) -> Option<DefinitionFile> {
    let value = yaml::read(text).ok()?;
    let services = value.get("services").and_then(Value::as_object);
    let names: Vec<&String> = services.into_iter().flat_map(|all| all.keys()).collect();
    let below = |field: &str| -> BTreeMap<String, Entries> {
        let paths = names
            .iter()
            .map(|name| YamlPath::of_keys(["services", name.as_str(), field]));
        let Ok(paths) = paths.collect::<Result<Vec<_>, _>>() else {
            return BTreeMap::new();
        };
        let found = yaml::entries(text, &paths).unwrap_or_default().into_iter();
        let found = names.iter().zip(found);
        found
            .filter_map(|(name, entries)| Some(((*name).clone(), entries?)))
            .collect()
    };
    Some(DefinitionFile {
        environments: below("environment"),
        env_files: below("env_file"),
        value,
    })
}

fn layer(
    path: &Path,
    name: &str,
    definition: &Value,
    file: &DefinitionFile,
    scope: &FileScope<'_>,
) -> Layer {
    let environment = file.environments.get(name);
    let items = environment.into_iter().flat_map(|entries| &entries.items);
    let named = definition.get("env_file").into_iter();
    let named = named.flat_map(|value| {
        value
            .as_array()
            .map_or(vec![value], |all| all.iter().collect())
    });
    let env_files = named.filter_map(|one| {
        let file = EnvFile::of_json(one)?;
        let path = scope.path(&file.path.to_string_lossy());
        Some(EnvFile { path, ..file })
    });
    Layer {
        file: path.to_owned(),
        service: name.to_owned(),
        replaces: environment.is_some_and(|entries| entries.replaces),
        is_list: definition.get("environment").is_some_and(Value::is_array),
        environment: items.map(|item| assigned(item, scope)).collect(),
        replaces_files: file.env_files.get(name).is_some_and(|one| one.replaces),
        env_files: env_files.collect(),
        binds: binds(definition, scope).map(|(source, _)| source).collect(),
        env_binds: binds(definition, scope)
            .filter(|(_, target)| target.rsplit('/').next() == Some(".env"))
            .map(|(source, _)| source)
            .collect(),
        image: definition
            .get("image")
            .and_then(Value::as_str)
            .map(|image| scope.fill_in(image)),
    }
}

/// What is mounted from the host, with its place in the container.
fn binds(definition: &Value, scope: &FileScope<'_>) -> impl Iterator<Item = (PathBuf, String)> {
    let volumes = definition.get("volumes").and_then(Value::as_array);
    let source = |one: &Value| {
        let (source, target) = match one.as_str() {
            Some(text) => {
                let filled = scope.fill_in(text);
                let mut parts = filled.split(':').map(str::to_owned);
                (parts.next()?, parts.next().unwrap_or_default())
            }
            None if one.get("type")? == "bind" => {
                let text = |key| Some(scope.fill_in(one.get(key)?.as_str()?));
                (text("source")?, text("target").unwrap_or_default())
            }
            None => return None,
        };
        // What is neither is the name of a volume.
        let is_path = source.starts_with(['.', '/']);
        is_path.then(|| (scope.path(&source), target))
    };
    volumes.into_iter().flatten().filter_map(source)
}

fn assigned(item: &yaml::EntryAt, scope: &FileScope<'_>) -> Assigned {
    let (line, removes) = (item.line, item.removes);
    let text = text_of(&item.value);
    let Some(key) = &item.key else {
        let written = text.unwrap_or_default();
        // The whole item is filled in, its key as well.
        let filled = scope.fill_in(&written);
        let text = written.split_once('=').map(|(_, text)| text.to_owned());
        let (key, value) = match filled.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (filled, None),
        };
        return Assigned {
            key,
            value,
            text,
            line,
            removes,
        };
    };
    Assigned {
        key: key.clone(),
        value: text.as_deref().map(|text| scope.fill_in(text)),
        text,
        line,
        removes,
    }
}

/// A value as Compose makes a text of it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (None, Some(float)) => format!("{float}"),
            _ => number.to_string(),
        }),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string()),
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let all = value
        .as_array()
        .map_or(vec![value], |all| all.iter().collect());
    all.into_iter()
        .filter_map(|one| Some(one.as_str()?.to_owned()))
        .collect()
}

fn references(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(text) => {
            let names = source::variables(text).into_iter();
            names.map(|name| (name, text.clone())).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(map) => map.values().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

//! Where values come from: the model with `${VAR}` left in place, which Compose prints for
//! `config --no-interpolate`, after includes, extensions and merges.

pub(crate) mod handed_on;
mod variable_names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::model::Section;
use crate::edit::dotenv::Dotenv;
use crate::event::ServiceName;
use crate::secret::Redactor;

pub(crate) use variable_names::variables;

/// The unresolved model, reduced to what reaches services.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Source {
    /// By service.
    pub services: BTreeMap<ServiceName, SourceService>,
    /// References in top-level networks, volumes, configs and secrets.
    pub shared: BTreeMap<(Section, String), Vec<VariableReference>>,
    /// Variables whose values may be secrets by what they become: each with the name of that.
    becomes: Vec<(String, String)>,
}

/// What one service refers to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SourceService {
    /// `env_file`, in order.
    pub env_files: Vec<EnvFile>,
    /// Every `${VAR}` in its definition.
    pub references: Vec<VariableReference>,
    /// Keys that `environment` names without a value: they come from the shell or `.env`.
    pub inherited: BTreeSet<String>,
    /// Keys that `environment` names at all.
    pub environment: BTreeSet<String>,
}

/// One entry of `env_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvFile {
    /// Absolute, once a variable in it is filled in.
    pub path: PathBuf,
    /// Whether Compose refuses to go on without it.
    pub required: bool,
    /// `format: raw`.
    pub raw: bool,
}

/// A `${VAR}` and the place where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableReference {
    /// Name of the variable.
    pub variable: String,
    /// Place below the service or shared object, such as `environment.URL` or `ports[0]`.
    pub place: String,
}

impl Source {
    /// Reads what Compose printed; what has an unexpected shape is passed over.
    pub(crate) fn of_json(value: &Value) -> Self {
        let services = object(value, "services")
            .map(|(name, service)| (name.as_str().into(), SourceService::of_json(service)))
            .collect();
        let shared = Section::ALL
            .into_iter()
            .flat_map(|section| {
                object(value, section.key())
                    .map(move |(name, entry)| ((section, name.clone()), references_in(entry)))
            })
            .filter(|(_, references)| !references.is_empty())
            .collect();
        let mut becomes = Vec::new();
        handed_on::of_model("", value, &mut becomes);
        Self {
            services,
            shared,
            becomes,
        }
    }

    /// The same with the names of env files filled in.
    #[must_use]
    pub(crate) fn with_paths_filled(mut self, fill_in: impl Fn(&str) -> String) -> Self {
        let services = self.services.values_mut();
        for file in services.flat_map(|service| &mut service.env_files) {
            file.path = fill_in(&file.path.to_string_lossy()).into();
        }
        self
    }
}

impl Source {
    /// Takes in what variables become in the lines of an env file of the stack.
    pub(crate) fn learn_env_file(&mut self, file: &Dotenv) {
        self.becomes.extend(handed_on::of_env_file(file));
    }

    /// What knows which variables are secrets by what they become.
    pub(crate) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for (variable, key) in &self.becomes {
            redactor.hands_on(variable, key);
        }
        redactor
    }
}

impl SourceService {
    fn of_json(value: &Value) -> Self {
        let env_files = match value.get("env_file") {
            Some(Value::Array(items)) => items.iter().filter_map(EnvFile::of_json).collect(),
            Some(single) => EnvFile::of_json(single).into_iter().collect(),
            None => Vec::new(),
        };
        let mut references = references_in(value);
        // Already listed as files.
        references.retain(|reference| !reference.place.starts_with("env_file"));
        let (inherited, environment) = environment_keys(value.get("environment"));
        Self {
            env_files,
            references,
            inherited,
            environment,
        }
    }
}

impl EnvFile {
    /// Reads an entry in either of its forms.
    pub(crate) fn of_json(value: &Value) -> Option<Self> {
        if let Some(path) = value.as_str() {
            return Some(Self {
                path: path.into(),
                required: true,
                raw: false,
            });
        }
        Some(Self {
            path: value.get("path")?.as_str()?.into(),
            required: value
                .get("required")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            raw: value.get("format").and_then(Value::as_str) == Some("raw"),
        })
    }
}

fn object<'a>(
    value: &'a Value,
    key: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

fn environment_keys(value: Option<&Value>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut inherited = BTreeSet::new();
    let mut all = BTreeSet::new();
    match value {
        Some(Value::Array(items)) => {
            for item in items.iter().filter_map(Value::as_str) {
                match item.split_once('=') {
                    Some((key, _)) => _ = all.insert(key.to_owned()),
                    None => {
                        inherited.insert(item.to_owned());
                        all.insert(item.to_owned());
                    }
                }
            }
        }
        Some(Value::Object(map)) => {
            for (key, value) in map {
                if value.is_null() {
                    inherited.insert(key.clone());
                }
                all.insert(key.clone());
            }
        }
        _ => {}
    }
    (inherited, all)
}

fn references_in(value: &Value) -> Vec<VariableReference> {
    let mut found = Vec::new();
    collect(value, &mut String::new(), &mut found);
    found
}

fn collect(value: &Value, place: &mut String, found: &mut Vec<VariableReference>) {
    let length = place.len();
    match value {
        Value::String(text) => {
            // A list entry `KEY=${VAR}` of `environment` stands at that key.
            if place.starts_with("environment[")
                && let Some((key, _)) = text.split_once('=')
            {
                *place = format!("environment.{key}");
            }
            found.extend(
                variables(text)
                    .into_iter()
                    .map(|variable| VariableReference {
                        variable,
                        place: place.clone(),
                    }),
            );
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let before = place.clone();
                place.push_str(&format!("[{index}]"));
                collect(item, place, found);
                *place = before;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let before = place.clone();
                if !place.is_empty() {
                    place.push('.');
                }
                place.push_str(key);
                collect(item, place, found);
                *place = before;
                found.extend(
                    variables(key)
                        .into_iter()
                        .map(|variable| VariableReference {
                            variable,
                            place: place.clone(),
                        }),
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    place.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_and_env_files() {
        let source = Source::of_json(&json!({
            "services": {"web": {
                "env_file": [{"path": "/s/.env", "required": true},
                             {"path": "/s/raw.env", "required": false, "format": "raw"}],
                "environment": ["A", "B=${X:-1}", "C=3"],
                "ports": ["${PORT}:80"],
                "image": "x:${TAG}",
            }},
            "secrets": {"s": {"environment": "A", "name": "n_${TAG}"}},
        }));
        let web = &source.services[&"web".into()];
        assert!(web.env_files[1].raw && !web.env_files[1].required);
        assert_eq!(web.inherited, ["A".to_owned()].into());
        let places: Vec<_> = web
            .references
            .iter()
            .map(|r| format!("{}@{}", r.variable, r.place))
            .collect();
        assert_eq!(places, ["X@environment.B", "PORT@ports[0]", "TAG@image"]);
        assert_eq!(
            source.shared[&(Section::Secrets, "s".into())][0].variable,
            "TAG"
        );
    }
}

//! Whom a file or a key reaches, and how. The model hides most of these routes: an env file is
//! already dissolved in it, and a bind mount looks the same whatever the file holds (F1 to F5).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::build;
use super::model::{Model, Section, Service, unescape};
use super::source::{Source, SourceService};
use super::variables::OwnVariables;
use crate::event::{Route, ServiceName};
use crate::host::files;
use crate::secret::Secret;

/// A service that a file reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileReach {
    /// The service.
    pub service: ServiceName,
    /// How.
    pub route: Route,
    /// The file.
    pub file: PathBuf,
    /// Where the process finds it, for mounts.
    pub target: Option<PathBuf>,
    /// Whether the mount is of the file alone: it follows the inode, so that only a restart shows a
    /// replaced file (F1, F2).
    pub alone: bool,
    /// In words, with the file's name left out: `is mounted at /app/.env`.
    pub text: String,
}

/// A service that a key of the env files reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyReach {
    /// The service.
    pub service: ServiceName,
    /// How.
    pub route: Route,
    /// Place in the definition, such as `environment.URL`.
    pub place: String,
}

/// Every service that a file reaches, by every route.
pub(crate) fn of_file(model: &Model, source: &Source, file: &Path) -> Vec<FileReach> {
    let real = files::follow(file);
    let mut found = Vec::new();
    for (name, service) in &model.services {
        let mut reach = |route, target: Option<PathBuf>, alone, text: String| {
            let (service, file) = (name.clone(), file.to_owned());
            found.push(FileReach {
                service,
                route,
                file,
                target,
                alone,
                text,
            });
        };
        if source
            .services
            .get(name)
            .is_some_and(|known| reads_env_file(known, &real))
        {
            reach(Route::EnvFile, None, false, "is its env_file".into());
        }
        for bind in &service.binds {
            if let Some((target, alone)) = mounted_at(&bind.source, &bind.target, &real) {
                let text = format!("is mounted at {}", target.display());
                reach(Route::Bind, Some(target), alone, text);
            }
        }
        for granted in granted_files(model, service) {
            if files::follow(&granted.file) == real {
                let text = format!("is its {} {}", granted.route.word(), granted.name);
                reach(granted.route, Some(granted.target), true, text);
            }
        }
        if let Some(text) = service
            .raw
            .get("build")
            .and_then(|b| build::takes_part(b, &real))
        {
            reach(Route::Build, None, false, text);
        }
    }
    found
}

fn reads_env_file(service: &SourceService, real: &Path) -> bool {
    service
        .env_files
        .iter()
        .any(|entry| files::follow(&entry.path) == real)
}

/// Where a bind mount shows a file; the flag says that the file itself is mounted, not a folder.
fn mounted_at(source: &Path, target: &Path, real: &Path) -> Option<(PathBuf, bool)> {
    let source = files::follow(source);
    let below = real.strip_prefix(&source).ok()?;
    if below.as_os_str().is_empty() {
        return Some((target.to_owned(), true));
    }
    Some((target.join(below), false))
}

/// A file that a service is given as a config or a secret.
pub(crate) struct GrantedFile {
    /// Which of the two.
    pub route: Route,
    /// Its name in the files.
    pub name: String,
    /// On the host.
    pub file: PathBuf,
    /// In the container.
    pub target: PathBuf,
}

/// The files behind the configs and secrets of a service.
pub(crate) fn granted_files(model: &Model, service: &Service) -> Vec<GrantedFile> {
    let mut found = Vec::new();
    for (section, route) in [
        (Section::Configs, Route::Config),
        (Section::Secrets, Route::Secret),
    ] {
        for (object, target) in grants(service, section) {
            let definition = model.shared(section, &object);
            let file = definition.and_then(|definition| definition.get("file")?.as_str());
            found.extend(file.map(|file| GrantedFile {
                route,
                name: object,
                file: file.into(),
                target,
            }));
        }
    }
    found
}

/// A text that Compose writes into a service's container as a config or a secret.
pub(crate) struct GrantedText {
    /// Which of the two.
    pub route: Route,
    /// Its name in the files.
    pub name: String,
    /// The variable that has it, where it is one's value.
    pub key: Option<String>,
    /// `None`: nobody sets the variable.
    pub text: Option<Secret>,
    /// In the container.
    pub target: PathBuf,
}

/// The configs and secrets of a service that are no file of the host.
pub(crate) fn granted_texts(
    model: &Model,
    service: &Service,
    own: &OwnVariables,
) -> Vec<GrantedText> {
    let mut found = Vec::new();
    for (section, route) in [
        (Section::Configs, Route::Config),
        (Section::Secrets, Route::Secret),
    ] {
        for (name, target) in grants(service, section) {
            let field = |key: &str| model.shared(section, &name)?.get(key)?.as_str();
            let key = field("environment").map(str::to_owned);
            let text = match (&key, field("content")) {
                (Some(key), _) => own.get(key),
                (None, Some(content)) => Some(unescape(content)),
                (None, None) => continue,
            };
            found.push(GrantedText {
                route,
                name,
                key,
                text: text.map(Secret::new),
                target,
            });
        }
    }
    found
}

/// Where a service has its configs and secrets: Compose puts them there itself, whatever they come from.
pub(crate) fn granted_targets(service: &Service) -> Vec<PathBuf> {
    let all = [Section::Configs, Section::Secrets].into_iter();
    all.flat_map(|section| grants(service, section))
        .map(|(_, target)| target)
        .collect()
}

/// The configs or secrets that a service is given, with their place in the container.
fn grants(service: &Service, section: Section) -> Vec<(String, PathBuf)> {
    let Some(Value::Array(items)) = service.raw.get(section.key()) else {
        return Vec::new();
    };
    let folder = if section == Section::Secrets {
        "/run/secrets"
    } else {
        "/"
    };
    items
        .iter()
        .filter_map(|item| {
            let name = item.get("source")?.as_str()?;
            let target = item.get("target").and_then(Value::as_str).unwrap_or(name);
            Some((name.to_owned(), Path::new(folder).join(target)))
        })
        .collect()
}

/// Every service that a key reaches through the definitions: `${KEY}`, `environment`, build
/// arguments, and configs or secrets that stand on it. Files are [`of_file`]'s.
pub(crate) fn of_key(model: &Model, source: &Source, key: &str) -> Vec<KeyReach> {
    let mut found = BTreeSet::new();
    for (name, service) in &source.services {
        let mut reach = |route, place: &str| {
            found.insert(KeyReach {
                service: name.clone(),
                route,
                place: place.to_owned(),
            });
        };
        for reference in service.references.iter().filter(|r| r.variable == key) {
            reach(route_of_place(&reference.place, key), &reference.place);
        }
        if service.inherited.contains(key) {
            reach(Route::Environment, &format!("environment.{key}"));
        }
    }
    for (name, service) in &model.services {
        for section in Section::ALL {
            for object in service.uses(section) {
                if stands_on(model, source, section, &object, key) {
                    let route = match section {
                        Section::Configs => Route::Config,
                        Section::Secrets => Route::Secret,
                        Section::Networks | Section::Volumes => Route::Interpolation,
                    };
                    let place = format!("{}.{object}", section.key());
                    found.insert(KeyReach {
                        service: name.clone(),
                        route,
                        place,
                    });
                }
            }
        }
    }
    found.into_iter().collect()
}

/// The route that a reference at this place of a service takes.
pub(crate) fn route_of_place(place: &str, key: &str) -> Route {
    if place.strip_prefix("environment.") == Some(key) {
        Route::Environment
    } else if place == "build" || place.starts_with("build.") {
        Route::Build
    } else {
        Route::Interpolation
    }
}

fn stands_on(model: &Model, source: &Source, section: Section, object: &str, key: &str) -> bool {
    let by_name = model
        .shared(section, object)
        .and_then(|definition| definition.get("environment"))
        .is_some_and(|variable| variable == key);
    let by_reference = source
        .shared
        .get(&(section, object.to_owned()))
        .is_some_and(|references| references.iter().any(|r| r.variable == key));
    by_name || by_reference
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reached(model: Value, source: Value, file: &str) -> Vec<String> {
        of_file(
            &Model::of_json(model),
            &Source::of_json(&source),
            Path::new(file),
        )
        .into_iter()
        .map(|r| format!("{} {} {} {}", r.service, r.route.word(), r.text, r.alone))
        .collect()
    }

    #[test]
    fn routes_of_a_file() {
        let model = json!({
            "services": {
                "a": {"volumes": [{"type": "bind", "source": "/s/.env", "target": "/app/.env"}]},
                "b": {"volumes": [{"type": "bind", "source": "/s", "target": "/all"}]},
                "c": {"secrets": [{"source": "x", "target": "/run/secrets/y"}], "configs": [{"source": "k"}]},
                "d": {}, "e": {"volumes": [{"type": "bind", "source": "/s/.envoy", "target": "/x"}]},
            },
            "secrets": {"x": {"file": "/s/.env"}}, "configs": {"k": {"file": "/s/.env"}},
        });
        let source = json!({"services": {"d": {"env_file": [{"path": "/s/.env"}]}}});
        assert_eq!(
            reached(model, source, "/s/.env"),
            [
                "a bind is mounted at /app/.env true",
                "b bind is mounted at /all/.env false",
                "c config is its config k true",
                "c secret is its secret x true",
                "d env_file is its env_file false",
            ]
        );
    }

    #[test]
    fn routes_of_a_key() {
        let source = json!({"services": {
            "a": {"environment": ["K"], "build": {"args": {"X": "${K}"}}},
            "b": {"environment": {"K": "${K}", "URL": "http://${K}"}, "ports": ["${K}:80"]},
            "c": {"image": "$K"}, "d": {"environment": {"OTHER": "${KK}"}},
        }});
        let model = json!({"services": {"d": {"secrets": [{"source": "s"}]}},
                           "secrets": {"s": {"environment": "K"}}});
        let found: Vec<String> = of_key(&Model::of_json(model), &Source::of_json(&source), "K")
            .into_iter()
            .map(|r| format!("{} {} {}", r.service, r.route.word(), r.place))
            .collect();
        assert_eq!(
            found,
            [
                "a environment environment.K",
                "a build build.args.X",
                "b interpolation environment.URL",
                "b interpolation ports[0]",
                "b environment environment.K",
                "c interpolation image",
                "d secret secrets.s",
            ]
        );
    }
}

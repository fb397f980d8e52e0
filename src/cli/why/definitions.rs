//! What sets a key, for whom, and what overrides what, as `why` tells it.

use std::path::{Path, PathBuf};

use crate::docker::client::Docker;
use crate::edit::dotenv::EnvKey;
use crate::event::{Action, Route, ServiceName, Shown};
use crate::stack::Resolved;
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::variables::{KeySetting, SettingPlace, StackVariables};
use crate::suggest;

/// A place that sets the key.
pub(super) struct SetAt {
    /// The file; none for the shell and for an image.
    pub(super) path: Option<PathBuf>,
    /// The file, the shell or the image, as it is shown.
    pub(super) file: String,
    pub(super) line: Option<usize>,
    pub(super) value: Shown,
    /// In whose `environment` it stands, or of whose image it is.
    pub(super) of: Vec<ServiceName>,
    pub(super) is_definition: bool,
}

impl SetAt {
    /// `compose.yaml:8`.
    pub(super) fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

/// What one service gets.
pub(super) struct Counting {
    /// None: what `${KEY}` is filled in with.
    pub(super) service: Option<ServiceName>,
    pub(super) value: Shown,
    /// Where that stands.
    pub(super) at: String,
    /// What it overrides.
    pub(super) over: Vec<String>,
}

/// Whom it reaches.
pub(super) struct Reached {
    pub(super) service: ServiceName,
    pub(super) route: Route,
    pub(super) text: String,
    pub(super) action: Action,
    pub(super) runs: Option<Shown>,
}

/// Every place that sets the key, each once: env files first, as Compose reads them, then definitions.
pub(super) fn set_at(located: &Located, variables: &StackVariables, key: &EnvKey) -> Vec<SetAt> {
    let directory = &located.args.directory;
    let mut found: Vec<SetAt> = Vec::new();
    let mut put = |setting: &KeySetting, service: Option<&ServiceName>| {
        let (path, line, is_definition) = match &setting.place {
            SettingPlace::Shell => (None, None, false),
            SettingPlace::EnvFile { path, line } | SettingPlace::ServiceFile { path, line } => {
                (Some(path.clone()), Some(*line), false)
            }
            SettingPlace::Definition { path, line, .. } => (Some(path.clone()), Some(*line), true),
        };
        let of = service.filter(|_| is_definition);
        let known = found
            .iter_mut()
            .find(|known| known.path == path && known.line == line);
        if let Some(known) = known {
            known.of.extend(of.cloned());
            return;
        }
        found.push(SetAt {
            file: match &path {
                Some(path) => shown(directory, path),
                None => "this shell".to_owned(),
            },
            path,
            line,
            value: Shown::of(key.as_str(), setting.value.as_deref()),
            of: of.cloned().into_iter().collect(),
            is_definition,
        });
    };
    for setting in variables.fills_in(key.as_str()) {
        put(&setting, None);
    }
    for (name, service) in variables.services() {
        for setting in service.settings(key.as_str()) {
            put(&setting, Some(name));
        }
    }
    found.sort_by_key(|one| one.is_definition);
    found
}

/// What the images of services that do not set the key bring.
pub(super) async fn of_images(
    docker: &Docker,
    resolved: &Resolved,
    variables: &StackVariables,
    key: &EnvKey,
) -> Vec<SetAt> {
    let mut found: Vec<SetAt> = Vec::new();
    for name in resolved.model.services.keys() {
        let own = variables.service(name);
        let Some(image) = resolved.model.image_of(name) else {
            continue;
        };
        let file = format!("image {image}");
        if let Some(known) = found.iter_mut().find(|known| known.file == file) {
            known.of.push(name.clone());
            continue;
        }
        let brought = docker.image_environment(&image).await.ok().flatten();
        let Some(value) = brought.and_then(|all| all.get(key.as_str()).cloned()) else {
            continue;
        };
        found.push(SetAt {
            path: None,
            file,
            line: None,
            value: Shown::of(key.as_str(), Some(&value)),
            of: own.map(|_| name.clone()).into_iter().collect(),
            is_definition: false,
        });
    }
    found
}

/// What counts for each service that gets the key, and for `${KEY}` where several places set it.
pub(super) fn counting(
    located: &Located,
    variables: &StackVariables,
    key: &EnvKey,
    images: &[SetAt],
) -> Vec<Counting> {
    let directory = &located.args.directory;
    let filled = variables.fills_in(key.as_str());
    let mut found = Vec::new();
    if let [under @ .., last] = &filled[..]
        && !under.is_empty()
    {
        found.push(Counting {
            service: None,
            value: Shown::of(key.as_str(), last.value.as_deref()),
            at: last.at(directory),
            over: under.iter().rev().map(|one| one.at(directory)).collect(),
        });
    }
    for (name, service) in variables.services() {
        let of_image = images
            .iter()
            .filter(|one| one.path.is_none() && one.of.contains(name));
        let of_image = of_image.map(SetAt::place);
        let settings = service.settings(key.as_str());
        let Some((last, under)) = settings.split_last() else {
            continue;
        };
        let from = filled.last().filter(|_| last.hands_on(key.as_str()));
        let at = match from {
            Some(from) => format!("{}, by {}", from.at(directory), last.at(directory)),
            None => last.at(directory),
        };
        let under = under.iter().rev().map(|one| one.at(directory));
        found.push(Counting {
            service: Some(name.clone()),
            value: Shown::of(key.as_str(), last.value.as_deref()),
            at,
            over: under.chain(of_image).collect(),
        });
    }
    found
}

/// Where `environment:` of a service names a key.
pub(super) fn places(
    located: &Located,
    variables: &StackVariables,
    service: &ServiceName,
    key: &EnvKey,
) -> String {
    let settings = variables
        .service(service)
        .map(|own| own.settings(key.as_str()));
    let settings = settings.into_iter().flatten();
    let named = settings.filter(|one| matches!(one.place, SettingPlace::Definition { .. }));
    let mut places: Vec<String> = named.map(|one| one.at(&located.args.directory)).collect();
    places.dedup();
    places.join(", ")
}

/// What overrides the key of an env file in a service: its `environment:`, or an env file after it.
pub(super) fn over(
    located: &Located,
    variables: &StackVariables,
    service: &ServiceName,
    file: &Path,
    key: &EnvKey,
) -> Option<String> {
    let last = variables.service(service)?.counts(key.as_str())?;
    let directory = &located.args.directory;
    match &last.place {
        SettingPlace::ServiceFile { path, .. } => (path != file).then(|| shown(directory, path)),
        SettingPlace::Definition { .. } | SettingPlace::EnvFile { .. } | SettingPlace::Shell => {
            Some(last.named(directory))
        }
    }
}

/// The key that was probably meant, where nothing knows the one that was typed.
pub(super) fn meant(variables: &StackVariables, key: &EnvKey) -> Option<String> {
    suggest::nearest(key.as_str(), variables.known_keys()).map(str::to_owned)
}

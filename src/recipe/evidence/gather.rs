//! Looks at a stack for a recipe: its samples, its checkout's code, what its files hand on. Effects;
//! decides nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::event::ServiceName;
use crate::git::grep;
use crate::git::grep::Scope;
use crate::host::files;
use crate::recipe::evidence::image::ImageEvidence;
use crate::recipe::evidence::{self, Gathered, idioms, in_container};
use crate::stack::application::Subject;
use crate::stack::model::Model;
use crate::stack::{self, build};
use crate::stack::{Place, Resolved};

/// The names under which projects keep a sample of their env file.
const SAMPLES: [&str; 8] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
    "example.env",
    "sample.env",
    ".env.default",
];

/// Gathers what may show that the application reads these keys; of those for which nothing does that is
/// near at hand, what its image and its container show, and which keys of a similar name are read there.
pub(crate) async fn evidence(
    place: &Place,
    resolved: &Resolved,
    subject: &Subject,
    keys: &[&str],
    similar: &[String],
) -> Gathered {
    let mut gathered = beside(place, resolved, subject, keys).await;
    let open = keys.iter().filter(|key| {
        let is_unknown = !subject.profile.not_read.contains_key(**key);
        is_unknown && evidence::of_key(key, &gathered).is_empty()
    });
    let open: Vec<&str> = open.copied().collect();
    if !open.is_empty() {
        gathered.image = in_container::look(place, resolved, subject, &open, similar).await;
    }
    gathered
}

/// What the files beside the compose file show.
async fn beside(place: &Place, resolved: &Resolved, subject: &Subject, keys: &[&str]) -> Gathered {
    let directory = &place.located.args.directory;
    let folders = folders_of(directory, resolved, &subject.service);
    let sample = |folder: &PathBuf, name: &str| {
        let path = folder.join(name);
        let bytes = files::read_if_exists(&path).ok().flatten()?;
        Some((place.shown(&path), bytes))
    };
    let samples = folders
        .iter()
        .flat_map(|(folder, _)| SAMPLES.iter().filter_map(|name| sample(folder, name)));
    // Fields of settings in Python are written small as often as not.
    let small: Vec<String> = keys.iter().map(|key| key.to_ascii_lowercase()).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    let (mut hits, mut fields) = (Vec::new(), Vec::new());
    for (folder, scope) in &folders {
        let found = grep::words(folder, keys, *scope, ".").await;
        let in_python = grep::words(folder, &small, *scope, "*.py").await;
        fields.extend(fields_of(place, folder, keys, &found));
        fields.extend(fields_of(place, folder, keys, &in_python));
        hits.extend(found.into_iter().map(|hit| grep::Hit {
            file: place.shown(&folder.join(&hit.file)),
            ..hit
        }));
    }
    let known = keys.iter().filter(|key| {
        subject
            .profile
            .knows(key, subject.version.as_deref())
            .is_some()
    });
    let source = resolved.source.services.get(&subject.service);
    let mut used: Vec<(String, String, String)> = Vec::new();
    for reference in source.into_iter().flat_map(|source| &source.references) {
        let service = subject.service.to_string();
        used.push((reference.variable.clone(), service, reference.place.clone()));
    }
    for key in source.into_iter().flat_map(|source| &source.environment) {
        let place = format!("environment.{key}");
        used.push((key.clone(), subject.service.to_string(), place));
    }
    Gathered {
        samples: samples.collect(),
        hits,
        fields,
        known: (
            subject.profile.title.clone(),
            known.map(|key| (*key).to_owned()).collect(),
        ),
        used,
        image: ImageEvidence::default(),
    }
}

/// Keys that are fields of a class of settings, with the line.
fn fields_of(
    place: &Place,
    folder: &Path,
    keys: &[&str],
    hits: &[grep::Hit],
) -> Vec<(String, grep::Hit)> {
    let has_settings = |file: &str| {
        let bytes = files::read_if_exists(&folder.join(file)).ok().flatten();
        bytes.is_some_and(|bytes| idioms::has_settings(&String::from_utf8_lossy(&bytes)))
    };
    let field = |hit: &grep::Hit| {
        let mut all = keys.iter();
        let key = all.find(|key| idioms::is_field(&hit.file, &hit.text, key))?;
        let shown = grep::Hit {
            file: place.shown(&folder.join(&hit.file)),
            ..hit.clone()
        };
        has_settings(&hit.file).then(|| ((*key).to_owned(), shown))
    };
    hits.iter().filter_map(field).collect()
}

/// Where the application's code may lie: beside the compose file, as far as that is a checkout, and
/// where its image is built from.
fn folders_of(
    directory: &Path,
    resolved: &Resolved,
    service: &ServiceName,
) -> Vec<(PathBuf, Scope)> {
    let in_checkout = |folder: &Path| folder.ancestors().any(|up| up.join(".git").exists());
    let mut folders = vec![(directory.to_owned(), Scope::Tracked)];
    let service = resolved.model.services.get(service);
    let context = service
        .and_then(|service| service.raw.get("build"))
        .and_then(build::context);
    match context {
        Some(context) if !in_checkout(context) => folders.push((context.to_owned(), Scope::Every)),
        Some(context) if !context.starts_with(directory) => {
            folders.push((context.to_owned(), Scope::Tracked));
        }
        _ => {}
    }
    folders
}

/// Every key and value that the stack's env files and the application's definition set.
pub(crate) fn configured(
    place: &Place,
    model: &Model,
    service: &ServiceName,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let set = stack::env_of(&place.located).into_iter();
    found.extend(set.filter(|(_, value)| !value.is_empty()));
    let environment = model
        .services
        .get(service)
        .map(|service| &service.environment);
    for (key, value) in environment.into_iter().flatten() {
        match value.as_deref() {
            Some("") | None => drop(found.remove(key)),
            Some(value) => drop(found.insert(key.clone(), value.to_owned())),
        }
    }
    found
}

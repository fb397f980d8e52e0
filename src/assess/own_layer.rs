//! What lies in the containers themselves: files that a recreate discards, and keys that an
//! application has generated there because nobody gave it one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::assessment::Assessment;
use crate::docker::container::Container;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::event::Action;
use crate::plan::own_layer;
use crate::request::Strategy;
use crate::stack::application::{self, Subject};
use crate::stack::{Place, routes};

/// So many files are named.
const NAMED: usize = 3;

/// The application of a stack, and its containers.
fn subject<'a>(place: &Place, assessment: &'a Assessment) -> Option<(Subject, Vec<&'a Container>)> {
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    let subject = application::of(&place.located.args.directory, model, None).ok()?;
    let own = assessment
        .containers
        .iter()
        .filter(|one| one.service == subject.service);
    let own = own.collect();
    Some((subject, own))
}

/// Keys that change, have no value so far, and for which the application has generated one: with the
/// file that it lies in. One that becomes what was generated changes nothing.
pub(super) async fn generated_keys(
    place: &Place,
    assessment: &Assessment,
) -> Vec<(String, String)> {
    let changes = assessment.edited.changes.iter();
    let new: BTreeMap<&str, &str> = changes
        .filter(|change| change.before.as_ref().is_none_or(String::is_empty))
        .filter_map(|change| Some((change.name.as_str(), change.after.as_deref()?)))
        .filter(|(_, after)| !after.is_empty())
        .collect();
    if new.is_empty() {
        return Vec::new();
    }
    let Some((subject, containers)) = subject(place, assessment) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, file) in &subject.profile.generated {
        let Some(after) = new.get(key.as_str()) else {
            continue;
        };
        for container in &containers {
            let bytes = place.docker.file_in(&container.id, file).await;
            let value = bytes.ok().flatten().and_then(|bytes| value_in(&bytes, key));
            if value.is_some_and(|value| value != *after) {
                found.push((key.clone(), file.clone()));
                break;
            }
        }
    }
    found
}

/// The value in a file of `KEY=value`, or in one that holds nothing else.
fn value_in(bytes: &[u8], key: &str) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if !text.contains(['\n', ' ']) && !text.starts_with(&format!("{key}=")) {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let key: EnvKey = key.parse().ok()?;
    let value = Dotenv::parse(bytes, Format::Compose)
        .ok()?
        .get(&key, &|_| None);
    value.ok().flatten().filter(|value| !value.is_empty())
}

/// What a recreate discards of each container that is replaced.
pub(super) async fn discarded(place: &Place, assessment: &Assessment) -> Vec<String> {
    let mut notes = Vec::new();
    for container in &assessment.containers {
        let step = assessment.plan.step(&container.service);
        let replaces = step.is_some_and(|step| match step.action {
            Action::Recreate | Action::Rebuild | Action::Remove => true,
            Action::None | Action::Signal | Action::Start | Action::Restart => {
                assessment.strategy == Strategy::DownUp
            }
        });
        if !replaces {
            continue;
        }
        let service = &container.service;
        let written = match place.docker.written_in(&container.id).await {
            Ok(written) => written,
            Err(error) => {
                notes.push(format!("{service}: what its container has written outside of its volumes, and a recreate discards, is not known: {error}"));
                continue;
            }
        };
        let defined = [assessment.before.as_ref(), Some(&assessment.after)].into_iter();
        let defined = defined
            .flatten()
            .filter_map(|model| model.services.get(service));
        let granted: Vec<_> = defined.flat_map(routes::granted_targets).collect();
        let mounts = container.mounts.iter();
        let mounts = mounts.map(|mount| mount.destination.as_path());
        let mounted: Vec<&Path> = mounts.chain(granted.iter().map(PathBuf::as_path)).collect();
        let files = own_layer::discarded(&written, &mounted);
        let Some((first, others)) = files.split_first() else {
            continue;
        };
        let named = others.iter().take(NAMED - 1);
        let mut text = format!("recreating {service} discards {first}");
        named.for_each(|file| text.push_str(&format!(", {file}")));
        if files.len() > NAMED {
            text.push_str(&format!(" and {} more files", files.len() - NAMED));
        }
        text.push_str(&signed_out(place, assessment, container, &files));
        notes.push(text);
    }
    notes
}

/// What becomes of it that a key is among them, which nothing else keeps.
fn signed_out(
    place: &Place,
    assessment: &Assessment,
    container: &Container,
    files: &[&str],
) -> String {
    let Some((subject, _)) = subject(place, assessment) else {
        return String::new();
    };
    let service = assessment.after.services.get(&container.service);
    let is_set = |key: &str| {
        let value = service.and_then(|service| service.environment.get(key)?.as_ref());
        value.is_some_and(|value| !value.is_empty())
    };
    let is_own = container.service == subject.service;
    let lost = subject.profile.generated.iter().filter(|_| is_own);
    let mut lost = lost.filter(|(key, file)| files.contains(&file.as_str()) && !is_set(key));
    lost.next().map_or_else(String::new, |(key, file)| {
        let keeps = crate::profile::keeping(container.service.as_str(), key, file);
        format!(
            ": {} generated its {key} there, and with another one everybody is signed out. To keep it, first: {keeps}",
            subject.profile.title
        )
    })
}

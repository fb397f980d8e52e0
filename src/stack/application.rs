//! Which application a stack runs, and of which version: from its model, the files beside it and its
//! checkout. Looks; decides by the rules of `profile::recognise`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::model::Model;
use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::host::files;
use crate::profile::image::{image_name, image_tag};
use crate::profile::recognise::{self, Candidate, Recognised};
use crate::profile::{self, Profile};

/// Images that are no application of their own.
const AIDES: [&str; 16] = [
    "redis",
    "valkey",
    "keydb",
    "postgres",
    "pgvector",
    "mysql",
    "mariadb",
    "mongo",
    "meilisearch",
    "nginx",
    "caddy",
    "traefik",
    "httpd",
    "haproxy",
    "cloudflared",
    "ollama",
];

/// The application of a stack.
#[derive(Debug)]
pub(crate) struct Subject {
    /// What is known of it.
    pub profile: Profile,
    /// The service.
    pub service: ServiceName,
    /// By what it was recognised; none for one that is not known.
    pub because: Option<String>,
    /// Its version, where image or checkout tell one.
    pub version: Option<String>,
}

/// Finds the application: the service that the person names, else the one that a profile
/// recognises, else the only one that can be meant.
///
/// # Errors
/// `no_service`, `which_service`.
pub(crate) fn of(
    directory: &Path,
    model: &Model,
    named: Option<&ServiceName>,
) -> Result<Subject, Complaint> {
    let profiles = profile::all()?;
    if let Some(name) = named
        && !model.services.contains_key(name)
    {
        let text = format!("there is no service {name}");
        return Err(Complaint::new(Code::NoService, text).hint("refit status lists them"));
    }
    let candidates: Vec<Candidate> = model
        .services
        .iter()
        .filter(|(name, _)| named.is_none_or(|named| named == *name))
        .map(|(name, service)| Candidate {
            service: name.to_string(),
            image: model.image_of(name).or_else(|| service.image.clone()),
            labels: labels_of(service.raw.get("labels")),
            publishes: service.raw.contains_key("ports"),
        })
        .collect();
    let beside = files_beside(directory);
    let found = recognise::recognise(profiles, &candidates, &beside);
    let (name, service, because) = match found {
        Some(found) => {
            let because = found.because();
            let Recognised {
                profile, service, ..
            } = found;
            (profile, service, Some(because))
        }
        None => (profile::GENERIC.to_owned(), only(&candidates)?, None),
    };
    let profile = profiles.iter().find(|profile| profile.name == name);
    let profile = profile.ok_or_else(|| Complaint::new(Code::BadProfile, format!("no {name}")))?;
    let image = candidates.iter().find(|c| c.service == service);
    let image = image.and_then(|candidate| candidate.image.clone());
    Ok(Subject {
        version: version(directory, image.as_deref()),
        profile: profile.clone(),
        service: service.into(),
        because,
    })
}

fn labels_of(labels: Option<&Value>) -> BTreeMap<String, String> {
    let map = labels.and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn files_beside(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// The only service that is no store and no proxy; of several the only one that publishes a port.
fn only(candidates: &[Candidate]) -> Result<String, Complaint> {
    let own = candidates.iter().filter(|candidate| {
        let image = candidate.image.as_deref().map(image_name);
        !image.is_some_and(|image| AIDES.contains(&image))
    });
    let own: Vec<&Candidate> = own.collect();
    let published: Vec<&&Candidate> = own.iter().filter(|c| c.publishes).collect();
    match (own.as_slice(), published.as_slice()) {
        ([one], _) => Ok(one.service.clone()),
        (_, [one]) => Ok(one.service.clone()),
        _ => {
            // Where there are only stores and proxies, one of them may be meant.
            let all: Vec<&Candidate> = candidates.iter().collect();
            let meant = if own.is_empty() { &all } else { &own };
            let names: Vec<&str> = meant.iter().map(|c| c.service.as_str()).collect();
            let text = format!(
                "which service is the application? There are {}",
                names.join(", ")
            );
            let first = published.first().map(|one| one.service.as_str());
            let first = first.or_else(|| names.first().copied()).unwrap_or("NAME");
            let hint = format!("name it: --service {first}");
            Err(Complaint::new(Code::WhichService, text).hint(hint))
        }
    }
}

/// The version that the image's tag or the checkout's `package.json` tells.
fn version(directory: &Path, image: Option<&str>) -> Option<String> {
    let starts_with_number = |text: &&str| {
        let plain = text.trim_start_matches('v');
        plain.starts_with(|c: char| c.is_ascii_digit()) && plain.contains('.')
    };
    let tag = image.and_then(image_tag).filter(starts_with_number);
    if let Some(tag) = tag {
        return Some(tag.to_owned());
    }
    let package = directory.join("package.json");
    let bytes = files::read_if_exists(&package).ok().flatten()?;
    let package: Value = serde_json::from_slice(&bytes).ok()?;
    let version = package.get("version")?.as_str()?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_a_service_that_may_be_meant() {
        let asked = |services: &[(&str, &str, bool)]| {
            let candidate = |(service, image, publishes): &(&str, &str, bool)| Candidate {
                service: (*service).to_owned(),
                image: Some((*image).to_owned()),
                labels: BTreeMap::new(),
                publishes: *publishes,
            };
            let candidates: Vec<Candidate> = services.iter().map(candidate).collect();
            let complaint = only(&candidates).unwrap_err();
            (complaint.text, complaint.hint.unwrap_or_default())
        };
        let (text, hint) = asked(&[("a", "x", false), ("b", "y", true), ("c", "z", true)]);
        assert!(text.ends_with("There are a, b, c"), "{text}");
        assert_eq!(hint, "name it: --service b");
        let (text, hint) = asked(&[("cache", "redis:7", false), ("db", "postgres", false)]);
        assert!(text.ends_with("There are cache, db"), "{text}");
        assert_eq!(hint, "name it: --service cache");
    }
}

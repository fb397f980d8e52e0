//! Secrets that everybody has, because they were published with the application. Pure; a value is
//! compared, and never handed on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::finding::{Finding, FindingCode};
use super::given::{GivenValue, ValueSource};
use super::keys::at;
use super::patient::Patient;
use crate::profile::{GeneratedIn, KEEPS_SECRETS, Profile, SecretChange};
use crate::stack::generated::ValueInUse;
use crate::stack::model::Service;

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(subject) = patient.known() else {
        return Vec::new();
    };
    let profile = &subject.profile;
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for file in patient.env {
        for line in file.set() {
            let (key, value) = (line.key.as_str(), line.value.expose());
            if profile.has_published(key, value) && told.insert(key) {
                let at = ValueSource::File(file, line.line);
                found.push(tell(profile, key, &GivenValue { value, at }));
            }
        }
    }
    for (name, service) in &patient.resolved.model.services {
        for (key, value) in &service.environment {
            let value = value.as_deref().unwrap_or_default();
            if profile.has_published(key, value) && told.insert(key) {
                let at = ValueSource::Definition(name);
                found.push(tell(profile, key, &GivenValue { value, at }).of(name));
            }
        }
    }
    found.extend(not_kept(patient));
    found
}

/// Keys that the application generates in the container's own layer, because nobody gives them a value:
/// the next container has others.
fn not_kept(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(subject) = patient.known() else {
        return Vec::new();
    };
    let (profile, name) = (&subject.profile, &subject.service);
    let Some(service) = patient.resolved.model.services.get(name) else {
        return Vec::new();
    };
    let is_set = |key: &str| {
        let value = service.environment.get(key).and_then(Option::as_ref);
        value.is_some_and(|value| !value.is_empty())
    };
    // One that stands in a file and does not get there is told as that.
    let is_written = |key: &str| {
        let mut lines = patient.env.iter().flat_map(|file| file.set());
        lines.any(|line| line.key.as_str() == key)
    };
    let is_given = |key: &String, place: &GeneratedIn| {
        let mut keys = std::iter::once(key).chain(&place.instead);
        keys.any(|key| is_set(key) || is_written(key))
    };
    let open = profile
        .generated
        .iter()
        .filter(|(key, place)| !is_given(key, place));
    let (mut lost, mut may_be) = (Vec::new(), Vec::new());
    for (key, place) in open {
        let mut seen = patient.generated.iter();
        match seen.find(|seen| seen.key == *key) {
            Some(seen) if seen.is_lost_by_recreate() => {
                lost.push((key.as_str(), seen.file.clone()))
            }
            Some(seen) if !matches!(seen.value, ValueInUse::Nowhere) => {}
            Some(_) | None => may_be.extend(in_layer(service, place).map(|at| (key.as_str(), at))),
        }
    }
    let told = [(lost, true), (may_be, false)].into_iter();
    told.filter_map(|(keys, is_seen)| {
        let (first, file) = keys.first()?;
        let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
        let text = format!(
            "{} {} no value, so {} generates one in the container ({}): each recreate signs everybody out",
            crate::text::listed(&names),
            if names.len() == 1 { "has" } else { "have" },
            profile.title,
            file.display()
        );
        let mut finding = Finding::new(FindingCode::SecretNotKept, text).of(name);
        finding.keys = names.iter().map(|key| (*key).to_owned()).collect();
        let change = profile.keys.get(*first).and_then(|known| known.change.as_ref());
        Some(match (is_seen, change) {
            (true, _) => finding.why("with the present value nobody is signed out").hint(KEEPS_SECRETS),
            (false, Some(change)) => finding.why("nobody has seen a value that could be kept").hint(format!(
                "refit set {first} --generate {} --for {name}",
                change.generate
            )),
            (false, None) => finding,
        })
    })
    .collect()
}

/// The file of a key that no container was seen to have, where it is known to lie outside of volumes.
fn in_layer(service: &Service, place: &GeneratedIn) -> Option<PathBuf> {
    let named = place
        .named_by
        .as_ref()
        .and_then(|key| service.environment.get(key)?.as_deref());
    let named = named.filter(|name| !name.trim().is_empty());
    let file = Path::new(named.unwrap_or(&place.file).trim());
    let volumes = service.raw.get("volumes").and_then(|all| all.as_array());
    let mut targets = volumes
        .into_iter()
        .flatten()
        .filter_map(|one| one["target"].as_str());
    let is_kept = targets.any(|target| file.starts_with(target));
    (file.is_absolute() && !is_kept).then(|| file.to_owned())
}

fn tell(profile: &Profile, key: &str, given: &GivenValue<'_>) -> Finding {
    let text = format!(
        "{key} ({}) has the public default of {}: everybody can read it",
        given.place(),
        profile.title
    );
    let finding = at(
        Finding::new(FindingCode::SecretPublished, text).key(key),
        given,
    );
    let Some(change) = profile
        .keys
        .get(key)
        .and_then(|known| known.change.as_ref())
    else {
        return finding.hint(format!("refit why {key}"));
    };
    let hint = match change.lost {
        true => format!(
            "before anybody has stored one: {}; afterwards nothing but the old value reads them",
            command(profile, key, given, change)
        ),
        false => command(profile, key, given, change),
    };
    finding.why(change.costs.clone()).hint(hint)
}

fn command(profile: &Profile, key: &str, given: &GivenValue<'_>, change: &SecretChange) -> String {
    let (word, flag) = match given.at {
        ValueSource::File(file, _) => (key.to_owned(), file.flag()),
        ValueSource::Definition(service) => (
            format!("services.{service}.environment.{key}"),
            String::new(),
        ),
    };
    let allow = match profile.guarded.iter().any(|own| own == key) {
        true => " --allow guarded-key",
        false => "",
    };
    format!(
        "refit set {word}{flag} --generate {}{allow}",
        change.generate
    )
}

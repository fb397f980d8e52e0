//! Secrets that everybody has, because they were published with the application. Pure; a value is
//! compared, and never handed on.

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::{Finding, FindingCode};
use super::given::{GivenValue, ValueSource};
use super::keys::at;
use super::patient::Patient;
use crate::profile::{Profile, SecretChange, keeping};

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

/// A key that the application generates in the container's own layer, because nobody gives it one: the
/// next container has another.
fn not_kept(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(subject) = patient.known() else {
        return Vec::new();
    };
    let (profile, name) = (&subject.profile, &subject.service);
    let Some(service) = patient.resolved.model.services.get(name) else {
        return Vec::new();
    };
    // What it keeps in its data folder outlives the container.
    let is_kept = |file: &str| {
        let volumes = service.raw.get("volumes").and_then(|all| all.as_array());
        let mut targets = volumes
            .into_iter()
            .flatten()
            .filter_map(|one| one["target"].as_str());
        targets.any(|target| Path::new(file).starts_with(target))
    };
    let is_set = |key: &str| {
        let value = service.environment.get(key).and_then(Option::as_ref);
        value.is_some_and(|value| !value.is_empty())
    };
    // One that stands in a file and does not get there is told as that.
    let is_written = |key: &str| {
        let mut lines = patient.env.iter().flat_map(|file| file.set());
        lines.any(|line| line.key.as_str() == key && !line.value.expose().is_empty())
    };
    let data = profile.data.as_ref();
    let generated = profile.generated.iter().filter(|_| data.is_some());
    let lost = generated.filter(|(key, file)| !is_set(key) && !is_written(key) && !is_kept(file));
    let told = lost.map(|(key, file)| {
        let text = format!(
            "{key} has no value, so {} generates one in the container ({file}): each recreate signs everybody out",
            profile.title
        );
        let finding = Finding::new(FindingCode::SecretNotKept, text).key(key).of(name);
        let keeps = keeping(name.as_str(), key, file);
        finding.why("with the present value nobody is signed out").hint(keeps)
    });
    told.collect()
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

//! Secrets that everybody has, because they were published with the application. Pure; a value is
//! compared, and never handed on.

use std::collections::BTreeSet;

use super::finding::{Finding, FindingCode};
use super::given::{GivenValue, ValueSource};
use super::keys::at;
use super::patient::Patient;
use crate::profile::{Profile, SecretChange};

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
    found
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

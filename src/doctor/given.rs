//! What the application is given: its environment as it wins over its env files, each value with its
//! place. Pure.

use std::collections::BTreeMap;

use super::patient::{EnvText, Patient};
use crate::event::{Route, ServiceName};
use crate::stack::routes;

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueSource<'a> {
    /// A line of an env file.
    File(&'a EnvText, usize),
    /// `environment` of the definition.
    Definition(&'a ServiceName),
}

/// A value as the application has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenValue<'a> {
    pub(super) value: &'a str,
    pub(super) at: ValueSource<'a>,
}

impl GivenValue<'_> {
    /// Its place, in words.
    pub(super) fn place(&self) -> String {
        match self.at {
            ValueSource::File(file, line) => format!("{}:{line}", file.name),
            ValueSource::Definition(service) => format!("environment of {service}"),
        }
    }

    /// The command that gives the key another value.
    pub(super) fn set(&self, key: &str, value: &str) -> String {
        let word = match self.at {
            ValueSource::File(..) => format!("{key}={value}"),
            ValueSource::Definition(service) => {
                format!("services.{service}.environment.{key}={value}")
            }
        };
        let flag = match self.at {
            ValueSource::File(file, _) => file.flag(),
            ValueSource::Definition(_) => String::new(),
        };
        format!("refit set {}{flag}", crate::text::shell_word(&word))
    }

    /// The command that takes the key away.
    pub(super) fn unset(&self, key: &str) -> String {
        match self.at {
            ValueSource::File(file, _) => format!("refit unset {key}{}", file.flag()),
            ValueSource::Definition(service) => {
                format!("refit unset services.{service}.environment.{key}")
            }
        }
    }
}

/// What the application is given, by key; what is empty is left out.
pub(super) type Environment<'a> = BTreeMap<&'a str, GivenValue<'a>>;

/// The environment of the application: the definition's, then its `env_file`s, then the env files
/// that it reads itself, which win over nothing.
pub(super) fn of<'a>(patient: &'a Patient<'_>) -> Environment<'a> {
    let mut found = Environment::new();
    let Some(name) = patient.subject.map(|subject| &subject.service) else {
        return found;
    };
    for file in patient.env.iter().filter(|file| file.reaches(name)) {
        for line in file.set() {
            let at = ValueSource::File(file, line.line);
            let value = line.value.expose();
            found.insert(&line.key, GivenValue { value, at });
        }
    }
    let Some(service) = patient.resolved.model.services.get(name) else {
        return found;
    };
    let named = patient.resolved.source.services.get(name);
    for (key, value) in &service.environment {
        let by_definition = named.is_none_or(|named| named.environment.contains(key));
        let Some(value) = value.as_deref() else {
            continue;
        };
        let by_file = patient.env.iter().rev().find_map(|file| {
            let line = file.lines.iter().find(|line| line.key == *key)?;
            let own = file.reaches_by(name, Route::EnvFile);
            own.then_some(ValueSource::File(file, line.line))
        });
        // What `environment` hands on from an env file is changed in the env file.
        let handed_on = patient.env.iter().rev().find_map(|file| {
            let line = file.lines.iter().find(|line| line.key == *key)?;
            let hands_on = by_definition && is_handed_on(patient, name, key);
            (file.fills_in && hands_on).then_some(ValueSource::File(file, line.line))
        });
        let at = match by_definition {
            true => handed_on.unwrap_or(ValueSource::Definition(name)),
            false => by_file.unwrap_or(ValueSource::Definition(name)),
        };
        // An empty value of the process hides the file's as well.
        match value {
            "" => drop(found.remove(key.as_str())),
            value => drop(found.insert(key, GivenValue { value, at })),
        }
    }
    found
}

/// Whether `environment.KEY` of a service stands on `${KEY}`, or on the key alone.
fn is_handed_on(patient: &Patient<'_>, service: &ServiceName, key: &str) -> bool {
    let resolved = patient.resolved;
    routes::of_key(&resolved.model, &resolved.source, key)
        .iter()
        .any(|reach| reach.service == *service && reach.place == format!("environment.{key}"))
}

/// Whether a definition uses `${KEY}` for anything but handing on the key to the application.
pub(super) fn is_used_otherwise(patient: &Patient<'_>, key: &str) -> bool {
    let resolved = patient.resolved;
    let own = patient.subject.map(|subject| &subject.service);
    routes::of_key(&resolved.model, &resolved.source, key)
        .iter()
        .any(|reach| Some(&reach.service) != own || reach.place != format!("environment.{key}"))
}

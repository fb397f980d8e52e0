//! Values that an application keeps in its database, where they override its environment. Read in its
//! container, by the command of its profile.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::event::ServiceName;
use crate::profile::Profile;
use crate::stack::misfit::milliseconds;

/// The value that an application's database has for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredValue {
    /// It has one, which overrides the environment.
    Is(String),
    /// It has none: the environment counts.
    Absent,
    /// That cannot be seen, and why.
    Unknown(&'static str),
}

impl StoredValue {
    /// Whether it is the value that is to be set, in whatever unit.
    pub(crate) fn is(&self, wanted: &str) -> bool {
        let is_as_long = |stored: &str| {
            let stored = milliseconds(stored.trim());
            stored.is_some() && stored == milliseconds(wanted.trim())
        };
        match self {
            Self::Is(stored) => {
                stored.trim().eq_ignore_ascii_case(wanted.trim()) || is_as_long(stored)
            }
            Self::Absent | Self::Unknown(_) => false,
        }
    }
}

/// Whether the application is told that its environment overrides its database.
pub(crate) fn environment_wins<'v>(
    profile: &Profile,
    value: impl Fn(&str) -> Option<&'v str>,
) -> bool {
    profile.environment_wins.iter().any(|(key, wanted)| {
        value(key).is_some_and(|given| given.trim().eq_ignore_ascii_case(wanted))
    })
}

/// The two ways that work where a stored value overrides one that is to be set, with the price of the
/// second.
pub(crate) fn ways(profile: &Profile, service: &ServiceName) -> String {
    let panel = profile
        .panel
        .iter()
        .map(|panel| format!("set it in {panel}"));
    let switch = profile.environment_wins.iter().map(|(key, value)| {
        format!(
            "refit set {key}={value} --for {service}, and then nothing that is set in the panel counts any more"
        )
    });
    panel.chain(switch).collect::<Vec<_>>().join(", or: ")
}

/// The stored values of keys, by key; nothing of keys that the application does not store.
pub(crate) async fn of(
    docker: &Docker,
    profile: &Profile,
    containers: &[&Container],
    keys: &[&str],
) -> BTreeMap<String, StoredValue> {
    let stored = keys.iter().filter_map(|key| {
        let known = profile.keys.get(*key).filter(|_| profile.is_known)?;
        Some(((*key).to_owned(), known.in_database.as_deref()?))
    });
    let stored: BTreeMap<String, &str> = stored.collect();
    let all = |value: &StoredValue| {
        let keys = stored.keys().cloned();
        keys.map(|key| (key, value.clone())).collect()
    };
    if stored.is_empty() {
        return BTreeMap::new();
    }
    if profile.reads_stored.is_empty() {
        return all(&StoredValue::Unknown("how to read it is not known"));
    }
    let Some(running) = containers.iter().find(|one| one.is_up()) else {
        return all(&StoredValue::Unknown("the application does not run"));
    };
    let mut command: Vec<&str> = profile.reads_stored.iter().map(String::as_str).collect();
    command.extend(stored.values());
    let said = docker.exec_output(&running.id, &command).await;
    let said = said.and_then(|said| serde_json::from_slice::<Value>(&said).ok());
    let Some(Value::Object(said)) = said else {
        return all(&StoredValue::Unknown("its database cannot be read"));
    };
    let value = |name: &str| match said.get(name) {
        Some(Value::Null) | None => StoredValue::Absent,
        Some(Value::String(text)) => StoredValue::Is(text.clone()),
        Some(other) => StoredValue::Is(other.to_string()),
    };
    let values = stored.into_iter();
    values.map(|(key, name)| (key, value(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_in_another_unit() {
        let stored = StoredValue::Is("4w".into());
        assert!(stored.is("4w") && stored.is("28d"));
        assert!(!stored.is("27d") && !stored.is("for ever"));
        assert!(StoredValue::Is("true".into()).is("True"));
        assert!(!StoredValue::Absent.is(""));
    }
}

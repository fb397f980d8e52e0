//! What differs between two resolved models, service by service, and what each difference asks for.

use std::collections::BTreeSet;

use serde_json::Value;

use super::inputs::Inputs;
use super::wishes::{Wishes, wish};
use crate::docker::container::Container;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::stack::drift;
use crate::stack::model::{Section, Service};
use crate::stack::routes::route_of_place;

/// Fields that change nothing in a container; Compose's hash leaves them out as well. `develop` is in it
/// (F74).
const NO_CONTAINER: [&str; 3] = ["depends_on", "profiles", "pull_policy"];

pub(super) fn compare(
    inputs: &Inputs<'_>,
    wishes: &mut Wishes,
    remarks: &mut Vec<(ServiceName, String)>,
) {
    for (name, after) in &inputs.after.services {
        match inputs.before.services.get(name) {
            Some(before) => {
                if turned_on(inputs, name) {
                    let text = "its profile is turned on".to_owned();
                    wish(wishes, name, Action::Start, definition(text));
                }
                if turned_off(inputs, name) {
                    remarks.push((name.clone(), drift::profile_is_off(name)));
                }
                fields(inputs, name, before, after, wishes, remarks);
                shared(inputs, name, after, wishes);
            }
            None => {
                let text = "is new in the files".to_owned();
                wish(wishes, name, Action::Start, definition(text));
            }
        }
    }
    for name in inputs.before.services.keys() {
        if !inputs.after.services.contains_key(name) {
            let text = "is no longer in the files".to_owned();
            wish(wishes, name, Action::Remove, definition(text));
        }
    }
}

/// Whether `up` would start a service only since the change.
fn turned_on(inputs: &Inputs<'_>, name: &ServiceName) -> bool {
    inputs.after.is_active(name, inputs.profiles)
        && !inputs.before.is_active(name, inputs.profiles_before)
}

/// Whether `up` would no longer start a service that runs: Compose leaves it running.
fn turned_off(inputs: &Inputs<'_>, name: &ServiceName) -> bool {
    let mut own = inputs.containers.iter().filter(|one| one.service == *name);
    inputs.before.is_active(name, inputs.profiles_before)
        && !inputs.after.is_active(name, inputs.profiles)
        && own.any(Container::is_up)
}

fn definition(text: String) -> Reason {
    Reason {
        route: Route::Definition,
        file: None,
        key: None,
        text,
    }
}

fn fields(
    inputs: &Inputs<'_>,
    name: &ServiceName,
    before: &Service,
    after: &Service,
    wishes: &mut Wishes,
    remarks: &mut Vec<(ServiceName, String)>,
) {
    let names: BTreeSet<&String> = before.raw.keys().chain(after.raw.keys()).collect();
    for field in names {
        let (old, new) = (before.raw.get(field), after.raw.get(field));
        if old == new || field.starts_with("x-") {
            continue;
        }
        match field.as_str() {
            "environment" => environment(inputs, name, before, after, wishes),
            "build" => {
                let reason = reason_of_field(inputs, name, "build", old, new);
                wish(
                    wishes,
                    name,
                    Action::Rebuild,
                    Reason {
                        route: Route::Build,
                        ..reason
                    },
                );
            }
            "scale" | "deploy" if only_replicas(old, new) => {
                replicas(name, before.replicas, after.replicas, wishes);
            }
            "provider" if before.has_provider() && after.has_provider() => {
                let what = reason_of_field(inputs, name, "provider", old, new).text;
                let text = format!(
                    "gets other options for its provider ({what}), which refit does not call: \
                     docker compose up -d {name} does"
                );
                remarks.push((name.clone(), text));
            }
            other if NO_CONTAINER.contains(&other) => {
                remarks.push((
                    name.clone(),
                    format!("is not affected by a change of {other}"),
                ));
            }
            other => {
                let reason = reason_of_field(inputs, name, other, old, new);
                wish(wishes, name, Action::Recreate, reason);
            }
        }
    }
}

/// The environment key by key, so that each reason names one.
fn environment(
    inputs: &Inputs<'_>,
    name: &ServiceName,
    before: &Service,
    after: &Service,
    wishes: &mut Wishes,
) {
    let keys: BTreeSet<&String> = before
        .environment
        .keys()
        .chain(after.environment.keys())
        .collect();
    for key in keys {
        if before.environment.get(key) != after.environment.get(key) {
            let reason = reason_of_variable(inputs, name, key);
            wish(wishes, name, Action::Recreate, reason);
        }
    }
}

/// Why one variable of a service's environment differs.
fn reason_of_variable(inputs: &Inputs<'_>, name: &ServiceName, variable: &str) -> Reason {
    let source = inputs.source.services.get(name);
    let place = format!("environment.{variable}");
    let edited = |key: &str| inputs.keys.iter().find(|(_, known)| known == key);
    let named = source.is_some_and(|service| service.environment.contains(variable));
    if named {
        let references = source.into_iter().flat_map(|service| &service.references);
        let by_reference = references
            .filter(|reference| reference.place == place)
            .find_map(|reference| edited(&reference.variable));
        let by_name = || {
            source.filter(|service| service.inherited.contains(variable))?;
            edited(variable)
        };
        return match by_reference.or_else(by_name) {
            Some((file, key)) => Reason {
                route: route_of_place(&place, key),
                file: Some(file.clone()),
                key: Some(key.clone()),
                text: if key == variable {
                    format!("environment takes {key} from {file}")
                } else {
                    format!("environment {variable} uses ${{{key}}} from {file}")
                },
            },
            None => definition(format!("environment {variable} differs")),
        };
    }
    let reaching = inputs
        .reaches
        .iter()
        .find(|(_, reach)| reach.service == *name && reach.route == Route::EnvFile);
    match reaching {
        Some((file, _)) => Reason {
            route: Route::EnvFile,
            file: Some(file.clone()),
            key: Some(variable.to_owned()),
            text: format!("{file} is its env_file"),
        },
        None => Reason {
            route: Route::Environment,
            file: None,
            key: Some(variable.to_owned()),
            text: format!("environment {variable} differs"),
        },
    }
}

/// Why another field differs: a `${KEY}` that was edited, or the definition itself.
fn reason_of_field(
    inputs: &Inputs<'_>,
    name: &ServiceName,
    field: &str,
    old: Option<&Value>,
    new: Option<&Value>,
) -> Reason {
    let source = inputs.source.services.get(name);
    let key = source
        .into_iter()
        .flat_map(|service| &service.references)
        .find_map(|reference| {
            let place = &reference.place;
            let below = place.strip_prefix(field)?;
            if !(below.is_empty() || below.starts_with(['.', '['])) {
                return None;
            }
            inputs
                .keys
                .iter()
                .find(|(_, key)| *key == reference.variable)
        });
    match key {
        Some((file, key)) => Reason {
            route: Route::Interpolation,
            file: Some(file.clone()),
            key: Some(key.clone()),
            text: format!("{field} uses ${{{key}}} from {file}"),
        },
        None => definition(match (field, old, new) {
            ("image", Some(Value::String(old)), Some(Value::String(new))) => {
                format!("image {old} → {new}")
            }
            (_, None, _) => format!("{field} is added"),
            (_, _, None) => format!("{field} is removed"),
            _ => format!("{field} differs"),
        }),
    }
}

fn only_replicas(old: Option<&Value>, new: Option<&Value>) -> bool {
    let without = |value: Option<&Value>| match value {
        Some(Value::Object(map)) => {
            let mut map = map.clone();
            map.shift_remove("replicas");
            map
        }
        _ => serde_json::Map::new(),
    };
    without(old) == without(new)
}

fn replicas(name: &ServiceName, before: u64, after: u64, wishes: &mut Wishes) {
    let action = match after.cmp(&before) {
        std::cmp::Ordering::Greater => Action::Start,
        std::cmp::Ordering::Less => Action::Remove,
        std::cmp::Ordering::Equal => return,
    };
    wish(
        wishes,
        name,
        action,
        definition(format!("replicas {before} → {after}")),
    );
}

/// Networks, volumes, configs and secrets of the service whose own definition differs.
fn shared(inputs: &Inputs<'_>, name: &ServiceName, after: &Service, wishes: &mut Wishes) {
    for section in Section::ALL {
        for object in after.uses(section) {
            let old = inputs.before.shared(section, &object);
            let new = inputs.after.shared(section, &object);
            if old == new || old.is_none() {
                continue;
            }
            let what = section.key().trim_end_matches('s');
            let route = match section {
                Section::Configs => Route::Config,
                Section::Secrets => Route::Secret,
                Section::Networks | Section::Volumes => Route::Definition,
            };
            let reason = definition(format!("the {what} {object} differs"));
            wish(wishes, name, Action::Recreate, Reason { route, ..reason });
        }
    }
    by_variable(inputs, name, after, wishes);
}

/// Configs and secrets that stand on an environment variable are copied into the container when it
/// is made; the model holds the variable's name only, so an edited key is looked for there.
fn by_variable(inputs: &Inputs<'_>, name: &ServiceName, after: &Service, wishes: &mut Wishes) {
    for (section, route) in [
        (Section::Configs, Route::Config),
        (Section::Secrets, Route::Secret),
    ] {
        for object in after.uses(section) {
            let variable = inputs
                .after
                .shared(section, &object)
                .and_then(|d| d.get("environment"));
            let Some(variable) = variable.and_then(Value::as_str) else {
                continue;
            };
            let Some((file, key)) = inputs.keys.iter().find(|(_, key)| key == variable) else {
                continue;
            };
            let reason = Reason {
                route,
                file: Some(file.clone()),
                key: Some(key.clone()),
                text: format!("its {} {object} is made from {key}", route.word()),
            };
            wish(wishes, name, Action::Recreate, reason);
        }
    }
}

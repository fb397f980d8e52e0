//! Which effects a plan must have: what is to be read in which container after the change.

use std::collections::BTreeSet;

use crate::edit::dotenv::EnvKey;
use crate::event::{Action, Route};
use crate::health::effect::{Expected, ExpectedValue};
use crate::plan::{Plan, Step};
use crate::stack::model::Model;
use crate::stack::routes::FileReach;

/// The effects to look for, in the order of the plan. Pure.
pub(crate) fn expected(
    before: &Model,
    after: &Model,
    plan: &Plan,
    reaches: &[(String, FileReach)],
    keys: &[(String, String)],
) -> Vec<Expected> {
    plan.steps
        .iter()
        .flat_map(|step| of_step(before, after, step, reaches, keys))
        .collect()
}

/// Takes out what is empty because nothing sets it, which proves nothing, and says so.
pub(crate) fn without_unset(effects: &mut Vec<Expected>, unset: &[&str]) -> Vec<String> {
    let mut notes = Vec::new();
    for effect in effects.iter_mut().filter(|_| !unset.is_empty()) {
        let ExpectedValue::Variable { value, before } = &effect.wanted else {
            continue;
        };
        let (service, key) = (&effect.service, &effect.key);
        if value.as_deref() != Some("") || before.as_deref() == Some("") {
            continue;
        }
        let why = match unset {
            [one] => format!("nothing sets {one}"),
            all if all.contains(&key.as_str()) => format!("nothing sets {key}"),
            all => format!("nothing sets {}", all.join(", ")),
        };
        notes.push(format!("{key} of {service} is empty: {why}"));
        effect.wanted = ExpectedValue::NewContainer;
        effect.key = String::new();
    }
    effects.dedup();
    notes
}

fn of_step(
    before: &Model,
    after: &Model,
    step: &Step,
    reaches: &[(String, FileReach)],
    keys: &[(String, String)],
) -> Vec<Expected> {
    // A follower or a restart that was asked for has no setting of its own to show.
    let only_follows = step
        .reasons
        .iter()
        .all(|reason| matches!(reason.route, Route::Follows | Route::Asked));
    if matches!(step.action, Action::None | Action::Remove) || only_follows {
        return Vec::new();
    }
    let mut found = of_mounts(step, reaches, keys);
    if step.action.makes_container() {
        found.extend(of_environment(before, after, step));
        // What was stopped is started as it is; that it runs is its verdict.
        if found.is_empty() && step.action != Action::Start {
            let reason = step.reasons.first();
            found.push(Expected {
                service: step.service.clone(),
                route: reason.map_or(Route::Definition, |reason| reason.route),
                key: reason
                    .and_then(|reason| reason.key.clone())
                    .unwrap_or_default(),
                wanted: ExpectedValue::NewContainer,
            });
        }
    }
    found
}

/// Every edited file that the process sees by a mount; of an env file every key by itself.
fn of_mounts(
    step: &Step,
    reaches: &[(String, FileReach)],
    keys: &[(String, String)],
) -> Vec<Expected> {
    let mut found = Vec::new();
    for (file, reach) in reaches {
        let Some(target) = reach
            .target
            .as_ref()
            .filter(|_| reach.service == step.service)
        else {
            continue;
        };
        let own = keys.iter().filter(|(known, _)| known == file);
        let mut own: Vec<&str> = own.map(|(_, key)| key.as_str()).collect();
        // What is not a key of an env file is shown by the file as a whole.
        if own.iter().any(|key| key.parse::<EnvKey>().is_err()) {
            own.truncate(1);
        }
        if own.is_empty() {
            own.push("");
        }
        found.extend(own.into_iter().map(|key| Expected {
            service: step.service.clone(),
            route: reach.route,
            key: key.to_owned(),
            wanted: ExpectedValue::File {
                host: reach.file.clone(),
                target: target.clone(),
            },
        }));
    }
    found
}

/// Every variable whose value differs, or that the plan names.
fn of_environment(before: &Model, after: &Model, step: &Step) -> Vec<Expected> {
    let Some(new) = after.services.get(&step.service) else {
        return Vec::new();
    };
    let none = std::collections::BTreeMap::new();
    let old = before
        .services
        .get(&step.service)
        .map_or(&none, |service| &service.environment);
    let named = step
        .reasons
        .iter()
        .filter(|reason| matches!(reason.route, Route::EnvFile | Route::Environment))
        .filter_map(|reason| reason.key.as_ref());
    let keys: BTreeSet<&String> = old
        .keys()
        .chain(new.environment.keys())
        .filter(|key| old.get(*key) != new.environment.get(*key))
        .chain(named)
        .collect();
    // What a new service gets is proven by its container alone.
    if !before.services.contains_key(&step.service) {
        return Vec::new();
    }
    keys.into_iter()
        .map(|key| Expected {
            service: step.service.clone(),
            route: route_of(step, key),
            key: key.clone(),
            wanted: ExpectedValue::Variable {
                value: new.environment.get(key).cloned().flatten(),
                before: old.get(key).cloned().flatten(),
            },
        })
        .collect()
}

/// How a variable got its value: the reason names it, or names the key that its value uses.
fn route_of(step: &Step, variable: &str) -> Route {
    let named = step
        .reasons
        .iter()
        .find(|reason| reason.key.as_deref() == Some(variable));
    let interpolated = || {
        step.reasons
            .iter()
            .find(|reason| reason.route == Route::Interpolation)
    };
    named
        .or_else(interpolated)
        .map_or(Route::Environment, |reason| reason.route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_sets_is_no_proof() {
        let variable = |key: &str, value: &str| Expected {
            service: "web".into(),
            route: Route::Environment,
            key: key.to_owned(),
            wanted: ExpectedValue::Variable {
                value: Some(value.to_owned()),
                before: None,
            },
        };
        let all = [variable("TOKEN", ""), variable("MODE", "1")];
        let mut effects = all.to_vec();
        assert!(without_unset(&mut effects, &[]).is_empty());
        assert_eq!(effects, all, "somebody set it to nothing");
        let notes = without_unset(&mut effects, &["APP_TOKEN"]);
        assert_eq!(notes, ["TOKEN of web is empty: nothing sets APP_TOKEN"]);
        assert_eq!(effects[0].wanted, ExpectedValue::NewContainer);
        assert_eq!(effects[1], all[1]);
    }
}

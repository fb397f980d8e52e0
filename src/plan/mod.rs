//! The plan: which services are touched, how, and why. Pure functions from two resolved models, the
//! routes of the edited files and the containers to ordered steps; no I/O, no clock, no async.

pub(crate) mod crossing;
mod data_guards;
mod diff;
mod follow;
pub(crate) mod guard;
pub(crate) mod guarded;
pub(crate) mod image;
mod inputs;
mod objection;
pub(crate) mod own_layer;
mod signing_keys;
mod state;
mod steps;
mod store;
pub(crate) mod store_guard;
mod wishes;

pub(crate) use inputs::Inputs;
pub(crate) use steps::{Plan, Step};

use std::collections::BTreeSet;

use crate::docker::container::Container;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::stack::drift::Drift;
use crate::stack::model::Model;
use crate::stack::routes::FileReach;
use wishes::{Wishes, wish};

/// The plan of a change: only what the change reaches.
pub(crate) fn of_change(inputs: &Inputs<'_>) -> Plan {
    let mut wishes = Wishes::new();
    let mut remarks = Vec::new();
    diff::compare(inputs, &mut wishes, &mut remarks);
    for (file, reach) in inputs.reaches {
        of_reach(inputs, file, reach, &mut wishes);
    }
    finish(
        inputs,
        wishes,
        remarks,
        state::StoppedServices::StaysStopped,
    )
}

/// The plan of `apply`: everything in which files and containers differ.
pub(crate) fn of_drift(inputs: &Inputs<'_>, drifts: &[Drift]) -> Plan {
    of_drifts(inputs, drifts, state::StoppedServices::IsStarted)
}

/// The same for who did not ask for services that were stopped.
pub(crate) fn of_drift_of_running(inputs: &Inputs<'_>, drifts: &[Drift]) -> Plan {
    of_drifts(inputs, drifts, state::StoppedServices::StaysStopped)
}

fn of_drifts(inputs: &Inputs<'_>, drifts: &[Drift], stopped: state::StoppedServices) -> Plan {
    let mut wishes = Wishes::new();
    for drift in drifts {
        wish(
            &mut wishes,
            &drift.service,
            drift.action,
            drift.reason.clone(),
        );
    }
    finish(inputs, wishes, Vec::new(), stopped)
}

/// The plan of `restart`: these services, or all that run.
pub(crate) fn of_restart(inputs: &Inputs<'_>, asked: &[ServiceName]) -> Plan {
    let mut wishes = Wishes::new();
    for service in inputs.after.services.keys() {
        if !asked.is_empty() && !asked.contains(service) {
            continue;
        }
        let reason = Reason {
            route: Route::Asked,
            file: None,
            key: None,
            text: "as asked".to_owned(),
        };
        wish(&mut wishes, service, Action::Restart, reason);
    }
    let stopped = if asked.is_empty() {
        state::StoppedServices::StaysStopped
    } else {
        state::StoppedServices::IsStarted
    };
    finish(inputs, wishes, Vec::new(), stopped)
}

/// The plan of the literal `down` and `up -d --build`: every active service is made anew.
pub(crate) fn of_down_up(model: &Model, profiles: &[String]) -> Plan {
    let reason = || Reason {
        route: Route::Asked,
        file: None,
        key: None,
        text: "down and up -d --build, as asked".to_owned(),
    };
    let services = model.in_dependency_order().into_iter();
    // Of services whose profile is off nothing is said: they are not asked for.
    let steps = services
        .filter(|name| model.is_active(name, profiles))
        .map(|service| Step {
            service,
            action: Action::Recreate,
            reasons: vec![reason()],
            signal: None,
        })
        .collect();
    Plan {
        steps,
        ..Plan::default()
    }
}

/// Leaves services alone that would come back, and that somebody had stopped when they went.
pub(crate) fn without_starts(plan: &mut Plan, stopped: &BTreeSet<ServiceName>) {
    let is_stopped = |step: &Step| step.action == Action::Start && stopped.contains(&step.service);
    for step in plan.steps.extract_if(.., |step| is_stopped(step)) {
        let name = step.service;
        let text = format!("was stopped before, and is not started; refit apply {name} starts it");
        plan.remarks.push((name, text));
    }
}

/// Replaces each step's action, as `--strategy` asks.
pub(crate) fn with_action(mut plan: Plan, action: Action) -> Plan {
    for step in &mut plan.steps {
        let replaceable = matches!(
            step.action,
            Action::Restart | Action::Recreate | Action::Signal
        );
        if replaceable {
            step.action = action;
            step.signal = None;
        }
    }
    plan
}

/// What an edited file asks of a service that it reaches.
fn of_reach(inputs: &Inputs<'_>, file: &str, reach: &FileReach, wishes: &mut Wishes) {
    let action = match reach.route {
        Route::Build => Action::Rebuild,
        Route::Bind | Route::Config | Route::Secret => {
            let signal = inputs.reloads.iter().any(|(service, path, _)| {
                // A file that is mounted alone keeps its old inode on a reload (F1).
                *service == reach.service && path == file && !reach.alone
            });
            if signal {
                Action::Signal
            } else {
                Action::Restart
            }
        }
        // The models say whether the service's environment really differs.
        Route::Interpolation
        | Route::EnvFile
        | Route::Environment
        | Route::Follows
        | Route::Definition
        | Route::Asked => return,
    };
    let reason = Reason {
        route: reach.route,
        file: Some(file.to_owned()),
        key: inputs
            .keys
            .iter()
            .find(|(known, _)| known == file)
            .map(|(_, key)| key.clone()),
        text: format!("{file} {}", reach.text),
    };
    wish(wishes, &reach.service, action, reason);
}

fn finish(
    inputs: &Inputs<'_>,
    mut wishes: Wishes,
    mut remarks: Vec<(ServiceName, String)>,
    stopped: state::StoppedServices,
) -> Plan {
    // Where the files ask for no container at all, none is missing.
    let any = inputs.before.services.iter().any(|(name, service)| {
        service.replicas > 0 && inputs.before.is_active(name, inputs.profiles_before)
    });
    // What crashed is in trouble, and not down: nobody has stopped it.
    let is_meant_to_run = |one: &Container| {
        one.is_up() || one.has_crashed() && !inputs.one_shots.contains(&one.service)
    };
    let down = any && !inputs.containers.iter().any(is_meant_to_run);
    if down && stopped == state::StoppedServices::StaysStopped {
        let services = inputs.after.services.keys();
        let untouched = services
            .filter(|name| takes_part(inputs, name))
            .cloned()
            .collect();
        return Plan {
            untouched,
            remarks,
            stack_is_down: true,
            ..Plan::default()
        };
    }
    image::of_shared_builds(inputs.after, &mut wishes);
    state::settle(inputs, &mut wishes, &mut remarks, stopped);
    follow::add(inputs.after, inputs.containers, &mut wishes);
    number(inputs, &mut wishes);
    let mut order = inputs.after.in_dependency_order();
    // What goes comes first: it may hold ports and names that the others want.
    let gone = inputs
        .before
        .services
        .keys()
        .filter(|name| !inputs.after.services.contains_key(name));
    order.splice(0..0, gone.cloned().collect::<Vec<_>>());
    let mut plan = Plan {
        remarks,
        ..Plan::default()
    };
    for service in order {
        match wishes.remove(&service) {
            Some((action, reasons)) if action != Action::None => {
                let signal = (action == Action::Signal)
                    .then(|| signal_of(inputs, &service))
                    .flatten();
                plan.steps.push(Step {
                    service,
                    action,
                    reasons,
                    signal,
                });
            }
            _ if takes_part(inputs, &service) => plan.untouched.push(service),
            _ => {}
        }
    }
    plan
}

/// Whether a service is one of this stack as it is asked for: its profile is on, or it has a container.
fn takes_part(inputs: &Inputs<'_>, service: &ServiceName) -> bool {
    let has_one = || inputs.containers.iter().any(|one| one.service == *service);
    inputs.after.is_active(service, inputs.profiles) || has_one()
}

/// Compose leaves as many containers as the files say, whatever somebody had made by hand.
fn number(inputs: &Inputs<'_>, wishes: &mut Wishes) {
    for (name, (action, reasons)) in wishes.iter_mut() {
        let Some(service) = inputs.after.services.get(name) else {
            continue;
        };
        let by_compose = match action {
            Action::Start | Action::Recreate | Action::Rebuild => true,
            Action::None | Action::Signal | Action::Restart | Action::Remove => false,
        };
        let own = inputs.containers.iter().filter(|c| c.service == *name);
        let there = u64::try_from(own.count()).unwrap_or(u64::MAX);
        let before = inputs
            .before
            .services
            .get(name)
            .map(|service| service.replicas);
        if !by_compose || there <= service.replicas {
            continue;
        }
        if service.replicas == 0 {
            *action = Action::Remove;
        }
        // Where the files said so before, somebody had scaled it by hand.
        let told = reasons.iter().any(|reason| reason.text.starts_with("has "));
        if before == Some(service.replicas) && !told {
            let (surplus, wanted) = (there - service.replicas, service.replicas);
            let text = format!(
                "has {there} containers, the files say {wanted}: {surplus} will be removed"
            );
            reasons.push(Reason {
                route: Route::Definition,
                file: None,
                key: None,
                text,
            });
        }
    }
}

fn signal_of(inputs: &Inputs<'_>, service: &ServiceName) -> Option<String> {
    inputs
        .reloads
        .iter()
        .find(|(name, _, _)| name == service)
        .map(|(_, _, signal)| signal.clone())
}

#[cfg(test)]
mod tests;

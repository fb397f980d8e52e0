//! Other images in a plan that is made already: no file tells of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::follow;
use super::state;
use super::steps::{Plan, Step};
use super::wishes::{Wishes, wish};
use crate::docker::container::Container;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::stack::model::Model;

/// The stack that a plan is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    /// As it is to be.
    pub model: &'a Model,
    /// The project's containers.
    pub containers: &'a [Container],
    /// Services that end with 0 when their work is done.
    pub one_shots: &'a BTreeSet<ServiceName>,
}

/// Makes a service anew of another image, and whoever must follow it. What was stopped on purpose
/// stays so, and is told; says whether the service is made anew.
pub(crate) fn renew(
    plan: &mut Plan,
    of: Of<'_>,
    service: &ServiceName,
    action: Action,
    text: String,
) -> bool {
    if let Some(remark) = resting(of, service) {
        let remark = (service.clone(), remark);
        if !plan.remarks.contains(&remark) {
            plan.remarks.push(remark);
        }
        return false;
    }
    let mut signals = BTreeMap::new();
    let mut wishes = Wishes::new();
    for step in std::mem::take(&mut plan.steps) {
        signals.insert(step.service.clone(), step.signal);
        wishes.insert(step.service, (step.action, step.reasons));
    }
    let reason = Reason {
        route: Route::Definition,
        file: None,
        key: None,
        text,
    };
    wish(&mut wishes, service, action, reason);
    follow::add(of.model, of.containers, &mut wishes);
    plan.untouched.retain(|name| !wishes.contains_key(name));
    plan.steps = wishes
        .into_iter()
        .map(|(service, (action, reasons))| Step {
            signal: signals
                .remove(&service)
                .flatten()
                .filter(|_| action == Action::Signal),
            service,
            action,
            reasons,
        })
        .collect();
    // What goes is in no order, and comes first.
    let order = of.model.in_dependency_order();
    let place = |step: &Step| order.iter().position(|name| *name == step.service);
    plan.steps.sort_by_key(place);
    true
}

/// Who has the image that another service builds gets the new one with it, and so does who builds on it:
/// two versions of one program would work on the same data.
pub(super) fn of_shared_builds(after: &Model, wishes: &mut Wishes) {
    loop {
        let built = wishes
            .iter()
            .filter(|(_, (action, _))| *action == Action::Rebuild);
        let built: Vec<ServiceName> = built.map(|(name, _)| name.clone()).collect();
        let mut added = false;
        for (name, service) in &after.services {
            for builder in built.iter().filter(|builder| *builder != name) {
                let image = after.image_of(builder);
                let (action, text) = if service.builds_on().any(|base| base == *builder) {
                    (
                        Action::Rebuild,
                        format!("its image is built on that of {builder}"),
                    )
                } else if image.is_some() && service.image == image {
                    (Action::Recreate, format!("{builder} builds its image"))
                } else {
                    continue;
                };
                let reason = Reason {
                    route: Route::Follows,
                    file: None,
                    key: None,
                    text,
                };
                added |= wish(wishes, name, action, reason);
            }
        }
        if !added {
            return;
        }
    }
}

/// That a service does not take part, where it does not run.
pub(crate) fn resting(of: Of<'_>, service: &ServiceName) -> Option<String> {
    let own = of.containers.iter().filter(|c| c.service == *service);
    let own: Vec<&Container> = own.collect();
    if of.one_shots.contains(service) {
        return None;
    }
    if own.is_empty() {
        return Some("has no container, and gets none".to_owned());
    }
    let word = state::resting(&own)?.word();
    Some(format!(
        "is {word} and stays {word}, with its present image"
    ))
}

/// The image is there already: the service is made anew of it, and nothing is built.
pub(crate) fn without_build(plan: &mut Plan, service: &ServiceName) {
    let of_service = plan.steps.iter_mut().find(|step| step.service == *service);
    if let Some(step) = of_service.filter(|step| step.action == Action::Rebuild) {
        step.action = Action::Recreate;
        step.reasons.retain(|reason| reason.route != Route::Build);
    }
}

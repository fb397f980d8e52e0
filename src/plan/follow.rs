//! Services that must follow others: those that live in another container's namespaces or use its
//! anonymous volumes, and those whose `depends_on` says `restart: true`.

use super::wishes::{Wishes, wish};
use crate::docker::container::Container;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::stack::model::Model;

/// Adds followers until none is missing.
pub(super) fn add(after: &Model, containers: &[Container], wishes: &mut Wishes) {
    loop {
        let mut added = false;
        for (name, service) in &after.services {
            if !runs(containers, name) {
                continue;
            }
            for (field, other) in service.shares_with() {
                let action = match action_of(wishes, &other) {
                    Action::None | Action::Signal => continue,
                    // The namespace belongs to the running process; volumes stay with the container.
                    Action::Restart if field == "volumes_from" => continue,
                    Action::Restart => Action::Restart,
                    Action::Start | Action::Recreate | Action::Rebuild | Action::Remove => {
                        Action::Recreate
                    }
                };
                let text = format!("{field} is that of {other}");
                added |= wish(wishes, name, action, reason(text));
            }
            for (other, dependency) in &service.depends_on {
                let touched = action_of(wishes, other);
                if dependency.restart && touched != Action::None && touched != Action::Signal {
                    let text = format!("depends on {other} with restart: true");
                    added |= wish(wishes, name, Action::Restart, reason(text));
                }
            }
        }
        if !added {
            return;
        }
    }
}

fn action_of(wishes: &Wishes, service: &ServiceName) -> Action {
    wishes
        .get(service)
        .map_or(Action::None, |(action, _)| *action)
}

fn runs(containers: &[Container], service: &ServiceName) -> bool {
    containers
        .iter()
        .any(|c| c.service == *service && c.is_up())
}

fn reason(text: String) -> Reason {
    Reason {
        route: Route::Follows,
        file: None,
        key: None,
        text,
    }
}

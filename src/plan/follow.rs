//! Services that must follow others: those that live in another container's namespaces or use its
//! anonymous volumes, and those whose `depends_on` says `restart: true`.

use std::collections::BTreeSet;

use super::wishes::{Wishes, wish};
use crate::docker::container::Container;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::stack::model::{Model, Service};

/// Adds followers until none is missing.
pub(super) fn add(after: &Model, containers: &[Container], wishes: &mut Wishes) {
    // Restarted because what they depend on is made anew: Compose goes no further from there (F72).
    let mut dependents: BTreeSet<ServiceName> = BTreeSet::new();
    loop {
        let mut added = false;
        for (name, service) in &after.services {
            if !runs(containers, name) {
                continue;
            }
            let shares = shared(name, service, containers);
            for (field, other) in &shares {
                let action = match action_of(wishes, other) {
                    Action::None | Action::Signal => continue,
                    // The namespace belongs to the running process; volumes stay with the container.
                    Action::Restart if *field == "volumes_from" => continue,
                    Action::Restart => Action::Restart,
                    // It gets one more beside the one that is shared.
                    Action::Start if runs(containers, other) => continue,
                    Action::Start | Action::Recreate | Action::Rebuild | Action::Remove => {
                        Action::Recreate
                    }
                };
                let text = format!("{field} is that of {other}");
                added |= wish(wishes, name, action, reason(text));
            }
            for (other, dependency) in &service.depends_on {
                let touched = action_of(wishes, other);
                let by_itself = !(touched == Action::Restart && dependents.contains(other));
                // One that is only started takes nobody along, nor one that gets fewer containers.
                let takes_along = match touched {
                    Action::Restart | Action::Recreate | Action::Rebuild => by_itself,
                    Action::None | Action::Signal | Action::Start | Action::Remove => false,
                };
                if dependency.restart && takes_along {
                    if action_of(wishes, name) == Action::None && touched != Action::Restart {
                        dependents.insert(name.clone());
                    }
                    // Compose makes such a dependency of a namespace that is shared.
                    let text = match shares.iter().find(|(_, of)| of == other) {
                        Some((field, _)) => format!("{field} is that of {other}"),
                        None => format!("depends on {other} with restart: true"),
                    };
                    added |= wish(wishes, name, Action::Restart, reason(text));
                }
            }
        }
        if !added {
            return;
        }
    }
}

/// Whose namespaces or volumes a service uses: by the files, and by what its containers live in, which
/// the files may name by the container (F73).
fn shared(
    name: &ServiceName,
    service: &Service,
    containers: &[Container],
) -> Vec<(&'static str, ServiceName)> {
    let mut shares = service.shares_with();
    let own = containers.iter().filter(|one| one.service == *name);
    for id in own.filter_map(|one| one.network_of.as_ref()) {
        let host = containers.iter().find(|one| one.id == *id);
        let host = host.map(|host| ("network_mode", host.service.clone()));
        shares.extend(host.filter(|found| !shares.contains(found)));
    }
    shares
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

//! The only way to the words "as it was": a comparison that found no difference.

use std::collections::BTreeSet;

use super::differences::{Difference, differences, of_files, pairs};
use super::engine_side::EngineSide;
use super::handled::{Handled, Left};
use crate::docker::observed::Replica;
use crate::event::{RunId, ServiceName};

/// Everything is as it was: what only [`compare`] can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    new_volumes: Vec<String>,
    not_run: Vec<ServiceName>,
    left: Vec<Left>,
    renumbered: Vec<ServiceName>,
}

impl Verified {
    /// What may be said: nothing is left out.
    pub(crate) fn sentence(&self, run: RunId) -> String {
        let mut but = Vec::new();
        match self.new_volumes.as_slice() {
            [] => {}
            [one] => but.push(format!("the new volume {one}, which is kept")),
            more => but.push(format!(
                "the new volumes {}, which are kept",
                more.join(", ")
            )),
        }
        match self.not_run.as_slice() {
            [] => {}
            [one] => but.push(format!("{one}, which was recreated and not run again")),
            more => {
                let names: Vec<&str> = more.iter().map(ServiceName::as_str).collect();
                let names = names.join(", ");
                but.push(format!("{names}, which were recreated and not run again"));
            }
        }
        but.extend(self.left.iter().map(Left::phrase));
        let renumbered = self.renumbered.iter();
        but.extend(renumbered.map(|name| format!("{name}, whose containers have other numbers")));
        let but = match but.is_empty() {
            true => String::new(),
            false => format!(", except for {}", but.join(", and ")),
        };
        format!("Rolled back: everything is as it was before run {run}{but}.")
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compared {
    /// Nothing differs.
    Equal(Verified),
    /// These do.
    Differs(Vec<Difference>),
}

/// Compares the engine's side with what it was.
pub(crate) fn compare(base: &EngineSide, now: &EngineSide, handled: &Handled) -> Compared {
    let mut found = differences(base, now, handled);
    let mut left = handled.left.clone();
    left.extend(pending(base, now, handled, &mut found));
    if !found.is_empty() {
        return Compared::Differs(found);
    }
    let old = base.own_volumes();
    let mut new_volumes = now.own_volumes();
    new_volumes.retain(|name| !old.contains(name));
    Compared::Equal(Verified {
        new_volumes,
        not_run: handled.not_run.iter().cloned().collect(),
        left,
        renumbered: renumbered(base, now),
    })
}

/// Takes out what only shows that a service was out of sync with its files before already: its
/// containers are other ones, which Compose made of those same files, and of another definition than
/// the old ones.
fn pending(
    base: &EngineSide,
    now: &EngineSide,
    handled: &Handled,
    found: &mut Vec<Difference>,
) -> Vec<Left> {
    if !handled.files_are_back {
        return Vec::new();
    }
    let mut left = Vec::new();
    for service in &handled.services {
        let (was, is) = (base.of_service(service), now.of_service(service));
        let drifted = pairs(&was, &is).into_iter().filter_map(|(was, is)| {
            let is = is.filter(|is| is_made_otherwise(was, is))?;
            Some(of_files(was, is, base, now))
        });
        let drifted: BTreeSet<Difference> = drifted.flatten().collect();
        let what: Vec<String> = found
            .extract_if(.., |one| drifted.contains(one))
            .map(|one| match one.what.strip_prefix("environment ") {
                Some(key) => key.to_owned(),
                None => one.what,
            })
            .collect();
        if !what.is_empty() {
            left.push(Left::Pending {
                service: service.clone(),
                what,
                runs: is.iter().any(|one| one.state.is_up()),
            });
        }
    }
    left
}

fn is_made_otherwise(was: &Replica, is: &Replica) -> bool {
    match (&was.config_hash, &is.config_hash) {
        (Some(old), Some(new)) => was.id != is.id && old != new,
        (None, _) | (_, None) => false,
    }
}

/// Services whose containers are as many as before under other numbers: Compose chooses these when it
/// makes several at a time.
fn renumbered(base: &EngineSide, now: &EngineSide) -> Vec<ServiceName> {
    let numbers = |side: &EngineSide, service: &ServiceName| -> BTreeSet<u32> {
        let own = side.of_service(service).into_iter();
        own.map(|one| one.number).collect()
    };
    let services = base.services().into_iter();
    services
        .filter(|service| numbers(base, service) != numbers(now, service))
        .cloned()
        .collect()
}

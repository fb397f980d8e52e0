//! Guards: what cannot be undone is refused, with the flag that allows it and a sentence on what
//! would be lost. Pure.

use std::collections::BTreeSet;

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::words::words;

words! {
    /// What `--allow` may name: each is something that is refused otherwise.
    pub enum Guard {
        /// The data of an anonymous volume is lost from view.
        AnonymousVolumes = "anonymous-volumes",
        /// A bind mount shows a folder that does not exist in place of one that has data.
        BindVanishes = "bind-vanishes",
        /// A file was edited since the run that is undone.
        Edited = "edited",
        /// The application has users, and refuses what is asked for because of them.
        ExistingUsers = "existing-users",
        /// The key signs or encrypts what is stored.
        GuardedKey = "guarded-key",
        /// Little room is left for a build.
        LowDisk = "low-disk",
        /// A file that a service mounts does not exist.
        MissingBind = "missing-bind",
        /// The key is new, and a slip away from one that is known.
        NewKey = "new-key",
        /// The service is new.
        NewService = "new-service",
        /// An older version cannot read what the new one writes.
        NoWayBack = "no-way-back",
        /// Something else overrides what is written.
        Overridden = "overridden",
        /// Others can reach a page without a login.
        Public = "public",
        /// Commits that are here are left behind.
        Rewritten = "rewritten",
        /// A store goes to another major version.
        StoreMajor = "store-major",
        /// The application cannot start with the value.
        UnfitValue = "unfit-value",
        /// The store that is used has no password.
        UnprotectedStore = "unprotected-store",
        /// Nothing is seen to read the key.
        UnreadKey = "unread-key",
        /// A service no longer uses a volume.
        VolumeRemoved = "volume-removed",
    }
}

use super::data_guards::{anonymous_volumes, bind_vanishes, volume_removed};
use super::guarded::{Guarded, NextValue};
use super::objection::Objection;
use super::signing_keys::signs_or_encrypts;
use super::store::STORE_PASSWORDS;
use super::store_guard::{back_to_another_major, has_data, in_force, to_another_major};

/// The first guard that says no and is not allowed.
///
/// # Errors
/// `guard_…`, with the flag.
pub(crate) fn check(guarded: &Guarded<'_>, allow: &BTreeSet<Guard>) -> Result<(), Complaint> {
    let rules: [Rule; 6] = [
        (Code::GuardKey, Guard::GuardedKey, guarded_key),
        (Code::GuardVolume, Guard::VolumeRemoved, |guarded| {
            volume_removed(guarded).map(Objection::from)
        }),
        (Code::GuardStore, Guard::StoreMajor, to_another_major),
        NO_WAY_BACK,
        (Code::GuardAnonymous, Guard::AnonymousVolumes, |guarded| {
            anonymous_volumes(guarded).map(Objection::from)
        }),
        (Code::GuardBind, Guard::BindVanishes, |guarded| {
            bind_vanishes(guarded).map(Objection::from)
        }),
    ];
    first_no(&rules, guarded, allow)?;
    Ok(())
}

/// The guards of a way back: what was given up on the way there is given back, but data may have been
/// migrated since, of a store or of the application.
///
/// # Errors
/// `guard_store`, `guard_no_way_back`, with the flag.
pub(crate) fn check_way_back(
    guarded: &Guarded<'_>,
    allow: &BTreeSet<Guard>,
) -> Result<(), Complaint> {
    let store: Rule = (Code::GuardStore, Guard::StoreMajor, back_to_another_major);
    first_no(&[store, NO_WAY_BACK], guarded, allow)?;
    Ok(())
}

/// The guards of what was fetched and built meanwhile: only now the images say what they are.
///
/// # Errors
/// `guard_store`, `guard_no_way_back`, with the flag.
pub(crate) fn check_images(
    guarded: &Guarded<'_>,
    allow: &BTreeSet<Guard>,
) -> Result<(), GuardSaysNo> {
    let store: Rule = (Code::GuardStore, Guard::StoreMajor, to_another_major);
    first_no(&[store, NO_WAY_BACK], guarded, allow)
}

const NO_WAY_BACK: Rule = (Code::GuardNoWayBack, Guard::NoWayBack, |guarded| {
    guarded.crossing?.objection()
});

/// Code, what allows it, and the sentence on what would be lost.
type Rule = (Code, Guard, fn(&Guarded<'_>) -> Option<Objection>);

/// What a guard says.
#[derive(Debug)]
pub(crate) struct GuardSaysNo {
    code: Code,
    guard: Guard,
    objection: Objection,
}

impl GuardSaysNo {
    /// As a refusal; `anyway`: what does it all the same.
    pub(crate) fn told(self, anyway: impl FnOnce(Guard) -> String) -> Complaint {
        let anyway = anyway(self.guard);
        let Objection { text, instead } = self.objection;
        let hint = match instead {
            Some(instead) => format!("{instead}; {anyway}"),
            None => anyway,
        };
        Complaint::new(self.code, text).hint(hint)
    }
}

impl From<GuardSaysNo> for Complaint {
    fn from(no: GuardSaysNo) -> Self {
        no.told(|guard| format!("--allow {guard} does it anyway"))
    }
}

fn first_no(
    rules: &[Rule],
    guarded: &Guarded<'_>,
    allow: &BTreeSet<Guard>,
) -> Result<(), GuardSaysNo> {
    for (code, guard, rule) in rules {
        if !allow.contains(guard)
            && let Some(objection) = rule(guarded)
        {
            return Err(GuardSaysNo {
                code: *code,
                guard: *guard,
                objection,
            });
        }
    }
    Ok(())
}

/// Keys whose value in force changes in a service, by whatever route: a file may have no value for a key
/// that a compose file gives one.
fn changed_in_force<'a>(guarded: &Guarded<'a>) -> impl Iterator<Item = (&'a ServiceName, &'a str)> {
    let after = guarded.after;
    guarded
        .before
        .services
        .iter()
        .flat_map(move |(name, before)| {
            let now = after.services.get(name).map(|now| &now.environment);
            let had = before
                .environment
                .iter()
                .filter(|(_, value)| value.as_ref().is_some_and(|value| !value.is_empty()));
            had.filter(move |(key, value)| now.is_some_and(|now| now.get(*key) != Some(*value)))
                .map(move |(key, _)| (name, key.as_str()))
        })
}

/// The same of what containers run with, each with its service, where it is not what the files said
/// before: an edit by hand waits there to be taken.
fn changed_in_containers<'a>(
    guarded: &Guarded<'a>,
) -> impl Iterator<Item = (&'a ServiceName, &'a str)> {
    let guarded = *guarded;
    let stays = guarded
        .running
        .iter()
        .filter(move |(name, _)| guarded.after.services.contains_key(*name));
    stays.flat_map(move |(name, running)| {
        let had = running.env.iter().filter(|(_, value)| !value.is_empty());
        had.filter(move |(key, value)| match guarded.next_value(name, key) {
            NextValue::Is(new) => new != value.as_str(),
            NextValue::None => true,
            NextValue::NotKnown => false,
        })
        .map(move |(key, _)| (name, key.as_str()))
    })
}

/// Keys that sign or encrypt what is stored: a new value makes the old data worthless.
fn guarded_key(guarded: &Guarded<'_>) -> Option<Objection> {
    let typed = guarded.keys.iter().filter(|changed| changed.had_value);
    let typed = typed.map(|changed| (None, changed.key));
    let in_force = changed_in_force(guarded).chain(changed_in_containers(guarded));
    let mut changed = typed.chain(in_force.map(|(name, key)| (Some(name), key)));
    let changed = changed
        .find(|(_, key)| signs_or_encrypts(key) || guarded.own_keys.iter().any(|own| own == key));
    if let Some((service, key)) = changed {
        return Some(Objection {
            text: format!(
                "{key} signs or encrypts what is stored: with another value everybody is signed out, or \
                 stored secrets can no longer be read"
            ),
            instead: service.and_then(|service| kept(guarded, service, key)),
        });
    }
    if let Some((key, file)) = guarded.generated.first() {
        return Some(Objection::from(format!(
            "{key} has no value here, so the application generated one and uses it ({file}): with \
             another value everybody is signed out, or stored secrets can no longer be read"
        )));
    }
    let of_files = initialised_store(guarded);
    let of_containers = changed_in_containers(guarded)
        .filter(|(name, key)| STORE_PASSWORDS.contains(key) && keeps_password(guarded, name));
    let (store, key) = of_files.into_iter().chain(of_containers).next()?;
    Some(Objection {
        text: format!(
            "{key} is read by {store} only when its volume is created: the database would keep the old password, and lock the application out"
        ),
        instead: kept(guarded, store, key),
    })
}

/// What keeps the value that a container has of a key which nobody typed: the value itself is shown to
/// nobody.
fn kept(guarded: &Guarded<'_>, service: &ServiceName, key: &str) -> Option<String> {
    let is_typed = guarded.keys.iter().any(|changed| changed.key == key);
    let mut own = guarded.containers.iter();
    let runs = own.any(|one| one.service == *service && one.is_up());
    let variable = guarded.variable_of(service, key)?;
    (runs && !is_typed).then(|| kept_by(service, key, &variable))
}

/// The command that gives a variable the value which a container has of a key, and shows it to nobody.
pub(crate) fn kept_by(service: &ServiceName, key: &str, variable: &str) -> String {
    format!(
        "to keep the present value: docker compose exec -T {service} printenv {key} | refit set {variable}"
    )
}

/// Whether a service runs a store with data that has the password of its first start.
fn keeps_password(guarded: &Guarded<'_>, name: &ServiceName) -> bool {
    in_force(guarded, name).is_some_and(|(_, version)| version.store.keeps_password)
        && guarded.after.services.contains_key(name)
        && has_data(guarded, name)
}

/// A store with data, and its password that the files change: it had it at its first start.
fn initialised_store<'a>(guarded: &Guarded<'a>) -> Option<(&'a ServiceName, &'static str)> {
    let services = guarded.before.services.iter();
    let mut with_data = services.filter(|(name, _)| keeps_password(guarded, name));
    with_data.find_map(|(name, service)| {
        let after = guarded.after.services.get(name)?;
        let is_other = |own: &&&str| {
            let had = service.environment.get(**own);
            let had = had.filter(|value| value.as_ref().is_some_and(|value| !value.is_empty()));
            had.is_some() && had != after.environment.get(**own)
        };
        let own = STORE_PASSWORDS.iter().find(is_other)?;
        Some((name, *own))
    })
}

#[cfg(test)]
mod tests;

//! Guards: what cannot be undone is refused, with the flag that allows it and a sentence on what
//! would be lost. Pure.

use std::collections::BTreeSet;

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::stack::model::Service;
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
use super::signing_keys::signs_or_encrypts;
use super::store::{STORE_PASSWORDS, store_of};

/// The first guard that says no and is not allowed.
///
/// # Errors
/// `guard_…`, with the flag.
pub(crate) fn check(guarded: &Guarded<'_>, allow: &BTreeSet<Guard>) -> Result<(), Complaint> {
    let rules: [Rule; 5] = [
        (Code::GuardKey, Guard::GuardedKey, guarded_key),
        (Code::GuardVolume, Guard::VolumeRemoved, volume_removed),
        STORE,
        (
            Code::GuardAnonymous,
            Guard::AnonymousVolumes,
            anonymous_volumes,
        ),
        (Code::GuardBind, Guard::BindVanishes, bind_vanishes),
    ];
    first_no(&rules, guarded, allow)
}

/// The guard of a way back: what was given up on the way there is given back, but a store's data may
/// have been migrated since.
///
/// # Errors
/// `guard_store`, with the flag.
pub(crate) fn check_way_back(
    guarded: &Guarded<'_>,
    allow: &BTreeSet<Guard>,
) -> Result<(), Complaint> {
    first_no(&[STORE], guarded, allow)
}

/// Code, what allows it, and the sentence on what would be lost.
type Rule = (Code, Guard, fn(&Guarded<'_>) -> Option<String>);

const STORE: Rule = (Code::GuardStore, Guard::StoreMajor, store_major);

fn first_no(
    rules: &[Rule],
    guarded: &Guarded<'_>,
    allow: &BTreeSet<Guard>,
) -> Result<(), Complaint> {
    for (code, guard, rule) in rules {
        if !allow.contains(guard)
            && let Some(text) = rule(guarded)
        {
            return Err(Complaint::new(*code, text).hint(format!("--allow {guard} does it anyway")));
        }
    }
    Ok(())
}

/// Keys whose value in force changes in a service, by whatever route: a file may have no value for a key
/// that a compose file gives one.
fn changed_in_force<'a>(guarded: &Guarded<'a>) -> impl Iterator<Item = &'a str> {
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
                .map(|(key, _)| key.as_str())
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
fn guarded_key(guarded: &Guarded<'_>) -> Option<String> {
    let typed = guarded.keys.iter().filter(|changed| changed.had_value);
    let mut changed = typed
        .map(|changed| changed.key)
        .chain(changed_in_force(guarded))
        .chain(changed_in_containers(guarded).map(|(_, key)| key));
    let changed = changed
        .find(|&key| signs_or_encrypts(key) || guarded.own_keys.iter().any(|own| own == key));
    if let Some(key) = changed {
        return Some(format!(
            "{key} signs or encrypts what is stored: with another value everybody is signed out, or \
             stored secrets can no longer be read"
        ));
    }
    if let Some((key, file)) = guarded.generated.first() {
        return Some(format!(
            "{key} has no value here, so the application generated one and uses it ({file}): with \
             another value everybody is signed out, or stored secrets can no longer be read"
        ));
    }
    let of_files = initialised_store(guarded);
    let of_containers = changed_in_containers(guarded)
        .filter(|(name, key)| STORE_PASSWORDS.contains(key) && keeps_password(guarded, name))
        .map(|(name, key)| (key, name.clone()));
    let (key, store) = of_files.into_iter().chain(of_containers).next()?;
    Some(format!(
        "{key} is read by {store} only when its volume is created: the database would keep the old password, and lock the application out"
    ))
}

/// Whether a service runs a store with data that has the password of its first start.
fn keeps_password(guarded: &Guarded<'_>, name: &ServiceName) -> bool {
    let service = guarded.after.services.get(name);
    let store = service.and_then(store_of);
    store.is_some_and(|(kind, _)| kind.keeps_password) && has_data(guarded, name)
}

/// The password of a store with data that the files change, and the store: it had it at its first start.
fn initialised_store<'a>(guarded: &Guarded<'a>) -> Option<(&'a str, ServiceName)> {
    let services = guarded.before.services.iter();
    let mut with_data = services.filter(|(name, service)| {
        store_of(service).is_some_and(|(kind, _)| kind.keeps_password) && has_data(guarded, name)
    });
    with_data.find_map(|(name, service)| {
        let after = guarded.after.services.get(name)?;
        let is_other = |own: &&&str| {
            let had = service.environment.get(**own);
            let had = had.filter(|value| value.as_ref().is_some_and(|value| !value.is_empty()));
            had.is_some() && had != after.environment.get(**own)
        };
        let own = STORE_PASSWORDS.iter().find(is_other)?;
        Some((*own, name.clone()))
    })
}

fn has_data(guarded: &Guarded<'_>, service: &ServiceName) -> bool {
    let own = guarded.containers.iter().filter(|c| c.service == *service);
    own.flat_map(|container| &container.mounts)
        .any(|mount| mount.kind != "tmpfs")
}

fn store_major(guarded: &Guarded<'_>) -> Option<String> {
    for (name, before) in &guarded.before.services {
        let Some(after) = guarded.after.services.get(name) else {
            continue;
        };
        let before = &with_image_in_force(guarded, name, before);
        if before.image == after.image || !has_data(guarded, name) {
            continue;
        }
        let Some((store, Some(old))) = store_of(before) else {
            continue;
        };
        let new =
            store_of(after).and_then(|(kind, major)| major.filter(|_| kind.data == store.data));
        let refused = match new {
            Some(new) if store.only_down => new < old,
            Some(new) => new != old,
            None => true,
        };
        if refused {
            let (from, to) = (
                before.image.as_deref()?,
                after.image.as_deref().unwrap_or("a build"),
            );
            return Some(format!(
                "{name} would go from {from} to {to}: it may not read the data of the old version, and the old one may not read what it writes"
            ));
        }
    }
    None
}

/// A service with the image that its containers have: a file may have been edited since.
fn with_image_in_force(guarded: &Guarded<'_>, name: &ServiceName, service: &Service) -> Service {
    let mut service = service.clone();
    let own = guarded.containers.iter().find(|one| one.service == *name);
    // The engine shows only an ID once the name belongs to another image.
    let image = own
        .map(|one| one.image.as_str())
        .filter(|image| !image.is_empty() && !image.contains("sha256:"));
    if let Some(image) = image {
        service.image = Some(image.to_owned());
    }
    service
}

#[cfg(test)]
mod tests;

//! Databases that would get data which another version of them has written: a service's own, or that of
//! one which is called otherwise by now. Pure.

use std::collections::BTreeSet;
use std::path::Path;

use super::data_guards::real_name;
use super::guarded::Guarded;
use super::objection::Objection;
use super::store::{Jump, StoreVersion};
use crate::docker::container::{Container, Mount};
use crate::event::ServiceName;
use crate::stack::model::{Model, Service};

/// A store that would go to another major version.
pub(super) fn to_another_major(guarded: &Guarded<'_>) -> Option<Objection> {
    let handover = handovers(guarded)
        .into_iter()
        .find(|one| one.is_refused())?;
    Some(Objection::from(format!(
        "{}: it may not read the data of the old version, and the old one may not read what it writes",
        handover.told()
    )))
}

/// A store that would go back to one.
pub(super) fn back_to_another_major(guarded: &Guarded<'_>) -> Option<Objection> {
    let handover = handovers(guarded)
        .into_iter()
        .find(|one| one.is_refused())?;
    Some(Objection::from(format!(
        "{}: the version that runs now may have changed its data, and the old one may not read it",
        handover.told()
    )))
}

/// What is to be said of stores that no guard refuses.
pub(crate) fn remarks(guarded: &Guarded<'_>) -> Vec<String> {
    let handovers = handovers(guarded).into_iter();
    let said = handovers.filter_map(|one| {
        let new = one.to.as_ref();
        match one.outcome() {
            Inheritance::Awaited => Some(format!(
                "not known: which version of {} the new image of {} is; it is looked at before {} is \
                 stopped, and another major version is refused then",
                one.from.store_name(),
                one.new,
                one.old
            )),
            Inheritance::Fine => new.filter(|new| new.moves(&one.from)).map(|new| {
                format!(
                    "{} upgrades the data of {} to {} by itself, and there is no way back from that",
                    one.new,
                    one.from.named(),
                    new.named()
                )
            }),
            Inheritance::Refused => None,
        }
    });
    said.collect()
}

/// Data that one service wrote, and that one is given.
struct Handover<'a> {
    old: &'a ServiceName,
    new: &'a ServiceName,
    from: StoreVersion,
    from_image: String,
    to: Option<StoreVersion>,
    to_image: String,
    is_awaited: bool,
    builds: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inheritance {
    Fine,
    /// The image that says it is yet to come.
    Awaited,
    Refused,
}

impl Handover<'_> {
    fn outcome(&self) -> Inheritance {
        let is_other = self.from_image != self.to_image;
        match &self.to {
            Some(to) => match to.takes(&self.from) {
                Jump::Reads => Inheritance::Fine,
                Jump::Refused => Inheritance::Refused,
                Jump::NotKnown if self.is_awaited => Inheritance::Awaited,
                Jump::NotKnown if is_other && self.from.is_known() => Inheritance::Refused,
                Jump::NotKnown => Inheritance::Fine,
            },
            // Somebody else's data, such as a backup's, are anybody's.
            None if self.old != self.new => Inheritance::Fine,
            None if self.is_awaited && (self.builds || !is_other) => Inheritance::Awaited,
            None if is_other => Inheritance::Refused,
            None => Inheritance::Fine,
        }
    }

    fn is_refused(&self) -> bool {
        self.outcome() == Inheritance::Refused
    }

    fn told(&self) -> String {
        let (old, new) = (self.old, self.new);
        let from = in_words(&self.from_image, Some(&self.from));
        let to = in_words(&self.to_image, self.to.as_ref());
        match old == new {
            true => format!("{new} would go from {from} to {to}"),
            false => format!("{new} would get the data of {old}, and goes from {from} to {to}"),
        }
    }
}

/// An image, with the version where its name does not say it.
fn in_words(image: &str, version: Option<&StoreVersion>) -> String {
    match version.filter(|version| version.is_known()) {
        Some(version) if !version.is_told_by(image) => format!("{image} ({})", version.named()),
        Some(_) | None => image.to_owned(),
    }
}

fn handovers<'a>(guarded: &Guarded<'a>) -> Vec<Handover<'a>> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for container in guarded.containers {
        let old = &container.service;
        if !seen.insert(old) || !has_data(guarded, old) {
            continue;
        }
        let Some((from_image, from)) = in_force(guarded, old) else {
            continue;
        };
        let heirs = guarded.after.services.iter().filter(|(new, after)| {
            *new == old
                || !has_before(guarded, new, container) && gets(guarded.after, after, container)
        });
        found.extend(heirs.map(|(new, after)| {
            let brought = guarded.images.next.get(new);
            Handover {
                old,
                new,
                from: from.clone(),
                from_image: from_image.clone(),
                to: StoreVersion::of(after.image.as_deref(), brought),
                to_image: guarded.after.image_of(new).unwrap_or_default(),
                is_awaited: guarded.images.awaited.contains(new),
                builds: after.builds(),
            }
        }));
    }
    found
}

/// Whether a service had the data of a container already.
fn has_before(guarded: &Guarded<'_>, name: &ServiceName, container: &Container) -> bool {
    let before = guarded.before.services.get(name);
    before.is_some_and(|before| gets(guarded.before, before, container))
}

/// Whether a service mounts what a container has its data in.
fn gets(model: &Model, service: &Service, container: &Container) -> bool {
    let volumes = service.raw.get("volumes").and_then(|all| all.as_array());
    let mut mounted = volumes.into_iter().flatten();
    let data = |mount: &&Mount| mount.rw && mount.kind != "tmpfs";
    mounted.any(|one| {
        let source = one["source"].as_str();
        let volume = source
            .filter(|_| one["type"] == "volume")
            .and_then(|key| real_name(model, key));
        let folder = source.filter(|_| one["type"] == "bind").map(Path::new);
        let mut own = container.mounts.iter().filter(data);
        own.any(|mount| match mount.kind.as_str() {
            "volume" => volume.is_some() && mount.name == volume,
            _ => folder.is_some_and(|folder| folder == mount.source),
        })
    })
}

/// The image and the version of the store that a service's containers run: a file may have been edited
/// since.
pub(super) fn in_force(
    guarded: &Guarded<'_>,
    name: &ServiceName,
) -> Option<(String, StoreVersion)> {
    let mut own = guarded.containers.iter();
    let own = own.find(|one| one.service == *name);
    // The engine shows only an ID once the name belongs to another image.
    let image = own
        .map(|one| one.image.as_str())
        .filter(|image| !image.is_empty() && !image.contains("sha256:"));
    let before = || guarded.before.image_of(name);
    let image = image.map(str::to_owned).or_else(before)?;
    let version = StoreVersion::of(Some(&image), guarded.images.present.get(name))?;
    Some((image, version))
}

/// Whether a service has something that outlives its containers.
pub(super) fn has_data(guarded: &Guarded<'_>, service: &ServiceName) -> bool {
    let own = guarded.containers.iter().filter(|c| c.service == *service);
    own.flat_map(|container| &container.mounts)
        .any(|mount| mount.kind != "tmpfs")
}

//! What guards look at: both sides, the plan, and what containers have. Data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::crossing::Crossing;
use super::steps::Plan;
use crate::docker::container::Container;
use crate::docker::image::Brought;
use crate::event::ServiceName;
use crate::stack::model::Model;
use crate::stack::source::Source;

/// A key whose value changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangedKey<'a> {
    /// Its name.
    pub key: &'a str,
    /// Whether it had a value before.
    pub had_value: bool,
}

/// What a container that is made anew has, and what its next one gets from the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Running {
    /// The environment of its process.
    pub env: BTreeMap<String, String>,
    /// What the image of the next one brings, where the engine has that.
    pub brought: Option<Brought>,
}

/// What images say of themselves, of the services whose containers have data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct StoreImages {
    /// The images of the present containers.
    pub present: BTreeMap<ServiceName, Brought>,
    /// Those of the next ones, where the engine has them.
    pub next: BTreeMap<ServiceName, Brought>,
    /// Services whose next image is fetched or built before the first container stops: it is looked at
    /// then.
    pub awaited: BTreeSet<ServiceName>,
}

/// Data in a folder that a service mounts, and that is not in the one which it is to mount in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftBehind {
    /// The service.
    pub service: ServiceName,
    /// In the container.
    pub target: PathBuf,
    /// The present folder.
    pub from: PathBuf,
    /// The next one.
    pub to: PathBuf,
    /// Something that only the present one has.
    pub entry: String,
}

impl Guarded<'_> {
    /// The variable that gives a service its value of a key, where that is just one.
    pub(super) fn variable_of(&self, service: &ServiceName, key: &str) -> Option<String> {
        let service = self.source.services.get(service)?;
        let place = format!("environment.{key}");
        let own = service.references.iter();
        let own = own.filter(|reference| reference.place == place);
        let variables: BTreeSet<&str> = own.map(|one| one.variable.as_str()).collect();
        let mut variables = variables.into_iter();
        match (variables.next(), variables.next()) {
            (Some(one), None) => Some(one.to_owned()),
            (Some(_), Some(_)) => None,
            (None, _) => {
                let is_own = service.environment.contains(key);
                (!is_own || service.inherited.contains(key)).then(|| key.to_owned())
            }
        }
    }

    /// The value of a key in the next container of a service, as far as it is known.
    pub(super) fn next_value(&self, service: &ServiceName, key: &str) -> NextValue<'_> {
        let given = self.after.services.get(service);
        let given = given.and_then(|given| given.environment.get(key));
        let running = self.running.get(service);
        let brought = running.and_then(|running| running.brought.as_ref());
        match (given.and_then(Option::as_deref), brought) {
            (Some(value), _) => NextValue::Is(value),
            (None, Some(brought)) => match brought.env.get(key) {
                Some(value) => NextValue::Is(value),
                None => NextValue::None,
            },
            (None, None) => NextValue::NotKnown,
        }
    }
}

/// The value of a key in a container that is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextValue<'a> {
    /// This one.
    Is(&'a str),
    /// It has none.
    None,
    /// The image may give one.
    NotKnown,
}

/// What guards look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarded<'a> {
    /// The stack before.
    pub before: &'a Model,
    /// Where its values come from.
    pub source: &'a Source,
    /// The stack after.
    pub after: &'a Model,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The project's containers.
    pub containers: &'a [Container],
    /// Of the containers that are made anew: somebody may have edited a file since they were made.
    pub running: &'a BTreeMap<ServiceName, Running>,
    /// What the images of stores say of themselves.
    pub images: &'a StoreImages,
    /// The keys whose values change.
    pub keys: &'a [ChangedKey<'a>],
    /// `guard.keys` of `refit.yaml`, and the guarded keys of the application's profile.
    pub own_keys: &'a [String],
    /// Bind sources of the stack after the change that do not exist.
    pub missing_sources: &'a [std::path::PathBuf],
    /// What folders have that are no longer mounted.
    pub left_behind: &'a [LeftBehind],
    /// Keys without a value for which the application has made one, and the file that it lies in.
    pub generated: &'a [(String, String)],
    /// Which versions of the application are passed.
    pub crossing: Option<&'a Crossing>,
    /// The literal `down` is asked for.
    pub down: bool,
}

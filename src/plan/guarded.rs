//! What guards look at: both sides, the plan, and what containers have. Data.

use std::collections::BTreeMap;

use super::steps::Plan;
use crate::docker::container::Container;
use crate::event::ServiceName;
use crate::stack::model::Model;

/// A key whose value changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChangedKey<'a> {
    /// Its name.
    pub key: &'a str,
    /// Whether it had a value before.
    pub had_value: bool,
}

/// What guards look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guarded<'a> {
    /// The stack before.
    pub before: &'a Model,
    /// The stack after.
    pub after: &'a Model,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The project's containers.
    pub containers: &'a [Container],
    /// The environment of the containers that are made anew: somebody may have edited a file since.
    pub running: &'a BTreeMap<ServiceName, BTreeMap<String, String>>,
    /// The keys whose values change.
    pub keys: &'a [ChangedKey<'a>],
    /// `guard.keys` of `refit.yaml`, and the guarded keys of the application's profile.
    pub own_keys: &'a [String],
    /// Bind sources of the stack after the change that do not exist.
    pub missing_sources: &'a [std::path::PathBuf],
    /// Keys without a value for which the application has made one, and the file that it lies in.
    pub generated: &'a [(String, String)],
    /// The literal `down` is asked for.
    pub down: bool,
}

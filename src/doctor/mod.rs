//! What is wrong with a stack: `gather` looks at it, and rules on settings, files, stores, services, pages
//! and cookies judge what it saw. The rules are pure, and nothing here changes anything.

pub mod cookie;
mod diagnosis;
mod files;
mod finding;
pub mod gather;
mod given;
mod keys;
mod pages;
mod secrets;
mod services;
mod stores;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;

pub use diagnosis::{Coverage, Diagnosis, RecognisedApplication};
pub use files::{Lies, Mount};
pub use finding::{Finding, FindingCode, Level, in_order};
pub use given::{EnvText, Line, Reach};
pub use pages::{Answered, Visit};
pub use services::Seen;
pub use stores::{Outside, REDIS};

use crate::event::ServiceName;
use crate::stack::Resolved;
use crate::stack::application::Subject;
use crate::stack::drift::Drift;

/// Everything that was seen of a stack.
pub struct Patient<'a> {
    /// What its files say.
    pub resolved: &'a Resolved,
    /// Profiles of Compose that are on.
    pub profiles: &'a [String],
    /// The application, where it can be told which one is meant.
    pub subject: Option<&'a Subject>,
    /// Its env files, and those of its services.
    pub env: &'a [EnvText],
    /// Bind mounts of its services, and what lies at their sources.
    pub mounts: &'a [Mount],
    /// Files of the application's settings beside the compose file, with whether a service gets them.
    pub config_files: &'a [(String, bool)],
    /// Services that end when their work is done.
    pub one_shots: &'a BTreeSet<ServiceName>,
    /// Its containers; none where no engine was asked.
    pub containers: Option<&'a [Seen]>,
    /// Redis servers of nobody's stack that answer everybody.
    pub outside: &'a [Outside],
    /// What differs from the files.
    pub drifts: &'a [Drift],
    /// The application's page of health.
    pub health: Option<&'a Answered>,
    /// What `--url` names.
    pub visit: Option<&'a Visit>,
}

impl Patient<'_> {
    /// The application, if refit knows it.
    fn known(&self) -> Option<&Subject> {
        self.subject.filter(|subject| subject.profile.is_known)
    }
}

/// Everything that is to be said of it, the worst first.
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let given = given::of(patient);
    let mut found = keys::findings(patient, &given);
    found.extend(value::findings(patient, &given));
    found.extend(secrets::findings(patient));
    found.extend(files::findings(patient));
    found.extend(stores::findings(patient, &given));
    found.extend(stores::outside(patient));
    found.extend(services::findings(patient));
    found.extend(pages::findings(patient, &given));
    found.extend(cookie::findings(patient, &given));
    if patient.known().is_none() {
        found.push(Finding::new(
            FindingCode::ApplicationUnknown,
            "refit does not know this application: what it makes of its keys, and its page of health, were \
             not looked at",
        ));
    }
    in_order(found)
}

//! What a plan is made from.

use std::collections::BTreeSet;

use crate::docker::container::Container;
use crate::event::ServiceName;
use crate::stack::model::Model;
use crate::stack::routes::FileReach;
use crate::stack::source::Source;

/// Both sides of a change, and what it reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// The stack before the change.
    pub before: &'a Model,
    /// Where its values come from.
    pub source: &'a Source,
    /// The stack after the change.
    pub after: &'a Model,
    /// The project's containers.
    pub containers: &'a [Container],
    /// Whom the edited files reach, with the file's name as shown.
    pub reaches: &'a [(String, FileReach)],
    /// The edited keys of env files, with the file's name as shown.
    pub keys: &'a [(String, String)],
    /// Profiles that were on before the change.
    pub profiles_before: &'a [String],
    /// Profiles that are on.
    pub profiles: &'a [String],
    /// Services whose containers never had what a rollback takes away.
    pub never_had: &'a BTreeSet<ServiceName>,
    /// Services that end with 0 when their work is done.
    pub one_shots: &'a BTreeSet<ServiceName>,
    /// Files for which a service takes a signal instead of a restart: service, shown file, signal.
    pub reloads: &'a [(ServiceName, String, String)],
}

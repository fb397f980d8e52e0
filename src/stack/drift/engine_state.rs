//! What was seen of the engine, as a value.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::docker::container::Inspected;
use crate::event::ServiceName;
use crate::stack::snapshot::EngineSide;

/// What was seen of the engine, to be compared with the model.
pub(super) struct EngineState {
    pub(super) hashes: BTreeMap<ServiceName, String>,
    /// Those of services that were made without what they wait for, where some have another hash.
    pub(super) alone: BTreeMap<ServiceName, String>,
    pub(super) inspected: HashMap<String, Inspected>,
    pub(super) images: HashMap<String, Option<String>>,
    pub(super) engine: EngineSide,
}

impl EngineState {
    /// Whether a container may write to a file of the host.
    pub(super) fn writable(&self, source: &Path) -> bool {
        let mut mounts = self.inspected.values().flat_map(|one| &one.mounts);
        mounts.any(|mount| mount.rw && source.starts_with(&mount.source))
    }
}

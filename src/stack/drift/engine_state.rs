//! What was seen of the engine, as a value.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::hashes::DefinitionHashes;
use crate::docker::container::Inspected;
use crate::docker::image::LocalImage;
use crate::docker::network::{NetworkSide, VolumeSide};

/// What containers have at the places of texts that Compose hands over, by their ID; no bytes where it cannot be seen.
pub(super) type Handed = HashMap<(String, PathBuf), Option<Vec<u8>>>;

/// What was seen of the engine, to be compared with the model.
pub(super) struct EngineState {
    pub(super) hashes: DefinitionHashes,
    pub(super) inspected: HashMap<String, Inspected>,
    /// The containers whose networks are shared, whosever they are.
    pub(super) network_hosts: HashMap<String, Inspected>,
    /// What Compose has written into containers.
    pub(super) handed: Handed,
    /// What the names of the model's images mean.
    pub(super) images: HashMap<String, Option<LocalImage>>,
    /// When images were built that containers run and no such name means, by ID; `None`: it does not say.
    pub(super) built_at: HashMap<String, Option<Timestamp>>,
    /// What images bring to the environment of containers that were created of another definition, by ID.
    pub(super) image_env: HashMap<String, BTreeMap<String, String>>,
    /// Of the whole engine.
    pub(super) networks: BTreeMap<String, NetworkSide>,
    /// Of the whole engine.
    pub(super) volumes: BTreeMap<String, VolumeSide>,
}

impl EngineState {
    /// A volume that is a project's own, or that one of its containers mounts.
    pub(super) fn volume_of(&self, project: &str, name: &str) -> Option<&VolumeSide> {
        let mut mounts = self.inspected.values().flat_map(|one| &one.mounts);
        let volume = self.volumes.get(name)?;
        let is_own = volume.project.as_deref() == Some(project);
        (is_own || mounts.any(|mount| mount.name.as_deref() == Some(name))).then_some(volume)
    }

    /// Whether a container may write to a file of the host.
    pub(super) fn writable(&self, source: &Path) -> bool {
        let mut mounts = self.inspected.values().flat_map(|one| &one.mounts);
        mounts.any(|mount| mount.rw && source.starts_with(&mount.source))
    }
}

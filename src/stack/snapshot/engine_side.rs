//! What the engine has of a project at one moment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::network::{NetworkSide, VolumeSide};
use crate::docker::observed::{Replica, RunState};
use crate::event::ServiceName;
use crate::host::sockets::Listens;

/// What the engine has of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EngineSide {
    /// Compose's project.
    pub project: String,
    /// Its containers, by service and number.
    pub containers: Vec<Replica>,
    /// The project's networks, and those that its containers are on.
    pub networks: BTreeMap<String, NetworkSide>,
    /// The project's volumes, and those that its containers mount.
    pub volumes: BTreeMap<String, VolumeSide>,
    /// What names of images mean; `None`: nothing.
    pub images: BTreeMap<String, Option<String>>,
}

impl EngineSide {
    /// The containers of a service.
    pub(crate) fn replicas(&self, service: &ServiceName) -> impl Iterator<Item = &Replica> {
        self.containers
            .iter()
            .filter(move |one| one.service == *service)
    }

    /// Looks at the engine, also at what these names of images mean, and at what an earlier look had
    /// found: a network that no container is on any more is there all the same.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn look(
        docker: &Docker,
        project: &str,
        images: BTreeSet<String>,
        earlier: Option<&Self>,
    ) -> Result<Self, EngineError> {
        let meanings = images.into_iter().map(async |name| {
            let id = docker.image_id(&name).await?;
            Ok::<_, EngineError>((name, id))
        });
        let (containers, networks, volumes, images) = tokio::join!(
            docker.replicas(project),
            docker.all_networks(),
            docker.all_volumes(),
            futures_util::future::try_join_all(meanings)
        );
        let containers = containers?;
        let used = |name: &String| {
            earlier.is_some_and(|side| side.networks.contains_key(name))
                || containers.iter().any(|c| c.networks.contains_key(name))
        };
        let mounted = |name: &String| {
            if earlier.is_some_and(|side| side.volumes.contains_key(name)) {
                return true;
            }
            let mut mounts = containers.iter().flat_map(|c| &c.mounts);
            mounts.any(|mount| mount.kind == "volume" && mount.source == *name)
        };
        let own = |owner: &Option<String>| owner.as_deref() == Some(project);
        Ok(Self {
            project: project.to_owned(),
            networks: networks?
                .into_iter()
                .filter(|(name, network)| own(&network.project) || used(name))
                .collect(),
            volumes: volumes?
                .into_iter()
                .filter(|(name, volume)| own(&volume.project) || mounted(name))
                .collect(),
            images: images?.into_iter().collect(),
            containers,
        })
    }

    /// The same for its containers alone.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn look_at_containers(
        docker: &Docker,
        project: &str,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            project: project.to_owned(),
            containers: docker.replicas(project).await?,
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
        })
    }

    /// Looks on which ports the containers of these services listen.
    pub(crate) fn look_at_ports(&mut self, docker: &Docker, services: &[&ServiceName]) {
        let networks = self.containers.iter();
        let shared: BTreeSet<String> = networks
            .filter_map(|one| one.reach.network_of.clone())
            .collect();
        // Who lives in another one's network serves what that one publishes.
        let udp = self.containers.iter().flat_map(|one| one.reach.udp());
        let udp: BTreeSet<u16> = udp.collect();
        let own = self.containers.iter_mut();
        for one in own.filter(|one| services.contains(&&one.service)) {
            match docker.endpoint.is_local() {
                true => {
                    one.reach
                        .look(&one.id, shared.contains(&one.id), udp.clone());
                }
                false => {
                    let why = "the engine is on another machine".to_owned();
                    one.reach.listens = Listens::NotLooked(why);
                }
            }
        }
    }

    /// The services that have a container.
    pub(crate) fn services(&self) -> BTreeSet<&ServiceName> {
        let names = self.containers.iter().map(|container| &container.service);
        names.collect()
    }

    /// The containers of a service, without what a cut-off or refused `up` left beside them.
    pub(crate) fn of_service(&self, service: &ServiceName) -> Vec<&Replica> {
        let own = self.containers.iter();
        own.filter(|container| container.service == *service && !self.is_leftover(container))
            .collect()
    }

    /// Whether a container was made to take the place of another one of its service, which is still
    /// there, and was never started: Compose was cut off, or the engine refused one of several.
    pub(crate) fn is_leftover(&self, container: &Replica) -> bool {
        let other = |one: &&Replica| {
            one.service == container.service
                && one.number == container.number
                && one.id != container.id
                && !one.has_passing_name()
        };
        container.has_passing_name()
            && container.state == RunState::Created
            && self.containers.iter().any(|one| other(&one))
    }

    /// Whether a service has containers, and they are those of an earlier look, not started since.
    pub(crate) fn is_as_left(&self, earlier: &Self, service: &ServiceName) -> bool {
        let own = self.of_service(service);
        let is_left = |one: &&Replica| {
            let was = earlier.container(&one.id);
            was.is_some_and(|was| was.started_at == one.started_at)
        };
        !own.is_empty() && own.iter().all(is_left)
    }

    /// Whether a container of this ID is there.
    pub(crate) fn container(&self, id: &str) -> Option<&Replica> {
        self.containers.iter().find(|container| container.id == id)
    }

    /// Whether others live in a container's network namespace, or it lives in that of others.
    pub(crate) fn shares_network(&self, container: &Replica) -> bool {
        let of = |one: &Replica| one.reach.network_of.as_deref() == Some(&*container.id);
        container.reach.network_of.is_some() || self.containers.iter().any(of)
    }

    /// Names of the networks that are the project's own.
    pub(crate) fn own_networks(&self) -> Vec<String> {
        let own = self.networks.iter();
        own.filter(|(_, network)| network.project.as_deref() == Some(&*self.project))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Services whose containers had all come to an end, and are not started again by the engine.
    pub(crate) fn stopped(&self) -> BTreeSet<ServiceName> {
        let services = self.services().into_iter();
        let is_stopped = |service: &&ServiceName| {
            let own = self.of_service(service);
            own.iter()
                .all(|one| matches!(one.state, RunState::Exited { .. }))
        };
        services.filter(is_stopped).cloned().collect()
    }

    /// Names of the volumes that are the project's own.
    pub(crate) fn own_volumes(&self) -> Vec<String> {
        let own = self.volumes.iter();
        own.filter(|(_, volume)| volume.project.as_deref() == Some(&*self.project))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

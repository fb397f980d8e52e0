//! Networks and volumes of a project.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models;
use bollard::query_parameters as query;
use serde::{Deserialize, Serialize};

use super::EngineError;
use super::adjustable::Attachment;
use super::container::label;
use crate::docker::client::{Docker, failed, is_missing};

/// A network at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSide {
    /// The engine's ID.
    pub id: String,
    /// Compose's project that it belongs to.
    pub project: Option<String>,
    /// The driver.
    pub driver: String,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// Subnets, as they were asked for or as the engine picked them.
    pub subnets: BTreeSet<String>,
    /// No way out.
    pub internal: bool,
    /// Containers may be put on it by hand in a swarm.
    #[serde(default)]
    pub attachable: bool,
    /// With IPv6.
    #[serde(default)]
    pub ipv6: bool,
    /// Labels without Compose's own.
    pub labels: BTreeMap<String, String>,
}

/// A volume at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSide {
    /// Compose's project that it belongs to.
    pub project: Option<String>,
    /// The driver.
    pub driver: String,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// Labels without Compose's own.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it was made: one of the same name may be another.
    pub created: Option<String>,
}

fn without_composes(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = labels.into_iter();
    own.filter(|(name, _)| !name.starts_with("com.docker.compose."))
        .collect()
}

impl NetworkSide {
    fn of(network: models::Network) -> Option<(String, Self)> {
        let labels: BTreeMap<String, String> = network.labels.into_iter().flatten().collect();
        let ipam = network.ipam.unwrap_or_default().config.unwrap_or_default();
        let side = Self {
            id: network.id.unwrap_or_default(),
            project: labels.get(label::PROJECT).cloned(),
            driver: network.driver.unwrap_or_default(),
            options: network.options.into_iter().flatten().collect(),
            subnets: ipam
                .into_iter()
                .filter_map(|config| config.subnet)
                .collect(),
            internal: network.internal.unwrap_or_default(),
            attachable: network.attachable.unwrap_or_default(),
            ipv6: network.enable_ipv6.unwrap_or_default(),
            labels: without_composes(labels),
        };
        Some((network.name?, side))
    }
}

impl Docker {
    /// Puts a container on a network again, as it was on it.
    ///
    /// # Errors
    /// The engine's: the network is gone, or an address is taken.
    pub async fn attach(
        &self,
        network: &str,
        id: &str,
        attachment: &Attachment,
    ) -> Result<(), EngineError> {
        let is_v6 = |address: &&String| address.contains(':');
        let mut addresses = attachment.addresses.iter();
        let ipam = models::EndpointIpamConfig {
            ipv4_address: addresses.clone().find(|one| !is_v6(one)).cloned(),
            ipv6_address: addresses.find(is_v6).cloned(),
            ..models::EndpointIpamConfig::default()
        };
        let request = models::NetworkConnectRequest {
            container: id.to_owned(),
            endpoint_config: Some(models::EndpointSettings {
                aliases: Some(attachment.aliases.iter().cloned().collect()),
                ipam_config: Some(ipam),
                ..models::EndpointSettings::default()
            }),
        };
        self.at_work()
            .connect_network(network, request)
            .await
            .map_err(failed("put a container on a network"))
    }

    /// Every network of the engine, by name.
    ///
    /// # Errors
    /// The engine's.
    pub async fn all_networks(&self) -> Result<BTreeMap<String, NetworkSide>, EngineError> {
        let found = self.api.list_networks(None::<query::ListNetworksOptions>);
        let found = found.await.map_err(failed("list networks"))?;
        Ok(found.into_iter().filter_map(NetworkSide::of).collect())
    }

    /// Every volume of the engine, by name.
    ///
    /// # Errors
    /// The engine's.
    pub async fn all_volumes(&self) -> Result<BTreeMap<String, VolumeSide>, EngineError> {
        let found = self.api.list_volumes(None::<query::ListVolumesOptions>);
        let found = found.await.map_err(failed("list volumes"))?;
        let volumes = found.volumes.unwrap_or_default().into_iter();
        let side = |volume: models::Volume| {
            let side = VolumeSide {
                project: volume.labels.get(label::PROJECT).cloned(),
                driver: volume.driver,
                options: volume.options.into_iter().collect(),
                labels: without_composes(volume.labels.into_iter().collect()),
                created: volume.created_at,
            };
            (volume.name, side)
        };
        Ok(volumes.map(side).collect())
    }

    /// Names of a project's networks.
    ///
    /// # Errors
    /// The engine's.
    pub async fn networks(&self, project: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("label", vec![format!("{}={project}", label::PROJECT)])]);
        let options = query::ListNetworksOptionsBuilder::new()
            .filters(&filters)
            .build();
        let found = self
            .api
            .list_networks(Some(options))
            .await
            .map_err(failed("list networks"))?;
        Ok(found
            .into_iter()
            .filter_map(|network| network.name)
            .collect())
    }

    /// Removes a network that nothing uses.
    ///
    /// # Errors
    /// The engine's; a network that is gone already is none.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        match self.api.remove_network(name).await {
            Err(error) if !is_missing(&error) => Err(failed("remove a network")(error)),
            _ => Ok(()),
        }
    }

    /// Names of a project's volumes.
    ///
    /// # Errors
    /// The engine's.
    pub async fn volumes(&self, project: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("label", vec![format!("{}={project}", label::PROJECT)])]);
        let options = query::ListVolumesOptionsBuilder::new()
            .filters(&filters)
            .build();
        let found = self
            .api
            .list_volumes(Some(options))
            .await
            .map_err(failed("list volumes"))?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(|volume| volume.name)
            .collect())
    }

    /// Whether there is a volume of this name, whoever made it.
    ///
    /// # Errors
    /// The engine's.
    pub async fn has_volume(&self, name: &str) -> Result<bool, EngineError> {
        match self.api.inspect_volume(name).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(failed("inspect a volume")(error)),
        }
    }
}

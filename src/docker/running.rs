//! Running containers of every project and of none, as far as a stack can meet them: by a network that
//! both are in, or by a port of the host.

use std::collections::BTreeSet;

use bollard::models;
use bollard::query_parameters as query;

use super::EngineError;
use super::container::{PublishedPort, label};
use crate::docker::client::{Docker, failed, is_bad_request, is_missing};
use crate::event::ServiceName;

/// A running container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Neighbour {
    /// The engine's ID.
    pub id: String,
    /// Without the leading slash; in networks of a user's own also its host's name.
    pub name: String,
    /// Name of the image that it was made from.
    pub image: String,
    /// Compose's project, if it has one.
    pub project: Option<String>,
    /// Names of its networks.
    pub networks: BTreeSet<String>,
    /// What it publishes.
    pub ports: Vec<PublishedPort>,
    /// The ID of the container in whose network it lives, if it has none of its own.
    pub network_of: Option<String>,
}

/// Whose container has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameHolder {
    /// Compose's project, if it has one.
    pub(crate) project: Option<String>,
    /// Its service there.
    pub(crate) service: Option<ServiceName>,
}

impl Docker {
    /// The container that has a name, running or not.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn holder_of(&self, name: &str) -> Result<Option<NameHolder>, EngineError> {
        let none = None::<query::InspectContainerOptions>;
        let found = match self.api.inspect_container(name, none).await {
            Ok(found) => found,
            Err(error) if is_missing(&error) || is_bad_request(&error) => return Ok(None),
            Err(error) => return Err(failed("inspect a container")(error)),
        };
        // It is found by the beginning of its ID as well.
        let own = found.name.unwrap_or_default();
        if own.trim_start_matches('/') != name {
            return Ok(None);
        }
        let labels = found.config.and_then(|config| config.labels);
        let labels = labels.unwrap_or_default();
        Ok(Some(NameHolder {
            project: labels.get(label::PROJECT).cloned(),
            service: labels.get(label::SERVICE).map(|name| name.as_str().into()),
        }))
    }

    /// Every running container.
    ///
    /// # Errors
    /// The engine's.
    pub async fn running(&self) -> Result<Vec<Neighbour>, EngineError> {
        let found = self
            .api
            .list_containers(None::<query::ListContainersOptions>)
            .await
            .map_err(failed("list containers"))?;
        Ok(found.into_iter().map(Neighbour::of_summary).collect())
    }
}

impl Neighbour {
    fn of_summary(summary: models::ContainerSummary) -> Self {
        let name = summary.names.and_then(|names| names.into_iter().next());
        let labels = summary.labels.unwrap_or_default();
        let networks = summary.network_settings.and_then(|found| found.networks);
        let mode = summary.host_config.and_then(|host| host.network_mode);
        let network_of = mode.and_then(|mode| Some(mode.strip_prefix("container:")?.to_owned()));
        Self {
            network_of,
            id: summary.id.unwrap_or_default(),
            name: name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: summary.image.unwrap_or_default(),
            project: labels.get(label::PROJECT).cloned(),
            networks: networks.unwrap_or_default().into_keys().collect(),
            ports: super::container::published(summary.ports.unwrap_or_default()),
        }
    }
}

//! Networks and volumes of a project.

use std::collections::HashMap;

use bollard::query_parameters as query;

use super::EngineError;
use super::container::label;
use super::docker::{Docker, failed, is_missing};

impl Docker {
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

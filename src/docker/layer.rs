//! The container's own layer: what was written in it outside of its volumes, and one file of it, or of an
//! image.

use std::collections::HashMap;

use bollard::models::{ChangeType, ContainerCreateBody};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptionsBuilder};

use super::EngineError;
use super::archive::Extent;
use super::client::{Docker, failed};
use super::container::label;

/// So much of a file is read: one that holds a key is small.
const LARGEST: u64 = 64 * 1024;

impl Docker {
    /// The paths that a container has added or changed in its own layer, which a recreate discards.
    ///
    /// # Errors
    /// The engine's.
    pub async fn written_in(&self, id: &str) -> Result<Vec<String>, EngineError> {
        let look = "list what a container has written";
        let changes = self.api.container_changes(id).await.map_err(failed(look))?;
        let changes = changes.unwrap_or_default().into_iter();
        let kept = changes.filter(|change| change.kind != ChangeType::_2);
        Ok(kept.map(|change| change.path).collect())
    }

    /// A small file of a container, whether it runs or not; `None`: there is none, or it is no file.
    ///
    /// # Errors
    /// The engine's.
    pub async fn file_in(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let mut found = None;
        let wants = |at: &str, size: u64| at == path && size <= LARGEST;
        let see = |_: &str, content: &[u8]| found = Some(content.to_owned());
        match self.files_at(id, path, wants, see).await? {
            Extent::Beginning if found.is_none() => Err(EngineError::Silent {
                what: "read a file of a container",
            }),
            Extent::Beginning | Extent::Whole | Extent::Nothing => Ok(found),
        }
    }

    /// The same of an image. The engine shows the files of containers only: one is made of it, never
    /// started, and removed.
    ///
    /// # Errors
    /// The engine's.
    pub async fn file_of_image(
        &self,
        image: &str,
        path: &str,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        // Compose labels the images that it builds, and would take the container for one of its own.
        let not_composes =
            [label::PROJECT, label::SERVICE].map(|label| (label.to_owned(), String::new()));
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec![path.to_owned()]),
            network_disabled: Some(true),
            labels: Some(HashMap::from(not_composes)),
            ..ContainerCreateBody::default()
        };
        let made = self
            .api
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .map_err(failed("look into an image"))?;
        let found = self.file_in(&made.id, path).await;
        let with_volumes = RemoveContainerOptionsBuilder::new().v(true).build();
        self.api
            .remove_container(&made.id, Some(with_volumes))
            .await
            .map_err(failed("remove a container"))?;
        found
    }
}

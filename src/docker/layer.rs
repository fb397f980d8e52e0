//! The container's own layer: what was written in it outside of its volumes, and one file of it.

use bollard::models::ChangeType;

use super::EngineError;
use super::archive::Extent;
use super::client::{Docker, failed};

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
}

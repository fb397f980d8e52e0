//! What lay in the containers that a run replaced, and in no volume: no way back brings it again.

use super::Rollback;
use crate::hash::sha256;
use crate::plan::own_layer::{DiscardedFile, DiscardedLayer};
use crate::stack::snapshot::{EngineSide, Left};

impl Rollback<'_> {
    /// The files that went with containers which are there no more, and that the present ones do not have
    /// as well: most applications write some of theirs anew at each start.
    pub(super) async fn discarded(&self, now: &EngineSide) -> Vec<Left> {
        let mut left = Vec::new();
        for layer in &self.checkpoint.discards {
            if now.container(&layer.container).is_some() {
                continue;
            }
            let files = match &layer.files {
                Some(files) => Some(self.missing(now, layer, files).await),
                None => None,
            };
            if files.as_ref().is_none_or(|files| !files.is_empty()) {
                let service = layer.service.clone();
                left.push(Left::Discarded { service, files });
            }
        }
        left
    }

    /// Those that no present container of the service has.
    async fn missing(
        &self,
        now: &EngineSide,
        layer: &DiscardedLayer,
        files: &[DiscardedFile],
    ) -> Vec<String> {
        let docker = &self.place.docker;
        let mut present = Vec::new();
        for one in now.of_service(&layer.service) {
            // What cannot be looked at is missing as far as is known.
            let written = docker.written_in(&one.id).await.unwrap_or_default();
            present.push((&one.id, written));
        }
        let mut missing = Vec::new();
        for file in files {
            let mut is_back = false;
            for (id, written) in &present {
                is_back |= written.contains(&file.path)
                    && match &file.digest {
                        None => true,
                        Some(digest) => {
                            let content = docker.file_in(id, &file.path).await.unwrap_or_default();
                            content.is_some_and(|bytes| sha256(&bytes) == *digest)
                        }
                    };
            }
            if !is_back {
                missing.push(file.path.clone());
            }
        }
        missing.sort();
        missing
    }
}

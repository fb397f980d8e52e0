//! The settings as they stand in a file, which is not yet what counts: a file can come from upstream.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::explain::wrong;
use super::{ActionAt, Settings, file_in};
use crate::complaint::Complaint;
use crate::host::files;

/// The settings as they stand in a file, and which file that is.
#[derive(Debug, Clone, Default)]
pub(crate) struct WrittenSettings {
    /// All that it says.
    pub settings: Settings,
    /// `refit.yaml`, or the compose file with `x-refit:`; none where there is neither.
    pub file: Option<PathBuf>,
}

/// A file's bytes, `None` where there is none.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> anyhow::Result<Option<Vec<u8>>>;

impl WrittenSettings {
    /// Reads `refit.yaml` of a stack, else the first `x-refit:` of its compose files.
    ///
    /// # Errors
    /// An unknown field or a wrong value, with line and column.
    pub(crate) fn load(directory: &Path, compose_files: &[PathBuf]) -> Result<Self, Complaint> {
        let own = file_in(directory);
        Self::read(&own, compose_files, &files::read_if_exists)
    }

    /// The same by another reader, as of a version that is not checked out.
    ///
    /// # Errors
    /// As [`WrittenSettings::load`].
    pub(crate) fn read(
        own: &Path,
        compose_files: &[PathBuf],
        read: ReadFile<'_>,
    ) -> Result<Self, Complaint> {
        let found = |settings: Settings, file: &Path| Self {
            settings,
            file: Some(file.to_owned()),
        };
        if let Some(bytes) = read(own)? {
            return Ok(found(of_own(own, &bytes)?, own));
        }
        for file in compose_files {
            let Some(bytes) = read(file)? else {
                continue;
            };
            if let Some(settings) = of_compose_file(file, &bytes)? {
                return Ok(found(settings, file));
            }
        }
        Ok(Self::default())
    }

    /// What another text of the same file says.
    ///
    /// # Errors
    /// As [`WrittenSettings::load`].
    pub(crate) fn other_text(file: &Path, bytes: &[u8]) -> Result<Settings, Complaint> {
        match is_own(file) {
            true => of_own(file, bytes),
            false => of_compose_file(file, bytes).map(Option::unwrap_or_default),
        }
    }

    /// Without all that would be done on this machine.
    pub(crate) fn without_actions(&self) -> Settings {
        self.only(|_| false)
    }

    /// With only those of the actions on this machine that pass.
    pub(crate) fn only(&self, passes: impl Fn(&ActionAt) -> bool) -> Settings {
        let mut settings = self.settings.clone();
        settings.retain_actions(passes);
        settings
    }
}

impl Settings {
    /// Reads them as they are written, for whoever only looks at them. What a run does with them,
    /// [`WrittenSettings`] and the room `trust` decide.
    ///
    /// # Errors
    /// An unknown field or a wrong value, with line and column.
    pub fn load(directory: &Path, compose_files: &[PathBuf]) -> Result<Self, Complaint> {
        WrittenSettings::load(directory, compose_files).map(|written| written.settings)
    }
}

fn is_own(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    name == "refit.yaml" || name == "refit.yml"
}

fn of_own(file: &Path, bytes: &[u8]) -> Result<Settings, Complaint> {
    let text = String::from_utf8_lossy(bytes);
    serde_saphyr::from_str::<Option<Settings>>(&text)
        .map(Option::unwrap_or_default)
        .map_err(|error| wrong(file, &text, &error))
}

#[derive(Deserialize)]
struct ComposeFile {
    #[serde(rename = "x-refit")]
    refit: Option<Settings>,
}

fn of_compose_file(file: &Path, bytes: &[u8]) -> Result<Option<Settings>, Complaint> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains("x-refit") {
        return Ok(None);
    }
    serde_saphyr::from_str::<ComposeFile>(&text)
        .map(|read| read.refit)
        .map_err(|error| wrong(file, &text, &error))
}

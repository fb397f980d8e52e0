//! What must be accepted of an action on this machine, in parts: each can change by itself.

use std::path::{Path, PathBuf};

use super::files_named::VersionFiles;
use super::values::{self, Definition};
use crate::hash::sha256;

/// What must be accepted of an action.
pub(super) struct Part {
    /// Names its content.
    pub hash: String,
    /// What it is.
    pub of: PartOf,
}

/// What it is.
pub(super) enum PartOf {
    /// What stands in the settings.
    Setting,
    /// A file that it runs or reads, from the stack's folder.
    File(PathBuf),
    /// A variable that fills its address, and the env file with its definition.
    Variable(String, Definition),
}

impl Part {
    /// The part of a setting.
    pub(super) fn of_setting(identity: &str) -> Self {
        Self {
            hash: sha256(format!("text {identity}").as_bytes()),
            of: PartOf::Setting,
        }
    }

    /// The part of a variable.
    pub(super) fn of_variable(name: String, definition: Definition) -> Self {
        let whole = format!("variable {name} {}", definition.1);
        Self {
            hash: sha256(whole.as_bytes()),
            of: PartOf::Variable(name, definition),
        }
    }

    /// The part of a file.
    pub(super) fn of_file(file: PathBuf, bytes: &[u8]) -> Self {
        Self {
            hash: hash_of_file(&file, bytes),
            of: PartOf::File(file),
        }
    }

    /// Whether a version has just this file or definition already.
    pub(super) fn is_in(&self, version: &VersionFiles, directory: &Path) -> bool {
        match &self.of {
            PartOf::Setting => false,
            PartOf::File(file) => {
                let found = version.read(&directory.join(file));
                found.is_ok_and(|bytes| {
                    bytes.is_some_and(|bytes| hash_of_file(file, &bytes) == self.hash)
                })
            }
            PartOf::Variable(name, (file, text)) => {
                let found = version.read(file).ok().flatten();
                found.is_some_and(|bytes| {
                    values::defined_in(&bytes, name).is_some_and(|found| found == *text)
                })
            }
        }
    }

    /// The file, where it is one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match &self.of {
            PartOf::File(file) => Some(file.clone()),
            PartOf::Setting | PartOf::Variable(..) => None,
        }
    }

    /// The variable's name, where it is one.
    pub(super) fn variable(&self) -> Option<String> {
        match &self.of {
            PartOf::Variable(name, _) => Some(name.clone()),
            PartOf::Setting | PartOf::File(_) => None,
        }
    }
}

fn hash_of_file(file: &Path, bytes: &[u8]) -> String {
    let name = file.as_os_str().as_encoded_bytes();
    sha256(&[b"file ", name, b"\0", bytes].concat())
}

//! One place that sets a variable.

use std::path::{Path, PathBuf};

use crate::stack::locate::shown;
use crate::stack::source;

/// Where it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingPlace {
    /// The shell from which refit was started.
    Shell,
    /// An env file that Compose fills `${…}` in from.
    EnvFile {
        /// It.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A file of `env_file`.
    ServiceFile {
        /// It.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// `environment` of a service in a compose file.
    Definition {
        /// The compose file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The service under the name that it has there: what is extended has another one.
        service: String,
    },
}

impl SettingPlace {
    /// The file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Shell => None,
            Self::EnvFile { path, .. }
            | Self::ServiceFile { path, .. }
            | Self::Definition { path, .. } => Some(path),
        }
    }
}

/// One place that sets a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeySetting {
    /// Where.
    pub place: SettingPlace,
    /// The value that it gives.
    pub value: Option<String>,
    /// As it is written in a compose file, where a key alone has no text.
    pub text: Option<Option<String>>,
}

impl KeySetting {
    pub(super) fn new(place: SettingPlace, value: Option<String>) -> Self {
        Self {
            place,
            value,
            text: None,
        }
    }

    /// Whether it only hands on what `${KEY}` is filled in with.
    pub(crate) fn hands_on(&self, key: &str) -> bool {
        match &self.text {
            Some(Some(text)) => source::variables(text).iter().any(|name| name == key),
            Some(None) => true,
            None => false,
        }
    }

    /// The other variable that its whole value is.
    pub(crate) fn stands_for(&self, key: &str) -> Option<String> {
        let text = self.text.as_ref()?.as_ref()?;
        let names = source::variables(text);
        let [name] = &names[..] else { return None };
        let whole = text.starts_with('$') && (text.ends_with('}') || *text == format!("${name}"));
        (name != key && whole).then(|| name.clone())
    }

    /// The file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.place.file()
    }

    /// `compose.yaml:12`, or the shell.
    pub(crate) fn at(&self, directory: &Path) -> String {
        match &self.place {
            SettingPlace::Shell => "this shell".to_owned(),
            SettingPlace::EnvFile { path, line }
            | SettingPlace::ServiceFile { path, line }
            | SettingPlace::Definition { path, line, .. } => {
                format!("{}:{line}", shown(directory, path))
            }
        }
    }

    /// The same in a sentence.
    pub(crate) fn named(&self, directory: &Path) -> String {
        match &self.place {
            SettingPlace::Definition { .. } => format!("`environment:` in {}", self.at(directory)),
            SettingPlace::Shell => "this shell's own variable".to_owned(),
            SettingPlace::EnvFile { .. } | SettingPlace::ServiceFile { .. } => self.at(directory),
        }
    }
}

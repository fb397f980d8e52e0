//! What `config.yaml` says. Pure.

use serde::Deserialize;

/// What `config.yaml` holds.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    auth: AuthSection,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthSection {
    enabled: bool,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl ConfigFile {
    /// Whether `auth.enabled` asks for a login.
    pub(crate) fn login_enabled(&self) -> bool {
        self.auth.enabled
    }

    /// Reads the YAML text; an empty one sets nothing. Only `true` and `false` are booleans.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        serde_saphyr::from_str_with_options::<Option<Self>>(text, options)
            .map(Option::unwrap_or_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_an_error() {
        for text in [
            "auth: {enable: false}",
            "auth: {enabled: off}",
            "auth: {enabled: [}",
            "a: 1",
        ] {
            assert!(ConfigFile::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "# nothing", "---\n", "{}", "auth: {}"] {
            assert_eq!(
                ConfigFile::parse(text).unwrap(),
                ConfigFile::default(),
                "{text:?}"
            );
        }
    }
}

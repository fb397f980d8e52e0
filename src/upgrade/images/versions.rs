//! What two images say of their versions, by the labels that the OCI defines. Pure.

use std::collections::BTreeMap;

use crate::docker::image::LocalImage;
use crate::docker::manifest::RemoteImage;
use crate::profile::version;

/// What is told of another image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ImageVersions {
    /// Of the one that runs.
    pub(crate) from: Option<String>,
    /// Of the registry's.
    pub(crate) to: Option<String>,
    /// Where its changes are told.
    pub(crate) release_notes: Option<String>,
}

impl ImageVersions {
    /// Both; without the registry's configuration nothing is known.
    pub(crate) fn of(running: &LocalImage, remote: Option<&RemoteImage>) -> Self {
        let Some(remote) = remote else {
            return Self::default();
        };
        let versions = (
            version::label(&running.labels),
            version::label(&remote.brought.labels),
        );
        let (Some(from), Some(to)) = versions else {
            return Self::default();
        };
        Self {
            from: Some(from),
            to: Some(to),
            release_notes: release_notes(&remote.brought.labels),
        }
    }
}

/// Forges have a page of their own for them.
fn release_notes(labels: &BTreeMap<String, String>) -> Option<String> {
    let source = labels.get("org.opencontainers.image.source")?.trim();
    let is_address = source.starts_with("https://") || source.starts_with("http://");
    if !is_address || source.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let source = source.trim_end_matches('/');
    let source = source.strip_suffix(".git").unwrap_or(source);
    Some(match source.contains("://gitlab.") {
        true => format!("{source}/-/releases"),
        false => format!("{source}/releases"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::image::Brought;

    fn labels(version: &str, source: &str) -> BTreeMap<String, String> {
        let prefix = "org.opencontainers.image";
        BTreeMap::from([
            (format!("{prefix}.version"), version.to_owned()),
            (format!("{prefix}.source"), source.to_owned()),
        ])
    }

    #[test]
    fn versions_are_told_where_both_images_say_theirs() {
        let running = |version: &str| LocalImage {
            labels: labels(version, ""),
            ..LocalImage::of_id("sha256:a")
        };
        let remote = RemoteImage {
            brought: Brought {
                labels: labels("0.12.4", "https://github.com/a/b.git"),
                ..Brought::default()
            },
            ..RemoteImage::default()
        };
        let found = ImageVersions::of(&running("0.11.4"), Some(&remote));
        assert_eq!(found.from.as_deref(), Some("0.11.4"));
        assert_eq!(found.to.as_deref(), Some("0.12.4"));
        let notes = found.release_notes.as_deref();
        assert_eq!(notes, Some("https://github.com/a/b/releases"));
        for (version, remote) in [("", Some(&remote)), ("0.11.4", None)] {
            let found = ImageVersions::of(&running(version), remote);
            assert_eq!(found, ImageVersions::default());
        }
    }
}

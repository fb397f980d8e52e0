//! Which version something is, by what images and files say, and how versions compare. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::image::image_tag;

/// The label that the OCI defines.
const LABEL: &str = "org.opencontainers.image.version";

/// Whether a version is this one or a later one.
pub(crate) fn is_since(version: &str, since: &str) -> bool {
    numbers(version) >= numbers(since)
}

/// The numbers of a version, for comparing; a candidate (`-rc1`) counts as what it is one of.
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    let mut numbers = own_numbers(version);
    numbers.resize(3.max(numbers.len()), 0);
    numbers
}

fn own_numbers(version: &str) -> Vec<u64> {
    let plain = version.trim_start_matches('v');
    let plain = plain.split(['-', '+']).next().unwrap_or(plain);
    plain.split('.').map_while(|n| n.parse().ok()).collect()
}

/// What an image's label says, where that is one word: a version, or the name of a branch.
pub(crate) fn label(labels: &BTreeMap<String, String>) -> Option<String> {
    let version = labels.get(LABEL)?.trim();
    let is_one_word = !version.is_empty() && !version.contains(char::is_whitespace);
    is_one_word.then(|| version.to_owned())
}

/// The version of an image: by its label, unless its tag names another one - what is built on an image has
/// its labels as well.
pub(crate) fn of_image(labels: &BTreeMap<String, String>, name: Option<&str>) -> Option<String> {
    let said = label(labels).filter(|said| has_numbers(said));
    let tag = name.and_then(image_tag).filter(|tag| has_numbers(tag));
    match (said, tag) {
        (Some(said), Some(tag)) if !own_numbers(&said).starts_with(&own_numbers(tag)) => {
            Some(tag.to_owned())
        }
        (Some(said), _) => Some(said),
        (None, tag) => tag.map(str::to_owned),
    }
}

/// The version that a `package.json` names.
pub(crate) fn of_package(bytes: &[u8]) -> Option<String> {
    let package: Value = serde_json::from_slice(bytes).ok()?;
    let version = package.get("version")?.as_str()?;
    has_numbers(version).then(|| version.to_owned())
}

/// Whether a text is a version: `main` and `latest` are none, and neither is `3`.
pub(crate) fn has_numbers(text: &str) -> bool {
    own_numbers(text).len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_more_than_a_tag_unless_the_tag_is_another_one() {
        let of = |label: &str, name: &str| {
            let labels = BTreeMap::from([(LABEL.to_owned(), label.to_owned())]);
            of_image(&labels, Some(name))
        };
        assert_eq!(of("0.12.4", "a/b:main").as_deref(), Some("0.12.4"));
        assert_eq!(of("0.12.4", "a/b:v0.12").as_deref(), Some("0.12.4"));
        // Of the image below it.
        assert_eq!(of("24.04", "a/b:v0.8.9-rc1").as_deref(), Some("v0.8.9-rc1"));
        for (label, name) in [("main", "a/b:latest"), ("", "a/b"), ("a b", "a/b:3")] {
            assert_eq!(of(label, name), None, "{label} {name}");
        }
        assert_eq!(of("main", "r:5000/a/b:0.8.9").as_deref(), Some("0.8.9"));
    }

    #[test]
    fn a_package_says_its_version_or_nothing() {
        let of = |text: &str| of_package(text.as_bytes());
        assert_eq!(of(r#"{"version": "v0.8.7"}"#).as_deref(), Some("v0.8.7"));
        for text in ["", "{}", r#"{"version": 3}"#, r#"{"version": "next"}"#] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}

//! Parts of an image's name by which an application and its version are known. Pure.

/// The last part of an image's name, without tag and digest.
pub(crate) fn image_name(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last)
}

/// The tag of an image's name, if it has one.
pub(crate) fn image_tag(image: &str) -> Option<&str> {
    let name = image.split('@').next().unwrap_or(image);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_of_images() {
        for (image, name, tag) in [
            (
                "ghcr.io/open-webui/open-webui:main",
                "open-webui",
                Some("main"),
            ),
            ("localhost:5000/redis", "redis", None),
            ("redis:7.4@sha256:ab", "redis", Some("7.4")),
        ] {
            assert_eq!((image_name(image), image_tag(image)), (name, tag));
        }
    }
}

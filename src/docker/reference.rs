//! Image references, read as Docker reads them: `[registry/]repository[:tag][@digest]`. Pure.

/// The registry that a name without one means.
pub(crate) const HUB: &str = "docker.io";

/// A reference in its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Host, and port where one is given; [`HUB`] where the name has none.
    pub registry: String,
    /// Path within the registry, such as `library/redis`.
    pub repository: String,
    /// What stands after the colon.
    pub tag: Option<String>,
    /// What stands after the `@`, such as `sha256:…`.
    pub digest: Option<String>,
    /// The name as it was written, without tag and digest.
    pub name: String,
}

impl Reference {
    /// Reads a reference; `None` where the text names nothing, such as one with an unset variable.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            // A port in the registry's name is no tag.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path.to_owned()),
            Some(_) => (HUB, name.to_owned()),
            None => (HUB, format!("library/{name}")),
        };
        let registry = match registry {
            "index.docker.io" => HUB,
            other => other,
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
        let sound = |part: Option<&str>| part.is_none_or(|part| !part.is_empty());
        if name.is_empty() || path.is_empty() || path.ends_with('/') || !path.chars().all(allowed) {
            return None;
        }
        (sound(tag) && sound(digest)).then(|| Self {
            registry: registry.to_owned(),
            repository: path,
            tag: tag.map(Into::into),
            digest: digest.map(Into::into),
            name: name.to_owned(),
        })
    }

    /// Name and tag; `latest` where none is given.
    pub fn with_tag(&self) -> String {
        format!("{}:{}", self.name, self.tag_or_latest())
    }

    /// The same image pinned.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.name)
    }

    /// What is asked for: the digest where there is one, else the tag.
    pub(crate) fn asked(&self) -> String {
        match &self.digest {
            Some(digest) => self.pinned(digest),
            None => self.with_tag(),
        }
    }

    /// The tag that is meant.
    pub fn tag_or_latest(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }
}

/// Docker's own rule: the first part is a host if nothing else could look like it.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.chars().any(|c| c.is_ascii_uppercase())
}

/// The `sha256:…` of a `name@sha256:…`, as the engine lists the digests of an image.
pub(crate) fn digest_of(repo_digest: &str) -> Option<&str> {
    repo_digest.rsplit_once('@').map(|(_, digest)| digest)
}

/// `name:tag` apart; a port in the registry's name is no tag.
pub(crate) fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Option<String>) {
        let found = Reference::parse(text).unwrap();
        (found.registry, found.repository, found.tag)
    }

    fn expected(
        registry: &str,
        repository: &str,
        tag: Option<&str>,
    ) -> (String, String, Option<String>) {
        (registry.into(), repository.into(), tag.map(Into::into))
    }

    #[test]
    fn names_mean_what_they_mean_to_docker() {
        assert_eq!(parts("redis"), expected(HUB, "library/redis", None));
        assert_eq!(parts("redis:7"), expected(HUB, "library/redis", Some("7")));
        assert_eq!(parts("a/b"), expected(HUB, "a/b", None));
        assert_eq!(
            parts("ghcr.io/a/b:1"),
            expected("ghcr.io", "a/b", Some("1"))
        );
        assert_eq!(parts("localhost/b"), expected("localhost", "b", None));
        assert_eq!(parts("h:5000/b"), expected("h:5000", "b", None));
        assert_eq!(parts("index.docker.io/a/b"), expected(HUB, "a/b", None));
    }

    #[test]
    fn a_digest_is_told_from_a_tag() {
        let both = Reference::parse("h:5000/a/b:1@sha256:00").unwrap();
        assert_eq!(both.tag.as_deref(), Some("1"));
        assert_eq!(both.digest.as_deref(), Some("sha256:00"));
        assert_eq!(both.name, "h:5000/a/b");
        assert_eq!(both.pinned("sha256:11"), "h:5000/a/b@sha256:11");
        assert_eq!(Reference::parse("a").unwrap().with_tag(), "a:latest");
        assert_eq!(digest_of("a/b@sha256:00"), Some("sha256:00"));
    }

    #[test]
    fn what_names_nothing() {
        for text in ["", ":1", "a:", "Bad", "a b", "h:5000/", "a@", "${X}"] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }

    #[test]
    fn image_names() {
        assert_eq!(split_tag("nginx"), ("nginx", "latest"));
        assert_eq!(split_tag("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split_tag("host:5000/a/b:1"), ("host:5000/a/b", "1"));
    }
}

//! What is known of applications, as data: how to recognise one, the keys it reads and their units,
//! what it keeps elsewhere. Pure; the data stands in `templates/profiles`.

pub(crate) mod format;
pub(crate) mod image;
pub(crate) mod key_facts;
pub(crate) mod recognise;
pub(crate) mod upgrades;
pub(crate) mod version;

use std::sync::OnceLock;

use crate::complaint::{Code, Complaint};
pub(crate) use format::{
    GeneratedIn, Key, KeyType, Page, Profile, SecretChange, Sends, SignIn, UpgradeStep,
    WayBackSwitch,
};

pub(crate) use version::{is_since, numbers};

/// The profile of everything that no other one recognises.
pub(crate) const GENERIC: &str = "generic";

/// Every file of `templates/profiles` by its name; `build.rs` lists them, and has read each one.
const BUILT_IN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// All profiles; the last one is [`GENERIC`].
///
/// # Errors
/// One of the program's own is malformed, which its tests rule out.
pub(crate) fn all() -> Result<&'static [Profile], Complaint> {
    // A run asks several times which application this is, and YAML takes its time.
    static READ: OnceLock<Result<Vec<Profile>, Complaint>> = OnceLock::new();
    let read = READ.get_or_init(read_all).as_ref();
    read.map(Vec::as_slice).map_err(Clone::clone)
}

/// Their names, without a look at them.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// What takes the keys that an application has generated in its container into the stack's own files,
/// with the same values: whoever is signed in stays so.
pub(crate) const KEEPS_SECRETS: &str = "refit use keep-secrets";

fn read_all() -> Result<Vec<Profile>, Complaint> {
    let read = BUILT_IN.iter().map(|(name, text)| {
        serde_saphyr::from_str(text).map_err(|error| {
            Complaint::new(Code::BadProfile, format!("the profile {name} is malformed"))
                .details(&error.to_string())
        })
    });
    let mut all = read.collect::<Result<Vec<Profile>, _>>()?;
    for profile in &all {
        if let Some(wrong) = profile.upgrades.iter().find_map(upgrades::contradiction) {
            let text = format!("the profile {} is malformed", profile.name);
            return Err(Complaint::new(Code::BadProfile, text).details(&wrong));
        }
    }
    all.sort_by_key(|profile| profile.name == GENERIC);
    Ok(all)
}

impl Profile {
    /// Whether this version of the application is known to read a key, without a look at it.
    pub(crate) fn knows(&self, key: &str, version: Option<&str>) -> Option<&Key> {
        let known = self.keys.get(key).filter(|_| self.is_known)?;
        match (&known.since, version) {
            (None, _) => Some(known),
            (Some(since), Some(version)) => (numbers(version) >= numbers(since)).then_some(known),
            (Some(_), None) => None,
        }
    }

    /// The pages on which it may say that it is well, the one that says most first: where the version is
    /// not known, whether it has that one is seen by its answer.
    pub(crate) fn health_pages(&self, version: Option<&str>) -> Vec<Page> {
        let page = |ready: &format::ReadyPage| Page {
            path: ready.path.clone(),
            post: false,
            status: 200,
            body: Some(ready.body.clone()),
        };
        let is_there = |ready: &&format::ReadyPage| {
            version.is_none_or(|version| is_since(version, &ready.since))
        };
        let ready = self.ready.iter().filter(is_there).map(page);
        ready.chain(self.health.clone()).collect()
    }

    /// Whether an answer on one of these pages is that of a version which has no such page.
    pub(crate) fn lacks_page(&self, page: &Page, status: u16, body: &str) -> bool {
        let Some(ready) = self.ready.as_ref().filter(|ready| ready.path == page.path) else {
            return false;
        };
        let is_html = body.trim_start().starts_with('<');
        let says = |text: &str| !is_html && body.contains(text);
        let is_ready = status == page.status && says(&ready.body);
        !is_ready && !says(&ready.not_yet)
    }

    /// What another value of a key brings with it, in a sentence that begins with "another value".
    pub(crate) fn costs(&self, key: &str) -> Option<&str> {
        Some(self.keys.get(key)?.change.as_ref()?.costs.as_str())
    }

    /// Whether a value was published with the application, so that everybody has it.
    pub(crate) fn has_published(&self, key: &str, value: &str) -> bool {
        let Some(known) = self.published_secrets.get(key) else {
            return false;
        };
        let sum = crate::hash::sha256(value.as_bytes());
        known.contains(&sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::generate::Generate;

    #[test]
    fn a_published_value_is_known_by_its_sum() {
        let mut chat = all().unwrap()[1].clone();
        chat.published_secrets = [(
            "JWT_SECRET".to_owned(),
            vec!["2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned()],
        )]
        .into();
        assert!(chat.has_published("JWT_SECRET", "hello"));
        assert!(!chat.has_published("JWT_SECRET", "hello "));
        assert!(!chat.has_published("CREDS_KEY", "hello"));
    }

    #[test]
    fn every_profile_can_be_read_and_names_itself() {
        let found = all().unwrap();
        assert_eq!(found.len(), BUILT_IN.len());
        for profile in found {
            let name = &profile.name;
            assert!(BUILT_IN.iter().any(|(file, _)| file == name), "{name}");
            for key in &profile.guarded {
                assert!(profile.keys.contains_key(key), "{name}: {key}");
            }
            for (key, sums) in &profile.published_secrets {
                assert!(sums.iter().all(|sum| sum.len() == 64), "{name}");
                // Whoever is told that a secret is known is told what a new one costs.
                let change = profile.keys[key].change.as_ref().unwrap();
                assert!(change.generate.parse::<Generate>().is_ok(), "{name}: {key}");
                assert!(change.costs.starts_with("another value "), "{name}: {key}");
            }
            for key in profile.generated.keys() {
                assert!(profile.guarded.contains(key), "{name}: {key}");
                assert!(profile.costs(key).is_some(), "{name}: {key}");
            }
            let cookies = &profile.cookies;
            let kinds = cookies.kinds.iter();
            let of_kinds = kinds.flat_map(|kind| [&kind.secure, &kind.same_site, &kind.domain]);
            let named = of_kinds.chain([&cookies.secure_unless_local]).flatten();
            for key in named.chain(&cookies.address) {
                assert!(profile.keys.contains_key(key), "{name}: {key}");
            }
        }
        assert_eq!(found.last().unwrap().name, GENERIC);
    }

    #[test]
    fn the_page_that_says_most_is_asked_where_the_version_has_it() {
        let found = all().unwrap();
        let chat = found.iter().find(|p| p.name == "librechat").unwrap();
        let paths = |version: Option<&str>| -> Vec<String> {
            let pages = chat.health_pages(version).into_iter();
            pages.map(|page| page.path).collect()
        };
        assert_eq!(paths(Some("v0.8.6")), ["/health"]);
        assert_eq!(paths(Some("v0.8.7-rc1")), ["/readyz", "/health"]);
        assert_eq!(paths(None), ["/readyz", "/health"]);
        let ready = &chat.health_pages(None)[0];
        assert!(!chat.lacks_page(ready, 200, "OK"));
        assert!(!chat.lacks_page(ready, 503, "NOT_READY"));
        assert!(chat.lacks_page(ready, 200, "<!doctype html><title>OK</title>"));
        assert!(chat.lacks_page(ready, 404, "Not Found"));
        let health = &chat.health_pages(Some("0.8.6"))[0];
        assert!(!chat.lacks_page(health, 503, ""));
    }

    #[test]
    fn a_key_that_came_later_is_known_only_to_later_versions() {
        let found = all().unwrap();
        let chat = found.iter().find(|p| p.name == "librechat").unwrap();
        assert!(chat.knows("REFRESH_TOKEN_EXPIRY", None).is_some());
        assert!(chat.knows("SESSION_COOKIE_SECURE", None).is_none());
        assert!(
            chat.knows("SESSION_COOKIE_SECURE", Some("v0.7.9"))
                .is_none()
        );
        assert!(
            chat.knows("SESSION_COOKIE_SECURE", Some("v0.8.7-rc1"))
                .is_some()
        );
        assert!(chat.knows("COOKIE_SECURE", Some("v9.0.0")).is_none());
        let generic = found.last().unwrap();
        assert!(generic.knows("SESSION_EXPIRY", None).is_none());
    }
}

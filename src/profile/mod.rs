//! What is known of applications, as data: how to recognise one, the keys it reads and their units,
//! what it keeps elsewhere. Pure; the data stands in `templates/profiles`.

pub mod recognise;
pub mod told;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::complaint::Complaint;

/// What is known of one application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// How recipes name it.
    pub name: String,
    /// Its own name.
    pub title: String,
    /// How a stack that runs it is known.
    #[serde(default)]
    pub recognise: Signs,
    /// Whether the keys below are known to be read; else each one needs evidence in the stack.
    #[serde(default)]
    pub is_known: bool,
    /// Files of its settings, relative to the stack, with the path in the container where it looks.
    #[serde(default)]
    pub config_files: BTreeMap<String, String>,
    /// The keys of its environment.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
    /// Keys that people are told to set and that it does not read, with what is to be known.
    #[serde(default)]
    pub not_read: BTreeMap<String, String>,
    /// Keys that sign or encrypt what is stored.
    #[serde(default)]
    pub guarded: Vec<String>,
    /// SHA-256 of secret values that were published with the application, by key.
    #[serde(default)]
    pub published_secrets: BTreeMap<String, Vec<String>>,
    /// Services that keep data, by their image's name.
    #[serde(default)]
    pub stores: Vec<String>,
    /// Where it says that it is well.
    pub health: Option<Page>,
    /// Services that end when their work is done.
    #[serde(default)]
    pub one_shots: Vec<String>,
    /// The folder in the container in which it keeps its data.
    pub data: Option<String>,
    /// A command in the container that prints how many users there are.
    #[serde(default)]
    pub counts_users: Vec<String>,
    /// Port inside the container that the pages below are on.
    pub port: Option<u16>,
    /// What a visitor without a cookie gets where no login is asked for, and not otherwise.
    pub open: Option<Page>,
    /// How a person signs in.
    pub sign_in: Option<SignIn>,
    /// Keys and values with which the environment wins over its database after all.
    #[serde(default)]
    pub environment_wins: BTreeMap<String, String>,
    /// By which keys its cookies are made.
    #[serde(default)]
    pub cookies: CookieKeys,
}

/// The keys that decide on an application's cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieKeys {
    /// Keys that hold the address in the browser; a login from another one may be refused.
    pub address: Vec<String>,
    /// Where the key of `secure` is not set: cookies are sent over https only unless the address in
    /// this key is this very machine's.
    pub secure_unless_local: Option<String>,
    /// Its kinds of cookies; what the keys of one leave open is as with the kind before.
    pub kinds: Vec<CookieKind>,
}

/// The keys of one kind of cookie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the attributes of a cookie")]
pub struct CookieKind {
    pub secure: Option<String>,
    pub same_site: Option<String>,
    pub domain: Option<String>,
}

/// What tells an application from others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signs {
    /// The last part of image names, without the tag.
    pub images: Vec<String>,
    /// Files that its checkout holds beside the compose file.
    pub files: Vec<String>,
    /// Labels of the service and their values.
    pub labels: BTreeMap<String, String>,
    /// Names of the service that is the application, where only the files tell.
    pub services: Vec<String>,
}

/// One key of the environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What its text means.
    #[serde(rename = "type")]
    pub kind: KeyType,
    /// The value without one.
    pub default: Option<String>,
    /// The first version that reads it; all do without one.
    pub since: Option<String>,
    /// Where the application keeps it in its database, which then wins over the environment.
    pub in_database: Option<String>,
    /// What comes of a text that does not fit; reads on from the text.
    pub misfit: Option<String>,
    /// It names a server that the application asks from inside its container.
    #[serde(default)]
    pub inside: bool,
    /// What another value brings with it.
    pub change: Option<Change>,
    /// In a sentence.
    pub about: String,
}

/// What another value of a secret brings with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// In a sentence that begins with "another value".
    pub costs: String,
    /// What it costs cannot be had back by anything but the old value.
    #[serde(default)]
    pub lost: bool,
    /// The form of a new value, as `--generate` takes it.
    pub generate: String,
}

/// What a key's text means to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// `true` or `false`.
    Bool,
    /// A whole number of seconds.
    Seconds,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A duration with units, such as `7d`.
    Duration,
    /// A number.
    Number,
    /// One of some words.
    Choice,
    /// A URL.
    Url,
    /// A host's name.
    Domain,
    /// A value that must not be shown.
    Secret,
    /// Any text.
    Text,
}

impl KeyType {
    /// In words, with the unit.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds, a plain whole number",
            Self::Duration => "a duration such as 7d",
            Self::Number => "a number",
            Self::Choice => "one of some words",
            Self::Url => "a URL",
            Self::Domain => "a host's name",
            Self::Secret => "a secret",
            Self::Text => "text",
        }
    }
}

/// A page and what it is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Path on the application's port.
    pub path: String,
    /// Asked with POST in place of GET.
    #[serde(default)]
    pub post: bool,
    /// Wanted status; 200 without it.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the body must hold.
    pub body: Option<String>,
}

fn ok() -> u16 {
    200
}

/// How a person signs in, and how one sees that it worked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Where name and password are sent to.
    pub path: String,
    /// In which form.
    pub sends: Sends,
    /// Field of the name.
    pub user_field: String,
    /// Field of the password.
    pub password_field: String,
    /// The cookie that keeps a person signed in.
    pub cookie: String,
    /// What a person sees who is signed in, and nobody else.
    pub page: Page,
    /// The stack's own keys that hold an account, where the application has such.
    pub account: Option<Account>,
}

/// The form of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sends {
    /// As an HTML form does.
    Form,
    /// As a JSON object.
    Json,
}

/// Keys of an env file that hold an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Key of the name.
    pub user: String,
    /// The name where the key is not set.
    pub default_user: Option<String>,
    /// Key of the password.
    pub password: String,
}

/// The profile of everything that no other one recognises.
pub const GENERIC: &str = "generic";

const BUILT_IN: [(&str, &str); 4] = [
    ("demo", include_str!("../../templates/profiles/demo.yaml")),
    (
        "librechat",
        include_str!("../../templates/profiles/librechat.yaml"),
    ),
    (
        "open-webui",
        include_str!("../../templates/profiles/open-webui.yaml"),
    ),
    (
        GENERIC,
        include_str!("../../templates/profiles/generic.yaml"),
    ),
];

/// All profiles; the last one is [`GENERIC`].
///
/// # Errors
/// One of the program's own is malformed, which its tests rule out.
pub fn all() -> Result<Vec<Profile>, Complaint> {
    BUILT_IN
        .iter()
        .map(|(name, text)| {
            serde_saphyr::from_str(text).map_err(|error| {
                Complaint::new("bad_profile", format!("the profile {name} is malformed"))
                    .details(&error.to_string())
            })
        })
        .collect()
}

impl Profile {
    /// Whether this version of the application is known to read a key, without a look at it.
    pub fn knows(&self, key: &str, version: Option<&str>) -> Option<&Key> {
        let known = self.keys.get(key).filter(|_| self.is_known)?;
        match (&known.since, version) {
            (None, _) => Some(known),
            (Some(since), Some(version)) => (numbers(version) >= numbers(since)).then_some(known),
            (Some(_), None) => None,
        }
    }
}

impl Profile {
    /// Whether a value was published with the application, so that everybody has it.
    pub fn has_published(&self, key: &str, value: &str) -> bool {
        let Some(known) = self.published_secrets.get(key) else {
            return false;
        };
        let sum: String = Sha256::digest(value.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        known.contains(&sum)
    }
}

/// The numbers of a version, for comparing; a candidate (`-rc1`) counts as what it is one of.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.trim_start_matches('v');
    let plain = plain.split(['-', '+']).next().unwrap_or(plain);
    let mut numbers: Vec<u64> = plain.split('.').map_while(|n| n.parse().ok()).collect();
    numbers.resize(3.max(numbers.len()), 0);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::generate::Generate;

    #[test]
    fn a_published_value_is_known_by_its_sum() {
        let mut chat = all().unwrap().swap_remove(1);
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
        for (profile, (name, _)) in found.iter().zip(BUILT_IN) {
            assert_eq!(profile.name, name);
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

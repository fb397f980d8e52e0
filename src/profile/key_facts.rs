//! What a profile tells of one key: what it does, in which unit, what wins over it, or that the
//! application has no such key. Pure.

use serde_json::{Value, json};

use super::{Key, Profile, numbers};

/// What is known of a key in one application.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyFact<'p> {
    /// The application reads it.
    Reads {
        /// The application's own name.
        application: &'p str,
        /// The key.
        key: &'p Key,
        /// Whether the version at hand does.
        here: Here<'p>,
        /// Whether it signs or encrypts what is stored.
        guarded: bool,
    },
    /// The application has no such key, and people are told that it had.
    Lacks {
        /// The application's own name.
        application: &'p str,
        /// What is to be known instead.
        sentence: &'p str,
    },
}

/// Whether the version at hand reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here<'p> {
    /// Every version does.
    Always,
    /// It came with a version, and the one at hand has it.
    Since(&'p str),
    /// It came with a later version than the one at hand.
    TooOld(&'p str),
    /// It came with a version, and which one is at hand is not seen.
    Unseen(&'p str),
}

impl Profile {
    /// What is known of a key; nothing of one that the profile does not name.
    pub(crate) fn tells(&self, key: &str, version: Option<&str>) -> Option<KeyFact<'_>> {
        let application = self.title.as_str();
        if let Some(sentence) = self.not_read.get(key) {
            return Some(KeyFact::Lacks {
                application,
                sentence,
            });
        }
        let known = self.keys.get(key).filter(|_| self.is_known)?;
        let here = match (&known.since, version) {
            (None, _) => Here::Always,
            (Some(since), None) => Here::Unseen(since),
            (Some(since), Some(version)) if numbers(version) >= numbers(since) => {
                Here::Since(since)
            }
            (Some(since), Some(_)) => Here::TooOld(since),
        };
        Some(KeyFact::Reads {
            application,
            key: known,
            here,
            guarded: self.guarded.iter().any(|own| own == key),
        })
    }
}

impl KeyFact<'_> {
    /// What it means, as lines.
    pub(crate) fn means(&self) -> Vec<String> {
        let KeyFact::Reads {
            application, key, ..
        } = self
        else {
            return Vec::new();
        };
        let default = match &key.default {
            Some(default) => format!("; {default} when it is not set"),
            None => String::new(),
        };
        vec![
            format!("{application}: {}", key.about),
            format!("{}{default}", key.kind.words()),
        ]
    }

    /// What a person would stumble over who sets it, as lines.
    pub(crate) fn warns(&self, name: &str, version: Option<&str>) -> Vec<String> {
        let (application, key, here, guarded) = match self {
            KeyFact::Lacks {
                application,
                sentence,
            } => return vec![format!("{application} has no {name}; {sentence}")],
            KeyFact::Reads {
                application,
                key,
                here,
                guarded,
            } => (application, key, here, guarded),
        };
        let mut lines = Vec::new();
        match here {
            Here::TooOld(since) => lines.push(format!(
                "{application} reads it since {since}, and this is {}: it does nothing here",
                version.unwrap_or_default()
            )),
            Here::Unseen(since) => lines.push(format!(
                "{application} reads it since {since}; which version this is cannot be seen"
            )),
            Here::Always | Here::Since(_) => {}
        }
        if let Some(stored) = &key.in_database {
            lines.push(format!(
                "a value in the application's database ({stored}) overrides it"
            ));
        }
        if *guarded {
            lines.push(
                "it signs or encrypts what is stored: changing it needs --allow guarded-key"
                    .to_owned(),
            );
        }
        lines
    }

    /// The same as a document.
    pub(crate) fn document(&self) -> Value {
        match self {
            KeyFact::Lacks {
                application,
                sentence,
            } => json!({"application": application, "reads": false, "instead": sentence}),
            KeyFact::Reads {
                application,
                key,
                here,
                guarded,
            } => json!({
                "application": application,
                "reads": match here {
                    Here::Always | Here::Since(_) => Some(true),
                    Here::TooOld(_) => Some(false),
                    Here::Unseen(_) => None,
                },
                "about": key.about,
                "type": key.kind,
                "default": key.default,
                "since": key.since,
                "in_database": key.in_database,
                "guarded": guarded,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::profile;

    fn lines(profile: &str, key: &str, version: Option<&str>) -> Vec<String> {
        let found = profile::all().unwrap();
        let profile = found.iter().find(|own| own.name == profile).unwrap();
        let told = profile.tells(key, version);
        told.into_iter()
            .flat_map(|told| [told.means(), told.warns(key, version)].concat())
            .collect()
    }

    #[test]
    fn unit_default_and_what_wins() {
        assert_eq!(
            lines("librechat", "REFRESH_TOKEN_EXPIRY", None),
            [
                "LibreChat: how long a login lasts; for new logins",
                "milliseconds, a plain whole number; 604800000 when it is not set",
            ]
        );
        let told = lines("open-webui", "JWT_EXPIRES_IN", None);
        assert!(
            told[2].contains("application's database (auth.jwt_expiry) overrides it"),
            "{told:?}"
        );
        let told = lines("open-webui", "WEBUI_SECRET_KEY", None);
        assert!(told[2].contains("--allow guarded-key"), "{told:?}");
    }

    #[test]
    fn a_key_that_there_is_not_is_answered_with_the_one_that_is_meant() {
        assert_eq!(
            lines("librechat", "COOKIE_SECURE", None),
            ["LibreChat has no COOKIE_SECURE; the key is SESSION_COOKIE_SECURE"]
        );
        assert!(lines("librechat", "NO_SUCH_KEY", None).is_empty());
        assert!(lines("generic", "SESSION_EXPIRY", None).is_empty());
    }

    #[test]
    fn a_version_that_is_too_old_is_told() {
        let told = |version| lines("librechat", "SESSION_COOKIE_SECURE", version)[2..].to_vec();
        assert!(told(Some("v0.8.7-rc1")).is_empty());
        assert_eq!(
            told(Some("v0.7.9")),
            ["LibreChat reads it since 0.8.7, and this is v0.7.9: it does nothing here"]
        );
        assert!(told(None)[0].ends_with("which version this is cannot be seen"));
    }

    #[test]
    fn what_is_not_read_reads_on_from_the_name_of_the_key() {
        for profile in profile::all().unwrap() {
            for (key, sentence) in &profile.not_read {
                let again = sentence.starts_with(&profile.title);
                assert!(!again, "{}: {key}: {sentence}", profile.name);
                assert!(!profile.keys.contains_key(key), "{}: {key}", profile.name);
            }
        }
    }
}

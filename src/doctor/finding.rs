//! One thing that is to be said of a stack, with its stable code. Data.

use crate::event::ServiceName;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not work, or is open to others: the exit code is 1.
    Wrong,
    /// It may be meant so.
    Warning,
    /// Good to know.
    Note,
}

impl Level {
    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What was found; part of the contract of `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "docs/doctor.md explains each")]
pub enum FindingCode {
    SettingsUnusable,
    NotTrusted,
    StackUnreadable,
    UnfinishedRun,
    KeyNotRead,
    KeyUnreached,
    KeyOverridden,
    KeyNotFilledIn,
    ValueUnfit,
    ValueUnit,
    ValueStored,
    LocalhostInside,
    SecretPublished,
    SecretNotKept,
    ConfigUnused,
    MountMissing,
    MountFolder,
    StoreOpen,
    StorePublished,
    StoreOutside,
    OtherProject,
    StackDown,
    ServiceStopped,
    ServiceFailed,
    ServiceUnhealthy,
    ServiceRestarted,
    SinceRun,
    OutOfMemory,
    Differs,
    HealthPage,
    CookieKey,
    CookieDropped,
    UrlSilent,
    UrlElsewhere,
    UrlRedirects,
    OriginDiffers,
    OriginRefused,
    HttpsAlone,
    ApplicationUnknown,
}

impl FindingCode {
    /// Every one, with its word and its level.
    pub const ALL: [(Self, &'static str, Level); 39] = {
        use Level::{Note, Warning, Wrong};
        [
            (Self::SettingsUnusable, "settings_unusable", Wrong),
            (Self::NotTrusted, "not_trusted", Warning),
            (Self::StackUnreadable, "stack_unreadable", Wrong),
            (Self::UnfinishedRun, "unfinished_run", Warning),
            (Self::KeyNotRead, "key_not_read", Wrong),
            (Self::KeyUnreached, "key_unreached", Wrong),
            (Self::KeyOverridden, "key_overridden", Warning),
            (Self::KeyNotFilledIn, "key_not_filled_in", Warning),
            (Self::ValueUnfit, "value_unfit", Wrong),
            (Self::ValueUnit, "value_unit", Warning),
            (Self::ValueStored, "value_stored", Note),
            (Self::LocalhostInside, "localhost_inside", Wrong),
            (Self::SecretPublished, "secret_published", Wrong),
            (Self::SecretNotKept, "secret_not_kept", Wrong),
            (Self::ConfigUnused, "config_unused", Warning),
            (Self::MountMissing, "mount_missing", Wrong),
            (Self::MountFolder, "mount_folder", Wrong),
            (Self::StoreOpen, "store_open", Wrong),
            (Self::StorePublished, "store_published", Warning),
            (Self::StoreOutside, "store_outside", Warning),
            (Self::OtherProject, "other_project", Wrong),
            (Self::StackDown, "stack_down", Note),
            (Self::ServiceStopped, "service_stopped", Warning),
            (Self::ServiceFailed, "service_failed", Wrong),
            (Self::ServiceUnhealthy, "service_unhealthy", Wrong),
            (Self::ServiceRestarted, "service_restarted", Warning),
            (Self::SinceRun, "since_run", Wrong),
            (Self::OutOfMemory, "out_of_memory", Wrong),
            (Self::Differs, "differs", Warning),
            (Self::HealthPage, "health_page", Wrong),
            (Self::CookieKey, "cookie_key", Wrong),
            (Self::CookieDropped, "cookie_dropped", Wrong),
            (Self::UrlSilent, "url_silent", Wrong),
            (Self::UrlElsewhere, "url_elsewhere", Wrong),
            (Self::UrlRedirects, "url_redirects", Note),
            (Self::OriginDiffers, "origin_differs", Warning),
            (Self::OriginRefused, "origin_refused", Wrong),
            (Self::HttpsAlone, "https_alone", Wrong),
            (Self::ApplicationUnknown, "application_unknown", Note),
        ]
    };

    fn entry(self) -> (&'static str, Level) {
        let found = Self::ALL.iter().find(|(code, ..)| *code == self);
        // A test holds the table complete.
        found.map_or(("unknown", Level::Wrong), |(_, word, level)| {
            (*word, *level)
        })
    }

    /// The word used in JSON.
    pub fn word(self) -> &'static str {
        self.entry().0
    }

    /// How bad it is.
    pub fn level(self) -> Level {
        self.entry().1
    }
}

/// One thing that is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// The service.
    pub service: Option<ServiceName>,
    /// The file, as it is shown.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// The keys, as a rule one.
    pub keys: Vec<String>,
    /// What is wrong; one sentence without a full stop.
    pub text: String,
    /// Why it matters, where the text does not say so.
    pub why: Option<String>,
    /// What to type next.
    pub hint: Option<String>,
}

impl Finding {
    /// One that names no place.
    pub(crate) fn new(code: FindingCode, text: impl Into<String>) -> Self {
        Self {
            code,
            service: None,
            file: None,
            line: None,
            keys: Vec::new(),
            text: text.into(),
            why: None,
            hint: None,
        }
    }

    /// The service that it is about.
    #[must_use]
    pub(crate) fn of(mut self, service: &ServiceName) -> Self {
        self.service = Some(service.clone());
        self
    }

    /// The file that it is about.
    #[must_use]
    pub(crate) fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// A key that it is about.
    #[must_use]
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    /// Why it matters.
    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// What to type next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The worst first; within a level as they were found.
pub(crate) fn in_order(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| finding.code.level());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word() {
        let words: std::collections::BTreeSet<&str> =
            FindingCode::ALL.iter().map(|(_, word, _)| *word).collect();
        assert_eq!(words.len(), FindingCode::ALL.len());
        // The last variant's number tells how many there are.
        assert_eq!(
            FindingCode::ApplicationUnknown as usize + 1,
            FindingCode::ALL.len()
        );
        for (index, (code, word, level)) in FindingCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
            assert_eq!((code.word(), code.level()), (*word, *level));
        }
    }
}

//! `upgrade:` and `hooks:` of `refit.yaml`: what an upgrade takes, and what runs around it.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::duration::{self, parse_duration};
use super::text_or_fields::{self, TextOrFields};
use super::window::Window;

/// A hook that says nothing of its time limit.
const HOOK_TIMEOUT: Duration = Duration::from_secs(600);

/// What an upgrade takes when nobody says it on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeSettings {
    /// What is followed; without it the upstream of the current branch.
    pub track: Option<Track>,
    /// The branch that is followed, in place of the upstream of the current one.
    #[serde(deserialize_with = "branch")]
    pub branch: Option<String>,
    /// How far a tag may be from the version that runs.
    pub allow: Allow,
    /// A commit, tag or image younger than this waits.
    #[serde(deserialize_with = "duration::age")]
    pub min_age: Duration,
    /// The hours in which an unattended upgrade may begin.
    pub window: Option<Window>,
    /// So many unattended runs may fail in a row.
    pub max_failures: MaxFailures,
    /// Unattended runs that have not succeeded for so long have failed.
    pub stale_after: StaleAfter,
}

/// So many unattended runs may fail in a row; then a person is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct MaxFailures(pub std::num::NonZeroU32);

impl Default for MaxFailures {
    fn default() -> Self {
        Self(std::num::NonZeroU32::MIN.saturating_add(2))
    }
}

/// How long unattended runs may come to nothing; then it is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StaleAfter(#[serde(deserialize_with = "duration::age")] pub Duration);

impl Default for StaleAfter {
    fn default() -> Self {
        Self(duration::days(7))
    }
}

/// What an upgrade follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// The newest commit of a branch.
    Branch,
    /// The newest tag that is a semantic version.
    Tags,
}

/// The largest step between two versions that is taken; a larger one includes the smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allow {
    /// 1.2.3 to 1.2.4.
    Patch,
    /// 1.2.3 to 1.3.0.
    #[default]
    Minor,
    /// 1.2.3 to 2.0.0.
    Major,
}

/// Commands of the person's own around an upgrade.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    /// Before anything is touched, such as a backup.
    pub before_upgrade: Option<Hook>,
    /// After an upgrade that was proven.
    pub after_success: Option<Hook>,
    /// After one that was given up or given back.
    pub after_failure: Option<Hook>,
}

/// Which hook; the names are those of `refit.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the keys of refit.yaml")]
pub(crate) enum HookName {
    BeforeUpgrade,
    AfterSuccess,
    AfterFailure,
}

impl HookName {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::BeforeUpgrade, Self::AfterSuccess, Self::AfterFailure];

    /// The key in `refit.yaml`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::BeforeUpgrade => "before_upgrade",
            Self::AfterSuccess => "after_success",
            Self::AfterFailure => "after_failure",
        }
    }
}

impl Hooks {
    /// One of them.
    pub(crate) fn get(&self, name: HookName) -> Option<&Hook> {
        match name {
            HookName::BeforeUpgrade => self.before_upgrade.as_ref(),
            HookName::AfterSuccess => self.after_success.as_ref(),
            HookName::AfterFailure => self.after_failure.as_ref(),
        }
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, name: HookName) -> &mut Option<Hook> {
        match name {
            HookName::BeforeUpgrade => &mut self.before_upgrade,
            HookName::AfterSuccess => &mut self.after_success,
            HookName::AfterFailure => &mut self.after_failure,
        }
    }
}

/// A command line for `sh -c`, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The command line.
    pub run: String,
    /// It is killed after this.
    pub timeout: Duration,
}

impl<'de> Deserialize<'de> for Hook {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct HookFields {
            run: String,
            timeout: Option<String>,
        }
        let forms = "a command line, or {run: COMMAND, timeout: 30s}";
        let (run, timeout) = match text_or_fields::read(from, forms)? {
            TextOrFields::Text(run) => (run, None),
            TextOrFields::Fields(HookFields { run, timeout }) => (run, timeout),
        };
        if run.trim().is_empty() {
            return Err(de::Error::custom(
                "a hook is a command line; this one is empty",
            ));
        }
        let timeout = timeout.map_or(Ok(HOOK_TIMEOUT), |text| parse_duration(&text));
        let timeout = timeout.map_err(de::Error::custom)?;
        if timeout.is_zero() {
            return Err(de::Error::custom("a hook needs more time than none"));
        }
        Ok(Self { run, timeout })
    }
}

fn branch<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let name = String::deserialize(from)?;
    // git itself would take the second for an option.
    if name.is_empty() || name.starts_with('-') {
        return Err(de::Error::custom(format!("{name:?} is not a branch name")));
    }
    Ok(Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn read(text: &str) -> Result<Settings, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn all_that_can_be_told_of_an_upgrade() {
        let text = "upgrade: {track: tags, allow: major, min_age: 3d, branch: stable, \
                    window: '22:00-05:00', max_failures: 5, stale_after: 2d}\n";
        let upgrade = read(text).unwrap().upgrade;
        assert_eq!(upgrade.track, Some(Track::Tags));
        assert_eq!(upgrade.allow, Allow::Major);
        assert_eq!(upgrade.min_age, Duration::from_secs(3 * 86_400));
        assert_eq!(upgrade.branch.as_deref(), Some("stable"));
        assert_eq!(upgrade.window.unwrap().to_string(), "22:00-05:00");
        assert_eq!(upgrade.max_failures.0.get(), 5);
        assert_eq!(upgrade.stale_after.0, Duration::from_secs(2 * 86_400));
        let nothing = read("upgrade: {}\n").unwrap().upgrade;
        assert_eq!(nothing, UpgradeSettings::default());
        assert_eq!(
            (nothing.allow, nothing.min_age),
            (Allow::Minor, Duration::ZERO)
        );
        assert!(Allow::Patch < Allow::Minor && Allow::Minor < Allow::Major);
    }

    #[test]
    fn both_forms_of_a_hook() {
        let text = "hooks:\n  before_upgrade: ./backup.sh --all\n  after_failure: {run: 'mail x', timeout: 30s}\n  after_success: {run: 'true'}\n";
        let hooks = read(text).unwrap().hooks;
        let of = |hook: &Option<Hook>| hook.clone().map(|hook| (hook.run, hook.timeout.as_secs()));
        assert_eq!(
            of(&hooks.before_upgrade),
            Some(("./backup.sh --all".into(), 600))
        );
        assert_eq!(of(&hooks.after_failure), Some(("mail x".into(), 30)));
        assert_eq!(of(&hooks.after_success), Some(("true".into(), 600)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = read("upgrade:\n  track: tags\n  alow: major\n").unwrap_err();
        assert!(
            error.contains("alow") && error.contains("line 3"),
            "{error}"
        );
        let error = read("upgrade:\n  track: tag\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        for text in [
            "upgrade: {allow: all}",
            "upgrade: {min_age: 3}",
            "upgrade: {branch: --x}",
            "upgrade: {window: 2-5}",
            "upgrade: {max_failures: 0}",
            "upgrade: {branch: ''}",
            "hooks: {before: x}",
            "hooks: {before_upgrade: ''}",
            "hooks: {before_upgrade: {run: x, timeout: 0s}}",
            "hooks: {before_upgrade: {run: x, time: 1m}}",
            "hooks: {before_upgrade: {timeout: 1m}}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

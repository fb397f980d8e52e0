//! Unattended upgrades: timers are made, found, judged and taken out here, and what they call is run. When
//! a timer is due, what it is told, its units and its lines, and what an unattended run may do know no I/O
//! and no clock; the programs that keep time are `host::systemd` and `host::cron`.

pub(crate) mod calendar;
pub(crate) mod command;
pub(crate) mod crontab;
mod definition;
pub(crate) mod fields;
pub(crate) mod health;
pub(crate) mod install;
pub(crate) mod job;
mod login_programs;
mod logins_of_timer;
pub(crate) mod policy;
pub(crate) mod record;
pub(crate) mod stack;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod timer;
pub(crate) mod unattended;
pub(crate) mod unit;

use std::path::PathBuf;
use std::time::Duration;

use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};

use crate::host::accounts::Account;
use calendar::When;

/// What is done by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TimerAction {
    /// Bring the stack to its newest version
    Upgrade,
    /// Say what is new, and change nothing
    Check,
}

impl TimerAction {
    /// The word on a command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Check => "check",
        }
    }
}

/// Who keeps the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    /// A timer of the system
    Systemd,
    /// A timer of this user
    User,
    /// The crontab of the user
    Cron,
    /// A file in /etc/cron.d
    CronD,
}

impl Via {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::User => "systemd of this user",
            Self::Cron => "the crontab",
            Self::CronD => "/etc/cron.d",
        }
    }
}

/// What is to be run, when, and as whom: all that a timer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Names its unit, file or lines: the project, and what makes two stacks of one name differ.
    pub id: String,
    /// The stack, for people.
    pub title: String,
    /// As whom.
    pub account: Account,
    /// The stack's folder.
    pub directory: PathBuf,
    /// refit's own program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// When.
    pub when: When,
    /// By how much it may be later, so that not all machines ask at the same moment.
    pub delay: Duration,
    /// Folders that it writes to.
    pub writes: Vec<PathBuf>,
    /// It sends mail: the `sendmail` of many machines needs more rights than its caller has.
    pub mails: bool,
}

/// A name for units and files: letters, digits and hyphens alone, since cron reads no file in
/// `/etc/cron.d` with a dot in its name.
pub(crate) fn id(project: &str, state_name: &str) -> String {
    let plain: String = project
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let hash = state_name.rsplit('-').next().unwrap_or_default();
    format!("{plain}-{hash}")
}

/// A moment to the minute.
pub(crate) fn shown(at: &ZonedDateTime) -> String {
    at.strftime("%F %H:%M").to_string()
}

/// The present moment, in this machine's zone.
fn now() -> ZonedDateTime {
    Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::system())
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_stacks_of_one_name_have_two_ids() {
        let one = super::id("my.chat", "chat-0123456789ab");
        assert_eq!(one, "my-chat-0123456789ab");
        assert_ne!(one, super::id("my.chat", "chat-ba9876543210"));
    }
}

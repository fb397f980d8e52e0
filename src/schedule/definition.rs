//! What an installed timer says: its command, its account and its time, read back from where it is kept.

use std::fs;

use super::stack::ScheduledStack;
use super::timer::{self, InstalledTimer};
use super::{Via, unit};
use crate::host::cron;
use crate::schedule::crontab;

/// A timer as it is kept.
pub(super) struct TimerDefinition {
    /// Its command, for the shell.
    pub(super) line: Option<String>,
    /// The account that it names.
    pub(super) user: Option<String>,
    /// A crontab's five fields.
    pub(super) fields: Option<String>,
    /// The text of a systemd service.
    pub(super) service: Option<String>,
}

impl TimerDefinition {
    pub(super) async fn read(one: &InstalledTimer, stack: &ScheduledStack) -> anyhow::Result<Self> {
        let (id, account) = (&stack.id, &stack.account);
        let of_cron = |text: &str, with_user: bool| Self {
            line: crontab::command(text, id, with_user),
            user: crontab::user(text, id)
                .filter(|_| with_user)
                .map(str::to_owned),
            fields: crontab::fields(text, id),
            service: None,
        };
        Ok(match one.via {
            Via::Cron => {
                let text = cron::crontab(timer::of(account)).await?;
                of_cron(&String::from_utf8_lossy(&text), false)
            }
            Via::CronD => of_cron(&fs::read_to_string(&one.file)?, true),
            Via::Systemd | Via::User => {
                let [service, _] = timer::unit_files(one.via, id, account);
                let service = fs::read_to_string(service)?;
                Self {
                    line: unit::command(&service),
                    user: unit::user(&service).map(str::to_owned),
                    fields: None,
                    service: Some(service),
                }
            }
        })
    }
}

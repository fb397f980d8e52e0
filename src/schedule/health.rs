//! An installed timer as it is: when it fires, what it runs, and why this machine would not run it.

use std::ffi::OsStr;
use std::fmt;

use jiff::Timestamp;
use jiff::ZonedDateTime;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::command::TimerCommand;
use super::definition::TimerDefinition;
use super::fields::Fields;
use super::logins_of_timer::LoginsOfTimer;
use super::policy::{self, Pass};
use super::record::UnattendedRecord;
use super::stack::ScheduledStack;
use super::timer::InstalledTimer;
use super::{Via, unit};
use crate::host::accounts::Account;
use crate::host::{accounts, cron, programs, systemd};
use crate::settings::Receiver;
use crate::state::document::StateError;

/// What a timer says of itself.
#[derive(Debug, Default)]
pub(crate) struct TimerHealth {
    /// When it fires next.
    pub next: Option<Moment>,
    /// When it fired last, as far as systemd knows.
    pub last: Option<Moment>,
    /// Why this machine would not run it.
    pub problems: Vec<String>,
}

/// When a timer fires, as far as it can be known.
#[derive(Debug)]
pub(crate) enum Moment {
    /// A point in time.
    At(ZonedDateTime),
    /// As the program that keeps time says it.
    Said(String),
}

impl Moment {
    /// As systemd prints it: `Wed 2026-11-25 02:00:00 UTC`, in this machine's zone.
    fn of_systemd(text: &str) -> Self {
        let said = || Self::Said(text.to_owned());
        let mut words = text.split(' ').skip(1);
        let (Some(date), Some(time)) = (words.next(), words.next()) else {
            return said();
        };
        let civil = format!("{date}T{time}").parse::<DateTime>();
        let at = civil.and_then(|civil| civil.to_zoned_datetime(TimeZone::system()));
        at.map_or_else(|_| said(), Self::At)
    }

    /// For JSON.
    pub(crate) fn row(&self) -> String {
        match self {
            Self::At(at) => at.timestamp().to_string(),
            Self::Said(text) => text.clone(),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => f.write_str(&super::shown(at)),
            Self::Said(text) => f.write_str(text),
        }
    }
}

/// Whether this machine will run it, and when.
pub(crate) async fn of(one: &InstalledTimer, stack: &ScheduledStack) -> TimerHealth {
    let mut health = match one.via {
        Via::Systemd | Via::User => of_systemd(one.via, &stack.id, &stack.account).await,
        Via::Cron | Via::CronD => of_cron(),
    };
    match TimerDefinition::read(one, stack).await {
        Err(error) => health.problems.push(format!("{error:#}")),
        Ok(kept) => {
            if let Some(fields) = &kept.fields {
                let next = Fields::read(fields).and_then(|fields| fields.next(&super::now()));
                let unknown = || Moment::Said(format!("as cron reads {fields}"));
                health.next = Some(next.map_or_else(unknown, Moment::At));
            }
            let command = kept.line.as_deref().and_then(TimerCommand::read);
            match command {
                None => health
                    .problems
                    .push("it was changed since refit wrote it: refit schedule install".to_owned()),
                Some(command) => {
                    health.problems.extend(what_is_gone(&command, stack));
                    let logins = LoginsOfTimer::of(&command, stack).await;
                    health.problems.extend(logins.problems());
                    health.problems.extend(who_is_not_told(&command, stack));
                }
            }
            if let Some(user) = &kept.user
                && !accounts::has_account(user).await
            {
                health.problems.push(format!(
                    "it runs as {user}, an account that does not exist any more"
                ));
            }
            if kept.service.is_some_and(|text| unit::forbids_mail(&text)) && stack.mails {
                health.problems.push(
                    "refit.yaml names a receiver of mail, and this service may not call sendmail: \
                     refit schedule install"
                        .to_owned(),
                );
            }
        }
    }
    health.problems.extend(what_is_refused(stack));
    health
}

/// Whom it could not tell how a run ends: a timer has no other environment than that of its command.
fn who_is_not_told(command: &TimerCommand, stack: &ScheduledStack) -> Vec<String> {
    let Ok(settings) = &stack.settings else {
        return Vec::new();
    };
    let variable = |name: &str| {
        let own = command.variable(name).map(str::to_owned);
        let mut of_file = stack.env.iter().rev();
        own.or_else(|| Some(of_file.find(|(key, _)| key == name)?.1.clone()))
    };
    let wrong = |one: &Receiver| {
        let known = one
            .target
            .try_map(|text| text.value(&stack.directory, &variable));
        let error = known.err()?;
        Some(format!("{} could not be notified: {error}", one.name))
    };
    settings.notify.iter().filter_map(wrong).collect()
}

/// Why each run of this stack ends at once.
fn what_is_refused(stack: &ScheduledStack) -> Vec<String> {
    let settings = match &stack.settings {
        Ok(settings) => settings,
        Err(complaint) => {
            let first = complaint.details.first();
            let detail = first.map(|line| format!(": {line}")).unwrap_or_default();
            return vec![format!("{}{detail}", complaint.text)];
        }
    };
    let state = stack.state_of_timer();
    let read = || -> Result<_, StateError> {
        let entries = UnattendedRecord::of(&state).read()?;
        Ok((entries, super::unattended::repaired(&state)?))
    };
    let (entries, repaired) = match read() {
        Ok(read) => read,
        Err(error) => return vec![error.to_string()],
    };
    let failures = policy::failures(&entries, repaired);
    let given_up = failures >= settings.upgrade.max_failures.0.get();
    let pass = Pass::MaxFailures(failures);
    let given_up = given_up.then(|| format!("{}: refit schedule run --retry", pass.text()));
    let limit = settings.upgrade.stale_after.0;
    let stale = policy::stale(&entries, repaired, Timestamp::now(), limit);
    let zone = TimeZone::system();
    let stale = stale.map(|since| policy::stale_text(&since.to_zoned_datetime(zone)));
    given_up.into_iter().chain(stale).collect()
}

/// What the command needs and this machine no longer has.
fn what_is_gone(command: &TimerCommand, stack: &ScheduledStack) -> Vec<String> {
    let mut gone = Vec::new();
    if !programs::is_program(&command.program) {
        let program = command.program.display();
        gone.push(format!(
            "{program} is not there any more: refit schedule install names the present one"
        ));
    }
    if let Some(folder) = command.directory().filter(|folder| !folder.is_dir()) {
        gone.push(format!("the folder {} is not there", folder.display()));
    }
    let path = command.variable("PATH").unwrap_or_default();
    let has_git = stack
        .directory
        .ancestors()
        .any(|folder| folder.join(".git").exists());
    for name in ["docker", "git"] {
        let needed = name != "git" || has_git;
        if needed && programs::program_in(OsStr::new(path), name).is_none() {
            gone.push(format!("no {name} is in the timer's PATH, {path}"));
        }
    }
    gone
}

async fn of_systemd(via: Via, id: &str, account: &Account) -> TimerHealth {
    let mut health = TimerHealth::default();
    if !systemd::systemd_runs() {
        health
            .problems
            .push("systemd does not run on this machine".to_owned());
        return health;
    }
    let timer = format!("refit-{id}.timer");
    let wanted = "--property=ActiveState,UnitFileState,NextElapseUSecRealtime,LastTriggerUSec";
    match systemd::systemctl(via == Via::User, &["show", wanted, &timer]).await {
        Err(error) => health.problems.push(error.to_string()),
        Ok(text) => {
            let of = |key: &str| {
                let mut pairs = text.lines().filter_map(|line| line.split_once('='));
                let found = pairs.find(|(name, _)| *name == key);
                found
                    .map(|(_, value)| value.to_owned())
                    .filter(|value| !value.is_empty())
            };
            let moment = |key| of(key).map(|text| Moment::of_systemd(&text));
            health.next = moment("NextElapseUSecRealtime");
            health.last = moment("LastTriggerUSec");
            if of("ActiveState").as_deref() != Some("active") {
                health
                    .problems
                    .push(format!("the timer is not active: systemctl start {timer}"));
            }
            if of("UnitFileState").as_deref() != Some("enabled") {
                health.problems.push(format!(
                    "the timer does not begin with the machine: systemctl enable {timer}"
                ));
            }
        }
    }
    if via == Via::User && !systemd::lingers(&account.name) {
        health.problems.push(format!(
            "nothing runs while {0} is not logged in: loginctl enable-linger {0}",
            account.name
        ));
    }
    health
}

fn of_cron() -> TimerHealth {
    let mut health = TimerHealth::default();
    if !cron::cron_runs() {
        health
            .problems
            .push("no cron daemon runs on this machine: service cron start".to_owned());
    }
    health
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_systemd_is_a_point_in_time() {
        let at = Moment::of_systemd("Wed 2026-11-25 02:00:00 UTC");
        assert_eq!(at.to_string(), "2026-11-25 02:00");
        assert!(at.row().parse::<jiff::Timestamp>().is_ok(), "{at:?}");
        assert_eq!(Moment::of_systemd("n/a").row(), "n/a");
    }
}

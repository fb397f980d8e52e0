//! What a timer can log in to, beside what the person who asks can.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::command::TimerCommand;
use super::login_programs::LoginProgram;
use super::stack::ScheduledStack;
use crate::docker::credentials::Logins;
use crate::docker::endpoint::docker_config;

/// What a timer can log in to.
pub(super) struct LoginsOfTimer {
    /// Its `PATH`.
    path: String,
    programs: Vec<LoginProgram>,
    logins: Logins,
    /// Those of the person who asks, where the timer reads another file.
    others: Option<Logins>,
}

impl LoginsOfTimer {
    /// Of a timer's command.
    pub(super) async fn of(command: &TimerCommand, stack: &ScheduledStack) -> Self {
        let config = match (command.variable("DOCKER_CONFIG"), command.variable("HOME")) {
            (Some(folder), _) => PathBuf::from(folder),
            (None, Some(home)) => PathBuf::from(home).join(".docker"),
            (None, None) => stack.account.home.join(".docker"),
        };
        let here = docker_config().filter(|here| stack.is_own() && *here != config);
        Self {
            path: command.variable("PATH").unwrap_or_default().to_owned(),
            programs: stack.login_programs(Some(&config)).await,
            logins: Logins::read(&config),
            others: here.map(|here| Logins::read(&here)),
        }
    }

    /// What keeps it from a login, in sentences.
    pub(super) fn problems(&self) -> Vec<String> {
        let missing = self.programs.iter();
        let missing = missing.filter_map(|one| one.missing_in(&self.path));
        self.logins
            .damage()
            .into_iter()
            .chain(missing)
            .chain(self.elsewhere())
            .collect()
    }

    /// Whether the person who asks has a login that it does not have.
    pub(super) fn is_less(&self) -> bool {
        self.programs.iter().any(|one| one.is_lost_in(&self.path)) || self.elsewhere().is_some()
    }

    /// Logins in a file that it does not read.
    fn elsewhere(&self) -> Option<String> {
        let others = self.others.as_ref()?;
        let known: BTreeSet<&str> = self.logins.registries().collect();
        let lost = others.registries().filter(|host| !known.contains(host));
        let lost: Vec<&str> = lost.collect::<BTreeSet<_>>().into_iter().collect();
        if lost.is_empty() || self.logins.helpers().next().is_some() {
            return None;
        }
        Some(format!(
            "the login for {} is in {}, and the timer reads {}: refit schedule install",
            lost.join(", "),
            others.file().display(),
            self.logins.file().display()
        ))
    }
}

//! How long a service may take to its verdict, and what is expected of it: from its healthcheck, its
//! restart policy, and what the person says in `refit.yaml` or on the command line. Pure.

use std::time::Duration;

use super::verdict::Expectation;
use crate::docker::container::{Healthcheck, Inspected, RestartPolicy};
use crate::settings::ServiceSettings;

/// Added to what a healthcheck may take by its own numbers: the engine's own work between checks.
const SLACK: Duration = Duration::from_secs(10);

/// The options of a run that bound the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `--settle`: the default of services that say nothing.
    pub settle: Duration,
    /// `--timeout`, when the person gave one.
    pub timeout: Option<Duration>,
    /// What holds where nobody says anything and no healthcheck does.
    pub default_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(5),
            timeout: None,
            default_timeout: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// Those of the way back. How long the person waits for a change says nothing of the time that
    /// the old state takes; and a long look at the change need not be repeated on what is known.
    #[must_use]
    pub fn of_rollback(self) -> Self {
        let default = Self::default();
        Self {
            settle: self.settle.min(default.settle),
            ..default
        }
    }
}

/// What a service did before the run, as far as it bears on what is expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Past {
    /// It ran.
    pub was_up: bool,
    /// It is known to end when its work is done.
    pub one_shot: bool,
}

/// The longest time that a healthcheck may take to its result by its own numbers.
pub(crate) fn of_healthcheck(check: Healthcheck) -> Duration {
    check.start_period + (check.interval + check.timeout) * check.retries + SLACK
}

/// What is expected of a container.
pub(crate) fn expectation(
    inspected: &Inspected,
    settings: &ServiceSettings,
    past: Past,
    limits: Limits,
) -> Expectation {
    let derived = inspected.healthcheck.map(of_healthcheck);
    let limit = settings
        .timeout
        .or(limits.timeout)
        .unwrap_or_else(|| derived.unwrap_or(limits.default_timeout));
    let settle = settings.settle.unwrap_or(limits.settle);
    Expectation {
        healthcheck: inspected.healthcheck,
        probe: settings.probe.is_some(),
        // A service that had no container, or had ended, may be a one-shot that nobody declared.
        may_complete: past.one_shot || !past.was_up,
        must_complete: past.one_shot,
        policy: inspected.policy,
        // Whoever gives less time than it takes to settle wants to know of that time.
        settle: settle.min(limit),
        reloaded: false,
        limit,
    }
}

/// The same after a reload, which no start and no new result of the healthcheck tells: at least one
/// check must have been made since.
pub(crate) fn after_reload(expectation: Expectation) -> Expectation {
    let check = expectation.healthcheck;
    let one_check = check.map_or(Duration::ZERO, |check| check.interval + check.timeout);
    Expectation {
        settle: expectation.settle.max(one_check),
        reloaded: true,
        ..expectation
    }
}

/// Before the first container of a service is seen: it must at least start.
pub(crate) fn before_start(settings: &ServiceSettings, past: Past, limits: Limits) -> Expectation {
    Expectation {
        healthcheck: None,
        probe: settings.probe.is_some(),
        may_complete: past.one_shot || !past.was_up,
        must_complete: past.one_shot,
        policy: RestartPolicy::No,
        settle: settings.settle.unwrap_or(limits.settle),
        reloaded: false,
        limit: settings
            .timeout
            .or(limits.timeout)
            .unwrap_or(limits.default_timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_to_settle_for_longer_than_there_is_time() {
        let s = Duration::from_secs;
        let expected = |settings: ServiceSettings, timeout| {
            let limits = Limits {
                timeout,
                ..Limits::default()
            };
            let expect = expectation(&Inspected::default(), &settings, Past::default(), limits);
            (expect.settle, expect.limit)
        };
        let silent = ServiceSettings::default;
        assert_eq!(expected(silent(), None), (s(5), s(300)));
        assert_eq!(expected(silent(), Some(s(3))), (s(3), s(3)));
        let slow = ServiceSettings {
            settle: Some(s(10)),
            ..silent()
        };
        assert_eq!(expected(slow, Some(s(3))), (s(3), s(3)));
    }

    #[test]
    fn the_limit_is_the_healthchecks_own() {
        let s = Duration::from_secs;
        let check = Healthcheck {
            interval: s(30),
            timeout: s(10),
            retries: 3,
            start_period: s(60),
        };
        assert_eq!(of_healthcheck(check), s(60 + 3 * 40 + 10));
    }
}

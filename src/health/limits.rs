//! How long a service may take to its verdict, and what is expected of it: from its healthcheck, its
//! restart policy, and what the person says in `refit.yaml` or on the command line. Pure.

use std::time::Duration;

use super::ports::PortsWanted;
use super::verdict::{CRASHES, Expectation};
use crate::docker::container::{Healthcheck, Inspected, RestartPolicy};
use crate::settings::ServiceSettings;

/// Added to what a healthcheck may take by its own numbers: the engine's own work between checks.
const SLACK: Duration = Duration::from_secs(10);

/// A start is given at least so long where no healthcheck says how long it takes: what is quick on most
/// days may have to migrate its data today.
const LEAST: Duration = Duration::from_secs(120);
/// The first start of another version is.
const LEAST_OF_NEW: Duration = Duration::from_secs(600);

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
    /// The longest that it took to be well in its last runs.
    pub took: Option<Duration>,
    /// It is another version: what it took says nothing of the data that it may have to migrate.
    pub is_new: bool,
    /// The engine called it unhealthy, and it answered all the same.
    pub is_called_unhealthy: bool,
    /// So often the engine had started it again since it was started by hand.
    pub restarts: usize,
    /// Each time after it had ended with 0.
    pub starts_over: bool,
    /// It ran from one crash to the next, so long at most.
    pub crashes_after: Option<Duration>,
}

impl Past {
    /// So many ends are borne of it, where nobody says otherwise.
    fn crashes(self) -> usize {
        CRASHES.max(self.restarts.min(MOST_CRASHES))
    }
}

/// The engine waits longer before each of its restarts: so many take about 25 seconds.
const MOST_CRASHES: usize = 8;

/// The longest time that a healthcheck may take to its result by its own numbers.
pub(crate) fn of_healthcheck(check: Healthcheck) -> Duration {
    check.start_period + (check.interval + check.timeout) * check.retries + SLACK
}

/// By its own numbers a start takes no time, as where nobody thought of it.
fn says_nothing_of_starts(check: Option<Healthcheck>) -> bool {
    check.is_some_and(|check| check.start_period.is_zero())
}

/// What is expected of a container.
pub(crate) fn expectation(
    inspected: &Inspected,
    settings: &ServiceSettings,
    past: Past,
    limits: Limits,
) -> Expectation {
    let (limit, ports_limit) = limits_of(inspected.healthcheck, settings, past, limits);
    let settle = settings.settle.unwrap_or(limits.settle);
    // A loop that is slower than the settle window is seen only by who waits for its next turn.
    let crashes_after = past.crashes_after.filter(|longest| *longest >= settle);
    let settle = settle.max(crashes_after.map_or(Duration::ZERO, |longest| longest * 3 / 2));
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
        ports: PortsWanted::default(),
        replies: false,
        ports_limit,
        crashes: settings.crashes.unwrap_or(past.crashes()),
        unhealthy_before: past.is_called_unhealthy,
        starts_unhealthy: past.is_new || says_nothing_of_starts(inspected.healthcheck),
        memory_limit: inspected.memory_limit,
        restarts_by_design: past.restarts > 0,
        starts_over: past.starts_over,
        crashes_after,
        waits_until: Duration::ZERO,
    }
}

/// Until healthcheck and probe are well, and until its ports answer: what a person says counts above all,
/// then the healthcheck's own numbers, and at least three times what it took in its last runs.
fn limits_of(
    check: Option<Healthcheck>,
    settings: &ServiceSettings,
    past: Past,
    limits: Limits,
) -> (Duration, Duration) {
    if let Some(told) = settings.timeout.or(limits.timeout) {
        return (told, told);
    }
    let least = if past.is_new { LEAST_OF_NEW } else { LEAST };
    let learnt = past.took.map(|took| (took * 3).max(least));
    let own = check.map(of_healthcheck);
    let unknown = match past.is_new {
        true => learnt.unwrap_or_default().max(least),
        false => learnt.unwrap_or(limits.default_timeout),
    };
    let limit = own.map_or(unknown, |own| own.max(learnt.unwrap_or_default()));
    (limit, limit.max(unknown))
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
        limit: limits_of(None, settings, past, limits).0,
        ports: PortsWanted::default(),
        replies: false,
        ports_limit: Duration::ZERO,
        crashes: settings.crashes.unwrap_or(past.crashes()),
        unhealthy_before: past.is_called_unhealthy,
        starts_unhealthy: false,
        memory_limit: None,
        restarts_by_design: past.restarts > 0,
        starts_over: past.starts_over,
        crashes_after: None,
        waits_until: Duration::ZERO,
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
    fn a_start_is_cut_off_by_a_healthcheck_only_that_gives_it_time() {
        let s = Duration::from_secs;
        let bears = |start_period, is_new| {
            let inspected = Inspected {
                healthcheck: Some(Healthcheck {
                    interval: s(30),
                    timeout: s(30),
                    retries: 3,
                    start_period,
                }),
                ..Inspected::default()
            };
            let past = Past {
                is_new,
                ..Past::default()
            };
            let settings = ServiceSettings::default();
            expectation(&inspected, &settings, past, Limits::default()).starts_unhealthy
        };
        assert!(bears(s(0), false));
        assert!(!bears(s(60), false));
        // What another version does to its data has no usual time.
        assert!(bears(s(60), true));
    }

    #[test]
    fn a_loop_that_is_slower_than_the_settle_window_is_waited_for() {
        let s = Duration::from_secs;
        let expected = |longest| {
            let past = Past {
                crashes_after: Some(s(longest)),
                ..Past::default()
            };
            let settings = ServiceSettings::default();
            let limits = Limits::default();
            let expect = expectation(&Inspected::default(), &settings, past, limits);
            (expect.settle, expect.crashes_after)
        };
        assert_eq!(expected(24), (s(36), Some(s(24))));
        assert_eq!(expected(2), (s(5), None));
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
        let limit = |check, timeout, took| {
            let settings = ServiceSettings {
                timeout,
                ..ServiceSettings::default()
            };
            let past = Past {
                took,
                ..Past::default()
            };
            limits_of(check, &settings, past, Limits::default())
        };
        assert_eq!(limit(Some(check), None, None), (s(190), s(300)));
        assert_eq!(limit(Some(check), None, Some(s(100))), (s(300), s(300)));
        assert_eq!(limit(None, None, Some(s(2))), (s(120), s(120)));
        assert_eq!(limit(None, None, Some(s(90))), (s(270), s(270)));
        assert_eq!(limit(Some(check), Some(s(5)), Some(s(90))), (s(5), s(5)));
    }
}

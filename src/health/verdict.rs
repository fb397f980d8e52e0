//! The verdict on one container: a pure function of what was seen and the time that has passed. No
//! I/O, no clock. Times are durations since the watch began.

use std::time::Duration;

use crate::docker::container::{Health, Healthcheck, RestartPolicy};
use crate::event::VerdictWord;

/// What is expected of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Its healthcheck, if it has one.
    pub healthcheck: Option<Healthcheck>,
    /// A probe from the host must succeed as well.
    pub probe: bool,
    /// An end with 0 is what is wanted, or as good as running.
    pub may_complete: bool,
    /// It is meant to end: running on is not enough.
    pub must_complete: bool,
    /// Whether the engine starts it again.
    pub policy: RestartPolicy,
    /// How long it must run without a healthcheck.
    pub settle: Duration,
    /// It was told to reload, and went on: what its healthcheck said before counts only when it
    /// still says so after the settle window.
    pub reloaded: bool,
    /// Time from its start to the verdict.
    pub limit: Duration,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LifeEvent {
    /// The process was started.
    Started,
    /// The process ended.
    Died {
        /// Its exit code.
        exit_code: i64,
        /// The kernel killed it for want of memory.
        oom: bool,
    },
    /// The healthcheck came to a result.
    Health {
        /// Which.
        health: Health,
        /// Output of the check that failed.
        output: Option<String>,
    },
    /// The probe was answered.
    Probe {
        /// As wanted.
        ok: bool,
        /// What came instead.
        answer: String,
    },
}

/// When something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Since the watch began.
    pub at: Duration,
    /// What.
    pub seen: LifeEvent,
}

/// The judgement so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Not yet; should nothing else be seen, ask again at this time.
    Pending {
        /// Since the watch began.
        ask_again: Duration,
    },
    /// It stands.
    Final(Verdict),
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// In a word.
    pub word: VerdictWord,
    /// Why, where it is not good.
    pub reason: Option<String>,
    /// The moment that decided it, since the watch began.
    pub at: Duration,
}

/// So many ends of a container that starts again by itself are a crash loop.
const CRASH_LOOP: usize = 3;

/// A probe must succeed so often in a row: one lucky sample is no verdict.
const PROBES_WANTED: usize = 2;

/// What the observations add up to.
#[derive(Default)]
struct LifeSummary {
    first_start: Option<Duration>,
    running_since: Option<Duration>,
    deaths: Vec<(Duration, i64)>,
    oom_at: Option<Duration>,
    health: Option<(Duration, Health, Option<String>)>,
    probes_ok: usize,
    probe_at: Duration,
    last_probe: Option<String>,
}

impl LifeSummary {
    fn of(history: &[Observation]) -> Self {
        let mut life = Self::default();
        for Observation { at, seen } in history {
            match seen {
                LifeEvent::Started => {
                    life.first_start.get_or_insert(*at);
                    life.running_since = Some(*at);
                    life.health = None;
                    life.probes_ok = 0;
                }
                LifeEvent::Died { exit_code, oom } => {
                    life.running_since = None;
                    life.deaths.push((*at, *exit_code));
                    life.probes_ok = 0;
                    if *oom {
                        life.oom_at = Some(*at);
                    }
                }
                LifeEvent::Health { health, output } => {
                    life.health = Some((*at, *health, output.clone()));
                }
                LifeEvent::Probe { ok, answer } => {
                    life.probes_ok = if *ok { life.probes_ok + 1 } else { 0 };
                    life.probe_at = *at;
                    life.last_probe = (!*ok).then(|| answer.clone());
                }
            }
        }
        life
    }
}

/// Judges a container. `now` is the time since the watch began; observations are in order.
pub(crate) fn judge(expect: &Expectation, history: &[Observation], now: Duration) -> Judgement {
    let life = LifeSummary::of(history);
    let deadline = life.first_start.unwrap_or_default() + expect.limit;
    let decided = match life.running_since {
        Some(since) => alive(expect, &life, since, now),
        None => dead(expect, &life, now),
    };
    match decided {
        Judgement::Pending { .. } if now >= deadline => {
            failed(deadline, out_of_time(expect, &life))
        }
        Judgement::Pending { ask_again } => Judgement::Pending {
            ask_again: ask_again.min(deadline),
        },
        Judgement::Final(_) => decided,
    }
}

fn good(word: VerdictWord, at: Duration) -> Judgement {
    Judgement::Final(Verdict {
        word,
        reason: None,
        at,
    })
}

fn failed(at: Duration, reason: String) -> Judgement {
    Judgement::Final(Verdict {
        word: VerdictWord::Failed,
        reason: Some(reason),
        at,
    })
}

fn pending(ask_again: Duration) -> Judgement {
    Judgement::Pending { ask_again }
}

fn alive(expect: &Expectation, life: &LifeSummary, since: Duration, now: Duration) -> Judgement {
    if let Some((at, Health::Unhealthy, output)) = &life.health {
        return failed(*at, unhealthy(output.as_deref()));
    }
    if expect.must_complete {
        return pending(Duration::MAX);
    }
    // After an end of the process, a good sign counts only when it lasts.
    let settled_at = since + expect.settle;
    let undisturbed = life.deaths.is_empty() && !expect.reloaded;
    let steady = undisturbed || now >= settled_at;
    let healthy_at = match (&life.health, expect.healthcheck) {
        (_, None) => Some(since),
        (Some((at, Health::Healthy, _)), Some(_)) => Some(*at),
        _ => None,
    };
    let probed_at = if expect.probe {
        (life.probes_ok >= PROBES_WANTED).then_some(life.probe_at)
    } else {
        Some(since)
    };
    let (Some(healthy_at), Some(probed_at)) = (healthy_at, probed_at) else {
        return pending(Duration::MAX);
    };
    let told = expect.healthcheck.is_some() || expect.probe;
    match (told, steady) {
        (true, true) if undisturbed => good(VerdictWord::Healthy, healthy_at.max(probed_at)),
        (true, true) => good(VerdictWord::Healthy, settled_at),
        (false, _) if now >= settled_at => good(VerdictWord::Settled, settled_at),
        _ => pending(settled_at),
    }
}

/// The engine tells of the kernel's kill by an event of its own; where there is much to do it comes so
/// much later than the end itself.
const OOM_LATE: Duration = Duration::from_secs(1);

fn dead(expect: &Expectation, life: &LifeSummary, now: Duration) -> Judgement {
    let Some(&(at, exit_code)) = life.deaths.last() else {
        return pending(Duration::MAX);
    };
    if let Some(at) = life.oom_at {
        return failed(at, "was OOM-killed".to_owned());
    }
    if exit_code == 137 && now < at + OOM_LATE {
        return pending(at + OOM_LATE);
    }
    let comes_back = match expect.policy {
        RestartPolicy::No => false,
        RestartPolicy::OnFailure => exit_code != 0,
        RestartPolicy::Always => true,
    };
    if exit_code == 0 && !comes_back {
        return if expect.may_complete {
            good(VerdictWord::Completed, at)
        } else {
            failed(at, "ended by itself with exit code 0".to_owned())
        };
    }
    if !comes_back {
        return failed(at, format!("exited with {exit_code}"));
    }
    if life.deaths.len() >= CRASH_LOOP {
        let span = at.saturating_sub(life.first_start.unwrap_or_default());
        let times = life.deaths.len();
        return failed(
            at,
            format!(
                "exited with {exit_code}, {times} times in {:.1} s",
                span.as_secs_f64()
            ),
        );
    }
    pending(Duration::MAX)
}

fn unhealthy(output: Option<&str>) -> String {
    match output.and_then(|text| text.lines().map(str::trim).rfind(|line| !line.is_empty())) {
        Some(line) => format!("is unhealthy: {line}"),
        None => "is unhealthy".to_owned(),
    }
}

fn out_of_time(expect: &Expectation, life: &LifeSummary) -> String {
    let limit = format!("within {:.0} s", expect.limit.as_secs_f64());
    if life.first_start.is_none() {
        return format!("did not start {limit}");
    }
    if let Some((_, exit_code)) = life.deaths.last()
        && life.running_since.is_none()
    {
        return format!("exited with {exit_code} and did not come back {limit}");
    }
    if let Some(answer) = &life.last_probe {
        return format!("probe failed {limit}: {answer}");
    }
    if expect.must_complete {
        return format!("did not end {limit}");
    }
    match expect.healthcheck {
        Some(_) => format!("did not become healthy {limit}"),
        None => format!(
            "did not run for {:.0} s {limit}",
            expect.settle.as_secs_f64()
        ),
    }
}

#[cfg(test)]
mod tests;

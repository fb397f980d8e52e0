//! What the watch has seen of one service: the lives of its containers and the time without service.
//! Data and pure transitions; the watch feeds it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::limits::{self, Limits, Past};
use super::verdict::{Expectation, Judgement, Observation, Seen, Verdict, judge};
use crate::engine::container::{Health, Inspected, State};
use crate::engine::http::Answer;
use crate::event::{Action, ServiceName, VerdictWord};
use crate::stack::settings::{Probe, ServiceSettings};

/// A service that is watched.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub service: ServiceName,
    /// What is done to it; [`Action::None`]: it is only looked at.
    pub action: Action,
    /// What it did before.
    pub past: Past,
    /// It did not work before: an old fault is not blamed on the change.
    pub was_failing: bool,
    /// Its containers before, and whether each ran.
    pub old: Vec<(String, bool)>,
    /// Containers wanted.
    pub replicas: usize,
    /// What `refit.yaml` says.
    pub settings: ServiceSettings,
}

/// The time in which no container of a service was there to answer.
#[derive(Debug, Clone, Default)]
pub struct Downtime {
    serving: BTreeSet<String>,
    since: Option<Duration>,
    total: Duration,
    observed: bool,
}

impl Downtime {
    fn up(&mut self, id: &str, at: Duration) {
        if self.serving.is_empty()
            && let Some(since) = self.since.take()
        {
            self.total += at.saturating_sub(since);
        }
        self.serving.insert(id.to_owned());
    }

    fn down(&mut self, id: &str, at: Duration) {
        if self.serving.remove(id) && self.serving.is_empty() {
            self.observed = true;
            self.since = Some(at);
        }
    }

    /// It was away already when the watch began, whatever container of it is up.
    pub fn away_from_the_start(&mut self) {
        *self = Self {
            since: Some(Duration::ZERO),
            observed: true,
            ..Self::default()
        };
    }

    /// Whether it is away now, after it was there.
    pub fn is_away(&self) -> bool {
        self.since.is_some()
    }

    /// Time without service; `None` for a service that was never seen to go down.
    pub fn total(&self, now: Duration) -> Option<Duration> {
        let open = self
            .since
            .map(|since| now.saturating_sub(since))
            .unwrap_or_default();
        self.observed.then_some(self.total + open)
    }
}

/// One container as the watch has seen it.
#[derive(Debug)]
struct Life {
    history: Vec<Observation>,
    expect: Expectation,
    oom: bool,
    stop: Stop,
}

/// A stop that somebody asked the engine for, while a container was watched: ours right after that of
/// a run that was killed, or a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    None,
    /// The signal was sent; the end that follows is no fault of the container.
    Asked,
    /// It ended so, at this time and with this code; a start should follow.
    Done {
        at: Duration,
        exit_code: i64,
    },
}

/// A restart starts what it has stopped within milliseconds; the rest is a busy machine.
const START_AFTER_STOP: Duration = Duration::from_secs(10);

impl Life {
    fn judge(&self, now: Duration) -> Judgement {
        match self.stop {
            Stop::Done { at, .. } if now < at + START_AFTER_STOP => Judgement::Pending {
                ask_again: at + START_AFTER_STOP,
            },
            Stop::Done { at, exit_code } => Judgement::Final(Verdict {
                word: VerdictWord::Failed,
                reason: Some(format!(
                    "was stopped by somebody else, and exited with {exit_code}"
                )),
                at,
            }),
            Stop::None | Stop::Asked => judge(&self.expect, &self.history, now),
        }
    }
}

/// One service as the watch has seen it.
#[derive(Debug)]
pub struct Track {
    /// What is watched.
    pub target: Target,
    /// The verdict, once it stands.
    pub verdict: Option<Verdict>,
    /// Time without service.
    pub down: Downtime,
    /// When the first event of this service came.
    pub first_event: Option<Duration>,
    lives: BTreeMap<String, Life>,
    waiting: Expectation,
    probing: bool,
}

impl Track {
    /// A track without observations.
    pub fn new(target: Target, limits: Limits) -> Self {
        let mut down = Downtime::default();
        for (id, _) in target.old.iter().filter(|(_, up)| *up) {
            down.serving.insert(id.clone());
        }
        let waiting = limits::before_start(&target.settings, target.past, limits);
        Self {
            target,
            verdict: None,
            down,
            first_event: None,
            lives: BTreeMap::new(),
            waiting,
            probing: false,
        }
    }

    /// The containers whose start was seen.
    pub fn watched(&self) -> Vec<String> {
        self.lives.keys().cloned().collect()
    }

    fn life(&mut self, id: &str) -> &mut Life {
        let expect = self.waiting;
        self.lives.entry(id.to_owned()).or_insert_with(|| Life {
            history: Vec::new(),
            expect,
            oom: false,
            stop: Stop::None,
        })
    }

    /// A container was made; it must start.
    pub fn expect_new(&mut self, id: &str) {
        self.life(id);
    }

    /// A container was started.
    pub fn started(&mut self, id: &str, at: Duration, found: Option<&Inspected>, limits: Limits) {
        let (settings, past) = (self.target.settings.clone(), self.target.past);
        let life = self.life(id);
        if let Some(inspected) = found {
            life.expect = limits::expectation(inspected, &settings, past, limits);
        }
        life.oom = false;
        life.stop = Stop::None;
        life.history.push(Observation {
            at,
            seen: Seen::Started,
        });
        if life.expect.healthcheck.is_none() && !life.expect.probe {
            self.down.up(id, at);
        }
    }

    /// A container was told to reload, and goes on: from here on it is judged anew.
    pub fn reloaded(&mut self, found: &Inspected, at: Duration, limits: Limits) {
        self.started(&found.id, at, Some(found), limits);
        let life = self.life(&found.id);
        life.expect = limits::after_reload(life.expect);
        if found.health == Health::Healthy {
            let seen = Seen::Health {
                health: Health::Healthy,
                output: None,
            };
            self.saw(&found.id, Observation { at, seen });
        }
    }

    /// A container was sent its stop signal: from here on it may not answer.
    pub fn stopping(&mut self, id: &str, at: Duration) {
        self.down.down(id, at);
        if let Some(life) = self.lives.get_mut(id) {
            life.stop = Stop::Asked;
        }
    }

    /// The kernel killed a process of the container; the end of the container may follow, or be told
    /// already.
    pub fn out_of_memory(&mut self, id: &str) {
        let Some(life) = self.lives.get_mut(id) else {
            return;
        };
        life.oom = true;
        let last = life.history.last_mut().map(|last| &mut last.seen);
        if let Some(Seen::Died {
            exit_code: 137,
            oom,
        }) = last
        {
            *oom = true;
        }
    }

    /// A container's process ended. Of containers whose start was not seen this is the end that was
    /// asked for.
    pub fn died(&mut self, id: &str, at: Duration, exit_code: i64) {
        self.down.down(id, at);
        if let Some(life) = self.lives.get_mut(id) {
            if life.stop == Stop::Asked {
                life.stop = Stop::Done { at, exit_code };
                life.history.clear();
                return;
            }
            let oom = life.oom && exit_code == 137;
            life.history.push(Observation {
                at,
                seen: Seen::Died { exit_code, oom },
            });
        }
    }

    /// Something else was seen of a container that is watched.
    pub fn saw(&mut self, id: &str, observation: Observation) {
        let Some(life) = self.lives.get_mut(id) else {
            return;
        };
        if let Seen::Health {
            health: Health::Healthy,
            ..
        } = observation.seen
        {
            self.down.up(id, observation.at);
        }
        life.history.push(observation);
    }

    /// A container is gone.
    pub fn forget(&mut self, id: &str) {
        self.lives.remove(id);
    }

    /// Adds what a look at the container shows and the events did not tell.
    pub fn read(
        &mut self,
        found: &Inspected,
        started: Duration,
        now: Duration,
        as_started: bool,
        limits: Limits,
    ) {
        let known = self.lives.contains_key(&found.id);
        let is_old = self.target.old.iter().any(|(id, _)| *id == found.id);
        // An old container that has not been started since the watch began is none of ours.
        if !known && is_old && !as_started && started.is_zero() {
            return;
        }
        let last_start = self.lives.get(&found.id).and_then(|life| {
            life.history
                .iter()
                .rfind(|o| o.seen == Seen::Started)
                .map(|o| o.at)
        });
        let runs = matches!(
            found.state,
            State::Running | State::Paused | State::Restarting
        );
        if as_started || (runs && last_start.is_none_or(|at| started > at)) {
            let at = if as_started { now } else { started };
            self.started(&found.id, at, Some(found), limits);
        }
        let life = self.life(&found.id);
        let ended = life
            .history
            .last()
            .is_some_and(|o| matches!(o.seen, Seen::Died { .. }));
        if matches!(found.state, State::Exited | State::Dead) && !ended {
            let seen = Seen::Died {
                exit_code: found.exit_code,
                oom: found.oom_killed,
            };
            life.history.push(Observation { at: now, seen });
            self.down.down(&found.id, now);
        } else if matches!(found.health, Health::Healthy | Health::Unhealthy) && runs {
            let output = found.health_output.clone();
            let seen = Seen::Health {
                health: found.health,
                output,
            };
            self.saw(&found.id, Observation { at: now, seen });
        }
    }

    /// The probe to be asked now, if one is wanted and none is under way.
    pub fn probe_wanted(&mut self) -> Option<Probe> {
        if self.probing || self.verdict.is_some() {
            return None;
        }
        let probe = self.target.settings.probe.clone()?;
        self.probing = true;
        Some(probe)
    }

    /// Takes an answer; gives the probe to be asked next.
    pub fn probed(&mut self, at: Duration, answer: &Answer) -> Option<Probe> {
        let probe = self.target.settings.probe.clone()?;
        let judged = probe.judge(answer);
        let seen = Seen::Probe {
            ok: judged.is_ok(),
            answer: judged.err().unwrap_or_default(),
        };
        let ok = matches!(seen, Seen::Probe { ok: true, .. });
        for (id, life) in &mut self.lives {
            life.history.push(Observation {
                at,
                seen: seen.clone(),
            });
            if ok {
                self.down.up(id, at);
            }
        }
        self.probing = self.verdict.is_none();
        self.probing.then_some(probe)
    }

    /// Judges the service: bad when one container is, good when all that are wanted are. `None`
    /// when the verdict stands, else when to ask again.
    pub fn judge(&mut self, now: Duration) -> Option<Duration> {
        if self.verdict.is_some() {
            return None;
        }
        let mut ask_again = Duration::MAX;
        let mut good: Option<Verdict> = None;
        let mut decided = 0;
        for life in self.lives.values() {
            match life.judge(now) {
                Judgement::Pending { ask_again: at } => ask_again = ask_again.min(at),
                Judgement::Final(verdict) if verdict.word == VerdictWord::Failed => {
                    self.verdict = Some(self.blamed(verdict));
                    return None;
                }
                Judgement::Final(verdict) => {
                    decided += 1;
                    if good.as_ref().is_none_or(|known| known.at < verdict.at) {
                        good = Some(verdict);
                    }
                }
            }
        }
        if decided == self.lives.len() && decided >= self.target.replicas.max(1) {
            self.verdict = good;
            return None;
        }
        if self.lives.len() < self.target.replicas.max(1) {
            match judge(&self.waiting, &[], now) {
                Judgement::Pending { ask_again: at } => ask_again = ask_again.min(at),
                Judgement::Final(verdict) => {
                    self.verdict = Some(self.blamed(verdict));
                    return None;
                }
            }
        }
        Some(ask_again)
    }

    /// Gives the verdict from outside: the engine refused to start the service at all.
    pub fn fail(&mut self, reason: String, at: Duration) {
        let verdict = Verdict {
            word: VerdictWord::Failed,
            reason: Some(reason),
            at,
        };
        self.verdict = Some(self.blamed(verdict));
    }

    fn blamed(&self, verdict: Verdict) -> Verdict {
        if self.target.was_failing {
            Verdict {
                word: VerdictWord::AlreadyFailing,
                ..verdict
            }
        } else {
            verdict
        }
    }
}

#[cfg(test)]
mod tests;

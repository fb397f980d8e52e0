//! One container as the watch has seen it: what its events told, and what a look at it adds. Data and
//! pure transitions.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::verdict::{
    Expectation, Judgement, KILLED, LifeEvent, Observation, Verdict, has_open_ports,
    is_killed_unexplained, judge,
};
use crate::docker::container::{Health, Inspected, State};
use crate::event::{ServedPort, VerdictWord};

/// The container's life since the watch began.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) history: Vec<Observation>,
    pub(super) expect: Expectation,
    pub(super) oom: bool,
    pub(super) halt: Halt,
    /// When its process was started, by the engine's clock: the same process has the same time.
    pub(super) started_at: Option<Timestamp>,
    /// The ports on which it listened when it was last looked at.
    open: BTreeSet<ServedPort>,
}

/// What somebody asked the engine for, while a container was watched: our own command right after that
/// of a run that was killed, or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nothing.
    None,
    /// The stop signal was sent; the end that follows is no fault of the container.
    Asked,
    /// It ended so, at this time and with this code; a start should follow.
    Stopped { at: Duration, exit_code: i64 },
    /// It is held since; it does no work, and should go on.
    Paused { at: Duration },
}

/// What a look at a container at the verdict's moment says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It is as the events told.
    Agrees,
    /// It is not; the verdict is not reached.
    Differs,
    /// It does not exist any more.
    Gone,
}

/// A restart starts what it has stopped within milliseconds, a backup pauses for a moment; the rest is
/// a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl Life {
    pub(super) fn new(expect: Expectation) -> Self {
        Self {
            history: Vec::new(),
            expect,
            oom: false,
            halt: Halt::None,
            started_at: None,
            open: BTreeSet::new(),
        }
    }

    /// The judgement on it, `now` since the watch began.
    pub(super) fn judge(&self, now: Duration) -> Judgement {
        let (at, reason) = match self.halt {
            Halt::None | Halt::Asked => return judge(&self.expect, &self.history, now),
            Halt::Stopped { at, exit_code } => (
                at,
                format!("was stopped by somebody else, and exited with {exit_code}"),
            ),
            Halt::Paused { at } => (at, "was paused by somebody else".to_owned()),
        };
        match now < at + PATIENCE {
            true => Judgement::Pending {
                ask_again: at + PATIENCE,
            },
            false => Judgement::Final(Verdict {
                word: VerdictWord::Failed,
                reason: Some(reason),
                at,
                answers: Vec::new(),
                started: None,
            }),
        }
    }

    /// Its process was started.
    pub(super) fn started(&mut self, at: Duration) {
        self.oom = false;
        self.halt = Halt::None;
        let seen = LifeEvent::Started;
        self.history.push(Observation { at, seen });
    }

    /// Its process ended.
    pub(super) fn died(&mut self, at: Duration, exit_code: i64, oom: bool) {
        if self.halt == Halt::Asked {
            self.halt = Halt::Stopped { at, exit_code };
            self.history.clear();
            return;
        }
        let seen = LifeEvent::Died { exit_code, oom };
        self.history.push(Observation { at, seen });
    }

    /// It listens on these ports now.
    pub(super) fn listens(&mut self, at: Duration, ports: BTreeSet<ServedPort>) {
        self.open.clone_from(&ports);
        let seen = LifeEvent::Listens(ports);
        self.history.push(Observation { at, seen });
    }

    /// Whether its ports are open that are to answer over HTTP as well, with what they answered since.
    pub(super) fn has_open_ports(&self) -> Option<Option<bool>> {
        has_open_ports(&self.expect, &self.history)
    }

    /// It is held.
    pub(super) fn paused(&mut self, at: Duration) {
        self.halt = Halt::Paused { at };
    }

    /// It goes on. Without a healthcheck it has to run through the settle window again; the engine
    /// does not tell again what a healthcheck had told before.
    pub(super) fn unpaused(&mut self, at: Duration) {
        if matches!(self.halt, Halt::Paused { .. }) {
            self.halt = Halt::None;
            if self.expect.healthcheck.is_none() && self.last_start().is_some() {
                let open = self.open.clone();
                self.started(at);
                self.listens(at, open);
            }
        }
    }

    /// When its process was started last.
    pub(super) fn last_start(&self) -> Option<Duration> {
        let starts = |o: &&Observation| o.seen == LifeEvent::Started;
        self.history.iter().rfind(starts).map(|o| o.at)
    }

    /// The kernel killed a process of it: the one that ended last, where the engine tells of it after the
    /// end, and else the one that runs.
    pub(super) fn out_of_memory(&mut self) {
        self.oom = true;
        let deaths = self.history.iter_mut().map(|one| &mut one.seen);
        let last = deaths.rev().find_map(|seen| match seen {
            LifeEvent::Died { exit_code, oom } => Some((*exit_code, oom)),
            LifeEvent::Started
            | LifeEvent::Health { .. }
            | LifeEvent::Probe { .. }
            | LifeEvent::Listens(_)
            | LifeEvent::Replied { .. } => None,
        });
        if let Some((KILLED, oom)) = last {
            *oom = true;
        }
    }

    /// Whether it is down by a kill, and the engine may have more to say of it.
    pub(super) fn is_killed_unexplained(&self) -> bool {
        self.halt == Halt::None && is_killed_unexplained(&self.history)
    }

    /// How it ended by itself, and not well: it is down, or came back more than once.
    pub(super) fn broken(&self) -> Option<String> {
        let deaths = self.history.iter().filter_map(|one| match one.seen {
            LifeEvent::Died { exit_code, oom } => Some((exit_code, oom)),
            LifeEvent::Started
            | LifeEvent::Health { .. }
            | LifeEvent::Probe { .. }
            | LifeEvent::Listens(_)
            | LifeEvent::Replied { .. } => None,
        });
        let deaths: Vec<(i64, bool)> = deaths.collect();
        let (code, oom) = deaths.last()?;
        let is_down = self.has_ended();
        if self.halt != Halt::None || *code == 0 || !(is_down || deaths.len() > 1) {
            return None;
        }
        let times = match deaths.len() {
            1 => String::new(),
            times => format!(", {times} times"),
        };
        Some(match oom {
            true => "was OOM-killed".to_owned(),
            false => format!("exited with {code}{times}"),
        })
    }

    /// Whether its process has ended by itself since the watch began.
    pub(super) fn has_died(&self) -> bool {
        let died = |one: &Observation| matches!(one.seen, LifeEvent::Died { .. });
        self.history.iter().any(died)
    }

    /// Whether its end was the last thing that was seen.
    pub(super) fn has_ended(&self) -> bool {
        let last = self.history.last();
        last.is_some_and(|o| matches!(o.seen, LifeEvent::Died { .. }))
    }

    /// Compares a look at the container with what was seen of it, and adds what differs. Events come
    /// late where there is much to do, and not at all from an engine that hangs.
    pub(super) fn compare(&mut self, found: &Inspected, now: Duration) -> Look {
        let same_process = self.started_at.is_none() || self.started_at == found.started_at;
        match found.state {
            State::Removing => return Look::Gone,
            State::Paused => {
                if !matches!(self.halt, Halt::Paused { .. }) {
                    self.paused(now);
                }
            }
            State::Running if !same_process => {
                self.started_at = found.started_at;
                self.started(now);
            }
            State::Running
                if found.health == Health::Unhealthy && !self.expect.unhealthy_before =>
            {
                let output = found.health_output.clone();
                let health = found.health;
                let seen = LifeEvent::Health { health, output };
                self.history.push(Observation { at: now, seen });
            }
            State::Running if !self.has_ended() => {
                self.started_at = found.started_at;
                return Look::Agrees;
            }
            State::Exited | State::Dead if self.has_ended() => return Look::Agrees,
            State::Running => self.started(now),
            State::Created | State::Restarting | State::Exited | State::Dead => {
                if !self.has_ended() {
                    self.died(now, found.exit_code, found.oom_killed);
                }
            }
        }
        Look::Differs
    }
}

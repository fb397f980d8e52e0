//! What the watch has seen of one service: the lives of its containers and the time without service.
//! Data and pure transitions; the watch feeds it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::downtime::Downtime;
use super::life::{Halt, Life, Look};
use super::limits::{self, Limits, Past};
use super::port_track::{PortQuestion, PortTrack};
use super::ports::{PortsBefore, PortsWanted, Seen};
use super::verdict::{
    Expectation, Judgement, KILLED, LifeEvent, Observation, Verdict, judge, waits_for,
};
use crate::docker::container::{Health, Inspected, State};
use crate::event::{Action, ServedPort, ServiceName, Times, VerdictWord};
use crate::host::http::{Answer, Reply};
use crate::host::sockets::Listens;
use crate::settings::{Probe, ServiceSettings};

/// How a service was off before it is touched: an old fault is not blamed on the change, a worse one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasFailing {
    /// It worked.
    No,
    /// It ran, and was not well.
    Ill,
    /// It did not run, or crashed again and again.
    Down,
}

impl WasFailing {
    /// Of a service that was failing; `ran`: all of it ran all the same.
    pub(crate) fn of(failing: bool, ran: bool) -> Self {
        match (failing, ran) {
            (false, _) => Self::No,
            (true, true) => Self::Ill,
            (true, false) => Self::Down,
        }
    }
}

/// A service that is watched.
#[derive(Debug, Clone)]
pub struct WatchTarget {
    /// Its name.
    pub service: ServiceName,
    /// What is done to it; [`Action::None`]: it is only looked at.
    pub action: Action,
    /// What it did before.
    pub past: Past,
    /// Whether it worked before.
    pub was_failing: WasFailing,
    /// Its containers before, and whether each ran.
    pub old: Vec<(String, bool)>,
    /// Containers whose start is waited for: what Compose makes of the files, never what somebody had
    /// made by hand.
    pub replicas: usize,
    /// What `refit.yaml` says.
    pub settings: ServiceSettings,
    /// Its ports before.
    pub(crate) ports: PortsBefore,
    /// The others that are touched with it and that it may wait for.
    pub waits_for: BTreeSet<ServiceName>,
}

/// One service as the watch has seen it.
#[derive(Debug)]
pub(crate) struct ServiceTrack {
    /// What is watched.
    pub target: WatchTarget,
    /// The verdict, once it stands.
    pub verdict: Option<Verdict>,
    /// Time without a container.
    pub down: Downtime,
    /// Its ports.
    pub ports: PortTrack,
    /// When the first event of this service came.
    pub first_event: Option<Duration>,
    lives: BTreeMap<String, Life>,
    waiting: Expectation,
    /// When its verdict was asked for: from here on it must come to one.
    asked: Option<Duration>,
    /// When a container of it was removed that should have stayed.
    removed: Option<Duration>,
    /// What is missing, now that nobody makes more.
    lacking: Option<String>,
    probing: bool,
}

/// How far a service is from its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It stands.
    Decided,
    /// Good as far as the events tell: it stands when a look at the containers agrees.
    Good(Verdict),
    /// Not yet; should nothing else be seen, ask again at this time.
    Open {
        /// Since the watch began.
        ask_again: Duration,
    },
}

impl ServiceTrack {
    /// A track without observations.
    pub(crate) fn new(target: WatchTarget, limits: Limits) -> Self {
        let serving = target.old.iter().filter(|(_, up)| *up);
        let down = Downtime::served_by(serving.map(|(id, _)| id.clone()));
        let waiting = limits::before_start(&target.settings, target.past, limits);
        Self {
            ports: PortTrack::new(target.ports.clone()),
            target,
            verdict: None,
            down,
            first_event: None,
            lives: BTreeMap::new(),
            waiting,
            asked: None,
            removed: None,
            lacking: None,
            probing: false,
        }
    }

    /// What is to be watched when it is touched once more: its containers are those that it has now, and
    /// the ports that answered before did so up to now.
    pub(crate) fn touched_again(&self, action: Action) -> WatchTarget {
        let mut target = self.target.clone();
        target.action = action;
        target.past.was_up = true;
        target.was_failing = WasFailing::No;
        target.old = self.lives.keys().map(|id| (id.clone(), true)).collect();
        target.replicas = target.old.len();
        let listens: BTreeSet<ServedPort> = target.ports.answered.keys().copied().collect();
        let seen = |id: &String| Seen {
            id: id.clone(),
            pid: 0,
            listens: listens.clone(),
        };
        target.ports.containers = self.lives.keys().map(seen).collect();
        target
    }

    /// The containers whose start was seen.
    pub(crate) fn watched(&self) -> Vec<String> {
        self.lives.keys().cloned().collect()
    }

    /// Whether a container is one of this service's.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.lives.contains_key(id) || self.target.old.iter().any(|(old, _)| old == id)
    }

    fn life(&mut self, id: &str) -> &mut Life {
        let expect = self.waiting.clone();
        let life = self.lives.entry(id.to_owned());
        life.or_insert_with(|| Life::new(expect))
    }

    /// A container was made; it must start.
    pub(crate) fn expect_new(&mut self, id: &str) {
        self.life(id);
    }

    /// A container was started.
    pub(crate) fn started(
        &mut self,
        id: &str,
        at: Duration,
        found: Option<&Inspected>,
        limits: Limits,
    ) {
        if let Some(inspected) = found {
            self.ports.before.is_published_at(&inspected.reach);
        }
        let expect = found.map(|inspected| {
            let (settings, past) = (&self.target.settings, self.target.past);
            let ports = self.ports.before.wanted(&inspected.reach);
            let asked = self.ports.before.asked();
            Expectation {
                replies: asked.is_some_and(|(port, _)| ports.published.contains(&port)),
                ports,
                ..limits::expectation(inspected, settings, past, limits)
            }
        });
        let life = self.life(id);
        life.expect = expect.unwrap_or(life.expect.clone());
        life.started_at = found.and_then(|inspected| inspected.started_at);
        life.started(at);
        self.down.up(id, at);
    }

    /// Somebody looked on which ports a container listens.
    pub(crate) fn listens(&mut self, id: &str, at: Duration, listens: Listens) {
        match listens {
            Listens::On(ports) => {
                self.ports.listens(id, at, &ports);
                if let Some(life) = self.lives.get_mut(id) {
                    life.listens(at, ports);
                }
            }
            Listens::NotLooked(why) => {
                self.ports.not_looked(why);
                for life in self.lives.values_mut() {
                    life.expect.ports = PortsWanted::default();
                }
            }
        }
    }

    /// What is to be asked over HTTP now.
    pub(crate) fn port_question(&mut self) -> Option<PortQuestion> {
        if self.verdict.is_some() {
            return None;
        }
        let open: Vec<Option<bool>> = self
            .lives
            .values()
            .filter_map(Life::has_open_ports)
            .collect();
        let all = !open.is_empty() && open.len() == self.lives.len();
        // The worst answer of its containers.
        let open = all.then(|| {
            open.into_iter()
                .min_by_key(|reply| *reply != Some(false))
                .flatten()
        });
        self.ports.question(open)
    }

    /// A port answered over HTTP, or did not.
    pub(crate) fn port_answered(&mut self, at: Duration, answer: &Result<Reply, String>) {
        let (judged, open) = self.ports.answered(at, answer);
        let seen = LifeEvent::Replied {
            ok: judged.is_ok(),
            answer: judged.err().unwrap_or_default(),
        };
        for life in self.lives.values_mut() {
            if let Some(open) = &open {
                life.listens(at, open.clone());
            }
            let seen = seen.clone();
            life.history.push(Observation { at, seen });
        }
    }

    /// How long it took, as far as that was seen.
    pub(crate) fn times(&self, verdict: Option<&Verdict>, now: Duration) -> Times {
        let wanted = self.lives.values().flat_map(|life| life.expect.ports.all());
        let mut wanted: BTreeSet<ServedPort> = wanted.collect();
        if self.lives.is_empty() {
            wanted = self.target.ports.answered.keys().copied().collect();
        }
        // One that has moved comes back no more: no time tells how long it was away.
        if verdict.is_some_and(Verdict::is_good) {
            wanted.retain(|port| !self.ports.is_away(*port));
        }
        Times {
            after: verdict
                .map_or(now, |verdict| verdict.at)
                .saturating_sub(self.first_event.unwrap_or_default()),
            running: verdict
                .and_then(|verdict| verdict.started)
                .map(|started| now.saturating_sub(started)),
            down: self.ports.down(&wanted, now),
            replaced: self.down.total(now),
        }
    }

    /// What is waited for, since when and until when.
    pub(crate) fn waits_for(&self) -> Option<(Duration, Duration, String)> {
        let waits = self.lives.values().filter_map(|life| {
            let (until, what) = waits_for(&life.expect, &life.history)?;
            Some((life.last_start()?, until, what))
        });
        waits.max_by_key(|(_, until, _)| *until)
    }

    /// Since when it has nothing to wait for of what is touched with it: its ends before then tell nothing.
    pub(crate) fn waits_until(&mut self, until: Duration) {
        for life in self.lives.values_mut() {
            life.expect.waits_until = until;
        }
    }

    /// Until when others that wait for it had to wait, or have to: without end where it is on its way.
    pub(crate) fn is_awaited_until(&self) -> Duration {
        match &self.verdict {
            Some(verdict) => verdict.at,
            // Who crashes itself is judged for itself, and first.
            None if self.lives.values().any(Life::has_died) => Duration::ZERO,
            None if self.lives.is_empty() => Duration::ZERO,
            None => Duration::MAX,
        }
    }

    /// A container was told to reload, and goes on: from here on it is judged anew.
    pub(crate) fn reloaded(&mut self, found: &Inspected, at: Duration, limits: Limits) {
        self.started(&found.id, at, Some(found), limits);
        let life = self.life(&found.id);
        life.expect = limits::after_reload(life.expect.clone());
        if found.health == Health::Healthy {
            let seen = LifeEvent::Health {
                health: Health::Healthy,
                output: None,
            };
            self.saw(&found.id, Observation { at, seen });
        }
    }

    /// A container was sent its stop signal: from here on it may not answer.
    pub(crate) fn stopping(&mut self, id: &str, at: Duration) {
        self.down.down(id, at);
        if let Some(life) = self.lives.get_mut(id) {
            life.halt = Halt::Asked;
        }
    }

    /// The kernel killed a process of the container; the end of the container may follow, or be told
    /// already.
    pub(crate) fn out_of_memory(&mut self, id: &str) {
        if let Some(life) = self.lives.get_mut(id) {
            life.out_of_memory();
        }
    }

    /// How it failed by itself, judged or not.
    pub(crate) fn broken(&self) -> Option<String> {
        match &self.verdict {
            Some(verdict) if verdict.word == VerdictWord::Failed => verdict.reason.clone(),
            Some(_) | None => self.lives.values().find_map(Life::broken),
        }
    }

    /// The containers that are down by a kill of which the engine may have more to say.
    pub(crate) fn killed_unexplained(&self) -> Vec<String> {
        let killed = self.lives.iter();
        let killed = killed.filter(|(_, life)| life.is_killed_unexplained());
        killed.map(|(id, _)| id.clone()).collect()
    }

    /// A container's process ended. Of containers whose start was not seen this is the end that was
    /// asked for.
    pub(crate) fn died(&mut self, id: &str, at: Duration, exit_code: i64) {
        self.down.down(id, at);
        if let Some(life) = self.lives.get_mut(id) {
            let oom = life.oom && exit_code == KILLED;
            life.died(at, exit_code, oom);
        }
    }

    /// Somebody holds a container, or lets it go on.
    pub(crate) fn paused(&mut self, id: &str, at: Duration, held: bool) {
        let Some(life) = self.lives.get_mut(id) else {
            return;
        };
        match held {
            true => {
                life.paused(at);
                self.down.down(id, at);
            }
            false => {
                life.unpaused(at);
                self.down.up(id, at);
            }
        }
    }

    /// Something else was seen of a container that is watched.
    pub(crate) fn saw(&mut self, id: &str, observation: Observation) {
        let Some(life) = self.lives.get_mut(id) else {
            return;
        };
        life.history.push(observation);
    }

    /// A container was removed. That of an old one is what was asked for, where a new one takes its
    /// place.
    pub(crate) fn removed(&mut self, id: &str, at: Duration) {
        self.down.down(id, at);
        let stays = match self.target.action {
            Action::None | Action::Signal | Action::Restart => true,
            Action::Start | Action::Recreate | Action::Rebuild | Action::Remove => false,
        };
        let was_to_stay = stays && self.target.old.iter().any(|(old, _)| old == id);
        if self.lives.remove(id).is_some() || was_to_stay {
            self.removed = Some(at);
        }
    }

    /// Compose has made what it makes of the files: nobody makes more. `existing` are the containers
    /// there are now, with their states; `wanted` is how many the files ask for.
    pub(crate) fn counted(&mut self, existing: &[(String, State)], wanted: usize) {
        let is_old = |id: &String| self.target.old.iter().any(|(old, _)| old == id);
        let new = existing.iter().filter(|(id, _)| !is_old(id));
        let new: Vec<&(String, State)> = new.collect();
        let idle = new.iter().find(|(_, state)| *state == State::Created);
        self.lacking = if existing.len() < wanted {
            let there = existing.len();
            Some(format!(
                "has {there} of {wanted} containers, and Compose creates no more"
            ))
        } else {
            idle.map(|(id, _)| {
                let short: String = id.chars().take(12).collect();
                format!("has a container that was created and never started ({short})")
            })
        };
        // Events come later than the end of the command that they tell of.
        for (id, _) in new {
            self.life(id);
        }
    }

    /// Adds what a look at the container shows and the events did not tell.
    pub(crate) fn read(
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
        if as_started && found.state == State::Created {
            self.life(&found.id);
            let service = &self.target.service;
            self.lacking = Some(format!(
                "was created and never started; refit apply {service} starts it"
            ));
            return;
        }
        let last_start = self.lives.get(&found.id).and_then(Life::last_start);
        let runs = matches!(
            found.state,
            State::Running | State::Paused | State::Restarting
        );
        if as_started || (runs && last_start.is_none_or(|at| started > at)) {
            let at = if as_started { now } else { started };
            self.started(&found.id, at, Some(found), limits);
        }
        let life = self.life(&found.id);
        if found.state == State::Paused {
            life.paused(now);
            self.down.down(&found.id, now);
        } else if matches!(found.state, State::Exited | State::Dead) && !life.has_ended() {
            life.died(now, found.exit_code, found.oom_killed);
            self.down.down(&found.id, now);
        } else if matches!(found.health, Health::Healthy | Health::Unhealthy) && runs {
            let output = found.health_output.clone();
            let seen = LifeEvent::Health {
                health: found.health,
                output,
            };
            self.saw(&found.id, Observation { at: now, seen });
        }
    }

    /// The probe to be asked now, if one is wanted and none is under way.
    pub(crate) fn probe_wanted(&mut self) -> Option<Probe> {
        if self.probing || self.verdict.is_some() {
            return None;
        }
        let probe = self.target.settings.probe.clone()?;
        self.probing = true;
        Some(probe)
    }

    /// Takes an answer; gives the probe to be asked next.
    pub(crate) fn probed(&mut self, at: Duration, answer: &Answer) -> Option<Probe> {
        let probe = self.target.settings.probe.clone()?;
        let judged = probe.judge(answer);
        let seen = LifeEvent::Probe {
            ok: judged.is_ok(),
            answer: judged.err().unwrap_or_default(),
        };
        for life in self.lives.values_mut() {
            life.history.push(Observation {
                at,
                seen: seen.clone(),
            });
        }
        self.probing = self.verdict.is_none();
        self.probing.then_some(probe)
    }

    /// Judges the service: bad when one container is, good when all that are wanted are. Whatever is
    /// seen or not seen, it comes to an end: each container has its limit, and so has one that does not
    /// come.
    pub(crate) fn judge(&mut self, now: Duration) -> Judged {
        if self.verdict.is_some() {
            return Judged::Decided;
        }
        let asked = *self.asked.get_or_insert(now);
        let mut ask_again = Duration::MAX;
        let mut good: Option<Verdict> = None;
        let mut decided = 0;
        // Each container may be published elsewhere.
        let mut answers = BTreeSet::new();
        for life in self.lives.values() {
            match life.judge(now) {
                Judgement::Pending { ask_again: at } => ask_again = ask_again.min(at),
                Judgement::Final(verdict) if verdict.word == VerdictWord::Failed => {
                    return self.decide(verdict);
                }
                Judgement::Final(verdict) => {
                    decided += 1;
                    answers.extend(&verdict.answers);
                    // The worse word of them, and the later moment.
                    let rank = |one: &Verdict| (one.word == VerdictWord::AlreadyFailing, one.at);
                    if good
                        .as_ref()
                        .is_none_or(|known| rank(known) < rank(&verdict))
                    {
                        good = Some(verdict);
                    }
                }
            }
        }
        let (there, wanted) = (self.lives.len(), self.target.replicas.max(1));
        if let Some(good) = good.filter(|_| decided == there && there >= wanted) {
            let answers = answers.into_iter().collect();
            return Judged::Good(Verdict { answers, ..good });
        }
        if let Some(lacking) = self.lacking.clone() {
            return self.decide(failed(lacking, now));
        }
        if there >= wanted {
            return Judged::Open { ask_again };
        }
        if let Some(at) = self.removed {
            let reason = "was removed by somebody else".to_owned();
            return self.decide(failed(reason, at));
        }
        // How long it takes to come is counted from when it was asked for.
        match judge(&self.waiting, &[], now.saturating_sub(asked)) {
            Judgement::Pending { ask_again: at } => Judged::Open {
                ask_again: ask_again.min(at.saturating_add(asked)),
            },
            Judgement::Final(verdict) => self.decide(verdict),
        }
    }

    fn decide(&mut self, verdict: Verdict) -> Judged {
        self.verdict = Some(self.blamed(verdict));
        Judged::Decided
    }

    /// Compares a look at a container with what was seen of it; `None`: it does not exist.
    pub(crate) fn look(&mut self, id: &str, found: Option<&Inspected>, now: Duration) -> bool {
        let Some(life) = self.lives.get_mut(id) else {
            return true;
        };
        let look = found.map_or(Look::Gone, |inspected| life.compare(inspected, now));
        match look {
            Look::Agrees => true,
            Look::Differs => false,
            Look::Gone => {
                self.removed(id, now);
                false
            }
        }
    }

    /// A good verdict does not stand any more: it is judged anew.
    pub(crate) fn reopen(&mut self) {
        if self.verdict.as_ref().is_some_and(Verdict::is_good) {
            self.verdict = None;
            self.asked = None;
        }
    }

    fn blamed(&self, verdict: Verdict) -> Verdict {
        let is_broken = || self.lives.values().any(|life| life.broken().is_some());
        match self.target.was_failing {
            WasFailing::No => verdict,
            WasFailing::Ill if verdict.word == VerdictWord::Failed && is_broken() => verdict,
            WasFailing::Ill | WasFailing::Down => Verdict {
                word: VerdictWord::AlreadyFailing,
                ..verdict
            },
        }
    }
}

fn failed(reason: String, at: Duration) -> Verdict {
    Verdict {
        word: VerdictWord::Failed,
        reason: Some(reason),
        at,
        answers: Vec::new(),
        started: None,
    }
}

#[cfg(test)]
mod tests;

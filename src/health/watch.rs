//! Feeds the verdict: the engine's event stream, inspect where an event tells too little, and probes
//! from this host. Nothing of the engine is polled; a stream that breaks is opened again, and what
//! happened in between is read off the containers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::feed::{ENGINE_PATIENCE, Feed, pump};
use super::limits::Limits;
use super::others::Others;
use super::ports::unserved;
use super::questions::{self, Asked, Asking};
use super::sampler::{Follow, sample};
use super::track::{Judged, ServiceTrack, WatchTarget};
use super::verdict::{LifeEvent, Observation, Verdict};
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::container::{Health, Inspected, State};
use crate::docker::events::{EngineEvent, EventAction};
use crate::docker::reach::ContainerReach;
use crate::event::{Action, Emitter, Kind, NoteCode, ServiceName, Times, VerdictWord};
use crate::host::signals::{Signal, Signals};
use crate::host::sockets::Listens;

/// Time between two probes.
const PROBE_PAUSE: Duration = Duration::from_millis(250);
/// An answer that took longer tells of an engine that hung or has much to do: what it says may be from
/// before it heard of an end.
const PROMPT: Duration = Duration::from_secs(1);
/// So often a slow answer is asked again before it counts all the same.
const SLOW_LOOKS: u32 = 3;
/// Events come sooner than this, or the clocks differ.
const CLOCKS_AGREE: Duration = Duration::from_secs(1);
/// Time between two looks, where the first one settled nothing.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// A watch over some services of a project.
pub struct Watch {
    docker: Docker,
    project: String,
    emitter: Emitter,
    limits: Limits,
    began: Instant,
    began_nanos: i64,
    feed: mpsc::UnboundedReceiver<Feed>,
    pump: tokio::task::JoinHandle<()>,
    follow: std::sync::mpsc::Sender<Follow>,
    tracks: BTreeMap<ServiceName, ServiceTrack>,
    /// What services took before they were touched once more.
    earlier: BTreeMap<ServiceName, Times>,
    asking: FuturesUnordered<Asking>,
    /// What was told last of what each service is waited for.
    told: BTreeMap<ServiceName, (String, Duration)>,
    /// By how much the engine's clock is behind at most, as far as its events tell.
    behind: Option<Duration>,
    engine_lost: bool,
    /// Since when looks at containers are not answered.
    unanswered: Option<Instant>,
    /// Looks in a row that were answered late.
    slow_looks: u32,
    others: Others,
}

/// What came of looks at a service's containers at the verdict's moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastLook {
    Agrees,
    Differs,
    /// It says little: ask again.
    Unsure,
}

/// Why a watch ended without its verdicts.
#[derive(Debug)]
pub enum WatchStopped {
    /// A signal came.
    Signal(Signal),
    /// The engine does not answer any more.
    EngineLost,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Watch {
    /// Begins to listen. Call it before the first container is touched.
    pub fn begin(
        docker: &Docker,
        project: &str,
        targets: Vec<WatchTarget>,
        limits: Limits,
        emitter: Emitter,
    ) -> Self {
        let now = Timestamp::now();
        let (tell, feed) = mpsc::unbounded_channel();
        let (follow, followed) = std::sync::mpsc::channel();
        let tell_ports = tell.clone();
        // It ends with the watch, which holds the other end.
        std::thread::spawn(move || sample(&followed, &tell_ports));
        let pump = tokio::spawn(pump(docker.clone(), project.to_owned(), now, tell));
        let tracks = targets
            .into_iter()
            .map(|target| (target.service.clone(), ServiceTrack::new(target, limits)))
            .collect();
        let mut watch = Self {
            docker: docker.clone(),
            project: project.to_owned(),
            emitter,
            limits,
            began: Instant::now(),
            began_nanos: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
            feed,
            pump,
            follow,
            tracks,
            earlier: BTreeMap::new(),
            asking: FuturesUnordered::new(),
            told: BTreeMap::new(),
            behind: None,
            engine_lost: false,
            unanswered: None,
            slow_looks: 0,
            others: Others::default(),
        };
        watch.follow_all();
        watch
    }

    /// The ports of what is there before anything is touched.
    fn follow_all(&mut self) {
        for track in self.tracks.values() {
            let before = &track.target.ports;
            for seen in before.containers.iter().filter(|_| !before.is_blind) {
                self.follow_ports(&seen.id, seen.pid, before.is_shared, before.udp(None));
            }
        }
        let services: Vec<ServiceName> = self.tracks.keys().cloned().collect();
        services.iter().for_each(|service| self.ask_port(service));
    }

    fn follow_ports(&self, container: &str, pid: i64, is_shared: bool, udp: BTreeSet<u16>) {
        let container = container.to_owned();
        // It is gone only when the watch is.
        let _ = self.follow.send(Follow {
            container,
            pid,
            is_shared,
            udp,
        });
    }

    /// The same for a container that was started.
    fn follow_started(&self, service: &ServiceName, found: Option<&Inspected>) {
        let (Some(track), Some(found)) = (self.tracks.get(service), found) else {
            return;
        };
        let before = &track.target.ports;
        if !before.answered.is_empty() && !before.is_blind && found.reach.pid > 0 {
            let is_shared = before.is_shared || found.reach.network_of.is_some();
            let udp = before.udp(Some(&found.reach));
            self.follow_ports(&found.id, found.reach.pid, is_shared, udp);
        }
    }

    /// What was seen of the project's other containers.
    pub fn others(&self) -> &Others {
        &self.others
    }

    /// What is to be said of the ports of a service's container that is reached so.
    pub(crate) fn unserved(&self, service: &ServiceName, reach: &ContainerReach) -> Vec<String> {
        let target = self.tracks.get(service).map(|track| &track.target);
        let told = |target: &WatchTarget| {
            let ran = target.old.iter().any(|(_, up)| *up);
            unserved(&target.ports, ran, reach)
        };
        target.map(told).unwrap_or_default()
    }

    /// Takes the containers as they are for started: what a look at a running stack begins with.
    ///
    /// # Errors
    /// The engine's.
    pub async fn look(&mut self) -> Result<(), EngineError> {
        self.read_all(true).await
    }

    /// Runs something that touches containers, and takes in what happens meanwhile.
    pub async fn alongside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(feed) = self.feed.recv() => self.take(feed).await,
                Some(asked) = self.asking.next() => self.answered(asked),
            }
        }
    }

    /// The same, and ends early: by a signal, or when the engine that does the work is gone.
    ///
    /// # Errors
    /// It ended early; the work was dropped.
    pub async fn during<T>(
        &mut self,
        work: impl Future<Output = T>,
        signals: &Signals,
    ) -> Result<T, WatchStopped> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                signal = signals.wait() => return Err(WatchStopped::Signal(signal)),
                Some(feed) = self.feed.recv() => self.take(feed).await,
                Some(asked) = self.asking.next() => self.answered(asked),
            }
            if self.engine_lost {
                return Err(WatchStopped::EngineLost);
            }
        }
    }

    /// Compose has made what it makes of the files: what is missing now does not come. With each
    /// service comes the number of containers that the files ask for.
    pub async fn count(&mut self, wanted: &BTreeMap<ServiceName, usize>) {
        // An engine that cannot be asked now leaves it to each service's limit.
        let Ok(containers) = self.docker.compose_containers().await else {
            return;
        };
        let all = crate::stack::of_project(&containers, &self.project);
        for (service, &wanted) in wanted {
            let Some(track) = self.tracks.get_mut(service) else {
                continue;
            };
            let own = all.iter().filter(|c| c.service == *service);
            let there = own.filter(|c| !matches!(c.state, State::Removing | State::Dead));
            let there: Vec<(String, State)> = there.map(|c| (c.id.clone(), c.state)).collect();
            track.counted(&there, wanted);
        }
    }

    /// Waits until these services have their verdicts, or one of them has failed.
    ///
    /// # Errors
    /// A signal came first, or the engine is gone.
    pub async fn settle(
        &mut self,
        services: &[ServiceName],
        signals: &Signals,
    ) -> Result<(), WatchStopped> {
        loop {
            self.drain().await;
            let judged = tokio::select! {
                biased;
                signal = signals.wait() => return Err(WatchStopped::Signal(signal)),
                judged = self.judge(services) => judged,
            };
            let Some(wake) = judged else {
                return Ok(());
            };
            if self.engine_lost {
                return Err(WatchStopped::EngineLost);
            }
            self.tell_waiting(services);
            let pause = wake.saturating_sub(self.began.elapsed());
            tokio::select! {
                Some(feed) = self.feed.recv() => self.take(feed).await,
                Some(asked) = self.asking.next() => self.answered(asked),
                () = tokio::time::sleep(pause) => {}
                signal = signals.wait() => return Err(WatchStopped::Signal(signal)),
            }
        }
    }

    /// Looks once more at what had a good verdict, before everything rests on it: the engine may have
    /// been killed since, and its containers with it.
    ///
    /// # Errors
    /// As [`Watch::settle`].
    pub async fn still(
        &mut self,
        services: &[ServiceName],
        signals: &Signals,
    ) -> Result<(), WatchStopped> {
        let looks = async {
            for name in services {
                self.drain().await;
                let mut looked = self.look_at(name).await;
                while looked == LastLook::Unsure && !self.engine_lost {
                    tokio::time::sleep(LOOK_PAUSE).await;
                    self.drain().await;
                    looked = self.look_at(name).await;
                }
                let track = self.tracks.get_mut(name);
                if let Some(track) = track.filter(|_| looked != LastLook::Agrees) {
                    track.reopen();
                }
            }
        };
        tokio::select! {
            biased;
            signal = signals.wait() => return Err(WatchStopped::Signal(signal)),
            () = looks => {}
        }
        self.settle(services, signals).await
    }

    async fn drain(&mut self) {
        while let Ok(feed) = self.feed.try_recv() {
            self.take(feed).await;
        }
    }

    /// The services that failed by themselves, judged or not, with the reasons.
    pub async fn broken(&mut self) -> BTreeMap<ServiceName, String> {
        self.drain().await;
        // An end may be told later than the refusal that it leads to; an engine that cannot be asked
        // leaves it at what was told.
        let _ = self.read_all(false).await;
        let all = self.tracks.iter();
        all.filter_map(|(name, track)| Some((name.clone(), track.broken()?)))
            .collect()
    }

    /// The verdicts so far.
    pub fn verdicts(&self) -> BTreeMap<ServiceName, Verdict> {
        self.tracks
            .iter()
            .filter_map(|(name, track)| Some((name.clone(), track.verdict.clone()?)))
            .collect()
    }

    /// How long it took so far; nothing of services that were not watched.
    pub fn times(&self, service: &ServiceName) -> Times {
        let now = self.began.elapsed();
        let track = self.tracks.get(service);
        let times = |track: &ServiceTrack| track.times(track.verdict.as_ref(), now);
        let times = track.map(times).unwrap_or_default();
        match self.earlier.get(service) {
            Some(earlier) => times.behind(*earlier),
            None => times,
        }
    }

    /// A service that had a good verdict is touched once more: it must come to another one, and what it
    /// took so far still counts.
    pub(crate) fn touched_again(&mut self, service: &ServiceName, action: Action) {
        let times = self.times(service);
        let Some(track) = self.tracks.get(service) else {
            return;
        };
        self.earlier.insert(service.clone(), times);
        let again = track.touched_again(action);
        self.tracks
            .insert(service.clone(), ServiceTrack::new(again, self.limits));
    }

    /// The services that are away now, after they were there.
    pub fn away(&self) -> BTreeSet<ServiceName> {
        let away = self.tracks.iter().filter(|(_, track)| track.down.is_away());
        away.map(|(name, _)| name.clone()).collect()
    }

    /// These were away already when the watch began: they come back by what is done now, and not by
    /// the containers that are up.
    pub fn were_away(&mut self, services: &BTreeSet<ServiceName>) {
        for (_, track) in self
            .tracks
            .iter_mut()
            .filter(|(name, _)| services.contains(name))
        {
            track.down.away_from_the_start();
        }
    }

    /// Containers that belong to a service now, as far as the watch has seen them start.
    pub fn containers(&self, service: &ServiceName) -> Vec<String> {
        self.tracks
            .get(service)
            .map(ServiceTrack::watched)
            .unwrap_or_default()
    }

    /// Time since the watch began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells the verdicts of those that failed, for callers that have nothing to add.
    pub fn tell_failed(&self) {
        for (name, track) in &self.tracks {
            if let Some(verdict) = track
                .verdict
                .as_ref()
                .filter(|v| v.word == VerdictWord::Failed)
            {
                self.emitter
                    .emit(told(name, track, verdict, self.began.elapsed()));
            }
        }
    }

    /// Judges; `None` when all are decided or one failed, else when to ask again.
    async fn judge(&mut self, services: &[ServiceName]) -> Option<Duration> {
        let mut wake = None;
        for name in services {
            let now = self.began.elapsed();
            let until = self.waits_until(name, services);
            let Some(track) = self.tracks.get_mut(name).filter(|t| t.verdict.is_none()) else {
                continue;
            };
            track.waits_until(until);
            let ask_again = match track.judge(now) {
                Judged::Decided => None,
                Judged::Open { ask_again } if self.ask_who_killed(name).await => {
                    Some(ask_again.min(self.began.elapsed() + LOOK_PAUSE))
                }
                Judged::Open { ask_again } => Some(ask_again),
                Judged::Good(verdict) => match self.look_at(name).await {
                    LastLook::Agrees => {
                        self.tracks.get_mut(name)?.verdict = Some(verdict);
                        None
                    }
                    LastLook::Differs | LastLook::Unsure => Some(self.began.elapsed() + LOOK_PAUSE),
                },
            };
            wake = [wake, ask_again].into_iter().flatten().min();
            let track = self.tracks.get(name)?;
            if let Some(verdict) = &track.verdict {
                // A failure is told by whoever knows the container's last words.
                if verdict.word == VerdictWord::Failed {
                    return None;
                }
                let now = self.began.elapsed();
                self.emitter.emit(told(name, track, verdict, now));
            }
        }
        wake
    }

    /// Asks the engine once more whether the kernel killed what is down: it says so later than it tells of
    /// the end. Says whether there is something to ask again.
    async fn ask_who_killed(&mut self, name: &ServiceName) -> bool {
        let track = self.tracks.get(name);
        let killed = track
            .map(ServiceTrack::killed_unexplained)
            .unwrap_or_default();
        for id in &killed {
            let found = self.docker.inspect(id).await.ok().flatten();
            let track = self.tracks.get_mut(name);
            if let Some(track) = track.filter(|_| found.is_some_and(|found| found.oom_killed)) {
                track.out_of_memory(id);
                // Judged anew at once.
                return true;
            }
        }
        !killed.is_empty()
    }

    /// Until when something was not well, of what is judged with a service, that it may wait for.
    fn waits_until(&self, name: &ServiceName, services: &[ServiceName]) -> Duration {
        let target = self.tracks.get(name).map(|track| &track.target);
        let awaited = target.into_iter().flat_map(|target| &target.waits_for);
        let awaited = awaited.filter(|other| services.contains(other));
        let tracks = awaited.filter_map(|other| self.tracks.get(other));
        tracks
            .map(ServiceTrack::is_awaited_until)
            .max()
            .unwrap_or_default()
    }

    /// Looks at a service's containers: what the events told may be old.
    async fn look_at(&mut self, name: &ServiceName) -> LastLook {
        let mut looked = LastLook::Agrees;
        for id in self.containers(name) {
            let asked = Instant::now();
            let Ok(found) = self.docker.inspect(&id).await else {
                let since = *self.unanswered.get_or_insert(asked);
                self.engine_lost |= since.elapsed() > ENGINE_PATIENCE;
                return LastLook::Unsure;
            };
            self.unanswered = None;
            let now = self.began.elapsed();
            let Some(track) = self.tracks.get_mut(name) else {
                continue;
            };
            if !track.look(&id, found.as_ref(), now) {
                looked = LastLook::Differs;
            } else if asked.elapsed() > PROMPT && looked == LastLook::Agrees {
                looked = LastLook::Unsure;
            }
        }
        if looked == LastLook::Unsure && self.slow_looks < SLOW_LOOKS {
            self.slow_looks += 1;
            tokio::time::sleep(PROMPT).await;
            return LastLook::Unsure;
        }
        self.slow_looks = 0;
        match looked {
            LastLook::Agrees | LastLook::Unsure => LastLook::Agrees,
            LastLook::Differs => LastLook::Differs,
        }
    }

    async fn take(&mut self, feed: Feed) {
        match feed {
            Feed::Event(event) => self.on_event(event).await,
            Feed::Listens {
                container,
                at,
                listens,
            } => self.on_sockets(&container, at, &listens),
            // An engine that cannot be asked now is asked again at its next event or gap.
            Feed::Gap => {
                self.engine_lost = false;
                self.others.engine_was_away = true;
                let _ = self.read_all(false).await;
            }
            Feed::Away => {
                let text = "the engine does not answer any more; waiting for it to come back";
                self.emitter.note(NoteCode::EngineAway, text);
            }
            Feed::Lost => self.engine_lost = true,
        }
    }

    fn since_began(&self, nanos: i64) -> Duration {
        // The engine's clock may differ from ours; nothing is seen before it happened, nor did it happen
        // before the watch began.
        let behind = self.behind.filter(|behind| *behind > CLOCKS_AGREE);
        let behind = i64::try_from(behind.unwrap_or_default().as_nanos()).unwrap_or(0);
        let since = nanos
            .saturating_sub(self.began_nanos)
            .saturating_add(behind);
        let since = u64::try_from(since).unwrap_or(0);
        Duration::from_nanos(since).min(self.began.elapsed())
    }

    /// An event that comes late tells that its clock is behind, or that there is much to do: that one of
    /// all which came soonest.
    fn compare_clocks(&mut self, nanos: i64) {
        let now = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let late = now.saturating_sub(nanos.saturating_sub(self.began_nanos));
        let late = Duration::from_nanos(u64::try_from(late).unwrap_or(0));
        self.behind = Some(self.behind.map_or(late, |behind| behind.min(late)));
    }

    async fn on_event(&mut self, event: EngineEvent) {
        self.compare_clocks(event.at_nanos);
        let at = self.since_began(event.at_nanos);
        let Some(track) = self.tracks.get_mut(&event.service) else {
            self.others.saw(event);
            return;
        };
        track.first_event.get_or_insert(at);
        let id = &event.container;
        match event.action {
            EventAction::Create => track.expect_new(id),
            EventAction::Start => {
                let inspected = self.docker.inspect(id).await.ok().flatten();
                track.started(id, at, inspected.as_ref(), self.limits);
                self.follow_started(&event.service, inspected.as_ref());
                self.tell_container(&event.service, State::Running, inspected.as_ref());
                self.start_probing(&event.service);
            }
            // A reload is sent by the same means as a stop.
            EventAction::Kill if track.target.action == Action::Signal => {
                if let Some(inspected) = self.docker.inspect(id).await.ok().flatten() {
                    track.reloaded(&inspected, at, self.limits);
                    self.follow_started(&event.service, Some(&inspected));
                    self.start_probing(&event.service);
                }
            }
            EventAction::Kill => track.stopping(id, at),
            EventAction::Oom => track.out_of_memory(id),
            EventAction::Die { exit_code } => {
                // The engine tells of the kernel's kill by an event of its own, which may come after
                // this one.
                let killed = match exit_code {
                    137 => self.docker.inspect(id).await.ok().flatten(),
                    _ => None,
                };
                if killed.is_some_and(|inspected| inspected.oom_killed) {
                    track.out_of_memory(id);
                }
                track.died(id, at, exit_code);
                self.tell_container(&event.service, State::Exited, None);
            }
            EventAction::Health(health) => {
                let output = match health {
                    Health::Unhealthy => {
                        let found = self.docker.inspect(id).await.ok().flatten();
                        found.and_then(|inspected| inspected.health_output)
                    }
                    Health::None | Health::Starting | Health::Healthy => None,
                };
                track.saw(
                    id,
                    Observation {
                        at,
                        seen: LifeEvent::Health { health, output },
                    },
                );
                self.emitter.emit(Kind::Container {
                    service: event.service.clone(),
                    state: State::Running.word().into(),
                    health: health.word().map(Into::into),
                    restarts: 0,
                });
            }
            EventAction::Destroy => track.removed(id, at),
            EventAction::Pause => track.paused(id, at, true),
            EventAction::Unpause => track.paused(id, at, false),
        }
    }

    fn tell_container(&self, service: &ServiceName, state: State, found: Option<&Inspected>) {
        self.emitter.emit(Kind::Container {
            service: service.clone(),
            state: state.word().into(),
            health: found
                .and_then(|inspected| inspected.health.word())
                .map(Into::into),
            restarts: found
                .map(|inspected| inspected.restarts)
                .unwrap_or_default(),
        });
    }

    /// Reads all containers of the watched services and adds what the events did not tell.
    async fn read_all(&mut self, as_started: bool) -> Result<(), EngineError> {
        let containers = self.docker.compose_containers().await?;
        for container in crate::stack::of_project(&containers, &self.project) {
            if !self.tracks.contains_key(&container.service) {
                continue;
            }
            let Some(inspected) = self.docker.inspect(&container.id).await? else {
                continue;
            };
            let started = inspected
                .started_at
                .and_then(|t| i64::try_from(t.as_nanosecond()).ok());
            let started = self.since_began(started.unwrap_or_default());
            let now = self.began.elapsed();
            let Some(track) = self.tracks.get_mut(&container.service) else {
                continue;
            };
            track.read(&inspected, started, now, as_started, self.limits);
            if as_started {
                // For whoever waits: nothing may happen for a while.
                self.tell_container(&container.service, inspected.state, Some(&inspected));
            }
            self.follow_started(&container.service, Some(&inspected));
            self.start_probing(&container.service);
        }
        Ok(())
    }

    fn start_probing(&mut self, service: &ServiceName) {
        let Some(track) = self.tracks.get_mut(service) else {
            return;
        };
        if let Some(probe) = track.probe_wanted() {
            let asking = questions::probe(service.clone(), probe, Duration::ZERO);
            self.asking.push(asking);
        }
    }

    fn ask_port(&mut self, service: &ServiceName) {
        let track = self.tracks.get_mut(service);
        if let Some(question) = track.and_then(ServiceTrack::port_question) {
            let asking = questions::port(service.clone(), question);
            self.asking.push(asking);
        }
    }

    fn answered(&mut self, asked: Asked) {
        let at = self.began.elapsed();
        match asked {
            Asked::Probe(service, answer) => {
                let track = self.tracks.get_mut(&service);
                if let Some(probe) = track.and_then(|track| track.probed(at, &answer)) {
                    let asking = questions::probe(service, probe, PROBE_PAUSE);
                    self.asking.push(asking);
                }
            }
            Asked::Port(service, answer) => {
                if let Some(track) = self.tracks.get_mut(&service) {
                    track.port_answered(at, &answer);
                }
                self.ask_port(&service);
            }
        }
    }

    fn on_sockets(&mut self, container: &str, at: Instant, listens: &Listens) {
        let at = at.saturating_duration_since(self.began);
        let services: Vec<ServiceName> = self.tracks.keys().cloned().collect();
        for service in services {
            let Some(track) = self.tracks.get_mut(&service) else {
                continue;
            };
            if track.has(container) {
                track.listens(container, at, listens.clone());
                self.ask_port(&service);
            }
        }
    }

    /// Tells what each service is waited for, when that changes.
    fn tell_waiting(&mut self, services: &[ServiceName]) {
        let now = self.began.elapsed();
        for service in services {
            let track = self
                .tracks
                .get(service)
                .filter(|track| track.verdict.is_none());
            let Some((since, until, what)) = track.and_then(ServiceTrack::waits_for) else {
                continue;
            };
            let told = (what.clone(), until);
            if self.told.get(service) == Some(&told) {
                continue;
            }
            self.told.insert(service.clone(), told);
            self.emitter.emit(Kind::Waiting {
                service: service.clone(),
                what,
                elapsed: now.saturating_sub(since),
                limit: until.saturating_sub(since),
            });
        }
    }
}

fn told(name: &ServiceName, track: &ServiceTrack, verdict: &Verdict, now: Duration) -> Kind {
    let settled = verdict.word == VerdictWord::Settled;
    let not_looked = track.ports.before.not_looked.as_ref().filter(|_| settled);
    let not_looked = not_looked.map(|why| format!("its ports were not looked at: {why}"));
    Kind::Verdict {
        service: name.clone(),
        verdict: verdict.word,
        reason: verdict.reason.clone().or(not_looked),
        ports: verdict.answers.clone(),
        times: track.times(Some(verdict), now),
    }
}

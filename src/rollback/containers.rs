//! The containers' way back: exactly the services that are not as they were, by what is there now,
//! not by what the run was about to do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::way::{self, Run, Tidying, Way};
use super::{Problem, Progress, Rollback};
use crate::apply::converge;
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::compose::{Scale, UpMode};
use crate::event::{Action, NoteCode, ServiceName};
use crate::failure::Failure;
use crate::fault::fault;
use crate::health::limits::Past;
use crate::health::track::{WasFailing, WatchTarget};
use crate::health::watch::Watch;
use crate::host::signals::Signals;
use crate::plan::Step;
use crate::rollback::pinned_images;
use crate::stack::model::{Model, Service};
use crate::stack::snapshot::{EngineSide, Replica, RunState, pairs};
use crate::stack::{Place, resolve_model};

/// So often a rollback looks at the containers anew.
const LOOKS: u32 = 5;

/// The longest that Compose may take to bring back services: it waits for their stop, which may take
/// minutes, and for an engine that may be frozen.
const COMPOSE_LIMIT: Duration = Duration::from_secs(900);

/// Why an attempt at the containers came to no end.
enum Trouble {
    /// They are not what they were a moment ago.
    Race(EngineError),
    Other(Problem),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(Problem::of_file(&error, "refit status".to_owned()))
    }
}

impl Rollback<'_> {
    /// Looks and acts, and looks again where the engine was still at something that a Compose which is
    /// dead by now had asked of it: a container that was seen may be gone when it is touched.
    pub(super) async fn containers(&self, began: Instant, progress: &mut Progress) {
        let mut tries = LOOKS;
        loop {
            tries -= 1;
            let mut attempt = Progress {
                handled: progress.handled.clone(),
                ..Progress::default()
            };
            let done = self.attempt(began, &mut attempt).await;
            progress.handled = attempt.handled;
            let problem = match done {
                Err(Trouble::Race(_)) if tries > 0 => continue,
                Err(Trouble::Race(error)) => self.problem(&error),
                Err(Trouble::Other(problem)) => problem,
                Ok(()) => {
                    progress.problems.extend(attempt.problems);
                    progress.times = attempt.times;
                    return;
                }
            };
            progress.problems.extend(attempt.problems);
            progress.problems.push(problem);
            return;
        }
    }

    pub(super) fn problem(&self, error: &EngineError) -> Problem {
        let complaint = Complaint::from(error.clone());
        let text = match complaint.details.first() {
            Some(line) => format!("{} {line}", complaint.text),
            None => complaint.text,
        };
        Problem::of_engine(error, text.trim().to_owned(), self.by_hand())
    }

    fn trouble(&self, error: EngineError) -> Trouble {
        match error.is_race() {
            true => Trouble::Race(error),
            false => Trouble::Other(self.problem(&error)),
        }
    }

    pub(super) async fn look(&self) -> Result<EngineSide, EngineError> {
        let names = pinned_images::names_of(&self.checkpoint.images);
        let base = &self.checkpoint.engine;
        EngineSide::look(&self.place.docker, &base.project, names, Some(base)).await
    }

    async fn attempt(&self, began: Instant, progress: &mut Progress) -> Result<(), Trouble> {
        fault!("rollback.files");
        let project = &self.checkpoint.engine.project;
        let told = self.place.docker.signalled_since(project, self.since).await;
        progress.told_to_stop = told.map_err(|error| self.trouble(error))?;
        let now = self.look_tidied(&BTreeSet::new()).await;
        let now = now.map_err(|error| self.trouble(error))?;
        if self.ways(&now, &BTreeSet::new(), progress).is_empty() {
            super::names(&self.place.docker, self.checkpoint).await;
            return Ok(());
        }
        let place = self.place_before();
        let resolved = resolve_model(&place.compose, &place.located).await;
        let model = resolved.map_err(|error| self.trouble(error))?.model;
        let one_shots = place.one_shots(&model);
        let ways = self.ways(&now, &one_shots, progress);
        progress.handled.services.extend(ways.keys().cloned());
        // Whoever fell without being touched fell with the engine.
        let untouched = |service: &ServiceName| !self.touched.contains_key(service);
        progress.handled.engine_ended |= self.engine_ended || ways.keys().any(untouched);
        let steps = steps(&model, &ways);
        self.images(&place, &model, &steps, progress).await;
        let mut watch = self.watch(&now, &steps, &one_shots);
        watch.were_away(self.away);
        let until_now = began.elapsed();
        for wave in converge::waves(&model, &steps, &self.hosts()) {
            fault!("rollback.wave");
            let work = self.wave(&place, &model, &wave, &ways, &now);
            // Whoever does not want to wait ends the whole way back.
            let done = watch.during(work, &Signals::none()).await;
            if let Err(error) = done.map_err(|_| Trouble::Other(Problem::engine_lost()))? {
                if error.is_race() {
                    return Err(Trouble::Race(error));
                }
                // The others are brought back all the same: the best state that can be reached.
                let failure = Failure::of_engine(Code::RollbackFailed, error.clone());
                let problem = Problem::of_engine(&error, failure.text(), self.by_hand());
                progress.problems.push(problem);
            }
            watch.count(&made(&wave, &ways)).await;
        }
        super::names(&self.place.docker, self.checkpoint).await;
        fault!("rollback.converged");
        self.reattach(&ways)
            .await
            .map_err(|error| self.trouble(error))?;
        let asleep = self.put_to_sleep(&ways).await;
        asleep.map_err(|error| self.trouble(error))?;
        self.note_unstarted(&ways, progress);
        self.verify(&ways, &mut watch, progress).await;
        for service in ways.keys() {
            let before = self.away.contains(service).then_some(until_now);
            let mut times = watch.times(service);
            if let (Some(replaced), Some(before)) = (&mut times.replaced, before) {
                *replaced += before;
            }
            progress.times.insert(service.clone(), times);
        }
        fault!("rollback.verified");
        Ok(())
    }

    fn hosts(&self) -> converge::Hosts {
        let base = &self.checkpoint.engine;
        let mut hosts = converge::Hosts::new();
        for one in &base.containers {
            for host in one.shares_with().filter_map(|id| base.container(id)) {
                let own = hosts.entry(one.service.clone()).or_default();
                own.insert(host.service.clone());
            }
        }
        hosts
    }

    /// The stack as Compose was told before the change.
    fn place_before(&self) -> Place {
        let mut place = self.place.clone();
        place.located.args = self.checkpoint.args_before();
        place
    }

    /// What is there, once what the run left beside it is gone.
    pub(super) async fn look_tidied(
        &self,
        one_shots: &BTreeSet<ServiceName>,
    ) -> Result<EngineSide, EngineError> {
        let now = self.look().await?;
        let told = BTreeSet::new();
        let run = self.run_of(one_shots, &told);
        let tidying = way::tidying(&self.checkpoint.engine, &now, &run);
        if tidying == Tidying::default() {
            return Ok(now);
        }
        for id in &tidying.remove {
            if now.container(id).is_some_and(|one| one.state.is_up()) {
                self.place.docker.stop(id).await?;
            }
            self.place.docker.remove(id).await?;
        }
        for (id, name) in &tidying.rename {
            self.place.docker.rename(id, name).await?;
        }
        self.look().await
    }

    fn run_of<'r>(
        &'r self,
        one_shots: &'r BTreeSet<ServiceName>,
        told_to_stop: &'r BTreeSet<String>,
    ) -> Run<'r> {
        Run {
            touched: self.touched,
            one_shots,
            cut_off: self.cut_off,
            told_to_stop,
        }
    }

    /// What is to be done to each. What had to be brought back at an earlier look has to be at this
    /// one too: nobody has seen yet that it is well.
    fn ways(
        &self,
        now: &EngineSide,
        one_shots: &BTreeSet<ServiceName>,
        progress: &Progress,
    ) -> BTreeMap<ServiceName, Way> {
        let base = &self.checkpoint.engine;
        let mut ways = way::back(base, now, &self.run_of(one_shots, &progress.told_to_stop));
        for service in &progress.handled.services {
            let ran = base.of_service(service).iter().any(|one| one.state.is_up());
            if ran {
                ways.entry(service.clone()).or_insert(Way::Restart);
            }
        }
        ways
    }

    /// Networks that the files do not name: Compose put nobody there, and puts nobody back.
    async fn reattach(&self, ways: &BTreeMap<ServiceName, Way>) -> Result<(), EngineError> {
        let (base, now) = (&self.checkpoint.engine, self.look().await?);
        for service in ways.keys() {
            let (was, is) = (base.of_service(service), now.of_service(service));
            let pairs = pairs(&was, &is).into_iter();
            for (was, is) in pairs.filter_map(|(was, is)| Some((was, is?))) {
                let lost = was.networks.iter();
                let lost = lost.filter(|(name, _)| !is.networks.contains_key(*name));
                for (name, attachment) in lost.filter(|(name, _)| now.networks.contains_key(*name))
                {
                    // Where the engine refuses, the comparison says what is missing.
                    let _ = self.place.docker.attach(name, &is.id, attachment).await;
                }
            }
        }
        Ok(())
    }

    /// Those whose containers did not run before, or were held.
    async fn put_to_sleep(&self, ways: &BTreeMap<ServiceName, Way>) -> Result<(), EngineError> {
        let base = &self.checkpoint.engine;
        let is_asleep = |one: &Replica| !one.state.is_up() || one.state == RunState::Paused;
        let slept = |service: &&ServiceName| base.of_service(service).into_iter().any(is_asleep);
        let slept: Vec<&ServiceName> = ways.keys().filter(slept).collect();
        if slept.is_empty() {
            return Ok(());
        }
        let now = self.look().await?;
        for service in slept {
            let (was, is) = (base.of_service(service), now.of_service(service));
            for (was, is) in pairs(&was, &is) {
                let Some(is) = is.filter(|is| is.state.is_up()) else {
                    continue;
                };
                if !was.state.is_up() {
                    self.place.docker.stop(&is.id).await?;
                } else if was.state == RunState::Paused && is.state != RunState::Paused {
                    self.place.docker.pause(&is.id).await?;
                }
            }
        }
        Ok(())
    }

    fn note_unstarted(&self, ways: &BTreeMap<ServiceName, Way>, progress: &mut Progress) {
        for (service, way) in ways {
            match way {
                Way::RecreateUnstarted { .. } => {
                    let text = format!(
                        "{service} had completed before this run: its container was recreated, and was \
                         not run again"
                    );
                    self.emitter.note(NoteCode::NotRunAgain, text);
                    progress.handled.not_run.insert(service.clone());
                }
                Way::Remove | Way::Restart | Way::Stop | Way::Recreate { .. } => {}
            }
        }
    }

    async fn wave(
        &self,
        place: &Place,
        model: &Model,
        wave: &[&Step],
        ways: &BTreeMap<ServiceName, Way>,
        now: &EngineSide,
    ) -> Result<(), EngineError> {
        let docker = &self.place.docker;
        let (mut anew, mut unstarted, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        let (mut restarts, mut hooked) = (Vec::new(), Vec::new());
        for step in wave {
            let service = &step.service;
            let own = now.containers.iter().filter(|c| c.service == *service);
            match ways.get(service) {
                None => {}
                Some(Way::Remove) => {
                    for container in own {
                        docker.stop(&container.id).await?;
                        docker.remove(&container.id).await?;
                    }
                }
                Some(Way::Restart) if has_hooks(model, service) => hooked.push(service.clone()),
                Some(Way::Restart) => {
                    let own = now.of_service(service).into_iter();
                    restarts.extend(own.map(|container| docker.restart(&container.id)));
                }
                // Done after the others, with all that did not run.
                Some(Way::Stop) => {}
                Some(Way::Recreate { scale }) => {
                    anew.push(service.clone());
                    scales.extend(unusual(model, service, *scale));
                }
                Some(Way::RecreateUnstarted { scale }) => {
                    unstarted.push(service.clone());
                    scales.extend(unusual(model, service, *scale));
                }
            }
        }
        futures_util::future::try_join_all(restarts).await?;
        if !hooked.is_empty() {
            let args = &place.located.args;
            place.compose.restart(args, &hooked, |_| ()).await?;
        }
        converge::clear_leftovers(docker, now, &anew, self.emitter).await?;
        self.up(place, &anew, UpMode::ForceRecreate, &scales)
            .await?;
        self.up(place, &unstarted, UpMode::Unstarted, &scales).await
    }

    /// Brings services up; where one of several cannot be, the others are all the same.
    async fn up(
        &self,
        place: &Place,
        services: &[ServiceName],
        mode: UpMode,
        scales: &[Scale],
    ) -> Result<(), EngineError> {
        if services.is_empty() {
            return Ok(());
        }
        let up = async |services: &[ServiceName]| {
            let own = |scale: &&Scale| services.contains(&scale.0);
            let scales: Vec<Scale> = scales.iter().filter(own).cloned().collect();
            let args = &place.located.args;
            let work = place
                .compose
                .up_scaled(args, services, mode, &scales, |_| ());
            let ended = tokio::time::timeout(COMPOSE_LIMIT, work).await;
            ended.unwrap_or_else(|_| {
                Err(EngineError::NotAnswering {
                    address: place.docker.endpoint.address(),
                    cause: "docker compose up does not finish".to_owned(),
                })
            })
        };
        let together = up(services).await;
        let Err(error) = together else {
            return Ok(());
        };
        if services.len() == 1 || error.is_race() || error.is_passing() {
            return Err(error);
        }
        let mut first = Ok(());
        for service in services {
            let alone = up(std::slice::from_ref(service)).await;
            first = first.and(alone);
        }
        first
    }

    fn watch(&self, now: &EngineSide, steps: &[Step], shots: &BTreeSet<ServiceName>) -> Watch {
        let (base, seen) = (&self.checkpoint.engine, &self.checkpoint.seen);
        let mut now = now.clone();
        let services: Vec<&ServiceName> = steps.iter().map(|step| &step.service).collect();
        now.look_at_ports(&self.place.docker, &services);
        let target = |step: &Step| {
            let was = base.of_service(&step.service);
            let old = now.containers.iter().filter(|c| c.service == step.service);
            WatchTarget {
                service: step.service.clone(),
                action: step.action,
                past: Past {
                    was_up: was.iter().any(|one| one.state.is_up()),
                    one_shot: shots.contains(&step.service),
                    took: seen.took(&step.service),
                    is_new: !self.checkpoint.images.is_empty(),
                    is_called_unhealthy: seen.is_called_unhealthy(&step.service),
                    // The way back need not wait for the next crash.
                    crashes_after: None,
                    restarts: was
                        .iter()
                        .filter_map(|one| usize::try_from(one.restarts).ok())
                        .max()
                        .unwrap_or_default(),
                    starts_over: seen.started_over(&step.service),
                },
                was_failing: WasFailing::of(
                    was.iter().any(|one| one.is_failing()) && !seen.serves(&step.service)
                        || seen.crashes_after(&step.service).is_some()
                        || seen.failed(&step.service),
                    was.iter().all(|one| one.runs_on())
                        && seen.crashes_after(&step.service).is_none(),
                ),
                old: old.map(|one| (one.id.clone(), one.state.is_up())).collect(),
                replicas: was.len().max(1),
                settings: self.place.settings.service(&step.service),
                ports: seen
                    .ports(&step.service)
                    .in_containers_of(&now, &step.service),
                waits_for: services.iter().map(|name| (*name).clone()).collect(),
            }
        };
        let watched = steps.iter().filter(|step| step.action != Action::Remove);
        Watch::begin(
            &self.place.docker,
            &base.project,
            watched.map(target).collect(),
            self.limits,
            self.emitter.clone(),
        )
    }
}

/// How many containers there are to be, of the services of a wave that Compose makes anew.
fn made(wave: &[&Step], ways: &BTreeMap<ServiceName, Way>) -> BTreeMap<ServiceName, usize> {
    let made = wave
        .iter()
        .filter_map(|step| match ways.get(&step.service)? {
            Way::Recreate { scale } => Some((step.service.clone(), *scale)),
            Way::Remove | Way::Restart | Way::Stop | Way::RecreateUnstarted { .. } => None,
        });
    made.collect()
}

/// The services in the order in which they are brought back.
fn steps(model: &Model, ways: &BTreeMap<ServiceName, Way>) -> Vec<Step> {
    let mut order = model.in_dependency_order();
    // Services that only the failed change defined go first.
    let strangers = ways
        .keys()
        .filter(|name| !model.services.contains_key(*name));
    order.splice(0..0, strangers.cloned().collect::<Vec<_>>());
    let step = |service: ServiceName| {
        let action = ways.get(&service)?.action();
        Some(Step {
            service,
            action,
            reasons: Vec::new(),
            signal: None,
        })
    };
    order.into_iter().filter_map(step).collect()
}

fn has_hooks(model: &Model, service: &ServiceName) -> bool {
    let defined = model.services.get(service);
    defined.is_some_and(Service::has_lifecycle_hooks)
}

/// The number of a service's containers, where the files give another one.
fn unusual(model: &Model, service: &ServiceName, scale: usize) -> Option<Scale> {
    let files = model.services.get(service)?.replicas;
    let same = u64::try_from(scale).is_ok_and(|scale| scale == files);
    (!same).then(|| (service.clone(), scale))
}

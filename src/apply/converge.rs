//! Brings the containers in line with the files, in waves of services that do not wait for each
//! other. Compose makes containers, nobody else: its labels and hashes stay its own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::reload::ReloadCheck;
use crate::complaint::Code;
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::compose::{ProjectArgs, UpMode};
use crate::docker::container::State;
use crate::event::{Action, Emitter, Kind, NoteCode, ServiceName};
use crate::failure::Failure;
use crate::fault::fault;
use crate::health::watch::{Watch, WatchStopped};
use crate::host::signals::Signals;
use crate::plan::Step;
use crate::stack::Place;
use crate::stack::model::{Condition, Model, Service};
use crate::stack::snapshot::EngineSide;
use crate::state::journal::{Entry, Journal};

/// How long after an end of Compose a signal that ended it may be heard.
const SIGNAL_DELAY: Duration = Duration::from_millis(200);

/// How long Compose may take to its end after a signal: as long as it takes to stop a container that
/// does not obey, and to make another one.
const COMPOSE_END: Duration = Duration::from_secs(20);

/// Removes what an earlier `up` that was cut off or refused left of these services: containers under
/// passing names that were never started, and whose names Compose is about to use again.
///
/// # Errors
/// The engine's.
pub(crate) async fn clear_leftovers(
    docker: &Docker,
    now: &EngineSide,
    services: &[ServiceName],
    emitter: &Emitter,
) -> Result<(), EngineError> {
    let own = now.containers.iter();
    for left in own.filter(|one| services.contains(&one.service) && now.is_leftover(one)) {
        docker.remove(&left.id).await?;
        let (service, name) = (&left.service, &left.name);
        let text = format!(
            "{service} had an extra container {name}, never started, from an earlier docker compose up; \
             it was removed"
        );
        emitter.note(NoteCode::Leftover, text);
    }
    Ok(())
}

/// What converging needs.
pub(crate) struct Convergence<'a> {
    /// Engine and Compose.
    pub place: &'a Place,
    /// What Compose is to be told.
    pub args: &'a ProjectArgs,
    /// The stack as it is to be.
    pub model: &'a Model,
    /// Where progress is told.
    pub emitter: &'a Emitter,
    /// What may come between.
    pub signals: &'a Signals,
}

/// In whose containers the containers of a service live, which no file may say.
pub(crate) type Hosts = BTreeMap<ServiceName, BTreeSet<ServiceName>>;

/// Steps that do not wait for each other.
pub(crate) fn waves<'a>(model: &Model, steps: &'a [Step], hosts: &Hosts) -> Vec<Vec<&'a Step>> {
    let needs_of = |step: &Step| {
        let defined = model.services.get(&step.service);
        let shared = defined.into_iter().flat_map(Service::shares_with);
        let mut needs: BTreeSet<ServiceName> = shared.map(|(_, name)| name).collect();
        needs.extend(
            defined
                .into_iter()
                .flat_map(|one| one.depends_on.keys().cloned()),
        );
        needs.extend(hosts.get(&step.service).into_iter().flatten().cloned());
        needs
    };
    let mut waves: Vec<Vec<&Step>> = Vec::new();
    let mut left: Vec<(&Step, BTreeSet<ServiceName>)> =
        steps.iter().map(|step| (step, needs_of(step))).collect();
    while !left.is_empty() {
        // The order is by the files: whoever lives in a container that they do not name has to wait.
        let waits = |needs: &BTreeSet<ServiceName>| {
            let mut others = left.iter();
            others.any(|(other, _)| needs.contains(&other.service))
        };
        let next = left.iter().position(|(_, needs)| !waits(needs));
        // Of a circle any one has to be the first.
        let (step, needs) = left.remove(next.unwrap_or_default());
        // After the last wave that holds something it waits for.
        let after = waves
            .iter()
            .rposition(|wave| wave.iter().any(|earlier| needs.contains(&earlier.service)))
            .map_or(0, |index| index + 1);
        match waves.get_mut(after) {
            Some(wave) => wave.push(step),
            None => waves.push(vec![step]),
        }
    }
    waves
}

impl Convergence<'_> {
    /// Carries out the steps; a step waits for the verdict of what it depends on, where its
    /// `condition` asks for one.
    ///
    /// # Errors
    /// Compose's or the engine's message, a bad verdict, a signal.
    pub(crate) async fn run(
        &self,
        steps: &[Step],
        watch: &mut Watch,
        journal: &Journal,
    ) -> Result<(), Failure> {
        let mut done: Vec<ServiceName> = Vec::new();
        for wave in waves(self.model, steps, &self.hosts()) {
            self.await_dependencies(&wave, &done, watch).await?;
            if let Some(signal) = self.signals.received() {
                return Err(Failure::of_signal(signal));
            }
            let services: Vec<ServiceName> = wave.iter().map(|s| s.service.clone()).collect();
            self.check_reloads(&wave).await?;
            journal.add(Entry::Touching {
                services: services.clone(),
            })?;
            fault!("converge.touching");
            self.unless_signalled(watch, self.wave(&wave)).await?;
            watch.count(&self.made_by_compose(&wave)).await;
            fault!("converge.touched");
            done.extend(services);
        }
        journal.add(Entry::Converged)?;
        Ok(())
    }

    /// Nothing of the services is touched yet: who does not take the new files is not told to.
    async fn check_reloads(&self, wave: &[&Step]) -> Result<(), Failure> {
        for step in wave.iter().filter(|step| step.action == Action::Signal) {
            let settings = self.place.settings.service(&step.service);
            let Some(command) = settings.reload.and_then(|reload| reload.check) else {
                continue;
            };
            let check = ReloadCheck {
                service: &step.service,
                command: &command,
            };
            let containers = self.running(&step.service);
            check
                .ask(&self.place.docker, &containers, self.emitter)
                .await?;
        }
        Ok(())
    }

    fn hosts(&self) -> Hosts {
        let all = self.place.of_project(&self.model.name);
        let mut hosts = Hosts::new();
        for one in &all {
            let host = one.network_of.as_ref();
            let host = host.and_then(|id| all.iter().find(|other| other.id == *id));
            if let Some(host) = host {
                let own = hosts.entry(one.service.clone()).or_default();
                own.insert(host.service.clone());
            }
        }
        hosts
    }

    /// A signal ends it, but not in the middle of what Compose has asked of the engine: the engine
    /// would go on with it, and what is half made would come to light after the rollback had looked.
    /// So Compose may come to its end, unless that takes long or somebody asks again.
    async fn unless_signalled(
        &self,
        watch: &mut Watch,
        work: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let mut work = std::pin::pin!(work);
        let signal = match watch.during(&mut work, self.signals).await {
            Ok(Ok(())) => return Ok(()),
            // A Ctrl-C reaches Compose as well in the moment before it has a process group of its own:
            // its end may be heard of before the signal is.
            Ok(Err(failure)) => {
                let signal = tokio::time::timeout(SIGNAL_DELAY, self.signals.wait()).await;
                return Err(signal.map_or(failure, Failure::of_signal));
            }
            Err(WatchStopped::Signal(signal)) => signal,
            Err(lost @ WatchStopped::EngineLost) => return Err(Failure::of_stopped(lost)),
        };
        let asked = self.signals.asked();
        tokio::select! {
            // Whatever comes of it is undone.
            _ = work => {}
            () = tokio::time::sleep(COMPOSE_END) => {}
            () = self.signals.asked_beyond(asked) => {}
        }
        Err(Failure::of_signal(signal))
    }

    /// How many containers the files ask for, of the services of a wave that Compose makes anew.
    fn made_by_compose(&self, wave: &[&Step]) -> BTreeMap<ServiceName, usize> {
        let made = wave.iter().filter(|step| match step.action {
            Action::Start | Action::Recreate | Action::Rebuild => true,
            Action::None | Action::Signal | Action::Restart | Action::Remove => false,
        });
        made.filter_map(|step| {
            let service = self.model.services.get(&step.service)?;
            Some((
                step.service.clone(),
                usize::try_from(service.replicas).ok()?,
            ))
        })
        .collect()
    }

    /// `depends_on` with a condition other than "started" waits for a verdict.
    async fn await_dependencies(
        &self,
        wave: &[&Step],
        done: &[ServiceName],
        watch: &mut Watch,
    ) -> Result<(), Failure> {
        let awaited: Vec<ServiceName> = wave
            .iter()
            .filter_map(|step| self.model.services.get(&step.service))
            .flat_map(|service| &service.depends_on)
            .filter(|(name, d)| d.condition != Condition::Started && done.contains(name))
            .map(|(name, _)| name.clone())
            .collect();
        if awaited.is_empty() {
            return Ok(());
        }
        match watch.settle(&awaited, self.signals).await {
            Ok(()) => Failure::of_verdicts(watch).map_or(Ok(()), Err),
            Err(stopped) => Err(Failure::of_stopped(stopped)),
        }
    }

    async fn wave(&self, wave: &[&Step]) -> Result<(), Failure> {
        let of = |actions: &[Action]| -> Vec<ServiceName> {
            wave.iter()
                .filter(|s| actions.contains(&s.action))
                .map(|s| s.service.clone())
                .collect()
        };
        for service in of(&[Action::Remove]) {
            self.remove(&service).await?;
        }
        for step in wave.iter().filter(|step| step.action == Action::Signal) {
            let signal = step.signal.as_deref().unwrap_or("HUP");
            for id in self.running(&step.service) {
                self.place.docker.kill(&id, signal).await?;
            }
        }
        // Compose and the engine each serialise what they must; the rest goes side by side.
        let restarted = of(&[Action::Restart]);
        tokio::try_join!(self.restart(&restarted), async {
            let anew = of(&[Action::Recreate, Action::Rebuild]);
            if !anew.is_empty() {
                self.up(&anew, UpMode::ForceRecreate).await?;
            }
            let missing = of(&[Action::Start]);
            if !missing.is_empty() {
                self.up(&missing, UpMode::AsNeeded).await?;
            }
            Ok(())
        })?;
        Ok(())
    }

    async fn up(&self, services: &[ServiceName], mode: UpMode) -> Result<(), Failure> {
        self.clear(services).await?;
        let line = |text: &str| self.progress(text);
        let done = self.place.compose.up(self.args, services, mode, line).await;
        done.map_err(|error| Failure::of_engine(Code::StartFailed, error))
    }

    /// Compose fails on the name of a container that an earlier one of it left.
    async fn clear(&self, services: &[ServiceName]) -> Result<(), Failure> {
        let all = self.place.of_project(&self.model.name);
        let mut left = all.iter().filter(|one| services.contains(&one.service));
        if !left.any(|one| one.state == State::Created) {
            return Ok(());
        }
        let docker = &self.place.docker;
        let now = EngineSide::look(docker, &self.model.name, BTreeSet::new(), None).await?;
        clear_leftovers(docker, &now, services, self.emitter).await?;
        Ok(())
    }

    fn progress(&self, text: &str) {
        let what = text.trim().to_owned();
        if !what.is_empty() {
            self.emitter.emit(Kind::Progress {
                what,
                done: 0,
                total: None,
            });
        }
    }

    /// Restarts side by side: services of one wave do not wait for each other.
    async fn restart(&self, services: &[ServiceName]) -> Result<(), Failure> {
        self.clear(services).await?;
        let hooked = |service: &&ServiceName| {
            let defined = self.model.services.get(*service);
            defined.is_some_and(Service::has_lifecycle_hooks)
        };
        let (hooked, plain): (Vec<&ServiceName>, Vec<&ServiceName>) =
            services.iter().partition(hooked);
        let ids: Vec<String> = plain.into_iter().flat_map(|s| self.existing(s)).collect();
        let restarts = ids.iter().map(|id| self.place.docker.restart(id));
        let restarts = futures_util::future::try_join_all(restarts);
        let by_compose = async {
            if hooked.is_empty() {
                return Ok(());
            }
            let hooked: Vec<ServiceName> = hooked.into_iter().cloned().collect();
            let line = |text: &str| self.progress(text);
            self.place.compose.restart(self.args, &hooked, line).await
        };
        let done = tokio::try_join!(restarts, by_compose);
        done.map(drop)
            .map_err(|error| Failure::of_engine(Code::StartFailed, error))
    }

    /// Stops and removes what the files no longer define, or surplus replicas; volumes stay.
    async fn remove(&self, service: &ServiceName) -> Result<(), Failure> {
        if self.model.services.contains_key(service) {
            return self
                .up(std::slice::from_ref(service), UpMode::AsNeeded)
                .await;
        }
        self.clear(std::slice::from_ref(service)).await?;
        for id in self.existing(service) {
            self.place.docker.stop(&id).await?;
            self.place.docker.remove(&id).await?;
        }
        Ok(())
    }

    /// Leftovers are no containers of the service: to start one takes its ports.
    fn existing(&self, service: &ServiceName) -> Vec<String> {
        let all = self.place.of_project(&self.model.name);
        let own = all.iter().filter(|c| c.service == *service);
        own.filter(|c| !c.is_leftover(&all))
            .map(|c| c.id.clone())
            .collect()
    }

    fn running(&self, service: &ServiceName) -> Vec<String> {
        let all = self.place.of_project(&self.model.name);
        all.into_iter()
            .filter(|c| c.service == *service && c.is_up())
            .map(|c| c.id)
            .collect()
    }

    /// The literal commands of the note.
    ///
    /// # Errors
    /// Compose's message, or a signal.
    pub(crate) async fn down_up(
        &self,
        watch: &mut Watch,
        journal: &Journal,
    ) -> Result<(), Failure> {
        let services = self.model.services.keys().cloned().collect();
        journal.add(Entry::Touching { services })?;
        let work = async {
            self.place
                .compose
                .down(self.args, |text| self.progress(text))
                .await?;
            self.place
                .compose
                .up_build(self.args, |text| self.progress(text))
                .await
        };
        let work = async {
            work.await
                .map_err(|error| Failure::of_engine(Code::StartFailed, error))
        };
        self.unless_signalled(watch, work).await?;
        journal.add(Entry::Converged)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wave_holds_what_does_not_wait_for_each_other() {
        let model = Model::of_json(json!({"services": {
            "db": {}, "cache": {},
            "api": {"depends_on": {"db": {}, "cache": {}}},
            "net": {"network_mode": "service:api"},
        }}));
        let steps: Vec<Step> = ["cache", "db", "api", "net"]
            .map(|name| Step {
                service: name.into(),
                action: Action::Recreate,
                reasons: Vec::new(),
                signal: None,
            })
            .into();
        let names: Vec<Vec<&str>> = waves(&model, &steps, &Hosts::new())
            .iter()
            .map(|wave| wave.iter().map(|step| step.service.as_str()).collect())
            .collect();
        assert_eq!(names, [vec!["cache", "db"], vec!["api"], vec!["net"]]);
    }
}

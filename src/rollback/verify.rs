//! What proves a way back: the verdicts on what was brought back, and the comparison of the engine
//! with how it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;

use super::end::differs;
use super::way::Way;
use super::{Problem, Progress, Rollback};
use crate::event::{ServiceName, VerdictWord};
use crate::git::{Checkout, Git};
use crate::health::limits::of_healthcheck;
use crate::health::watch::{Watch, WatchStopped};
use crate::host::signals::Signals;
use crate::rollback::saved_file::PresentSide;
use crate::stack::snapshot::{Compared, Handled, Left, RunState, Verified, compare};

/// What a verdict may take beyond its own limit: the watch itself hangs.
const SLACK: Duration = Duration::from_secs(30);

/// An engine that was asked to make a container and has not begun to tell of it for so long does not
/// do so any more.
const QUIET: Duration = Duration::from_secs(1);

/// Other events of the project may never end.
const QUIET_LIMIT: Duration = Duration::from_secs(15);

impl Rollback<'_> {
    /// The old state must prove itself like a new one. Said of a service only where the old files are
    /// in place again: with others nothing is proven.
    pub(super) async fn verify(
        &self,
        ways: &BTreeMap<ServiceName, Way>,
        watch: &mut Watch,
        progress: &mut Progress,
    ) {
        let base = &self.checkpoint.engine;
        let runs = |service: &ServiceName| {
            base.of_service(service)
                .iter()
                .any(|one| one.state == RunState::Running || one.state == RunState::Restarting)
        };
        let awaited: Vec<ServiceName> = ways
            .iter()
            .filter(|(service, way)| match way {
                Way::Restart | Way::Recreate { .. } => runs(service),
                Way::Remove | Way::Stop | Way::RecreateUnstarted { .. } => false,
            })
            .map(|(service, _)| service.clone())
            .collect();
        if !progress.problems.is_empty() || awaited.is_empty() {
            return;
        }
        let limit = self.limits.default_timeout + self.longest(&awaited) + SLACK;
        let signals = Signals::none();
        let settled = tokio::time::timeout(limit, watch.settle(&awaited, &signals)).await;
        match settled {
            Ok(Ok(()) | Err(WatchStopped::Signal(_))) => {}
            Ok(Err(WatchStopped::EngineLost)) => progress.problems.push(Problem::engine_lost()),
            Err(_) => {
                let names: Vec<&str> = awaited.iter().map(ServiceName::as_str).collect();
                let text = format!("{} came to no verdict", names.join(", "));
                progress
                    .problems
                    .push(Problem::lasting(text, "refit status"));
            }
        }
        for (service, verdict) in watch.verdicts() {
            // Of a service of which some did not run before, the comparison says how each of them is.
            let was_whole = base
                .of_service(&service)
                .iter()
                .all(|one| one.state.is_up());
            if verdict.word == VerdictWord::Failed && was_whole {
                let reason = verdict.reason.unwrap_or_default();
                let text = format!("{service} {reason}, with the old files as well");
                let todo = format!("docker compose logs {service}");
                progress.problems.push(Problem::lasting(text, todo));
            }
        }
    }

    /// The longest that somebody lets one of these take.
    fn longest(&self, services: &[ServiceName]) -> Duration {
        let settings = services
            .iter()
            .map(|name| self.place.settings.service(name));
        let longest = settings
            .flat_map(|one| [one.timeout, one.settle])
            .flatten()
            .max();
        let checks = self.checkpoint.engine.containers.iter();
        let checks = checks
            .filter_map(|one| one.healthcheck)
            .map(of_healthcheck)
            .max();
        longest.unwrap_or_default() + checks.unwrap_or_default()
    }

    /// Looks a last time, takes away what the engine has made meanwhile for a Compose that is dead by
    /// now, and compares.
    pub(super) async fn compare(&self, handled: &Handled) -> Result<Verified, Vec<Problem>> {
        let base = &self.checkpoint.engine;
        let left_alone = self.touched.iter().any(|(service, action)| {
            action.makes_container() && !handled.services.contains(service)
        });
        if left_alone {
            self.await_quiet().await;
        }
        let now = async {
            self.look_tidied(&BTreeSet::new()).await?;
            let (networks, volumes) = (base.own_networks(), base.own_volumes());
            let place = self.place;
            super::leftovers(place, &base.project, &networks, &volumes, self.emitter).await?;
            self.look().await
        };
        let now = now.await.map_err(|error| vec![self.problem(&error)])?;
        let mut handled = handled.clone();
        // Whoever it had started again needs no way back.
        handled.engine_ended |= self.engine_ended;
        handled.services.extend(self.touched.keys().cloned());
        let mut found = self.files_differ(&mut handled.left);
        found.extend(self.checkout_differs().await);
        handled.files_are_back = found.is_empty() && handled.left.is_empty();
        handled.left.extend(self.older());
        handled.left.extend(self.discarded(&now).await);
        match compare(base, &now, &handled) {
            Compared::Equal(verified) if found.is_empty() => Ok(verified),
            Compared::Equal(_) => Err(found),
            Compared::Differs(more) => {
                found.extend(more.iter().map(differs));
                Err(found)
            }
        }
    }

    /// Files that had been pulled by hand when the run began: what runs was made of an earlier text, and that
    /// lies there again.
    fn older(&self) -> Vec<Left> {
        let files = self.checkpoint.all_files();
        let older = files.filter(|file| {
            file.was_pulled() && file.lies().is_ok_and(|side| side == PresentSide::Before)
        });
        older
            .map(|file| Left::Older(self.place.shown(&file.path)))
            .collect()
    }

    /// The files that are not as they were; what is a person's by now is `left`.
    fn files_differ(&self, left: &mut Vec<Left>) -> Vec<Problem> {
        let mut found = Vec::new();
        for file in self.checkpoint.all_files() {
            let shown = self.place.shown(&file.path);
            match file.lies() {
                Ok(PresentSide::Before) => match file.has_other_attributes() {
                    Ok(true) => left.push(Left::Attributes(shown)),
                    Ok(false) => {}
                    Err(error) => found.push(Problem::of_file(&error, self.file_by_hand(file))),
                },
                Ok(PresentSide::Neither) => left.push(Left::Edited(shown)),
                Ok(PresentSide::NotKnown) => left.push(Left::NotKnown(shown)),
                Ok(PresentSide::After) => {
                    let text = format!("not as it was: the file {shown}");
                    found.push(Problem::lasting(text, self.file_by_hand(file)));
                }
                Err(error) => found.push(Problem::of_file(&error, self.file_by_hand(file))),
            }
        }
        found
    }

    /// A commit or a branch that is not the one that it was.
    async fn checkout_differs(&self) -> Option<Problem> {
        let saved = self.checkpoint.checkout.as_ref()?;
        let state = &saved.state;
        let text = match Checkout::find(&Git::at(&state.top, true), &state.top).await {
            Ok(Some(now)) if now.head == state.head && now.branch() == state.branch.as_deref() => {
                return None;
            }
            Ok(Some(now)) => format!("it is at {}", now.head.short()),
            Ok(None) => "it is not a git repository any more".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let text = format!("the checkout is not back at {}: {text}", state.head.short());
        Some(Problem::lasting(text, super::checkout_by_hand(saved)))
    }

    /// Of several services that Compose makes at a time one may be refused: it gives up the others,
    /// and the engine goes on with what it was asked for. Waits until it makes no more containers.
    async fn await_quiet(&self) {
        let began = Instant::now();
        let since = jiff::Timestamp::now().as_second().to_string();
        let project = &self.checkpoint.engine.project;
        let mut events = self.place.docker.events(project, &since);
        while began.elapsed() < QUIET_LIMIT {
            match tokio::time::timeout(QUIET, events.next()).await {
                Ok(Some(Ok(_))) => {}
                // Quiet, or an engine that the comparison will find gone.
                Ok(Some(Err(_)) | None) | Err(_) => return,
            }
        }
    }
}

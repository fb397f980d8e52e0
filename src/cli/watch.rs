//! `refit watch`: health until it is settled, by what runs use to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;

use super::argument::duration;
use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::docker::container::Container;
use crate::event::{Action, Emitter, NoteCode, ServiceName, VerdictWord};
use crate::exit::Exit;
use crate::health::limits::{Limits, Past};
use crate::health::track::WatchTarget;
use crate::health::watch::{Watch, WatchStopped};
use crate::host::signals::Signals;
use crate::stack::resolve;

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Time limit [default: what the healthchecks allow]
    #[arg(long = "for", value_parser = duration, value_name = "TIME")]
    limit: Option<Duration>,
    /// How long a service without a healthcheck must run
    #[arg(long, value_parser = duration, default_value = "5s", value_name = "TIME")]
    settle: Duration,
}

/// Services whose containers are all stopped or paused by somebody.
fn left_out<'a>(
    containers: &'a [Container],
    watched: &BTreeMap<ServiceName, Vec<&Container>>,
) -> BTreeSet<&'a ServiceName> {
    let services = containers.iter().map(|container| &container.service);
    services
        .filter(|service| !watched.contains_key(*service))
        .collect()
}

pub(super) async fn watch(global: &Global, args: &WatchArgs) -> Result<Exit, Complaint> {
    let place = global.place().await?;
    let resolved = resolve(&place.compose, &place.located).await?;
    let containers = place.of_project(&resolved.model.name);
    let shots = place.one_shots(&resolved.model);
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    let mut by_service: BTreeMap<ServiceName, Vec<&Container>> = BTreeMap::new();
    for container in containers
        .iter()
        .filter(|container| !container.stopped_on_purpose())
    {
        by_service
            .entry(container.service.clone())
            .or_default()
            .push(container);
    }
    let mut services: Vec<ServiceName> = by_service.keys().cloned().collect();
    if services.is_empty() {
        return Err(Complaint::new(
            Code::StackDown,
            format!("no service of {} runs", resolved.model.name),
        )
        .hint("docker compose up -d starts the stack"));
    }
    let targets = by_service
        .iter()
        .map(|(service, own)| WatchTarget {
            service: service.clone(),
            action: Action::None,
            past: Past {
                was_up: true,
                one_shot: shots.contains(service),
            },
            was_failing: false,
            old: own.iter().map(|c| (c.id.clone(), c.is_up())).collect(),
            replicas: own.len(),
            settings: place.settings.service(service),
        })
        .collect();
    let limits = Limits {
        settle: args.settle,
        timeout: args.limit,
        ..Limits::default()
    };
    let emitter = Emitter::new(global.renderer());
    for service in left_out(&containers, &by_service) {
        let text = format!("{service} was stopped or paused on purpose, and is not watched");
        emitter.note(NoteCode::Note, text);
    }
    let project = &resolved.model.name;
    let mut watch = Watch::begin(&place.docker, project, targets, limits, emitter);
    watch.look().await?;
    // Each failure ends a wait early; the others are still of interest.
    while !services.is_empty() {
        match watch.settle(&services, &signals).await {
            Ok(()) => {}
            Err(WatchStopped::Signal(signal)) => return Ok(Exit::Signal(signal)),
            Err(WatchStopped::EngineLost) => {
                let text = "the engine does not answer any more";
                return Err(
                    Complaint::new(Code::NoEngine, text).hint("start it: systemctl start docker")
                );
            }
        }
        let known = watch.verdicts();
        services.retain(|service| !known.contains_key(service));
    }
    watch.tell_failed();
    let failed = watch
        .verdicts()
        .values()
        .any(|verdict| verdict.word == VerdictWord::Failed);
    Ok(if failed { Exit::Refused } else { Exit::Done })
}

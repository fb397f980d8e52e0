//! `refit watch`: health until it is settled, by what runs use to judge.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;

use super::argument::{duration, limits};
use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::docker::container::{Container, State};
use crate::event::{Action, Emitter, Kind, NoteCode, ServiceName, VerdictWord};
use crate::exit::Exit;
use crate::health::limits::{Limits, Past};
use crate::health::track::{WasFailing, WatchTarget};
use crate::health::verdict::Verdict;
use crate::health::watch::{Watch, WatchStopped};
use crate::host::signals::Signals;
use crate::report::words::secs;
use crate::stack::resolve;

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Time limit [default: what the healthchecks allow]
    #[arg(long = "for", value_parser = duration, value_name = "TIME")]
    limit: Option<Duration>,
    /// How long a service without a healthcheck must run [default: 5s]
    #[arg(long, value_parser = duration, value_name = "TIME")]
    settle: Option<Duration>,
}

/// Services whose containers are all stopped or paused by somebody, and that they are.
fn left_out(
    containers: &[Container],
    watched: &BTreeMap<ServiceName, Vec<&Container>>,
) -> BTreeMap<ServiceName, String> {
    let left_out = containers
        .iter()
        .filter(|container| !watched.contains_key(&container.service));
    let mut told = BTreeMap::new();
    for container in left_out {
        let service = &container.service;
        let text = match container.state {
            State::Paused => {
                format!(
                    "is paused, and not watched; docker compose unpause {service} lets it go on"
                )
            }
            State::Created
            | State::Running
            | State::Restarting
            | State::Exited
            | State::Dead
            | State::Removing => "is stopped, and not watched".to_owned(),
        };
        // One that is paused tells more than one that is stopped.
        let known = told.entry(service.clone()).or_insert_with(|| text.clone());
        if container.state == State::Paused {
            *known = text;
        }
    }
    told
}

/// A watch that has begun.
struct Watching {
    watch: Watch,
    /// In the order in which they are told.
    services: Vec<ServiceName>,
    emitter: Emitter,
}

pub(super) async fn watch(global: &Global, args: &WatchArgs) -> Result<Exit, Complaint> {
    let began = Instant::now();
    let limits = limits(args.settle, args.limit, "--for")?;
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    let mut watching = tokio::select! {
        biased;
        begun = Watching::begin(global, limits) => begun?,
        signal = signals.wait() => return Ok(Exit::Signal(signal)),
    };
    let (exit, begin) = match watching.until_settled(&signals).await {
        Ok(()) => (watching.exit(), String::new()),
        Err(WatchStopped::Signal(signal)) => {
            let after = secs(began.elapsed());
            let begin = format!("Interrupted by {} after {after}: ", signal.name());
            (Exit::Signal(signal), begin)
        }
        Err(WatchStopped::EngineLost) => {
            let text = "the engine does not answer any more";
            return Err(
                Complaint::new(Code::NoEngine, text).hint("start it: systemctl start docker")
            );
        }
    };
    watching.emitter.emit(Kind::Watched {
        exit_code: exit.code(),
        duration: began.elapsed(),
        text: begin + &watching.in_short(),
    });
    Ok(exit)
}

impl Watching {
    async fn begin(global: &Global, limits: Limits) -> Result<Self, Complaint> {
        let place = global.place().await?;
        let resolved = resolve(&place.compose, &place.located).await?;
        let containers = place.of_project(&resolved.model.name);
        let shots = place.one_shots(&resolved.model);
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
        let services: Vec<ServiceName> = by_service.keys().cloned().collect();
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
                    ..Past::default()
                },
                was_failing: WasFailing::No,
                old: own.iter().map(|c| (c.id.clone(), c.is_up())).collect(),
                replicas: own.len(),
                settings: place.settings.service(service),
                ports: Default::default(),
                waits_for: Default::default(),
            })
            .collect();
        let emitter = Emitter::new(global.renderer());
        for (service, text) in left_out(&containers, &by_service) {
            emitter.note(NoteCode::Note, format!("{service} {text}"));
        }
        let project = &resolved.model.name;
        let mut watch = Watch::begin(&place.docker, project, targets, limits, emitter.clone());
        watch.look().await?;
        Ok(Self {
            watch,
            services,
            emitter,
        })
    }

    async fn until_settled(&mut self, signals: &Signals) -> Result<(), WatchStopped> {
        let mut open = self.services.clone();
        // Each failure ends a wait early; the others are still of interest.
        while !open.is_empty() {
            self.watch.settle(&open, signals).await?;
            let known = self.watch.verdicts();
            open.retain(|service| !known.contains_key(service));
        }
        self.watch.tell_failed();
        Ok(())
    }

    fn exit(&self) -> Exit {
        let verdicts = self.watch.verdicts();
        let failed = |verdict: &Verdict| verdict.word == VerdictWord::Failed;
        match verdicts.values().any(failed) {
            true => Exit::Refused,
            false => Exit::Done,
        }
    }

    /// `2 services are healthy, 1 runs (health unknown); failed: web`
    fn in_short(&self) -> String {
        let verdicts = self.watch.verdicts();
        let of = |word: Option<VerdictWord>| {
            let of_word =
                |service: &&ServiceName| verdicts.get(service).map(|verdict| verdict.word) == word;
            let names = self.services.iter().filter(of_word);
            names.map(ServiceName::as_str).collect::<Vec<_>>()
        };
        let counts = [
            (VerdictWord::Healthy, "healthy"),
            (VerdictWord::Answers, "answering"),
            (VerdictWord::Settled, "running, health unknown"),
            (VerdictWord::Completed, "completed"),
        ];
        let counts = counts.map(|(word, text)| (of(Some(word)).len(), text));
        let counted = counts.iter().filter(|(count, _)| *count > 0);
        let mut parts: Vec<String> = counted
            .map(|(count, text)| format!("{count} {text}"))
            .collect();
        let named = [
            (Some(VerdictWord::Failed), "failed"),
            (Some(VerdictWord::AlreadyFailing), "still failing"),
            (None, "not settled yet"),
        ];
        for (word, text) in named {
            let names = of(word);
            if !names.is_empty() {
                parts.push(format!("{} {text} ({})", names.len(), names.join(", ")));
            }
        }
        parts.join("; ")
    }
}

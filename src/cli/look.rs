//! Looking at a stack: `status` and `watch`. They stand on what runs use to plan and to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Global, duration, notify, schedule};
use crate::complaint::{Code, Complaint};
use crate::docker::container::{Container, Inspected};
use crate::event::{Action, Emitter, NoteCode, ServiceName, VerdictWord};
use crate::exit::Exit;
use crate::health::limits::{Limits, Past};
use crate::health::track::Target;
use crate::health::watch::{Stopped, Watch};
use crate::host::signals::Signals;
use crate::report::{self, page};
use crate::rollback::unfinished;
use crate::stack::drift::{self, Drift};
use crate::stack::{Place, resolve};
use crate::state::StateHome;
use crate::state::notification_log::Register;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// Give up after this time; by default what each healthcheck allows
    #[arg(long = "for", value_parser = duration, value_name = "TIME")]
    limit: Option<Duration>,
    /// How long a service without a healthcheck must run
    #[arg(long, value_parser = duration, default_value = "5s", value_name = "TIME")]
    settle: Duration,
}

async fn place(global: &Global) -> Result<Place, Complaint> {
    let home = StateHome::find()?;
    let (stamp, scratch) = (home.compose_stamp(), home.scratch()?);
    let docker = global.connect().await?;
    Place::find(docker, &global.locate_request(), &stamp, scratch).await
}

/// A row of the table.
struct Row {
    service: ServiceName,
    state: String,
    health: String,
    image: String,
    since: String,
    restarts: String,
}

pub(super) async fn status(global: &Global, _: &StatusArgs) -> Result<Exit, Complaint> {
    let place = place(global).await?;
    let resolved = resolve(&place.compose, &place.located).await?;
    let containers = place.of_project(&resolved.model.name);
    let drifts = drift::find(&place, &resolved, &containers).await?;
    let state = StateHome::find()?.of_stack(&place.located.args.directory);
    let mut unfinished: Vec<String> = unfinished::ahead(&place.located.args.directory, &state)
        .map(|ahead| ahead.sentence)
        .into_iter()
        .collect();
    let mut rows = Vec::new();
    for service in resolved.model.in_dependency_order() {
        let own: Vec<&Container> = containers.iter().filter(|c| c.service == service).collect();
        if own.is_empty() {
            if resolved
                .model
                .is_active(&service, &place.located.args.profiles)
            {
                rows.push(Row::missing(service));
            }
            continue;
        }
        for container in own {
            let inspected = place.docker.inspect(&container.id).await?;
            rows.push(Row::of(&service, container, inspected.as_ref()));
        }
    }
    // Who is named no more need not be reached.
    let (mut unreached, mut unreadable) = match Register::of(&state).unreached() {
        Ok(unreached) => (unreached, Vec::new()),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    };
    unreached.retain(|told| place.settings.notify.iter().any(|one| one.name == told.to));
    let last = match schedule::last(&place.located.args.directory, &state).await {
        Ok(last) => last,
        Err(error) => {
            unreadable.push(error.to_string());
            None
        }
    };
    unfinished.extend(unreadable);
    if global.json {
        let mut document = document(&resolved.model.name, &place, &rows, &drifts, &unfinished);
        document["unattended"] = schedule::row(last.as_ref());
        document["not_told"] = unreached.iter().map(notify::row).collect();
        page::document(&document);
    } else {
        print(&resolved.model.name, &place, &rows, &drifts);
        unfinished
            .iter()
            .for_each(|text| report::out(&format!("! {text}")));
        if let Some(last) = last {
            report::out(&format!("unattended: {}", schedule::told(&last)));
        }
        for told in unreached {
            let (ago, error) = (ago(told.at), told.error.unwrap_or_default());
            report::out(&format!("! {} was not told, {ago} ago: {error}", told.to));
        }
    }
    Ok(Exit::Done)
}

impl Row {
    fn missing(service: ServiceName) -> Self {
        let none = || "-".to_owned();
        Self {
            service,
            state: "no container".into(),
            health: none(),
            image: none(),
            since: none(),
            restarts: none(),
        }
    }

    fn of(service: &ServiceName, container: &Container, found: Option<&Inspected>) -> Self {
        let state = match (container.exit_code, container.is_up()) {
            (Some(code), false) => format!("{} ({code})", container.state.word()),
            _ => container.state.word().to_owned(),
        };
        let health = if container.is_up() {
            // "No healthcheck" is unknown, never healthy.
            container.health.word().unwrap_or("unknown")
        } else {
            "-"
        };
        let since = found
            .and_then(|inspected| inspected.started_at)
            .filter(|_| container.is_up());
        Self {
            service: service.clone(),
            state,
            health: health.to_owned(),
            image: container.image.clone(),
            since: since.map(ago).unwrap_or_else(|| "-".into()),
            restarts: found.map_or_else(|| "-".into(), |inspected| inspected.restarts.to_string()),
        }
    }
}

/// `3 min`, `2 days`.
fn ago(at: Timestamp) -> String {
    let seconds = Timestamp::now()
        .as_second()
        .saturating_sub(at.as_second())
        .max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn print(project: &str, place: &Place, rows: &[Row], drifts: &[Drift]) {
    report::out(&format!(
        "{project} in {}",
        place.located.args.directory.display()
    ));
    for note in &place.located.notes {
        report::out(&format!("! {note}"));
    }
    let head = ["SERVICE", "STATE", "HEALTH", "IMAGE", "SINCE", "RESTARTS"];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let name = row.service.to_string();
            let rest = [
                &row.state,
                &row.health,
                &row.image,
                &row.since,
                &row.restarts,
            ];
            std::iter::once(name)
                .chain(rest.into_iter().cloned())
                .collect()
        })
        .collect();
    page::table(&head, &rows);
    if drifts.is_empty() {
        return;
    }
    report::out("");
    for drift in drifts {
        report::out(&format!("! {} {}", drift.service, drift.reason.text));
    }
    report::out("refit plan shows what would be done about it, refit apply does it");
}

fn document(
    project: &str,
    place: &Place,
    rows: &[Row],
    drifts: &[Drift],
    unfinished: &[String],
) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "service": row.service, "state": row.state, "health": row.health,
                "image": row.image, "since": row.since, "restarts": row.restarts,
            })
        })
        .collect();
    let drifts: Vec<Value> = drifts
        .iter()
        .map(|drift| {
            json!({
                "service": drift.service, "action": drift.action.word(),
                "route": drift.reason.route.word(), "text": drift.reason.text,
            })
        })
        .collect();
    json!({
        "project": project,
        "directory": place.located.args.directory,
        "files": place.located.args.files,
        "services": rows,
        "differs": drifts,
        "unfinished": unfinished,
    })
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
    let place = place(global).await?;
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
        .map(|(service, own)| Target {
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
            Err(Stopped::Signal(signal)) => return Ok(Exit::Signal(signal)),
            Err(Stopped::EngineLost) => {
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

//! `refit status`: services, their state, and what differs from the files.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::global::Global;
use super::{notify, schedule};
use crate::assess::warnings;
use crate::complaint::Complaint;
use crate::docker::container::{Container, Inspected, State};
use crate::event::{Action, ServiceName};
use crate::exit::Exit;
use crate::health::aftermath::Aftermath;
use crate::report::{self, called, page};
use crate::rollback::aftermath;
use crate::rollback::unfinished::{self, Ahead};
use crate::schedule::record;
use crate::schedule::status::stale;
use crate::settings::WaitingAction;
use crate::stack::drift::{self, Comparison, PastWork};
use crate::stack::{self, Place, resolve};
use crate::state::StateHome;
use crate::state::notification_log::Register;
use crate::state::runs;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {}

/// A row of the table.
struct Row {
    service: ServiceName,
    /// There is no container.
    is_missing: bool,
    is_paused: bool,
    state: String,
    health: String,
    image: String,
    since: Option<Timestamp>,
    restarts: Option<u32>,
}

pub(super) async fn status(global: &Global, _: &StatusArgs) -> Result<Exit, Complaint> {
    let place = global.place().await?;
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(stack::unreadable)?;
    let containers = place.of_project(&resolved.model.name);
    let state = StateHome::find()?.of_stack(&place.located.args.directory);
    let (work, none) = (runs::past_work(&state), PastWork::default());
    let known = work.as_ref().unwrap_or(&none);
    let found = drift::find(&place, &resolved, &containers, known, &[]).await?;
    let directory = &place.located.args.directory;
    let ahead = unfinished::ahead(Some(&place.docker), directory, &state).await;
    let can_plan = ahead.as_ref().is_none_or(Ahead::leaves_the_stack);
    let mut unfinished: Vec<String> = ahead.map(|ahead| ahead.sentence).into_iter().collect();
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
    let last = match record::last(&place.located.args.directory, &state).await {
        Ok(last) => last,
        Err(error) => {
            unreadable.push(error.to_string());
            None
        }
    };
    let limit = place.settings.upgrade.stale_after.0;
    let request = global.stack_request();
    let stale = match stale(&request, directory, &state, limit).await {
        Ok(stale) => stale,
        Err(complaint) => {
            unreadable.push(complaint.text);
            None
        }
    };
    let aftermath = aftermath::look(&place.docker, &state).await;
    let aftermath = aftermath.unwrap_or_else(|complaint| {
        unreadable.push(complaint.text);
        Vec::new()
    });
    unreadable.extend(work.err().map(|error| error.to_string()));
    unfinished.extend(unreadable);
    let untrusted: Vec<String> = place.waits.iter().map(WaitingAction::left_out).collect();
    if global.json {
        let mut document = document(&resolved.model.name, &place, &rows, &found, &unfinished);
        document["since_run"] = aftermath.iter().map(since_run).collect();
        document["unattended"] = schedule::row(last.as_ref());
        document["not_trusted"] = json!(untrusted);
        document["stale"] = json!(stale);
        document["not_told"] = unreached.iter().map(notify::row).collect();
        page::document(&document);
    } else {
        print(&resolved.model.name, &place, &rows, &found, can_plan);
        for one in &aftermath {
            page::advice(&format!("! {}", one.told()));
        }
        warnings::unknown_services(&place, &resolved.model)
            .into_iter()
            .chain(warnings::missing_hooks(&place))
            .for_each(|text| report::out(&format!("! {text}")));
        unfinished
            .iter()
            .chain(&untrusted)
            .for_each(|text| page::advice(&format!("! {text}")));
        if let Some(last) = last {
            let mark = if last.exit_code == 0 { "" } else { "! " };
            report::out(&format!("{mark}unattended: {}", schedule::told(&last)));
        }
        if let Some(stale) = stale {
            report::out(&format!("! {stale}: refit history --since 30d"));
        }
        for told in unreached {
            let (ago, error) = (ago(told.at), told.error.unwrap_or_default());
            report::out(&format!(
                "! {} could not be notified, {ago} ago: {error}",
                told.to
            ));
        }
    }
    Ok(Exit::Done)
}

/// A service that is not as a run left it.
fn since_run(one: &Aftermath) -> Value {
    json!({
        "service": one.service, "run": one.run, "text": one.text, "hint": called::fit(&one.hint()),
        "as_before": one.as_before,
    })
}

impl Row {
    fn missing(service: ServiceName) -> Self {
        let none = || "-".to_owned();
        Self {
            service,
            is_missing: true,
            is_paused: false,
            state: "no container".into(),
            health: none(),
            image: none(),
            since: None,
            restarts: None,
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
            is_missing: false,
            is_paused: container.state == State::Paused,
            state,
            health: health.to_owned(),
            image: container.image.clone(),
            since,
            restarts: found.map(|inspected| inspected.restarts),
        }
    }
}

/// `3 min`, `2 d`.
fn ago(at: Timestamp) -> String {
    let seconds = Timestamp::now()
        .as_second()
        .saturating_sub(at.as_second())
        .max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn print(project: &str, place: &Place, rows: &[Row], found: &Comparison, can_plan: bool) {
    report::out(&format!(
        "{project} in {}",
        place.located.args.directory.display()
    ));
    for note in place.located.notes.iter().chain(&found.unnamed) {
        report::out(&format!("! {note}"));
    }
    let head = ["SERVICE", "STATE", "HEALTH", "IMAGE", "UP FOR", "RESTARTS"];
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let none = || "-".to_owned();
            let restarts = row.restarts.map(|count| count.to_string());
            vec![
                row.service.to_string(),
                row.state.clone(),
                row.health.clone(),
                row.image.clone(),
                row.since.map_or_else(none, ago),
                restarts.unwrap_or_else(none),
            ]
        })
        .collect();
    page::table(&head, &cells);
    if found.drifts.is_empty() && found.not_known.is_empty() && found.other_project.is_none() {
        return;
    }
    report::out("");
    // What would be done about the rest is refused until it is known which project is meant.
    if let Some(other) = &found.other_project {
        page::advice(&format!("! {}", other.text));
        if let Some(hint) = &other.hint {
            page::advice(&format!("  → {hint}"));
        }
        if rows.iter().all(|row| row.is_missing) {
            return;
        }
    }
    let can_plan = can_plan && found.other_project.is_none();
    if rows.iter().all(|row| row.is_missing) {
        return page::advice("! the stack is down; refit apply starts it");
    }
    let is_paused = |service: &ServiceName| {
        let mut own = rows.iter().filter(|row| row.service == *service);
        own.any(|row| row.is_paused)
    };
    let mut is_left = false;
    for drift in &found.drifts {
        let service = &drift.service;
        // Nothing but the pause itself differs, which only its end mends.
        let unpause = match drift.action == Action::Start && is_paused(service) {
            true => format!("; docker compose unpause {service} lets it go on"),
            false => String::new(),
        };
        is_left |= unpause.is_empty() && drift.is_mended_by_apply();
        page::advice(&format!("! {service}: {}{unpause}", drift.reason.text));
    }
    for text in &found.not_known {
        page::advice(&format!("· not known: {text}"));
    }
    // What comes first may leave nothing of that.
    if is_left && can_plan {
        page::advice("refit plan shows what would be done; refit apply does it");
    }
}

fn document(
    project: &str,
    place: &Place,
    rows: &[Row],
    found: &Comparison,
    unfinished: &[String],
) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "service": row.service, "state": row.state, "health": row.health,
                "image": row.image, "since": row.since.map(|at| at.to_string()),
                "restarts": row.restarts,
            })
        })
        .collect();
    let drifts: Vec<Value> = found
        .drifts
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
        "not_known": found.not_known,
        "other_project": found.other_project.as_ref().map(|other| json!({
            "text": other.text, "hint": other.hint.as_deref().map(called::fit),
        })),
        "unfinished": unfinished.iter().map(|text| called::fit(text)).collect::<Vec<_>>(),
    })
}

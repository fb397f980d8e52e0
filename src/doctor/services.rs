//! Services that do not run as the files say. Pure.

use super::finding::{Finding, FindingCode};
use super::patient::{Patient, SeenContainer};
use crate::docker::container::{Health, State};
use crate::event::{Action, ServiceName};

/// So many restarts are worth a word: a store that starts later than the application makes for one
/// or two.
const MANY: u32 = 3;

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let Some(containers) = patient.containers else {
        return Vec::new();
    };
    let is_done = |seen: &SeenContainer| {
        let ended = seen.state == State::Exited && seen.exit_code == 0;
        ended && patient.one_shots.contains(&seen.service)
    };
    let is_quiet = |seen: &SeenContainer| !seen.is_up() && (seen.on_purpose || is_done(seen));
    let other = patient.other_project.map(|complaint| {
        let finding = Finding::new(FindingCode::OtherProject, complaint.text.clone());
        finding.hint(complaint.hint.clone().unwrap_or_default())
    });
    // What is done about the rest is refused until it is known which project is meant.
    if containers.is_empty() && other.is_some() {
        return other.into_iter().collect();
    }
    if containers.iter().all(is_quiet) {
        let finding = Finding::new(FindingCode::StackDown, "nothing of this stack runs");
        return vec![finding.hint("refit apply")];
    }
    let model = &patient.resolved.model;
    let mut found: Vec<Finding> = other.into_iter().collect();
    for name in model.in_dependency_order() {
        let own: Vec<&SeenContainer> = containers
            .iter()
            .filter(|seen| seen.service == name)
            .collect();
        let wanted = model
            .services
            .get(&name)
            .is_some_and(|service| service.replicas > 0 && !service.has_provider());
        if own.is_empty() && wanted && model.is_active(&name, patient.profiles) {
            found.push(stopped(&name, "has no container"));
        }
        let sick = own.into_iter().filter(|seen| !is_done(seen));
        let of_containers: Vec<Finding> = sick
            .filter_map(|seen| of_container(patient, &name, seen))
            .collect();
        found.extend(with_its_run(patient, &name, of_containers));
    }
    let is_told = |service: &ServiceName, action: Action| {
        let told = found
            .iter()
            .any(|finding| finding.service.as_ref() == Some(service));
        let own = containers.iter().filter(|seen| seen.service == *service);
        let began = own.clone().any(|seen| seen.state != State::Created);
        told && (action == Action::Start || action == Action::None && !began && own.count() > 0)
    };
    let differing: Vec<Finding> = patient
        .drifts
        .iter()
        .filter(|drift| !is_told(&drift.service, drift.action))
        .filter(|drift| !patient.tells_of_mount(drift))
        .map(|drift| {
            let text = format!("{} {}", drift.service, drift.reason.text);
            let finding = Finding::new(FindingCode::Differs, text).of(&drift.service);
            let finding = match &drift.reason.key {
                Some(key) => finding.key(key),
                None => finding,
            };
            match (&drift.keeps, drift.is_mended_by_apply()) {
                (Some(keeps), _) => finding
                    .why("refit apply would go back to the older one")
                    .hint(keeps.clone()),
                (None, true) => finding.hint("refit apply"),
                (None, false) => finding,
            }
        })
        .collect();
    found.extend(differing);
    let unnamed = patient.unnamed.into_iter();
    found.extend(unnamed.map(|text| Finding::new(FindingCode::Differs, text)));
    found
}

/// What is said of a service together with the run since which it is so: that one can be undone.
fn with_its_run(patient: &Patient<'_>, name: &ServiceName, found: Vec<Finding>) -> Vec<Finding> {
    let mut all = patient.aftermath.iter();
    let Some(since) = all.find(|one| one.service == *name) else {
        return found;
    };
    let is_of_it = |finding: &Finding| {
        matches!(
            finding.code,
            FindingCode::ServiceFailed
                | FindingCode::ServiceUnhealthy
                | FindingCode::ServiceRestarted
        )
    };
    if since.as_before {
        let so_before = |finding: Finding| match is_of_it(&finding) {
            true => finding.why(since.text.clone()),
            false => finding,
        };
        return found.into_iter().map(so_before).collect();
    }
    let (of_it, mut others): (Vec<Finding>, Vec<Finding>) = found.into_iter().partition(is_of_it);
    let finding = Finding::new(FindingCode::SinceRun, &since.text)
        .of(name)
        .hint(since.hint());
    others.push(match of_it.into_iter().next() {
        Some(first) => finding.why(first.text),
        None => finding,
    });
    others
}

fn stopped(name: &ServiceName, how: &str) -> Finding {
    Finding::new(FindingCode::ServiceStopped, format!("{name} {how}"))
        .of(name)
        .hint(format!("refit apply {name}"))
}

fn of_container(
    patient: &Patient<'_>,
    name: &ServiceName,
    seen: &SeenContainer,
) -> Option<Finding> {
    let failed = |text: String| {
        Finding::new(FindingCode::ServiceFailed, text)
            .of(name)
            .hint(format!("docker compose logs --tail 50 {name}"))
    };
    let code = seen.exit_code;
    Some(match seen.state {
        State::Exited | State::Restarting | State::Dead if seen.oom_killed => {
            starved(patient, name)
        }
        State::Restarting => failed(format!(
            "{name} exits with {code} again and again: {} restarts",
            seen.restarts
        )),
        State::Exited if seen.on_purpose && code != 0 => stopped(name, "is stopped"),
        State::Exited if seen.on_purpose => {
            stopped(name, "exited with 0, and is not running").why(format!(
                "if it is a one-off, say so in refit.yaml: services: {{{name}: {{one_shot: true}}}}"
            ))
        }
        State::Exited => failed(format!("{name} exited with {code}")),
        State::Created => {
            let why = match seen.error.as_str() {
                "" => String::new(),
                error => format!(": {error}"),
            };
            failed(format!("{name} was created and never started{why}"))
                .hint(format!("refit apply {name}"))
        }
        State::Dead => failed(format!("{name} is dead: the engine could not remove it")),
        State::Paused => stopped(name, "is paused").hint(format!("docker compose unpause {name}")),
        State::Removing => return None,
        State::Running => return of_running(patient, name, seen),
    })
}

fn of_running(patient: &Patient<'_>, name: &ServiceName, seen: &SeenContainer) -> Option<Finding> {
    if seen.oom_killed {
        return Some(starved(patient, name));
    }
    if seen.health == Health::Unhealthy {
        let said = seen
            .health_output
            .as_deref()
            .map(str::trim)
            .unwrap_or_default();
        let last = said.lines().last().filter(|line| !line.is_empty());
        let why = last.map(|line| format!(": {line}")).unwrap_or_default();
        let text = format!("{name} runs, and its healthcheck fails{why}");
        let finding = Finding::new(FindingCode::ServiceUnhealthy, text).of(name);
        return Some(finding.hint(format!("docker compose logs --tail 50 {name}")));
    }
    if seen.crashing && seen.restarts >= MANY {
        let text = format!("{name} does not stay up: {} restarts so far", seen.restarts);
        let finding = Finding::new(FindingCode::ServiceFailed, text).of(name);
        return Some(finding.hint(format!("docker compose logs --tail 50 {name}")));
    }
    (seen.restarts >= MANY).then(|| {
        let text = format!(
            "{name} runs, and the engine had to start it again {} times",
            seen.restarts
        );
        let finding = Finding::new(FindingCode::ServiceRestarted, text).of(name);
        finding.hint(format!("docker compose logs --tail 50 {name}"))
    })
}

fn starved(patient: &Patient<'_>, name: &ServiceName) -> Finding {
    let text = format!("{name} was OOM-killed");
    let finding = Finding::new(FindingCode::OutOfMemory, text).of(name);
    let service = patient.resolved.model.services.get(name);
    let limit = service.and_then(|service| {
        let deploy = service.raw.get("deploy");
        let deployed = deploy.and_then(|deploy| deploy.pointer("/resources/limits/memory"));
        match (service.raw.get("mem_limit"), deployed) {
            (Some(_), _) => Some("mem_limit"),
            (None, Some(_)) => Some("deploy.resources.limits.memory"),
            (None, None) => None,
        }
    });
    match limit {
        Some(limit) => finding.why(format!("its {limit} is too low")).hint(format!(
            "refit get services.{name}.{limit}, and refit set it higher"
        )),
        None => finding
            .why("it has no limit of its own, so the machine ran out of memory")
            .hint("docker stats --no-stream"),
    }
}

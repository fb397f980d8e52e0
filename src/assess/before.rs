//! Looks at the services that are about to be touched: on which ports they answer, whether their probes
//! succeed, how long they took to be well in earlier runs. One question to each port at most.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;

use crate::assessment::Assessment;
use crate::docker::container::{Container, Health, State};
use crate::event::{Action, ServiceName};
use crate::health::aftermath::LeftContainer;
use crate::health::before::SeenBefore;
use crate::health::ports::PortsBefore;
use crate::host::http::{self, PageRequest};
use crate::stack::Place;
use crate::stack::snapshot::{EngineSide, Replica};
use crate::state::{StackState, runs, statistics};

/// How long a port may take to say whether it speaks HTTP.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a probe may take, as while it is watched.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);

/// What is seen of them now. What cannot be seen is not known, and no reason to refuse.
pub(crate) async fn look(place: &Place, assessment: &Assessment, state: &StackState) -> SeenBefore {
    let steps = assessment.plan.steps.iter();
    let touched = steps.filter(|step| match step.action {
        Action::Signal | Action::Restart | Action::Start | Action::Recreate | Action::Rebuild => {
            true
        }
        Action::None | Action::Remove => false,
    });
    let touched: BTreeSet<&ServiceName> = touched.map(|step| &step.service).collect();
    let runs = |name: &ServiceName| {
        let mut own = assessment.containers.iter();
        own.any(|container| container.service == *name && container.is_up())
    };
    let running: Vec<&ServiceName> = touched.into_iter().filter(|name| runs(name)).collect();
    if running.is_empty() {
        return SeenBefore::default();
    }
    let project = &assessment.after.name;
    let (side, failing) = tokio::join!(
        EngineSide::look_at_containers(&place.docker, project),
        failing(place, &running)
    );
    let (mut seen_ports, mut restarts) = (BTreeMap::new(), BTreeMap::new());
    let side = side.ok().map(|mut side| {
        side.look_at_ports(&place.docker, &running);
        side
    });
    if let Some(side) = &side {
        for service in &running {
            let own = side.of_service(service).into_iter();
            let most = own.filter_map(|one| usize::try_from(one.restarts).ok());
            restarts.insert((*service).clone(), most.max().unwrap_or_default());
        }
        seen_ports = ports(place, side, &running).await;
    }
    let answering = answering(place, assessment, &running, &seen_ports, &failing);
    let mut seen = SeenBefore::new(seen_ports, failing, statistics::took(state), restarts);
    for (service, what) in answering {
        seen.answers(service, what);
    }
    if let Some(side) = &side {
        let left = runs::left(state);
        for service in running {
            ends(place, side, service, &left, &mut seen).await;
            let own = side.of_service(service);
            let runs = |one: &&Replica| one.state.is_up() && one.health != Health::Unhealthy;
            if own.iter().all(runs) && !seen.ports(service).answered.is_empty() {
                seen.listens(service.clone());
            }
        }
    }
    seen
}

/// Services whose probe fails, with what came instead.
async fn failing(place: &Place, services: &[&ServiceName]) -> BTreeMap<ServiceName, String> {
    let probes = services.iter().filter_map(|service| {
        let probe = place.settings.service(service).probe?;
        Some(async move {
            let answer = http::get(probe.url.clone(), PROBE_PATIENCE).await;
            let failed = probe.judge(&answer).err()?;
            Some(((*service).clone(), failed))
        })
    });
    join_all(probes).await.into_iter().flatten().collect()
}

/// How the containers of a service ended time after time: by what the engine knows of them, and by what
/// the last run knew of the ones before.
async fn ends(
    place: &Place,
    side: &EngineSide,
    service: &ServiceName,
    left: &BTreeMap<String, LeftContainer>,
    seen: &mut SeenBefore,
) {
    let (mut again, mut well) = (0, 0);
    for one in side.of_service(service) {
        let ran = one.started().map(|at| Timestamp::now().duration_since(at));
        let ran = ran.and_then(|ran| Duration::try_from(ran).ok());
        let restarts = u32::try_from(one.restarts).unwrap_or_default();
        // What is not known is no reason to bear an end.
        let own = place.docker.pace(&one.id, restarts).await;
        let own = own.unwrap_or_default();
        let pace = match left.get(&one.id).zip(ran) {
            Some((left, ran)) => left.pace(own, ran),
            None => own,
        };
        if let Some(pace) = pace {
            // The engine asks its healthcheck anew after each start.
            let ran = ran.filter(|_| one.health != Health::Healthy);
            seen.ended(service, pace, ran);
        }
        again += usize::from(restarts > 0);
        well += usize::from(own.is_some_and(|pace| pace.exit_code == Some(0)));
    }
    if again > 0 && again == well {
        seen.starts_over(service.clone());
    }
}

/// Services that the engine calls unhealthy and that answer: to their probe, or on a port over HTTP.
fn answering(
    place: &Place,
    assessment: &Assessment,
    running: &[&ServiceName],
    ports: &BTreeMap<ServiceName, PortsBefore>,
    failing: &BTreeMap<ServiceName, String>,
) -> Vec<(ServiceName, String)> {
    let unhealthy = running.iter().filter(|name| is_unhealthy(assessment, name));
    let answering = unhealthy.filter_map(|name| {
        let asked = ports.get(*name).and_then(|ports| {
            let (port, status) = ports.asked()?;
            Some((ports.published.get(&port)?.port(), status))
        });
        let what = match (place.settings.service(name).probe, asked) {
            (Some(_), _) if failing.contains_key(*name) => return None,
            (Some(_), _) => "answers to its probe".to_owned(),
            (None, Some((port, status))) if status < 500 => format!("answers on port {port}"),
            (None, Some(_) | None) => return None,
        };
        Some(((*name).clone(), what))
    });
    answering.collect()
}

/// Whether each of its containers runs, and the engine calls one of them unhealthy.
pub(crate) fn is_unhealthy(assessment: &Assessment, service: &ServiceName) -> bool {
    let all = assessment.containers.iter();
    let own: Vec<&Container> = all.filter(|one| one.service == *service).collect();
    own.iter()
        .all(|one| one.state == State::Running && !one.crashing)
        && own.iter().any(|one| one.health == Health::Unhealthy)
}

async fn ports(
    place: &Place,
    side: &EngineSide,
    services: &[&ServiceName],
) -> BTreeMap<ServiceName, PortsBefore> {
    let seen = services.iter().map(|service| async {
        let mut ports = PortsBefore::of(side, service);
        // Published ports of another machine are not here.
        if place.docker.endpoint.is_local() {
            let questions = ports
                .worth_asking()
                .into_iter()
                .map(|(port, address)| async move {
                    let request = PageRequest {
                        url: format!("http://{address}/"),
                        ..PageRequest::default()
                    };
                    let reply = http::ask(request, PATIENCE).await.ok()?;
                    Some((port, reply.status))
                });
            for (port, status) in join_all(questions).await.into_iter().flatten() {
                ports.spoke_http(port, status);
            }
        }
        ((*service).clone(), ports)
    });
    join_all(seen).await.into_iter().collect()
}

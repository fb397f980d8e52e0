//! What is looked at before the first container stops: everything that can fail early.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use crate::assessment::{Assessment, Change};
use crate::complaint::{Code, Complaint};
use crate::docker::container::PublishedPort;
use crate::docker::running::Neighbour;
use crate::event::{Action, ServiceName};
use crate::host::files;
use crate::plan::guard::Guard;
use crate::plan::{Plan, Step};
use crate::stack::drift::mounted::{self, MountedKind, SeenMount};
use crate::stack::model::{Bind, Model, Port, Section, Service};
use crate::stack::{Place, routes};
use crate::suggest;

/// Free space that a build or pull is to find: less, and even a small image may not fit.
const DISK_WANTED: u64 = 512 << 20;

/// Checks a plan against the host; `brings` says whether a path is there after the change.
///
/// # Errors
/// The first check that says no, with the flag that allows it where there is one.
pub(crate) async fn all(
    place: &Place,
    after: &Model,
    plan: &Plan,
    allow: &BTreeSet<Guard>,
    brings: impl Fn(&Path) -> bool,
) -> Result<Vec<String>, Complaint> {
    let mut notes = Vec::new();
    if place.docker.endpoint.is_local() {
        for step in plan
            .steps
            .iter()
            .filter(|step| step.action != Action::Remove)
        {
            let lost = lost_binds(place, after, step, &brings).await?;
            bind_sources(after, step, allow, &brings, &lost, &mut notes)?;
        }
    }
    ports(place, after, plan).await?;
    container_names(place, after, plan).await?;
    disk(place, plan, allow).await?;
    Ok(notes)
}

/// A service of a provider is started by Compose alone, and whoever depends on it would lose what the
/// provider gave it: refit makes containers without their dependencies (F77).
///
/// # Errors
/// `not_supported`.
pub(crate) fn providers(assessment: &Assessment) -> Result<(), Complaint> {
    let model = &assessment.after;
    for step in &assessment.plan.steps {
        let service = &step.service;
        let own = model.services.get(service);
        let text = if own.is_some_and(Service::has_provider) {
            format!("{service} has a provider, which refit does not call")
        } else if let Some(provider) = model.provider_of(service)
            && step.action.makes_container()
        {
            format!(
                "{service} gets variables from the provider of {provider}, and would lose them: refit does \
                 not call it"
            )
        } else {
            continue;
        };
        let how = match assessment.supply().is_some() {
            // An upgrade has no --no-apply.
            true => format!(
                "git pull takes the new version by hand; docker compose up -d {service} applies it"
            ),
            false => {
                format!("--no-apply writes the change; docker compose up -d {service} applies it")
            }
        };
        return Err(Complaint::new(Code::NotSupported, text).hint(how));
    }
    Ok(())
}

/// Compose does not give other options to a volume that exists, and the data in it would be lost with
/// it (F76). A new version that brings them is told, and goes on.
///
/// # Errors
/// `volume_exists`.
pub(crate) async fn volumes(
    place: &Place,
    assessment: &Assessment,
) -> Result<Vec<String>, Complaint> {
    let (Some(before), after) = (&assessment.before, &assessment.after) else {
        return Ok(Vec::new());
    };
    let is_told = match assessment.change {
        Change::Edit | Change::Recipe { .. } => false,
        Change::Upgrade { .. } => true,
        Change::Apply(_) | Change::Restart { .. } | Change::Rollback(_) => return Ok(Vec::new()),
    };
    let defined = after.shared.get(&Section::Volumes).into_iter().flatten();
    let changed = defined.filter(|(key, is)| {
        let was = before.shared(Section::Volumes, key);
        let name = |model: &Model| model.engine_name(Section::Volumes, key);
        was.is_some_and(|was| was != *is) && name(before) == name(after)
    });
    let changed: Vec<String> = changed
        .map(|(key, _)| after.engine_name(Section::Volumes, key))
        .collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let there = place.docker.all_volumes().await?;
    let mut kept = changed.into_iter().filter(|name| there.contains_key(name));
    if is_told {
        let told = kept.map(|name| {
            format!(
                "the volume {name} exists, and keeps its options: Compose gives those of this version to a \
                 new volume only"
            )
        });
        return Ok(told.collect());
    }
    match kept.next() {
        None => Ok(Vec::new()),
        Some(name) => {
            let text = format!(
                "the volume {name} exists and keeps its options: Compose gives them to a new volume only"
            );
            let hint = format!(
                "define a new volume beside it and copy the data, or remove it with its data: docker \
                 compose down && docker volume rm {name}, then the same command again"
            );
            Err(Complaint::new(Code::VolumeExists, text).hint(hint))
        }
    }
}

/// What containers still have of binds whose source is gone, by their place.
async fn lost_binds(
    place: &Place,
    after: &Model,
    step: &Step,
    brings: impl Fn(&Path) -> bool,
) -> Result<BTreeMap<PathBuf, MountedKind>, Complaint> {
    let binds = after.services.get(&step.service).map(|one| &one.binds);
    let gone = binds
        .into_iter()
        .flatten()
        .filter(|bind| !brings(&bind.source));
    // What the change itself takes away is there to be seen still.
    let (going, gone): (Vec<&Bind>, Vec<&Bind>) = gone.partition(|bind| bind.source.exists());
    let kind = |bind: &Bind| match bind.source.is_dir() {
        true => MountedKind::Folder,
        false => MountedKind::File,
    };
    let going = going.into_iter();
    let mut lost: BTreeMap<PathBuf, MountedKind> = going
        .map(|bind| (bind.target.clone(), kind(bind)))
        .collect();
    if gone.is_empty() {
        return Ok(lost);
    }
    let own = place.of_project(&after.name).into_iter();
    for container in own.filter(|one| one.service == step.service) {
        let Some(inspected) = place.docker.inspect(&container.id).await? else {
            continue;
        };
        for bind in &gone {
            if let SeenMount::Gone(kind) = mounted::of_bind(&inspected, bind) {
                lost.insert(bind.target.clone(), kind);
            }
        }
    }
    Ok(lost)
}

/// F13: Compose makes a folder where a file is missing, or the engine refuses to start.
fn bind_sources(
    after: &Model,
    step: &Step,
    allow: &BTreeSet<Guard>,
    brings: impl Fn(&Path) -> bool,
    lost: &BTreeMap<PathBuf, MountedKind>,
    notes: &mut Vec<String>,
) -> Result<(), Complaint> {
    let Some(service) = after.services.get(&step.service) else {
        return Ok(());
    };
    let granted = routes::granted_files(after, service).into_iter();
    let mut gone = granted.filter(|one| !one.file.exists() && !brings(&one.file));
    if let Some(gone) = gone.next().filter(|_| !allow.contains(&Guard::MissingBind)) {
        let text = format!(
            "{} gets {} from {}, which does not exist: it would not start",
            step.service,
            gone.name,
            gone.file.display()
        );
        let hint = "make the file first, or allow it: --allow missing-bind";
        return Err(Complaint::new(Code::BindMissing, text).hint(hint));
    }
    for bind in service.binds.iter().filter(|bind| !brings(&bind.source)) {
        let source = bind.source.display();
        let lost = lost.get(&bind.target);
        if lost == Some(&MountedKind::Folder) && !allow.contains(&Guard::BindVanishes) {
            let what = match bind.source.exists() {
                true => format!(
                    "what lies in {source} at {}, which this change removes",
                    bind.target.display()
                ),
                false => format!(
                    "what lay in {source} at {}, and {source} does not exist",
                    bind.target.display()
                ),
            };
            let text = format!(
                "{} has {what}: it would start without its data",
                step.service
            );
            let hint = "put the folder back, or allow it: --allow bind-vanishes";
            return Err(Complaint::new(Code::GuardBind, text).hint(hint));
        }
        let is_file = match lost {
            Some(kind) => *kind == MountedKind::File,
            None => bind.looks_like_file(),
        };
        if bind.creates_source && !is_file {
            notes.push(format!(
                "{source} does not exist; Docker will create a folder there, owned by root"
            ));
        } else if !allow.contains(&Guard::MissingBind) {
            let then = if bind.creates_source {
                "Docker would create a folder in its place"
            } else {
                // 2.26 refuses the long syntax, 2.40 makes a folder unless it is told not to.
                "it would not start, or find an empty folder there"
            };
            return Err(Complaint::new(
                Code::BindMissing,
                format!(
                    "{} mounts {source}, which {}: {then}",
                    step.service,
                    match bind.source.exists() {
                        true => "this change removes",
                        false => "does not exist",
                    }
                ),
            )
            .hint("make the file first, or allow it: --allow missing-bind"));
        }
    }
    Ok(())
}

/// F8: a port that is taken is found out by Compose only when the old container is gone.
async fn ports(place: &Place, after: &Model, plan: &Plan) -> Result<(), Complaint> {
    let making: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|s| s.action.makes_container())
        .collect();
    let wanted: Vec<(&ServiceName, &Port)> = making
        .iter()
        .filter_map(|step| Some((&step.service, after.services.get(&step.service)?)))
        .flat_map(|(name, service)| service.ports.iter().map(move |port| (name, port)))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let running = place.docker.running().await?;
    let own = place.of_project(&after.name);
    let given_up: Vec<&str> = own
        .iter()
        .filter(|container| {
            plan.step(&container.service)
                .is_some_and(|s| frees_ports(s.action))
        })
        .map(|container| container.id.as_str())
        .collect();
    for (service, port) in wanted {
        let clash = |ip: &str| ip == port.ip || is_any(ip) || is_any(&port.ip);
        let holds = |held: &PublishedPort| {
            held.port == port.published && held.protocol == port.protocol && clash(&held.ip)
        };
        let holders: Vec<&Neighbour> = running
            .iter()
            .filter(|container| container.ports.iter().any(holds))
            .collect();
        let other = holders
            .iter()
            .find(|container| !given_up.contains(&container.id.as_str()));
        if let Some(Neighbour { name, .. }) = other {
            return Err(in_use(service, port, &format!("by the container {name}")));
        }
        if holders.is_empty() && place.docker.endpoint.is_local() && !can_bind(port) {
            return Err(in_use(service, port, "by another program on this host"));
        }
    }
    Ok(())
}

/// A name that another container has is found out by Compose only when the old container is gone. Two that
/// swap theirs have each other's at that moment.
async fn container_names(place: &Place, after: &Model, plan: &Plan) -> Result<(), Complaint> {
    let making = plan.steps.iter().filter(|s| s.action.makes_container());
    for step in making {
        let service = after.services.get(&step.service);
        let Some(name) = service.and_then(|service| service.text("container_name")) else {
            continue;
        };
        let Some(holder) = place.docker.holder_of(&name).await? else {
            continue;
        };
        let is_own = holder.project.as_deref() == Some(after.name.as_str());
        let of = holder.service.as_ref().filter(|_| is_own);
        let goes = |other: &ServiceName| {
            *other == step.service || plan.step(other).is_some_and(|s| s.action == Action::Remove)
        };
        if of.is_some_and(goes) {
            continue;
        }
        let (by, hint) = match (of, &holder.project) {
            (Some(other), _) => (
                format!("by {other} of this stack"),
                format!("give {other} another name in a run of its own first"),
            ),
            (None, Some(project)) => (
                format!("by a container of the project {project}"),
                "choose another name, or rename that container: docker rename".to_owned(),
            ),
            (None, None) => (
                "by a container that no Compose project has".to_owned(),
                format!("choose another name, or rename that one: docker rename {name} NEW"),
            ),
        };
        let text = format!(
            "the container_name {name} of {} is in use {by}",
            step.service
        );
        return Err(Complaint::new(Code::NameInUse, text).hint(hint));
    }
    Ok(())
}

fn frees_ports(action: Action) -> bool {
    matches!(action, Action::Recreate | Action::Rebuild | Action::Remove)
}

fn is_any(ip: &str) -> bool {
    matches!(ip, "" | "0.0.0.0" | "::")
}

fn in_use(service: &ServiceName, port: &Port, by: &str) -> Complaint {
    Complaint::new(
        Code::PortInUse,
        format!(
            "port {}/{} that {service} publishes is in use {by}",
            port.published, port.protocol
        ),
    )
    .hint("free the port, or choose another one")
}

/// Tries the port as the engine would. Only "in use" counts: what this user may not bind, the
/// engine may.
fn can_bind(port: &Port) -> bool {
    let ip = if is_any(&port.ip) {
        "0.0.0.0"
    } else {
        &port.ip
    };
    let Ok(ip) = ip.parse() else { return true };
    let address = SocketAddr::new(ip, port.published);
    let tried = match port.protocol.as_str() {
        "udp" => UdpSocket::bind(address).map(drop),
        _ => TcpListener::bind(address).map(drop),
    };
    !matches!(tried, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

async fn disk(place: &Place, plan: &Plan, allow: &BTreeSet<Guard>) -> Result<(), Complaint> {
    let builds = plan.steps.iter().any(|step| step.action == Action::Rebuild);
    if !builds || !place.docker.endpoint.is_local() || allow.contains(&Guard::LowDisk) {
        return Ok(());
    }
    let Some(root) = place.docker.data_root().await else {
        return Ok(());
    };
    match files::free_bytes(&root) {
        Some(free) if free < DISK_WANTED => Err(Complaint::new(
            Code::DiskLow,
            format!(
                "only {} MiB are free in {} for a build",
                free >> 20,
                root.display()
            ),
        )
        .hint("make room (docker system df shows what uses it), or allow it: --allow low-disk")),
        _ => Ok(()),
    }
}

/// Refuses names that are no services of the stack, with the nearest one that is.
///
/// # Errors
/// `unknown_service`.
pub(crate) fn services_exist(model: &Model, asked: &[ServiceName]) -> Result<(), Complaint> {
    for name in asked {
        if model.services.contains_key(name) {
            continue;
        }
        let known = model.services.keys().map(ServiceName::as_str);
        let nearest = suggest::nearest(name.as_str(), known)
            .map(|nearest| format!("did you mean {nearest}? "))
            .unwrap_or_default();
        let all: Vec<&str> = model.services.keys().map(ServiceName::as_str).collect();
        return Err(Complaint::new(
            Code::UnknownService,
            format!("no service {name} in this stack"),
        )
        .hint(format!("{nearest}it has: {}", all.join(", "))));
    }
    Ok(())
}

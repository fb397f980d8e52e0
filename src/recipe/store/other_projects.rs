//! Stores in containers outside of the stack: used where the application shares a network with one that
//! is protected, told of where it would be a danger.

use crate::complaint::Complaint;
use crate::docker::running::Neighbour;
use crate::health::check::encoded;
use crate::host::redis;
use crate::recipe::store::StoreRequest;
use crate::recipe::store::{ExistingStore, Stranger, is_one_of, password_of};
use crate::stack::address::is_open;
use crate::stack::url::Address;

/// The store of this name in one of the application's networks, to be used under its URL.
///
/// # Errors
/// `store_unprotected`.
pub(crate) async fn called(
    wanted: &StoreRequest<'_>,
    host: &str,
    url: &str,
) -> Result<Option<ExistingStore>, Complaint> {
    let running = others(wanted).await?;
    let Some(other) = running
        .iter()
        .find(|other| other.name == host && network(wanted, other).is_some())
    else {
        return Ok(None);
    };
    let has_password = Address::parse(url).is_some_and(|address| address.has_password);
    let stranger = wanted.ask_as_stranger(&other.id).await;
    let protected = stranger.is_kept_out(has_password);
    wanted.protected(protected, &format!("the container {host}"))?;
    Ok(Some(ExistingStore {
        host: host.to_owned(),
        url: url.to_owned(),
        note: format!("the container {host} of another stack is used, as it was before"),
    }))
}

/// A protected store in one of the application's networks. The others of the names that notes on the
/// web give them are told of.
///
/// # Errors
/// The engine's.
pub(crate) async fn of(
    wanted: &StoreRequest<'_>,
    images: &[String],
    notes: &mut Vec<String>,
) -> Result<Option<ExistingStore>, Complaint> {
    for other in &others(wanted).await? {
        let named = images.contains(&other.name);
        let Some(network) = network(wanted, other) else {
            if named {
                notes.push(stranger_note(wanted, other).await);
            }
            continue;
        };
        if !named && !is_one_of(images, Some(&other.image)) {
            continue;
        }
        let name = &other.name;
        let inspected = wanted.place.docker.inspect(&other.id).await?;
        let inspected = inspected.unwrap_or_default();
        let password = password_of(&inspected.command, |key| inspected.env.get(key).cloned());
        match (wanted.ask_as_stranger(&other.id).await, password) {
            (Stranger::Refused, Some(password)) => {
                return Ok(Some(ExistingStore {
                    host: name.clone(),
                    url: format!("redis://:{}@{name}:6379", encoded(&password)),
                    note: format!(
                        "the container {name} of another stack is a Redis with a password in the \
                         network {network}, and is used; docker compose here does not start it"
                    ),
                }));
            }
            (Stranger::Refused, None) => notes.push(format!(
                "the container {name} in the network {network} requires a password that it does not show, so this stack gets a store of its own; to use that one, give its address on \
                 standard input: refit use session-store store=redis url"
            )),
            (Stranger::Answered | Stranger::Unknown, _) => {
                notes.push(stranger_note(wanted, other).await);
            }
        }
    }
    Ok(None)
}

/// Running containers outside of the stack.
async fn others(wanted: &StoreRequest<'_>) -> Result<Vec<Neighbour>, Complaint> {
    let mut running = wanted.place.docker.running().await?;
    let project = wanted.model.name.as_str();
    running.retain(|other| other.project.as_deref() != Some(project));
    running.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(running)
}

/// A network that a container shares with the application.
fn network(wanted: &StoreRequest<'_>, other: &Neighbour) -> Option<String> {
    let own = wanted.model.engine_networks_of(wanted.service);
    own.into_iter().find(|name| other.networks.contains(name))
}

/// A store that is not used, with what it leaves open and how that is closed.
async fn stranger_note(wanted: &StoreRequest<'_>, other: &Neighbour) -> String {
    let name = &other.name;
    let why = match network(wanted, other) {
        None => format!("it is in no network of {}", wanted.service),
        Some(network) => format!("it has no password in the network {network}"),
    };
    let mut note = format!(
        "the container {name} outside of this stack is not used: {why}. This stack gets a store of \
         its own"
    );
    for port in &other.ports {
        let here = wanted.place.docker.endpoint.is_local() && is_open(&port.ip);
        if here && redis::answers_anybody(port.port).await {
            note.push_str(&format!(
                ". It is open to the network on port {} without a password; to close it: docker \
                 update --restart=no {name} && docker stop {name}",
                port.port
            ));
            break;
        }
    }
    note
}

//! Texts that Compose itself writes into a new container: secrets of a variable, configs with their
//! content in the files. No hash has them, and `up` leaves a container with the old ones (F85).

use super::difference::{Drift, drift};
use super::engine_state::{EngineState, Handed};
use crate::docker::container::Container;
use crate::event::{Action, ServiceName};
use crate::stack::model::Model;
use crate::stack::routes::{GrantedText, granted_texts};
use crate::stack::variables::OwnVariables;
use crate::stack::{Place, Resolved};

/// The texts of one service.
fn of_model(model: &Model, name: &ServiceName, own: &OwnVariables) -> Vec<GrantedText> {
    let service = model.services.get(name);
    service.map_or_else(Vec::new, |service| granted_texts(model, service, own))
}

/// Reads them out of the containers.
pub(super) async fn look(place: &Place, resolved: &Resolved, containers: &[Container]) -> Handed {
    let own = OwnVariables::read(&place.located.args);
    let mut found = Handed::new();
    for container in containers {
        for granted in of_model(&resolved.model, &container.service, &own) {
            let path = granted.target.to_string_lossy();
            // Said to be not known.
            let bytes = place.docker.file_in(&container.id, &path).await;
            let bytes = bytes.unwrap_or_default();
            found.insert((container.id.clone(), granted.target), bytes);
        }
    }
    found
}

/// Those that a container has otherwise, and those of which that is not known.
pub(super) fn of_service(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    variables: &OwnVariables,
    model: &Model,
) -> (Vec<Drift>, Vec<String>) {
    let (mut found, mut not_known) = (Vec::new(), Vec::new());
    for granted in of_model(model, name, variables) {
        let (what, object) = (granted.route.word(), &granted.name);
        let has: Vec<Option<&Vec<u8>>> = own
            .iter()
            .filter_map(|one| {
                let key = (one.id.clone(), granted.target.clone());
                seen.handed.get(&key).map(Option::as_ref)
            })
            .collect();
        let wanted = granted.text.as_ref().map(|text| text.expose().as_bytes());
        let is_other = |bytes: &&Vec<u8>| wanted.is_some_and(|wanted| bytes.as_slice() != wanted);
        if has.iter().flatten().any(is_other) {
            let text = format!(
                "has another {what} {object} than the files say, and docker compose up -d leaves it so"
            );
            let mut one = drift(name, Action::Recreate, granted.route, text);
            one.reason.key = granted.key;
            found.push(one);
        } else if has.contains(&None) || wanted.is_none() {
            not_known.push(format!(
                "whether {name} has its {what} {object} as the files say"
            ));
        }
    }
    (found, not_known)
}

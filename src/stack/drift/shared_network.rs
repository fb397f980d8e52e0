//! Who lives in the network of another container has it until that one is started again: then the network
//! of before is gone, and nothing but `lo` is left (F87). Pure.

use std::collections::HashMap;

use super::difference::{Drift, drift};
use crate::docker::container::{Inspected, State};
use crate::event::{Action, Route, ServiceName};

/// What a container lost with the start of the one whose network it shares; `hosts` are those, also of
/// other projects and of none.
pub(super) fn of_container(
    name: &ServiceName,
    inspected: &Inspected,
    hosts: &HashMap<String, Inspected>,
) -> Option<Drift> {
    let id = inspected
        .reach
        .network_of
        .as_deref()
        .filter(|id| *id != "host")?;
    if inspected.state != State::Running {
        return None;
    }
    let Some(host) = hosts.get(id) else {
        let text = "the container whose network it shares is gone, and the network with it";
        return Some(drift(name, Action::Recreate, Route::Follows, text));
    };
    let is_later = host.started_at > inspected.started_at;
    let text = format!(
        "{} was started after it: the network of it that it shares is gone",
        host.name
    );
    (host.state == State::Running && is_later)
        .then(|| drift(name, Action::Restart, Route::Follows, text))
}

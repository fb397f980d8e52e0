//! What is wished of each service, with reasons.

use std::collections::BTreeMap;

use crate::event::{Action, Reason, ServiceName};

/// Actions wished for, before it is known which services run.
pub(super) type Wishes = BTreeMap<ServiceName, (Action, Vec<Reason>)>;

/// Adds a reason; the heavier action wins, and its reasons come first.
pub(super) fn wish(
    wishes: &mut Wishes,
    service: &ServiceName,
    action: Action,
    reason: Reason,
) -> bool {
    let entry = wishes
        .entry(service.clone())
        .or_insert((Action::None, Vec::new()));
    let (before, both) = (entry.0, both(entry.0, action));
    let heavier = both != before;
    if heavier {
        entry.0 = both;
        entry.1.insert(0, reason);
    } else if !entry.1.contains(&reason) {
        entry.1.push(reason);
    }
    heavier
}

/// The action that does what both ask for. Of a service for which more is wished than that containers
/// go, only some go: making the others anew leaves as many as the files say.
fn both(one: Action, other: Action) -> Action {
    match (one.min(other), one.max(other)) {
        (Action::None, Action::Remove) => Action::Remove,
        (Action::Signal | Action::Restart, Action::Remove) => Action::Recreate,
        (lighter, Action::Remove) => lighter,
        (_, heavier) => heavier,
    }
}

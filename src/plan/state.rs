//! Which of the wished actions are carried out, given what runs: services that somebody stopped stay
//! stopped, services without a container are not made by the way.

use super::inputs::Inputs;
use super::wishes::Wishes;
use crate::docker::container::{Container, State};
use crate::event::{Action, ServiceName};

/// What is done with services that do not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoppedServices {
    /// They stay as they are: the change is not about them.
    StaysStopped,
    /// They are started: the person asked for it.
    IsStarted,
}

pub(super) fn settle(
    inputs: &Inputs<'_>,
    wishes: &mut Wishes,
    remarks: &mut Vec<(ServiceName, String)>,
    stopped: StoppedServices,
) {
    for (name, (action, _)) in wishes.iter_mut() {
        let own: Vec<&Container> = inputs
            .containers
            .iter()
            .filter(|container| container.service == *name)
            .collect();
        let settled = match stopped {
            StoppedServices::IsStarted => started(*action, &own),
            StoppedServices::StaysStopped => kept(inputs, name, *action, &own, remarks),
        };
        *action = settled;
    }
}

/// `apply` and a restart by name: what does not run is started.
fn started(action: Action, own: &[&Container]) -> Action {
    match action {
        Action::Restart | Action::Signal if own.is_empty() => Action::Start,
        Action::None
        | Action::Signal
        | Action::Restart
        | Action::Start
        | Action::Recreate
        | Action::Rebuild
        | Action::Remove => action,
    }
}

/// Everything else: only what runs, or crashed, takes part.
fn kept(
    inputs: &Inputs<'_>,
    name: &ServiceName,
    action: Action,
    own: &[&Container],
    remarks: &mut Vec<(ServiceName, String)>,
) -> Action {
    if own.is_empty() {
        // A service that the change turns on is new as well.
        let before = inputs.before.services.get(name);
        let had_none = before.is_some_and(|service| service.replicas == 0);
        let is_new = had_none || !inputs.before.is_active(name, inputs.profiles_before);
        let active = inputs.after.is_active(name, inputs.profiles);
        return match action {
            Action::Start if is_new && active => Action::Start,
            Action::None | Action::Remove => Action::None,
            Action::Signal
            | Action::Restart
            | Action::Start
            | Action::Recreate
            | Action::Rebuild => {
                if active {
                    remarks.push((name.clone(), "has no container, and gets none".to_owned()));
                }
                Action::None
            }
        };
    }
    if action == Action::Remove || action == Action::None {
        return action;
    }
    if inputs.never_had.contains(name) {
        remarks.push((
            name.clone(),
            "never ran with it, and stays as it is".to_owned(),
        ));
        return Action::None;
    }
    if inputs.one_shots.contains(name) {
        // A finished one-shot is run again by a new container, as `up` would; a mere file that it
        // reads at its next run is no reason to run it now.
        let finished = own
            .iter()
            .all(|c| c.state == State::Exited && c.exit_code == Some(0));
        return if finished && !action.makes_container() {
            Action::None
        } else {
            action
        };
    }
    if own.iter().all(|container| container.stopped_on_purpose()) {
        remarks.push((
            name.clone(),
            "is stopped and stays stopped; it gets the change when it is started".into(),
        ));
        return Action::None;
    }
    // A container that was never started, or crashed, cannot be restarted into another definition,
    // but a restart is a start to the engine.
    action
}

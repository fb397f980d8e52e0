//! Which of the wished actions are carried out, given what runs: services that somebody stopped stay
//! stopped, services without a container are not made by the way.

use super::inputs::Inputs;
use super::wishes::Wishes;
use crate::docker::container::{Container, State};
use crate::event::{Action, Route, ServiceName};

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
    for (name, (action, reasons)) in wishes.iter_mut() {
        let own: Vec<&Container> = inputs
            .containers
            .iter()
            .filter(|container| container.service == *name)
            .collect();
        let settled = match stopped {
            StoppedServices::IsStarted => started(name, *action, &own, remarks),
            StoppedServices::StaysStopped => {
                let of_change = reasons.iter().any(|reason| reason.route != Route::Asked);
                let rests = resting(&own).filter(|_| !inputs.one_shots.contains(name));
                match rests.filter(|_| !matches!(action, Action::None | Action::Remove)) {
                    Some(rests) => {
                        remarks.push((name.clone(), rests.told(name, of_change)));
                        Action::None
                    }
                    None => kept(inputs, name, *action, &own, remarks),
                }
            }
        };
        *action = settled;
    }
}

/// How somebody took a service out of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resting {
    Stopped,
    Paused,
}

/// Whether somebody took all containers of a service out of work, and how.
pub(super) fn resting(own: &[&Container]) -> Option<Resting> {
    let by_hand = !own.is_empty() && own.iter().all(|one| one.stopped_on_purpose());
    let is_paused = own.iter().any(|one| one.state == State::Paused);
    by_hand.then_some(match is_paused {
        true => Resting::Paused,
        false => Resting::Stopped,
    })
}

impl Resting {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Paused => "paused",
        }
    }

    /// That it stays so, and what ends it. By a change, what runs it as it was would not bring the
    /// change.
    fn told(self, name: &ServiceName, of_change: bool) -> String {
        match (self, of_change) {
            (Self::Stopped, true) => format!(
                "is stopped and stays stopped; refit apply {name} starts it with the change"
            ),
            (Self::Stopped, false) => {
                format!("is stopped and stays stopped; refit restart {name} starts it")
            }
            (Self::Paused, true) => format!(
                "is paused and stays paused, without the change; docker compose unpause {name}, then \
                 refit apply {name} brings it"
            ),
            (Self::Paused, false) => paused(name),
        }
    }
}

fn paused(name: &ServiceName) -> String {
    format!("is paused and stays paused; docker compose unpause {name} lets it go on")
}

/// `apply` and a restart by name: what does not run is started. The engine starts no container that is
/// paused, and Compose fails on it.
fn started(
    name: &ServiceName,
    action: Action,
    own: &[&Container],
    remarks: &mut Vec<(ServiceName, String)>,
) -> Action {
    match action {
        Action::Start if own.iter().any(|one| one.state == State::Paused) => {
            remarks.push((name.clone(), paused(name)));
            Action::None
        }
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
        let text = match inputs.before.services.contains_key(name) {
            true => "never ran with it, and stays as it is",
            false => "is in the files again, and its container stays as it is",
        };
        remarks.push((name.clone(), text.to_owned()));
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
    // A container that was never started, or crashed, cannot be restarted into another definition,
    // but a restart is a start to the engine.
    action
}

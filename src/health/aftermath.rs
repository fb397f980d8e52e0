//! What became of a service after a run: whether it goes on as it did at the run's end. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::docker::container::State;
use crate::event::{RunId, ServiceName, VerdictWord};

/// A container as a run left it, well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftContainer {
    /// Its service.
    pub(crate) service: ServiceName,
    /// The engine's ID.
    pub(crate) id: String,
    /// How it was judged.
    pub(crate) verdict: VerdictWord,
    /// So often the engine had started it again by then.
    pub(crate) restarts: u32,
    /// The ports that answered, as people know them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ports: Vec<u16>,
}

/// The newest run that touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftByRun {
    /// Its number.
    pub(crate) run: RunId,
    /// When it ended.
    pub(crate) at: Timestamp,
    /// What it left.
    pub(crate) container: LeftContainer,
    /// A rollback finds something to undo of it.
    pub(crate) is_undoable: bool,
}

/// The same container now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SeenSince {
    /// State.
    pub(crate) state: State,
    /// It was stopped by somebody.
    pub(crate) on_purpose: bool,
    /// With what its process ended last, where that is known.
    pub(crate) last_exit: Option<i64>,
    /// Restarts by the engine since it was made or started by hand.
    pub(crate) restarts: u32,
    /// Its healthcheck says no.
    pub(crate) is_unhealthy: bool,
    /// On which ports it listens, as people know them; nothing where nobody could look.
    pub(crate) listens: Option<BTreeSet<u16>>,
}

/// A service that is not as a run left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// The service.
    pub(crate) service: ServiceName,
    /// The run.
    pub(crate) run: RunId,
    /// What is seen, in a sentence with the service and the run.
    pub(crate) text: String,
    /// What undoes the run, where it is one that changed something.
    pub(crate) undo: Option<String>,
}

impl Aftermath {
    /// What to type next.
    pub(crate) fn hint(&self) -> String {
        let look = || format!("docker compose logs --tail 50 {}", self.service);
        self.undo.clone().unwrap_or_else(look)
    }

    /// With what undoes it.
    pub(crate) fn told(&self) -> String {
        match &self.undo {
            Some(undo) => format!("{}; {undo} undoes it", self.text),
            None => format!("{}; {} tells more", self.text, self.hint()),
        }
    }
}

/// So many restarts are more than a slip.
const LOOP: u32 = 2;
/// Where they come less often than this, something else than the change brings them about.
const SELDOM: Duration = Duration::from_secs(60 * 60);
/// A service that was well for so long was well with the change.
const PROVEN_BY_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Judges a container that a run left, by what is seen of it now.
pub(crate) fn judge(left: &LeftByRun, seen: &SeenSince, now: Timestamp) -> Option<Aftermath> {
    let was_well = match left.container.verdict {
        VerdictWord::Healthy | VerdictWord::Answers | VerdictWord::Settled => true,
        VerdictWord::Completed | VerdictWord::Failed | VerdictWord::AlreadyFailing => false,
    };
    let since = now.duration_since(left.at).try_into().unwrap_or_default();
    if !was_well || since > PROVEN_BY_TIME {
        return None;
    }
    let (service, run) = (&left.container.service, left.run);
    let text = crashes(left, seen, since).or_else(|| worse(left, seen))?;
    Some(Aftermath {
        service: service.clone(),
        run,
        text: format!("{service} {text}"),
        undo: left.is_undoable.then(|| format!("refit rollback {run}")),
    })
}

/// That it ends again and again.
fn crashes(left: &LeftByRun, seen: &SeenSince, since: Duration) -> Option<String> {
    let times = seen.restarts.saturating_sub(left.container.restarts);
    let every = since.checked_div(times)?;
    // One that had ended and was started again before the run's end goes on so.
    let is_its_way = seen.last_exit == Some(0) && left.container.restarts > 0;
    if times < LOOP || every > SELDOM || seen.on_purpose || is_its_way {
        return None;
    }
    let exit = seen
        .last_exit
        .map(|code| format!(", the last time with exit code {code}"));
    let every = match every.as_secs() {
        0..120 => format!("{} s", every.as_secs().max(1)),
        seconds => format!("{} min", seconds / 60),
    };
    Some(format!(
        "has ended {times} times since run {}, about every {every}{}",
        left.run,
        exit.unwrap_or_default()
    ))
}

/// That it does not do what it did.
fn worse(left: &LeftByRun, seen: &SeenSince) -> Option<String> {
    let run = left.run;
    match seen.state {
        State::Exited | State::Dead | State::Restarting if !seen.on_purpose => {
            let exit = seen.last_exit.map(|code| format!(" with {code}"));
            let exit = exit.unwrap_or_default();
            return Some(format!(
                "was well at the end of run {run}, and has exited{exit}"
            ));
        }
        State::Running => {}
        State::Created
        | State::Paused
        | State::Restarting
        | State::Exited
        | State::Dead
        | State::Removing => return None,
    }
    if seen.is_unhealthy {
        return Some(format!(
            "was well at the end of run {run}, and is unhealthy"
        ));
    }
    let listens = seen.listens.as_ref()?;
    let mut ports = left.container.ports.iter();
    let gone = ports.find(|port| !listens.contains(port))?;
    Some(format!(
        "answered on port {gone} at the end of run {run}, and does not listen there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl Fn(&mut LeftByRun, &mut SeenSince), seconds: i64) -> String {
        let mut left = LeftByRun {
            run: RunId(12),
            at: Timestamp::UNIX_EPOCH,
            container: LeftContainer {
                service: "web".into(),
                id: "c1".to_owned(),
                verdict: VerdictWord::Settled,
                restarts: 1,
                ports: vec![8080],
            },
            is_undoable: true,
        };
        let mut seen = SeenSince {
            state: State::Running,
            restarts: 1,
            listens: Some(BTreeSet::from([8080])),
            ..SeenSince::default()
        };
        change(&mut left, &mut seen);
        let now = Timestamp::from_second(seconds).unwrap();
        judge(&left, &seen, now).map_or_else(String::new, |found| found.text)
    }

    #[test]
    fn who_goes_on_as_it_was_left_is_not_told() {
        assert_eq!(told(|_, _| {}, 60), "");
        // Restarts before the end of the run were borne by its verdict; one more is a slip.
        assert_eq!(told(|_, seen| seen.restarts = 2, 60), "");
        // It ends well, and did so before.
        let by_design = |_: &mut LeftByRun, seen: &mut SeenSince| {
            (seen.restarts, seen.last_exit) = (9, Some(0));
        };
        assert_eq!(told(by_design, 60), "");
        // Twice in a day is something else.
        assert_eq!(told(|_, seen| seen.restarts = 3, 86_400), "");
        assert_eq!(told(|_, seen| seen.restarts = 90, 8 * 86_400), "");
        // Nobody could look, or somebody stopped it.
        assert_eq!(told(|_, seen| seen.listens = None, 60), "");
        let stopped = |_: &mut LeftByRun, seen: &mut SeenSince| {
            (seen.state, seen.on_purpose) = (State::Exited, true);
        };
        assert_eq!(told(stopped, 60), "");
        let failing = |left: &mut LeftByRun, seen: &mut SeenSince| {
            left.container.verdict = VerdictWord::AlreadyFailing;
            seen.restarts = 90;
        };
        assert_eq!(told(failing, 60), "");
    }

    #[test]
    fn what_became_of_it() {
        let slow_loop = |_: &mut LeftByRun, seen: &mut SeenSince| {
            (seen.restarts, seen.last_exit) = (4, Some(1));
        };
        assert_eq!(
            told(slow_loop, 75),
            "web has ended 3 times since run 12, about every 25 s, the last time with exit code 1"
        );
        assert_eq!(
            told(|_, seen| seen.restarts = 5, 3600),
            "web has ended 4 times since run 12, about every 15 min"
        );
        let down = |_: &mut LeftByRun, seen: &mut SeenSince| {
            (seen.state, seen.last_exit) = (State::Exited, Some(3));
        };
        assert_eq!(
            told(down, 60),
            "web was well at the end of run 12, and has exited with 3"
        );
        assert_eq!(
            told(|_, seen| seen.is_unhealthy = true, 60),
            "web was well at the end of run 12, and is unhealthy"
        );
        assert_eq!(
            told(|_, seen| seen.listens = Some(BTreeSet::from([9090])), 60),
            "web answered on port 8080 at the end of run 12, and does not listen there"
        );
    }
}

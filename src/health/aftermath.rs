//! What became of a service after a run: whether it goes on as it did at the run's end. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::docker::container::State;
use crate::docker::crash::Pace;
use crate::event::{RunId, ServedPort, ServiceName, VerdictWord};

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
    pub(crate) ports: Vec<ServedPort>,
    /// How the one before it ended time after time, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Pace>,
}

impl LeftContainer {
    /// How it ends time after time, by its own ends since the run and by those of the one before it. Of one
    /// that has neither ended since nor outlived that one, nothing tells that it does so no more.
    pub(crate) fn pace(&self, own: Option<Pace>, ran: Duration) -> Option<Pace> {
        let is_mended = |before: &Pace| before.ran.is_none_or(|longest| ran >= longest * 2);
        match (self.before, own) {
            (Some(before), Some(own)) if before.exit_code == own.exit_code => Some(Pace {
                ends: before.ends.saturating_add(own.ends),
                ..own
            }),
            (Some(before), None) if !is_mended(&before) => Some(before),
            (Some(_) | None, own) => own,
        }
    }
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
    pub(crate) listens: Option<BTreeSet<ServedPort>>,
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
    /// What undoes the run, where it is one that changed something, and what brought it about.
    pub(crate) undo: Option<String>,
    /// It did so before the run as well.
    pub(crate) as_before: bool,
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
    let (text, as_before) = crashes(left, seen, since).or_else(|| {
        let text = worse(left, seen)?;
        Some((text, is_between_two_lives(left, seen)))
    })?;
    let before = match as_before {
        true => format!(", as before run {run}"),
        false => String::new(),
    };
    Some(Aftermath {
        service: service.clone(),
        run,
        text: format!("{service} {text}{before}"),
        undo: (left.is_undoable && !as_before).then(|| format!("refit rollback {run}")),
        as_before,
    })
}

/// One that has run for so long since its last start does not end again and again.
const CALM: Duration = Duration::from_secs(5 * 60);

/// Judges a service that ran well, and that a run could neither change nor bring back: by its container, and
/// for how long that has run.
pub(crate) fn judge_not_back(
    run: RunId,
    service: &ServiceName,
    container: Option<(&SeenSince, Option<Duration>)>,
) -> Option<Aftermath> {
    let what = match container {
        None => "has no container".to_owned(),
        // Somebody looks after it.
        Some((seen, _)) if seen.on_purpose => return None,
        Some((seen, ran)) => match seen.state {
            State::Exited | State::Dead => {
                let exit = seen.last_exit.map(|code| format!(" with {code}"));
                format!("has exited{}", exit.unwrap_or_default())
            }
            State::Restarting => "ends again and again".to_owned(),
            State::Running if seen.is_unhealthy => "is unhealthy".to_owned(),
            State::Running if seen.restarts >= LOOP && ran.is_none_or(|ran| ran < CALM) => {
                "ends again and again".to_owned()
            }
            State::Created => "was never started".to_owned(),
            State::Running | State::Paused | State::Removing => return None,
        },
    };
    Some(Aftermath {
        service: service.clone(),
        run,
        text: format!("{service} {what} since run {run}, which was not rolled back"),
        undo: None,
        as_before: false,
    })
}

/// That it ends again and again, and whether it did so before the run.
fn crashes(left: &LeftByRun, seen: &SeenSince, since: Duration) -> Option<(String, bool)> {
    let times = seen.restarts.saturating_sub(left.container.restarts);
    let every = since.checked_div(times)?;
    // One that had ended and was started again before the run's end goes on so.
    let before = left.container.before.as_ref();
    let ended_well = before.is_some_and(|was| was.exit_code == Some(0));
    let is_its_way = seen.last_exit == Some(0) && (left.container.restarts > 0 || ended_well);
    if times < LOOP || every > SELDOM || seen.on_purpose || is_its_way {
        return None;
    }
    let exit = seen
        .last_exit
        .map(|code| format!(", the last time with exit code {code}"));
    let told = match every.as_secs() {
        0..120 => format!("{} s", every.as_secs().max(1)),
        seconds => format!("{} min", seconds / 60),
    };
    let text = format!(
        "has ended {times} times since run {}, about every {told}{}",
        left.run,
        exit.unwrap_or_default()
    );
    let as_before = before.is_some_and(|was| is_same(was, every, seen.last_exit));
    Some((text, as_before))
}

/// So much shorter lives are another fault. The engine waits between them, so they only look longer.
const SHORTER: u32 = 3;

/// Whether what ends every so often ended so before, as far as is known.
fn is_same(was: &Pace, every: Duration, exit_code: Option<i64>) -> bool {
    is_same_end(was, exit_code) && was.ran.is_none_or(|ran| every * SHORTER >= ran)
}

/// What is not known of an end is held against no run.
fn is_same_end(was: &Pace, exit_code: Option<i64>) -> bool {
    match (was.exit_code, exit_code) {
        (Some(was), Some(is)) => was == is,
        (None, _) | (_, None) => true,
    }
}

/// Whether the engine starts it again, as it did time after time before the run.
fn is_between_two_lives(left: &LeftByRun, seen: &SeenSince) -> bool {
    let before = left.container.before.as_ref();
    seen.state == State::Restarting && before.is_some_and(|was| is_same_end(was, seen.last_exit))
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

    fn left() -> LeftByRun {
        LeftByRun {
            run: RunId(12),
            at: Timestamp::UNIX_EPOCH,
            container: LeftContainer {
                service: "web".into(),
                id: "c1".to_owned(),
                verdict: VerdictWord::Settled,
                restarts: 1,
                ports: vec![ServedPort::tcp(8080)],
                before: None,
            },
            is_undoable: true,
        }
    }

    fn told(change: impl Fn(&mut LeftByRun, &mut SeenSince), seconds: i64) -> String {
        let mut left = left();
        let mut seen = SeenSince {
            state: State::Running,
            restarts: 1,
            listens: Some(BTreeSet::from([ServedPort::tcp(8080)])),
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
    fn no_run_is_blamed_for_what_was_so_before() {
        let pace = |ends, ran, exit_code| Pace {
            ends,
            ran: Option::map(ran, Duration::from_secs),
            exit_code,
        };
        // By design there is nothing to tell.
        let by_design = |left: &mut LeftByRun, seen: &mut SeenSince| {
            left.container.before = Some(pace(1, Some(15), Some(0)));
            (seen.restarts, seen.last_exit) = (6, Some(0));
        };
        assert_eq!(told(by_design, 75), "");
        let blamed = |before: Pace, restarts: u32, exit_code: i64| {
            let mut left = left();
            left.container.before = Some(before);
            let seen = SeenSince {
                state: State::Running,
                restarts: left.container.restarts + restarts,
                last_exit: Some(exit_code),
                ..SeenSince::default()
            };
            let found = judge(&left, &seen, Timestamp::from_second(75).unwrap()).unwrap();
            assert_eq!(found.undo.is_none(), found.as_before, "{found:?}");
            (!found.as_before, found.text)
        };
        let slow = pace(4, Some(24), Some(1));
        let (is_blamed, text) = blamed(slow, 3, 1);
        assert_eq!(
            (is_blamed, text.as_str()),
            (
                false,
                "web has ended 3 times since run 12, about every 25 s, the last time with exit \
                 code 1, as before run 12"
            )
        );
        // More seldom, or of unknown length and end.
        assert!(!blamed(slow, 2, 1).0);
        assert!(!blamed(pace(2, None, None), 30, 1).0);
        // Another end, and lives that are far shorter.
        assert!(blamed(slow, 3, 137).0);
        assert!(blamed(pace(4, Some(24), Some(0)), 3, 1).0);
        assert!(blamed(slow, 30, 1).0);
    }

    #[test]
    fn what_one_run_saw_before_it_the_next_one_knows() {
        let of = Duration::from_secs;
        let slow = Pace {
            ends: 4,
            ran: Some(of(24)),
            exit_code: Some(1),
        };
        let left = LeftContainer {
            before: Some(slow),
            ..left().container
        };
        assert_eq!(left.pace(None, of(20)), Some(slow));
        // It has outlived the one before.
        assert_eq!(left.pace(None, of(48)), None);
        // It has ended by itself, in the same way or in another one.
        let own = |exit_code| Pace {
            ends: 1,
            ran: Some(of(20)),
            exit_code: Some(exit_code),
        };
        assert_eq!(left.pace(Some(own(1)), of(2)).unwrap().ends, 5);
        assert_eq!(left.pace(Some(own(3)), of(2)), Some(own(3)));
    }

    #[test]
    fn what_could_not_be_rolled_back_is_told_until_it_is_well() {
        let told = |seen: Option<SeenSince>, ran: u64| {
            let ran = Some(Duration::from_secs(ran));
            let container = seen.as_ref().map(|seen| (seen, ran));
            judge_not_back(RunId(3), &"db".into(), container).map(|found| found.text)
        };
        let of = |state, last_exit, restarts| {
            let on_purpose = last_exit == Some(0);
            Some(SeenSince {
                state,
                last_exit,
                restarts,
                on_purpose,
                ..SeenSince::default()
            })
        };
        assert_eq!(
            told(of(State::Exited, Some(1), 0), 0).unwrap(),
            "db has exited with 1 since run 3, which was not rolled back"
        );
        assert!(
            told(None, 0)
                .unwrap()
                .starts_with("db has no container since")
        );
        assert!(told(of(State::Restarting, None, 4), 0).is_some());
        // Between two ends.
        assert!(told(of(State::Running, None, 9), 7).is_some());
        // Somebody has put it right, or stopped it.
        assert_eq!(told(of(State::Running, None, 9), 3600), None);
        assert_eq!(told(of(State::Running, None, 0), 7), None);
        assert_eq!(told(of(State::Exited, Some(0), 0), 0), None);
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
            told(
                |_, seen| seen.listens = Some(BTreeSet::from([ServedPort::tcp(9090)])),
                60
            ),
            "web answered on port 8080 at the end of run 12, and does not listen there"
        );
    }
}

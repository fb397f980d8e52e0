//! Whether an unattended run may begin. Pure: what was, and what time it is, come from the caller.

use std::time::Duration;

use crate::complaint::{Code, Complaint};
use jiff::{Timestamp, ZonedDateTime};

use super::fields::Fields;
use super::record::Firing;
use crate::event::{NoteCode, Outcome};
use crate::settings::window::Window;

/// What bounds unattended runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// When it may begin.
    pub window: Option<Window>,
    /// So many failures in a row, and it stops trying.
    pub max_failures: u32,
    /// What builds and fetches in vain rests every second time.
    pub pauses: bool,
    /// Only where none has been since these were due last: what a machine that was off has missed.
    pub if_missed: Option<Fields>,
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is not the time.
    OutsideWindow(Window),
    /// So many have failed in a row.
    MaxFailures(u32),
    /// So many have built and fetched in vain, for want of something that may be there the next time.
    Postponed(usize),
    /// The last one was on time.
    NotMissed,
}

impl Pass {
    /// The stable code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::OutsideWindow(_) => Code::OutsideWindow,
            Self::MaxFailures(_) => Code::MaxFailures,
            Self::Postponed(_) => Code::Postponed,
            Self::NotMissed => Code::NotMissed,
        }
    }

    /// The same as the code of a note; where it is none, something is wrong and stays so.
    pub(crate) fn note_code(&self) -> Option<NoteCode> {
        match self {
            Self::OutsideWindow(_) => Some(NoteCode::OutsideWindow),
            Self::NotMissed => Some(NoteCode::NotMissed),
            Self::MaxFailures(_) | Self::Postponed(_) => None,
        }
    }

    /// For somebody who has to hear of it.
    pub(crate) fn complaint(&self) -> Complaint {
        let complaint = Complaint::new(self.code(), self.text());
        match self {
            Self::OutsideWindow(_) | Self::NotMissed => complaint,
            Self::MaxFailures(_) => complaint.hint(
                "refit history tells what happened; refit schedule run --retry tries it again",
            ),
            Self::Postponed(_) => complaint.hint("refit schedule run --retry tries it now"),
        }
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::OutsideWindow(window) => format!("it is outside of the window {window}"),
            Self::MaxFailures(count) => {
                format!("{count} unattended runs in a row failed, so no further one is tried")
            }
            Self::Postponed(count) => format!(
                "{count} unattended runs failed for a cause that may pass, so this one is skipped; the \
                 next one tries again"
            ),
            Self::NotMissed => "no run was missed".to_owned(),
        }
    }
}

impl Policy {
    /// Whether a run may begin now; `repaired`: the last time that a person's own run was applied.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn decide(
        &self,
        now: &ZonedDateTime,
        past: &[Firing],
        repaired: Option<Timestamp>,
    ) -> Result<(), Pass> {
        if let Some(window) = self.window.filter(|window| !window.is_open(now)) {
            return Err(Pass::OutsideWindow(window));
        }
        let failures = failures(past, repaired);
        if failures >= self.max_failures {
            return Err(Pass::MaxFailures(failures));
        }
        if let Some(count) = in_vain(past, repaired).filter(|_| self.pauses) {
            return Err(Pass::Postponed(count));
        }
        if let Some(fields) = &self.if_missed {
            let last = past.iter().rfind(|entry| !entry.was_let_pass());
            let due = |entry: &Firing| {
                let last = entry.at.to_zoned_datetime(now.time_zone().clone());
                fields.next(&last).is_some_and(|due| due <= *now)
            };
            if !last.is_some_and(due) {
                return Err(Pass::NotMissed);
            }
        }
        Ok(())
    }
}

/// Failures in a row until now: runs that did something, and were given up. What is refused is looked at
/// again each time, and costs nothing; what failed for want of a network or a disk is no version's fault.
pub(crate) fn failures(past: &[Firing], repaired: Option<Timestamp>) -> u32 {
    let mut count = 0;
    for entry in since(past, repaired) {
        match entry.outcome {
            Outcome::Applied => break,
            Outcome::NothingToDo | Outcome::Refused => {}
            Outcome::FailedBefore if entry.may_pass() => {}
            Outcome::FailedBefore
            | Outcome::NotProven
            | Outcome::RolledBack
            | Outcome::RollbackFailed => count += 1,
        }
    }
    count
}

/// So often it is tried each time.
const TRIED_EACH_TIME: usize = 3;

/// Whether this one rests, after how many in a row that fetched and built for nothing. Each second one tries,
/// so that what is there again is taken soon.
fn in_vain(past: &[Firing], repaired: Option<Timestamp>) -> Option<usize> {
    let is_pause = |entry: &&Firing| entry.code.as_deref() == Some(Code::Postponed.word());
    if past.last().is_some_and(|last| is_pause(&last)) {
        return None;
    }
    let is_vain = |entry: &&Firing| entry.outcome == Outcome::FailedBefore && entry.may_pass();
    let count = since(past, repaired).take_while(is_vain).count();
    (count >= TRIED_EACH_TIME).then_some(count)
}

/// Those that went to the stack, the newest first, since somebody's own run was applied.
fn since(past: &[Firing], repaired: Option<Timestamp>) -> impl Iterator<Item = &Firing> {
    let newest = past.iter().rev().filter(|entry| !entry.was_let_pass());
    newest.take_while(move |entry| repaired.is_none_or(|repaired| repaired <= entry.at))
}

/// Since when none has succeeded, where that is longer than `limit`.
pub(crate) fn stale(
    past: &[Firing],
    repaired: Option<Timestamp>,
    now: Timestamp,
    limit: Duration,
) -> Option<Timestamp> {
    let well = last_well(past).or(past.first().map(|first| first.at))?;
    let since = repaired.map_or(well, |repaired| repaired.max(well));
    let lasted = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    (lasted > limit).then_some(since)
}

/// That none has succeeded since then.
pub(crate) fn stale_text(since: &ZonedDateTime) -> String {
    format!(
        "no unattended run has succeeded since {}",
        super::shown(since)
    )
}

/// When one succeeded last.
pub(crate) fn last_well(past: &[Firing]) -> Option<Timestamp> {
    let last = past.iter().rfind(|entry| entry.is_well())?;
    Some(last.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::TimerAction;

    fn past(words: &str) -> Vec<Firing> {
        let outcome = |word| match word {
            'a' => (Outcome::Applied, None),
            'n' => (Outcome::NothingToDo, None),
            'r' => (Outcome::RolledBack, None),
            'x' => (Outcome::Refused, Some("git_failed")),
            'f' => (Outcome::FailedBefore, Some("build_failed")),
            'p' => (Outcome::FailedBefore, Some("pull_failed")),
            'P' => (Outcome::Refused, Some("postponed")),
            's' => (Outcome::NothingToDo, Some("failed_before")),
            'u' => (Outcome::NothingToDo, Some("undone_before")),
            'w' => (Outcome::NothingToDo, Some("outside_window")),
            'i' => (Outcome::RolledBack, Some("interrupted")),
            _ => (Outcome::Refused, Some("locked")),
        };
        let entries = words.chars().enumerate().map(|(index, word)| {
            let (outcome, code) = outcome(word);
            let at = Timestamp::from_second(i64::try_from(index).unwrap() * 86_400).unwrap();
            Firing {
                at,
                action: TimerAction::Upgrade,
                outcome,
                exit_code: 0,
                run: None,
                code: code.map(str::to_owned),
                text: None,
                may_pass: false,
                unanswered: Vec::new(),
            }
        });
        entries.collect()
    }

    #[test]
    fn failures_in_a_row() {
        for (words, count) in [
            ("", 0),
            ("rrr", 3),
            ("rrra", 0),
            ("rarr", 2),
            ("xxn", 0),
            // Nothing newer than what failed.
            ("rrn", 2),
            ("xrn", 1),
            ("fsf", 2),
            // What was refused touched nothing, and what may pass is no version's fault.
            ("xxxx", 0),
            ("xwlxw", 0),
            ("rpprppPp", 2),
            // The machine was switched off.
            ("rii", 1),
        ] {
            assert_eq!(failures(&past(words), None), count, "{words}");
        }
        let repaired = Timestamp::from_second(86_400 + 1).unwrap();
        assert_eq!(failures(&past("rrr"), Some(repaired)), 1);
    }

    #[test]
    fn what_fails_for_a_cause_that_may_pass_is_tried_every_time_and_then_every_second_time() {
        let policy = Policy {
            window: None,
            max_failures: 3,
            pauses: true,
            if_missed: None,
        };
        let now: ZonedDateTime = "1970-02-03T04:00[UTC]".parse().unwrap();
        let mut nights = String::new();
        for _ in 0..9 {
            nights.push(match policy.decide(&now, &past(&nights), None) {
                Ok(()) => 'p',
                Err(Pass::Postponed(_)) => 'P',
                Err(other) => panic!("{other:?} after {nights}"),
            });
        }
        assert_eq!(nights, "pppPpPpPp");
        // Another night between them begins anew, and who asks by hand is not kept waiting.
        assert_eq!(policy.decide(&now, &past("pppn"), None), Ok(()));
        let by_hand = Policy {
            pauses: false,
            ..policy
        };
        assert_eq!(by_hand.decide(&now, &past("ppp"), None), Ok(()));
    }

    #[test]
    fn a_schedule_that_comes_to_nothing_for_days_is_stale() {
        let now = Timestamp::from_second(10 * 86_400).unwrap();
        let day = |day: i64| Some(Timestamp::from_second(day * 86_400).unwrap());
        let limit = Duration::from_secs(7 * 86_400);
        let of = |words: &str, repaired| stale(&past(words), repaired, now, limit);
        assert_eq!(of("", None), None);
        assert_eq!(of("nnxxxxxxxx", None), day(1));
        assert_eq!(of("nnnnxxxxxx", None), None);
        // It has never succeeded; a person's own run counts as well.
        assert_eq!(of("xxxxxxxxxx", None), day(0));
        assert_eq!(of("xxxxxxxxxx", day(6)), None);
        // A version that failed is no success; what somebody rolled back, and a rule of ours, are.
        assert_eq!(of("assssssss", None), day(0));
        assert_eq!(of("auuuuuuuu", None), None);
        assert_eq!(of("awwwwwwww", None), day(0));
        let mut silent = past("nnnnnnnnn");
        for entry in &mut silent[2..] {
            entry.unanswered.push("h cannot be reached".to_owned());
        }
        assert_eq!(stale(&silent, None, now, limit), day(1));
    }

    #[test]
    fn a_run_waits_for_its_window_gives_up_and_makes_up() {
        let now: ZonedDateTime = "1970-01-03T04:00[UTC]".parse().unwrap();
        let policy = Policy {
            window: Some("03:00-05:00".parse().unwrap()),
            max_failures: 3,
            pauses: true,
            if_missed: None,
        };
        assert_eq!(policy.decide(&now, &past("rr"), None), Ok(()));
        let stopped = policy.decide(&now, &past("rrr"), None);
        assert_eq!(stopped, Err(Pass::MaxFailures(3)));
        let late = now
            .checked_add(jiff::SignedDuration::from_hours(1))
            .unwrap();
        let pass = policy.decide(&late, &[], None).unwrap_err();
        assert_eq!(pass.code(), Code::OutsideWindow);
        let missed = Policy {
            if_missed: Fields::read("0 3 * * *"),
            ..policy
        };
        // The last was at midnight of January 2, or of January 3.
        let decide = |words| missed.decide(&now, &past(words), None);
        assert_eq!(decide("nn"), Ok(()));
        // It was made up for just now.
        let mut made_up = past("nnn");
        made_up[2].at = now.timestamp();
        assert_eq!(missed.decide(&now, &made_up, None), Err(Pass::NotMissed));
        // One that was cut off is none; one that found the lock taken is none.
        assert_eq!(decide("nni"), Ok(()));
        assert_eq!(decide(""), Err(Pass::NotMissed), "never on time yet");
    }
}

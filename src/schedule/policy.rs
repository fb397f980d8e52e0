//! Whether an unattended run may begin. Pure: what was, and what time it is, come from the caller.

use crate::complaint::Code;
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
    /// The last one was on time.
    NotMissed,
}

impl Pass {
    /// The stable code.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::OutsideWindow(_) => Code::OutsideWindow,
            Self::MaxFailures(_) => Code::MaxFailures,
            Self::NotMissed => Code::NotMissed,
        }
    }

    /// The same as the code of a note.
    pub(crate) fn note_code(&self) -> NoteCode {
        match self {
            Self::OutsideWindow(_) => NoteCode::OutsideWindow,
            Self::MaxFailures(_) => NoteCode::MaxFailures,
            Self::NotMissed => NoteCode::NotMissed,
        }
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::OutsideWindow(window) => format!("it is outside of the window {window}"),
            Self::MaxFailures(count) => {
                format!("{count} unattended runs in a row failed, so this one is skipped")
            }
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

/// Failures in a row until now. A version that failed is not mended by there being nothing newer; a
/// registry that was away is there again once there is an answer.
pub(crate) fn failures(past: &[Firing], repaired: Option<Timestamp>) -> u32 {
    let (mut count, mut answered) = (0, false);
    for entry in past.iter().rev().filter(|entry| !entry.was_let_pass()) {
        if repaired.is_some_and(|repaired| repaired > entry.at) {
            break;
        }
        match entry.outcome {
            Outcome::Applied => break,
            Outcome::NothingToDo => answered = true,
            Outcome::NotProven | Outcome::RolledBack | Outcome::RollbackFailed => count += 1,
            Outcome::Refused | Outcome::FailedBefore if answered => break,
            Outcome::Refused | Outcome::FailedBefore => count += 1,
        }
    }
    count
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
            ("xwlxw", 2),
            // The machine was switched off.
            ("rii", 1),
        ] {
            assert_eq!(failures(&past(words), None), count, "{words}");
        }
        let repaired = Timestamp::from_second(86_400 + 1).unwrap();
        assert_eq!(failures(&past("rrr"), Some(repaired)), 1);
    }

    #[test]
    fn a_run_waits_for_its_window_gives_up_and_makes_up() {
        let now: ZonedDateTime = "1970-01-03T04:00[UTC]".parse().unwrap();
        let policy = Policy {
            window: Some("03:00-05:00".parse().unwrap()),
            max_failures: 3,
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

//! What came of an unattended run, as it is printed.

use serde_json::Value;

use crate::event::Outcome;
use crate::schedule::record::Firing;
use crate::schedule::shown;

/// An unattended run in a line.
pub(in crate::cli) fn told(entry: &Firing) -> String {
    let at = entry.at.to_zoned_datetime(jiff::tz::TimeZone::system());
    let run = entry
        .run
        .map(|run| format!(" (refit show {run})"))
        .unwrap_or_default();
    let text = entry
        .text
        .as_ref()
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    // Of what was refused for that, the reason says it already.
    let is_told = |one: &&String| entry.text.as_ref().is_none_or(|text| !text.contains(*one));
    let silent: Vec<&str> = entry
        .unanswered
        .iter()
        .filter(is_told)
        .map(String::as_str)
        .collect();
    let silent = match silent.as_slice() {
        [] => String::new(),
        all => format!("; not checked: {}", all.join("; ")),
    };
    let (word, action) = (word(entry), entry.action.word());
    format!("{}, {action}, {word}{run}{text}{silent}", shown(&at))
}

/// How it ended: what failed before anything was touched is another thing than a version that failed before.
fn word(entry: &Firing) -> &'static str {
    match entry.outcome {
        Outcome::Applied => "applied",
        Outcome::NotProven => "applied, not proven",
        Outcome::NothingToDo => "nothing to do",
        Outcome::Refused => "refused",
        Outcome::FailedBefore => "failed, and nothing was changed",
        Outcome::RolledBack => "rolled back",
        Outcome::RollbackFailed => "failed, and not rolled back",
    }
}

/// The same for JSON.
pub(in crate::cli) fn row(entry: Option<&Firing>) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}

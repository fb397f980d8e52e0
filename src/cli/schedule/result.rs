//! What came of an unattended run, as it is printed.

use serde_json::Value;

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
    let word = entry.outcome.word().replace('_', " ");
    format!("{}, {}, {word}{run}{text}", shown(&at), entry.action.word())
}

/// The same for JSON.
pub(in crate::cli) fn row(entry: Option<&Firing>) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}

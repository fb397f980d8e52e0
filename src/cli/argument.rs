//! Reading what several commands take.

use std::time::Duration;

use crate::event::ServiceName;
use crate::settings::parse_duration;

/// Reads a duration option.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// Names of services as typed.
pub(super) fn service_names(names: &[String]) -> Vec<ServiceName> {
    names.iter().map(|name| name.as_str().into()).collect()
}

/// Reads the number of a run.
pub(super) fn run_number(text: &str) -> Result<u64, String> {
    let number = text.parse();
    number.map_err(|_| format!("{text:?} is not the number of a run; refit history lists them"))
}

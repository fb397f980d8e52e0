//! Reading what several commands take.

use std::time::Duration;

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::health::limits::Limits;
use crate::report::words::secs;
use crate::settings::parse_duration;

/// Reads a duration option.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

/// How long a service without a healthcheck must run, where nobody says it.
const SETTLE: Duration = Duration::from_secs(5);

/// The limits of a watch, as typed. `name` is the option that limits the time.
///
/// # Errors
/// Nothing could settle within the time.
pub(super) fn limits(
    settle: Option<Duration>,
    timeout: Option<Duration>,
    name: &str,
) -> Result<Limits, Complaint> {
    if let (Some(settle), Some(timeout)) = (settle, timeout)
        && settle > timeout
    {
        let (settle, timeout) = (secs(settle), secs(timeout));
        let text =
            format!("--settle ({settle}) is longer than {name} ({timeout}): nothing could settle");
        return Err(Complaint::new(Code::Usage, text).hint(format!("give {name} more time")));
    }
    Ok(Limits {
        settle: settle.unwrap_or(SETTLE),
        timeout,
        ..Limits::default()
    })
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

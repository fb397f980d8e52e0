//! Durations as a person writes them.

use std::time::Duration;

use serde::Deserialize as _;
use serde::de::{self, Deserializer};

/// Days of 24 hours.
pub(super) fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}

/// `90d` as well as what durations have: days of 24 hours.
pub(super) fn age<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let count = text
        .trim()
        .strip_suffix('d')
        .and_then(|days| days.trim().parse::<u32>().ok());
    match count {
        Some(count) => Ok(days(count)),
        None => parse_duration(&text).map_err(de::Error::custom),
    }
}

/// One that may be left out.
pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).map(Some).map_err(de::Error::custom)
}

/// Reads `5s`, `1m30s`, `500ms`, `2h`; a bare number is refused, its unit would be a guess.
///
/// # Errors
/// A sentence on what is wrong with it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write 5s, 500ms or 1m30s");
    let span: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

//! `refit history --since`: from when on, and what the runs since then come to.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::report;
use crate::report::words::secs;
use crate::schedule::record::Tally;
use crate::settings::parse_duration;
use crate::state::runs::Record;
use crate::state::statistics::{Away, Sum};

/// Days of 24 hours.
const DAY: u64 = 86_400;

/// Reads `30d`, `2w`, `12h`, a date, or a point in time.
pub(super) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong = || {
        format!("{text:?} is neither a time such as 30d, 2w or 12h nor a date such as 2026-08-01")
    };
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<Date>() {
        let midnight = date.to_zoned_datetime(zone.clone()).map_err(|_| wrong())?;
        return Ok(midnight.timestamp());
    }
    let of = |unit, seconds: u64| {
        let count = text.strip_suffix(unit)?.trim().parse::<u32>().ok()?;
        Some(Duration::from_secs(u64::from(count) * seconds))
    };
    let back = of('d', DAY).or_else(|| of('w', 7 * DAY));
    let back = back.map_or_else(|| parse_duration(text).map_err(|_| wrong()), Ok)?;
    now.checked_sub(back).map_err(|_| wrong())
}

/// The same at the command line.
pub(super) fn argument(text: &str) -> Result<Timestamp, String> {
    parse(text, Timestamp::now(), &TimeZone::system())
}

/// Whether there were older runs since then that are kept no more: the numbers begin at 1.
pub(super) fn is_cut(all: &[Record], since: Timestamp) -> bool {
    let oldest = all.first();
    oldest.is_some_and(|oldest| oldest.run.0 > 1 && oldest.began > since)
}

/// The sum as JSON.
pub(super) fn document(sum: &Sum, since: Timestamp, is_cut: bool) -> Value {
    let service = |away: &Away| {
        json!({
            "runs": away.runs, "down_ms": away.down_ms, "measured": away.measured,
            "replaced_ms": away.replaced_ms, "unmeasured": away.unmeasured,
        })
    };
    let services = sum.away.iter();
    let services = services.map(|(name, away)| (name.to_string(), service(away)));
    json!({
        "since": since.to_string(),
        "complete": !is_cut,
        "runs": sum.runs,
        "applied": sum.applied,
        "not_proven": sum.not_proven,
        "written": sum.written,
        "undoing": sum.undoing,
        "rollbacks": sum.rollbacks,
        "failures": sum.failures,
        "called_off": sum.called_off,
        "unfinished": sum.unfinished,
        "services": services.collect::<serde_json::Map<String, Value>>(),
    })
}

/// The sum for a person.
pub(super) fn print(sum: &Sum, is_cut: bool) {
    let parts = [
        (sum.applied, "applied"),
        (sum.not_proven, "not proven"),
        (sum.written, "written, no container touched"),
        (sum.rollbacks, "rolled back"),
        (sum.failures, "failed"),
        (sum.called_off, "called off"),
        (sum.unfinished, "unfinished"),
    ];
    let told = |(count, word): &(usize, &str)| (*count > 0).then(|| format!("{count} {word}"));
    let parts: Vec<String> = parts.iter().filter_map(told).collect();
    let runs = match sum.runs {
        1 => "1 run".to_owned(),
        count => format!("{count} runs"),
    };
    report::out("");
    match parts.is_empty() {
        true => report::out(&runs),
        false => report::out(&format!("{runs}: {}", parts.join(", "))),
    }
    if sum.undoing > 0 {
        report::out(&format!(
            "  of those in force, {} undid others",
            sum.undoing
        ));
    }
    let width = sum.away.keys().map(|name| name.as_str().len()).max();
    for (name, away) in &sum.away {
        let width = width.unwrap_or_default();
        report::out(&format!("  {name:<width$}  {}", time_away(away)));
    }
    if is_cut {
        report::out(
            "! older runs are kept no more; keep: in refit.yaml says how many, and how long",
        );
    }
}

/// How long a service was away: what was measured apart from what was only seen of its containers.
fn time_away(away: &Away) -> String {
    let time = |millis| secs(Duration::from_millis(millis));
    let runs = match away.runs {
        1 => "1 run".to_owned(),
        count => format!("{count} runs"),
    };
    let mut parts = vec![runs];
    if away.measured > 0 {
        let of = match away.measured == away.runs {
            true => String::new(),
            false => format!(" in {} of them", away.measured),
        };
        parts.push(format!("port down {}{of}", time(away.down_ms)));
    }
    if away.replaced_ms > 0 {
        parts.push(format!("containers replaced in {}", time(away.replaced_ms)));
    }
    if away.unmeasured > 0 {
        parts.push(format!("in {} not seen to go down", away.unmeasured));
    }
    parts.join(", ")
}

/// What timers came to, most of whose times make no run.
pub(super) fn print_fired(fired: &Tally) {
    if fired.times == 0 {
        return;
    }
    let parts = [
        (fired.applied, "applied"),
        (fired.nothing_to_do, "nothing to do"),
        (fired.unanswered, "not all registries answered"),
        (fired.failures, "refused or failed"),
        (fired.let_pass, "let pass"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let times = match fired.times {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    report::out(&format!("unattended {times}: {}", parts.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_when_on() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
        let read = |text: &str| parse(text, now, &zone).map(|at| at.to_string());
        assert_eq!(read("1d").unwrap(), "2026-11-23T10:00:00Z");
        assert_eq!(read("2w").unwrap(), "2026-11-10T10:00:00Z");
        assert_eq!(read(" 90m ").unwrap(), "2026-11-24T08:30:00Z");
        assert_eq!(
            read("2026-11-01T05:00:00+01:00").unwrap(),
            "2026-11-01T04:00:00Z"
        );
        let midnight: Timestamp = parse("2026-08-01", now, &zone).unwrap();
        assert_eq!(
            midnight
                .to_zoned_datetime(zone.clone())
                .strftime("%F %T")
                .to_string(),
            "2026-08-01 00:00:00"
        );
        for wrong in [
            "",
            "d",
            "30",
            "-3d",
            "yesterday",
            "2026-13-01",
            "99999999999d",
            "4294967295d",
        ] {
            assert!(parse(wrong, now, &zone).is_err(), "{wrong}");
        }
    }
}

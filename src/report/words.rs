//! Values, sizes and times as a person reads them.

use std::time::Duration;

use crate::event::{Outcome, RunId, ServedPort, Shown};
use crate::secret::HIDDEN;

/// Images are told in bytes, everything else in pieces.
pub(super) fn counted(what: &str, done: u64, total: u64) -> String {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    match what.starts_with("pull ") {
        true => format!("{what}  {:.1}/{:.1} MiB", mib(done), mib(total)),
        false => what.to_owned(),
    }
}

pub(super) fn shown(value: &Shown) -> String {
    match value {
        Shown::Absent => "unset".to_owned(),
        Shown::Secret => HIDDEN.to_owned(),
        Shown::Plain(text) if text.is_empty() => "\"\"".to_owned(),
        Shown::Plain(text) => {
            let line = printable(text);
            match line.char_indices().nth(LONGEST_VALUE) {
                Some((end, _)) => fields(text)
                    .unwrap_or_else(|| format!("{}… ({} bytes)", &line[..end], text.len())),
                None => line,
            }
        }
    }
}

/// From one value to another.
pub(super) fn changed(before: &Shown, after: &Shown) -> String {
    match (before, after) {
        (Shown::Absent, after) => format!("{} (new)", shown(after)),
        (before, Shown::Absent) => format!("{} → removed", shown(before)),
        (before, after) => format!("{} → {}", shown(before), shown(after)),
    }
}

/// A definition, such as that of a whole service, by the names of its fields.
fn fields(text: &str) -> Option<String> {
    let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let names: Vec<String> = map.keys().map(|key| printable(key)).collect();
    Some(format!("{{{}}}", names.join(", ")))
}

/// On one line, and without what would draw on the terminal or change it.
fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if crate::text::draws(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Characters of a value that fit before a person's eyes; `refit get` prints all of it.
const LONGEST_VALUE: usize = 200;

/// What became of a run that had been cut off, for everybody who is told of it.
pub(super) fn recovered(run: RunId, outcome: Outcome) -> String {
    let how = match outcome {
        Outcome::Applied => "was cut off after it was complete; it is recorded as applied",
        Outcome::NotProven => {
            "was cut off after it was complete; what was failing before is not well"
        }
        Outcome::RolledBack => "was cut off, and is rolled back now",
        Outcome::FailedBefore | Outcome::NothingToDo | Outcome::Refused => {
            "was cut off before it changed anything"
        }
        Outcome::RollbackFailed => "was cut off, and could not be rolled back",
    };
    format!("run {run} {how}")
}

/// `80`, `80 and 443`.
pub(super) fn ports(ports: &[ServedPort]) -> String {
    let ports: Vec<String> = ports.iter().map(ServedPort::to_string).collect();
    match ports.split_last() {
        Some((last, some)) if !some.is_empty() => format!("{} and {last}", some.join(", ")),
        Some((one, _)) => one.clone(),
        None => String::new(),
    }
}

/// What is waited for, beside the time that counts up to the limit.
pub(super) fn waiting(what: &str, limit: Duration) -> String {
    let limit = limit.as_secs();
    let limit = match limit {
        0..120 => format!("{limit} s"),
        _ => format!("{} min", limit / 60),
    };
    match what {
        "" => format!("running, watched for {limit}"),
        what => format!("running, {what}, at most {limit}"),
    }
}

/// `1.2 s`, `2 min 5 s`.
pub(crate) fn secs(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    format!(
        "{} min {} s",
        duration.as_secs() / 60,
        duration.as_secs() % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_told_in_short() {
        let long = "a".repeat(300);
        let plain = |text: &str| shown(&Shown::Plain(text.to_owned()));
        assert!(plain(&long).ends_with("aa… (300 bytes)"));
        let service = format!("{{\"image\": \"{long}\", \"command\": [\"a\"]}}");
        assert_eq!(plain(&service), "{image, command}");
        assert_eq!(plain("{\"image\": 1}"), "{\"image\": 1}");
    }
}

//! What `why` prints: for a person, and as a document.

use serde_json::{Value, json};

use super::definitions::{Counting, Reached, SetAt};
use crate::edit::dotenv::EnvKey;
use crate::event::{Action, ServiceName, Shown};
use crate::profile::key_facts::KeyFact;
use crate::report::{self, page};
use crate::secret::HIDDEN;
use crate::stack::stored::StoredValue;

fn words(value: &Shown) -> String {
    match value {
        Shown::Absent => "not set".to_owned(),
        Shown::Secret => HIDDEN.to_owned(),
        Shown::Plain(text) => text.clone(),
    }
}

/// What the application is known to make of the key.
pub(super) fn print_known(key: &EnvKey, told: &KeyFact<'_>, version: Option<&str>) {
    for (index, line) in told.means().iter().enumerate() {
        let head = if index == 0 { "means" } else { "" };
        report::out(&format!("  {head:<8}  {line}"));
    }
    for line in told.warns(key.as_str(), version) {
        report::out(&format!("  {:<8}  {line}", "!"));
    }
}

/// What the application's database has.
pub(super) fn print_stored(key: &EnvKey, stored: &StoredValue) {
    let line = match stored {
        StoredValue::Is(value) => {
            let shown = Shown::of(key.as_str(), Some(value));
            format!("{}  (in the application's database)", words(&shown))
        }
        StoredValue::Absent => "nothing, so the environment counts".to_owned(),
        StoredValue::Unknown(why) => format!("not known: {why}"),
    };
    report::out(&format!("  {:<8}  {line}", "stored"));
}

/// The same in a document.
pub(super) fn stored_document(key: &EnvKey, stored: &StoredValue) -> Value {
    match stored {
        StoredValue::Is(value) => match Shown::of(key.as_str(), Some(value)) {
            Shown::Plain(text) => json!({"value": text}),
            Shown::Absent | Shown::Secret => json!({"value": null, "secret": true}),
        },
        StoredValue::Absent => json!({"value": null}),
        StoredValue::Unknown(why) => json!({"not_known": why}),
    }
}

pub(super) fn print(key: &EnvKey, set: &[SetAt], documented: Option<&str>) {
    let of_set = set.iter().map(|at| {
        let of: Vec<&str> = at.of.iter().map(ServiceName::as_str).collect();
        let of = match (at.is_definition, of.is_empty()) {
            (true, _) => format!("  (environment of {})", of.join(", ")),
            (false, false) => format!("  (of {})", of.join(", ")),
            (false, true) => String::new(),
        };
        format!("{}  {}{of}", at.place(), words(&at.value))
    });
    let mut lines: Vec<String> = of_set.collect();
    if lines.is_empty() {
        let place = documented.map(|place| format!("; documented in {place}"));
        lines.push(format!("nowhere{}", place.unwrap_or_default()));
    }
    print_lines("set in", &lines);
    if std::env::var_os(key.as_str()).is_some() {
        report::out("  !         overridden by this shell's own value wherever ${…} is used");
    }
}

/// Lines behind one word.
fn print_lines(head: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let head = if index == 0 { head } else { "" };
        report::out(&format!("  {head:<8}  {line}"));
    }
}

/// What counts, where more than one place sets the key.
pub(super) fn print_counting(key: &EnvKey, counting: &[Counting]) {
    let is_plain = counting.iter().all(|one| one.over.is_empty());
    let values: std::collections::BTreeSet<String> =
        counting.iter().map(|one| words(&one.value)).collect();
    if is_plain && values.len() < 2 {
        return;
    }
    let name = |one: &Counting| match &one.service {
        Some(service) => service.to_string(),
        None => format!("${{{key}}}"),
    };
    let width = counting.iter().map(|one| name(one).chars().count()).max();
    let width = width.unwrap_or_default();
    let lines: Vec<String> = counting
        .iter()
        .map(|one| {
            let over = match one.over.is_empty() {
                true => String::new(),
                false => format!(", over {}", one.over.join(", ")),
            };
            format!(
                "{:<width$}  {}  from {}{over}",
                name(one),
                words(&one.value),
                one.at
            )
        })
        .collect();
    print_lines("counts", &lines);
}

/// `likely` is the service that is probably meant where the key reaches none.
pub(super) fn print_reached(
    key: &EnvKey,
    reached: &[Reached],
    set: &[SetAt],
    likely: Option<&ServiceName>,
) {
    let likely = likely.map_or("SERVICE", ServiceName::as_str);
    let mut images = set
        .iter()
        .filter(|at| at.path.is_none() && !at.of.is_empty());
    if let (true, Some(image)) = (reached.is_empty(), images.next()) {
        let of: Vec<&str> = image.of.iter().map(ServiceName::as_str).collect();
        let first = of.first().copied().unwrap_or(likely);
        let all = of.join(", ");
        report::out(&format!("  reaches   {all}  from its image alone"));
        page::advice(&format!(
            "  →         refit set {key}=VALUE --for {first} sets it there"
        ));
    } else if reached.is_empty() {
        report::out("  reaches   no service");
        page::advice(&format!(
            "  →         refit set {key}=VALUE --for {likely} makes it reach {}",
            if likely == "SERVICE" { "one" } else { likely }
        ));
    }
    let width = reached
        .iter()
        .map(|r| r.service.as_str().chars().count())
        .max()
        .unwrap_or_default();
    let mut last = "";
    for one in reached {
        let head = match set.is_empty() && one.route.is_of_file() {
            true => "if set",
            false => "reaches",
        };
        let head = if head == std::mem::replace(&mut last, head) {
            ""
        } else {
            head
        };
        let then = match one.action == Action::None {
            true => "nothing",
            false => one.action.word(),
        };
        let runs = one.runs.as_ref().map(|value| match value {
            Shown::Absent => "; not set in what runs".to_owned(),
            Shown::Secret | Shown::Plain(_) => format!("; runs with {}", words(value)),
        });
        report::out(&format!(
            "  {head:<8}  {:<width$}  {:<13}  {}; a change means: {then}{}",
            one.service,
            one.route.word(),
            one.text,
            runs.unwrap_or_default(),
        ));
    }
}

pub(super) fn document(
    key: &EnvKey,
    set: &[SetAt],
    counting: &[Counting],
    reached: &[Reached],
    documented: Option<&str>,
) -> Value {
    let value = |value: &Shown| match value {
        Shown::Plain(text) => json!({"value": text}),
        Shown::Absent => json!({"value": null}),
        Shown::Secret => json!({"value": null, "secret": true}),
    };
    let set: Vec<Value> = set
        .iter()
        .map(|at| {
            let mut one = json!({"file": at.file, "line": at.line, "services": at.of});
            if let (Some(one), Value::Object(more)) = (one.as_object_mut(), value(&at.value)) {
                one.extend(more);
            }
            one
        })
        .collect();
    let counts: Vec<Value> = counting
        .iter()
        .map(|one| {
            let mut own = json!({"service": one.service, "from": one.at, "over": one.over});
            if let (Some(own), Value::Object(more)) = (own.as_object_mut(), value(&one.value)) {
                own.extend(more);
            }
            own
        })
        .collect();
    let reached: Vec<Value> = reached
        .iter()
        .map(|one| {
            json!({
                "service": one.service,
                "route": one.route.word(),
                "text": one.text,
                "action": one.action.word(),
                "runs_with": one.runs.as_ref().map(value),
            })
        })
        .collect();
    json!({"key": key.as_str(), "set": set, "counts": counts, "documented": documented, "reaches": reached})
}

//! Errors that only a new version logs: told, whether or not it is healthy.

use crate::imaged::{APP, Imaged, notes};
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, healthcheck, service};

/// `web` says what its version file holds, and runs.
fn started(first: &str, more: &str) -> Option<Imaged> {
    let registry = Registry::start()?;
    registry.push(APP, first, 1);
    let script = "tr '|' '\\n' < /version; exec sleep infinity";
    let check = healthcheck("true");
    Imaged::with(registry, |name| {
        let web = service(script, &format!("{check}, {more}")).replace(BUSYBOX, name);
        format!("  web: {web}\n")
    })
}

#[test]
fn only_what_is_new_is_told() {
    let Some(it) = started("one", "environment: {API_SECRET: hush-4711-hush}") else {
        return;
    };
    it.push("'error: search at 10.0.0.3:7700 refuses|two'");
    let first = it.upgrade(&[]).exits(0);
    assert!(
        notes(&first).contains("search at 10.0.0.3:7700 refuses"),
        "{first}"
    );
    let lines = [
        "error: search at 10.0.0.9:7700 refuses",
        "info: three",
        "error: Index build failed: email_1",
        "error: Index build failed: email_2",
        "error: no login with hush-4711-hush",
    ];
    it.push(&format!("'{}'", lines.join("|")));
    let answer = it.upgrade(&[]).exits(0);
    let told = answer.all("note");
    let told: Vec<&str> = told
        .iter()
        .filter(|note| note["code"] == "new_errors")
        .map(|note| note["text"].as_str().unwrap())
        .collect();
    assert_eq!(told.len(), 1, "{answer}");
    assert!(
        told[0].starts_with("web logs 2 errors that are new in its first "),
        "{told:?}"
    );
    assert!(
        told[0].ends_with("Index build failed: email_1; no login with •••"),
        "{told:?}"
    );
    answer.never_says("hush-4711").never_says("refuses");
    // What comes again with the next version is not new any more, and a rollback is no upgrade.
    it.push("'error: Index build failed: email_9|four'");
    let answer = it.upgrade(&[]).exits(0);
    assert!(!notes(&answer).contains("Index build"), "{answer}");
    it.stack
        .refit(&["rollback", "--settle", "300ms"])
        .exits(0)
        .never_says("that are new");
}

#[test]
fn a_log_that_cannot_be_read_is_not_looked_at() {
    let Some(it) = started("one", "logging: {driver: none}") else {
        return;
    };
    it.push("'error: two'");
    let answer = it.upgrade(&[]).exits(0);
    let notes = notes(&answer);
    assert!(
        notes.contains("not looked at: whether web logs errors that are new"),
        "{answer}"
    );
}

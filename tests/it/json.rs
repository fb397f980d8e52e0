//! What programs read: the events of a run with their fields, and nothing else on standard output.

use crate::stack::{TestStack, idle, service};
use serde_json::Value;

/// The fields that each event has beside `event`, `at` and `run`.
const FIELDS: [(&str, &[&str]); 14] = [
    ("run_started", &["command", "project", "directory"]),
    ("change", &["file", "key", "before", "after"]),
    ("plan", &["steps", "untouched"]),
    ("phase", &["phase"]),
    ("progress", &["what", "done", "total"]),
    ("container", &["service", "state", "health", "restarts"]),
    (
        "verdict",
        &[
            "service",
            "verdict",
            "reason",
            "ports",
            "after_ms",
            "running_ms",
            "down_ms",
            "down_port",
            "replaced_ms",
        ],
    ),
    ("waiting", &["service", "what", "elapsed_ms", "limit_ms"]),
    ("effect", &["service", "key", "route", "ok", "how", "text"]),
    ("rollback", &["reason"]),
    ("restored", &["files", "removed"]),
    ("logs", &["service", "lines"]),
    ("error", &["code", "text", "details", "hint"]),
    (
        "finished",
        &["outcome", "exit_code", "duration_ms", "services", "text"],
    ),
];

/// Checks the fields of an event, and that its time is one.
#[track_caller]
fn is_well_formed(event: &Value) {
    let name = event["event"].as_str().unwrap();
    let at: Result<jiff::Timestamp, _> = event["at"].as_str().unwrap().parse();
    assert!(at.is_ok(), "{event}");
    let mut keys: Vec<&str> = event
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.retain(|key| !matches!(*key, "event" | "at" | "run" | "secret"));
    if name == "note" {
        return assert_eq!(keys, ["code", "text"], "{event}");
    }
    let known = FIELDS.iter().find(|(known, _)| *known == name);
    let (_, fields) = known.unwrap_or_else(|| panic!("unknown event {event}"));
    assert_eq!(keys, *fields, "{event}");
}

fn stack() -> Option<TestStack> {
    let web = service(
        "test $MODE = good || { echo bad; exit 3; }; sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n  other: {}\n", idle(""));
    TestStack::started(&compose, &[(".env", "MODE=good\nAPI_TOKEN=hunter2222\n")])
}

fn names(events: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
    names.retain(|name| !matches!(*name, "progress" | "container" | "waiting"));
    names
}

#[test]
fn the_events_of_a_run_that_succeeds() {
    let Some(stack) = stack() else {
        return;
    };
    let answer = stack
        .refit(&["--json", "set", "API_TOKEN=swordfish", "X=1"])
        .exits(0);
    let events = answer.events();
    events.iter().for_each(is_well_formed);
    assert_eq!(
        names(&events),
        [
            "change",
            "change",
            "plan",
            "run_started",
            "phase",
            "phase",
            "phase",
            "phase",
            "phase",
            "verdict",
            "phase",
            "effect",
            "effect",
            "phase",
            "finished"
        ],
        "{answer}"
    );
    let phases: Vec<Value> = answer
        .all("phase")
        .iter()
        .map(|e| e["phase"].clone())
        .collect();
    assert_eq!(
        phases,
        [
            "checkpoint",
            "write",
            "prepare",
            "converge",
            "watch",
            "effect",
            "commit"
        ]
    );
    let changes = answer.all("change");
    assert_eq!(
        (&changes[0]["before"], &changes[0]["after"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changes[0]["secret"], true);
    assert_eq!(
        (&changes[1]["before"], &changes[1]["after"]),
        (&Value::Null, &"1".into())
    );
    assert!(changes[1].get("secret").is_none());
    let finished = answer.the("finished");
    assert_eq!(
        (&finished["outcome"], &finished["exit_code"]),
        (&"applied".into(), &0.into())
    );
    assert_eq!(finished["services"][0]["service"], "web");
    assert_eq!(finished["services"][0]["action"], "recreate");
    assert!(finished["services"][0]["replaced_ms"].is_u64());
    assert_eq!(finished["run"], 1);
    assert_eq!(answer.stderr, "");
    answer.never_says("hunter2222").never_says("swordfish");
}

#[test]
fn the_events_of_a_run_that_is_taken_back_or_refused() {
    let Some(stack) = stack() else {
        return;
    };
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--settle", "3s"])
        .exits(3);
    let events = answer.events();
    events.iter().for_each(is_well_formed);
    assert_eq!(answer.the("restored")["files"][0], ".env");
    assert!(
        answer.the("rollback")["reason"]
            .to_string()
            .contains("web exited with 3")
    );
    assert_eq!(answer.outcome(), "rolled_back");
    assert_eq!(answer.the("finished")["exit_code"], 3);
    assert_eq!(names(&events).last(), Some(&"finished"));

    let answer = stack.refit(&["--json", "apply", "nope"]).exits(1);
    answer.events().iter().for_each(is_well_formed);
    assert_eq!(names(&answer.events()), ["error", "finished"]);
    assert_eq!(answer.the("finished")["exit_code"], 1);
}

#[test]
fn questions_are_answered_with_one_document() {
    let Some(stack) = stack() else {
        return;
    };
    let document = |args: &[&str]| -> Value {
        let answer = stack.refit(args).exits(0);
        serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}\n{answer}"))
    };
    let why = document(&["--json", "why", "API_TOKEN"]);
    assert_eq!(why["set"][0]["value"], Value::Null);
    assert_eq!(why["set"][0]["secret"], true);
    assert_eq!(why["reaches"][0]["service"], "web");
    assert_eq!(why["reaches"][0]["route"], "env_file");
    assert_eq!(why["reaches"][0]["action"], "recreate");
    let get = document(&["--json", "get", "MODE"]);
    assert_eq!(get["value"], "good");
    document(&["--json", "status"]);
    document(&["--json", "history"]);
    for event in stack.refit(&["--json", "plan"]).exits(0).events() {
        is_well_formed(&event);
    }
}

#[test]
fn quiet_says_only_what_failed() {
    let Some(stack) = stack() else {
        return;
    };
    let answer = stack.refit(&["-q", "set", "X=1"]).exits(0);
    assert_eq!((&*answer.stdout, &*answer.stderr), ("", ""), "{answer}");
    stack
        .refit(&["-q", "set", "MODE=bad", "--settle", "3s"])
        .exits(3)
        .says("Rolled back");
}

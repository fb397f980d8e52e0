//! What a rollback has to look at besides the texts that it puts back: which files Compose loads then, whose
//! project the runs were of, what waits in other files, and a rollback that was cut off itself.

use std::fs;

use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle};

const OVERRIDE: &str = "services: {web: {environment: {EXTRA: '1'}}}\n";

/// `web` with `.env` as its environment.
fn compose() -> String {
    format!("services:\n  web: {}\n", idle("env_file: .env"))
}

fn back(stack: &TestStack, words: &[&str]) -> Answer {
    stack.refit(&[&["rollback"], words].concat())
}

/// What `web` runs with.
fn has(stack: &TestStack, key: &str) -> Option<String> {
    stack.container("web").env.get(key).cloned()
}

#[test]
fn an_override_file_that_comes_back_is_in_force_again() {
    let files = [
        (".env", "LEVEL=info\n"),
        ("compose.override.yaml", OVERRIDE),
    ];
    let Some(stack) = TestStack::started(&compose(), &files) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["set", "LEVEL=x"]).exits(0);
    fs::remove_file(stack.path("compose.override.yaml")).unwrap();
    stack.refit(&["apply"]).exits(0);
    assert_eq!(has(&stack, "EXTRA"), None);
    let answer = back(&stack, &[]).exits(0);
    answer
        .never_says("untouched")
        .says("Further back: refit rollback 1");
    assert_eq!(has(&stack, "EXTRA").as_deref(), Some("1"));
    stack.refit(&["apply"]).exits(0).says("Nothing to do");
    // And away again, and once more here.
    back(&stack, &["3"]).exits(0);
    assert_eq!(has(&stack, "EXTRA"), None);
    back(&stack, &["4"]).exits(0);
    assert_eq!(has(&stack, "EXTRA").as_deref(), Some("1"));
    // Nobody but refit has written it since.
    back(&stack, &["1"]).exits(0).never_says("edited");
    assert_eq!(has(&stack, "LEVEL").as_deref(), Some("info"));
    assert_eq!(has(&stack, "EXTRA").as_deref(), Some("1"));
}

#[test]
fn an_override_file_that_was_made_by_hand_goes_and_comes_with_its_run() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "LEVEL=info\n")]) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    stack.write("compose.override.yaml", OVERRIDE);
    stack.refit(&["apply"]).exits(0);
    back(&stack, &[]).exits(0);
    assert_eq!(has(&stack, "EXTRA"), None);
    back(&stack, &["2"])
        .exits(0)
        .says("run 1 is in force again");
    assert_eq!(has(&stack, "EXTRA").as_deref(), Some("1"));
    back(&stack, &["1"]).exits(0);
    assert_eq!(has(&stack, "EXTRA"), None);
}

#[test]
fn all_that_was_only_written_goes_with_the_run_that_put_it_in_force() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "LEVEL=info\n")]) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["set", "X=2", "--no-apply"]).exits(0);
    stack.refit(&["set", "LEVEL=z", "--no-apply"]).exits(0);
    stack.refit(&["apply"]).exits(0);
    let answer = back(&stack, &[]).exits(0);
    answer
        .says("runs 1 and 2 were only written: what ran before them is put in force")
        .says("Undone: runs 1–3");
    assert_eq!(stack.read(".env"), "LEVEL=info\n");
    assert_eq!(has(&stack, "X"), None);
}

#[test]
fn a_rollback_says_of_an_edit_by_hand_that_it_takes_along() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: [.env, more.env]"));
    let files = [(".env", "LEVEL=info\n"), ("more.env", "M=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["set", "LEVEL=x"]).exits(0);
    stack.write("more.env", "M=2\n");
    let answer = back(&stack, &[]).exits(0);
    answer.says("more.env was edited by hand since it was last seen in force, and not applied: web will take that as well");
    assert_eq!(has(&stack, "M").as_deref(), Some("2"));
}

//! What a rollback finds in force: what was only written, what failed and was left in place, what a
//! person edited and did not apply, what is no longer kept.

use std::fs;

use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle, service};

/// `web` and `worker` with `.env` as their environment; `web` ends at once with `MODE=bad`.
fn started() -> Option<TestStack> {
    let web = service(
        "[ $MODE = bad ] && exit 3; exec sleep infinity",
        "env_file: .env",
    );
    let worker = idle("env_file: .env");
    let compose = format!("services:\n  web: {web}\n  worker: {worker}\n");
    TestStack::started(&compose, &[(".env", "MODE=one\n")])
}

/// What `.env` says, and what the containers run with.
fn modes(stack: &TestStack) -> [String; 3] {
    let inside = |service: &str| stack.container(service).env["MODE"].clone();
    [
        stack.read(".env").trim().to_owned(),
        inside("web"),
        inside("worker"),
    ]
}

fn back(stack: &TestStack, words: &[&str]) -> Answer {
    stack.refit(&[&["rollback"], words].concat())
}

#[test]
fn to_undo_what_was_only_written_touches_no_container() {
    let Some(stack) = started() else { return };
    let (web, worker) = (stack.container("web"), stack.container("worker"));
    stack.refit(&["set", "MODE=two", "--no-apply"]).exits(0);
    stack.refit(&["set", "MODE=three", "--no-apply"]).exits(0);
    let answer = back(&stack, &[]).exits(0);
    answer.says("web never ran with it, and stays as it is");
    assert_eq!(modes(&stack), ["MODE=two", "one", "one"]);
    back(&stack, &[]).exits(0);
    assert_eq!(modes(&stack), ["MODE=one", "one", "one"]);
    web.is_untouched(&stack.container("web"));
    worker.is_untouched(&stack.container("worker"));
}

#[test]
fn to_undo_what_one_service_got_leaves_the_other_alone() {
    let Some(stack) = started() else { return };
    // The files are known from here on.
    stack.refit(&["apply"]).exits(0);
    let web = stack.container("web");
    stack.refit(&["set", "MODE=two", "--no-apply"]).exits(0);
    stack.refit(&["apply", "worker"]).exits(0);
    assert_eq!(modes(&stack), ["MODE=two", "one", "two"]);
    back(&stack, &[]).exits(0);
    assert_eq!(modes(&stack), ["MODE=one", "one", "one"]);
    web.is_untouched(&stack.container("web"));
}

#[test]
fn what_was_written_and_then_applied_goes_together() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two", "--no-apply"]).exits(0);
    stack.refit(&["apply"]).exits(0);
    assert_eq!(modes(&stack), ["MODE=two", "two", "two"]);
    back(&stack, &[]).exits(0).says("Undone: runs 1–2");
    assert_eq!(modes(&stack), ["MODE=one", "one", "one"]);
    back(&stack, &[]).exits(1).says("undone already");
}

#[test]
fn a_state_that_failed_is_passed_over() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    let bad = ["set", "MODE=bad", "--no-rollback", "--settle", "2s"];
    stack.refit(&bad).exits(4).says("left in place");
    stack.refit(&["set", "MODE=good"]).exits(0);
    let answer = back(&stack, &[]).exits(0);
    answer
        .says("undoes runs 2–3")
        .says("run 2 failed and was left in place: what was before it is put in force");
    assert_eq!(modes(&stack), ["MODE=two", "two", "two"]);
}

#[test]
fn a_way_back_that_failed_is_not_tried_again_and_undid_nothing() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    // Nobody saw that it does not start with this.
    stack.refit(&["set", "MODE=bad", "--no-apply"]).exits(0);
    stack.refit(&["set", "MODE=good"]).exits(0);
    let words = ["rollback", "3", "--settle", "2s"];
    stack.refit(&words).exits(3);
    assert_eq!(modes(&stack), ["MODE=good", "good", "good"]);
    stack
        .refit(&["history"])
        .exits(0)
        .never_says("(undid run 3)");
    let answer = back(&stack, &[]).exits(0);
    answer
        .says("undoes runs 2–3")
        .says("what was before run 3 did not work when run 4 went back to it");
    assert_eq!(modes(&stack), ["MODE=two", "two", "two"]);
}

#[test]
fn what_refit_wrote_is_not_called_a_persons_edit() {
    let Some(stack) = started() else { return };
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["set", "OTHER=1", "--no-apply"]).exits(0);
    let answer = stack.refit(&["set", "MODE=two"]).exits(0);
    answer
        .never_says("by hand")
        .says(".env: run 1 wrote it and did not apply it: web, worker will take that as well");
    stack.write(".env", "MODE=two\nOTHER=2\n");
    fs::write(
        stack.path("compose.yaml"),
        stack.read("compose.yaml") + "\n",
    )
    .unwrap();
    let answer = stack.refit(&["set", "MODE=three"]).exits(0);
    answer.says(".env, compose.yaml were edited by hand");
}

#[test]
fn a_failed_change_over_a_pending_edit_is_told_as_what_it_is() {
    let Some(stack) = started() else { return };
    stack.refit(&["apply"]).exits(0);
    stack.write(".env", "MODE=one\nD=1\n");
    let answer = stack.refit(&["set", "MODE=bad", "--settle", "2s"]);
    answer
        .exits(3)
        .says("except for web, which now runs with what waited in its files to be applied (D)")
        .never_says("a person is needed");
    assert_eq!(stack.read(".env"), "MODE=one\nD=1\n");
    assert_eq!(stack.container("web").env["D"], "1");
}

#[test]
fn a_file_that_a_failed_rollback_put_back_was_edited_by_nobody() {
    let web = service(
        "[ $MODE = bad ] && exit 3; [ -e /d/broken ] && exit 4; exec sleep infinity",
        "env_file: .env, volumes: ['./d:/d']",
    );
    let compose = format!("services:\n  web: {web}\n");
    let files = [(".env", "MODE=one\n"), ("d/x", "")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.refit(&["set", "MODE=two"]).exits(0);
    // Now it starts with no setting at all.
    stack.write("d/broken", "");
    stack
        .refit(&["set", "MODE=three", "--settle", "2s"])
        .exits(4);
    assert_eq!(stack.read(".env"), "MODE=two\n");
    fs::remove_file(stack.path("d/broken")).unwrap();
    back(&stack, &["1"]).exits(0).never_says("was edited");
    assert_eq!(stack.read(".env"), "MODE=one\n");
    assert_eq!(stack.container("web").env["MODE"], "one");
}

#[test]
fn what_is_no_longer_kept_is_told_as_that() {
    let Some(stack) = started() else { return };
    stack.write("refit.yaml", "keep: {runs: 2}\n");
    for mode in ["two", "three", "four"] {
        stack.refit(&["set", &format!("MODE={mode}")]).exits(0);
    }
    back(&stack, &["1"])
        .exits(1)
        .says("run 1 is no longer kept: refit keeps 2 runs")
        .never_says("there is no run");
    // Run 2 goes when this one is recorded: it is not offered.
    back(&stack, &[]).exits(0).never_says("Further back");
    back(&stack, &[])
        .exits(1)
        .says("every run that is still kept is undone already");
}

#[test]
fn a_rollback_that_is_undone_tells_what_is_in_force_again() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    stack.refit(&["set", "MODE=three"]).exits(0);
    back(&stack, &["1"]).exits(0).says("Undone: runs 1–2");
    let answer = back(&stack, &["3"]).exits(0);
    answer.says("Undone: run 3, as run 4: runs 1–2 are in force again.");
    assert_eq!(modes(&stack), ["MODE=three", "three", "three"]);
}

#[test]
fn a_crashed_stack_is_not_down() {
    let web = service(
        "[ $MODE = bad ] && exit 3; exec sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=bad\n")]) else {
        return;
    };
    crate::stack::engine::docker(&["wait", &stack.container("web").id]);
    stack
        .refit(&["set", "MODE=good"])
        .exits(0)
        .never_says("is down");
    assert_eq!(stack.container("web").status(), "running");
}

#[test]
fn a_removed_file_has_no_present_text_and_no_hint_that_cannot_be_typed() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    fs::remove_file(stack.path(".env")).unwrap();
    let answer = back(&stack, &[]).exits(1);
    answer
        .says(".env was removed since run 1")
        .says("--allow edited brings it back")
        .never_says("present text");
    let answer = back(&stack, &["--allow", "edited"]).exits(0);
    answer.says(
        "Undone: run 1, as run 2, in the files: no container was touched. Apply: refit apply",
    );
    stack.refit(&["apply"]).exits(0);
    assert_eq!(modes(&stack), ["MODE=one", "one", "one"]);
}

#[test]
fn what_cannot_be_undone_is_not_offered_to_be() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("environment: {M: '${M:-0}'}")
    );
    let files = [(".env", "M=1\n"), ("prod.env", "M=9\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    let answer = stack.refit(&["--env-file", "prod.env", "apply"]).exits(0);
    answer.says("Applied as run 1").never_says("Undo:");
}

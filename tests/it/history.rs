//! The past of a stack: what is kept, what can be undone, and what stands in the way of that.

use crate::faulty::{files_of, is_in_line, kept_names};
use crate::stack::engine::docker;
use crate::stack::{TestStack, idle, service};
use serde_json::Value;

/// `web` with `.env` as its environment; it ends at once with `MODE=bad`.
fn started() -> Option<TestStack> {
    let web = service(
        "[ $MODE = bad ] && exit 3; exec sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""));
    TestStack::started(&compose, &[(".env", "MODE=one\n")])
}

fn mode(stack: &TestStack) -> String {
    let file = stack.read(".env");
    let inside = stack.container("web").env["MODE"].clone();
    assert_eq!(file, format!("MODE={inside}\n"));
    inside
}

fn history(stack: &TestStack) -> Vec<(u64, String)> {
    let answer = stack.refit(&["--json", "history"]).exits(0);
    let all: Vec<Value> = serde_json::from_str(&answer.stdout).unwrap();
    all.iter()
        .map(|run| {
            let outcome = run["outcome"].as_str().unwrap_or_default().to_owned();
            (run["run"].as_u64().unwrap(), outcome)
        })
        .collect()
}

#[test]
fn each_rollback_goes_further_back_and_a_number_goes_forward_again() {
    let Some(stack) = started() else { return };
    let neighbour = stack.container("neighbour");
    let back = |words: &[&str]| {
        let words = [&["rollback"], words, &["--settle", "300ms"]].concat();
        stack.refit(&words)
    };
    stack.refit(&["history"]).exits(0).says("no runs");
    back(&[]).exits(1).says("there is no run to undo");
    stack.refit(&["set", "MODE=two"]).exits(0);
    stack.refit(&["set", "MODE=three"]).exits(0);
    let answer = back(&[]).exits(0);
    assert_eq!(mode(&stack), "two");
    assert_eq!(
        answer.stdout.lines().next(),
        Some("  undoes run 2"),
        "{answer}"
    );
    let last = "Undone: run 2, as run 3. Further back: refit rollback 1. Redo: refit rollback 3";
    assert_eq!(answer.stdout.lines().last(), Some(last), "{answer}");
    let again = back(&["2"]).exits(1);
    again
        .says("run 2 is undone already, by run 3")
        .says("refit rollback 3");
    let answer = back(&[]).exits(0).says("undoes run 1\n");
    assert_eq!(mode(&stack), "one");
    answer.says("Undone: run 1, as run 4. Redo: refit rollback 4");
    let none = back(&[]).exits(1);
    none.says("every run of this stack is undone already")
        .says("refit rollback 4");
    assert_eq!(mode(&stack), "one");
    // What was said works.
    back(&["4"])
        .exits(0)
        .says("Undone: run 4, as run 5: run 1 is in force again.");
    assert_eq!(mode(&stack), "two");
    back(&["3"])
        .exits(0)
        .says("Undone: run 3, as run 6: run 2 is in force again.");
    assert_eq!(mode(&stack), "three");
    back(&["1"]).exits(0).says("undoes runs 1–2\n");
    assert_eq!(mode(&stack), "one");
    is_in_line(&stack, "after six rollbacks");
    let applied = |run| (run, "applied".to_owned());
    assert_eq!(history(&stack), (1..=7).map(applied).collect::<Vec<_>>());
    stack
        .refit(&["history"])
        .exits(0)
        .has_line(&["1", "applied", "set MODE=two"])
        .has_line(&["3", "applied", "rollback", "(undid run 2)"])
        .has_line(&["7", "applied", "rollback 1", "(undid runs 1–2)"]);
    stack
        .refit(&["show", "2"])
        .exits(0)
        .has_line(&[".env", "MODE", "two → three"])
        .has_line(&["plan: recreate web"]);
    stack
        .refit(&["show"])
        .exits(0)
        .says("undid   runs 1–2")
        .never_says("no run");
    let none = stack.refit(&["show", "77"]).exits(1);
    none.says("there is no run 77; the last is 7");
    back(&["77"])
        .exits(1)
        .says("there is no run 77; the last is 7");
    neighbour.is_untouched(&stack.container("neighbour"));
}

#[test]
fn a_run_that_changed_nothing_is_passed_over_and_offers_no_undo() {
    let Some(stack) = started() else { return };
    let offer = "Undo: refit rollback";
    stack.refit(&["set", "MODE=two"]).exits(0).says(offer);
    let restarted = stack.refit(&["restart", "web", "--settle", "300ms"]);
    restarted
        .exits(0)
        .says("Applied as run 2")
        .never_says(offer);
    stack
        .refit(&["rollback", "2"])
        .exits(0)
        .says("Nothing to do: there is no change of a file to undo")
        .says("Further back: refit rollback 1")
        .never_says("undoes");
    let by = [
        "apply",
        "web",
        "--strategy",
        "recreate",
        "--settle",
        "300ms",
    ];
    stack.refit(&by).exits(0);
    let answer = stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    answer.says("Undone: runs 1–");
    assert_eq!(mode(&stack), "one");
}

#[test]
fn a_secret_that_is_new_is_shown_as_such_and_hidden() {
    let Some(stack) = started() else { return };
    let show = |words: &[&str], line: &str| {
        let words = [words, &["--no-apply"]].concat();
        stack.refit(&words).exits(0);
        stack.refit(&["show"]).exits(0).has_line(&[line]);
    };
    show(&["set", "API_TOKEN=hunter2"], "API_TOKEN  unset → •••");
    show(&["set", "API_TOKEN=hunter3"], "API_TOKEN  ••• → •••");
    show(&["unset", "API_TOKEN"], "API_TOKEN  ••• → unset");
}

#[test]
fn a_run_that_failed_is_no_run_to_undo() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    assert_eq!(mode(&stack), "one");
}

#[test]
fn an_edit_since_then_stands_in_the_way() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    stack.write(".env", "MODE=two\nMINE=precious\n");
    let refused = stack.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "edited");
    refused.says(".env").says("--allow edited");
    assert_eq!(stack.read(".env"), "MODE=two\nMINE=precious\n");
    let args = ["rollback", "--allow", "edited", "--settle", "300ms"];
    stack.refit(&args).exits(0);
    assert_eq!(mode(&stack), "one");
    let kept = stack.state_files();
    let copy = kept
        .iter()
        .any(|(_, bytes)| bytes == b"MODE=two\nMINE=precious\n");
    assert!(copy, "the overwritten text is kept nowhere");
    stack
        .refit(&["rollback", "2", "--settle", "300ms"])
        .exits(0);
    assert_eq!(stack.read(".env"), "MODE=two\nMINE=precious\n");
}

#[test]
fn what_a_run_added_goes_and_its_data_stays() {
    let Some(stack) = started() else { return };
    let old = files_of(&stack);
    let extra = r#"services.extra={"image":"refit-test/busybox:1","init":true,"command":["sleep","infinity"],"volumes":["kept:/data"],"networks":["fresh"]}"#;
    let args = [
        "set",
        "-F",
        "compose.yaml",
        "--as-json",
        extra,
        "volumes.kept={}",
        "networks.fresh={}",
    ];
    stack.refit(&args).exits(0);
    assert!(stack.containers().contains_key("extra"));
    let volume = format!("{}_kept", stack.project);
    let network = format!("{}_fresh", stack.project);
    let answer = stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    assert!(!stack.containers().contains_key("extra"), "{answer}");
    let networks = docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!networks.lines().any(|name| name == network), "{answer}");
    let volumes = docker(&["volume", "ls", "--format", "{{.Name}}"]);
    assert!(volumes.lines().any(|name| name == volume), "{answer}");
    answer.says(&volume);
    assert_eq!(files_of(&stack), old);
    is_in_line(&stack, "after the rollback");
}

#[test]
fn what_a_failed_run_added_goes_too() {
    let Some(stack) = started() else { return };
    let old = files_of(&stack);
    let extra = r#"services.extra={"image":"refit-test/busybox:1","command":["sh","-c","exit 3"],"volumes":["kept:/data"],"networks":["fresh"]}"#;
    let args = [
        "set",
        "-F",
        "compose.yaml",
        "--as-json",
        extra,
        "volumes.kept={}",
        "networks.fresh={}",
        "--settle",
        "3s",
    ];
    let answer = stack.refit(&args).exits(3);
    assert!(!stack.containers().contains_key("extra"), "{answer}");
    let networks = docker(&["network", "ls", "--format", "{{.Name}}"]);
    let network = format!("{}_fresh", stack.project);
    assert!(!networks.lines().any(|name| name == network), "{answer}");
    answer.says(&format!("{}_kept", stack.project));
    assert_eq!(files_of(&stack), old);
    is_in_line(&stack, "after the failure");
}

#[test]
fn old_runs_go_but_not_the_last_good_one() {
    let Some(stack) = started() else { return };
    stack.write("refit.yaml", "keep: {runs: 3}\n");
    stack.refit(&["set", "MODE=good"]).exits(0);
    for _ in 0..4 {
        stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    }
    let runs: Vec<u64> = history(&stack).iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, [1, 3, 4, 5]);
    assert!(kept_names(&stack).is_empty(), "no image was changed");
    stack.refit(&["set", "MODE=better"]).exits(0);
    let runs: Vec<u64> = history(&stack).iter().map(|(run, _)| *run).collect();
    assert_eq!(runs, [4, 5, 6]);
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    assert_eq!(mode(&stack), "good");
}

#[test]
fn an_edit_by_hand_that_fails_goes_back_to_the_last_good_text() {
    let Some(stack) = started() else { return };
    // Seen to agree: this is what a failed apply goes back to.
    stack.refit(&["apply"]).exits(0).says("Nothing to do");
    stack.write(".env", "MODE=bad\n");
    stack
        .refit(&["apply", "--settle", "3s"])
        .exits(3)
        .says("exited with 3")
        .says(".env");
    assert_eq!(mode(&stack), "one");
    is_in_line(&stack, "after a failed apply");
    stack.write(".env", "MODE=two\n");
    stack.refit(&["apply"]).exits(0);
    assert_eq!(mode(&stack), "two");
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    assert_eq!(mode(&stack), "one");
}

#[test]
fn where_no_earlier_text_is_known_that_is_said_before_it_starts() {
    let Some(stack) = started() else { return };
    stack.write(".env", "MODE=bad\n");
    let answer = stack.refit(&["apply"]);
    let answer = answer.says("no earlier version of this stack's files is known");
    assert!([3, 4].contains(&answer.code), "{answer}");
    assert_eq!(stack.read(".env"), "MODE=bad\n");
}

/// A run that only started a container has no change of a file; what was typed since is not compared.
#[test]
fn a_rollback_without_a_change_of_a_file_does_not_call_the_stack_in_line() {
    let web = idle("env_file: .env");
    let compose = format!("services:\n  web: {web}\n  db: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=one\n")]) else {
        return;
    };
    docker(&["rm", "--force", &stack.container("db").id]);
    stack.refit(&["apply", "--settle", "50ms"]).exits(0);
    stack.write(".env", "MODE=two\n");
    let answer = stack.refit(&["rollback"]).exits(0);
    answer.says("Nothing to do: there is no change of a file to undo");
}

#[test]
fn the_past_says_what_was_typed_with_its_options() {
    let env = [(".env", "MODE=one\nJWT_SECRET=first-of-all\n")];
    let web = idle("env_file: .env");
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &env) else {
        return;
    };
    let secret = "a-second-one";
    let typed = [
        &["set", "JWT_SECRET=a-second-one", "--allow", "guarded-key"][..],
        &["set", "MODE=two words", "--for", "web", "--no-apply"],
        &["apply", "web", "--strategy", "recreate"],
        &["restart", "--timeout", "1m"],
    ];
    for words in typed {
        stack
            .refit(&[words, &["--settle", "200ms"]].concat())
            .exits(0);
    }
    let wanted = [
        "set JWT_SECRET=••• --allow guarded-key --settle 200ms",
        "set 'MODE=two words' --for web --no-apply --settle 200ms",
        "apply web --strategy recreate --settle 200ms",
        "restart --timeout 1m --settle 200ms",
    ];
    let history = stack.refit(&["history"]).exits(0);
    let shown = stack.refit(&["show", "1"]).exits(0);
    for line in wanted {
        assert!(history.stdout.contains(line), "{line}\n{history}");
    }
    shown.says(wanted[0]);
    for (path, bytes) in stack.state_files() {
        let text = String::from_utf8_lossy(&bytes);
        let is_copy = path.to_string_lossy().contains("/file-")
            || path.to_string_lossy().contains("/baseline/");
        assert!(is_copy || !text.contains(secret), "{}", path.display());
    }
}

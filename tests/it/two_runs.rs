//! Two runs at once, of one user and of two: one is at work, the other is told by whom, or waits.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::faulty::is_in_line;
use crate::stack::answer::Answer;
use crate::stack::holder::Holder;
use crate::stack::{TestStack, idle};

fn started() -> Option<TestStack> {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    TestStack::started(&compose, &[(".env", "MODE=one\n")])
}

/// A run that holds the lock: it waits for a service to settle.
fn holding(stack: &TestStack, settle: &str) -> Holder {
    let words = [
        "set",
        "MODE=two",
        "API_TOKEN=hidden-word",
        "--settle",
        settle,
    ];
    Holder::of(stack.command(&words))
}

#[test]
fn the_second_one_is_told_who_is_at_work() {
    let Some(stack) = started() else { return };
    let holder = holding(&stack, "10m");
    let pid = holder.child.id().to_string();
    let refused = stack.refit(&["--json", "set", "MODE=three"]).exits(5);
    assert_eq!(refused.refusal(), "locked");
    refused
        .says("set MODE=two")
        .says(&format!("pid {pid}"))
        .never_says("hidden-word");
    stack.refit(&["apply", "--wait-lock", "100ms"]).exits(5);
    // What only looks needs no lock, and says what is at work.
    stack.refit(&["status"]).exits(0).says("run 1 is at work");
    stack.refit(&["plan"]).exits(0);
    holder.interrupt();
    assert_eq!(stack.read(".env"), "MODE=one\n");
    is_in_line(&stack, "after the holder was interrupted");
    stack.refit(&["set", "MODE=three"]).exits(0);
}

#[test]
fn the_second_one_waits() {
    let Some(stack) = started() else { return };
    let holder = holding(&stack, "2s");
    let waited = stack
        .refit(&["set", "MODE=three", "--wait-lock", "60s"])
        .exits(0);
    assert_eq!(holder.ended(), Some(0), "{waited}");
    assert_eq!(stack.read(".env"), "MODE=three\nAPI_TOKEN=hidden-word\n");
    is_in_line(&stack, "after both");
}

#[test]
fn a_killed_run_leaves_no_lock() {
    let Some(stack) = started() else { return };
    let mut holder = holding(&stack, "10m");
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    stack.refit(&["apply"]).exits(0).says("run 1");
    assert_eq!(stack.read(".env"), "MODE=one\n");
    is_in_line(&stack, "after the kill");
}

/// refit as the user 65534, with a way to the engine's socket; `None` where this is not possible.
fn as_another_user(stack: &TestStack, args: &[&str]) -> Option<Command> {
    let home = stack.beside("other");
    if !home.exists() {
        fs::create_dir(&home).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_refit"), home.join("refit")).unwrap();
        for path in [&home, home.parent().unwrap()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
    let mut command = Command::new("setpriv");
    // The engine's socket is another user's business; without it nobody comes as far as the lock.
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--groups=0,65534",
            "--inh-caps=-all",
        ])
        .args([
            "--bounding-set=-all,+dac_override",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ])
        .arg(home.join("refit"))
        .args(args)
        .current_dir(stack.folder());
    crate::stack::engine::plain_environment(&mut command);
    command
        .env("REFIT_STATE_HOME", home.join("state"))
        .env("HOME", &home);
    Some(command)
}

#[test]
fn root_and_a_user_exclude_each_other() {
    let Some(stack) = started() else { return };
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let may = |stack: &TestStack| {
        let command = as_another_user(stack, &["status"]);
        command.is_some_and(|command| Answer::of(command, b"").code == 0)
    };
    if !is_root || !may(&stack) {
        skipped!("not root, or another user cannot reach the engine");
        return;
    }
    let holder = holding(&stack, "10m");
    let pid = holder.child.id().to_string();
    let other = as_another_user(&stack, &["--json", "set", "MODE=three"]).unwrap();
    let refused = Answer::of(other, b"").exits(5);
    assert_eq!(refused.refusal(), "locked");
    refused
        .says(&format!("pid {pid}"))
        .never_says("hidden-word");
    holder.interrupt();
    // Both count their runs by themselves.
    stack.refit(&["set", "MODE=two"]).exits(0).says("run 2");
    let args = ["set", "MODE=three", "--settle", "300ms"];
    Answer::of(as_another_user(&stack, &args).unwrap(), b"").says("run 1");
}

//! The witness itself: a program named refit that does one thing and says another is found out.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use crate::stack::answer::Answer;
use crate::stack::{BUSYBOX, TestStack, idle};

const UNDONE: &str =
    "echo 'Rolled back: everything is as it was before run 1. More: refit show 1'; exit 3";
const IN_LINE: &str = "echo 'Nothing to do: what runs is what the files say'";

fn started() -> Option<TestStack> {
    let web = idle("env_file: .env, volumes: ['./web.conf:/web.conf']");
    let compose = format!("services:\n  web: {web}\n  other: {}\n", idle(""));
    TestStack::started(&compose, &[(".env", "A=1\n"), ("web.conf", "one\n")])
}

/// What the witness has to say of a program that does and says this when it is called so.
fn objections(stack: &TestStack, script: &str, args: &[&str]) -> String {
    let program = stack.beside("liar/refit");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program);
    command.args(args).current_dir(stack.folder());
    crate::stack::engine::plain_environment(&mut command);
    let ended = catch_unwind(AssertUnwindSafe(|| Answer::of(command, b"")));
    match ended {
        Ok(_) => String::new(),
        Err(why) => *why.downcast::<String>().unwrap(),
    }
}

#[track_caller]
fn is_found_out(stack: &TestStack, script: &str, args: &[&str], by: &str) {
    // Where objections are only noted down, there is nothing to see here.
    if std::env::var_os("REFIT_TEST_WITNESS_NOTES").is_some() {
        return;
    }
    let objections = objections(stack, script, args);
    assert!(
        objections.contains(by),
        "{script}: {by:?} is not in {objections:?}"
    );
}

#[test]
fn what_is_true_is_let_pass() {
    let Some(stack) = started() else { return };
    assert_eq!(objections(&stack, UNDONE, &["set", "A=2"]), "");
    assert_eq!(objections(&stack, IN_LINE, &["apply"]), "");
    let set = "echo '  .env  A  1 → 2'; echo A=2 > .env; docker compose up -d 2>/dev/null; \
               echo '✓ web  running for 1 s'; echo 'Applied as run 1. Undo: refit rollback'";
    assert_eq!(objections(&stack, set, &["set", "A=2"]), "");
}

#[test]
fn as_it_was_is_held_against_files_and_engine() {
    let Some(stack) = started() else { return };
    let set = ["set", "A=2"];
    let web = stack.container("web").id;
    is_found_out(
        &stack,
        &format!("echo A=3 > .env; {UNDONE}"),
        &set,
        "the file .env is another",
    );
    is_found_out(
        &stack,
        &format!("chmod 600 .env; {UNDONE}"),
        &set,
        "the file .env is another",
    );
    is_found_out(
        &stack,
        &format!("touch new; {UNDONE}"),
        &set,
        "the file new is new",
    );
    stack.write(".env", "A=1\n");
    is_found_out(
        &stack,
        &format!("docker stop -t 0 {web} >/dev/null; {UNDONE}"),
        &set,
        "state was \"up\"",
    );
    is_found_out(
        &stack,
        &format!("docker start {web} >/dev/null; {UNDONE}"),
        &set,
        "state was",
    );
    is_found_out(
        &stack,
        &format!("docker restart -t 0 {web} >/dev/null; {UNDONE}"),
        &set,
        "nothing says so",
    );
    let again = "docker compose up -d --force-recreate web 2>/dev/null";
    is_found_out(
        &stack,
        &format!("{again}; {UNDONE}"),
        &set,
        "nothing says so",
    );
    let volume = format!(
        "docker volume create --label com.docker.compose.project={0} {0}_x >/dev/null",
        stack.project
    );
    is_found_out(&stack, &format!("{volume}; {UNDONE}"), &set, "the volume");
    let web = stack.container("web").id;
    is_found_out(
        &stack,
        &format!("docker rm -f {web} >/dev/null; {UNDONE}"),
        &set,
        "is gone",
    );
}

#[test]
fn nothing_to_do_is_held_against_the_files() {
    let Some(stack) = started() else { return };
    stack.write(".env", "A=2\n");
    is_found_out(&stack, IN_LINE, &["apply"], "the files say \"2\"");
    stack.up();
    // A file of the same name that is another file: the container goes on seeing the old one.
    fs::remove_file(stack.path("web.conf")).unwrap();
    stack.write("web.conf", "two\n");
    is_found_out(&stack, IN_LINE, &["apply"], "inside, /web.conf is not what");
    stack.compose(&["restart", "web"]);
    stack.compose(&["stop", "other"]);
    stack.compose(&["rm", "-f", "other"]);
    is_found_out(
        &stack,
        IN_LINE,
        &["apply"],
        "the files say 1 containers, there are 0",
    );
}

#[test]
fn applied_is_held_against_the_containers() {
    let Some(stack) = started() else { return };
    let says = "echo '  .env  A  1 → 2'; echo '✓ web  running for 1 s'; echo 'Applied as run 1. Undo: refit rollback'";
    let set = ["set", "A=2"];
    is_found_out(
        &stack,
        &format!("echo A=2 > .env; {says}"),
        &set,
        "the files say \"2\"",
    );
    is_found_out(
        &stack,
        &format!("docker compose up -d 2>/dev/null; {says}"),
        &["set", "A=3"],
        "\"3\" was typed",
    );
    let other = stack.container("other").id;
    is_found_out(
        &stack,
        &format!("docker restart -t 0 {other} >/dev/null; {says}"),
        &set,
        "nothing says so",
    );
    let left = format!(
        "docker create --name 0123456789ab_{0} --label com.docker.compose.project={0} {BUSYBOX} >/dev/null",
        stack.project
    );
    is_found_out(&stack, &format!("{left}; {says}"), &set, "is left behind");
}

#[test]
fn words_and_exit_code_fit_each_other() {
    let Some(stack) = started() else { return };
    is_found_out(
        &stack,
        "echo 'Rolled back: everything is as it was before run 1.'",
        &["set", "A=2"],
        "the exit code is 0",
    );
    is_found_out(
        &stack,
        "echo 'Applied as run 1.'; exit 3",
        &["set", "A=2"],
        "the exit code is 3",
    );
    let told =
        r#"echo '{"event":"finished","outcome":"refused","exit_code":3,"text":null}'; exit 1"#;
    is_found_out(
        &stack,
        told,
        &["--json", "set", "A=2"],
        "it says exit_code 3",
    );
    is_found_out(&stack, r"printf 'a\033[2Jb\n'", &["status"], "printed raw");
    is_found_out(&stack, "touch new", &["status"], "the file new is new");
    is_found_out(
        &stack,
        "echo \"thread 'main' panicked at x\" >&2; exit 101",
        &["status"],
        "it panicked",
    );
}

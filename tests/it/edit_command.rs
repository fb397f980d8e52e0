//! `refit edit`: the person's editor on a copy, then a run with what was made of it. No text is lost,
//! whatever becomes of the run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::stack::answer::Answer;
use crate::stack::{TestStack, service};

/// A service that wants a number.
const NUMBER: &str =
    "case \"$A\" in *[!0-9]*) echo \"A: $A is no number\"; exit 1;; esac; sleep infinity";

/// A running stack and its `.env`.
fn running() -> Option<TestStack> {
    let compose = format!(
        "services:\n  web: {}\n",
        service(NUMBER, "environment: {A: '${A}'}")
    );
    TestStack::started(&compose, &[(".env", "# mine\nA=1\n")])
}

/// `refit edit` with an editor that does this to the file `$1`.
fn edit(stack: &TestStack, editor: &str, words: &[&str]) -> Answer {
    let program = stack.beside("my editor.sh");
    fs::write(&program, format!("#!/bin/sh\n{editor}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = stack.command(&[&["edit", "--settle", "300ms"], words].concat());
    command.env_remove("VISUAL");
    // As in git, the shell reads it: it may be quoted and have arguments.
    command.env("EDITOR", format!("'{}'", program.display()));
    Answer::of(command, b"")
}

/// The text that was kept, from the place that the answer names.
#[track_caller]
fn kept(answer: &Answer) -> String {
    let line = answer
        .stderr
        .lines()
        .find_map(|line| line.split_once("your text is in "));
    let (_, path) = line.unwrap_or_else(|| panic!("no place is named\n{answer}"));
    let path = PathBuf::from(path);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_good_change_is_applied() {
    let Some(stack) = running() else { return };
    let answer = edit(
        &stack,
        "sed -i s/A=1/A=2/ \"$1\"; echo \"${1##*/}\" >&2",
        &[],
    )
    .exits(0);
    // The copy has the file's own name, for the editor's sake.
    let answer = answer
        .says(".env")
        .has_line(&[".env", "A", "1 → 2"])
        .never_says("your text");
    assert_eq!(stack.read(".env"), "# mine\nA=2\n", "{answer}");
    assert_eq!(stack.container("web").env["A"], "2");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
}

#[test]
fn no_change_is_no_run() {
    let Some(stack) = running() else { return };
    let before = stack.container("web");
    edit(&stack, "true", &[])
        .exits(0)
        .says(".env was not changed");
    edit(&stack, "touch \"$1\"", &["compose.yaml"])
        .exits(0)
        .says("compose.yaml was not changed");
    // A comment is a change of the file, and of nothing that runs.
    edit(&stack, "echo '# more' >> \"$1\"", &[]).exits(0);
    assert_eq!(stack.read(".env"), "# mine\nA=1\n# more\n");
    // A new file that stays empty is not made.
    edit(&stack, "true", &["new.env"])
        .exits(0)
        .says("new.env does not exist, and nothing was written: none was made")
        .never_says("was not changed");
    assert!(!stack.path("new.env").exists());
    before.is_untouched(&stack.container("web"));
}

#[test]
fn what_compose_refuses_is_kept() {
    let Some(stack) = running() else { return };
    let before = stack.read("compose.yaml");
    let answer = edit(&stack, "echo '  colour: red' >> \"$1\"", &["compose.yaml"])
        .exits(1)
        .says("nothing was written")
        .says("colour")
        .never_says("-staged-");
    assert_eq!(kept(&answer), format!("{before}  colour: red\n"));
    let answer = edit(&stack, "printf '\\tx: [' >> \"$1\"", &["compose.yaml"])
        .exits(1)
        .says("yaml");
    assert_eq!(kept(&answer), format!("{before}\tx: ["));
    let answer = edit(&stack, "echo 'B C=1' >> \"$1\"", &[])
        .exits(1)
        .says("line 3");
    assert_eq!(kept(&answer), "# mine\nA=1\nB C=1\n");
    assert_eq!(stack.read("compose.yaml"), before);
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
}

#[test]
fn what_crashes_is_rolled_back_and_kept() {
    let Some(stack) = running() else { return };
    let answer = edit(&stack, "sed -i s/A=1/A=week/ \"$1\"", &[])
        .exits(3)
        .says("A: week is no number");
    assert_eq!(kept(&answer), "# mine\nA=week\n");
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
    assert_eq!(stack.container("web").env["A"], "1");
    assert_eq!(stack.container("web").status(), "running");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let Some(stack) = running() else { return };
    edit(&stack, "exit 7", &[])
        .exits(1)
        .says("ended with an error; nothing was changed")
        .says("VISUAL or EDITOR")
        .never_says("your text");
    // What was saved before it failed is not lost.
    let answer = edit(&stack, "echo B=2 >> \"$1\"; exit 1", &[]).exits(1);
    assert_eq!(kept(&answer), "# mine\nA=1\nB=2\n");
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
}

#[test]
fn a_file_that_somebody_else_changed_meanwhile_is_theirs() {
    let Some(stack) = running() else { return };
    let env = stack.path(".env");
    let editor = format!("echo B=2 >> \"$1\"; echo THEIRS=1 >> {}", env.display());
    let answer = edit(&stack, &editor, &[])
        .exits(1)
        .says("changed meanwhile");
    assert_eq!(kept(&answer), "# mine\nA=1\nB=2\n");
    assert_eq!(stack.read(".env"), "# mine\nA=1\nTHEIRS=1\n");
}

#[test]
fn a_dry_run_and_a_dead_engine_keep_the_text() {
    let Some(stack) = running() else { return };
    let answer = edit(&stack, "echo B=2 >> \"$1\"", &["--dry-run"]).exits(0);
    assert_eq!(kept(&answer), "# mine\nA=1\nB=2\n");
    // The engine went away while the editor was open.
    let nowhere = format!("unix://{}", stack.beside("none.sock").display());
    let answer = edit(&stack, "echo B=3 >> \"$1\"", &["-H", &nowhere]).exits(1);
    assert_eq!(kept(&answer), "# mine\nA=1\nB=3\n");
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
}

#[test]
fn what_is_no_file_is_not_opened() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n"), ("sub/x", "")]) else {
        return;
    };
    edit(&stack, "exit 9", &["sub"])
        .exits(1)
        .says("sub is a folder");
    std::os::unix::fs::symlink("nowhere", stack.path("link.env")).unwrap();
    edit(&stack, "exit 9", &["link.env"])
        .exits(1)
        .says("link to nowhere, which does not exist");
}

/// Starts `refit edit` with an editor that does this, and waits until it has said `at work`.
fn editing(stack: &TestStack, editor: &str) -> crate::stack::refit::Running {
    let program = stack.beside("my editor.sh");
    fs::write(&program, format!("#!/bin/sh\n{editor}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut command = stack.command(&["edit"]);
    command.env_remove("VISUAL");
    command.env("EDITOR", format!("'{}'", program.display()));
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    command.change(|command| {
        std::os::unix::process::CommandExt::process_group(command, 0);
    });
    let mut refit = command.spawn().unwrap();
    let mut said = Vec::new();
    let out = refit.stdout.as_mut().unwrap();
    while !said.ends_with(b"at work\n") {
        let mut byte = [0];
        std::io::Read::read_exact(out, &mut byte).unwrap();
        said.push(byte[0]);
    }
    refit
}

fn signal(refit: &crate::stack::refit::Running, name: &str) {
    let pid = refit.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &pid])
        .status();
    assert!(sent.unwrap().success());
}

/// What an editor saved, and what it writes down when it is told to end, is kept.
#[test]
fn a_signal_while_the_editor_is_open_loses_no_text() {
    let Some(stack) = running() else { return };
    let editor = "echo B=2 >> \"$1\"\ntrap 'echo UNSAVED=1 > \"$1.save\"; exit 1' TERM HUP\n\
                  echo at work\nwhile :; do sleep 0.05; done";
    for (name, code) in [("TERM", 143), ("HUP", 129)] {
        let refit = editing(&stack, editor);
        signal(&refit, name);
        let output = refit.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let mut texts: Vec<String> = stderr
            .lines()
            .filter_map(|line| line.split_once("your text is in "))
            .map(|(_, path)| fs::read_to_string(path).unwrap())
            .collect();
        texts.sort();
        assert_eq!(texts, ["# mine\nA=1\nB=2\n", "UNSAVED=1\n"], "{stderr}");
        assert_eq!(stack.read(".env"), "# mine\nA=1\n");
    }
}

/// Ctrl-C reaches all programs of a terminal: it is for the one that is open there.
#[test]
fn an_interrupt_belongs_to_the_editor() {
    let Some(stack) = running() else { return };
    let editor =
        "trap 'echo B=2 >> \"$1\"; exit 0' INT\necho at work\nwhile :; do sleep 0.05; done";
    let refit = editing(&stack, editor);
    // As a terminal does: to everybody in the group.
    let group = format!("-{}", refit.id());
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", "--", &group])
        .status();
    assert!(sent.unwrap().success());
    let output = refit.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stack.read(".env"), "# mine\nA=1\nB=2\n", "{stderr}");
}

/// `kill -9` of refit alone: the next edit tells where the text is.
#[test]
fn a_killed_edit_loses_no_text() {
    let Some(stack) = running() else { return };
    let mut refit = editing(&stack, "echo B=2 >> \"$1\"\necho at work\nexec sleep 5");
    refit.kill().unwrap();
    refit.wait().unwrap();
    stack.refit(&["apply"]).exits(0);
    let answer = edit(&stack, "true", &[]).exits(0);
    assert_eq!(kept(&answer.says("was cut off")), "# mine\nA=1\nB=2\n");
    edit(&stack, "true", &[]).exits(0).never_says("cut off");
}

#[test]
fn without_an_editor_and_a_terminal_nothing_is_started() {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", "services:\n  web: {image: x}\n");
    let mut command = stack.command(&["edit", "compose.yaml"]);
    command.env_remove("VISUAL").env_remove("EDITOR");
    let answer = Answer::of(command, b"").exits(1);
    answer.says("no terminal").says("set VISUAL or EDITOR");
}

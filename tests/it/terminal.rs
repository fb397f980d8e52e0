//! The terminal and the pipes that refit writes to: what goes away while it works, what cannot be
//! written, and what must never reach a terminal.

use std::process::Command;

use crate::stack::answer::Answer;
use crate::stack::engine::docker;
use crate::stack::holder::Holder;
use crate::stack::window::Window;
use crate::stack::{TestStack, idle, service};

fn environment_of(stack: &TestStack) -> String {
    let id = stack.container("web").id;
    docker(&["inspect", "-f", "{{json .Config.Env}}", &id])
}

#[test]
fn a_window_that_is_closed_is_a_hangup_and_the_change_is_rolled_back() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=good\n")]) else {
        return;
    };
    // How far it has come, and how often it is drawn from there on before the window is closed.
    for (moment, draws) in [
        ("recreate …", 0),
        ("running", 0),
        ("running", 3),
        ("running", 8),
        ("running", 20),
    ] {
        let command = stack.command(&["set", "V=hup", "--settle", "60s"]);
        let (mut window, mut refit) = Window::open(&command);
        window.shows(moment);
        for _ in 0..draws {
            assert!(window.read(), "{}", window.seen());
        }
        let seen = window.seen();
        drop(window);
        let ended = refit.wait().unwrap();
        assert_eq!(ended.code(), Some(129), "{moment} {draws}: {seen}");
        assert_eq!(stack.read(".env"), "V=good\n", "{moment} {draws}: {seen}");
        let environment = environment_of(&stack);
        assert!(environment.contains("V=good"), "{environment}: {seen}");
        let history = stack.refit(&["history", "--json"]).exits(0);
        let runs: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
        let last = runs.as_array().unwrap().last().unwrap();
        assert_eq!(last["outcome"], "rolled_back", "{moment} {draws}: {seen}");
    }
}

/// What a shell makes of a line in which `$REFIT` is refit.
fn shell(stack: &TestStack, line: &str) -> Answer {
    let refit = stack.command(&[]);
    let mut command = Command::new("bash");
    command.arg("-c").arg(line).current_dir(stack.folder());
    for (name, value) in refit.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("REFIT", refit.get_program());
    Answer::of(command, b"")
}

#[test]
fn an_answer_that_cannot_be_written_is_none() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=good\n")]) else {
        return;
    };
    for question in [
        "get V",
        "get V --json",
        "status",
        "status --json",
        "history",
        "why V",
        "doctor",
        "recipes",
        "completions bash",
        "--help",
        "--version",
    ] {
        let answer = shell(&stack, &format!("$REFIT {question} >/dev/full"));
        let answer = answer.exits(1);
        assert!(answer.stderr.contains("No space left"), "{answer}");
        // Who has read enough goes, and nobody is to hear of it.
        let answer = shell(
            &stack,
            &format!("set -o pipefail; $REFIT {question} | true"),
        );
        assert_eq!(answer.stderr, "", "{answer}");
        answer.exits(0);
    }
    let answer = shell(
        &stack,
        "$REFIT get NO_SUCH_KEY | true; exit ${PIPESTATUS[0]}",
    );
    answer.exits(1);
}

#[test]
fn too_few_files_are_told_and_no_crash() {
    let stack = TestStack::without_engine();
    for verb in ["get V", "status", "history", "apply"] {
        let answer = shell(&stack, &format!("ulimit -n 6; exec $REFIT {verb}")).exits(1);
        answer.says("only 6 files").says("ulimit -n");
    }
    shell(&stack, "ulimit -n 6; exec $REFIT completions bash").exits(0);
}

#[test]
fn a_reader_that_goes_away_stops_neither_a_run_nor_its_way_back() {
    let crash = "[ \"$V\" = bad ] && exit 3; exec sleep infinity";
    let compose = format!("services:\n  web: {}\n", service(crash, "env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=good\n")]) else {
        return;
    };
    let line = "$REFIT set V=bad --settle 3s 2>&1 | true; exit ${PIPESTATUS[0]}";
    shell(&stack, line).exits(3);
    assert_eq!(stack.read(".env"), "V=good\n");
    let line = "$REFIT set V=other --settle 300ms 2>&1 | true; exit ${PIPESTATUS[0]}";
    shell(&stack, line).exits(0);
    assert!(environment_of(&stack).contains("V=other"));
}

/// What a terminal would obey, and no word of it.
const DRAWS: &str = "\x1b[2J\x1b]0;a title\x07\u{9b}31m\u{202e}\u{2066}\x08\r";

#[track_caller]
fn draws_nothing(answer: &Answer) {
    for text in [&answer.stdout, &answer.stderr] {
        let drawn = text.chars().find(|c| {
            c.is_control() && !"\n\t".contains(*c)
                || "\u{202e}\u{2066}\u{202a}\u{2069}".contains(*c)
        });
        assert_eq!(drawn, None, "{answer}");
        assert!(
            !text.contains("a title") && !text.contains("[2J"),
            "{answer}"
        );
        assert!(text.len() < 32_000, "{} bytes\n{answer}", text.len());
    }
}

#[test]
fn what_containers_say_is_neither_obeyed_nor_a_flood() {
    // A megabyte of junk, and a last line that everybody is shown.
    let crash = "[ $V = bad ] || exec sleep infinity; head -c 1000000 /dev/urandom; echo; \
                 cat /last; exit 3";
    let sick = "cat /last; exit 1";
    let check = crate::stack::quick_healthcheck(&format!("[ $V = good ] || {{ {sick}; }}"));
    let files = "env_file: .env, volumes: ['./last:/last:ro']";
    let web = service(crash, files);
    let ill = service("exec sleep infinity", &format!("{files}, {check}"));
    let compose = format!("services:\n  web: {web}\n  ill: {ill}\n");
    let last = format!("{DRAWS}the end of {}\n", "x".repeat(100_000));
    let files = [(".env", "V=good\n"), ("last", last.as_str())];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    stack.write("compose.yaml", &compose);
    stack.up_healthy();
    for (bad, json) in [
        ("V=bad", false),
        ("V=bad", true),
        ("V=sick", false),
        ("V=sick", true),
    ] {
        let words = ["set", bad, "--settle", "3s"];
        let words = match json {
            true => [&["--json"], &words[..]].concat(),
            false => words.to_vec(),
        };
        let answer = stack.refit(&words).exits(3);
        draws_nothing(&answer);
        answer.says("the end of x");
    }
    draws_nothing(&stack.refit(&["show"]).exits(0));
    draws_nothing(&stack.refit(&["history"]).exits(0));
}

#[test]
fn names_are_not_obeyed_either() {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", &format!("services:\n  web: {}\n", idle("")));
    let name = format!("a{DRAWS}.env");
    stack.write(&name, "V=1\n");
    let missing = format!("no{DRAWS}such.env");
    for file in [&name, &missing] {
        for words in [
            &["get", "W", "-F", file][..],
            &["get", "V", "-F", file],
            &["get", "V", "-F", file, "-q"],
        ] {
            draws_nothing(&stack.refit(words));
        }
    }
    // A script gets the value as it is.
    stack.write(".env", "V=\"a\x1b[2Jb\"\n");
    let got = stack.refit(&["get", "V"]).exits(0);
    assert_eq!(got.stdout, "a\x1b[2Jb\n");
}

#[test]
fn the_title_of_another_program_is_not_obeyed() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=1\n")]) else {
        return;
    };
    let odd = stack.beside(DRAWS);
    std::os::unix::fs::symlink(stack.folder(), &odd).unwrap();
    let odd = odd.to_str().unwrap();
    let holder = Holder::of(stack.command(&["-C", odd, "restart", "web", "--settle", "10m"]));
    for words in [&["set", "V=2"][..], &["--json", "set", "V=2"]] {
        let answer = stack.refit(words).exits(5);
        draws_nothing(&answer);
        answer.says("is at work on this stack");
    }
    holder.interrupt();
}

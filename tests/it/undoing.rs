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

/// Two projects of one folder, with `A` of `.env`.
struct Two {
    stack: TestStack,
    other: String,
}

impl Two {
    fn new() -> Option<Self> {
        let compose = format!("services:\n  web: {}\n", idle("environment: {A: '$A'}"));
        let stack = TestStack::started(&compose, &[(".env", "A=1\n")])?;
        let other = stack.second_project("other");
        stack.compose(&["-p", &other, "up", "-d"]);
        Some(Self { stack, other })
    }

    fn first(&self, words: &[&str]) -> Answer {
        let name = self.stack.project.as_str();
        self.stack.refit(&[&["-p", name], words].concat())
    }

    fn second(&self, words: &[&str]) -> Answer {
        self.stack.refit(&[&["-p", &self.other], words].concat())
    }

    /// `A` in `.env`, in the first project and in the second.
    fn values(&self) -> [String; 3] {
        let of = |project: &str| {
            let all = crate::stack::engine::containers_of(project);
            all.first().unwrap().env["A"].clone()
        };
        [
            self.stack.read(".env").trim().to_owned(),
            of(&self.stack.project),
            of(&self.other),
        ]
    }
}

#[test]
fn a_rollback_of_one_project_undoes_no_run_of_another_in_the_same_folder() {
    let Some(two) = Two::new() else { return };
    two.first(&["set", "A=2"]).exits(0);
    two.second(&["apply"]).exits(0);
    assert_eq!(two.values(), ["A=2", "2", "2"]);
    // What it took was written by a run of the other one.
    let answer = two.second(&["rollback"]).exits(1);
    answer.says(&format!("refit -p {} rollback", two.stack.project));
    two.second(&["rollback", "1"])
        .exits(1)
        .says(&format!("run 1 is of the project {}", two.stack.project));
    assert_eq!(two.values(), ["A=2", "2", "2"]);
    let answer = two.first(&["rollback"]).exits(0);
    answer
        .says("Undone: run 1, as run 3")
        .says(&format!("{} runs from this folder too", two.other));
    assert_eq!(two.values(), ["A=1", "1", "2"]);
    two.second(&["apply"]).exits(0);
    assert_eq!(two.values(), ["A=1", "1", "1"]);
}

#[test]
fn what_another_project_put_in_force_is_undone_in_the_files_alone() {
    let Some(two) = Two::new() else { return };
    let web = two.stack.container("web");
    two.first(&["set", "A=5", "--no-apply"]).exits(0);
    two.second(&["apply"]).exits(0);
    assert_eq!(two.values(), ["A=5", "1", "5"]);
    let answer = two.first(&["rollback"]).exits(0);
    answer
        .says("Undone: run 1, as run 3")
        .says("never ran with it");
    assert_eq!(two.values(), ["A=1", "1", "5"]);
    web.is_untouched(&two.stack.container("web"));
}

/// What is said of the containers, of files and of the list of runs.
#[test]
fn what_is_said_of_a_rollback_is_what_came_of_it() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "LEVEL=info\n")]) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["set", "LEVEL=x"]).exits(0);
    stack.refit(&["set", "LEVEL=y"]).exits(0);
    stack.write(".env", "LEVEL=y\nTYPED=1\n");
    stack.refit(&["apply"]).exits(0);
    // What the person typed is no run's any more: back to before run 1 it is refused.
    let answer = back(&stack, &[]).exits(0);
    answer.says("Further back: refit rollback 2");
    stack.write(".env", "LEVEL=y\n# later\n");
    let answer = back(&stack, &["2", "--allow", "edited"]).exits(0);
    answer.never_says("Further back");
    back(&stack, &["1"]).exits(1).says("edited since");
    let answer = back(&stack, &["5"]).exits(0);
    answer.says("run 2 is in force again, with what was edited in .env since");
    assert_eq!(stack.read(".env"), "LEVEL=y\n# later\n");
}

#[test]
fn a_run_after_which_nothing_is_left_to_apply_is_not_called_unapplied() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "LEVEL=info\n")]) else {
        return;
    };
    stack.refit(&["set", "LEVEL=x", "--no-apply"]).exits(0);
    let listed = |run: &str| {
        let answer = stack.refit(&["history"]).exits(0);
        let line = answer.stdout.lines().find(|line| line.starts_with(run));
        line.unwrap().to_owned()
    };
    assert!(listed("1").contains("written, not applied"));
    back(&stack, &[]).exits(0).says("never ran with it");
    assert!(listed("2").contains("written  "), "{}", listed("2"));
}

/// Killed at this point of what it does.
#[track_caller]
fn kill(stack: &TestStack, point: &str, words: &[&str]) {
    let mut command = stack.command(words);
    command.env("FAILPOINTS", format!("{point}=return(kill)"));
    let answer = Answer::of(command, b"");
    assert_eq!(answer.code, -1, "{answer}");
}

#[test]
fn a_rollback_that_was_killed_is_done_by_the_next_one_and_not_turned_round() {
    for point in ["checkpoint.after", "watch.after"] {
        let Some(stack) = TestStack::started(&compose(), &[(".env", "LEVEL=info\n")]) else {
            return;
        };
        stack.refit(&["set", "LEVEL=x"]).exits(0);
        stack.refit(&["set", "LEVEL=y"]).exits(0);
        let quick = ["--settle", "300ms"];
        kill(&stack, point, &[&["rollback", "1"], &quick[..]].concat());
        let told = stack.refit(&["status"]).exits(0);
        told.says("run 3, which was to undo runs 1–2, was cut off");
        if point == "watch.after" {
            let answer = stack.refit(&["apply"]).exits(0);
            let answer =
                answer.says("run 3 was to undo runs 1–2, which it did not: refit rollback does it");
            let at = |words: &str| answer.stdout.find(words).expect(words);
            assert!(
                at("run 3 was cut off: rolling it back") < at(".env restored"),
                "{answer}"
            );
            assert_eq!(has(&stack, "LEVEL").as_deref(), Some("y"));
        }
        let answer = back(&stack, &quick).exits(0);
        answer
            .says("run 3 was to undo runs 1–2, and was cut off: that is done now")
            .says("Undone: runs 1–2, as run 4");
        assert_eq!(stack.read(".env"), "LEVEL=info\n", "{point}");
        assert_eq!(has(&stack, "LEVEL").as_deref(), Some("info"), "{point}");
    }
}

#[test]
fn what_is_said_of_a_run_that_was_cut_off_is_what_the_next_command_does() {
    let compose = compose() + &format!("  other: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[(".env", "LEVEL=info\n")]) else {
        return;
    };
    kill(&stack, "watch.after", &["set", "LEVEL=x"]);
    // No other apply would be that of the stack as it is now.
    let answer = stack.refit(&["plan"]).exits(0);
    answer
        .says("Not planned: first comes run 1, which was cut off: rolling it back restores .env, brings back web")
        .never_says("untouched");
    stack.compose(&["down"]);
    let told = "run 1 was cut off, and other was removed by somebody since";
    for question in ["status", "plan", "doctor"] {
        let answer = stack.refit(&[question]);
        answer
            .says(told)
            .says("refit apply goes on with what is there now");
    }
    let answer = stack.refit(&["apply"]).exits(0);
    answer
        .says("run 1 was cut off, and other was removed by somebody since: what is there now stays as it is")
        .never_says("by hand");
    assert_eq!(has(&stack, "LEVEL").as_deref(), Some("x"));
}

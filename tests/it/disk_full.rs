//! A disk that is full, under the stack or under refit's state: nothing is lost, the message says so,
//! and the next command works. Needs root for a small file system of its own.

use crate::faulty::small_disk::SmallDisk;
use crate::faulty::{files_of, is_in_line};
use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle};

fn compose() -> String {
    format!(
        "services:\n  web: {}\n  neighbour: {}\n",
        idle("env_file: .env"),
        idle("")
    )
}

/// Whatever came of it: all of one side, and the next command is fine.
#[track_caller]
fn is_whole(stack: &TestStack, answer: &Answer, context: &str) {
    let context = format!("{context}\n{answer}");
    let next = stack.refit(&["apply"]);
    assert_eq!(next.code, 0, "{context}\n{next}");
    is_in_line(stack, &context);
    let env = stack.read(".env");
    let mode = env
        .lines()
        .find_map(|line| line.strip_prefix("MODE="))
        .unwrap();
    assert_eq!(stack.container("web").env["MODE"], mode, "{context}");
}

#[test]
fn the_disk_of_the_state_is_full() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "MODE=v0\n")]) else {
        return;
    };
    let Some(disk) = SmallDisk::at(&stack.state(), 256) else {
        return;
    };
    let mut codes = Vec::new();
    for free in 0..14 {
        let old = files_of(&stack);
        disk.fill(free);
        let answer = stack.refit(&["set", &format!("MODE=v{}", free + 1)]);
        disk.empty();
        codes.push(answer.code);
        let answer = match answer.code {
            0 => answer,
            1 | 3 => {
                assert_eq!(files_of(&stack), old, "{free} pages: {answer}");
                answer.says("No space left on device")
            }
            _ => panic!("{free} pages: {answer}"),
        };
        is_whole(&stack, &answer, &format!("{free} pages were free"));
    }
    assert!(codes.contains(&1) && codes.contains(&0), "{codes:?}");
}

#[test]
fn the_disk_of_the_stack_is_full() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let Some(disk) = SmallDisk::at(&stack.folder(), 256) else {
        return;
    };
    stack.write("compose.yaml", &compose());
    stack.write(".env", "MODE=v0\n");
    stack.up();
    let mut codes = Vec::new();
    // The text grows by two pages, so that it is cut off in the middle as well.
    let long = "x".repeat(8_000);
    for free in 0..5 {
        disk.fill(free);
        let old = files_of(&stack);
        let args = [
            "set",
            &format!("MODE=v{}", free + 1),
            &format!("LONG={long}{free}"),
        ];
        let answer = stack.refit(&args);
        codes.push(answer.code);
        let answer = match answer.code {
            0 => answer,
            1 | 3 => {
                assert_eq!(files_of(&stack), old, "{free} pages: {answer}");
                answer.says("No space left on device")
            }
            _ => panic!("{free} pages: {answer}"),
        };
        disk.empty();
        is_whole(&stack, &answer, &format!("{free} pages were free"));
    }
    assert!(codes.contains(&1) && codes.contains(&0), "{codes:?}");
}

/// Just then it has to be seen what is the matter.
#[test]
fn a_full_disk_of_the_state_keeps_nobody_from_looking() {
    let Some(stack) = TestStack::started(&compose(), &[(".env", "MODE=v0\n")]) else {
        return;
    };
    let Some(disk) = SmallDisk::at(&stack.state(), 256) else {
        return;
    };
    stack.refit(&["set", "MODE=v1"]).exits(0);
    let old = files_of(&stack);
    disk.fill(0);
    stack.refit(&["status"]).exits(0).says("web");
    stack.refit(&["plan"]).exits(0).says("Nothing to do");
    stack.refit(&["doctor"]).exits(0);
    for args in [&["set", "MODE=v2"][..], &["rollback"]] {
        let answer = stack.refit(args).exits(1);
        answer.says("No space left on device");
        assert_eq!(files_of(&stack), old, "{args:?}");
    }
    disk.empty();
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.container("web").env["MODE"], "v0");
}

//! What a person typed is never lost: not by a failed `apply`, not between plan and write, not after a
//! kill, not by a rollback that was allowed to replace it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::faulty::await_sleep;
use crate::stack::answer::Answer;
use crate::stack::refit::Running;
use crate::stack::{TestStack, idle, service};

/// Ends at once where MODE is bad, or where the mounted file is not good.
fn compose() -> String {
    let shell = "[ \"$MODE\" = bad ] && exit 3; \
                 [ -e /app.yaml ] && ! grep -q good /app.yaml && exit 4; exec sleep infinity";
    format!("services:\n  web: {}\n", service(shell, "env_file: .env"))
}

/// A stack whose files were seen to agree with its containers.
fn known() -> Option<TestStack> {
    let stack = TestStack::started(&compose(), &[(".env", "MODE=good\n")])?;
    stack.refit(&["apply"]).exits(0);
    Some(stack)
}

const TYPED: &str = "# an hour of notes by hand\nMODE=bad\nOTHER=typed-by-hand\n";

/// The text at the place that is named behind `kept as`.
#[track_caller]
fn kept(answer: &Answer) -> String {
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let place = said.split("kept as ").nth(1).expect(&said);
    let place = place.split_whitespace().next().unwrap();
    fs::read_to_string(place).unwrap_or_else(|error| panic!("{place}: {error}\n{said}"))
}

#[test]
fn a_failed_apply_keeps_the_text_that_was_edited_by_hand() {
    let Some(stack) = known() else { return };
    stack.write(".env", TYPED);
    let answer = stack.refit(&["apply", "--settle", "2s"]).exits(3);
    assert_eq!(stack.read(".env"), "MODE=good\n");
    assert_eq!(kept(&answer), TYPED);
    assert_eq!(stack.container("web").env["MODE"], "good");
}

#[test]
fn a_failed_apply_moves_a_new_override_aside_and_leaves_other_new_files() {
    let Some(stack) = known() else { return };
    let mount = "services:\n  web:\n    volumes: ['./app.yaml:/app.yaml:ro']\n";
    stack.write("app.yaml", "my: long handwritten config\n");
    stack.write("compose.override.yaml", mount);
    let answer = stack.refit(&["apply", "--settle", "2s"]).exits(3);
    assert_eq!(kept(&answer), mount);
    assert!(!stack.path("compose.override.yaml").exists());
    assert_eq!(stack.read("app.yaml"), "my: long handwritten config\n");
    assert_eq!(stack.container("web").status(), "running");
}

#[test]
fn a_text_whose_earlier_side_cannot_be_read_stays_where_it_is() {
    let Some(stack) = known() else { return };
    let blobs = |folder: &str| {
        stack
            .state_files()
            .into_iter()
            .filter(move |(path, _)| path.to_string_lossy().contains(folder))
            .map(|(path, _)| path)
            .collect::<Vec<_>>()
    };
    for blob in blobs("/baseline/") {
        if !blob.ends_with("index.json") {
            fs::remove_file(blob).unwrap();
        }
    }
    stack.write(".env", TYPED);
    let answer = stack.refit(&["apply", "--settle", "2s"]);
    answer.exits(4).says("earlier version of .env is not known");
    assert_eq!(stack.read(".env"), TYPED);
}

/// refit, asleep at a fail point; what it says is read at its end.
struct Asleep(Running, String);

impl Asleep {
    #[track_caller]
    fn at(stack: &TestStack, point: &str, args: &[&str]) -> Self {
        let mut command = stack.command(args);
        command.env("FAILPOINTS", format!("{point}=1*sleep(1500)"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = format!("{command:?}");
        let mut child = command.spawn().unwrap();
        child.disturbed("the test types into a file meanwhile");
        assert!(await_sleep(child.id()), "{point} is not reached");
        Self(child, words)
    }

    fn end(self) -> Answer {
        Answer::of_output(self.1, &self.0.wait_with_output().unwrap())
    }
}

#[test]
fn a_line_typed_while_the_change_is_planned_is_kept_and_the_change_is_made_beside_it() {
    let Some(stack) = known() else { return };
    let asleep = Asleep::at(&stack, "assessment.made", &["set", "NEW=1"]);
    stack.write(".env", "MODE=good\nTYPED=1\n");
    let answer = asleep.end().exits(0);
    answer.says("planned again");
    assert_eq!(stack.read(".env"), "MODE=good\nTYPED=1\nNEW=1\n");
}

#[test]
fn the_same_key_typed_meanwhile_refuses_the_change() {
    let Some(stack) = known() else { return };
    let asleep = Asleep::at(&stack, "assessment.made", &["set", "MODE=fine"]);
    stack.write(".env", "MODE=mine\n");
    let answer = asleep.end().exits(1);
    answer.says("MODE in .env was edited");
    assert_eq!(stack.read(".env"), "MODE=mine\n");
}

#[test]
fn a_line_typed_in_the_last_moments_before_the_write_refuses_it() {
    for point in ["checkpoint.taken", "write.before"] {
        let Some(stack) = known() else { return };
        let web = stack.container("web");
        let asleep = Asleep::at(&stack, point, &["set", "NEW=1"]);
        stack.write(".env", "MODE=good\nTYPED=1\n");
        let answer = asleep.end().exits(1);
        answer.says("edited while this run was prepared");
        assert_eq!(stack.read(".env"), "MODE=good\nTYPED=1\n", "{point}");
        web.is_untouched(&stack.container("web"));
    }
}

/// Killed when its change was written and the containers were made.
fn killed() -> Option<TestStack> {
    let stack = known()?;
    let mut command = stack.command(&["set", "MODE=fine"]);
    command.env("FAILPOINTS", "watch.after=return(kill)");
    assert_eq!(Answer::of(command, b"").code, -1);
    Some(stack)
}

#[test]
fn what_was_mended_by_hand_after_a_kill_is_asked_about_before_anything_is_done() {
    let Some(stack) = killed() else { return };
    stack.write(".env", "MODE=mine\n");
    stack.up();
    let web = stack.container("web");
    let mut answer = stack.refit(&["set", "W=1"]).exits(1);
    for words in [
        "before run",
        "by run",
        "now:",
        "refit rollback",
        "refit apply",
    ] {
        answer = answer.says(words);
    }
    assert_eq!(stack.read(".env"), "MODE=mine\n");
    web.is_untouched(&stack.container("web"));
    // What is there now stays, and the next command goes on from it.
    stack.refit(&["apply"]).exits(0);
    assert_eq!(stack.read(".env"), "MODE=mine\n");
    web.is_untouched(&stack.container("web"));
    stack.refit(&["set", "W=1"]).exits(0);
    assert_eq!(stack.read(".env"), "MODE=mine\nW=1\n");
}

#[test]
fn a_rollback_of_a_killed_run_goes_back_and_keeps_what_was_mended_since() {
    let Some(stack) = killed() else { return };
    stack.write(".env", "MODE=mine\n");
    stack.up();
    let answer = stack.refit(&["rollback"]).exits(0);
    assert_eq!(kept(&answer), "MODE=mine\n");
    assert_eq!(stack.read(".env"), "MODE=good\n");
    assert_eq!(stack.container("web").env["MODE"], "good");
}

/// The run changes the compose file alone; the container that it makes is made of `.env` as well.
#[test]
fn a_file_that_a_killed_run_only_read_is_asked_about_when_it_was_edited_since() {
    let Some(stack) = known() else { return };
    let mut command = stack.command(&["set", "services.web.labels.a=b"]);
    command.env("FAILPOINTS", "watch.after=return(kill)");
    assert_eq!(Answer::of(command, b"").code, -1);
    stack.write(".env", "MODE=good\nHAND=1\n");
    let refused = stack.refit(&["set", "W=1"]).exits(1);
    refused
        .says(".env was edited since")
        .says("refit rollback")
        .says("refit apply");
    let answer = stack.refit(&["rollback"]).exits(0);
    assert_eq!(kept(&answer), "MODE=good\nHAND=1\n");
    assert_eq!(stack.read(".env"), "MODE=good\n");
    assert!(!stack.container("web").env.contains_key("HAND"));
}

#[test]
fn a_line_typed_into_a_file_that_a_failing_run_only_reads_does_not_reach_the_old_containers() {
    let Some(stack) = known() else { return };
    // Which file it belongs in is not asked of git: refit sleeps at the fail point alone.
    let bad = [
        "set",
        "-F",
        "compose.yaml",
        "services.web.environment.MODE=bad",
    ];
    let asleep = Asleep::at(&stack, "converge.touching", &bad);
    stack.write(".env", "MODE=good\nHAND=1\n");
    let answer = asleep.end().exits(3).says("is as it was");
    assert_eq!(kept(&answer), "MODE=good\nHAND=1\n");
    assert_eq!(stack.read(".env"), "MODE=good\n");
    assert!(!stack.container("web").env.contains_key("HAND"));
}

/// A base in a file of its own, an optional env file.
fn spread() -> Option<TestStack> {
    let compose = "services:\n  web:\n    extends: {file: base.yaml, service: web}\n    \
                   env_file: [.env, {path: more.env, required: false}]\n";
    let files = [
        ("base.yaml", &*compose_of("sleep infinity")),
        (".env", "MODE=good\n"),
        ("more.env", "MORE=1\n"),
    ];
    let stack = TestStack::started(compose, &files)?;
    stack.refit(&["apply"]).exits(0);
    Some(stack)
}

fn compose_of(shell: &str) -> String {
    format!("services:\n  web: {}\n", service(shell, ""))
}

#[test]
fn a_file_that_was_removed_by_hand_is_applied() {
    let Some(stack) = spread() else { return };
    fs::remove_file(stack.path("more.env")).unwrap();
    stack.refit(&["apply"]).exits(0);
    assert!(!stack.container("web").env.contains_key("MORE"));
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read("more.env"), "MORE=1\n");
    assert_eq!(stack.container("web").env["MORE"], "1");
}

#[test]
fn what_was_only_written_is_not_what_a_failed_apply_goes_back_to() {
    let Some(stack) = known() else { return };
    stack.refit(&["set", "MODE=fine"]).exits(0);
    stack.refit(&["set", "--no-apply", "MODE=bad"]).exits(0);
    stack.refit(&["apply", "--settle", "2s"]).exits(3);
    assert_eq!(stack.container("web").env["MODE"], "fine");
    assert_eq!(stack.read(".env"), "MODE=fine\n");
}

#[test]
fn a_damaged_copy_of_a_file_that_nobody_has_edited_stands_in_nobodys_way() {
    let Some(stack) = known() else { return };
    let mut command = stack.command(&["set", "services.web.labels.a=b"]);
    command.env("FAILPOINTS", "watch.after=return(kill)");
    assert_eq!(Answer::of(command, b"").code, -1);
    let copies = stack.state_files().into_iter().map(|(path, _)| path);
    let copies: Vec<_> = copies
        .filter(|path| path.to_string_lossy().contains("/file-read-"))
        .collect();
    assert!(!copies.is_empty());
    for copy in copies {
        fs::write(copy, "").unwrap();
    }
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), "MODE=good\n");
}

/// The plan shows the key that is set; the container takes the other line as well.
#[test]
fn an_edit_by_hand_that_waits_to_be_applied_is_told_before_a_container_takes_it() {
    let Some(stack) = known() else { return };
    stack.write(".env", "MODE=good\nHAND=1\n");
    let label = ["set", "-F", "compose.yaml", "services.web.labels.a=b"];
    let told =
        "was edited by hand since it was last seen in force, and not applied: web will take that";
    let dry = stack.refit(&[&label[..], &["--dry-run"]].concat()).exits(0);
    dry.says(&format!(".env {told}"));
    stack.refit(&label).exits(0).says(told);
    assert_eq!(stack.container("web").env["HAND"], "1");
    // It is in force now.
    stack.refit(&["apply"]).exits(0);
    let next = ["set", "-F", "compose.yaml", "services.web.labels.a=c"];
    stack.refit(&next).exits(0).never_says("by hand");
}

#[test]
fn a_mode_that_somebody_gave_a_file_meanwhile_stays_and_is_said() {
    let Some(stack) = killed() else { return };
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(stack.path(".env"), private).unwrap();
    let answer = stack.refit(&["rollback"]).exits(0);
    answer.says("mode or owner of .env, which somebody has changed meanwhile");
    let mode = fs::metadata(stack.path(".env")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(stack.read(".env"), "MODE=good\n");
}

#[test]
fn a_file_that_a_service_extends_goes_back_as_well() {
    let Some(stack) = spread() else { return };
    let typed = compose_of("exit 3");
    stack.write("base.yaml", &typed);
    let answer = stack.refit(&["apply", "--settle", "2s"]).exits(3);
    assert_eq!(kept(&answer), typed);
    assert_eq!(stack.read("base.yaml"), compose_of("sleep infinity"));
}

#[test]
fn a_rollback_that_may_replace_an_edited_text_says_where_it_is_kept() {
    let Some(stack) = known() else { return };
    stack.refit(&["set", "MODE=fine"]).exits(0);
    stack.write(".env", "MODE=fine\nTYPED=1\n");
    stack.refit(&["rollback"]).exits(1).says("--allow edited");
    let answer = stack.refit(&["rollback", "--allow", "edited"]).exits(0);
    assert_eq!(kept(&answer), "MODE=fine\nTYPED=1\n");
    assert_eq!(stack.read(".env"), "MODE=good\n");
}

#[test]
fn a_run_of_another_state_folder_that_was_cut_off_is_seen() {
    let Some(stack) = killed() else { return };
    let other = |args: &[&str]| {
        let mut command = stack.command(args);
        command.env("REFIT_STATE_HOME", stack.beside("other-state"));
        Answer::of(command, b"")
    };
    let before = stack.read(".env");
    let answer = other(&["set", "W=1"]).exits(1);
    answer
        .says("was cut off and is not finished")
        .says("REFIT_STATE_HOME=");
    assert_eq!(stack.read(".env"), before);
    other(&["status"])
        .exits(0)
        .says("was cut off and is not finished");
    stack.refit(&["apply"]).exits(0);
    other(&["set", "W=1"]).exits(0);
    assert_eq!(stack.read(".env"), "MODE=good\nW=1\n");
}

#[test]
fn a_shared_folder_of_idle_services_needs_no_word_about_texts() {
    let compose = format!("services:\n  a: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let answer = stack.refit(&["set", "A=2"]).exits(0);
    assert!(!answer.stdout.contains("kept as"), "{answer}");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), "A=1\n");
}

/// A later run had found the line and kept it. That this run is undone takes nothing from it.
#[test]
fn a_line_typed_before_a_run_that_was_undone_since_is_not_lost() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\nB=1\n")]) else {
        return;
    };
    let typed = |stack: &TestStack| {
        fs::read_to_string(stack.path(".env"))
            .unwrap()
            .contains("# typed")
    };
    stack.refit(&["set", "A=2", "--settle", "50ms"]).exits(0);
    stack.write(".env", "A=2\nB=1\n# typed\n");
    stack.refit(&["set", "B=2", "--settle", "50ms"]).exits(0);
    stack.refit(&["rollback", "--settle", "50ms"]).exits(0);
    let refused = stack.refit(&["rollback", "--settle", "50ms"]).exits(1);
    refused.says(".env was edited since run 1");
    assert!(typed(&stack));
    let args = ["rollback", "--allow", "edited", "--settle", "50ms"];
    let answer = stack.refit(&args).exits(0).says("edited");
    let kept = stack.state_files();
    let mut kept = kept
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("/edited/"));
    assert!(
        kept.any(|(_, bytes)| bytes.ends_with(b"# typed\n")),
        "{answer}"
    );
}

/// Nobody kept the text that somebody put in force with Compose alone.
fn put_in_force_by_hand() -> Option<TestStack> {
    let stack = known()?;
    stack.write(".env", "MODE=good\nHAND=1\n");
    stack.compose(&["up", "-d"]);
    Some(stack)
}

#[test]
fn what_somebody_put_in_force_with_compose_waits_for_nobody() {
    let Some(stack) = put_in_force_by_hand() else {
        return;
    };
    let label = ["set", "-F", "compose.yaml", "services.web.labels.a=b"];
    stack.refit(&label).exits(0).never_says("by hand");
    // And it is what a failure goes back to.
    stack.write(".env", "MODE=bad\nHAND=1\n");
    stack.refit(&["apply", "--settle", "2s"]).exits(3);
    assert_eq!(stack.read(".env"), "MODE=good\nHAND=1\n");
    assert_eq!(stack.container("web").env["HAND"], "1");
}

#[test]
fn a_text_that_nobody_runs_with_is_not_gone_back_to() {
    let Some(stack) = put_in_force_by_hand() else {
        return;
    };
    let bad = "MODE=bad\nHAND=2\n";
    stack.write(".env", bad);
    let plan = stack.refit(&["plan"]).exits(0);
    let plan = plan.says("the earlier version of .env is not known (web was not created of the one that refit keeps)");
    plan.never_says("+HAND");
    let answer = stack.refit(&["apply", "--settle", "2s"]).exits(4);
    answer.never_says("everything is as it was");
    assert_eq!(stack.read(".env"), bad);
}

#[test]
fn an_edit_by_hand_that_breaks_a_run_is_named_as_what_may_be_the_cause() {
    let Some(stack) = known() else { return };
    stack.write(".env", "MODE=bad\n");
    let label = [
        "set",
        "-F",
        "compose.yaml",
        "services.web.labels.a=b",
        "--settle",
        "2s",
    ];
    let answer = stack.refit(&label).exits(4);
    let answer = answer.says("what waited in .env to be applied is in force");
    answer.says("To do: refit edit .env");
    assert_eq!(stack.read(".env"), "MODE=bad\n");
}

//! Compose has the last word: what it cannot read is not written. A stack that it could not read
//! before can be healed, and edited with a warning, but not run.

use crate::stack::{TestStack, idle};

fn compose(more: &str) -> String {
    format!("services:\n  web: {}\n", idle(more))
}

#[test]
fn an_edit_that_compose_refuses_writes_nothing() {
    let compose = compose("environment: {A: '${A}'}");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.container("web");
    let cases: [(&[&str], &str); 5] = [
        (&["services.web.mem_limit=lots"], "invalid size: 'lots'"),
        (&["services.web.pull_police=always"], "pull_police"),
        (
            &["services.web.depends_on=[\"nobody\"]", "--as-json"],
            "nobody",
        ),
        (&["services.web.volumes=[\"gone:/x\"]", "--as-json"], "gone"),
        (&["services.web.environment.B=${B:?}"], "B"),
    ];
    for (words, complaint) in cases {
        for more in [&[][..], &["--no-apply"], &["--dry-run"]] {
            let words = [&["set"], words, more].concat();
            stack
                .refit(&words)
                .exits(1)
                .says("Compose cannot read the stack with this change; nothing was written")
                .says(complaint)
                // The place is the person's own, not that of the copy that was tried.
                .never_says("-staged-");
        }
        let answer = stack.refit(&[&["--json", "set"], words].concat()).exits(1);
        assert_eq!(answer.refusal(), "invalid_after", "{answer}");
        assert_eq!(answer.outcome(), "refused", "{answer}");
    }
    assert_eq!(stack.read("compose.yaml"), compose);
    before.is_untouched(&stack.container("web"));
}

#[test]
fn an_edit_that_heals_the_stack_runs() {
    let good = compose("");
    let Some(stack) = TestStack::started(&good, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.container("web");
    // Somebody edited it by hand since.
    stack.write(
        "compose.yaml",
        &compose("environment: {TOKEN_URL: '${NEEDED:?say where}'}"),
    );
    stack
        .refit(&["set", "A=2"])
        .exits(1)
        .says("Compose cannot read this stack, with or without the change")
        .says("say where")
        .says("--no-apply");
    stack
        .refit(&["set", "NEEDED=here"])
        .exits(0)
        .says("Compose could not read this stack before; with this change it can")
        .says("refit apply");
    assert_eq!(stack.read(".env"), "A=1\nNEEDED=here\n");
    // Nobody knows what the stack was, so nothing could be given back: what runs is left alone.
    before.is_untouched(&stack.container("web"));
    stack.refit(&["plan", "--exit-code"]).exits(10);
    stack.refit(&["apply"]).exits(0);
    let after = stack.container("web");
    before.was_recreated(&after);
    assert_eq!(after.env["TOKEN_URL"], "here");
}

#[test]
fn a_missing_env_file_is_made_by_the_edit_that_heals() {
    let text = compose("env_file: ./web.env");
    let Some(stack) = TestStack::new(&[("compose.yaml", &text)]) else {
        return;
    };
    stack
        .refit(&["set", "A=1", "-F", "web.env", "--no-apply"])
        .exits(0)
        .says("with this change it can");
    assert_eq!(stack.read("web.env"), "A=1\n");
    stack.compose(&["config", "--quiet"]);
}

#[test]
fn the_same_complaint_is_written_with_a_warning_and_never_run() {
    for (more, complaint) in [
        ("env_file: ./gone.env", "gone.env not found"),
        ("environment: {B: '${NEEDED:?say where}'}", "say where"),
    ] {
        let text = compose(more);
        let Some(stack) = TestStack::new(&[("compose.yaml", &text), (".env", "A=1\n")]) else {
            return;
        };
        let answer = stack.refit(&["--json", "set", "A=2"]).exits(1);
        assert_eq!(answer.refusal(), "invalid_stack", "{answer}");
        assert_eq!(stack.read(".env"), "A=1\n");
        stack
            .refit(&["set", "A=2", "--no-apply"])
            .exits(0)
            .says("! Compose cannot read this stack")
            .says(complaint)
            .never_says("-staged-");
        assert_eq!(stack.read(".env"), "A=2\n");
        // Another complaint than before is the edit's own. Compose fills in before it validates.
        if more.starts_with("environment") {
            continue;
        }
        let words = ["set", "services.web.colour=red", "--no-apply"];
        let answer = stack.refit(&[&["--json"], &words[..]].concat()).exits(1);
        assert_eq!(answer.refusal(), "invalid_after", "{answer}");
        stack.refit(&words).exits(1).says("colour");
        assert_eq!(stack.read("compose.yaml"), text);
    }
}

#[test]
fn a_broken_file_is_not_made_worse() {
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose("")), (".env", "A=1\nB C=2\n")])
    else {
        return;
    };
    // Compose reads no further than the bad line; the edit is none of it.
    stack
        .refit(&["set", "A=2"])
        .exits(1)
        .says(".env")
        .says("line 2");
    stack
        .refit(&["set", "A=2", "--no-apply"])
        .exits(0)
        .says("! Compose cannot read this stack");
    assert_eq!(stack.read(".env"), "A=2\nB C=2\n");
    // The same complaint, of a line that has moved.
    stack.write(".env", "# NEW=1\nB=\"open\n");
    stack
        .refit(&["set", "NEW=2", "--no-apply"])
        .exits(0)
        .says("! Compose cannot read this stack");
    assert_eq!(stack.read(".env"), "# NEW=1\nNEW=2\nB=\"open\n");
    // To close the quote heals it, and what stands below is not swallowed.
    stack.write(".env", "A=1\nB=\"open\nC=1\n");
    stack
        .refit(&["set", "B=2", "--no-apply"])
        .exits(0)
        .says("with this change it can");
    assert_eq!(stack.read(".env"), "A=1\nB=\"2\"\nC=1\n");
}

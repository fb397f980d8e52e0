//! The ways to bring containers in line, as the person asks for them.

use crate::stack::{TestStack, healthcheck, idle};

fn compose() -> String {
    format!(
        "services:\n  db: {}\n  web: {}\n  bound: {}\n",
        idle(""),
        idle("env_file: .env, depends_on: [db]"),
        idle("volumes: ['./.env:/app/.env']")
    )
}

const ENV: (&str, &str) = (".env", "A=1\n");

#[test]
fn recreate_in_place_of_a_restart() {
    let Some(stack) = TestStack::started(&compose(), &[ENV]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2", "--strategy", "recreate"]);
    answer
        .exits(0)
        .plans(&[("bound", "recreate"), ("web", "recreate")])
        .proves("bound", "A", "bind");
    let after = stack.containers();
    before["bound"].was_recreated(&after["bound"]);
    before["db"].is_untouched(&after["db"]);
}

#[test]
fn restart_in_place_of_a_recreate_fails_its_proof_and_is_taken_back() {
    let Some(stack) = TestStack::started(&compose(), &[ENV]) else {
        return;
    };
    let before = stack.containers();
    // F3: the new environment cannot arrive that way.
    let answer = stack.refit(&["set", "A=2", "--strategy", "restart"]);
    answer
        .exits(3)
        .says("a restart does not change a container's environment")
        .has_line(&["✗ web", "environment has A=1"]);
    assert_eq!(stack.read(".env"), "A=1\n");
    let after = stack.containers();
    before["db"].is_untouched(&after["db"]);
    assert_eq!(after["web"].env["A"], "1");
    assert_eq!(stack.exec("bound", &["cat", "/app/.env"]), "A=1\n");
}

#[test]
fn the_literal_down_and_up_with_its_price_before() {
    let Some(stack) = TestStack::started(&compose(), &[ENV]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack
        .refit(&["set", "A=2", "--strategy", "down-up"])
        .exits(0);
    let price = answer.stdout.find("down stops all 3 running containers");
    let end = answer.stdout.find("Applied as run 1");
    assert!(price.is_some() && price < end, "{answer}");
    // No service has one.
    answer.never_says("anonymous volume");
    let after = stack.containers();
    for service in ["db", "web", "bound"] {
        before[service].was_recreated(&after[service]);
        assert_eq!(after[service].status(), "running");
    }
    assert_eq!(after["web"].env["A"], "2");
    assert_eq!(stack.exec("bound", &["cat", "/app/.env"]), "A=2\n");
}

#[test]
fn restart_of_all_of_some_and_after_down() {
    let Some(stack) = TestStack::started(&compose(), &[ENV]) else {
        return;
    };
    stack.compose(&["stop", "bound"]);
    let before = stack.containers();
    let answer = stack.refit(&["--json", "restart"]).exits(0);
    answer.plans(&[("db", "restart"), ("web", "restart")]);
    let all = stack.containers();
    before["web"].was_restarted(&all["web"]);
    // What is stopped on purpose stays so, and the order is that of the dependencies.
    assert_eq!(all["bound"].status(), "exited");
    assert!(all["db"].started_at() < all["web"].started_at());

    stack
        .refit(&["--json", "restart", "db"])
        .exits(0)
        .plans(&[("db", "restart")]);
    let one = stack.containers();
    all["db"].was_restarted(&one["db"]);
    all["web"].is_untouched(&one["web"]);

    // By name also what is stopped.
    stack.refit(&["restart", "bound"]).exits(0);
    assert_eq!(stack.container("bound").status(), "running");

    stack
        .refit(&["restart", "--down"])
        .exits(0)
        .says("down stops all 3");
    let after = stack.containers();
    for service in ["db", "web", "bound"] {
        one[service].was_recreated(&after[service]);
        assert_eq!(after[service].status(), "running");
    }
    stack.compose(&["stop"]);
    let answer = stack.refit(&["--json", "restart"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    assert_eq!(stack.container("db").status(), "exited");
}

#[test]
fn a_declared_reload_is_a_signal() {
    let web = crate::stack::service(
        "trap 'cat /conf/app.conf > /read' HUP; cat /conf/app.conf > /read; while :; do sleep 0.1; done",
        &format!(
            "volumes: ['./conf:/conf'], {}",
            healthcheck("test -e /read")
        ),
    );
    let plain = idle("volumes: ['./conf:/conf']");
    let compose = format!("services:\n  web: {web}\n  plain: {plain}\n");
    let settings = "services:\n  web: {reload: {signal: HUP, for: [./conf]}}\n";
    let files = [("conf/app.conf", "A=1\n"), ("refit.yaml", settings)];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.up_healthy();
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2", "-F", "conf/app.conf"]);
    let answer = answer.exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
    answer.plans(&[("plain", "restart"), ("web", "signal")]);
    let after = stack.containers();
    before["web"].is_untouched(&after["web"]);
    before["plain"].was_restarted(&after["plain"]);
    while stack.exec("web", &["cat", "/read"]) != "A=2\n" {}
}

#[test]
fn no_apply_writes_and_apply_brings_it_in_line() {
    let Some(stack) = TestStack::started(&compose(), &[ENV]) else {
        return;
    };
    let before = stack.containers();
    stack
        .refit(&["set", "A=2", "--no-apply"])
        .exits(0)
        .says("not applied");
    let between = stack.containers();
    for service in ["db", "web", "bound"] {
        before[service].is_untouched(&between[service]);
    }
    assert_eq!(stack.read(".env"), "A=2\n");
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    answer.plans(&[("bound", "restart"), ("web", "recreate")]);
    let after = stack.containers();
    assert_eq!(after["web"].env["A"], "2");
    assert_eq!(stack.exec("bound", &["cat", "/app/.env"]), "A=2\n");
}

#[test]
fn no_rollback_leaves_a_failed_change_in_place() {
    let web = crate::stack::service(
        "test $MODE = good || exit 3; sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    stack
        .refit(&["set", "MODE=bad", "--no-rollback", "--settle", "3s"])
        .exits(4)
        .says("refit rollback");
    assert_eq!(stack.read(".env"), "MODE=bad\n");
    assert_eq!(stack.container("web").env["MODE"], "bad");
}

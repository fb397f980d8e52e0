//! Verdicts on services that behave as real applications do: those that wait for their database, crash in
//! a loop, were failing before, or name their error long before their last line.

use crate::stack::{TestStack, healthcheck, service};

/// A long start period bears what comes from waiting, and not a loop that ends at once.
#[test]
fn a_crash_loop_is_told_long_before_the_start_period_is_over() {
    let shell = "[ $MODE = good ] || exit 9; touch /ready; exec sleep infinity";
    let check = healthcheck("test -e /ready").replace("start_period: 1s", "start_period: 300s");
    let web = service(shell, &format!("env_file: .env, restart: always, {check}"));
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "MODE=bad"]).exits(3);
    let failed = &answer.all("verdict")[0];
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.starts_with("exited with 9, 4 times in"), "{answer}");
}

/// Without `condition: service_healthy`, as most compose files have it: it ends as long as its database
/// does not answer, and runs afterwards.
#[test]
fn who_waits_for_a_database_that_is_touched_with_it_is_borne() {
    let database = service(
        "rm -f /s/up; sleep 4; echo $MODE > /s/up; exec sleep infinity",
        &format!(
            "env_file: .env, volumes: ['shared:/s'], {}",
            healthcheck("test -e /s/up").replace("start_period: 1s", "start_period: 60s")
        ),
    );
    let web = service(
        "grep -q $MODE /s/up || { echo no database; exit 1; }; exec sleep infinity",
        "env_file: .env, restart: always, volumes: ['shared:/s'], \
         environment: {DATABASE: 'tcp://db:5432/web'}",
    );
    let compose = format!("services:\n  db: {database}\n  web: {web}\nvolumes: {{shared: {{}}}}\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), (".env", "MODE=good\n")]) else {
        return;
    };
    stack.compose(&["up", "-d", "--wait", "db"]);
    stack.up();
    // Nothing tells of its first start that it waits: the engine has never had to start it again.
    assert_eq!(stack.container("web").raw["RestartCount"], 0);
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(0);
    assert_eq!(answer.verdict("web").0, "settled", "{answer}");
    let restarts = stack.container("web").raw["RestartCount"].as_u64();
    assert!(restarts >= Some(4), "{restarts:?}\n{answer}");
}

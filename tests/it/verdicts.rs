//! Verdicts on services that behave as real applications do: those that wait for their database, crash in
//! a loop, were failing before, or name their error long before their last line.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::stack::engine::docker_command;
use crate::stack::{TestStack, free_port, healthcheck, idle, quick_healthcheck, service};

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

/// The engine calls it unhealthy while it serves, as it does those that take longer to start than their
/// healthcheck allows, and those whose image lacks the program that the check calls.
#[test]
fn what_answers_while_it_is_called_unhealthy_is_not_taken_for_failing() {
    let shell = "mkdir /www; echo hello > /www/index.html; [ $MODE = bad ] && exec sleep infinity; \
                 httpd -p 80 -h /www; [ $MODE = slow ] && { sleep 1; touch /up; }; exec sleep infinity";
    let check = quick_healthcheck("test -e /up || { echo no curl; exit 1; }")
        .replace("start_period: 1s", "start_period: 0s")
        .replace("timeout: 2s", "timeout: 6s");
    let port = free_port();
    let web = service(
        shell,
        &format!("env_file: .env, ports: ['127.0.0.1:{port}:80'], {check}"),
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    let is_unhealthy = || stack.container("web").raw["State"]["Health"]["Status"] == "unhealthy";
    while !is_unhealthy() {}
    // As good as before, and as bad: nothing is proven.
    let answer = stack.refit(&["set", "MODE=other"]).exits(6);
    let answer = answer.has_line(&["! web", "failing before, and still is", "answers on"]);
    answer
        .says(&format!("and answers on port {port}: so it has to again"))
        .says("Applied as run 1, not proven: web is still failing. Undo: refit rollback");
    assert!(is_unhealthy());
    stack
        .refit(&["history"])
        .exits(0)
        .has_line(&["1", "not proven, web still failing"]);
    // It does not answer any more: that is the change's fault.
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--timeout", "4s"])
        .exits(3);
    let failed = &answer.all("verdict")[0];
    let reason = failed["reason"].to_string();
    assert!(reason.contains("does not answer on port"), "{answer}");
    // It is called healthy in the end.
    while !is_unhealthy() {}
    let answer = stack.refit(&["--json", "set", "MODE=slow"]).exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
    assert_eq!(answer.outcome(), "applied", "{answer}");
}

#[test]
fn a_probe_that_failed_before_is_not_blamed_on_the_change() {
    let port = free_port();
    let web = service(
        "mkdir /www; echo no > /www/index.html; exec httpd -f -p 80 -h /www",
        &format!("env_file: .env, ports: ['127.0.0.1:{port}:80']"),
    );
    let compose = format!("services:\n  web: {web}\n");
    let settings = format!(
        "services: {{web: {{probe: {{url: 'http://127.0.0.1:{port}/', body: OK}}, timeout: 2s}}}}\n"
    );
    let files = [(".env", "MODE=good\n"), ("refit.yaml", settings.as_str())];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(6);
    assert_eq!(answer.verdict("web").0, "already_failing", "{answer}");
    assert_eq!(answer.outcome(), "not_proven", "{answer}");
    assert_eq!(stack.container("web").env["MODE"], "other");
}

/// As Node ends: the error, its frames, and its own version below them.
#[test]
fn the_line_that_names_the_error_is_told_and_not_the_last_one() {
    let trace: String = (0..30)
        .map(|at| format!("echo '    at load (/app/config.js:{at}:1)'; "))
        .collect();
    let shell = format!(
        "[ $MODE = good ] || {{ echo 'Error: token_expiration: Invalid value: 7d'; {trace} \
         echo; echo Node.js v20.20.2; exit 1; }}; exec sleep infinity"
    );
    let web = service(&shell, "env_file: .env");
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    let cause = "exited with 1: Error: token_expiration: Invalid value: 7d";
    let answer = stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    answer.has_line(&["✗ web", cause]);
}

/// A container that lives in the network of another one cannot start when that one is gone; what the engine
/// says of it names neither.
#[test]
fn who_died_is_blamed_and_not_who_lives_in_its_network() {
    let host = service(
        "[ $MODE = good ] || { echo FATAL: no route; exit 3; }; exec sleep infinity",
        "env_file: .env, networks: [default]",
    );
    let follower = service("exec sleep infinity", "network_mode: 'service:vpn'");
    let compose = format!("services:\n  app: {follower}\n  vpn: {host}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    let hash = || {
        stack
            .container("app")
            .label("com.docker.compose.config-hash")
            .to_owned()
    };
    let before = hash();
    let answer = stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    answer
        .has_line(&["✗ vpn", "exited with 3: no route"])
        .has_line(&["! app lives in its network, and fails with it"]);
    stack
        .refit(&["show"])
        .exits(0)
        .says("vpn exited with 3")
        .never_says("/proc/");
    // Whoever lives in another container is hashed with its ID (F82).
    assert_ne!(hash(), before);
}

/// As Prometheus does: on a file that it does not accept it logs so, and goes on with what it had.
const RELOADING: &str = "read() { if grep -q banana /conf/app.conf; then \
    echo 'level=error msg=\"Error reloading config\" err=\"not a valid duration: banana\"'; \
    else cp /conf/app.conf /read; echo 'level=info msg=\"Completed loading\"'; fi; }; \
    trap read HUP; read; while :; do sleep 0.1; done";

fn reloading(settings: &str) -> Option<TestStack> {
    let web = service(RELOADING, "volumes: ['./conf:/conf']");
    let compose = format!("services:\n  web: {web}\n");
    let files = [
        ("conf/app.conf", "interval=15s\n"),
        ("refit.yaml", settings),
    ];
    TestStack::started(&compose, &files)
}

#[test]
fn whether_a_reload_was_accepted_is_not_known_by_the_file() {
    let Some(stack) = reloading("services:\n  web: {reload: {signal: HUP, for: [./conf]}}\n")
    else {
        return;
    };
    let set = ["set", "interval=banana", "-F", "conf/app.conf"];
    let answer = stack.refit(&set).exits(0);
    let not_known = "reloaded (HUP); whether it accepted the files is not known";
    let logged = "it logged an error: Error reloading config: not a valid duration: banana";
    answer
        .has_line(&["? web", not_known, logged])
        .has_line(&["│ level=error msg=\"Error reloading config\""]);
    let set = ["set", "interval=30s", "-F", "conf/app.conf"];
    let answer = stack.refit(&set).exits(0);
    answer
        .has_line(&["? web", not_known])
        .never_says("logged an error");
}

#[test]
fn a_check_is_asked_before_the_signal_and_after_it() {
    let check =
        "if grep -q banana /conf/app.conf; then echo 'error: banana is no duration'; exit 1; fi";
    let settings = format!(
        "services:\n  web: {{reload: {{signal: HUP, for: [./conf], check: {}}}}}\n",
        serde_json::to_string(check).unwrap()
    );
    let Some(stack) = reloading(&settings) else {
        return;
    };
    let before = stack.container("web");
    let set = ["--json", "set", "interval=banana", "-F", "conf/app.conf"];
    let answer = stack.refit(&set).exits(3);
    let refused = answer.the("proof");
    assert_eq!(
        (&refused["check"], &refused["result"]),
        (&"reload".into(), &"failed".into())
    );
    let said = refused["text"].to_string();
    assert!(
        said.contains("does not accept its files: banana is no duration"),
        "{answer}"
    );
    assert_eq!(stack.read("conf/app.conf"), "interval=15s\n");
    // Nobody told it to read that, and so nobody has to restart it.
    before.is_untouched(&stack.container("web"));
    assert_eq!(stack.exec("web", &["cat", "/read"]), "interval=15s\n");
    let set = ["set", "interval=30s", "-F", "conf/app.conf"];
    let answer = stack.refit(&set).exits(0);
    answer.has_line(&["✓ web", "reloaded (HUP)", "accepts its files"]);
    while stack.exec("web", &["cat", "/read"]) != "interval=30s\n" {}
}

/// Waits until a container has been started so often again, by the engine's own word.
fn await_starts(stack: &TestStack, since: &str, count: usize) {
    let mut events = docker_command();
    let project = format!("label=com.docker.compose.project={}", stack.project);
    let filters = ["--filter", &project, "--filter", "event=start"];
    events.args(["events", "--since", since]).args(filters);
    let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(events.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(count).count(), count);
    events.kill().unwrap();
    events.wait().unwrap();
}

/// As an application whose start fails after some time, without healthcheck and port: at the end of the run
/// nothing could be seen of it.
#[test]
fn a_slow_crash_after_the_run_is_told_with_the_run_that_brought_it() {
    let shell = "[ $MODE = good ] || { sleep 4; exit 3; }; exec sleep infinity";
    let web = service(shell, "env_file: .env, restart: always");
    let compose = format!("services:\n  web: {web}\n  idle: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    stack.refit(&["set", "OTHER=1"]).exits(0);
    stack.refit(&["set", "MODE=bad", "--settle", "1s"]).exits(0);
    stack.refit(&["status"]).exits(0).never_says("since run");
    let since = stack.container("web").raw["Created"]
        .as_str()
        .unwrap()
        .to_owned();
    // Its own start, and two by the engine.
    await_starts(&stack, &since, 3);
    // It goes on meanwhile, so it may be more.
    let told = "times since run 2, about every";
    let exit = "the last time with exit code 3";
    stack.refit(&["status"]).exits(0).has_line(&[
        "! web has ended",
        told,
        exit,
        "refit rollback 2 undoes it",
    ]);
    let answer = stack.refit(&["--json", "doctor"]).exits(1);
    let found: Value = serde_json::from_str(&answer.stdout).unwrap();
    let found = found["findings"].as_array().unwrap().iter();
    let found: Vec<&Value> = found.filter(|one| one["code"] == "since_run").collect();
    assert_eq!(found.len(), 1, "{answer}");
    assert_eq!(
        (&found[0]["service"], &found[0]["hint"]),
        (&"web".into(), &"refit rollback 2".into())
    );
    stack
        .refit(&["schedule", "run"])
        .exits(1)
        .says(told)
        .says("→ refit rollback 2");
    stack.refit(&["rollback", "2", "--settle", "1s"]).exits(0);
    stack.refit(&["status"]).exits(0).never_says("! web");
    assert_eq!(stack.container("web").env["OTHER"], "1");
}

/// It ends every few seconds, which is later than a run looks at it.
#[test]
fn a_loop_slower_than_the_settle_window_is_no_fault_of_a_run() {
    let web = service("sleep 4; exit 1", "env_file: .env, restart: always");
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let created = || {
        let raw = stack.container("web").raw;
        raw["Created"].as_str().unwrap().to_owned()
    };
    await_starts(&stack, &created(), 3);
    let set = ["--json", "set", "A=2", "--settle", "1s"];
    let answer = stack.refit(&set).exits(6);
    let (word, reason) = answer.verdict("web");
    assert_eq!(word, "already_failing", "{answer}");
    assert!(reason.starts_with("exited with 1 after 4."), "{answer}");
    // Whoever does not wait for its next end cannot see it, and has it from the run before.
    let set = ["set", "A=3", "--timeout", "2s"];
    stack
        .refit(&set)
        .exits(0)
        .has_line(&["✓ web", "health unknown"]);
    await_starts(&stack, &created(), 4);
    let told = [
        "! web has ended",
        "exit code 1, as before run 2; docker compose logs",
    ];
    let answer = stack.refit(&["status"]).exits(0);
    answer.has_line(&told).never_says("refit rollback");
    let answer = stack.refit(&["doctor"]);
    answer
        .says("exit code 1, as before run 2")
        .never_says("refit rollback");
}

/// The engine starts it again so often, and then no more: nothing is to be waited for.
#[test]
fn who_is_not_started_again_any_more_has_failed() {
    let web = service(
        "[ $MODE = good ] || exit 7; exec sleep infinity",
        "env_file: .env, restart: 'on-failure:1'",
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\n")]) else {
        return;
    };
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--settle", "3s"])
        .exits(3);
    let failed = &answer.all("verdict")[0];
    assert_eq!(failed["reason"], "exited with 7", "{answer}");
}

/// Such as a job that the engine starts anew each time.
#[test]
fn who_ends_well_and_is_started_again_by_design_is_not_failing() {
    let web = service("sleep 0.5; exit 0", "env_file: .env, restart: always");
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    while stack.container("web").raw["RestartCount"].as_u64() < Some(2) {}
    let answer = stack.refit(&["set", "A=2", "--settle", "10s"]).exits(0);
    answer.has_line(&["✓ web", "ends with 0 and is started again, as before"]);
}

/// It changed nothing that a rollback could give back.
#[test]
fn what_became_of_a_restart_is_told_without_a_way_back() {
    let web = service(
        "test ! -e /x/die || exit 4; while test ! -e /x/die; do sleep 0.1; done; exit 4",
        "volumes: ['./x:/x']",
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[("x/file", "")]) else {
        return;
    };
    stack.refit(&["restart", "web"]).exits(0);
    stack.write("x/die", "");
    while stack.container("web").raw["State"]["Status"] != "exited" {}
    let answer = stack
        .refit(&["status"])
        .says("docker compose logs --tail 50 web tells more");
    answer.never_says("refit rollback");
}

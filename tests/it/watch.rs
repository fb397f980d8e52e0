//! The verdict: from what a service really does, with the reason in words, and never on a guess.

use crate::stack::answer::Answer;
use crate::stack::engine::{docker, docker_command};
use crate::stack::{TestStack, free_port, healthcheck, idle, quick_healthcheck, service};

/// One service whose behaviour hangs on `MODE` of `.env`.
fn moody(shell: &str, more: &str) -> String {
    let web = service(shell, &format!("env_file: .env, {more}"));
    format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""))
}

const GOOD: (&str, &str) = (".env", "MODE=good\n");

/// Sets `MODE=bad`, which must be taken back, and gives the reason.
#[track_caller]
fn fails(stack: &TestStack) -> (String, Answer) {
    let before = stack.containers();
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--settle", "3s"])
        .exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    let mut failed = answer.all("verdict");
    failed.retain(|event| event["verdict"] == "failed");
    assert_eq!(failed.len(), 1, "{answer}");
    assert_eq!(failed[0]["service"], "web", "{answer}");
    let after = stack.containers();
    assert_eq!(after["web"].env["MODE"], "good", "{answer}");
    assert_eq!(after["web"].status(), "running", "{answer}");
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(stack.read(".env"), "MODE=good\n");
    (failed[0]["reason"].as_str().unwrap().to_owned(), answer)
}

#[test]
fn healthy_and_settled() {
    let compose = format!(
        "services:\n  checked: {}\n  plain: {}\n",
        service(
            "touch /up; sleep infinity",
            &format!("env_file: .env, {}", healthcheck("test -e /up"))
        ),
        idle("env_file: .env")
    );
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(0);
    assert_eq!(answer.verdict("checked").0, "healthy", "{answer}");
    assert_eq!(answer.verdict("plain").0, "settled", "{answer}");
    let health = |service: &str| {
        let raw = stack.container(service).raw;
        raw["State"]["Health"]["Status"].as_str().map(str::to_owned)
    };
    assert_eq!(health("checked").as_deref(), Some("healthy"));
    stack
        .refit(&["set", "MODE=more"])
        .exits(0)
        .has_line(&["✓ checked", "healthy after"])
        .has_line(&["✓ plain", "no healthcheck: health unknown, running for"]);
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["checked", "running", "healthy"])
        .has_line(&["plain", "running", "unknown"]);
}

#[test]
fn a_slow_start_is_no_failure() {
    // The first checks fail, and count for nothing before the start period is over.
    let check = healthcheck("test -e /up").replace("start_period: 1s", "start_period: 60s");
    let compose = moody("sleep 1; touch /up; sleep infinity", &check);
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
}

#[test]
fn unhealthy_with_what_the_check_said() {
    let check = quick_healthcheck("test $MODE = good || { echo the mode is $MODE; exit 1; }");
    let Some(stack) = TestStack::started(&moody("sleep infinity", &check), &[GOOD]) else {
        return;
    };
    let (reason, answer) = fails(&stack);
    assert!(reason.contains("unhealthy"), "{answer}");
    assert!(reason.contains("the mode is bad"), "{answer}");
    let last = answer.all("verdict").pop().unwrap();
    assert_eq!(last["verdict"], "healthy", "{answer}");
}

#[test]
fn a_crash_loop_with_the_last_words() {
    let shell = "test $MODE = good || { echo MODE is $MODE; sleep 0.1; exit 7; }; sleep infinity";
    let compose = moody(shell, "restart: always");
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    let (reason, answer) = fails(&stack);
    assert!(reason.contains("exited with 7, 4 times in"), "{answer}");
    assert!(reason.contains("MODE is bad"), "{answer}");
    let logs = answer.the("logs");
    assert_eq!(logs["service"], "web", "{answer}");
    assert!(
        logs["lines"].to_string().contains("MODE is bad"),
        "{answer}"
    );
}

#[test]
fn an_end_within_the_settle_window() {
    let shell = "test $MODE = good || { sleep 0.1; exit 3; }; sleep infinity";
    let Some(stack) = TestStack::started(&moody(shell, ""), &[GOOD]) else {
        return;
    };
    let (reason, answer) = fails(&stack);
    assert!(reason.contains("exited with 3"), "{answer}");
}

#[test]
fn an_end_with_0_of_what_ran_before() {
    let shell = "test $MODE = good || exit 0; sleep infinity";
    let Some(stack) = TestStack::started(&moody(shell, ""), &[GOOD]) else {
        return;
    };
    let (reason, answer) = fails(&stack);
    assert!(
        reason.contains("ended by itself with exit code 0"),
        "{answer}"
    );
}

#[test]
fn killed_for_want_of_memory() {
    let shell = "test $MODE = good || tail /dev/zero; sleep infinity";
    let more = "mem_limit: 16m, memswap_limit: 16m, init: false";
    let compose =
        moody(shell, more).replace("init: true, stop_grace_period: 2s", "stop_grace_period: 0s");
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    let mut command = docker_command();
    command.args(["info", "--format", "{{.MemoryLimit}}"]);
    if Answer::of(command, b"").stdout.trim() != "true" {
        skipped!("this engine cannot limit memory");
        return;
    }
    // The shell goes on when its child was killed, unless the child is all there is.
    let compose = compose.replace("|| tail", "|| exec tail");
    stack.write("compose.yaml", &compose);
    stack.up();
    let (reason, answer) = fails(&stack);
    assert!(reason.contains("OOM"), "{answer}");
}

#[test]
fn a_program_that_does_not_exist() {
    let web = "{image: refit-test/busybox:1, init: true, network_mode: none, env_file: .env, \
               command: ['${PROGRAM}', infinity]}";
    let compose = format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""));
    let text = "MODE=good\nPROGRAM=sleep\n";
    let Some(stack) = TestStack::started(&compose, &[(".env", text)]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "PROGRAM=slepe"]).exits(3);
    answer.says("slepe");
    let after = stack.containers();
    assert_eq!(after["web"].status(), "running");
    before["neighbour"].is_untouched(&after["neighbour"]);
    assert_eq!(stack.read(".env"), text);
}

#[test]
fn a_one_shot_that_others_wait_for_completes_or_fails_the_change() {
    let compose = format!(
        "services:\n  migrate: {}\n  web: {}\n",
        service("test $MODE = good", "env_file: .env"),
        idle(
            "env_file: .env, \
             depends_on: {migrate: {condition: service_completed_successfully}}"
        )
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "MODE=good\nOTHER=1\n")]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "OTHER=2"]).exits(0);
    assert_eq!(answer.verdict("migrate").0, "completed", "{answer}");
    assert_eq!(answer.verdict("web").0, "settled", "{answer}");

    // The service that waits for it has not been touched when it fails.
    let before = stack.container("web");
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--settle", "3s"])
        .exits(3);
    let first = &answer.all("verdict")[0];
    assert_eq!(
        (&first["service"], &first["verdict"]),
        (&"migrate".into(), &"failed".into())
    );
    before.is_untouched(&stack.container("web"));
}

#[test]
fn a_one_shot_of_the_settings() {
    let compose = moody("sleep 0.4; exit 0", "");
    let settings = ("refit.yaml", "services:\n  web: {one_shot: true}\n");
    let Some(stack) = TestStack::started(&compose, &[GOOD, settings]) else {
        return;
    };
    // Longer than the settle window: running on is not what is waited for.
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(0);
    assert_eq!(answer.verdict("web").0, "completed", "{answer}");
}

#[test]
fn an_old_fault_is_not_blamed_on_the_change() {
    let broken = service("sleep 0.1; exit 5", "env_file: .env, restart: always");
    let compose = format!(
        "services:\n  broken: {broken}\n  web: {}\n",
        idle("env_file: .env")
    );
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    // Until the engine itself says that it is in trouble.
    let restarting = || stack.container("broken").raw["RestartCount"].as_u64() >= Some(3);
    while !restarting() || stack.container("broken").status() != "restarting" {}
    let answer = stack
        .refit(&["--json", "set", "MODE=other", "--settle", "3s"])
        .exits(6);
    assert_eq!(answer.outcome(), "not_proven", "{answer}");
    assert_eq!(answer.verdict("broken").0, "already_failing", "{answer}");
    assert_eq!(answer.verdict("web").0, "settled", "{answer}");
    assert_eq!(stack.container("web").env["MODE"], "other");
}

#[test]
fn a_service_that_runs_between_two_crashes_was_failing_before() {
    let broken = service("sleep 1.5; exit 5", "env_file: .env, restart: always");
    let Some(stack) = TestStack::started(&format!("services:\n  broken: {broken}\n"), &[GOOD])
    else {
        return;
    };
    let restarts = || stack.container("broken").raw["RestartCount"].as_u64();
    while restarts() < Some(1) || stack.container("broken").status() != "running" {}
    let answer = stack
        .refit(&["--json", "set", "MODE=other", "--settle", "3s"])
        .exits(6);
    assert_eq!(answer.outcome(), "not_proven", "{answer}");
    assert_eq!(answer.verdict("broken").0, "already_failing", "{answer}");
}

/// As `docker compose create` leaves it, or an `up` that was refused half-way.
#[test]
fn what_was_never_started_is_told_as_that_and_with_what_starts_it() {
    let job = service("exit 0", "");
    let compose = format!("services:\n  job: {job}\n  web: {}\n", idle(""));
    let settings = "services: {job: {one_shot: true}}\n";
    let files = [("compose.yaml", compose.as_str()), ("refit.yaml", settings)];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    stack.compose(&["create"]);
    let mut answer = stack.refit(&["watch", "--for", "10s"]).exits(1);
    for service in ["job", "web"] {
        let starts = format!("was created and never started; refit apply {service} starts it");
        answer = answer.has_line(&[&format!("✗ {service}"), &starts]);
    }
    answer
        .never_says("exited with")
        .never_says("ended by itself");
    let told = "job: is created and was never started; refit apply job runs it";
    let answer = stack.refit(&["status"]).exits(0);
    answer
        .says(told)
        .says("web: is created and was never started");
    let answer = stack.refit(&["plan"]).exits(0);
    answer
        .says("job: is created and was never started")
        .has_line(&["web", "start", "is created and was never started"]);
    stack.refit(&["apply", "--settle", "1s"]).exits(0);
    assert_eq!(stack.container("web").status(), "running");
    // Work that a rollback has not done again lies there just so.
    assert_eq!(stack.container("job").status(), "created");
    stack
        .refit(&["plan"])
        .exits(0)
        .says("refit apply job runs it");
    stack.refit(&["apply", "job"]).exits(0);
    assert_eq!(stack.container("job").status(), "exited");
    stack
        .refit(&["status"])
        .exits(0)
        .never_says("never started");
}

#[test]
fn a_probe_from_the_host_decides() {
    let port = free_port();
    let shell = "mkdir /www; echo the mode is $MODE > /www/health; httpd -f -p 80 -h /www";
    let compose = moody(shell, &format!("ports: ['127.0.0.1:{port}:80']"));
    let probe = format!("{{url: 'http://127.0.0.1:{port}/health', body: is good}}");
    let settings = format!("services:\n  web: {{probe: {probe}, timeout: 3s}}\n");
    let Some(stack) = TestStack::started(&compose, &[GOOD, ("refit.yaml", &settings)]) else {
        return;
    };
    let (reason, answer) = fails(&stack);
    assert!(
        reason.contains("answered without the wanted text"),
        "{answer}"
    );

    stack.write("refit.yaml", &settings.replace("is good", "mode"));
    let answer = stack.refit(&["--json", "set", "MODE=other"]).exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
    // The same as a block of the compose file.
    std::fs::remove_file(stack.path("refit.yaml")).unwrap();
    let settings = settings.replace("is good", "is other");
    let block = settings.replace("services:\n  web", "x-refit:\n  services:\n    web");
    stack.write("compose.yaml", &format!("{compose}{block}"));
    let answer = stack
        .refit(&["--json", "set", "MODE=bad", "--settle", "3s"])
        .exits(3);
    let failed = &answer.all("verdict")[0];
    assert!(
        failed["reason"].to_string().contains("wanted text"),
        "{answer}"
    );
}

#[test]
fn watch_says_by_its_exit_code_how_the_stack_is() {
    let check = quick_healthcheck("test -e /up");
    let compose = format!(
        "services:\n  web: {}\n  neighbour: {}\n",
        service("touch /up; sleep infinity", &check),
        idle("")
    );
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    let answer = stack.refit(&["--json", "watch"]).exits(1);
    assert_eq!(answer.refusal(), "stack_down", "{answer}");
    stack.up();
    let answer = stack.refit(&["--json", "watch"]).exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
    assert_eq!(answer.verdict("neighbour").0, "settled", "{answer}");
    stack.exec("web", &["rm", "/up"]);
    while stack.container("web").raw["State"]["Health"]["Status"] != "unhealthy" {}
    let answer = stack.refit(&["--json", "watch"]).exits(1);
    assert_eq!(answer.verdict("web").0, "failed", "{answer}");
    assert_eq!(answer.verdict("neighbour").0, "settled", "{answer}");
    stack
        .refit(&["watch"])
        .exits(1)
        .has_line(&["✗ web", "unhealthy"])
        .has_line(&["✓ neighbour"]);
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["web", "running", "unhealthy"]);
}

#[test]
fn status_as_a_document() {
    let compose = format!(
        "services:\n  done: {}\n  web: {}\n  unmade: {}\n",
        service("exit 4", ""),
        idle("env_file: .env"),
        idle("profiles: [never]")
    );
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    crate::stack::engine::docker(&["wait", &stack.container("done").id]);
    stack.write(".env", "MODE=other\n");
    let answer = stack.refit(&["--json", "status"]).exits(0);
    let page: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(page["project"], stack.project);
    let services = page["services"].as_array().unwrap();
    assert_eq!(services.len(), 2, "{answer}");
    assert_eq!(services[0]["state"], "exited (4)", "{answer}");
    assert_eq!(services[1]["health"], "unknown", "{answer}");
    let differs = page["differs"].as_array().unwrap();
    let web = differs.iter().find(|one| one["service"] == "web").unwrap();
    assert_eq!(
        (&web["action"], &web["route"]),
        (&"recreate".into(), &"env_file".into())
    );
}

#[test]
fn a_service_that_somebody_paused_is_named_by_the_watch() {
    let compose = format!("services:\n  web: {}\n  db: {}\n", idle(""), idle(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    docker(&["pause", &stack.container("db").id]);
    let answer = stack.refit(&["watch"]).exits(0);
    answer.says("db is paused, and not watched; docker compose unpause db lets it go on");
}

#[test]
fn paused_is_paused_until_somebody_lets_it_go_on() {
    let compose = format!(
        "services:\n  web: {}\n  db: {}\n",
        idle("env_file: .env"),
        idle("")
    );
    let Some(stack) = TestStack::started(&compose, &[GOOD]) else {
        return;
    };
    let web = stack.container("web");
    docker(&["pause", &web.id]);
    let unpause = "docker compose unpause web";
    let is_paused = || {
        let now = stack.container("web");
        assert_eq!((now.id.as_str(), now.status()), (web.id.as_str(), "paused"));
    };
    let status = stack.refit(&["status"]).exits(0);
    status
        .has_line(&["! web: is paused", unpause])
        .never_says("refit apply does it");
    for words in [&["apply"][..], &["apply", "web"], &["plan"]] {
        let answer = stack.refit(words).exits(0);
        answer
            .has_line(&["web is paused and stays paused", unpause])
            .says("Nothing to do: a paused service stays so");
        is_paused();
    }
    let restart = stack.refit(&["restart"]).exits(0);
    restart
        .has_line(&["web is paused and stays paused", unpause])
        .never_says("refit apply");
    let set = stack.refit(&["set", "MODE=other"]).exits(0);
    set.has_line(&[
        "web is paused and stays paused, without the change",
        unpause,
    ])
    .never_says("is stopped");
    is_paused();
    // What was said works.
    stack.compose(&["unpause", "web"]);
    stack.refit(&["apply", "web"]).exits(0);
    assert_eq!(stack.container("web").env["MODE"], "other");
}

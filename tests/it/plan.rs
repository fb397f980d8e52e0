//! What is done, what is left alone, and that it is shown before it happens.

use crate::stack::{TestStack, idle, service};

fn two(web: &str) -> String {
    format!("services:\n  web: {}\n  worker: {}\n", idle(web), idle(""))
}

#[test]
fn a_dry_run_shows_the_plan_and_does_nothing() {
    let files = [(".env", "COLOUR=red\nAPI_KEY=hunter2222\n")];
    let Some(stack) = TestStack::started(&two("env_file: .env"), &files) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["set", "COLOUR=blue", "API_KEY=swordfish", "--dry-run"]);
    answer
        .exits(0)
        .has_line(&[".env", "COLOUR", "red → blue"])
        .has_line(&[".env", "API_KEY", "••• → •••"])
        .has_line(&["web", "recreate", ".env is its env_file"])
        .has_line(&["worker", "untouched"])
        .never_says("hunter2222")
        .never_says("swordfish");
    // A secret that is what it was is told apart from one that changes.
    let answer = stack.refit(&["set", "API_KEY=hunter2222", "--dry-run"]);
    answer
        .exits(0)
        .has_line(&[".env", "API_KEY", "••• (as it is)"]);
    let answer = stack.refit(&["--json", "set", "API_KEY=hunter2222", "--dry-run"]);
    assert_eq!(answer.the("change")["same"], true, "{answer}");
    assert_eq!(stack.read(".env"), files[0].1);
    let after = stack.containers();
    before["web"].is_untouched(&after["web"]);
    let runs = stack.state_files().into_iter().filter(|(path, _)| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.contains("journal")
    });
    assert_eq!(runs.count(), 0);
}

#[test]
fn the_exit_code_says_whether_there_is_something_to_do() {
    let Some(stack) = TestStack::started(&two("env_file: .env"), &[(".env", "A=1\n")]) else {
        return;
    };
    stack.refit(&["plan", "--exit-code"]).exits(0);
    let dry = ["--dry-run", "--exit-code"];
    stack.refit(&[&["set", "A=1"], &dry[..]].concat()).exits(0);
    stack.refit(&[&["set", "A=2"], &dry[..]].concat()).exits(10);
    stack.refit(&[&["set", "A=2"], &dry[..1]].concat()).exits(0);
    stack.write(".env", "A=2\n");
    stack.refit(&["plan", "--exit-code"]).exits(10).has_line(&[
        "web",
        "recreate",
        "runs with another A",
    ]);
    assert_eq!(stack.container("web").env["A"], "1");
}

#[test]
fn what_is_stopped_on_purpose_stays_so() {
    let both = format!(
        "services:\n  web: {}\n  worker: {}\n",
        idle("env_file: .env"),
        idle("env_file: .env")
    );
    let Some(stack) = TestStack::started(&both, &[(".env", "A=1\n")]) else {
        return;
    };
    stack.compose(&["stop", "worker"]);
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("web", "recreate")])
        .says("worker is stopped and stays stopped");
    let after = stack.containers();
    assert_eq!(after["worker"].status(), "exited");
    before["worker"].is_untouched(&after["worker"]);
    assert_eq!(after["web"].env["A"], "2");
    // `apply` means what `up -d` means: what the files define, runs.
    stack.refit(&["apply"]).exits(0);
    let worker = stack.container("worker");
    assert_eq!((worker.status(), &*worker.env["A"]), ("running", "2"));
}

#[test]
fn a_stack_that_is_down_is_edited_and_stays_down() {
    let files = [("compose.yaml", &*two("env_file: .env")), (".env", "A=1\n")];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    stack
        .refit(&["set", "A=2"])
        .exits(0)
        .says("The stack is down and stays down; docker compose up -d starts it");
    assert_eq!(stack.read(".env"), "A=2\n");
    assert!(stack.containers().is_empty());

    // The same after `stop`: the containers stay as they are.
    stack.up();
    stack.compose(&["stop"]);
    stack
        .refit(&["set", "A=3"])
        .exits(0)
        .says("The stack is down");
    assert_eq!(stack.container("web").status(), "exited");

    stack.refit(&["apply"]).exits(0);
    let web = stack.container("web");
    assert_eq!((web.status(), &*web.env["A"]), ("running", "3"));
    assert_eq!(stack.container("worker").status(), "running");
}

#[test]
fn nothing_to_do_is_found_so_again_and_again() {
    let more = "env_file: .env, volumes: ['./.env:/app/.env', 'data:/data'], \
                environment: {PRICE: '5 $$', A: '${A}'}, labels: {x: '${A}'}";
    let compose = format!("{}volumes:\n  data: {{}}\n", two(more));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\nB='$x'\n")]) else {
        return;
    };
    let before = stack.containers();
    for _ in 0..2 {
        let answer = stack.refit(&["--json", "apply"]).exits(0);
        assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
        let answer = stack.refit(&["--json", "set", "A=1"]).exits(0);
        assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    }
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    for args in [&["--json", "set", "A=2"][..], &["--json", "apply"]] {
        let answer = stack.refit(args).exits(0);
        assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    }
    let after = stack.containers();
    before["worker"].is_untouched(&after["worker"]);
    assert_eq!(stack.read(".env"), "A=2\nB='$x'\n");
}

#[test]
fn edits_by_hand_are_applied_by_their_route() {
    let compose = format!(
        "services:\n  filed: {}\n  bound: {}\n  worker: {}\n",
        idle("env_file: app.env"),
        idle("volumes: ['./.env:/app/.env']"),
        idle("")
    );
    let files = [(".env", "A=1\n"), ("app.env", "B=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.containers();
    stack.write("app.env", "B=2\n");
    std::fs::write(stack.path("new"), "A=2\n").unwrap();
    std::fs::rename(stack.path("new"), stack.path(".env")).unwrap();
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    answer
        .plans(&[("bound", "restart"), ("filed", "recreate")])
        .because("filed", "env_file", "runs with another B")
        .because("bound", "bind", ".env has changed since it was started");
    let after = stack.containers();
    before["bound"].was_restarted(&after["bound"]);
    before["worker"].is_untouched(&after["worker"]);
    assert_eq!(after["filed"].env["B"], "2");
    assert_eq!(stack.exec("bound", &["cat", "/app/.env"]), "A=2\n");
}

#[test]
fn a_changed_definition_and_a_new_service_are_applied() {
    let Some(stack) = TestStack::started(&two("labels: {x: '1'}"), &[]) else {
        return;
    };
    let before = stack.containers();
    let more = format!("{}  extra: {}\n", two("labels: {x: '2'}"), idle(""));
    stack.write("compose.yaml", &more);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    answer
        .plans(&[("extra", "start"), ("web", "recreate")])
        .because("extra", "definition", "has no container");
    let after = stack.containers();
    assert_eq!(after["web"].label("x"), "2");
    assert_eq!(after["extra"].status(), "running");
    before["worker"].is_untouched(&after["worker"]);

    // F11: what the files no longer define is left alone.
    stack.write("compose.yaml", &two("labels: {x: '2'}"));
    stack.refit(&["apply"]).exits(0);
    assert_eq!(stack.container("extra").status(), "running");
}

#[test]
fn apply_of_one_service_leaves_the_others() {
    let both = format!(
        "services:\n  web: {}\n  worker: {}\n",
        idle("env_file: .env"),
        idle("env_file: .env")
    );
    let Some(stack) = TestStack::started(&both, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.containers();
    stack.write(".env", "A=2\n");
    let answer = stack.refit(&["--json", "apply", "web"]).exits(0);
    answer
        .plans(&[("web", "recreate")])
        .says("worker runs with another A");
    let after = stack.containers();
    assert_eq!(after["web"].env["A"], "2");
    before["worker"].is_untouched(&after["worker"]);
}

#[test]
fn what_differed_before_is_named_and_left_alone() {
    let compose = format!(
        "services:\n  web: {}\n  gone: {}\n  stale: {}\n",
        idle("env_file: .env"),
        idle(""),
        idle("env_file: other.env")
    );
    let files = [(".env", "A=1\n"), ("other.env", "B=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.compose(&["rm", "--stop", "--force", "gone"]);
    stack.write("other.env", "B=2\n");
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("web", "recreate")])
        .says("gone has no container");
    let after = stack.containers();
    assert!(!after.contains_key("gone"));
    before["stale"].is_untouched(&after["stale"]);
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["gone", "no container"])
        .says("stale: runs with another B");
}

#[test]
fn an_image_that_was_built_anew_is_applied() {
    let dockerfile = |text: &str| format!("FROM refit-test/busybox:1\nENV BUILT={text}\n");
    let compose = "services:\n  web: {build: ., init: true, network_mode: none, \
                   command: sleep infinity}\n";
    let files = [("Dockerfile", &*dockerfile("1"))];
    let Some(stack) = TestStack::started(compose, &files) else {
        return;
    };
    stack.write("Dockerfile", &dockerfile("2"));
    stack.compose(&["build", "web"]);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    let answer = answer.plans(&[("web", "recreate")]);
    // A build without a layer of its own has the date of its base: neither is called the older one.
    answer.says("runs another image than");
    assert_eq!(stack.container("web").env["BUILT"], "2");
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}

#[test]
fn replicas_are_added_and_taken_away() {
    let compose = two("scale: \"${N}\"");
    let Some(stack) = TestStack::started(&compose, &[(".env", "N=1\n")]) else {
        return;
    };
    let count = || {
        let all = crate::stack::engine::containers_of(&stack.project);
        all.iter().filter(|c| c.service == "web").count()
    };
    let before = stack.containers();
    stack
        .refit(&["--json", "set", "N=3"])
        .exits(0)
        .plans(&[("web", "start")]);
    assert_eq!(count(), 3);
    before["web"].is_untouched(&stack.container("web"));
    stack
        .refit(&["--json", "set", "N=1"])
        .exits(0)
        .plans(&[("web", "remove")]);
    assert_eq!(count(), 1);
    before["worker"].is_untouched(&stack.container("worker"));
}

#[test]
fn a_service_that_an_edit_removes_goes_and_its_neighbour_stays() {
    let Some(stack) = TestStack::started(&two(""), &[]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "unset", "services.web", "-F", "compose.yaml"]);
    answer.exits(0).plans(&[("web", "remove")]);
    let after = stack.containers();
    assert_eq!(after.keys().collect::<Vec<_>>(), ["worker"]);
    before["worker"].is_untouched(&after["worker"]);
}

#[test]
fn a_failed_change_is_taken_back() {
    let web = service(
        "test \"$MODE\" = good || { echo \"MODE: $MODE is not good\"; exit 1; }; sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n  worker: {}\n", idle(""));
    let text = "# the mode\nMODE=good\n";
    let Some(stack) = TestStack::started(&compose, &[(".env", text)]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    answer
        .says("MODE: bad is not good")
        .says("exited with 1")
        .says(".env restored")
        .says("Rolled back: everything is as it was before run 1");
    assert_eq!(stack.read(".env"), text);
    let after = stack.containers();
    assert_eq!(after["web"].env["MODE"], "good");
    assert_eq!(after["web"].status(), "running");
    before["worker"].is_untouched(&after["worker"]);
}

#[test]
fn services_of_profiles_that_are_off_are_none_of_a_change() {
    let compose = format!(
        "services:\n  web: {}\n  debug: {}\n",
        idle("env_file: .env"),
        idle("env_file: .env, profiles: [debug]")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    stack
        .refit(&["--json", "set", "A=2"])
        .exits(0)
        .plans(&[("web", "recreate")]);
    assert!(!stack.containers().contains_key("debug"));
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    let answer = stack
        .refit(&["--json", "--profile", "debug", "apply"])
        .exits(0);
    answer.plans(&[("debug", "start")]);
    // It runs now, so a change reaches it, whichever profiles are named.
    let answer = stack.refit(&["--json", "set", "A=3"]).exits(0);
    answer.plans(&[("debug", "recreate"), ("web", "recreate")]);
    assert_eq!(stack.container("debug").env["A"], "3");
}

/// Compose 2.26 hashes a service otherwise when it is made without those that it waits for.
#[test]
fn what_a_change_has_made_anew_differs_in_nothing() {
    let waits = idle("env_file: .env, depends_on: [worker]");
    let compose = format!("services:\n  web: {waits}\n  worker: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[(".env", "COLOUR=red\n")]) else {
        return;
    };
    let worker = stack.container("worker");
    let answer = stack.refit(&["--json", "set", "COLOUR=blue"]).exits(0);
    answer.plans(&[("web", "recreate")]);
    stack.refit(&["plan", "--exit-code"]).exits(0);
    stack.refit(&["status"]).exits(0).never_says("has changed");
    worker.is_untouched(&stack.container("worker"));
    // What really differs is seen all the same.
    stack.write(
        "compose.yaml",
        &compose.replace("depends_on", "user: '1', depends_on"),
    );
    stack.refit(&["plan", "--exit-code"]).exits(10);
}

/// The containers of a service, by what they were started with.
fn modes(stack: &TestStack, service: &str) -> Vec<String> {
    let own = crate::stack::engine::containers_of(&stack.project).into_iter();
    let own = own.filter(|container| container.service == service);
    own.map(|container| container.env["MODE"].clone()).collect()
}

fn scaled(replicas: u32) -> String {
    let shell = "test $MODE != bad && exec sleep infinity";
    let web = service(
        shell,
        &format!("environment: {{MODE: one}}, scale: {replicas}"),
    );
    format!("services:\n  web: {web}\n  worker: {}\n", idle(""))
}

#[test]
fn fewer_replicas_and_another_change_are_watched_and_proven() {
    let Some(stack) = TestStack::started(&scaled(3), &[]) else {
        return;
    };
    let set = |mode: &str, more: &[&str]| {
        let mode = format!("services.web.environment.MODE={mode}");
        let args = ["set", "-F", "compose.yaml", "services.web.scale=1", &mode];
        stack.refit(&[&args[..], more].concat())
    };
    set("bad", &["--settle", "3s"]).exits(3);
    let good = set("two", &[]).exits(0);
    good.has_line(&["web", "recreate"])
        .has_line(&["✓ web", "running for"]);
    assert_eq!(modes(&stack, "web"), ["two"]);
}

#[test]
fn a_rollback_brings_back_what_no_replicas_took_away() {
    let Some(stack) = TestStack::started(&scaled(2), &[]) else {
        return;
    };
    stack
        .refit(&["set", "-F", "compose.yaml", "services.web.scale=0"])
        .exits(0);
    assert_eq!(modes(&stack, "web"), Vec::<String>::new());
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(modes(&stack, "web"), ["one", "one"]);
}

#[test]
fn what_was_scaled_by_hand_is_told_before_it_goes() {
    let Some(stack) = TestStack::started(&two("env_file: .env"), &[(".env", "MODE=one\n")]) else {
        return;
    };
    stack.compose(&["up", "-d", "--scale", "web=3"]);
    stack
        .refit(&["set", "MODE=two", "--dry-run"])
        .exits(0)
        .says("has 3 containers, the files say 1: 2 will be removed");
}

/// Compose's rule for the names of files is one, whatever separates them.
#[test]
fn files_that_env_names_with_another_separator() {
    for separator in [":", "@"] {
        let env =
            format!("COMPOSE_PATH_SEPARATOR={separator}\nCOMPOSE_FILE=a.yaml{separator}b.yaml\n");
        let (a, b) = (idle(""), idle(""));
        let Some(stack) = TestStack::new(&[
            (".env", &env),
            ("a.yaml", &format!("services:\n  web: {a}\n")),
            ("b.yaml", &format!("services:\n  extra: {b}\n")),
        ]) else {
            return;
        };
        stack.up();
        let plan = stack.refit(&["set", "COMPOSE_FILE=a.yaml", "--dry-run"]);
        plan.exits(0)
            .has_line(&["extra", "remove", "is no longer in the files"])
            .never_says("is not used by any service");
    }
}

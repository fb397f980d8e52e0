//! Services that must follow another one: those that live in its namespaces or use its volumes, and
//! those whose `depends_on` says so.

use std::fs;

use crate::stack::engine::docker;
use crate::stack::{BUSYBOX, TestStack, idle};

const ENV: (&str, &str) = (".env", "A=1\n");

#[test]
fn network_mode_of_a_service() {
    let compose = format!(
        "services:\n  vpn: {}\n  app: {}\n  bound: {}\n  other: {}\n",
        idle("env_file: .env").replace("network_mode: none, ", ""),
        idle("network_mode: 'service:vpn'"),
        idle("ipc: shareable, volumes: ['./.env:/app/.env']"),
        idle("")
    );
    let Some(stack) = TestStack::started(&compose, &[ENV, ("b.env", "B=1\n")]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[
            ("app", "recreate"),
            ("bound", "restart"),
            ("vpn", "recreate"),
        ])
        .because("app", "follows", "network_mode is that of vpn");
    let after = stack.containers();
    before["app"].was_recreated(&after["app"]);
    before["other"].is_untouched(&after["other"]);
    // The follower lives in the new container's network.
    let mode = after["app"].raw["HostConfig"]["NetworkMode"]
        .as_str()
        .unwrap();
    assert_eq!(mode, format!("container:{}", after["vpn"].id));
    assert_eq!(after["app"].status(), "running");
}

#[test]
fn pid_and_ipc_of_a_service_that_is_restarted() {
    let compose = format!(
        "services:\n  main: {}\n  pid: {}\n  ipc: {}\n",
        idle("ipc: shareable, volumes: ['./.env:/app/.env']"),
        idle("pid: 'service:main'").replace("init: true, ", ""),
        idle("ipc: 'service:main'")
    );
    let Some(stack) = TestStack::started(&compose, &[ENV]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("ipc", "restart"), ("main", "restart"), ("pid", "restart")])
        .because("pid", "follows", "pid is that of main")
        .because("ipc", "follows", "ipc is that of main");
    let after = stack.containers();
    for service in ["main", "pid", "ipc"] {
        before[service].was_restarted(&after[service]);
        assert_eq!(after[service].status(), "running");
    }
}

#[test]
fn volumes_from_a_service() {
    let compose = format!(
        "services:\n  data: {}\n  app: {}\n",
        idle("env_file: .env, volumes: [/data]"),
        idle("volumes_from: [data]")
    );
    let Some(stack) = TestStack::started(&compose, &[ENV]) else {
        return;
    };
    stack.exec("data", &["sh", "-c", "echo kept > /data/file"]);
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("app", "recreate"), ("data", "recreate")])
        .because("app", "follows", "volumes_from is that of data");
    // F10: an anonymous volume survives a recreate.
    for service in ["data", "app"] {
        assert_eq!(stack.exec(service, &["cat", "/data/file"]), "kept\n");
    }
}

#[test]
fn depends_on_with_restart() {
    let compose = format!(
        "services:\n  db: {}\n  api: {}\n  plain: {}\n  far: {}\n",
        idle("env_file: .env"),
        idle("depends_on: {db: {condition: service_started, restart: true}}"),
        idle("depends_on: [db]"),
        idle("depends_on: {api: {condition: service_started, restart: true}}")
    );
    let Some(stack) = TestStack::started(&compose, &[ENV]) else {
        return;
    };
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("api", "restart"), ("db", "recreate")])
        .because("api", "follows", "depends on db with restart: true");
    let after = stack.containers();
    before["api"].was_restarted(&after["api"]);
    before["far"].is_untouched(&after["far"]);
    before["plain"].is_untouched(&after["plain"]);
    assert!(after["db"].started_at() < after["api"].started_at());
}

#[test]
fn a_follower_that_is_stopped_stays_so() {
    let compose = format!(
        "services:\n  db: {}\n  api: {}\n",
        idle("env_file: .env"),
        idle("depends_on: {db: {condition: service_started, restart: true}}")
    );
    let Some(stack) = TestStack::started(&compose, &[ENV]) else {
        return;
    };
    stack.compose(&["stop", "api"]);
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer.plans(&[("db", "recreate")]);
    assert_eq!(stack.container("api").status(), "exited");
    assert_eq!(stack.container("db").raw["Config"]["Image"], BUSYBOX);
}

/// A container that nobody made with Compose; it goes with the test.
struct Alone(String);

impl Drop for Alone {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}

/// The network of a container ends with it, and its next start makes another one (F87).
#[test]
fn who_lost_the_network_of_another_is_told_and_gets_it_again() {
    let vpn = idle("env_file: .env").replace("network_mode: none, ", "");
    let app = idle("network_mode: 'service:vpn'");
    let compose = format!("services:\n  vpn: {vpn}\n  app: {app}\n");
    let Some(stack) = TestStack::started(&compose, &[ENV]) else {
        return;
    };
    let host = stack.container("vpn").raw["Name"].clone();
    let host = host.as_str().unwrap().trim_start_matches('/').to_owned();
    let other = stack.second_project("other");
    let beside = stack.beside("other");
    fs::create_dir_all(&beside).unwrap();
    let inside = idle(&format!("network_mode: 'container:{host}'"));
    let text = format!("name: {other}\nservices:\n  jackett: {inside}\n");
    fs::write(beside.join("compose.yaml"), text).unwrap();
    let file = beside.join("compose.yaml");
    let file = file.to_str().unwrap();
    docker(&["compose", "-f", file, "up", "-d"]);
    let in_line = "what runs is what the files say";
    stack.refit(&["plan"]).exits(0).says(in_line);
    stack.refit(&["-f", file, "plan"]).exits(0).says(in_line);

    docker(&["restart", &host]);
    stack.up();
    let lost = format!("{host} was started after it: the network of it that it shares is gone");
    for verb in ["plan", "status", "doctor"] {
        stack.refit(&[verb]).exits(0).says(&lost);
        stack.refit(&["-f", file, verb]).exits(0).says(&lost);
    }
    let was = stack.containers();
    stack.refit(&["apply"]).exits(0);
    was["app"].was_restarted(&stack.container("app"));
    was["vpn"].is_untouched(&stack.container("vpn"));
    let seen = stack.exec("app", &["ls", "/sys/class/net"]);
    assert!(seen.contains("eth0"), "{seen}");
    stack.refit(&["plan"]).exits(0).says(in_line);

    // Whom a run cuts off is named before it, whoever made it.
    let alone = Alone(format!("{}-alone", stack.project));
    let shared = format!("container:{host}");
    let sleep = [BUSYBOX, "sleep", "infinity"];
    docker(
        &[
            &[
                "run",
                "-d",
                "--init",
                "--name",
                &alone.0,
                "--network",
                &shared,
            ],
            &sleep[..],
        ]
        .concat(),
    );
    let text = format!(
        "the container {} lives in the network of {host}, and loses it",
        alone.0
    );
    let answer = stack.refit(&["restart", "vpn"]).exits(0);
    answer.says(&format!("{text}; afterwards: docker restart {}", alone.0));
    let answer = stack.refit(&["set", "A=2", "--dry-run"]).exits(0);
    answer.says(&format!(
        "{text}; afterwards: make it anew with --network {shared}"
    ));
}

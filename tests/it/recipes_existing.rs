//! `session-store` where something is there already: a store that the environment names, one in another
//! network, one of another stack; and where the application is in networks of its own.

use std::hash::{BuildHasher as _, RandomState};

use crate::demo::Demo;
use crate::stack::answer::Answer;
use crate::stack::engine::{Tag, docker};
use crate::stack::{TestStack, engine};

const REDIS: &str = "refit-test/redis:7";
const WORDS: [&str; 4] = ["--json", "use", "session-store", "store=redis"];

/// What came of the check that a login survives a restart.
#[track_caller]
fn survives(answer: &Answer) -> String {
    let proof = answer.the("proof");
    assert_eq!(proof["check"], "session_survives", "{answer}");
    proof["result"].as_str().unwrap().to_owned()
}

fn value_of(stack: &TestStack, key: &str) -> String {
    let env = stack.read(".env");
    let line = env
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.unwrap_or_default().to_owned()
}

/// The demo, healthy, with a network of its own for the application.
fn in_networks(networks: &str, definitions: &str) -> Option<Demo> {
    let demo = Demo::new(|compose| {
        let compose = compose.replacen(
            "    restart: unless-stopped\n",
            &format!("    restart: unless-stopped\n    networks: [{networks}]\n"),
            1,
        );
        format!("{compose}\nnetworks:\n{definitions}")
    })?;
    Demo::needs_image(REDIS).then_some(demo)
}

#[test]
fn a_store_is_put_where_the_application_finds_it() {
    let networks = "  edge: {}\n  back: {internal: true}\n";
    let Some(demo) = in_networks("edge, back", networks) else {
        return;
    };
    let stack = &demo.stack;
    stack.up_healthy();
    let image = format!("image={REDIS}");
    let words: Vec<&str> = WORDS.into_iter().chain([image.as_str()]).collect();
    let answer = stack.refit(&words).exits(0);
    assert_eq!(survives(&answer), "proven", "{answer}");
    let redis = stack.container("redis");
    let networks = redis.raw["NetworkSettings"]["Networks"]
        .as_object()
        .unwrap();
    let names: Vec<&String> = networks.keys().collect();
    assert_eq!(names, [&format!("{}_back", stack.project)]);
}

#[test]
fn an_application_without_a_network_gets_no_store_that_it_could_not_find() {
    let demo = Demo::new(|compose| {
        let line = "      - \"127.0.0.1:${DEMO_PORT:-3080}:3080\"\n";
        compose.replace(&format!("    ports:\n{line}"), "    network_mode: none\n")
    });
    let Some(demo) = demo else { return };
    let env = demo.stack.read(".env");
    let refused = demo.stack.refit(&WORDS).exits(1);
    assert_eq!(refused.refusal(), "no_network", "{refused}");
    assert_eq!(demo.stack.read(".env"), env);
}

#[test]
fn a_store_in_another_network_is_not_used() {
    let cache = format!(
        "  cache:\n    image: {REDIS}\n    command: [redis-server, --requirepass, hunter2hunter2]\n    \
         networks: [far]\n"
    );
    let demo = Demo::new(|compose| format!("{compose}{cache}networks: {{far: {{}}}}\n"));
    let Some(demo) = demo else { return };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let answer = demo
        .stack
        .refit(&["--json", "use", "session-store", "store=redis", "--dry-run"])
        .exits(0)
        .says("cache is a Redis of this stack that web shares no network with");
    assert!(
        answer
            .all("change")
            .iter()
            .any(|c| c["key"] == "services.redis"),
        "{answer}"
    );
}

#[test]
fn a_url_of_the_environment_is_kept_where_it_leads_to_a_store() {
    let password = "p@ss/w#rd:1";
    let cache = format!(
        "  cache:\n    image: {REDIS}\n    command: [redis-server, --requirepass, '{password}']\n"
    );
    let Some(demo) = Demo::new(|compose| format!("{compose}{cache}")) else {
        return;
    };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    stack.up_healthy();

    // By the definition alone: what a URL cannot hold is written as it has to be.
    let answer = stack.refit(&WORDS).exits(0).never_says(password);
    assert_eq!(survives(&answer), "proven", "{answer}");
    let url = "redis://:p%40ss%2Fw%23rd%3A1@cache:6379";
    assert_eq!(value_of(stack, "REDIS_URL"), url);

    // As the person has it: another database of the same store.
    stack.refit(&["rollback"]).exits(0);
    let own = format!("{url}/3");
    stack
        .refit_with_input(&["set", "REDIS_URL"], own.as_bytes())
        .exits(0);
    let answer = stack.refit(&WORDS).exits(0).never_says("p%40ss");
    assert_eq!(survives(&answer), "proven", "{answer}");
    assert_eq!(value_of(stack, "REDIS_URL"), own);
    assert!(!stack.containers().contains_key("redis"));

    // Elsewhere: used as it is, where it has a password.
    stack.refit(&["rollback"]).exits(0);
    for (url, code) in [
        ("redis://:word@cache.example.org:6379", None),
        ("redis://cache.example.org:6379", Some("store_unprotected")),
        ("mysql://root@db/chat", Some("store_other_kind")),
    ] {
        stack
            .refit_with_input(&["set", "REDIS_URL", "--no-apply"], url.as_bytes())
            .exits(0);
        let words: Vec<&str> = WORDS.into_iter().chain(["--dry-run"]).collect();
        let answer = stack.refit(&words);
        match code {
            None => drop(
                answer
                    .exits(0)
                    .says("REDIS_URL names a store outside of this stack"),
            ),
            Some(code) => assert_eq!(answer.exits(1).refusal(), code),
        }
    }
}

#[test]
fn localhost_of_the_note_is_replaced_and_the_reason_told() {
    let Some(demo) = Demo::new(|compose| compose) else {
        return;
    };
    let stack = &demo.stack;
    let env = stack.read(".env");
    for (url, said) in [
        (
            "redis://localhost:6379",
            "REDIS_URL was on localhost, which inside of a container is the container itself",
        ),
        (
            "redis://redis-of-mine:6379",
            "REDIS_URL was on redis-of-mine, which nothing is called in a network of web",
        ),
    ] {
        stack.write(".env", &format!("{env}\nREDIS_URL={url}\n"));
        let words: Vec<&str> = WORDS.into_iter().chain(["--dry-run"]).collect();
        let answer = stack.refit(&words).exits(0).says(said);
        let change = answer.all("change");
        assert!(change.iter().any(|c| c["key"] == "REDIS_URL"), "{answer}");
        assert!(
            change.iter().any(|c| c["key"] == "services.redis"),
            "{answer}"
        );
    }
}

/// A network and containers outside of every stack; they go with the test.
struct Outside {
    name: String,
    containers: Vec<String>,
}

impl Outside {
    fn network(name: String) -> Self {
        docker(&["network", "create", &name]);
        Self {
            name,
            containers: Vec::new(),
        }
    }

    fn run(&mut self, name: &str, words: &[&str]) {
        self.containers.push(name.to_owned());
        let words: Vec<&str> = ["run", "-d", "--name", name, "--network", &self.name]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        docker(&words);
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        for name in &self.containers {
            let mut command = engine::docker_command();
            let _ = command.args(["rm", "-f", "-v", name]).output();
        }
        let mut command = engine::docker_command();
        let _ = command.args(["network", "rm", &self.name]).output();
    }
}

#[test]
fn a_store_of_another_stack_is_used_where_it_is_protected_and_told_of_where_it_is_open() {
    if !engine::answers() || !Demo::needs_image(REDIS) {
        return;
    }
    // The image's name tells what it is, and no note of the web calls the container so.
    let called = format!("refit-t-{:x}-cache", RandomState::new().hash_one(()));
    let tag = Tag::of(REDIS, format!("refit-test-{called}/redis:7"));
    let tagged = &tag.0;
    // The stack leaves the network before that goes.
    let mut outside = Outside::network(format!("{called}-network"));
    let network = format!("  edge: {{name: {}, external: true}}\n", outside.name);
    let demo = in_networks("edge", &network).unwrap();
    let stack = &demo.stack;
    stack.up_healthy();

    // Open to its network, and to everybody by a port.
    let port = crate::demo::free_port();
    let open = format!("0.0.0.0:{port}:6379");
    let dry: Vec<&str> = WORDS.into_iter().chain(["--dry-run"]).collect();
    outside.run(
        &called,
        &[
            "-p",
            &open,
            "--restart",
            "always",
            tagged,
            "redis-server",
            "--protected-mode",
            "no",
        ],
    );
    let answer = stack.refit(&dry).exits(0);
    let answer = answer
        .says(&format!(
            "it has no password in the network {}",
            outside.name
        ))
        .says(&format!(
            "It is open to the network on port {port} without a password"
        ))
        .says(&format!(
            "docker update --restart=no {called} && docker stop {called}"
        ));
    assert!(
        answer
            .all("change")
            .iter()
            .any(|c| c["key"] == "services.redis"),
        "{answer}"
    );

    // With a password: used, and never started, stopped or changed by us.
    docker(&["rm", "-f", "-v", &called]);
    outside.run(
        &called,
        &[tagged, "redis-server", "--requirepass", "hunter2hunter2"],
    );
    let before = docker(&[
        "inspect",
        "--format",
        "{{.Id}} {{.State.StartedAt}}",
        &called,
    ]);
    let answer = stack.refit(&WORDS).exits(0).never_says("hunter2hunter2");
    assert_eq!(survives(&answer), "proven", "{answer}");
    let answer = answer.says(&format!(
        "the container {called} of another stack is a Redis with a password"
    ));
    answer.plans(&[("web", "restart")]);
    assert_eq!(
        value_of(stack, "REDIS_URL"),
        format!("redis://:hunter2hunter2@{called}:6379")
    );
    assert!(!stack.containers().contains_key("redis"));
    let twice = stack.refit(&WORDS).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    let after = docker(&[
        "inspect",
        "--format",
        "{{.Id}} {{.State.StartedAt}}",
        &called,
    ]);
    assert_eq!(before, after);
}

/// Names, volumes and services that others have are left to them.
#[test]
fn what_is_taken_is_left_to_whom_it_belongs() {
    let Some(demo) = Demo::new(|compose| {
        format!(
            "{compose}  redis: {{image: {0}}}\n  session-redis: {{image: {0}}}\n  \
             old: {{image: {0}, volumes: [\"redis-data:/data\"]}}\n  \
             cache: {{image: \"redis:7\", command: redis-server --requirepass pw, profiles: [aside]}}\n\
             volumes: {{redis-data: {{}}}}\n",
            crate::stack::BUSYBOX
        )
    }) else {
        return;
    };
    let stack = &demo.stack;
    let mut words = WORDS.to_vec();
    words.push("--no-apply");
    let answer = stack.refit(&words).exits(0);
    answer.says("cache is a store of this stack in a profile that is off: it is not used");
    let compose = stack.read("compose.yaml");
    assert!(compose.contains("\n  session-redis-2:\n"), "{compose}");
    assert!(compose.contains("- session-redis-data:/data"), "{compose}");
    assert!(compose.contains("session-redis-data: {}"), "{compose}");
    let url = value_of(stack, "REDIS_URL");
    assert!(url.ends_with("@session-redis-2:6379"), "{url}");
    words[3] = "store=memory";
    stack.refit(&words).exits(0);
    let compose = stack.read("compose.yaml");
    assert!(!compose.contains("session-redis-2"), "{compose}");
    assert!(compose.contains("  session-redis: {image"), "{compose}");
}

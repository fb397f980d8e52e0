//! `session-store` on the demo with real stores: started and healthy before the application is
//! touched, proven by a login that survives a restart, found and used where there is one, and taken
//! out again.

use crate::demo::Demo;
use crate::stack::answer::Answer;
use crate::stack::engine::docker;
use serde_json::Value;

const REDIS: &str = "refit-test/redis:7";
const POSTGRES: &str = "refit-test/postgres:1";

#[track_caller]
fn proof(answer: &Answer, check: &str) -> String {
    let found = answer.all("proof");
    let found = found.iter().find(|event| event["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no proof {check}\n{answer}"));
    found["result"].as_str().unwrap_or_default().to_owned()
}

fn value_of(env: &str, key: &str) -> String {
    let line = env
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.unwrap_or_default().to_owned()
}

fn volumes(project: &str) -> String {
    docker(&[
        "volume",
        "ls",
        "-q",
        "--filter",
        &format!("label=com.docker.compose.project={project}"),
    ])
}

#[test]
fn sessions_survive_in_a_redis_of_the_stack_itself() {
    let Some(demo) = Demo::started() else { return };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    let (env, compose) = (stack.read(".env"), stack.read("compose.yaml"));
    let image = format!("image={REDIS}");
    let words = ["--json", "use", "session-store", "store=redis", &image];
    let answer = stack.refit(&words).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    assert_eq!(proof(&answer, "session_survives"), "proven");
    let answer = answer.plans(&[("redis", "start"), ("web", "restart")]);

    // The password is in the env file, and nowhere in what was printed or kept.
    let after = stack.read(".env");
    let password = value_of(&after, "REDIS_PASSWORD");
    assert_eq!(password.len(), 40);
    assert_eq!(
        value_of(&after, "REDIS_URL"),
        format!("redis://:{password}@redis:6379")
    );
    let answer = answer.never_says(&password);
    for (path, bytes) in stack.state_files() {
        // Copies of the files themselves, for the way back.
        let name = path.to_string_lossy();
        let is_checkpoint = name.contains("/file-") || name.contains("/baseline/");
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            is_checkpoint || !text.contains(&password),
            "{}",
            path.display()
        );
    }
    drop(answer);

    // Healthy before the application was touched, limited, persistent, and published nowhere.
    let redis = stack.container("redis");
    assert_eq!(redis.raw["State"]["Health"]["Status"], "healthy");
    assert_eq!(redis.raw["HostConfig"]["Memory"], 256 << 20);
    assert_eq!(
        redis.raw["HostConfig"]["PortBindings"],
        serde_json::json!({})
    );
    assert_eq!(redis.raw["Mounts"][0]["Type"], "volume");
    let asked = |words: &[&str]| stack.exec("redis", words);
    let config = |key: &str| asked(&["redis-cli", "config", "get", key]);
    assert!(config("maxmemory-policy").contains("noeviction"));
    assert!(config("appendonly").contains("yes"));
    let stranger = asked(&["env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"]);
    assert!(stranger.contains("NOAUTH"), "{stranger}");
    let seen = docker(&["top", &redis.id, "-o", "pid,args"]);
    assert!(!seen.contains(&password), "{seen}");

    // Twice changes nothing.
    let (env_now, compose_now) = (stack.read(".env"), stack.read("compose.yaml"));
    let again = stack.refit(&words).exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");
    let again = stack
        .refit(&["--json", "use", "session-store", "store=redis"])
        .exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");
    assert_eq!(
        (stack.read(".env"), stack.read("compose.yaml")),
        (env_now, compose_now)
    );

    // Its own store is not taken out by whoever names another part of it.
    let other = format!("{}/1", value_of(&stack.read(".env"), "REDIS_URL"));
    let words = ["--json", "use", "session-store", "store=redis", "url"];
    let answer = stack.refit_with_input(&words, other.as_bytes()).exits(0);
    assert_eq!(proof(&answer, "session_survives"), "proven");
    answer.plans(&[("web", "restart")]);
    stack.refit(&["rollback"]).exits(0);

    // The way back takes the service out, and keeps what lies in its volume.
    stack.refit(&["rollback", "1"]).exits(0);
    assert_eq!(
        (stack.read(".env"), stack.read("compose.yaml")),
        (env, compose)
    );
    assert!(!stack.containers().contains_key("redis"));
    assert!(volumes(&stack.project).contains("redis-data"));
}

#[test]
fn sessions_survive_in_a_postgresql_of_the_stack_itself() {
    let Some(demo) = Demo::started() else { return };
    if !Demo::needs_image(POSTGRES) || !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    let (env, compose) = (stack.read(".env"), stack.read("compose.yaml"));
    let image = format!("image={POSTGRES}");
    let words = ["--json", "use", "session-store", "store=postgres", &image];
    let answer = stack.refit(&words).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    assert_eq!(proof(&answer, "session_survives"), "proven");
    let answer = answer.plans(&[("postgres", "start"), ("web", "restart")]);
    let password = value_of(&stack.read(".env"), "SESSIONS_DB_PASSWORD");
    assert_eq!(password.len(), 40);
    assert_eq!(
        value_of(&stack.read(".env"), "DATABASE_URL"),
        format!("postgres://sessions:{password}@postgres:5432/sessions")
    );
    drop(answer.never_says(&password));

    let postgres = stack.container("postgres");
    assert_eq!(postgres.raw["State"]["Health"]["Status"], "healthy");
    assert_eq!(postgres.raw["HostConfig"]["Memory"], 256 << 20);
    let published = &postgres.raw["HostConfig"]["PortBindings"];
    assert_eq!(*published, serde_json::json!({}));
    // The sessions are really there, and nobody gets at them without the password.
    let asked = |by: &str| {
        let line =
            format!("psql {by} -U sessions -At -c 'SELECT count(*) FROM session' 2>&1 || true");
        stack.exec("postgres", &["sh", "-c", &line])
    };
    assert_ne!(asked("").trim(), "0");
    let stranger = asked("-w -h 127.0.0.1");
    assert!(stranger.contains("no password supplied"), "{stranger}");
    let seen = docker(&["top", &postgres.id, "-o", "pid,args"]);
    assert!(!seen.contains(&password), "{seen}");

    let again = stack.refit(&words[..4]).exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");

    // Another answer takes the first one's service out, and its volume stays.
    let other = format!("image={REDIS}");
    let words = ["--json", "use", "session-store", "store=redis", &other];
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "session_survives"), "proven");
    let names: Vec<String> = stack.containers().into_keys().collect();
    assert_eq!(names, ["redis", "web", "worker"]);
    assert!(!stack.read("compose.yaml").contains("postgres"));
    assert!(volumes(&stack.project).contains("sessions-db"));
    stack.refit(&["rollback"]).exits(0);
    assert!(stack.containers().contains_key("postgres"));

    stack.refit(&["rollback", "1"]).exits(0);
    assert_eq!(
        (stack.read(".env"), stack.read("compose.yaml")),
        (env, compose)
    );
    assert!(!stack.containers().contains_key("postgres"));
    assert!(volumes(&stack.project).contains("sessions-db"));
}

#[test]
fn the_store_goes_out_again_and_its_volume_stays() {
    // On a port that the engine chooses: another one after each restart.
    let port = |compose: String| compose.replace("127.0.0.1:${DEMO_PORT:-3080}:", "127.0.0.1::");
    let Some(demo) = Demo::new(port) else { return };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    stack.up_healthy();
    let image = format!("image={REDIS}");
    // Nobody is signed out where there is nothing to take out.
    let answer = stack
        .refit(&["--json", "use", "session-store", "store=memory"])
        .exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");

    // A password that somebody thought up, with all that URLs and Redis' settings find hard.
    let odd = r#"p/w "q' \b@:#%2F?é"#;
    let env = stack.read(".env");
    stack.write(
        ".env",
        &format!(
            "{env}REDIS_PASSWORD=\"{}\"\n",
            odd.replace('\\', r"\\").replace('"', "\\\"")
        ),
    );
    let answer = stack.refit(&["--json", "use", "session-store", "store=redis", &image]);
    let url = value_of(&stack.read(".env"), "REDIS_URL");
    let answer = answer.exits(0).never_says(odd).never_says(&url);
    assert_eq!(proof(&answer, "session_survives"), "proven", "{answer}");
    assert!(url.starts_with("redis://:p%2Fw%20%22q%27"), "{url}");
    let password = value_of(&stack.read(".env"), "REDIS_PASSWORD");

    // Another size is all that changes: not the image, and nobody signs in again for it.
    let compose = stack.read("compose.yaml");
    stack.write("compose.yaml", &compose.replace("retries: 5", "retries: 9"));
    let answer = stack
        .refit(&[
            "--json",
            "use",
            "session-store",
            "store=redis",
            "memory=64m",
        ])
        .exits(0);
    assert!(!answer.stdout.contains("begins empty"), "{answer}");
    let compose = stack.read("compose.yaml");
    assert!(compose.contains("mem_limit: 64m") && compose.contains("--maxmemory 48mb"));
    assert!(compose.contains(&format!("image: {REDIS}\n")) && compose.contains("retries: 9"));
    assert_eq!(
        stack.container("redis").raw["HostConfig"]["Memory"],
        64 << 20
    );

    let answer = stack
        .refit(&["--json", "use", "session-store", "store=memory"])
        .exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    assert!(!stack.containers().contains_key("redis"));
    assert!(volumes(&stack.project).contains("redis-data"));
    assert!(!stack.read("compose.yaml").contains("depends_on"));
    assert!(stack.read(".env").contains("SESSION_STORE=memory"));
    let again = stack
        .refit(&["--json", "use", "session-store", "store=memory"])
        .exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");

    // And in again, with the same password.
    stack
        .refit(&["use", "session-store", "store=redis", &image])
        .exits(0);
    assert_eq!(value_of(&stack.read(".env"), "REDIS_PASSWORD"), password);
}

#[test]
fn an_application_is_not_touched_when_its_store_does_not_come_up() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let (env, compose) = (stack.read(".env"), stack.read("compose.yaml"));
    let web = stack.container("web");
    // It has the demo's program and no Redis: it ends at once.
    let image = format!("image={}", crate::demo::IMAGE);
    let answer = stack.refit(&[
        "--json",
        "use",
        "session-store",
        "store=redis",
        &image,
        "--timeout",
        "10s",
        "--settle",
        "2s",
    ]);
    let answer = answer.exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    assert_eq!(answer.verdict("redis").0, "failed");
    web.is_untouched(&stack.container("web"));
    assert!(!stack.containers().contains_key("redis"));
    assert_eq!(
        (stack.read(".env"), stack.read("compose.yaml")),
        (env, compose)
    );
}

#[test]
fn a_redis_that_is_there_is_used_or_its_danger_told() {
    if !crate::stack::engine::answers() || !Demo::needs_image(REDIS) {
        return;
    }
    let cache = |more: &str| {
        let service = format!("  cache:\n    image: {REDIS}\n    {more}\n");
        move |compose: String| format!("{compose}{service}")
    };
    // Published without a password.
    let port = crate::demo::free_port();
    let ports = format!("ports: [\"{port}:6379\"]");
    let demo = Demo::new(cache(&ports)).unwrap();
    demo.stack.up_healthy();
    let words = ["--json", "use", "session-store", "store=redis"];
    let refused = demo.stack.refit(&words).exits(1);
    assert_eq!(refused.refusal(), "store_open", "{refused}");
    let error = refused.the("error");
    assert!(
        error["text"]
            .as_str()
            .unwrap()
            .contains(&format!("0.0.0.0:{port}"))
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("services.cache.ports[0]=127.0.0.1")
    );

    // Not published, and open to its network.
    let demo = Demo::new(cache("init: true")).unwrap();
    demo.stack.up_healthy();
    let refused = demo.stack.refit(&words).exits(1);
    assert_eq!(refused.refusal(), "store_unprotected", "{refused}");

    // Protected: used as it is.
    let with = cache("command: [redis-server, --requirepass, hunter2hunter2]");
    let demo = Demo::new(with).unwrap();
    let stack = &demo.stack;
    stack.up_healthy();
    let before = stack.container("cache");
    let answer = stack.refit(&words).exits(0).never_says("hunter2hunter2");
    assert_eq!(proof(&answer, "session_survives"), "proven");
    assert_eq!(
        value_of(&stack.read(".env"), "REDIS_URL"),
        "redis://:hunter2hunter2@cache:6379"
    );
    before.is_untouched(&stack.container("cache"));
    assert!(!stack.containers().contains_key("redis"));
}

#[test]
fn a_check_that_fails_takes_the_change_back() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let (env, web) = (stack.read(".env"), stack.container("web"));
    // The process environment wins over the file, so the file changes and the cookie does not.
    stack.write(
        "refit.yaml",
        "recipes:\n  - name: too-long\n    title: T\n    aim: A\n    applications:\n      demo:\n        \
         about: B\n        changes: [{env: SESSION_EXPIRY, value: \"1200\"}]\n        \
         checks: [{proves: session_lasts, seconds: \"604800\"}]\n",
    );
    let answer = stack.refit(&["--json", "use", "too-long"]).exits(3);
    assert_eq!(proof(&answer, "session_lasts"), "failed");
    assert_eq!(answer.outcome(), "rolled_back");
    assert_eq!(stack.read(".env"), env);
    web.was_restarted(&stack.container("web"));
    let told = answer.all("rollback")[0]["reason"].clone();
    assert!(matches!(told, Value::String(text) if text.contains("lives 1200 s, not 604800 s")));

    stack.write("refit.yaml", "recipes:\n  - name: wrong\n    titel: T\n");
    let refused = stack.refit(&["--json", "use", "wrong"]).exits(1);
    assert_eq!(refused.refusal(), "bad_recipe", "{refused}");
    let details = refused.the("error")["details"].to_string();
    assert!(
        details.contains("titel") && details.contains("line 3"),
        "{details}"
    );
}

/// What was added is not yet proven then: the next command takes it out again, whichever it is.
#[cfg(feature = "failpoints")]
#[test]
fn killed_while_the_application_is_looked_at() {
    let Some(demo) = Demo::started() else { return };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    let files = || (stack.read(".env"), stack.read("compose.yaml"));
    let before = files();
    let image = format!("image={REDIS}");
    for point in ["proof.before", "proof.restart", "proof.after"] {
        let mut command = stack.command(&["use", "session-store", "store=redis", &image]);
        command.env("FAILPOINTS", format!("{point}=return(kill)"));
        let killed = Answer::of(command, b"");
        assert_eq!(killed.code, -1, "{point}\n{killed}");
        assert!(stack.containers().contains_key("redis"), "{point}");
        let answer = stack.refit(&["--json", "restart", "worker"]).exits(0);
        assert_eq!(
            answer.the("recovered")["outcome"],
            "rolled_back",
            "{point}\n{answer}"
        );
        assert_eq!(files(), before, "{point}");
        assert!(!stack.containers().contains_key("redis"), "{point}");
        let health = &stack.container("web").raw["State"]["Health"]["Status"];
        assert_eq!(health, "healthy", "{point}");
    }
}

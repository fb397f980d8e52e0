//! What each recipe would do, as a person reads it before it happens: on the demo, on LibreChat's and
//! on Open WebUI's own files. The applications of the latter two stand still here; their plans need no
//! more than that containers run.

use std::fmt::Write as _;
use std::path::Path;

use crate::demo::{Demo, free_port};
use crate::stack::TestStack;
use crate::stack::engine::docker;

/// What `refit use … --dry-run` prints, for each of these, without what differs from run to run.
fn plans(stack: &TestStack, port: u16, uses: &[&str]) -> String {
    let mut all = String::new();
    for typed in uses {
        let mut words = vec!["use", "--dry-run"];
        words.extend(typed.split(' '));
        let answer = stack.refit(&words);
        let said = own_lines(&format!("{}{}", answer.stdout, answer.stderr))
            .replace(stack.folder().to_str().unwrap(), "/stack")
            .replace(&stack.project, "PROJECT")
            .replace(&format!(":{port}"), ":PORT")
            .replace(&format!(" → {port}\n"), " → PORT\n");
        writeln!(
            all,
            "$ refit use {typed} --dry-run\n{said}[{}]\n",
            answer.code
        )
        .unwrap();
    }
    all
}

/// What refit says itself: of a diff what it adds, and not the lines of the file around that.
fn own_lines(said: &str) -> String {
    let mut in_diff = false;
    let own = |line: &&str| {
        in_diff = line.starts_with("  @@") || (in_diff && line.starts_with("  "));
        !in_diff || line.starts_with("  @@") || line.starts_with("  +")
    };
    let lines = said.lines().filter(own);
    lines.map(|line| format!("{line}\n")).collect()
}

fn corpus(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !folder.is_dir() {
        skipped!("no corpus of compose files");
        return None;
    }
    Some(std::fs::read_to_string(folder.join(name)).unwrap())
}

/// Keeps every service of a compose file still: its image does nothing, and is called as the
/// application's is, so that it is recognised.
fn still(stack: &TestStack, services: &[&str], image: &str, application: &str) -> String {
    docker(&["tag", crate::stack::BUSYBOX, image]);
    let mut text = "services:\n".to_owned();
    for service in services {
        let image = if *service == application {
            image
        } else {
            crate::stack::BUSYBOX
        };
        writeln!(
            text,
            "  {service}: {{image: {image}, init: true, command: sleep infinity, user: '0:0', \
             container_name: {}-{service}, pull_policy: missing, stop_grace_period: 2s}}",
            stack.project
        )
        .unwrap();
    }
    text
}

#[test]
fn on_the_demo() {
    let Some(demo) = Demo::started() else { return };
    let uses = [
        "stay-signed-in for=7d",
        "stay-signed-in for=15m",
        "cookies scheme=https same-site=none domain=chat.example.org",
        "cookies scheme=http same-site=none",
        "no-login",
        "no-login by=config",
        "session-store store=redis",
        "session-store store=postgres",
        "session-store store=memory",
    ];
    insta::assert_snapshot!("demo", plans(&demo.stack, demo.port, &uses));
}

#[test]
fn on_librechats_files() {
    let Some(compose) = corpus("compose/danny-avila__LibreChat__docker-compose.yml") else {
        return;
    };
    let sample = corpus("env/danny-avila__LibreChat__.env.example").unwrap();
    let Some(stack) = TestStack::new(&[("docker-compose.yml", &compose)]) else {
        return;
    };
    let port = free_port();
    let services = ["api", "mongodb", "meilisearch", "vectordb", "rag_api"];
    let image = "refit-test/librechat-dev:still";
    stack.write(
        "docker-compose.override.yml",
        &still(&stack, &services, image, "api"),
    );
    stack.write(".env.example", &sample);
    let env = sample.replace("PORT=3080", &format!("PORT={port}"));
    stack.write(".env", &env);
    stack.up();
    let uses = [
        "stay-signed-in for=30d",
        "cookies scheme=http",
        "cookies scheme=https domain=chat.example.org",
        "cookies scheme=https same-site=lax",
        "no-login",
        "no-login as=openid",
        "no-login as=single-account",
        "no-login as=single-account --bind 127.0.0.1",
        "session-store store=redis",
        "session-store store=memory",
    ];
    insta::assert_snapshot!("librechat", plans(&stack, port, &uses));
}

#[test]
fn on_open_webuis_files() {
    let Some(compose) = corpus("compose/open-webui__open-webui__docker-compose.yaml") else {
        return;
    };
    let sample = corpus("env/open-webui__open-webui__.env.example").unwrap();
    let Some(stack) = TestStack::new(&[("docker-compose.yaml", &compose)]) else {
        return;
    };
    let port = free_port();
    let image = "refit-test/open-webui:still";
    stack.write(
        "docker-compose.override.yaml",
        &still(&stack, &["ollama", "open-webui"], image, "open-webui"),
    );
    stack.write(".env", &format!("{sample}\nOPEN_WEBUI_PORT={port}\n"));
    let fresh = plans(&stack, port, &["no-login", "no-login --bind 127.0.0.1"]);
    stack.up();
    let uses = [
        "stay-signed-in for=7d",
        "cookies scheme=https same-site=lax domain=chat.example.org",
        "no-login --bind 127.0.0.1",
        "session-store store=redis",
        "session-store store=memory",
    ];
    let running = plans(&stack, port, &uses);
    let both = format!("Before its first start.\n\n{fresh}While it runs.\n\n{running}");
    insta::assert_snapshot!("open-webui", both);
}

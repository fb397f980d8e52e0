//! Files in a container's own layer: what a recreate discards is told before, and a key that an
//! application has generated there is kept.

use crate::stack::engine::docker;
use crate::stack::{TestStack, service};

/// Behaves as Open WebUI's start script: without a key it makes one in the container's own layer, and
/// its own compose file names the key with nothing behind it.
const STARTS: &str = "mkdir -p /app/backend/data; touch /app/1 /app/2 /app/3 /app/4; \
    test -n \"$WEBUI_SECRET_KEY\" || { test -s /app/backend/.webui_secret_key || \
    head -c 12 /dev/urandom | base64 > /app/backend/.webui_secret_key; }; sleep infinity";

fn open_webui() -> Option<TestStack> {
    let more = "labels: {refit.application: open-webui}, volumes: ['data:/app/backend/data'], \
                environment: ['WEBUI_SECRET_KEY=', 'ENV=one']";
    let web = service(STARTS, more);
    TestStack::started(
        &format!("services:\n  open-webui: {web}\nvolumes: {{data: {{}}}}\n"),
        &[],
    )
}

const FILE: &str = "/app/backend/.webui_secret_key";

fn generated(stack: &TestStack) -> String {
    let id = &stack.container("open-webui").id;
    let made =
        format!("for i in $(seq 100); do test -s {FILE} && break; sleep 0.1; done; cat {FILE}");
    docker(&["exec", id, "sh", "-c", &made]).trim().to_owned()
}

#[test]
fn a_generated_key_is_told_and_kept() {
    let Some(stack) = open_webui() else {
        return;
    };
    let key = generated(&stack);
    let keeps = "refit use keep-secrets";
    stack
        .refit(&["doctor"])
        .exits(1)
        .has_line(&["WEBUI_SECRET_KEY has no value", FILE, "signs everybody out"])
        .says(keeps);
    let set = [
        "set",
        "-F",
        "compose.yaml",
        "services.open-webui.environment.ENV=two",
    ];
    stack
        .refit(&[&set[..], &["--dry-run"]].concat())
        .exits(0)
        .has_line(&[
            // Of many files the one that matters.
            &format!("recreating open-webui discards {FILE}, /app/1, /app/2 and 2 more files"),
            "signs everybody out",
        ])
        .says(keeps)
        .never_says("/app/backend/data,");
    // Another value than the generated one is refused, the same one is taken.
    let other = ["set", "WEBUI_SECRET_KEY=another-one", "--for", "open-webui"];
    stack
        .refit(&other)
        .exits(1)
        .says("--allow guarded-key")
        .says(FILE);
    stack
        .refit_with_input(
            &["set", "WEBUI_SECRET_KEY", "--for", "open-webui"],
            format!("{key}\n").as_bytes(),
        )
        .exits(0)
        .never_says(&key);
    assert_eq!(stack.container("open-webui").env["WEBUI_SECRET_KEY"], key);
    stack.refit(&["doctor"]).never_says("has no value");
    // Now it is in force, wherever it stands.
    stack.refit(&other).exits(1).says("--allow guarded-key");
}

#[test]
fn an_anonymous_volume_is_not_hidden_without_a_word() {
    let compose = format!(
        "services:\n  web: {}\n",
        service("sleep infinity", "volumes: ['/data']")
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    docker(&[
        "exec",
        &stack.container("web").id,
        "sh",
        "-c",
        "echo precious > /data/f",
    ]);
    let compose = stack.read("compose.yaml");
    for path in [
        "services.web.volumes[0]=./img:/data",
        "services.web.volumes[0]=/data2",
    ] {
        let answer = stack
            .refit(&["--json", "set", "-F", "compose.yaml", path])
            .exits(1);
        assert_eq!(answer.refusal(), "guard_anonymous", "{answer}");
        assert_eq!(stack.read("compose.yaml"), compose);
    }
    let id = &stack.container("web").id;
    assert_eq!(docker(&["exec", id, "cat", "/data/f"]).trim(), "precious");
}

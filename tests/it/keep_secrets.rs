//! `use keep-secrets`: what an application has generated because nobody gave it a key is taken over into
//! the stack's own files with the same value, and whoever is signed in stays so.

use crate::applications::login::credentials;
use crate::applications::{App, is_kept_nowhere, open_webui, proof, value_of};
use crate::stack::engine::docker;
use crate::stack::{TestStack, service};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "corr3ct-h0rse";
const KEY: &str = "WEBUI_SECRET_KEY";
const FILE: &str = "/app/backend/.webui_secret_key";
const KEEP: [&str; 3] = ["--json", "use", "keep-secrets"];

/// Open WebUI as its own files have it, with somebody who is signed in.
fn with_a_user() -> Option<(App, String)> {
    let app = open_webui()?.up();
    let words = credentials(EMAIL, PASSWORD);
    let reply = app.post("/api/v1/auths/signup", &words, "");
    assert_eq!(reply.status, 200);
    let cookie = reply.cookie("token").1.to_owned();
    Some((app, cookie))
}

fn is_signed_in(app: &App, cookie: &str) -> bool {
    app.get_with("/api/v1/auths/", cookie).status == 200
}

fn generated(app: &App) -> String {
    let found = app.stack.exec("open-webui", &["cat", FILE]);
    found.trim().to_owned()
}

#[test]
fn who_is_signed_in_stays_so() {
    let Some((app, cookie)) = with_a_user() else {
        return;
    };
    let stack = &app.stack;
    let (key, compose) = (generated(&app), stack.read("docker-compose.yaml"));
    let (env, before) = (stack.read(".env"), stack.container("open-webui"));
    let words = [&KEEP[..], &["--sign-in", EMAIL]].concat();
    let answer = stack.refit_with_input(&words, PASSWORD.as_bytes()).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    let (result, what) = proof(&answer, "session_survives");
    assert_eq!(result, "proven", "{answer}");
    assert!(what.starts_with("was recreated"), "{what}");
    let answer = answer.never_says(&key).never_says(PASSWORD);
    // It is not discarded but kept.
    answer.never_says("discards /app/backend/.webui_secret_key");
    is_kept_nowhere(stack, &key);
    assert_eq!(value_of(&stack.read(".env"), KEY), key);
    let written = stack.read("docker-compose.yaml");
    assert!(written.contains("WEBUI_SECRET_KEY=${WEBUI_SECRET_KEY}"));
    before.was_recreated(&stack.container("open-webui"));
    assert!(is_signed_in(&app, &cookie));

    let twice = stack.refit(&KEEP).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    twice
        .says("WEBUI_SECRET_KEY is set already (")
        .never_says(&key);
    // From now on no run signs anybody out.
    stack
        .refit(&["set", "services.open-webui.environment.ENV=x"])
        .exits(0)
        .never_says("keep-secrets");
    assert!(is_signed_in(&app, &cookie));
    stack.refit(&["doctor"]).never_says("has no value");

    // The way back takes the key away again, and says what that costs.
    let back = stack.refit(&["rollback", "1"]).exits(0);
    back.says("WEBUI_SECRET_KEY")
        .says("signs everybody out")
        .never_says(&key);
    assert_eq!(
        (stack.read(".env"), stack.read("docker-compose.yaml")),
        (env, compose)
    );
    assert!(!is_signed_in(&app, &cookie));
}

#[test]
fn what_would_sign_everybody_out_names_the_way_around() {
    let Some((app, cookie)) = with_a_user() else {
        return;
    };
    let stack = &app.stack;
    let before = stack.container("open-webui");
    let refused = stack
        .refit(&["--json", "use", "session-store", "store=redis"])
        .exits(1);
    assert_eq!(refused.refusal(), "guard_key", "{refused}");
    refused.says("first: refit use keep-secrets");
    stack
        .refit(&["use", "cookies", "scheme=https", "--dry-run"])
        .exits(0)
        .says("discards /app/backend/.webui_secret_key")
        .says("first: refit use keep-secrets");
    before.is_untouched(&stack.container("open-webui"));
    assert!(is_signed_in(&app, &cookie));
    stack
        .refit(&["doctor"])
        .exits(1)
        .has_line(&[KEY, "has no value", FILE, "signs everybody out"])
        .says("refit use keep-secrets");
    // Written by hand, another value costs the same.
    let compose = stack.read("docker-compose.yaml");
    let empty = compose.lines().find(|line| line.contains(KEY)).unwrap();
    let with = |value: &str| {
        let line = format!("      - '{KEY}={value}'");
        stack.write("docker-compose.yaml", &compose.replace(empty, &line));
    };
    with("handtyped1");
    let refused = stack.refit(&["--json", "apply"]).exits(1);
    assert_eq!(refused.refusal(), "guard_key", "{refused}");
    before.is_untouched(&stack.container("open-webui"));
    // A variable of another name that gives it nothing gives it nothing.
    with("${OWSEC:-}");
    stack.refit(&KEEP).exits(0);
    assert!(is_signed_in(&app, &cookie));
}

#[test]
fn a_stopped_container_has_it_and_one_that_is_gone_does_not() {
    let Some((app, cookie)) = with_a_user() else {
        return;
    };
    let stack = &app.stack;
    let key = generated(&app);
    stack.compose(&["stop"]);
    let answer = stack.refit(&KEEP).exits(0).never_says(&key);
    let (result, why) = proof(&answer, "session_survives");
    assert_eq!(result, "not_proven", "{answer}");
    assert!(why.contains("the stack is down"), "{why}");
    assert_eq!(value_of(&stack.read(".env"), KEY), key);
    stack.refit(&["rollback"]).exits(0);

    stack.compose(&["rm", "-f", "open-webui"]);
    let refused = stack.refit(&KEEP).exits(1);
    assert_eq!(refused.refusal(), "nothing_to_keep", "{refused}");
    refused.says("open-webui has no container");
    stack.compose(&["create", "open-webui"]);
    // Made, and not started yet: nothing was generated.
    let refused = stack.refit(&KEEP).exits(1);
    assert_eq!(refused.refusal(), "nothing_to_keep", "{refused}");
    refused
        .says(FILE)
        .says("refit set WEBUI_SECRET_KEY --generate hex:32 --for open-webui");
    stack.compose(&["up", "-d"]);
    assert!(!is_signed_in(&app, &cookie));
}

/// Behaves as LibreChat's start: the keys that have no value are generated into one file, which an
/// environment variable names.
const LIBRECHAT: &str = "for key in CREDS_KEY JWT_REFRESH_SECRET; do \
    grep -q ^$key=. /app/.env || grep -q ^$key=. $LIBRECHAT_TEMP_CREDENTIALS_PATH || \
    echo $key=$(head -c 16 /dev/urandom | xxd -p) >> $LIBRECHAT_TEMP_CREDENTIALS_PATH; \
    done; sleep infinity";

#[test]
fn several_keys_of_one_file_in_a_volume() {
    let more = "labels: {refit.application: librechat}, volumes: ['./.env:/app/.env', 'data:/app/kept'], \
                working_dir: /app, environment: {LIBRECHAT_TEMP_CREDENTIALS_PATH: kept/.env.temp}";
    let api = service(LIBRECHAT, more);
    let compose = format!("services:\n  api: {api}\nvolumes: {{data: {{}}}}\n");
    let given = "CREDS_KEY=\nCREDS_IV=00ff\nJWT_SECRET=own\nJWT_REFRESH_SECRET=\n";
    let Some(stack) = TestStack::started(&compose, &[(".env", given)]) else {
        return;
    };
    let id = stack.container("api").id;
    let ready = "until grep -q JWT_REFRESH /app/kept/.env.temp; do sleep 0.1; done; cat /app/kept/.env.temp";
    let file = docker(&["exec", &id, "sh", "-c", ready]);
    // In a volume it is not lost, and the doctor has nothing to say.
    stack.refit(&["doctor"]).never_says("generates one");
    let mut answer = stack.refit(&KEEP).exits(0);
    let env = stack.read(".env");
    for key in ["CREDS_KEY", "JWT_REFRESH_SECRET"] {
        let value = value_of(&file, key);
        assert_eq!((value.len(), value_of(&env, key)), (32, value.clone()));
        answer = answer.never_says(&value);
    }
    for key in ["CREDS_IV", "JWT_SECRET"] {
        answer = answer.says(&format!("{key} is set already (.env:"));
        assert_eq!(value_of(&env, key), value_of(given, key));
    }
    assert_eq!(stack.refit(&KEEP).exits(0).outcome(), "nothing_to_do");
}

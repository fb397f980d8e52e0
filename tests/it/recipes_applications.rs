//! Recipes on LibreChat's and Open WebUI's own files: the keys that these applications really read, and
//! plain words where they have none. Dry runs: the applications themselves are not here.

use std::path::Path;

use crate::stack::TestStack;
use crate::stack::answer::Answer;

/// Files of the corpus as those of a stack; `None` where there is no engine or no corpus.
fn of_corpus(files: &[(&str, &str)]) -> Option<TestStack> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !corpus.is_dir() {
        skipped!("no corpus of compose files");
        return None;
    }
    let read = |name: &str| std::fs::read_to_string(corpus.join(name)).unwrap();
    let texts: Vec<(&str, String)> = files.iter().map(|(from, to)| (*to, read(from))).collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(to, text)| (*to, text.as_str()))
        .collect();
    TestStack::new(&texts)
}

fn librechat() -> Option<TestStack> {
    of_corpus(&[
        (
            "compose/danny-avila__LibreChat__docker-compose.yml",
            "docker-compose.yml",
        ),
        ("env/danny-avila__LibreChat__.env.example", ".env.example"),
        ("env/danny-avila__LibreChat__.env.example", ".env"),
    ])
}

fn open_webui() -> Option<TestStack> {
    of_corpus(&[
        (
            "compose/open-webui__open-webui__docker-compose.yaml",
            "docker-compose.yaml",
        ),
        ("env/open-webui__open-webui__.env.example", ".env"),
    ])
}

/// A dry run: key and new value of each change.
fn dry(stack: &TestStack, words: &[&str]) -> (Answer, Vec<(String, String)>) {
    let mut all = vec!["--json", "use", "--dry-run"];
    all.extend(words);
    let answer = stack.refit(&all).exits(0);
    let changes = answer.all("change").iter().map(pair).collect();
    (answer, changes)
}

fn pair(change: &serde_json::Value) -> (String, String) {
    let text = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
    (text("key"), text("after"))
}

fn is(changes: &[(String, String)], wanted: &[(&str, &str)]) -> bool {
    let found = changes
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    found.eq(wanted.iter().copied())
}

#[test]
fn librechats_login_lasts_by_its_own_key_in_milliseconds() {
    let Some(stack) = librechat() else { return };
    let (answer, changes) = dry(&stack, &["stay-signed-in", "for=30d"]);
    let wanted = [("REFRESH_TOKEN_EXPIRY", "2592000000")];
    assert!(is(&changes, &wanted), "{changes:?}");
    answer
        .says(".env.example:578 documents it")
        .says("new logins");
}

#[test]
fn librechat_has_no_mode_without_a_login() {
    let Some(stack) = librechat() else { return };
    let answer = stack.refit(&["use", "no-login"]).exits(1);
    let answer = answer
        .says("no mode without a login")
        .says("AUTHENTICATION");
    answer.says("as=single-account");
    let answer = stack.refit(&["use", "no-login", "--as", "openid"]).exits(1);
    answer.says("no OpenID provider is set up");
    // Closed to others, the nearest thing is there.
    let words = ["no-login", "--as", "single-account", "--bind", "127.0.0.1"];
    let (_, changes) = dry(&stack, &words);
    let keys: Vec<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.contains(&"ALLOW_REGISTRATION"), "{keys:?}");
    assert!(keys.contains(&"REFRESH_TOKEN_EXPIRY"), "{keys:?}");
    assert!(keys.iter().any(|key| key.contains("ports")), "{keys:?}");
}

#[test]
fn librechats_cookies_and_store_by_its_own_keys() {
    let Some(stack) = librechat() else { return };
    let (_, changes) = dry(&stack, &["cookies", "scheme=http"]);
    let wanted = [("SESSION_COOKIE_SECURE", "false")];
    assert!(is(&changes, &wanted), "{changes:?}");
    let (answer, changes) = dry(&stack, &["session-store", "store=redis"]);
    let keys: Vec<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
    for key in ["REDIS_PASSWORD", "USE_REDIS", "REDIS_URI", "services.redis"] {
        assert!(keys.contains(&key), "{key}: {keys:?}");
    }
    assert!(!keys.contains(&"SESSION_STORE") && !keys.contains(&"REDIS_URL"));
    let answer = answer.says("logins by password are kept in MongoDB");
    answer.never_says("localhost:6379");
}

#[test]
fn open_webui_is_told_what_its_database_keeps() {
    let Some(stack) = open_webui() else { return };
    let (answer, changes) = dry(&stack, &["stay-signed-in", "for=7d"]);
    let wanted = [("services.open-webui.environment.JWT_EXPIRES_IN", "7d")];
    assert!(is(&changes, &wanted), "{changes:?}");
    answer.says("a value in Open WebUI's database (auth.jwt_expiry) overrides it, and whether");
    let answer = stack.refit(&["use", "no-login"]).exits(1);
    answer
        .says("would be open to others")
        .says("--allow public");
}

#[test]
fn a_key_that_nothing_reads_is_not_written() {
    let app = crate::stack::idle("env_file: .env");
    let compose = format!("services:\n  app: {app}\n");
    let files = [("compose.yaml", compose.as_str()), (".env", "A=1\n")];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    for words in [
        &["use", "stay-signed-in", "for=7d"][..],
        &["use", "no-login"],
        &["use", "cookies", "scheme=https"],
        &["use", "session-store", "store=redis"],
    ] {
        let json: Vec<&str> = ["--json"].iter().chain(words).copied().collect();
        let answer = stack.refit(&json).exits(1);
        let code = answer.the("error")["code"].clone();
        assert_eq!(code, "key_not_read", "{answer}");
        assert_eq!(stack.read(".env"), "A=1\n");
    }
    let words = ["use", "stay-signed-in", "for=7d", "--allow", "unread-key"];
    stack.refit(&words).exits(0);
    assert!(stack.read(".env").contains("SESSION_EXPIRY=604800"));
    // What a sample documents, even commented out, is read.
    stack.write(".env", "A=1\n");
    stack.write(
        ".env.example",
        "# How long, in seconds\n# SESSION_EXPIRY=900\n",
    );
    let answer = stack.refit(&["use", "stay-signed-in", "for=1h"]).exits(0);
    answer.says(".env.example:2 documents it");
    assert!(stack.read(".env").contains("SESSION_EXPIRY=3600"));
}

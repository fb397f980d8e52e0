//! Slips of the hand are refused before anything is touched, each with a stable code and with a command
//! that can be pasted. What is meant so passes with the word that the refusal names.

use crate::stack::{TestStack, idle};

fn stack() -> Option<TestStack> {
    let compose = format!(
        "services:\n  app: {}\n  cache: {}\n",
        idle(
            "ports: ['127.0.0.1:8791:8000'], environment: {MAX_BOOKS: '${MAX_BOOKS}', THEME: '1'}"
        ),
        idle("env_file: cache.env")
    );
    let files = [
        ("compose.yaml", compose.as_str()),
        (".env", "MAX_BOOKS=1\nSITE_TITLE=x\n"),
        ("cache.env", "EVICTION=1\n"),
        ("app.yml", "setting:\n  port: 1\n"),
        ("app.ini", "NAME = x\n[log]\nMODE = a\n"),
        ("app.toml", "[server]\nport = 1\n"),
        (".env.example", "MAX_BOOKS=1\n# WELCOME_TEXT=hello\n"),
    ];
    TestStack::new(&files)
}

/// Words, the code of the refusal, and what it says.
const REFUSED: [(&[&str], &str, &str); 27] = [
    (
        &["MAX_BOOK=300"],
        "new_key",
        "did you mean refit set MAX_BOOKS=300",
    ),
    (
        &["MAX_BOOK=300"],
        "new_key",
        "MAX_BOOK is new, and .env:1 has MAX_BOOKS",
    ),
    (&["site-title=x y"], "new_key", "refit set 'SITE_TITLE=x y'"),
    (&["THEEM=2"], "new_key", "compose.yaml:2 has THEME"),
    (
        &["WELCOME_TXT=hi"],
        "new_key",
        ".env.example has WELCOME_TEXT",
    ),
    (
        &["COMPOSE_PROFILE=a"],
        "new_key",
        "Compose has COMPOSE_PROFILES",
    ),
    (
        &["EVICTIONS=1", "-F", "cache.env"],
        "new_key",
        "cache.env:1 has EVICTION",
    ),
    (
        &["services.app.environment.THEMES=2"],
        "new_key",
        "refit set services.app.environment.THEME=2",
    ),
    (
        &["app.image=foo"],
        "new_key",
        "did you mean refit set services.app.image=foo",
    ),
    (
        &["sevices.app.image=foo"],
        "new_key",
        "refit set services.app.image=foo",
    ),
    (
        &["services.cach.image=redis:7"],
        "new_service",
        "did you mean refit set services.cache.image=redis:7 --no-apply",
    ),
    (
        &["services.other.image=x", "-F", "compose.yaml"],
        "new_service",
        "there is no service other",
    ),
    (
        &["services.app.ports.0=127.0.0.1:1:2"],
        "yaml_no_such_item",
        "did you mean services.app.ports[0]?",
    ),
    (
        &["SITE_TITLE", "Neuer"],
        "usage",
        "did you mean refit set SITE_TITLE=Neuer",
    ),
    (
        &["SITE_TITLE: x"],
        "key_invalid",
        "did you mean refit set SITE_TITLE=x",
    ),
    (&[""], "key_invalid", "name it: refit set NAME=VALUE"),
    (&["=x"], "key_invalid", "name it: refit set NAME=x"),
    (&["MAX_BOOKS:=5"], "key_invalid", "refit set MAX_BOOKS=5"),
    (
        &[".env", "MAX_BOOKS=1"],
        "usage",
        "did you mean refit set MAX_BOOKS=1 --no-apply --settle 300ms -F .env?",
    ),
    // The whole command is told again.
    (
        &["A=it's", "MAX_BOOK=1", "--for", "app", "--dry-run"],
        "new_key",
        r"refit set 'A=it'\\''s' MAX_BOOKS=1 --for app --dry-run --no-apply --settle",
    ),
    (
        &["EVICTION_KEY=0123abcd", "MAX_BOOK", "--generate", "hex:4"],
        "usage",
        "EVICTION_KEY has a value already",
    ),
    (
        &["MAX_BOOK", "--generate", "hex:4"],
        "new_key",
        "did you mean refit set MAX_BOOKS --generate hex:4 --no-apply",
    ),
    (
        &["settings.port=2", "-F", "app.yml"],
        "new_key",
        "did you mean refit set setting.port=2 -F app.yml --no-apply",
    ),
    (
        &["port=2", "-F", "app.yml"],
        "new_key",
        "did you mean refit set setting.port=2 -F app.yml --no-apply",
    ),
    (
        &["port=2", "-F", "app.toml"],
        "new_key",
        "port is new, and app.toml has server.port",
    ),
    (
        &["log:MODE=b", "-F", "app.ini"],
        "key_invalid",
        "did you mean refit set log.MODE=b -F app.ini --no-apply",
    ),
    (
        &["LEVEL=2", "-F", "app.ini"],
        "new_key",
        "name its section, as in refit set log.LEVEL=2 -F app.ini --no-apply",
    ),
];

#[test]
fn a_slip_is_refused_with_what_was_meant() {
    let Some(stack) = stack() else { return };
    let read = || [".env", "compose.yaml", "cache.env"].map(|name| stack.read(name));
    let before = read();
    for (words, code, said) in REFUSED {
        let words = [&["--json", "set"], words, &["--no-apply"]].concat();
        // Nothing is waited for: standard input would give a value.
        let answer = stack.refit_with_input(&words, b"a value\n");
        let exit = if code == "usage" { 2 } else { 1 };
        let answer = answer.exits(exit).says(said);
        assert_eq!(answer.refusal(), code, "{answer}");
    }
    assert_eq!(read(), before);
    for (words, said) in [
        (
            &["unset", "MAX_BOOKS=1", "--no-apply"][..],
            "did you mean refit unset MAX_BOOKS --no-apply",
        ),
        (
            &["get", "A=1", "-F", ".env"],
            "did you mean refit get A -F .env?",
        ),
    ] {
        stack.refit(words).exits(2).says(said);
    }
    for (words, said) in [
        (&["get", "max_books"][..], "did you mean MAX_BOOKS?"),
        (
            &["get", "setting.prot", "-F", "app.yml"],
            "did you mean setting.port?",
        ),
        // Neither is made, nor is a slip told as an application's own file.
        (
            &["set", "A=1", "-F", ".evn"],
            "did you mean -F .env? to make it: touch",
        ),
        (
            &["set", "A=1", "-F", "cach.env"],
            "did you mean -F cache.env?",
        ),
        (&["set", "A=1", "-F", "settings"], "no file settings"),
        (
            &["unset", "log", "-F", "app.ini"],
            "name what is in it: log.KEY",
        ),
        (&["set", "list[+].name=x", "-F", "app.yml"], "--as-json"),
    ] {
        stack.refit(words).exits(1).says(said);
    }
    for (words, said) in [
        (
            &["setting.prot", "-F", "app.yml"][..],
            "did you mean refit unset setting.port -F app.yml --no-apply",
        ),
        (&["port", "-F", "app.toml"], "app.toml has server.port"),
        (
            &["MAX_BOOK"],
            "MAX_BOOK is not set, and .env:1 has MAX_BOOKS",
        ),
        (&["THEEM"], "compose.yaml:2 has THEME"),
        (
            &["EVICTIONS", "-F", "cache.env"],
            "cache.env:1 has EVICTION",
        ),
        (
            &["services.app.enviroment.THEME"],
            "did you mean refit unset services.app.environment.THEME",
        ),
    ] {
        let unset = |more: &[&str]| {
            stack.refit(&[&["--json", "unset"], words, &["--no-apply"], more].concat())
        };
        let answer = unset(&[]).exits(1).says(said);
        assert_eq!(answer.refusal(), "new_key", "{answer}");
        unset(&["--allow", "new-key"]).exits(0);
    }
    assert_eq!(read(), before);
    // Nothing is near: there is nothing to remove.
    stack.refit(&["unset", "ELSEWHERE", "--no-apply"]).exits(0);
    let answer = stack.refit(&["unset", "services.app.ports.0"]).exits(1);
    answer.says("did you mean services.app.ports[0]?");
    let answer = stack.refit(&["get", "app.image"]).exits(1);
    answer.says("did you mean services.app.image?");
    let answer = stack.refit(&["set", "A=1", "--allow", "nonsense"]).exits(2);
    answer.says("new-key").says("volume-removed");
}

#[test]
fn what_is_meant_so_is_written() {
    let Some(stack) = stack() else { return };
    let written = |words: &[&str]| {
        stack
            .refit(&[&["set"], words, &["--no-apply"]].concat())
            .exits(0);
    };
    written(&["MAX_BOOK=300", "app.image=foo", "--allow", "new-key"]);
    written(&["WELCOME_TEXT=hi", "NEW_KEY=1"]);
    written(&["LEVEL=2", "-F", "app.ini", "--allow", "new-key"]);
    written(&["port=2", "-F", "app.toml", "--allow", "new-key"]);
    assert_eq!(stack.read("app.toml"), "port = 2\n[server]\nport = 1\n");
    assert!(stack.read("app.ini").starts_with("NAME = x\nLEVEL = 2\n"));
    written(&["A=1", "-F", "other.env"]);
    assert_eq!(stack.read("other.env"), "A=1\n");
    let env =
        "MAX_BOOKS=1\nSITE_TITLE=x\nMAX_BOOK=300\napp.image=foo\nWELCOME_TEXT=hi\nNEW_KEY=1\n";
    assert_eq!(stack.read(".env"), env);
    written(&["services.other.image=x", "--allow", "new-service"]);
    assert!(
        stack
            .read("compose.yaml")
            .contains("  other:\n    image: x\n")
    );
}

/// A known application, as its profile knows it.
#[test]
fn a_value_of_the_wrong_type_is_told_as_doctor_tells_it() {
    let chat = idle("env_file: .env, labels: {org.opencontainers.image.title: x}");
    let compose = format!("services:\n  api: {chat}\n").replace(
        crate::stack::BUSYBOX,
        "registry.librechat.ai/danny-avila/librechat:v0.8.7",
    );
    let env = "DOMAIN_CLIENT=http://localhost:3080\nREFRESH_TOKEN_EXPIRY=1\n";
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), (".env", env)]) else {
        return;
    };
    let set = |words: &[&str]| stack.refit(&[&["set"], words, &["--no-apply"]].concat());
    // It does not start with it.
    let refused = set(&["DOMAIN_CLIENT=chat.example.org"]).exits(1);
    refused
        .says("DOMAIN_CLIENT=chat.example.org has no scheme: it stops the start")
        .says("did you mean refit set DOMAIN_CLIENT=https://chat.example.org")
        .says("--allow unfit-value");
    let refused = stack.refit(&["--json", "set", "DOMAIN_CLIENT=a.b", "--dry-run"]);
    assert_eq!(refused.refusal(), "value_unfit", "{refused}");
    assert_eq!(stack.read(".env"), env);
    // It takes no notice of it.
    let told = set(&["REFRESH_TOKEN_EXPIRY=7d"]).exits(0);
    told.says(
        "REFRESH_TOKEN_EXPIRY=7d is not a whole number of milliseconds: it is ignored silently",
    )
    .says("did you mean refit set REFRESH_TOKEN_EXPIRY=604800000");
    set(&["DOMAIN_CLIENT=a.b", "--allow", "unfit-value"])
        .exits(0)
        .says("DOMAIN_CLIENT=a.b has no scheme");
    set(&["REFRESH_TOKEN_EXPIRI=1"])
        .exits(1)
        .says("REFRESH_TOKEN_EXPIRY");
    set(&["SESION_EXPIRY=1"])
        .exits(1)
        .says("LibreChat has SESSION_EXPIRY");
}

//! What a new version brings: told before it is taken, settings included, and services that come, go
//! and change.

use std::fs;

use crate::faulty::is_in_line;
use crate::stack::checkout::{Cloned, config, image_id, mounted, version, web};
use crate::stack::engine::docker;
use crate::stack::{BUSYBOX, idle};

const PUBLISHED: &str = "0123456789abcdef0123456789abcdef";

/// `web` has `.env` in its environment, and there is a sample of that.
fn with_sample() -> Option<Cloned> {
    let mut files = mounted();
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    files[0].1 = compose;
    let sample = "# What it says\nGREETING=hello\nOLD=1\n";
    files.push((".env.example", sample.to_owned()));
    let clone = Cloned::new(&files)?;
    clone.stack.write(".env", "GREETING=hello\nOLD=1\n");
    clone.stack.up_healthy();
    Some(clone)
}

fn new_sample() -> String {
    format!(
        "# What it says\nGREETING=hi\n\n# Signs the cookies\nSIGNING_SECRET={PUBLISHED}\n\n\
         # Of the door\nCOLOUR=blue\n"
    )
}

#[test]
fn a_look_tells_what_is_new_and_writes_nothing() {
    let Some(clone) = with_sample() else { return };
    clone.refit(&["upgrade", "--check", "--exit-code"]).exits(0);
    clone.push(&[("web.conf", config("new", "two"))]);
    clone.develop(&["tag", "v2"]);
    clone.develop(&["push", "-q", "--tags"]);
    clone.push(&[(".env.example", new_sample())]);
    let (from, to) = (clone.head(), clone.develop(&["rev-parse", "HEAD"]));
    let before = (clone.side(), clone.dates());
    let check = ["--json", "upgrade", "--check"];
    clone.refit(&check).exits(0);
    let answer = clone
        .refit(&[&check[..], &["--exit-code"]].concat())
        .exits(10);
    assert_eq!((clone.side(), clone.dates()), before);
    clone.is_tidy("after a look");
    clone.refit(&["history"]).exits(0).says("no runs");
    let news = answer.the("news");
    let checkout = &news["checkout"];
    assert_eq!(checkout["from"], *from);
    assert_eq!(checkout["to"], *to);
    assert_eq!(checkout["target"], "origin/main");
    assert_eq!(checkout["commits"], 2);
    assert_eq!(checkout["oldest"], "web.conf");
    assert_eq!(checkout["newest"], ".env.example");
    assert_eq!(checkout["tags"], serde_json::json!(["v2"]));
    assert_eq!(checkout["files"], serde_json::json!([".env.example"]));
    let env = &news["env"];
    let added = serde_json::json!([
        {"key": "SIGNING_SECRET", "default": null, "comment": ["# Signs the cookies"]},
        {"key": "COLOUR", "default": "blue", "comment": ["# Of the door"]},
    ]);
    assert_eq!(env["added"], added);
    assert_eq!(env["changed"], serde_json::json!(["GREETING"]));
    assert_eq!(env["removed"], serde_json::json!(["OLD"]));
    let answer = clone.refit(&["upgrade", "--check"]).exits(0);
    answer.never_says(PUBLISHED).says("COLOUR").says("OLD");
}

#[test]
fn new_settings_are_appended_on_request_and_taken_out_again() {
    let Some(clone) = with_sample() else { return };
    let old = clone.side();
    clone.push(&[(".env.example", new_sample())]);
    let args = ["--json", "upgrade", "--merge-env", "--new-secrets"];
    let answer = clone.refit(&args).exits(0);
    let answer = answer.plans(&[("web", "recreate")]);
    let answer = answer.proves("web", "COLOUR", "env_file");
    let env = clone.stack.read(".env");
    let lines: Vec<&str> = env.lines().collect();
    assert_eq!(lines[..2], ["GREETING=hello", "OLD=1"], "{env}");
    assert!(
        env.contains("# Signs the cookies\nSIGNING_SECRET="),
        "{env}"
    );
    assert!(env.contains("# Of the door\nCOLOUR=blue\n"), "{env}");
    assert!(!env.contains(PUBLISHED), "{env}");
    let inside = clone.stack.container("web").env;
    assert_eq!(inside["COLOUR"], "blue");
    let secret = &inside["SIGNING_SECRET"];
    let hex = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(secret.len() == 32 && hex, "{secret}");
    answer.never_says(secret);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert!(!clone.stack.container("web").env.contains_key("COLOUR"));
}

#[test]
fn a_setting_that_the_new_version_cannot_do_without() {
    let Some(clone) = with_sample() else { return };
    let compose = clone.stack.read("compose.yaml");
    let compose = compose.replace(
        "env_file: .env",
        "env_file: .env, environment: {NEW: '${NEW:?say what is new}'}",
    );
    clone.push(&[
        ("compose.yaml", compose),
        (
            ".env.example",
            "GREETING=hello\nOLD=1\n# What is new\nNEW=all of it\n".to_owned(),
        ),
    ]);
    let old = clone.side();
    let answer = clone.refit(&["upgrade"]).exits(1);
    let answer = answer.says("NEW").says("say what is new");
    answer.says("--merge-env");
    assert_eq!(clone.side(), old);
    clone
        .refit(&["upgrade", "--check"])
        .exits(1)
        .says("--merge-env")
        .says("1 new commit");
    clone.refit(&["upgrade", "--merge-env"]).exits(0);
    assert_eq!(clone.stack.container("web").env["NEW"], "all of it");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    clone.refit(&["set", "NEW=mine"]).exits(0);
    clone.refit(&["upgrade", "--merge-env"]).exits(0);
    assert_eq!(clone.stack.container("web").env["NEW"], "mine");
}

/// The compose file of [`version`] with another service.
fn with_extra() -> String {
    let extra = idle("volumes: ['kept:/data']");
    let neighbour = idle("environment: {MINE: '1'}");
    format!(
        "services:\n  web: {}\n  neighbour: {neighbour}\n  extra: {extra}\nvolumes:\n  kept:\n",
        web("")
    )
}

#[test]
fn a_service_that_comes() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let (old, neighbour) = (clone.side(), clone.neighbour());
    clone.push(&[
        ("compose.yaml", with_extra()),
        ("version", "crash\n".into()),
    ]);
    let failed = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side(), old, "{failed}");
    let volume = format!("{}_kept", clone.stack.project);
    failed.says(&volume);
    clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(clone.stack.container("extra").status(), "running");
    neighbour.is_untouched(&clone.neighbour());
    is_in_line(&clone.stack, "with the new service");
    let answer = clone.refit(&["rollback"]).exits(0);
    assert!(!clone.stack.containers().contains_key("extra"), "{answer}");
    assert_eq!(clone.side().content(), old.content());
    let volumes = docker(&["volume", "ls", "--format", "{{.Name}}"]);
    assert!(volumes.lines().any(|name| name == volume), "{answer}");
    neighbour.is_untouched(&clone.neighbour());
}

#[test]
fn a_service_that_goes_and_comes_back() {
    let Some(clone) = Cloned::new(&version("v1")) else {
        return;
    };
    clone.push(&[(
        "compose.yaml",
        with_extra().replace("volumes: ['kept:/data']", ""),
    )]);
    clone.anew(&[]);
    clone.stack.up_healthy();
    let old = clone.side();
    clone.push(&version("v1"));
    let answer = clone.refit(&["--json", "upgrade"]).exits(0);
    let answer = answer.plans(&[("extra", "remove")]);
    assert!(!clone.stack.containers().contains_key("extra"), "{answer}");
    is_in_line(&clone.stack, "without the service");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.stack.container("extra").status(), "running");
    assert_eq!(clone.side().content(), old.content());
}

#[test]
fn another_tag_of_an_image() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let name = |tag: &str| format!("{}-app:{tag}", clone.stack.project);
    let with = |tag: &str| {
        clone
            .stack
            .read("compose.yaml")
            .replace(BUSYBOX, &name(tag))
    };
    docker(&["tag", BUSYBOX, &name("1")]);
    let container = docker(&["create", "--network", "none", BUSYBOX]);
    docker(&["commit", container.trim(), &name("2")]);
    docker(&["rm", container.trim()]);
    let original = clone.stack.read("compose.yaml");
    clone.push(&[("compose.yaml", original.replace(BUSYBOX, &name("1")))]);
    clone.anew(&[]);
    clone.stack.up_healthy();
    let old = clone.side();
    let second = with("1").replace(&name("1"), &name("2"));
    clone.push(&[("compose.yaml", second.clone())]);
    clone.refit(&["upgrade"]).exits(0);
    let image = clone.stack.container("web").image().to_owned();
    assert_eq!(Some(image), image_id(&name("2")));
    let new = clone.side();
    clone.push(&[("compose.yaml", second), ("web.conf", config("bad", "two"))]);
    clone.push(&[("compose.yaml", original.replace(BUSYBOX, &name("1")))]);
    clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side(), new);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
}

#[test]
fn an_image_has_what_lies_in_the_folder() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    clone.stack.write("local.txt", "not in git\n");
    clone.stack.write("data/ignored.txt", "ignored by git\n");
    clone.stack.write("README", "edited here\n");
    fs::remove_file(clone.developer.join("run.sh")).unwrap();
    clone.push(&[
        ("start.sh", "exec sleep infinity\n".to_owned()),
        (
            "compose.yaml",
            clone
                .stack
                .read("compose.yaml")
                .replace("run.sh", "start.sh"),
        ),
        ("version", "v2\n".to_owned()),
    ]);
    clone.refit(&["upgrade"]).exits(0);
    let listed = clone.stack.exec("web", &["find", "/app", "-type", "f"]);
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    let wanted = [
        "/app/.dockerignore",
        "/app/.gitignore",
        "/app/Dockerfile",
        "/app/README",
        "/app/data/ignored.txt",
        "/app/local.txt",
        "/app/start.sh",
        "/app/version",
        "/app/web.conf",
    ];
    assert_eq!(listed, wanted);
    assert_eq!(clone.inside("/app/local.txt"), "not in git");
    assert_eq!(clone.inside("/app/README"), "edited here");
    assert_eq!(clone.inside("/app/version"), "v2");
    // A build in place would make the same image.
    clone.stack.compose(&["up", "-d", "--build", "--wait"]);
    let listed = clone.stack.exec("web", &["find", "/app", "-type", "f"]);
    assert_eq!(listed.lines().count(), wanted.len());
}

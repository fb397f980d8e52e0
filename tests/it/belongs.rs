//! A change goes where no upgrade meets it: not into a file that git brings, when an override file is
//! loaded or Compose would load one by itself. The person may decide otherwise.

use std::path::Path;
use std::process::Command;

use crate::stack::{TestStack, idle};

fn compose() -> String {
    let web = idle("environment: {MODE: fast}, labels: {a: b}");
    format!(
        "services:\n  web: {web}\n  list:\n    image: refit-test/busybox:1\n    environment: [MODE=slow]\n    ports: [\"8080:80\"]\n    command: [sleep, infinity]\n    profiles: [never]\n"
    )
}

#[track_caller]
fn git(folder: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
    command.args([
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    ]);
    let output = command.arg("-C").arg(folder).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {said}");
}

/// A checkout with these files committed and pushed to a remote beside it.
fn checkout(files: &[(&str, &str)]) -> Option<TestStack> {
    let stack = TestStack::new(files)?;
    let origin = stack.beside("origin.git");
    git(
        &stack.folder(),
        &["init", "--quiet", "--bare", origin.to_str().unwrap()],
    );
    git(&stack.folder(), &["init", "--quiet"]);
    git(&stack.folder(), &["add", "."]);
    git(&stack.folder(), &["commit", "--quiet", "-m", "first"]);
    git(
        &stack.folder(),
        &["remote", "add", "origin", origin.to_str().unwrap()],
    );
    git(
        &stack.folder(),
        &["push", "--quiet", "-u", "origin", "HEAD"],
    );
    Some(stack)
}

#[test]
fn the_change_goes_to_an_override_file_that_is_made() {
    let compose = compose();
    let Some(stack) = checkout(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.up();
    let before = stack.container("web");
    stack
        .refit(&["set", "services.web.environment.MODE=slow"])
        .exits(0)
        .has_line(&[
            "compose.override.yaml",
            "services.web.environment.MODE",
            "slow",
        ])
        .says("compose.yaml is tracked by git, so the change goes to compose.override.yaml")
        .says("-F compose.yaml overrides this");
    assert_eq!(stack.read("compose.yaml"), compose);
    let made = stack.read("compose.override.yaml");
    assert_eq!(
        made,
        "services:\n  web:\n    environment:\n      MODE: slow\n"
    );
    let after = stack.container("web");
    before.was_recreated(&after);
    assert_eq!(after.env["MODE"], "slow");
    // For refit and for Compose there is nothing left to do.
    stack
        .refit(&["plan", "--exit-code"])
        .exits(0)
        .says("Nothing to do");
    stack.compose(&["up", "-d"]);
    after.is_untouched(&stack.container("web"));
    assert_eq!(
        stack
            .refit(&["get", "services.web.environment.MODE"])
            .stdout,
        "slow\n"
    );

    // It goes with what made it.
    stack.refit(&["rollback"]).exits(0);
    assert!(!stack.path("compose.override.yaml").exists());
    assert_eq!(stack.container("web").env["MODE"], "fast");
    stack.refit(&["plan", "--exit-code"]).exits(0);
}

#[test]
fn an_override_file_that_is_there_is_edited() {
    let compose = compose();
    let Some(stack) = checkout(&[("compose.yaml", &compose)]) else {
        return;
    };
    let mine = "# mine\nservices:\n  web:\n    labels:\n      c: d   # kept\n";
    stack.write("compose.override.yml", mine);
    let set = |word: &str| stack.refit(&["set", word, "--no-apply"]).exits(0);
    set("services.web.labels.a=new").says("the change goes to compose.override.yml");
    let text = format!("{mine}      a: new\n");
    assert_eq!(stack.read("compose.override.yml"), text);
    // What it holds itself is edited there without a word.
    set("services.web.labels.c=e").never_says("tracked by git");
    assert_eq!(
        stack.read("compose.override.yml"),
        text.replace("c: d", "c: e")
    );
    // The list form upstream is merged by key.
    set("services.list.environment.MODE=other");
    let config = stack.compose(&["--profile", "never", "config", "--format", "json"]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["services"]["list"]["environment"]["MODE"], "other");
    assert_eq!(config["services"]["web"]["labels"]["a"], "new");
    assert_eq!(stack.read("compose.yaml"), compose);
    // What was overridden counts again.
    stack
        .refit(&["unset", "services.web.labels.a", "--no-apply"])
        .exits(0)
        .says("the value in compose.yaml counts again");
}

#[test]
fn the_person_decides() {
    let compose = compose();
    let Some(stack) = checkout(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack
        .refit(&[
            "set",
            "services.web.environment.MODE=slow",
            "-F",
            "compose.yaml",
            "--no-apply",
        ])
        .exits(0)
        .never_says("override");
    assert_eq!(
        stack.read("compose.yaml"),
        compose.replace("MODE: fast", "MODE: slow")
    );
    assert!(!stack.path("compose.override.yaml").exists());
}

#[test]
fn what_no_upgrade_brings_is_edited_in_place() {
    let compose = compose();
    let files = [("compose.yaml", compose.as_str())];
    let changed = compose.replace("MODE: fast", "MODE: slow");
    let set = |stack: &TestStack| {
        stack
            .refit(&["set", "services.web.environment.MODE=slow", "--no-apply"])
            .exits(0)
            .never_says("override");
        assert_eq!(stack.read("compose.yaml"), changed);
    };
    // No checkout; a checkout without a remote; a checkout that does not know the file.
    let Some(plain) = TestStack::new(&files) else {
        return;
    };
    set(&plain);
    let local = TestStack::new(&files).unwrap();
    git(&local.folder(), &["init", "--quiet"]);
    git(&local.folder(), &["add", "."]);
    git(&local.folder(), &["commit", "--quiet", "-m", "first"]);
    set(&local);
    let untracked = checkout(&[("README.md", "hello")]).unwrap();
    untracked.write("compose.yaml", &compose);
    set(&untracked);
}

#[test]
fn what_an_override_file_cannot_do_is_refused() {
    let compose = compose();
    let Some(stack) = checkout(&[("compose.yaml", &compose)]) else {
        return;
    };
    let cases: [&[&str]; 6] = [
        &["unset", "services.web.environment.MODE"],
        // Compose would publish both ports.
        &["set", "services.list.ports[\"80/tcp\"]=9090:80"],
        &["set", "services.list.ports[0]=9090:80"],
        &["set", "services.list.ports=[\"9090:80\"]", "--as-json"],
        &["set", "services.web.labels={}", "--as-json"],
        &["unset", "services.list"],
    ];
    for words in cases {
        let answer = stack
            .refit(&[&["--json"], words, &["--no-apply"]].concat())
            .exits(1);
        assert_eq!(answer.refusal(), "defined_upstream", "{answer}");
        stack
            .refit(&[words, &["--no-apply"]].concat())
            .exits(1)
            .says("compose.yaml")
            .says("-F compose.yaml");
    }
    assert!(!stack.path("compose.override.yaml").exists());
    assert_eq!(stack.read("compose.yaml"), compose);
    // What is not there needs no refusal; what it can do is done.
    stack
        .refit(&["unset", "services.web.environment.NONE", "--no-apply"])
        .exits(0)
        .says("nothing to remove");
    for word in [
        "services.list.command=[\"sleep\", \"1\"]",
        "services.list.ports[+]=\"1:1\"",
    ] {
        stack
            .refit(&["set", word, "--as-json", "--no-apply"])
            .exits(0);
    }
    let config = stack.compose(&["--profile", "never", "config", "--format", "json"]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let list = &config["services"]["list"];
    assert_eq!(list["command"], serde_json::json!(["sleep", "1"]));
    assert_eq!(list["ports"].as_array().unwrap().len(), 2, "{list}");
}

#[test]
fn the_override_file_has_the_name_of_its_family() {
    for (name, wanted) in [
        ("docker-compose.yml", "docker-compose.override.yml"),
        ("compose.yml", "compose.override.yml"),
    ] {
        let Some(stack) = checkout(&[(name, &compose())]) else {
            return;
        };
        stack
            .refit(&["set", "services.web.labels.a=c", "--no-apply"])
            .exits(0)
            .says(&format!("goes to {wanted}"));
        assert!(stack.path(wanted).exists());
        let config = stack.compose(&["config", "--format", "json"]);
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["services"]["web"]["labels"]["a"], "c", "{config}");
    }
}

#[test]
fn a_file_that_compose_would_not_load_is_not_made() {
    let compose = compose();
    let Some(stack) = checkout(&[("compose.yaml", &compose), ("more.yaml", "services: {}\n")])
    else {
        return;
    };
    // With -f, Compose loads that file and no other.
    stack
        .refit(&[
            "-f",
            "compose.yaml",
            "set",
            "services.web.labels.a=c",
            "--no-apply",
        ])
        .exits(0)
        .says("compose.yaml is tracked by git, and no other file overrides it");
    assert!(!stack.path("compose.override.yaml").exists());
    assert_eq!(stack.read("compose.yaml"), compose.replace("a: b", "a: c"));
    // The same for --for, and a hint.
    stack.write(".env", "A=1\n");
    let answer = stack.refit(&[
        "-f",
        "compose.yaml",
        "set",
        "A=2",
        "--for",
        "web",
        "--no-apply",
    ]);
    answer.exits(1).says("no override file").says("-f");
    assert_eq!(stack.read(".env"), "A=1\n");
    // Another tracked file is no better place; one of the person's own is.
    let set = |value: &str, files: &[&str]| {
        let word = format!("services.web.labels.a={value}");
        stack
            .refit(&[files, &["set", &word, "--no-apply"]].concat())
            .exits(0)
    };
    set("d", &["-f", "compose.yaml", "-f", "more.yaml"]).says("no other file overrides it");
    assert_eq!(stack.read("more.yaml"), "services: {}\n");
    stack.write("mine.yaml", "services: {}\n");
    set(
        "e",
        &["-f", "compose.yaml", "-f", "more.yaml", "-f", "mine.yaml"],
    )
    .says("goes to mine.yaml");
    assert_eq!(stack.read("compose.yaml"), compose.replace("a: b", "a: d"));
}

/// No other file may say anything of a service that an included one defines.
#[test]
fn what_an_included_file_defines_is_changed_there() {
    let web = format!(
        "services:\n  web: {}\n",
        idle("environment: {MODE: fast}, ports: ['8080:80']")
    );
    let main = "include:\n  - path: [app/web.yaml, app/more.yaml]\n";
    let more = "services:\n  web:\n    environment: {LEVEL: low}\n";
    let files = [
        ("compose.yaml", main),
        ("app/web.yaml", &web),
        ("app/more.yaml", more),
        (".env", "A=1\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let words = [
        "set",
        "services.web.environment.LEVEL=high",
        "services.web.environment.MODE=slow",
    ];
    stack.refit(&words).exits(0);
    assert_eq!(stack.read("compose.yaml"), main);
    assert!(stack.read("app/more.yaml").contains("LEVEL: high"));
    assert!(stack.read("app/web.yaml").contains("MODE: slow"));
    let answer = stack.refit(&["get", "services.web.environment.MODE"]);
    answer.exits(0).says("slow");
    let open = ["--allow", "unread-key", "--bind", "127.0.0.1"];
    stack
        .refit(&[&["use", "no-login", "--no-apply"][..], &open].concat())
        .exits(0);
    assert!(stack.read("app/web.yaml").contains("127.0.0.1:8080:80"));
}

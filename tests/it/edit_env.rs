//! Editing through the command line: what is kept, where things go, where values come from. The
//! stack is down, so nothing but the files changes; it is edited all the same.

use crate::stack::{TestStack, idle};

/// A stack that does not run, with this `.env`.
fn down(env: &str) -> Option<TestStack> {
    let compose = format!(
        "services:\n  web:\n    image: refit-test/busybox:1\n    network_mode: none\n    init: true\n    command: sleep infinity\n    # of the proxy\n    \
         labels:\n      a.b: \"old\" # why\n    environment:\n      - X=1\n  worker: {}\n",
        idle("")
    );
    TestStack::new(&[("compose.yaml", &compose), (".env", env)])
}

#[test]
fn set_unset_and_get() {
    let Some(stack) = down("A=1\nB='two words'\n") else {
        return;
    };
    assert_eq!(stack.refit(&["get", "B"]).exits(0).stdout, "two words\n");
    stack
        .refit(&["set", "A=2", "C=a b#c", "D=it's $5"])
        .exits(0);
    for (key, value) in [("A", "2"), ("C", "a b#c"), ("D", "it's $5")] {
        let answer = stack.refit(&["get", key]).exits(0);
        assert_eq!(answer.stdout, format!("{value}\n"));
    }
    // As Compose reads it; in a model it doubles each dollar sign.
    stack.write("probe.yaml", "services: {p: {image: x, env_file: .env}}\n");
    let read = stack.compose(&["-f", "probe.yaml", "config", "--format", "json"]);
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    let env = &read["services"]["p"]["environment"];
    assert_eq!(
        (&env["C"], &env["D"]),
        (&"a b#c".into(), &"it's $$5".into())
    );
    stack.refit(&["unset", "A", "C"]).exits(0);
    let answer = stack.refit(&["get", "A"]).exits(1);
    assert_eq!(answer.stdout, "");
    stack.refit(&["get", "NEVER"]).exits(1);
    assert!(stack.read(".env").starts_with("B='two words'\n"));
    let answer = stack.refit(&["--json", "unset", "A"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}

#[test]
fn everything_else_in_the_file_is_kept() {
    let text = "# head\r\n\r\nexport A = \"1\"   # why\r\n  B=2\r\n#C=3\r\nD='x'";
    let Some(stack) = down(text) else {
        return;
    };
    stack.refit(&["set", "A=new"]).exits(0);
    assert_eq!(stack.read(".env"), text.replace("\"1\"", "\"new\""));
    stack.refit(&["set", "C=4", "E=5"]).exits(0);
    let read = stack.read(".env");
    assert!(read.contains("#C=3\r\nC=4\r\nD='x'"), "{read:?}");
    assert!(read.contains("E=5"), "{read:?}");
    assert!(!read.replace("\r\n", "").contains('\n'), "{read:?}");
}

#[test]
fn a_file_that_is_not_there_is_made_and_one_that_cannot_be_read_is_refused() {
    let Some(stack) = down("") else {
        return;
    };
    std::fs::remove_file(stack.path(".env")).unwrap();
    stack.refit(&["set", "A=1"]).exits(0);
    assert_eq!(stack.read(".env"), "A=1\n");
    for broken in [&b"B=\xff\n"[..], b"B=\"open\n", b"A B=1\n"] {
        std::fs::write(stack.path(".env"), broken).unwrap();
        let answer = stack.refit(&["--json", "set", "A=2"]).exits(1);
        assert!(!answer.refusal().is_empty());
        assert_eq!(std::fs::read(stack.path(".env")).unwrap(), broken);
    }
}

#[test]
fn of_a_key_that_is_set_twice_the_last_one_counts() {
    let Some(stack) = down("A=1\nB=2\nA=3\n") else {
        return;
    };
    assert_eq!(stack.refit(&["get", "A"]).exits(0).stdout, "3\n");
    stack.refit(&["set", "A=4"]).exits(0).says(".env: ");
    assert_eq!(stack.refit(&["get", "A"]).exits(0).stdout, "4\n");
    stack.refit(&["unset", "A"]).exits(0);
    stack.refit(&["get", "A"]).exits(1);
    assert_eq!(stack.read(".env"), "B=2\n");
}

#[test]
fn values_from_standard_input_and_made_up() {
    let Some(stack) = down("") else {
        return;
    };
    stack
        .refit_with_input(&["set", "A"], b"from stdin\n")
        .exits(0);
    assert_eq!(stack.refit(&["get", "A"]).exits(0).stdout, "from stdin\n");
    stack
        .refit_with_input(&["set", "M"], b"two\nlines\n")
        .exits(0);
    assert_eq!(stack.refit(&["get", "M"]).exits(0).stdout, "two\nlines\n");
    let made = |kind: &str| {
        let answer = stack
            .refit(&["set", "API_KEY", "--generate", kind])
            .exits(0);
        let value = stack.refit(&["get", "API_KEY"]).exits(0).stdout;
        let value = value.trim_end().to_owned();
        assert!(!answer.stdout.contains(&value) && !answer.stderr.contains(&value));
        value
    };
    let hex = made("hex:32");
    assert_eq!(hex.len(), 64);
    assert_ne!(hex, made("hex:32"));
    assert_eq!(made("base64:32").len(), 44);
    assert_eq!(made("alnum:20").len(), 20);
}

#[test]
fn for_a_service_makes_an_override_that_compose_loads() {
    let Some(stack) = down("A=1\n") else {
        return;
    };
    stack.up();
    stack
        .refit(&["--json", "set", "A=2", "--for", "worker"])
        .exits(0)
        .plans(&[("worker", "recreate")]);
    assert_eq!(stack.container("worker").env["A"], "2");
    let text = stack.read("compose.override.yaml");
    assert!(
        text.contains("A: ${A}") || text.contains("A: \"${A}\""),
        "{text}"
    );
    // From now on it reaches the service.
    let answer = stack.refit(&["--json", "set", "A=3"]).exits(0);
    answer.plans(&[("worker", "recreate")]);
    let before = stack.container("worker");
    stack.up();
    before.is_untouched(&stack.container("worker"));
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}

#[test]
fn paths_of_yaml_files() {
    let Some(stack) = down("") else {
        return;
    };
    let before = stack.read("compose.yaml");
    let yaml = ["-F", "compose.yaml"];
    let set = |change: &str| stack.refit(&[&["set", change], &yaml[..]].concat());
    set("services.web.labels[\"a.b\"]=new").exits(0);
    assert_eq!(
        stack.read("compose.yaml"),
        before.replace("\"old\"", "\"new\"")
    );
    let get = ["get", "services.web.labels[\"a.b\"]"];
    assert_eq!(
        stack.refit(&[&get[..], &yaml].concat()).exits(0).stdout,
        "new\n"
    );
    set("services.web.image=refit-test/busybox:2").exits(0);
    let read = stack.read("compose.yaml");
    assert!(
        read.contains("    image: refit-test/busybox:2\n    network_mode"),
        "{read}"
    );
    assert!(read.contains("\n    # of the proxy\n    labels:"), "{read}");
    stack
        .refit(&[&["unset", "services.web.labels"], &yaml[..]].concat())
        .exits(0);
    assert!(!stack.read("compose.yaml").contains("labels"));
    set("services.web[image").exits(1);
}

#[test]
fn another_env_file_and_one_below() {
    let Some(stack) = down("A=1\n") else {
        return;
    };
    stack.write("sub/app.env", "A=1\n");
    stack.refit(&["set", "A=2", "-F", "sub/app.env"]).exits(0);
    assert_eq!(stack.read("sub/app.env"), "A=2\n");
    assert_eq!(stack.read(".env"), "A=1\n");
    // From a folder below the stack, by the name that it has there.
    let mut command = stack.command(&["set", "A=3", "-F", "app.env"]);
    command.current_dir(stack.path("sub"));
    crate::stack::answer::Answer::of(command, b"").exits(0);
    assert_eq!(stack.read("sub/app.env"), "A=3\n");
    assert!(!stack.path("app.env").exists());
    stack
        .refit(&["set", "A=2", "-F", "nope/x.env"])
        .exits(1)
        .says("nope/x.env");
    stack
        .refit(&["set", "a.b=2", "-F", "nope.yaml"])
        .exits(1)
        .says("nope.yaml");
}

#[test]
fn mode_owner_and_links_of_the_file_are_kept() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let Some(stack) = down("A=1\n") else {
        return;
    };
    let path = stack.path(".env");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65534), Some(65533)).unwrap();
    }
    let before = std::fs::metadata(&path).unwrap();
    stack.refit(&["set", "A=2"]).exits(0);
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!(before.mode(), after.mode());
    assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
    assert_eq!(stack.read(".env"), "A=2\n");
}

//! A key without a file: `get` prints the value that counts, `why` lists every place with the one that
//! counts, and `set` writes there; what would be overridden is refused before anything is touched.

use crate::stack::{TestStack, idle};

fn stack(compose: &[String], files: &[(&str, &str)]) -> Option<TestStack> {
    let compose = format!("services:\n{}", compose.concat());
    TestStack::started(&compose, files)
}

fn of(name: &str, more: &str) -> String {
    format!("  {name}: {}\n", idle(more))
}

#[test]
fn a_literal_of_environment_is_found_printed_and_written() {
    let list = of("web", "environment: ['TZ=Europe/Amsterdam', 'DEBUG=yes']");
    let map = of("db", "environment: {TZ: Europe/Amsterdam, MODE: fast}");
    let Some(stack) = stack(&[list, map, of("other", "")], &[]) else {
        return;
    };
    let why = stack.refit(&["why", "DEBUG"]).exits(0);
    why.has_line(&["compose.yaml:2", "yes", "(environment of web)"])
        .has_line(&["reaches", "web", "environment", "recreate", "runs with yes"]);
    assert_eq!(stack.refit(&["get", "DEBUG"]).exits(0).stdout, "yes\n");
    assert_eq!(
        stack.refit(&["get", "TZ"]).exits(0).stdout,
        "Europe/Amsterdam\n"
    );
    let before = stack.containers();
    stack
        .refit(&["set", "DEBUG=n$o"])
        .exits(0)
        .has_line(&[
            "compose.yaml",
            "services.web.environment.DEBUG",
            "yes → n$$o",
        ])
        .has_line(&["✓", "web", "environment has DEBUG=n$o"]);
    before["db"].is_untouched(&stack.container("db"));
    assert!(!stack.path(".env").exists());
    // One value in two places stays one value.
    stack.refit(&["set", "TZ=UTC"]).exits(0);
    for service in ["web", "db"] {
        assert_eq!(stack.container(service).env["TZ"], "UTC");
    }
    stack.refit(&["unset", "MODE"]).exits(0);
    assert!(!stack.container("db").env.contains_key("MODE"));
    before["other"].is_untouched(&stack.container("other"));
}

#[test]
fn different_values_ask_for_the_service() {
    let web = of("web", "environment: {LEVEL: info}");
    let db = of("db", "environment: {LEVEL: warn}, env_file: a.env");
    let Some(stack) = stack(&[web, db, of("none", "")], &[("a.env", "LEVEL=debug\n")]) else {
        return;
    };
    for args in [&["get", "LEVEL"][..], &["set", "LEVEL=x"]] {
        let answer = stack.refit(args).exits(1);
        answer
            .says("web: info (compose.yaml:2)")
            .says("db: warn (compose.yaml:3)")
            .says("--for db");
    }
    let get = |service: &str| stack.refit(&["get", "LEVEL", "--for", service]);
    assert_eq!(get("web").exits(0).stdout, "info\n");
    assert_eq!(get("db").exits(0).stdout, "warn\n");
    get("none").exits(1).says("LEVEL is not set in none");
    let file = |service: &str| {
        let answer = stack.refit(&["--json", "get", "LEVEL", "--for", service]);
        let document: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        document["file"].clone()
    };
    assert_eq!(file("db"), "compose.yaml");
    assert_eq!(file("none"), serde_json::Value::Null);
    get("wbe").exits(1).says("did you mean web?");
    stack
        .refit(&["why", "LEVEL"])
        .exits(0)
        .has_line(&["counts", "db", "warn", "from compose.yaml:3, over a.env:1"])
        .has_line(&["web", "info", "from compose.yaml:2"]);
    let before = stack.containers();
    stack.refit(&["set", "LEVEL=x", "--for", "db"]).exits(0);
    assert_eq!(stack.container("db").env["LEVEL"], "x");
    before["web"].is_untouched(&stack.container("web"));
}

#[test]
fn the_env_file_that_reaches_a_service_is_written() {
    let web = of("web", "env_file: [common.env, web.env]");
    let compose = [web, of("db", "env_file: common.env")];
    let files = [
        ("common.env", "COLOR=blue\nSIZE=1\n"),
        ("web.env", "SIZE=2\n"),
    ];
    let Some(stack) = stack(&compose, &files) else {
        return;
    };
    assert_eq!(stack.refit(&["get", "COLOR"]).exits(0).stdout, "blue\n");
    stack.refit(&["set", "COLOR=green"]).exits(0).has_line(&[
        "common.env",
        "COLOR",
        "blue → green",
    ]);
    assert_eq!(stack.container("web").env["COLOR"], "green");
    assert_eq!(stack.container("db").env["COLOR"], "green");
    assert!(!stack.path(".env").exists());
    // A later file wins in one of the two, and the other one still gets it.
    let before = stack.containers();
    stack.refit(&["set", "SIZE=3", "-F", "common.env"]).exits(0);
    before["web"].is_untouched(&stack.container("web"));
    assert_eq!(stack.container("db").env["SIZE"], "3");
}

#[test]
fn what_would_be_overridden_is_refused() {
    let web = of("web", "env_file: [a.env, b.env], environment: {FIXED: '1'}");
    let named = of("named", "environment: {V: '${V:-0}'}");
    let files = [
        ("a.env", "A=1\nFIXED=0\n"),
        ("b.env", "A=2\n"),
        (".env", "V=1\n"),
        ("custom.env", "V=2\n"),
    ];
    let Some(stack) = stack(&[web, named], &files) else {
        return;
    };
    let before = stack.containers();
    let refused = |args: &[&str], by: &str, hint: &str| {
        let answer = stack.refit(args).exits(1);
        answer.says(by).says(hint);
        let answer = stack.refit(&[&["--json"], args].concat()).exits(1);
        assert_eq!(answer.refusal(), "overridden", "{answer}");
    };
    refused(
        &["set", "A=x", "-F", "a.env"],
        "A in a.env is overridden by b.env:1",
        "set A=VALUE -F b.env",
    );
    refused(
        &["set", "FIXED=x", "-F", "a.env"],
        "FIXED in a.env is overridden by `environment:` in compose.yaml:2",
        "set FIXED=VALUE",
    );
    let custom = ["--env-file", ".env", "--env-file", "custom.env"];
    refused(
        &[&custom[..], &["set", "V=x", "-F", ".env"]].concat(),
        "V in .env is overridden by custom.env:1",
        "set V=VALUE -F custom.env",
    );
    stack.write(
        "compose.override.yaml",
        "services: {named: {environment: {V: '7'}, labels: {a: b}}}\n",
    );
    refused(
        &[
            "set",
            "services.named.environment.V=8",
            "-F",
            "compose.yaml",
        ],
        "is overridden by compose.override.yaml:1",
        "-F compose.override.yaml",
    );
    refused(
        &["set", "services.named.labels.a=c", "-F", "compose.yaml"],
        "is overridden by compose.override.yaml",
        "-F compose.override.yaml",
    );
    for file in ["a.env", ".env"] {
        assert_eq!(
            stack.read(file),
            files.iter().find(|one| one.0 == file).unwrap().1
        );
    }
    before["web"].is_untouched(&stack.container("web"));
    stack
        .refit(&["set", "A=x", "-F", "a.env", "--allow", "overridden"])
        .exits(0)
        .says("A in a.env is overridden by b.env:1");
    assert_eq!(stack.read("a.env"), "A=x\nFIXED=0\n");
}

#[test]
fn of_two_env_files_the_later_one_counts() {
    let web = of("web", "environment: {MAIL: '${MAIL:-none}'}");
    let files = [(".env", "MAIL=a\n"), (".env.custom", "MAIL=b\n")];
    let Some(stack) = TestStack::new(&[("compose.yaml", &format!("services:\n{web}"))]) else {
        return;
    };
    for (name, text) in files {
        stack.write(name, text);
    }
    let refit = |args: &[&str]| {
        let both = ["--env-file", ".env", "--env-file", ".env.custom"];
        stack.refit(&[&both[..], args].concat())
    };
    assert_eq!(refit(&["get", "MAIL"]).exits(0).stdout, "b\n");
    refit(&["why", "MAIL"])
        .exits(0)
        .has_line(&["${MAIL}", "b", "from .env.custom:1, over .env:1"])
        .has_line(&["web", "b", "from .env.custom:1, by compose.yaml:2"]);
    refit(&["set", "MAIL=c", "--no-apply"]).exits(0);
    assert_eq!(stack.read(".env.custom"), "MAIL=c\n");
    assert_eq!(stack.read(".env"), "MAIL=a\n");
    let mut shell = stack.command(&["set", "MAIL=d", "--no-apply"]);
    shell.env("MAIL", "s");
    crate::stack::answer::Answer::of(shell, &[])
        .exits(1)
        .says("MAIL in .env is overridden by this shell's own variable")
        .says("unset MAIL");
}

#[test]
fn includes_with_variables_and_env_files_of_their_own() {
    let root = format!(
        "include: ['${{PART:-./sub/part.yaml}}']\nservices:\n{}",
        of("r", "environment: {X: '${X:-1}'}")
    );
    let part = format!(
        "services:\n{}",
        of(
            "p",
            "environment: {C_VAL: '${C_VAL:-none}', LIT: a}, env_file: [p.env]"
        )
    );
    let files = [
        ("sub/part.yaml", part.as_str()),
        ("sub/.env", "C_VAL=sub\nX=sub\n"),
        ("sub/p.env", "Q=1\n"),
        (".env", "X=root\n"),
    ];
    let Some(stack) = TestStack::started(&root, &files) else {
        return;
    };
    for (key, value) in [("C_VAL", "sub"), ("X", "root"), ("Q", "1"), ("LIT", "a")] {
        assert_eq!(
            stack.refit(&["get", key]).exits(0).stdout,
            format!("{value}\n")
        );
    }
    let why = |key: &str| stack.refit(&["why", key]).exits(0);
    why("X").has_line(&["reaches", "r", "environment", "compose.yaml:3"]);
    why("Q").has_line(&["reaches", "p", "env_file", "sub/p.env"]);
    why("C_VAL").has_line(&["set in", "sub/.env:1", "sub"]);
    stack
        .refit(&["set", "C_VAL=new"])
        .exits(0)
        .has_line(&["sub/.env", "C_VAL", "sub → new"]);
    assert_eq!(stack.container("p").env["C_VAL"], "new");
    stack.refit(&["set", "LIT=b"]).exits(0);
    assert_eq!(stack.container("p").env["LIT"], "b");
    let answer = stack
        .refit(&["--json", "set", "X=y", "-F", "sub/.env"])
        .exits(1);
    assert_eq!(answer.refusal(), "overridden", "{answer}");
}

#[test]
fn what_an_image_brings_and_what_is_taken_away_from_it() {
    let compose = [of("web", "environment: {PATH: }"), of("other", "")];
    let Some(stack) = stack(&compose, &[]) else {
        return;
    };
    let get = |service: &str| stack.refit(&["get", "PATH", "--for", service]);
    let path = stack.container("other").env["PATH"].clone();
    assert_eq!(get("other").exits(0).stdout, format!("{path}\n"));
    stack
        .refit(&["why", "PATH"])
        .exits(0)
        .has_line(&["image refit-test/busybox:1", &path]);
    // A key that nobody gets from the files leads to who has it from its image.
    let files =
        "services:\n  a: {image: refit-test/busybox:1}\n  r: {image: refit-test/postgres:1}\n";
    let Some(stack) = TestStack::new(&[("compose.yaml", files)]) else {
        return;
    };
    stack
        .refit(&["set", "PGDATA=x", "--dry-run"])
        .exits(0)
        .says("r has it from its image: --for r sets it there");
}

#[test]
fn a_value_that_is_another_variable_names_it() {
    let web = of(
        "web",
        "environment: {DB_PASSWORD: '${POSTGRES_PASSWORD:-x}'}",
    );
    let Some(stack) = TestStack::new(&[("compose.yaml", &format!("services:\n{web}"))]) else {
        return;
    };
    stack.write(".env", "POSTGRES_PASSWORD=p\n");
    stack
        .refit(&["set", "DB_PASSWORD=q", "--no-apply"])
        .exits(1)
        .says("DB_PASSWORD of web is the value of ${POSTGRES_PASSWORD} (compose.yaml:2)")
        .says("refit set POSTGRES_PASSWORD=VALUE changes that one");
    assert_eq!(stack.refit(&["get", "DB_PASSWORD"]).exits(0).stdout, "p\n");
}

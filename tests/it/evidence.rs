//! A key is written where the application is seen to read it, and a comment, a test or a page is no
//! sight of that. What is known of a key is told by `refit why`.

use std::process::Command;

use crate::stack::engine::docker;
use crate::stack::{BUSYBOX, TestStack, idle};

const STAY: [&str; 5] = ["--json", "use", "--dry-run", "stay-signed-in", "for=7d"];

/// A stack in a checkout with these files, all of them tracked.
fn checkout(compose: &str, files: &[(&str, &str)]) -> Option<TestStack> {
    let stack = TestStack::new(files)?;
    stack.write("compose.yaml", compose);
    stack.write(".env", "A=1\n");
    git(&stack, &["init", "-q"]);
    git(&stack, &["add", "."]);
    Some(stack)
}

#[track_caller]
fn git(stack: &TestStack, args: &[&str]) {
    let mut command = Command::new("git");
    crate::stack::engine::plain_environment(&mut command);
    let ended = command.args(args).current_dir(stack.folder()).status();
    assert!(ended.unwrap().success());
}

fn app() -> String {
    format!("services:\n  app: {}\n", idle("env_file: .env"))
}

#[test]
fn code_that_reads_the_key_is_evidence() {
    for (file, line) in [
        (
            "src/session.js",
            "const s = process.env.SESSION_EXPIRY ?? 900;",
        ),
        ("app/settings.py", "EXPIRY = os.environ[\"SESSION_EXPIRY\"]"),
        (
            "app/settings.py",
            "EXPIRY = os.getenv('SESSION_EXPIRY', 900)",
        ),
        ("src/main.rs", "let s = std::env::var(\"SESSION_EXPIRY\")?;"),
        (
            "docker-entrypoint.sh",
            "  --expiry \"${SESSION_EXPIRY:-900}\" \\",
        ),
        ("cmd/main.go", "s := getEnv(\"SESSION_EXPIRY\", \"900\")"),
        (
            "app/config.py",
            "    session_expiry: int = 900\nclass Settings(BaseSettings): pass",
        ),
    ] {
        let text = format!("\n{line}\n");
        let Some(stack) = checkout(&app(), &[(file, &text)]) else {
            return;
        };
        let answer = stack.refit(&STAY).exits(0);
        answer.says(&format!("SESSION_EXPIRY: {file}:2 reads it"));
    }
}

#[test]
fn a_comment_a_test_and_a_page_are_no_evidence() {
    let files = [
        ("src/session.js", "// process.env.SESSION_EXPIRY was read\n"),
        ("src/old.py", "x = 1  # os.environ[\"SESSION_EXPIRY\"]\n"),
        ("src/show.js", "log(`${SESSION_EXPIRY}`);\n"),
        ("tests/a.js", "process.env.SESSION_EXPIRY = '1';\n"),
        ("src/session.test.ts", "process.env.SESSION_EXPIRY\n"),
        ("README.md", "Set `process.env.SESSION_EXPIRY`.\n"),
        ("start.sh", "# ${SESSION_EXPIRY}\n"),
        ("src/other.js", "process.env.SESSION_EXPIRY_MAX\n"),
    ];
    let Some(stack) = checkout(&app(), &files) else {
        return;
    };
    let answer = stack.refit(&STAY).exits(1);
    assert_eq!(answer.refusal(), "key_not_read", "{answer}");
    // What git does not track is nobody's code.
    stack.write("scratch.js", "process.env.SESSION_EXPIRY\n");
    let answer = stack.refit(&STAY).exits(1);
    assert_eq!(answer.refusal(), "key_not_read", "{answer}");
}

#[test]
fn code_lies_where_the_image_is_built_from() {
    let app = "services:\n  app: {build: .., env_file: .env}\n";
    let Some(stack) = TestStack::new(&[
        ("src/a.js", "process.env.SESSION_EXPIRY\n"),
        ("deploy/compose.yaml", app),
        ("deploy/.env", "A=1\n"),
    ]) else {
        return;
    };
    git(&stack, &["init", "-q"]);
    git(&stack, &["add", "."]);
    let mut words = vec!["-C", "deploy"];
    words.extend(STAY);
    let answer = stack.refit(&words).exits(0);
    answer.says("src/a.js:1 reads it");
}

/// The application as a submodule, in a checkout whose owner is another user: root's git would refuse it.
#[test]
fn code_lies_in_a_submodule_of_somebody_elses_checkout() {
    let Some(stack) = checkout(&app(), &[]) else {
        return;
    };
    let origin = stack.beside("origin");
    std::fs::create_dir_all(&origin).unwrap();
    std::fs::write(origin.join("a.js"), "process.env.SESSION_EXPIRY\n").unwrap();
    let at = origin.to_str().unwrap();
    let commit = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-C",
        at,
        "commit",
        "-qm",
        "a",
    ];
    git(&stack, &["-C", at, "init", "-q"]);
    git(&stack, &["-C", at, "add", "."]);
    git(&stack, &commit);
    let add = ["submodule", "--quiet", "add", at, "lib/app"];
    git(
        &stack,
        &[&["-c", "protocol.file.allow=always"], &add[..]].concat(),
    );
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(stack.folder(), Some(12345), Some(12345)).unwrap();
    }
    let answer = stack.refit(&STAY).exits(0);
    answer.says("SESSION_EXPIRY: lib/app/a.js:1 reads it");
}

/// Somebody's own application, in a folder that no git knows.
#[test]
fn code_counts_without_a_checkout_where_the_image_is_built_from_it() {
    let app = "services:\n  app: {build: ./app, env_file: .env}\n";
    let Some(stack) = TestStack::new(&[
        ("compose.yaml", app),
        (".env", "A=1\n"),
        (
            "app/lib/node_modules/a/b.js",
            "process.env.SESSION_EXPIRY\n",
        ),
        ("app/tests/main.py", "os.getenv(\"SESSION_EXPIRY\")\n"),
        ("data/dump.js", "process.env.SESSION_EXPIRY\n"),
    ]) else {
        return;
    };
    let answer = stack.refit(&STAY).exits(1);
    assert_eq!(answer.refusal(), "key_not_read", "{answer}");
    stack.write(
        "app/main.py",
        "import os\nS = os.getenv(\"SESSION_EXPIRY\")\n",
    );
    let answer = stack.refit(&STAY).exits(0);
    answer.says("SESSION_EXPIRY: app/main.py:2 reads it");
}

#[test]
fn what_a_definition_hands_on_is_evidence() {
    let app = idle("environment: {EXPIRES: '${SESSION_EXPIRY:-900}'}");
    let compose = format!("services:\n  app: {app}\n");
    let Some(stack) = checkout(&compose, &[]) else {
        return;
    };
    let answer = stack.refit(&STAY).exits(0);
    answer.says("environment.EXPIRES of app uses it");
}

/// Each recipe on an application of which nothing is seen: what is refused, and what is told instead.
#[test]
fn without_evidence_each_recipe_refuses_and_names_what_is_documented() {
    let sample =
        "#SESSION_LIFETIME=120\nDISABLE_AUTH=false\n# SESSION_DRIVER=file\nSECURE_COOKIE=1\n";
    for (words, key, similar) in [
        (
            &["stay-signed-in"][..],
            "SESSION_EXPIRY",
            ".env.example:1 documents SESSION_LIFETIME",
        ),
        (
            &["no-login"],
            "AUTHENTICATION",
            ".env.example:2 documents DISABLE_AUTH",
        ),
        (
            &["session-store", "store=redis"],
            "SESSION_STORE",
            ".env.example:3 documents SESSION_DRIVER",
        ),
        (
            &["session-store", "store=memory"],
            "SESSION_STORE",
            ".env.example:3 documents SESSION_DRIVER",
        ),
        (
            &["cookies", "scheme=https"],
            "COOKIE_SECURE",
            ".env.example:4 documents SECURE_COOKIE",
        ),
    ] {
        let Some(stack) = checkout(&app(), &[]) else {
            return;
        };
        let typed: Vec<&str> = ["--json", "use"].iter().chain(words).copied().collect();
        let hint = |answer: &crate::stack::answer::Answer| {
            assert_eq!(answer.refusal(), "key_not_read", "{answer}");
            let error = answer.the("error");
            let text = error["text"].as_str().unwrap_or_default();
            assert!(
                text.contains(&format!("is not seen to read {key}:")),
                "{answer}"
            );
            error["hint"].as_str().unwrap_or_default().to_owned()
        };
        let answer = stack.refit(&typed).exits(1);
        assert!(
            hint(&answer).starts_with("no documented key does this"),
            "{answer}"
        );
        stack.write(".env.example", sample);
        let answer = stack.refit(&typed).exits(1);
        let told = hint(&answer);
        assert!(told.starts_with(similar), "{answer}");
        assert!(told.contains("--allow unread-key"), "{answer}");
        assert_eq!(stack.read(".env"), "A=1\n");
        assert_eq!(stack.read("compose.yaml"), app());
    }
    // The path of a settings file that does not have it.
    let Some(stack) = checkout(&app(), &[("config.yaml", "port: 80\n")]) else {
        return;
    };
    for words in [
        &["--json", "use", "no-login", "by=config"][..],
        &[
            "--json",
            "use",
            "no-login",
            "by=config",
            "--bind",
            "127.0.0.1",
        ],
    ] {
        let answer = stack.refit(words).exits(1);
        assert_eq!(answer.refusal(), "key_not_read", "{answer}");
        answer.says("config.yaml has no auth.enabled");
    }
    let answer = stack.refit(&["--json", "use", "no-login", "as=openid"]);
    assert_eq!(answer.exits(1).refusal(), "not_supported");
}

/// What an application that is not known is refused although it reads the keys.
#[test]
fn with_evidence_an_unknown_application_is_still_guarded() {
    let app = idle("env_file: .env, ports: ['0.0.0.0:0:80']");
    let compose = format!("services:\n  app: {app}\n");
    let sample = "#AUTHENTICATION=true\n#COOKIE_SECURE=\n#COOKIE_SAME_SITE=\n#SESSION_STORE=\n#REDIS_URL=\n#SESSION_EXPIRY=\n";
    let Some(stack) = checkout(&compose, &[(".env.example", sample)]) else {
        return;
    };
    for (words, code, hint) in [
        (&["no-login"][..], "guard_public", "--bind 127.0.0.1"),
        (
            &["no-login", "as=openid"],
            "not_supported",
            "refit use no-login",
        ),
        (
            &["cookies", "scheme=http", "same-site=none"],
            "refused_by_browsers",
            "scheme=https",
        ),
        (
            &["cookies", "scheme=http", "secure=yes"],
            "refused_by_browsers",
            "scheme=https",
        ),
        (
            &["session-store", "store=redis", "url=redis://127.0.0.1:6379"],
            "localhost_in_container",
            "",
        ),
        (
            &["session-store", "store=memory", "url=redis://a"],
            "not_supported",
            "store=memory",
        ),
        (
            &["stay-signed-in", "for=99999d"],
            "bad_value",
            "refit recipes stay-signed-in",
        ),
    ] {
        let typed: Vec<&str> = ["--json", "use"].iter().chain(words).copied().collect();
        let answer = stack.refit(&typed).exits(1);
        assert_eq!(answer.refusal(), code, "{answer}");
        let told = answer.the("error")["hint"].clone();
        assert!(told.as_str().unwrap_or_default().contains(hint), "{answer}");
        assert_eq!(stack.read(".env"), "A=1\n");
        assert_eq!(stack.read("compose.yaml"), compose);
    }
    // Two applications, and neither is known.
    let two = format!(
        "services:\n  one: {0}\n  two: {0}\n",
        idle("env_file: .env")
    );
    stack.write("compose.yaml", &two);
    let answer = stack.refit(&STAY).exits(1);
    assert_eq!(answer.refusal(), "which_service", "{answer}");
    let mut named = STAY.to_vec();
    named.extend(["--service", "two"]);
    stack.refit(&named).exits(0);
    let named = [&STAY[..], &["--service", "three"]].concat();
    assert_eq!(stack.refit(&named).exits(1).refusal(), "no_service");
}

/// Ports as people write them, in more than one file.
#[test]
fn every_port_of_the_application_is_bound_whatever_its_address() {
    let with = |ports: &str| {
        let app = idle(&format!("env_file: .env, ports: {ports}"));
        format!("services:\n  app: {app}\n")
    };
    let Some(stack) = checkout("services: {}\n", &[(".env.example", "#AUTHENTICATION=\n")]) else {
        return;
    };
    let words = ["use", "no-login", "--no-apply", "--bind", "127.0.0.1"];
    for (ports, bound) in [
        // Compose refuses an entry that is there twice.
        (
            "['0.0.0.0:81:80', '[::]:81:80', '127.0.0.1:82:82']",
            "ports: ['127.0.0.1:81:80', '127.0.0.1:82:82']",
        ),
        // Private, and not what was asked for.
        (
            "['192.168.7.5:81:80', '83-84:83-84/udp']",
            "ports: ['127.0.0.1:81:80', '127.0.0.1:83-84:83-84/udp']",
        ),
        (
            "[{target: 80, published: '81', mode: host}]",
            "mode: host, host_ip: 127.0.0.1",
        ),
    ] {
        stack.write("compose.yaml", &with(ports));
        stack.write(
            "compose.override.yaml",
            "services:\n  app:\n    ports:\n      - \"85:85\"\n",
        );
        stack.refit(&words).exits(0);
        let written = stack.read("compose.yaml");
        assert!(written.contains(bound), "{written}");
        let written = stack.read("compose.override.yaml");
        assert!(written.contains("127.0.0.1:85:85"), "{written}");
    }
    // A proxy that is nowhere to be seen.
    let labels = with("[], labels: {traefik.enable: 'true'}");
    stack.write("compose.yaml", &labels);
    let answer = stack.refit(&[
        "--json",
        "use",
        "no-login",
        "--no-apply",
        "--bind",
        "127.0.0.1",
    ]);
    assert_eq!(answer.exits(1).refusal(), "guard_public");
}

#[test]
fn a_recipe_of_ones_own_is_told_which_key_is_meant() {
    let app = idle("env_file: .env, labels: {refit.application: librechat}");
    let compose = format!("services:\n  api: {app}\n");
    let own = "recipes:\n  - name: lax\n    title: T\n    aim: A\n    applications:\n      librechat:\n        \
               about: B\n        changes: [{env: COOKIE_SECURE, value: \"true\"}]\n";
    let Some(stack) = checkout(&compose, &[("refit.yaml", own)]) else {
        return;
    };
    let answer = stack.refit(&["--json", "use", "lax"]).exits(1);
    assert_eq!(answer.refusal(), "key_not_read", "{answer}");
    answer.says("LibreChat has no COOKIE_SECURE; the key is SESSION_COOKIE_SECURE");
}

#[test]
fn why_tells_what_the_application_makes_of_a_key() {
    let label = |name: &str| {
        idle(&format!(
            "env_file: .env, labels: {{refit.application: {name}}}"
        ))
    };
    let librechat = format!("services:\n  api: {}\n", label("librechat"));
    let Some(stack) = checkout(&librechat, &[]) else {
        return;
    };
    let why = |key: &str| stack.refit(&["why", key]).exits(0);
    why("REFRESH_TOKEN_EXPIRY")
        .has_line(&["means", "LibreChat: how long a login lasts"])
        .has_line(&["milliseconds, a plain whole number; 604800000 when it is not set"]);
    why("COOKIE_SECURE")
        .has_line(&[
            "!",
            "LibreChat has no COOKIE_SECURE; the key is SESSION_COOKIE_SECURE",
        ])
        .never_says("  means  ");
    why("JWT_SECRET").has_line(&["!", "--allow guarded-key"]);
    why("SESSION_COOKIE_SECURE").has_line(&["!", "since 0.8.7; which version this is"]);
    stack.write("package.json", "{\"version\": \"0.7.9\"}\n");
    why("SESSION_COOKIE_SECURE").has_line(&["!", "since 0.8.7, and this is 0.7.9"]);
    why("A").never_says("LibreChat");
    let known = |key: &str| -> serde_json::Value {
        let answer = stack.refit(&["--json", "why", key]).exits(0);
        let document: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        document["known"].clone()
    };
    let told = known("REFRESH_TOKEN_EXPIRY");
    assert_eq!(told["type"], "milliseconds");
    assert_eq!(told["reads"], true);
    assert_eq!(told["default"], "604800000");
    assert_eq!(known("COOKIE_SECURE")["reads"], false);
    assert_eq!(known("SESSION_COOKIE_SECURE")["reads"], false);
    assert_eq!(known("A"), serde_json::Value::Null);

    stack.write(
        "compose.yaml",
        &format!("services:\n  ui: {}\n", label("open-webui")),
    );
    stack
        .refit(&["why", "JWT_EXPIRES_IN"])
        .exits(0)
        .has_line(&["a duration such as 7d; 4w when it is not set"])
        .has_line(&[
            "!",
            "a value in the application's database (auth.jwt_expiry) overrides it",
        ])
        .has_line(&["stored", "not known: the application does not run"]);
}

#[test]
fn a_key_that_the_profile_guards_is_guarded() {
    let app = idle("env_file: .env, labels: {refit.application: open-webui}");
    let compose = format!("services:\n  ui: {app}\n");
    let files = [(".env", "WEBUI_SECRET_KEY=abc\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let refused = stack
        .refit(&["--json", "set", "WEBUI_SECRET_KEY=z"])
        .exits(1);
    assert_eq!(refused.refusal(), "guard_key", "{refused}");
    assert_eq!(stack.read(".env"), "WEBUI_SECRET_KEY=abc\n");
    stack
        .refit(&["set", "WEBUI_SECRET_KEY=z", "--allow", "guarded-key"])
        .exits(0);
}

/// An application of which there is nothing but its image: what that names, and what the code in its
/// container reads, whether it runs or not.
#[test]
fn an_image_and_the_code_in_its_container_are_evidence() {
    let Some(stack) = TestStack::new(&[(".env", "A=1\n")]) else {
        return;
    };
    let made = stack.beside("image");
    for (file, text) in [
        (
            "app/run.sh",
            "# SESSION_STORE\necho \"expires after ${SESSION_EXPIRY:-900}\"\nexec sleep infinity\n",
        ),
        ("app/web.js", "cookie(process.env.SECURE_COOKIE)\n"),
        ("app/node_modules/a/a.js", "process.env.COOKIE_SECURE\n"),
        (
            "Dockerfile",
            &format!(
                "FROM {BUSYBOX}\nENV AUTHENTICATION=on\nWORKDIR /app\nCOPY app /app\n\
                 CMD [\"sh\", \"/app/run.sh\"]\n"
            ),
        ),
    ] {
        let path = made.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let image = format!("{}-scripts:1", stack.project);
    docker(&["build", "-q", "-t", &image, made.to_str().unwrap()]);
    let app = format!("image: {image}, init: true, network_mode: none, env_file: .env");
    stack.write("compose.yaml", &format!("services:\n  app: {{{app}}}\n"));

    let refused = |words: &[&str]| {
        let answer = stack.refit(&[&["--json", "use"], words].concat()).exits(1);
        assert_eq!(answer.refusal(), "key_not_read", "{answer}");
        answer
    };
    let named = stack.refit(&["--json", "use", "--dry-run", "no-login"]);
    let told = format!("AUTHENTICATION: ENV of its image {image} names it");
    named.exits(0).says(&told);
    refused(&["stay-signed-in"]).says("was not looked at, for app has no container");

    stack.compose(&["create"]);
    let read = "SESSION_EXPIRY: /app/run.sh:2 in its container reads it";
    stack.refit(&STAY).exits(0).says(read);
    let cookies = refused(&["cookies", "scheme=https"])
        .says("no text in /app of its container does, libraries aside");
    cookies.says(
        "/app/web.js:1 in its container reads SECURE_COOKIE: \
         refit set SECURE_COOKIE=VALUE --for app",
    );
    let meant = ["set", "--dry-run", "SECURE_COOKIE=true", "--for", "app"];
    stack.refit(&meant).exits(0).says("SECURE_COOKIE");
    // A comment is no sight of it there either.
    refused(&["session-store", "store=memory"]);

    stack.up();
    let applied = stack.refit(&["--json", "use", "stay-signed-in", "for=7d"]);
    applied.exits(0).says(read);
    let env = stack.exec("app", &["env"]);
    assert!(env.contains("SESSION_EXPIRY=604800"), "{env}");
}

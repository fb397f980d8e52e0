//! The value of a secret is nowhere but where it belongs: in the stack's files, in its containers,
//! and in the checkpoint that can give the file back.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle, service};

const OLD: &str = "old-hunter2-value";
const NEW: &str = "new-swordfish-value";
const URL: &str = "url-opensesame-value";

fn stack() -> Option<TestStack> {
    // An application that tells its secrets when it fails.
    let shell =
        "test $MODE = good || { echo token $API_TOKEN at $DB_URL; exit 3; }; sleep infinity";
    let web = service(shell, "env_file: .env, volumes: ['./.env:/app/.env']");
    let compose = format!("services:\n  web: {web}\n");
    let env = format!("MODE=good\nAPI_TOKEN={OLD}\nDB_URL=redis://me:{URL}@host/0\n");
    TestStack::started(&compose, &[(".env", &env)])
}

#[track_caller]
fn holds_none(answer: &Answer) {
    for secret in [OLD, NEW, URL] {
        let said = answer.stdout.contains(secret) || answer.stderr.contains(secret);
        assert!(!said, "{secret}\n{answer}");
    }
}

/// Nothing below the state folder but the checkpoint's copies of files holds a secret, and nobody
/// else may read there.
#[track_caller]
fn state_is_clean(stack: &TestStack, copies: &[&str]) {
    for (path, bytes) in stack.state_files() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
        let text = String::from_utf8_lossy(&bytes);
        let is_copy = copies
            .iter()
            .any(|part| path.to_string_lossy().contains(part));
        let clean = [OLD, NEW, URL].iter().all(|secret| !text.contains(secret));
        assert!(
            is_copy || clean,
            "{} holds a secret:\n{text}",
            path.display()
        );
    }
}

#[test]
fn no_output_and_no_record_holds_a_secret() {
    let Some(stack) = stack() else {
        return;
    };
    let token = format!("API_TOKEN={NEW}");
    for args in [
        &["set", &token, "--dry-run"][..],
        &["set", &token],
        &["set", &token],
        &[
            "set",
            &format!("API_TOKEN={OLD}"),
            "MODE=bad",
            "--settle",
            "3s",
        ],
        &["set", "MODE=bad", "--settle", "3s"],
        &["why", "API_TOKEN"],
        &["why", "DB_URL"],
        &["status"],
        &["history"],
        &["show"],
        &["plan"],
    ] {
        holds_none(&stack.refit(args));
        holds_none(&stack.refit(&[&["--json", "-vv"], args].concat()));
    }
    stack.write(".env", &stack.read(".env").replace(NEW, OLD));
    holds_none(&stack.refit(&["plan"]));
    holds_none(&stack.refit(&["apply"]));
    let lists: Vec<String> = stack
        .state_files()
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(
        lists.iter().any(|path| path.contains("journal")),
        "{lists:?}"
    );
    state_is_clean(&stack, &["/file-", "/baseline/"]);
}

#[test]
fn what_an_env_file_makes_a_secret_is_hidden() {
    let web = idle(
        "env_file: web.env, labels: {x.basicauth.users: 'me:${V3}'}, \
         healthcheck: {test: [CMD, curl, -u, 'me:${V4}', 'http://x'], disable: true}",
    );
    let compose = format!("services:\n  web: {web}\n");
    let lines = "A1=postgres://app:${V1}@db/x\nB1=Bearer ${V2}\nPLAIN=${V5}\nUSERS=ann:marigold\n";
    let env = "V1=meadow\nV2=orchard\nV3=thistle\nV4=bramble\nV5=forest\n";
    let files = [
        ("compose.yaml", compose.as_str()),
        (".env", env),
        ("web.env", lines),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    for (key, old) in [
        ("V1", "meadow"),
        ("V2", "orchard"),
        ("V3", "thistle"),
        ("V4", "bramble"),
    ] {
        let new = format!("{key}=heather");
        for args in [
            &["set", &new, "--no-apply", "--dry-run"][..],
            &["--json", "set", &new, "--no-apply", "--dry-run"],
            &["why", key],
            &["--json", "why", key],
        ] {
            let answer = stack.refit(args).exits(0);
            answer.says("V").never_says(old).never_says("heather");
        }
    }
    stack.refit(&["why", "V5"]).exits(0).says("forest");
    let users = ["set", "USERS=ann:heather", "-F", "web.env", "--no-apply"];
    let answer = stack.refit(&users).exits(0);
    answer
        .says("USERS")
        .never_says("marigold")
        .never_says("heather");
}

#[test]
fn get_prints_the_value_that_was_asked_for() {
    let Some(stack) = stack() else {
        return;
    };
    assert_eq!(
        stack.refit(&["get", "API_TOKEN"]).exits(0).stdout,
        format!("{OLD}\n")
    );
}

/// Every command line on this machine that holds a text, but those of `refit` itself.
fn command_lines_with(secret: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(secret) {
            found.insert(line);
        }
    }
    found
}

#[test]
fn the_process_list_does_not_show_it() {
    // Tests beside this one type theirs.
    const UNSEEN: &str = "unseen-swordfish-value";
    let Some(stack) = stack() else {
        return;
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut found = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                found.append(&mut command_lines_with(UNSEEN));
            }
            found
        });
        let answer = stack.refit_with_input(&["set", "API_TOKEN"], UNSEEN.as_bytes());
        over.store(true, Ordering::Relaxed);
        let found = looking.join().unwrap();
        answer.exits(0);
        assert_eq!(found, BTreeSet::new());
    });
    assert_eq!(stack.container("web").env["API_TOKEN"], UNSEEN);
}

#[test]
fn nothing_is_left_in_the_folder_for_temporary_files() {
    let Some(stack) = stack() else {
        return;
    };
    let folder = stack.beside("tmp");
    std::fs::create_dir(&folder).unwrap();
    for args in [
        &["set", &format!("API_TOKEN={NEW}")][..],
        &["set", "MODE=bad", "--settle", "3s"],
        &["apply"],
        &["plan"],
    ] {
        let mut command = stack.command(args);
        command.env("TMPDIR", &folder);
        holds_none(&Answer::of(command, b""));
    }
    let left = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn what_compose_says_against_a_stack_holds_no_secret() {
    let compose = "services:\n  web: {image: x, init: \"${API_TOKEN}\"}\n";
    let cut_off = format!("API_TOKEN=\"{OLD}\n");
    let whole = format!("API_TOKEN={OLD}\n");
    let of_service = "services:\n  web: {image: x, env_file: conf/app.env}\n";
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    stack.write("conf/app.env", &cut_off);
    for (env, compose) in [(&whole, compose), (&cut_off, compose), (&whole, of_service)] {
        stack.write("compose.yaml", compose);
        stack.write(".env", env);
        for words in [
            &["status"][..],
            &["plan"],
            &["apply"],
            &["restart"],
            &["watch"],
            &["why", "API_TOKEN"],
            &["doctor"],
            &["set", "MODE=good"],
            &["use", "no-login"],
        ] {
            let answer = stack.refit(words).exits(1);
            holds_none(&answer);
        }
    }
}

/// A name that tells nothing, and a value that looks like any word: what it becomes is a secret.
#[test]
fn a_variable_that_becomes_a_secret_is_one() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("environment: {API_TOKEN: '${ONE}', DB_PASSWORD: 'x${TWO}y', NAME: '${THREE}'}")
    );
    let env = "ONE=unseenone\nTWO=unseentwo\nTHREE=seen\n";
    let Some(stack) = TestStack::started(&compose, &[(".env", env)]) else {
        return;
    };
    for args in [
        &["set", "ONE=unseenword", "TWO=unseenother", "THREE=shown"][..],
        &["set", "ONE=unseenagain", "--dry-run"],
        &["show"],
        &["why", "ONE"],
        &["why", "TWO"],
        &["rollback"],
    ] {
        stack
            .refit(&[&["--json"], args].concat())
            .exits(0)
            .never_says("unseen");
        if args[0] != "rollback" {
            stack.refit(args).exits(0).never_says("unseen");
        }
    }
    stack.refit(&["why", "THREE"]).exits(0).says("seen");
}

/// Secrets that only their form or a word in the middle of their name shows, each with a part that
/// must not be seen.
const FORMS: [(&str, &str, &str); 13] = [
    (
        "CA_CERT",
        "-----BEGIN RSA PRIVATE KEY-----\\nMIIBplainbodyofakey0AZ\\n-----END RSA PRIVATE KEY-----",
        "plainbodyofakey",
    ),
    ("SMTP_PW", "unseen-smtp-word", "unseen-smtp"),
    ("SALT", "unseen-salt-word", "unseen-salt"),
    ("accessToken", "unseen-camel-word", "unseen-camel"),
    (
        "SERVICE_ACCOUNT",
        r#"{"type":"x","private_key":"unseen-json-word"}"#,
        "unseen-json",
    ),
    (
        "NOTIFY_TO",
        "https://discord.com/api/webhooks/1/unseenHookWord",
        "unseenHook",
    ),
    (
        "AUTH_USERS",
        "admin:$2y$05$unseenbcryptwordunseenbcryptword",
        "unseenbcrypt",
    ),
    (
        "DB_PLACE",
        "postgres://db/x?user=u&password=unseenQuery1",
        "unseenQuery",
    ),
    (
        "REPORT_TO",
        "https://unseenUser77@sentry.io/1",
        "unseenUser",
    ),
    ("WG_PRIVKEY", "unseen-wire-word", "unseen-wire"),
    (
        "SESSION",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1bnNlZW4ifQ.unseenSignature1234",
        "unseenSignature",
    ),
    (
        "ANYTHING",
        "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed",
        "f34be427",
    ),
    (
        "STORAGE",
        "Server=h;AccountKey=unseenAccount1;X=y",
        "unseenAccount",
    ),
];

#[test]
fn the_form_of_a_value_hides_it_on_every_way_out() {
    let shell = "test $MODE = good || { env; exit 3; }; sleep infinity";
    let compose = format!("services:\n  web: {}\n", service(shell, "env_file: .env"));
    let Some(stack) = TestStack::started(
        &compose,
        &[(".env", "MODE=good\nPORT=3080\nTZ=Europe/Paris\n")],
    ) else {
        return;
    };
    let typed: Vec<String> = FORMS
        .iter()
        .map(|(key, value, _)| format!("{key}={value}"))
        .collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let clean = |answer: &Answer| {
        for (key, _, part) in FORMS {
            let said = answer.stdout.contains(part) || answer.stderr.contains(part);
            assert!(!said, "{key}: {part}\n{answer}");
        }
    };
    clean(
        &stack
            .refit(&[&["set", "--dry-run"], &typed[..]].concat())
            .exits(0),
    );
    clean(
        &stack
            .refit(&[&["set", "PORT=3081"], &typed[..]].concat())
            .exits(0)
            .has_line(&["PORT", "3080 → 3081"]),
    );
    // The application prints its whole environment, and dies.
    clean(
        &stack
            .refit(&["-vv", "set", "MODE=bad", "--settle", "3s"])
            .exits(3),
    );
    for args in [
        &["show"][..],
        &["history"],
        &["plan"],
        &["status"],
        &["why", "SALT"],
        &["why", "AUTH_USERS"],
        &["doctor"],
    ] {
        clean(&stack.refit(args));
        clean(&stack.refit(&[&["--json"], args].concat()));
    }
    let keys: Vec<&str> = FORMS.iter().map(|(key, ..)| *key).collect();
    clean(
        &stack
            .refit(&[&["--json", "unset", "--allow", "guarded-key"], &keys[..]].concat())
            .exits(0),
    );
    clean(&stack.refit(&["rollback"]).exits(0));
    for (path, bytes) in stack.state_files() {
        let name = path.to_string_lossy();
        let text = String::from_utf8_lossy(&bytes);
        let is_copy = name.contains("/file-") || name.contains("/baseline/");
        let seen = FORMS.iter().find(|(_, _, part)| text.contains(part));
        assert!(is_copy || seen.is_none(), "{name}: {seen:?}\n{text}");
    }
    let logs: Vec<String> = stack
        .state_files()
        .into_iter()
        .map(|(path, _)| path.display().to_string())
        .collect();
    for kept in [".inspect.json", ".log"] {
        assert!(logs.iter().any(|path| path.ends_with(kept)), "{logs:?}");
    }
    let shown = stack.refit(&["why", "TZ"]).exits(0);
    shown.has_line(&[".env", "Europe/Paris"]);
}

#[test]
fn a_whole_mapping_and_the_words_of_compose_hide_what_is_in_them() {
    const INLINE: &str = "zz5secretzz";
    let web = service(
        "sleep infinity",
        &format!("environment: {{INLINE_PASSWORD: {INLINE}, TZ: Europe/Paris}}"),
    );
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &[]) else {
        return;
    };
    let unset = ["unset", "-F", "compose.yaml", "services.web.environment"];
    for args in [
        &[&unset[..], &["--dry-run"]].concat()[..],
        &[&["--json"], &unset[..]].concat(),
        &["show"],
        &["--json", "show"],
        &["rollback"],
    ] {
        stack.refit(args).exits(0).never_says(INLINE);
    }
    let broken = stack
        .read("compose.yaml")
        .replace(INLINE, &format!("\"{INLINE}${{x\""));
    stack.write("compose.yaml", &broken);
    for args in [
        &["status"][..],
        &["plan"],
        &["apply"],
        &["doctor"],
        &["set", "A=1"],
        &["why", "A"],
    ] {
        stack.refit(args).never_says(INLINE);
        stack
            .refit(&[&["--json", "-vv"], args].concat())
            .never_says(INLINE);
    }
}

//! Env files through the whole program: what is typed is what the container gets, byte for byte, and
//! what `get` prints; and of the file only that line changes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::stack::{TestStack, idle};

const HARD: [(&str, &str); 10] = [
    ("SPACES", "  two  words  "),
    ("HASH", "a #b#c # d"),
    ("SINGLE", "it's 'so'"),
    ("DOUBLE", "\"so\" he said"),
    ("BOTH", "'\"`\\'\\\""),
    ("DOLLAR", "$HOME ${A:-x} $$ $(id) pa$$word$"),
    ("LINES", "one\ntwo\n\n three"),
    ("WORDS", "größer 日本語 🙂"),
    ("EMPTY", ""),
    ("ESCAPES", "a\\nb\\tc\\"),
];

fn typed(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect()
}

#[test]
fn every_value_arrives_as_it_was_typed() {
    let by_file = idle("env_file: ./.env");
    let names: Vec<String> = HARD
        .iter()
        .map(|(key, _)| format!("{key}: '${{{key}:-}}'"))
        .collect();
    let by_name = idle(&format!("environment: {{{}}}", names.join(", ")));
    let compose = format!("services:\n  file: {by_file}\n  name: {by_name}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "# mine\nA=1\n")]) else {
        return;
    };
    let words = typed(&HARD);
    let mut args = vec!["set"];
    args.extend(words.iter().map(String::as_str));
    stack.refit(&args).exits(0).says("Applied");
    for service in ["file", "name"] {
        let container = stack.container(service);
        for (key, value) in HARD {
            assert_eq!(
                container.env[key],
                value,
                "{key} in {service}\n{}",
                stack.read(".env")
            );
        }
        let all = stack.exec(service, &["cat", "/proc/1/environ"]);
        for word in &words {
            assert!(
                all.split('\0').any(|one| one == word),
                "{word:?} in {service}: {all:?}"
            );
        }
    }
    for (key, value) in HARD {
        let answer = stack.refit(&["get", key]).exits(0);
        assert_eq!(answer.stdout, format!("{value}\n"), "{answer}");
    }
    assert!(stack.read(".env").starts_with("# mine\nA=1\n"));
    stack.refit(&args).exits(0).says("Nothing to do");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), "# mine\nA=1\n");
}

#[test]
fn a_value_from_standard_input_is_taken_whole() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n"), (".env", "A=1\n")])
    else {
        return;
    };
    for (given, value) in [
        ("x y\n", "x y"),
        ("x\r\n", "x"),
        ("a\nb\n\n", "a\nb\n"),
        (" x ", " x "),
    ] {
        stack
            .refit_with_input(&["set", "A", "--no-apply"], given.as_bytes())
            .exits(0);
        assert_eq!(stack.refit(&["get", "A"]).stdout, format!("{value}\n"));
    }
    let before = stack.read(".env");
    // A secret that the pipe did not find does not wipe the old one out.
    for nothing in ["", "\n", "\r\n"] {
        stack
            .refit_with_input(&["set", "A", "--no-apply"], nothing.as_bytes())
            .exits(1)
            .says("no value for A came from standard input")
            .says("refit set A=")
            .says("refit unset A");
    }
    for (bytes, complaint) in [(&b"a\xff"[..], "UTF-8"), (b"a\0b", "NUL")] {
        stack
            .refit_with_input(&["set", "A", "--no-apply"], bytes)
            .exits(1)
            .says(complaint);
    }
    stack
        .refit_with_input(&["set", "A", "B", "--no-apply"], b"x")
        .exits(2)
        .says("did you mean refit set A=B");
    stack
        .refit_with_input(&["set", "A", "NEW_B", "--dry-run"], b"x")
        .exits(2)
        .says("did you mean refit set A=NEW_B");
    assert_eq!(stack.read(".env"), before);
}

#[test]
fn a_raw_file_is_written_and_read_raw() {
    let web = idle("env_file: [{path: ./raw.env, format: raw}]");
    let compose = format!("services:\n  web: {web}\n");
    let before = "# mine\nQ='quoted' # c\nB=2\n";
    let Some(stack) = TestStack::started(&compose, &[("raw.env", before)]) else {
        return;
    };
    let got = |key: &str| stack.refit(&["get", key, "-F", "raw.env"]).exits(0).stdout;
    assert_eq!(got("Q"), "'quoted' # c\n");
    assert_eq!(stack.container("web").env["Q"], "'quoted' # c");
    let value = "a 'b' \"c\" $D #e \\n";
    stack
        .refit(&["set", &format!("B={value}"), "-F", "raw.env"])
        .exits(0)
        .says("Applied");
    assert_eq!(
        stack.read("raw.env"),
        before.replace("B=2", &format!("B={value}"))
    );
    assert_eq!(stack.container("web").env["B"], value);
    assert_eq!(got("B"), format!("{value}\n"));
    stack.refit(&["why", "Q"]).exits(0).says("'quoted' # c");
    let answer = stack
        .refit(&["--json", "set", "B=a\nb", "-F", "raw.env"])
        .exits(1);
    assert_eq!(answer.refusal(), "value_not_expressible", "{answer}");
}

#[test]
fn exports_windows_lines_and_duplicates_keep_their_form() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    let cases = [
        ("export A=1 # one\nB=2\n", "export A=x # one\nB=2\n"),
        ("\u{feff}A=1\r\nB=2\r\n", "\u{feff}A=x\r\nB=2\r\n"),
        ("A: 1\nB=2\n", "A: x\nB=2\n"),
        ("A='1'\nB=2", "A='x'\nB=2"),
        ("A=1\nB=2\nA=3\n", "A=1\nB=2\nA=x\n"),
        ("B=2\n# A=old\n\nC=3\n", "B=2\n# A=old\nA=x\n\nC=3\n"),
        ("A = \"1\"   # c\nB=$A\n", "A = \"x\"   # c\nB=$A\n"),
        ("A\nB=2\n", "A=x\nB=2\n"),
    ];
    for (before, after) in cases {
        stack.write(".env", before);
        let answer = stack.refit(&["set", "A=x", "--no-apply"]).exits(0);
        assert_eq!(stack.read(".env"), after, "{answer}");
        if before.matches("A=").count() == 2 && before.starts_with('A') {
            answer.says("A is set on lines 1 and 3; only the last one, line 3, counts");
        }
        stack.refit(&["unset", "A", "--no-apply"]).exits(0);
        let left = stack.read(".env");
        assert!(!left.lines().any(|line| line.contains('x')), "{left}");
        stack
            .refit(&["get", "A"])
            .exits(1)
            .says("A is not set in .env");
    }
    stack.write(".env", "SESSION_EXPIRY=1\n");
    stack
        .refit(&["get", "SESION_EXPIRY"])
        .exits(1)
        .says("did you mean SESSION_EXPIRY?");
    stack
        .refit(&["unset", "SESSION_EXPIRI", "--no-apply"])
        .exits(1)
        .says("did you mean refit unset SESSION_EXPIRY --no-apply");
}

#[test]
fn the_file_that_is_named_is_the_one_that_is_edited() {
    let files = [
        (
            "compose.yaml",
            "services:\n  web: {image: x, env_file: sub/a.env}\n",
        ),
        ("sub/a.env", "A=1\n"),
        (".env", "A=1\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let no_apply = |words: &[&str]| stack.refit(&[words, &["--no-apply"]].concat());
    // From a folder below, as in any shell; elsewhere from the stack's folder.
    let mut command = stack.command(&["set", "A=2", "-F", "a.env", "--no-apply"]);
    command.current_dir(stack.path("sub"));
    crate::stack::answer::Answer::of(command, b"")
        .exits(0)
        .says("sub/a.env");
    assert_eq!(stack.read("sub/a.env"), "A=2\n");
    let mut command = stack.command(&["get", "A", "-F", "sub/a.env"]);
    command.current_dir(stack.path("sub"));
    assert_eq!(crate::stack::answer::Answer::of(command, b"").stdout, "2\n");
    // A file of the same name where the person is, when another stack is meant.
    fs::write(stack.beside(".env"), "A=theirs\n").unwrap();
    let folder = stack.folder();
    let mut command = stack.command(&["-C", folder.to_str().unwrap(), "set", "A=3", "-F", ".env"]);
    command.arg("--no-apply").current_dir(stack.beside(""));
    crate::stack::answer::Answer::of(command, b"").exits(0);
    assert_eq!(stack.read(".env"), "A=3\n");
    assert_eq!(
        fs::read_to_string(stack.beside(".env")).unwrap(),
        "A=theirs\n"
    );

    no_apply(&["set", "A=2", "-F", "sub"])
        .exits(1)
        .says("sub is a folder");
    stack
        .refit(&["get", "A", "-F", "sub"])
        .exits(1)
        .says("sub is a folder");
    no_apply(&["set", "A=2", "-F", "no/such.env"])
        .exits(1)
        .says("no file no/such.env");
    // A new file that nobody reads is said to be one.
    no_apply(&["set", "NEW=2", "-F", "new.env"])
        .exits(0)
        .says("NEW is not used by any service");
    // A link stays one; one that leads nowhere is not replaced.
    std::os::unix::fs::symlink("sub/a.env", stack.path("link.env")).unwrap();
    no_apply(&["set", "A=5", "-F", "link.env"]).exits(0);
    assert_eq!(stack.read("sub/a.env"), "A=5\n");
    assert_eq!(
        fs::read_link(stack.path("link.env")).unwrap(),
        Path::new("sub/a.env")
    );
    std::os::unix::fs::symlink("nowhere", stack.path("dangling.env")).unwrap();
    no_apply(&["set", "A=5", "-F", "dangling.env"])
        .exits(1)
        .says("dangling.env is a link to nowhere, which does not exist");
    assert!(fs::read_link(stack.path("dangling.env")).is_ok());
    // A pipe would be waited for; what is no env file is not made one.
    rustix::fs::mkfifoat(rustix::fs::CWD, stack.path("pipe.env"), 0o600.into()).unwrap();
    no_apply(&["set", "A=5", "-F", "pipe.env"])
        .exits(1)
        .says("pipe.env is not a regular file");
    no_apply(&["set", "A=5", "-F", "/dev/null"])
        .exits(1)
        .says("/dev/null is not a regular file");
    stack.write("data.xml", "<a/>\n");
    no_apply(&["set", "A=5", "-F", "data.xml"])
        .exits(1)
        .says("refit edit data.xml");
    assert_eq!(stack.read("data.xml"), "<a/>\n");
    no_apply(&["set", "services.web.image=y", "-F", ".env"])
        .exits(2)
        .says("leave -F out");
    fs::write(stack.path("bad.env"), b"A=1\nB=\xff\n").unwrap();
    no_apply(&["set", "A=5", "-F", "bad.env"])
        .exits(1)
        .says("line 2, column 3")
        .says("UTF-8");
}

#[test]
fn keys_that_are_no_keys_and_services_that_are_none() {
    let files = [
        ("compose.yaml", "services:\n  web: {image: x}\n"),
        (".env", "A=1\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let refused = |code: i32, words: &[&str]| {
        let answer = stack
            .refit(&[&["set"], words, &["--no-apply"]].concat())
            .exits(code);
        assert_eq!(stack.read(".env"), "A=1\n", "{answer}");
        assert!(!stack.path("compose.override.yaml").exists());
        answer
    };
    refused(1, &["A B=1"])
        .says("\"A B\" is not a variable name")
        .says("KEY=VALUE");
    for none in ["=1", ""] {
        refused(1, &[none])
            .says("a variable needs a name")
            .says("refit set NAME=");
    }
    refused(2, &["A=1", "A=2"])
        .says("A is given twice")
        .says("give each key once");
    refused(2, &["A=1", "--generate", "hex:4"]).says("A has a value already");
    refused(2, &["A", "--generate", "hex:x"]).says("hex:32");
    refused(2, &["A=1", "--int"]).says("for YAML, TOML and JSON files");
    refused(1, &["A=2", "--for", "wbe"])
        .says("no service wbe in this stack")
        .says("did you mean web?");
    refused(1, &["A=2", "--for", "web", "-F", "other.env"])
        .says("--for cannot pass on a key of other.env")
        .says("env_file[+]=other.env");
    refused(2, &["services.web.image=y", "--for", "web"]).says("leave --for out");
    stack
        .refit(&["why", "services.web.image"])
        .says("why takes a key of the env files")
        .says("refit get services.web.image");
    stack
        .refit(&["set", "NEW=2", "--for", "web", "--dry-run"])
        .exits(0)
        .never_says("is not used by any service");
    // Keys and paths together go each where they belong.
    stack
        .refit(&["set", "C=3", "services.web.image=y", "D=4", "--dry-run"])
        .exits(0)
        .has_line(&[".env", "C", "3 (new)"])
        .has_line(&[".env", "D", "4 (new)"])
        .has_line(&["compose.yaml", "services.web.image", "x → y"]);
    // A long value is not shown whole.
    let long = "x".repeat(5000);
    let answer = stack
        .refit(&["set", &format!("A={long}"), "--no-apply"])
        .exits(0);
    let answer = answer.says("… (5000 bytes)");
    assert!(answer.stderr.len() + answer.stdout.len() < 2000, "{answer}");
    assert_eq!(stack.refit(&["get", "A"]).stdout, format!("{long}\n"));
    // A person's line feeds and escapes do not draw on the terminal.
    let answer = stack
        .refit(&["set", "A=a\u{1b}[2Jb", "--no-apply"])
        .exits(0);
    assert!(
        !answer.stderr.contains('\u{1b}') && !answer.stdout.contains('\u{1b}'),
        "{answer}"
    );
}

/// The keys of a chat application's own settings file that people change.
const LIBRECHAT: [(&str, &str); 25] = [
    ("ALLOW_EMAIL_LOGIN", "false"),
    ("ALLOW_REGISTRATION", "false"),
    ("ALLOW_SOCIAL_LOGIN", "true"),
    ("ALLOW_SOCIAL_REGISTRATION", "true"),
    ("ALLOW_PASSWORD_RESET", "true"),
    ("ALLOW_UNVERIFIED_EMAIL_LOGIN", "false"),
    ("SESSION_EXPIRY", "604800000"),
    ("REFRESH_TOKEN_EXPIRY", "1000 * 60 * 60 * 24 * 30"),
    ("SESSION_COOKIE_SECURE", "false"),
    ("USE_REDIS", "true"),
    ("REDIS_URI", "redis://:p#a$s s@redis:6379"),
    ("REDIS_PASSWORD", "pa$$ word'\"#"),
    ("REDIS_KEY_PREFIX", "chat"),
    ("TRUST_PROXY", "2"),
    ("DOMAIN_CLIENT", "https://chat.example.org"),
    ("DOMAIN_SERVER", "https://chat.example.org"),
    ("JWT_SECRET", "abc"),
    ("JWT_REFRESH_SECRET", "def"),
    ("CREDS_KEY", "0123"),
    ("CREDS_IV", "4567"),
    ("MEILI_MASTER_KEY", "89ab"),
    ("OPENID_SESSION_SECRET", "x y"),
    ("PORT", "3081"),
    ("NO_INDEX", "false"),
    ("CONFIG_PATH", "/app/librechat.yaml"),
];

#[test]
fn every_setting_of_librechat_changes_one_line() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/env");
    let Ok(sample) = fs::read_to_string(corpus.join("danny-avila__LibreChat__.env.example")) else {
        skipped!("no corpus beside the repository");
        return;
    };
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    for (key, value) in LIBRECHAT {
        stack.write(".env", &sample);
        stack.write("before.env", &sample);
        stack
            .refit(&[
                "set",
                &format!("{key}={value}"),
                "--no-apply",
                "--allow",
                "guarded-key",
            ])
            .exits(0);
        let got = stack.refit(&["get", key]).exits(0).stdout;
        assert_eq!(got, format!("{value}\n"), "{key}");
        let output = Command::new("git")
            .args(["diff", "--no-index", "--numstat", "before.env", ".env"])
            .current_dir(stack.folder())
            .output()
            .unwrap();
        let stat = String::from_utf8_lossy(&output.stdout).replace('\t', " ");
        let was_set = sample
            .lines()
            .any(|line| line.starts_with(&format!("{key}=")));
        let wanted = if was_set { "1 1 " } else { "1 0 " };
        assert!(stat.starts_with(wanted), "{key}: {stat}");
    }
}

/// A new file takes the old one's place: a second name of the old one keeps the old text.
#[test]
fn a_file_with_a_second_name_is_told() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n"), (".env", "A=1\n")])
    else {
        return;
    };
    let other = stack.beside("hard-link");
    std::fs::hard_link(stack.path(".env"), &other).unwrap();
    let told = ".env is also known under another name (a hard link), which keeps the old text";
    stack
        .refit(&["set", "A=2", "--dry-run"])
        .exits(0)
        .says(told);
    stack.refit(&["set", "A=2"]).exits(0).says(told);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "A=1\n");
    stack
        .refit(&["set", "A=3"])
        .exits(0)
        .never_says("hard link");
}

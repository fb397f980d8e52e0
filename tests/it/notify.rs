//! Those who are told: each kind in the form that its service documents, once and not twice, and never
//! to the harm of a run.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::nights::rolled_back;
use crate::receiver::{MailServer, Receiver, Reply};
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, version};
use crate::stack::{TestStack, healthcheck, idle, service};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// A stack that is only looked at.
fn unstarted(settings: &str) -> TestStack {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", "services: {web: {image: x}}\n");
    stack.write("refit.yaml", settings);
    stack
}

/// `web` with `.env` as its environment; it ends at once with `MODE=bad`.
fn started(settings: &str) -> Option<TestStack> {
    let web = service(
        "[ $MODE = bad ] && exit 3; exec sleep infinity",
        "env_file: .env",
    );
    let compose = format!("services:\n  web: {web}\n  other: {}\n", idle(""));
    let env = "MODE=good\nAPI_TOKEN=hunter2222\n";
    TestStack::started(&compose, &[(".env", env), ("refit.yaml", settings)])
}

/// refit with an engine that does not answer.
fn without_engine(stack: &TestStack, args: &[&str]) -> Answer {
    let mut command = stack.command(args);
    command.env(
        "DOCKER_HOST",
        format!("unix://{}", stack.beside("no.sock").display()),
    );
    Answer::of(command, b"")
}

/// What refit remembers of having told.
fn remembered(stack: &TestStack) -> Vec<Value> {
    let files = stack.state_files();
    let file = files
        .iter()
        .find(|(path, _)| path.ends_with("notifications.jsonl"));
    let text = file.map_or("", |(_, bytes)| std::str::from_utf8(bytes).unwrap());
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_kind_takes_a_test_in_the_form_of_its_service() {
    let receiver = Receiver::kind();
    let url = |path: &str| receiver.url(path);
    let stack = unstarted(&format!(
        "notify:\n\
         - webhook: {{url: '{}', secret: '${{HOOK_KEY}}'}}\n\
         - ntfy: {{url: '{}', token: {{file: ntfy.token}}}}\n\
         - discord: '{}'\n\
         - slack: '{}'\n\
         - telegram: {{token: '${{BOT}}', chat: -100123, api: '{}'}}\n\
         - heartbeat: '{}'\n",
        url("/hook"),
        url("/topic"),
        url("/discord"),
        url("/slack"),
        url(""),
        url("/beat"),
    ));
    stack.write(".env", "HOOK_KEY=key of the hook\n");
    stack.write("ntfy.token", "tk_precious\n");
    let mut command = stack.command(&["notify", "test"]);
    command.env("BOT", "123:abc");
    let answer = Answer::of(command, b"").exits(0);
    let answer = answer.says("✓ webhook").says("✓ heartbeat");
    answer.never_says("127.0.0.1").never_says("tk_precious");
    let taken = receiver.taken();
    assert!(
        taken.values().all(|request| request.method == "POST"),
        "{taken:?}"
    );
    let paths: Vec<&str> = taken.keys().map(String::as_str).collect();
    let wanted = [
        "/beat",
        "/bot123:abc/sendMessage",
        "/discord?wait=true",
        "/hook",
        "/slack",
        "/topic",
    ];
    assert_eq!(paths, wanted);

    let title = format!("{}: this is a test", stack.project);
    let look = format!("refit -C {} history", stack.folder().display());
    let hook = &taken["/hook"];
    let mut mac = Hmac::<Sha256>::new_from_slice(b"key of the hook").unwrap();
    mac.update(hook.body.as_bytes());
    let code = mac.finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hook.header("x-refit-signature"), format!("sha256={hex}"));
    assert_eq!(hook.header("content-type"), "application/json");
    assert_eq!(hook.json()["title"], title.as_str());
    assert_eq!(hook.json()["look"], look.as_str());

    let ntfy = &taken["/topic"];
    assert_eq!(ntfy.header("title"), title);
    assert_eq!(ntfy.header("priority"), "default");
    assert_eq!(ntfy.header("tags"), "white_check_mark");
    assert_eq!(ntfy.header("authorization"), "Bearer tk_precious");
    assert!(ntfy.body.ends_with(&look), "{ntfy:?}");

    let text = &ntfy.body;
    let discord = json!({
        "content": format!("**{title}**\n```\n{text}\n```"),
        "allowed_mentions": {"parse": []},
    });
    assert_eq!(taken["/discord?wait=true"].json(), discord);
    let slack = json!({"text": format!("*{title}*\n```\n{text}\n```")});
    assert_eq!(taken["/slack"].json(), slack);
    let telegram = json!({
        "chat_id": "-100123",
        "text": format!("{title}\n{text}"),
        "link_preview_options": {"is_disabled": true},
    });
    assert_eq!(taken["/bot123:abc/sendMessage"].json(), telegram);
    assert_eq!(taken["/beat"].body, format!("{title}\n{text}"));
}

#[test]
fn one_of_them_can_be_named_and_nobody_is_refused() {
    let receiver = Receiver::kind();
    let stack = unstarted(&format!(
        "notify: [{{slack: '{}'}}, {{name: mine, slack: '{}'}}, {{discord: '{}'}}]\n",
        receiver.url("/1"),
        receiver.url("/2"),
        receiver.url("/3")
    ));
    stack.refit(&["notify", "test", "mine"]).exits(0);
    assert_eq!(receiver.paths(), ["/2"]);
    let answer = stack.refit(&["--json", "notify", "test", "slack"]).exits(0);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(document["receivers"][0]["name"], "slack");
    assert_eq!(document["receivers"][0]["ok"], true);
    assert_eq!(receiver.paths(), ["/1"]);
    let answer = stack.refit(&["notify", "test", "ntfy"]).exits(1);
    answer.says("has no ntfy").says("slack, mine, discord");
    stack.write("refit.yaml", "keep: {runs: 3}\n");
    stack
        .refit(&["notify", "test"])
        .exits(1)
        .says("has no receivers");
}

#[test]
fn what_cannot_be_sent_is_told_apart_and_the_others_are_sent() {
    let receiver = Receiver::start(|request, _| match request.path.as_str() {
        "/gone" => Reply::Status(404, "no_team"),
        "/moved" => Reply::Status(301, ""),
        _ => Reply::Status(204, ""),
    });
    let stack = unstarted(&format!(
        "notify:\n- discord: '${{NOT_SET}}'\n- slack: '{}'\n- webhook: '{}'\n- ntfy: '{}'\n- email: {{to: root, sendmail: /no/such}}\n- {{name: unclear, ntfy: '${{ADDRESS}}'}}\n",
        receiver.url("/gone"),
        receiver.url("/moved"),
        receiver.url("/good")
    ));
    stack.write(".env", "ADDRESS=ntfy.sh/mine\n");
    let answer = stack.refit(&["notify", "test"]).exits(1);
    let answer = answer
        .says("✗ unclear: its address is not a URL")
        .never_says("ntfy.sh/mine");
    let answer = answer.says("✗ discord: NOT_SET is not set").says("✓ ntfy");
    let answer = answer
        .says("✗ slack: it answers 404: no_team")
        .says("✗ webhook: it answers 301");
    answer
        .says("✗ email: cannot start /no/such")
        .never_says("127.0.0.1");
    // What is refused is not sent again.
    let mut paths = receiver.paths();
    paths.sort();
    assert_eq!(paths, ["/gone", "/good", "/moved"]);
}

#[test]
fn settings_that_are_wrong_are_refused_with_their_place_and_without_addresses() {
    let stack =
        unstarted("notify:\n  - slack: https://example.com/s3cret-address\n    only: [failure]\n");
    let answer = stack.refit(&["notify", "test"]).exits(1);
    let answer = answer.says("refit.yaml:3:5: unknown field only");
    answer.never_says("s3cret-address");
}

#[test]
fn what_failed_for_a_moment_is_tried_again() {
    let receiver = Receiver::start(|_, before| match before {
        0 => Reply::Status(500, "busy"),
        _ => Reply::Status(200, ""),
    });
    let stack = unstarted(&format!("notify: [{{ntfy: '{}'}}]\n", receiver.url("/x")));
    let answer = stack.refit(&["--json", "notify", "test"]).exits(0);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(document["receivers"][0]["tries"], 2, "{answer}");
    assert_eq!(receiver.paths(), ["/x", "/x"]);
}

#[test]
fn a_receiver_that_hangs_is_given_up_on_a_signal() {
    let receiver = Receiver::start(|_, _| Reply::Silence);
    let stack = unstarted(&format!("notify: [{{ntfy: '{}'}}]\n", receiver.url("/x")));
    let mut command = stack.command(&["notify", "test"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    receiver.next();
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let answer = Answer::of_output("notify test".into(), &child.wait_with_output().unwrap());
    answer.exits(130).says("interrupted by SIGINT");
    assert_eq!(receiver.paths().len(), 0, "it was sent once");
}

#[test]
fn runs_are_told_once_without_values_and_to_those_who_want_it() {
    let receiver = Receiver::kind();
    let Some(stack) = started(&format!(
        "notify:\n- webhook: '{}'\n- name: quiet\n  ntfy: '{}'\n  on: [failure, available]\n",
        receiver.url("/all"),
        receiver.url("/quiet")
    )) else {
        return;
    };
    stack
        .refit(&["set", "OTHER=valuable", "API_TOKEN=swordfish99"])
        .exits(0);
    let taken = receiver.taken();
    let told = taken["/all"].json();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(
        (&told["event"], &told["outcome"]),
        (&json!("applied"), &json!("applied"))
    );
    assert_eq!((&told["run"], &told["command"]), (&json!(1), &json!("set")));
    assert_eq!(told["project"], stack.project.as_str());
    let changes = json!([{"file": ".env", "key": "OTHER"}, {"file": ".env", "key": "API_TOKEN"}]);
    assert_eq!(told["changes"], changes);
    assert!(told["services"][0]["replaced_ms"].is_u64(), "{told}");
    let text = told["text"].as_str().unwrap();
    let folder = stack.folder();
    let look = format!("refit -C {} show 1", folder.display());
    assert!(
        text.contains("Away: web container replaced in ") && text.ends_with(&look),
        "{text}"
    );

    stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    let told = receiver.taken()["/all"].json();
    assert_eq!(
        (&told["event"], &told["run"]),
        (&json!("rollback"), &json!(2))
    );
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("exited with 3"), "{told}");
    // The same again is no news; a refusal was read at the terminal; a look changes nothing.
    stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    stack.refit(&["apply", "nobody"]).exits(1);
    stack.refit(&["set", "MODE=two", "--dry-run"]).exits(0);
    stack.refit(&["apply"]).exits(0).says("Nothing to do");
    assert!(receiver.paths().is_empty());

    for told in remembered(&stack) {
        let text = told.to_string();
        assert!(
            !text.contains("127.0.0.1") && !text.contains("valuable"),
            "{text}"
        );
    }
}

#[test]
fn a_receiver_that_fails_changes_nothing_of_a_run_and_is_seen_later() {
    let receiver = Receiver::start(|_, _| Reply::Status(403, "not you: hunter2222"));
    let Some(stack) = started(&format!("notify: [{{ntfy: '{}'}}]\n", receiver.url("/x"))) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "A=1"]).exits(0);
    assert_eq!(answer.outcome(), "applied");
    let notes = answer.all("note");
    let note = notes
        .iter()
        .find(|note| note["code"] == "notify_failed")
        .unwrap();
    assert_eq!(note["run"], 1);
    assert_eq!(
        note["text"],
        "ntfy could not be notified: it answers 403: not you: •••"
    );
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["! ntfy could not be notified", "403"]);
    let status = stack.refit(&["--json", "status"]).exits(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["not_told"][0]["name"], "ntfy");
    // Who is named no more need not be reached.
    stack.write("refit.yaml", "notify: []\n");
    stack
        .refit(&["status"])
        .exits(0)
        .never_says("could not be notified");
}

#[test]
fn a_heartbeat_hears_of_unattended_runs_and_of_an_engine_that_is_gone() {
    let receiver = Receiver::kind();
    let settings = format!(
        "notify:\n- heartbeat: '{}'\n- ntfy: '{}'\n",
        receiver.url("/beat?create=1"),
        receiver.url("/topic")
    );
    let Some(stack) = started(&settings) else {
        return;
    };
    stack.refit(&["set", "A=1"]).exits(0);
    assert_eq!(receiver.paths(), ["/topic"]);
    let unattended = ["upgrade", "--unattended"];
    stack.refit(&unattended).exits(0);
    assert_eq!(receiver.paths(), ["/beat/start?create=1", "/beat?create=1"]);
    let answer = without_engine(&stack, &unattended).exits(1);
    let taken = receiver.taken();
    let paths: Vec<&str> = taken.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        ["/beat/fail?create=1", "/beat/start?create=1", "/topic"],
        "{answer}"
    );
    let failed = &taken["/topic"];
    assert_eq!(
        failed.header("title"),
        format!("{}: upgrade failed; nothing was changed", stack.project)
    );
    assert_eq!(failed.header("priority"), "high");
    assert!(failed.body.contains("Reason: "), "{failed:?}");
    // Heartbeats hear of each; the others of the same thing once.
    without_engine(&stack, &unattended).exits(1);
    assert_eq!(
        receiver.paths(),
        ["/beat/start?create=1", "/beat/fail?create=1"]
    );
}

#[test]
fn what_is_available_is_told_once() {
    let receiver = Receiver::kind();
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let settings = format!(
        "notify: [{{webhook: '{}', on: [available, applied]}}]\n",
        receiver.url("/x")
    );
    clone.stack.write("refit.yaml", &settings);
    clone.refit(&["upgrade", "--check"]).exits(0);
    assert!(receiver.paths().is_empty(), "there is nothing new");
    let old = clone.head();
    let new = clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&["upgrade", "--check"]).exits(0);
    let told = receiver.taken()["/x"].json();
    assert_eq!(told["event"], "available", "{told}");
    assert_eq!(
        (&told["checkout"]["from"], &told["checkout"]["to"]),
        (&json!(old), &json!(new))
    );
    let title = told["title"].as_str().unwrap();
    assert!(
        title.contains("is available") && title.contains(&new[..9]),
        "{told}"
    );
    assert!(
        told["look"].as_str().unwrap().ends_with("upgrade --check"),
        "{told}"
    );
    clone.refit(&["upgrade", "--check"]).exits(0);
    assert!(receiver.paths().is_empty(), "it was told already");
    clone.refit(&["upgrade"]).exits(0);
    let told = receiver.taken()["/x"].json();
    assert_eq!(told["event"], "applied", "{told}");
    let text = told["text"].as_str().unwrap();
    assert!(
        text.contains(&format!("{} → {}", &old[..9], &new[..9])),
        "{text}"
    );
}

#[test]
fn mail_goes_by_a_real_sendmail() {
    if !crate::stack::engine::answers() {
        return;
    }
    let server = MailServer::start();
    let stack = unstarted(
        "notify: [{email: {to: [ops@example.com, 'me@example.com'], from: refit@example.com}}]\n",
    );
    let program = stack.beside("bin/sendmail");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\nexec docker run --rm -i --network host refit-test/msmtp:1 --host=127.0.0.1 --port={} --tls=off --auth=off \"$@\"\n",
        server.port
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = stack.command(&["notify", "test"]);
    command.env(
        "PATH",
        format!("{}:{path}", program.parent().unwrap().display()),
    );
    Answer::of(command, b"").exits(0).says("✓ email");
    let (envelope, text) = server.next();
    let envelope = envelope.join(" ");
    for address in [
        "FROM:<refit@example.com>",
        "TO:<ops@example.com>",
        "TO:<me@example.com>",
    ] {
        assert!(envelope.contains(address), "{envelope}");
    }
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    for line in [
        "To: ops@example.com, me@example.com".to_owned(),
        "From: refit@example.com".to_owned(),
        format!("Subject: {}: this is a test", stack.project),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Auto-Submitted: auto-generated".to_owned(),
    ] {
        assert!(
            head.lines().any(|known| known == line),
            "no {line:?} in {head}"
        );
    }
    assert!(
        head.lines().any(|line| line.starts_with("Date: ")),
        "{head}"
    );
    assert!(body.contains("can reach you"), "{body}");
}

#[test]
fn the_runs_since_a_time_and_what_they_come_to() {
    // It is back only a second after its start, also after a change that failed.
    let web = service(
        "[ $MODE = bad ] && exit 3; sleep 1; touch /tmp/up; exec sleep infinity",
        &format!("env_file: .env, {}", healthcheck("test -e /tmp/up")),
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), (".env", "MODE=good\n")]) else {
        return;
    };
    stack.up_healthy();
    let sum = |stack: &TestStack, since: &str| -> Value {
        let answer = stack
            .refit(&["--json", "history", "--since", since])
            .exits(0);
        let document: Value = serde_json::from_str(&answer.stdout).unwrap();
        let runs = document["runs"].as_array().unwrap().len();
        assert_eq!(document["sum"]["runs"], runs, "{document}");
        document["sum"].clone()
    };
    stack
        .refit(&["history", "--since", "30d"])
        .exits(0)
        .says("no runs on this stack since");
    assert_eq!(sum(&stack, "1h")["runs"], 0);
    stack.refit(&["set", "MODE=fine"]).exits(0);
    let first = sum(&stack, "1h");
    stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    let second = sum(&stack, "1h");
    let down = |sum: &Value| sum["services"]["web"]["replaced_ms"].as_u64().unwrap();
    // The way back of the second run is time without service too.
    assert!(down(&first) > 0 && down(&second) > down(&first), "{second}");
    stack.refit(&["rollback"]).exits(0);
    let third = sum(&stack, "1h");
    for (key, count) in [
        ("applied", 2),
        ("undoing", 1),
        ("rollbacks", 1),
        ("failures", 0),
        ("unfinished", 0),
    ] {
        assert_eq!(third[key], count, "{key}: {third}");
    }
    assert_eq!(third["complete"], true);
    assert_eq!(third["services"]["web"]["runs"], 3);
    let answer = stack.refit(&["history", "--since", "2000-01-01"]).exits(0);
    let answer = answer
        .says("3 runs: 2 applied, 1 rolled back")
        .says("1 undid others");
    answer.has_line(&["web", "3 runs, containers replaced in"]);
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    assert_eq!(sum(&stack, &tomorrow.to_string())["runs"], 0);
    stack.refit(&["history", "--since", "lately"]).exits(2);
    // What is kept no more is said to be missing.
    stack.write("refit.yaml", "keep: {runs: 1}\n");
    stack.refit(&["set", "MODE=other"]).exits(0);
    assert_eq!(sum(&stack, "1h")["complete"], false);
    stack
        .refit(&["history", "--since", "1h"])
        .exits(0)
        .says("older runs are kept no more");
}

/// A server of TLS that answers its one client in the words of HTTP; gives its port.
fn secured(folder: &std::path::Path) -> (std::process::Child, u16) {
    let mut server = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            "own.pem",
            "-key",
            "own.key",
        ])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        line.strip_prefix("ACCEPT ")?
            .rsplit_once(':')?
            .1
            .parse()
            .ok()
    });
    // Whatever else it prints is taken, or it would wait for that.
    std::thread::spawn(move || lines.for_each(drop));
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    server.stdin.as_mut().unwrap().write_all(answer).unwrap();
    (server, port.unwrap())
}

#[test]
fn the_machines_own_authorities_are_trusted_and_nobody_else() {
    let stack = unstarted("");
    let openssl = |line: &str| {
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).current_dir(stack.folder());
        command.output().is_ok_and(|output| output.status.success())
    };
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let made = openssl(&format!(
        "req -x509 {new} -subj /CN=ours -keyout ca.key -out ca.pem"
    )) && openssl(&format!(
        "req -x509 {new} -subj /CN=own -keyout own.key -out own.pem -CA ca.pem -CAkey ca.key \
             -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"
    )) && openssl(&format!(
        "req -x509 {new} -subj /CN=others -keyout others.key -out others.pem"
    ));
    if !made {
        skipped!("openssl 3 is not on PATH");
        return;
    }
    for (list, trusted) in [("ca.pem", true), ("others.pem", false)] {
        let (mut server, port) = secured(&stack.folder());
        let settings = format!("notify: [{{ntfy: 'https://127.0.0.1:{port}/tk_precious'}}]\n");
        stack.write("refit.yaml", &settings);
        let mut command = stack.command(&["--json", "notify", "test"]);
        command.env("SSL_CERT_FILE", stack.path(list));
        let answer = Answer::of(command, b"").exits(i32::from(!trusted));
        server.kill().unwrap();
        server.wait().unwrap();
        let document: Value = serde_json::from_str(&answer.stdout).unwrap();
        let told = &document["receivers"][0];
        // There is no use in asking again.
        assert_eq!(
            (&told["ok"], &told["tries"]),
            (&json!(trusted), &json!(1)),
            "{answer}"
        );
        let error = told["error"]
            .as_str()
            .unwrap_or("this machine does not trust it");
        assert!(
            error.starts_with("this machine does not trust it"),
            "{answer}"
        );
        answer.never_says("tk_precious");
    }
}

#[test]
fn a_run_that_is_cut_off_by_hand_or_by_force_is_told_of() {
    let receiver = Receiver::kind();
    let settings = format!("notify: [{{webhook: '{}'}}]\n", receiver.url("/x"));
    let Some(stack) = started(&settings) else {
        return;
    };
    let slow = ["--json", "set", "MODE=slow", "--settle", "1000s"];
    let mut command = stack.command(&slow);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut watching = || lines.any(|line| line.unwrap().contains(r#""phase":"watch""#));
    assert!(watching());
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(!watching(), "it ends");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let told = receiver.taken()["/x"].json();
    assert_eq!(
        (&told["event"], &told["run"]),
        (&json!("rollback"), &json!(1))
    );
    assert_eq!(told["reason"], "interrupted by SIGINT");

    let mut command = stack.command(&slow);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(r#""phase":"watch""#)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(receiver.paths().is_empty());
    // The next run finishes it, whichever it is, and that is news.
    stack.refit(&["apply"]).exits(0);
    let told = receiver.taken()["/x"].json();
    let title = format!(
        "{}: run 2 was cut off, and is rolled back now",
        stack.project
    );
    assert_eq!(
        (&told["event"], &told["title"]),
        (&json!("rollback"), &json!(title))
    );
    assert!(
        told["look"].as_str().unwrap().ends_with(" show 2"),
        "{told}"
    );
}

#[test]
fn that_it_is_given_up_is_told_once() {
    let receiver = Receiver::kind();
    let settings = format!(
        "notify: [{{ntfy: '{}'}}]\nupgrade: {{max_failures: 2}}\n",
        receiver.url("/x")
    );
    let stack = unstarted(&settings);
    let run = ["schedule", "run"];
    without_engine(&stack, &run).exits(1);
    let first = receiver.taken();
    assert!(first["/x"].body.contains("no Docker engine"), "{first:?}");
    // The same failure is no news, and does not count; that nothing more will happen is.
    without_engine(&stack, &run).exits(1);
    assert!(receiver.paths().is_empty());
    rolled_back(&stack, 2);
    without_engine(&stack, &run).exits(1);
    let bodies: Vec<String> = receiver
        .taken()
        .into_values()
        .map(|told| told.body)
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(
        bodies[0].contains("2 unattended runs in a row failed"),
        "{bodies:?}"
    );
    assert!(
        bodies[0].contains("refit schedule run --retry"),
        "{bodies:?}"
    );
    without_engine(&stack, &run).exits(1);
    assert!(receiver.paths().is_empty());
}

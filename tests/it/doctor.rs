//! `refit doctor` on stacks that run, and what comes of the commands that it names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use crate::applications::{librechat, open_webui};
use crate::demo::Demo;
use crate::stack::answer::Answer;
use crate::stack::engine::{docker, docker_command};
use crate::stack::{BUSYBOX, TestStack, idle, quick_healthcheck, service};
use serde_json::Value;

const REDIS: &str = "refit-test/redis:7";

/// What was found, in JSON.
struct Report {
    document: Value,
    said: String,
}

impl Report {
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        let document = serde_json::from_str(&answer.stdout);
        Self {
            document: document.unwrap_or_else(|error| panic!("{error}\n{answer}")),
            said: answer.to_string(),
        }
    }

    fn findings(&self) -> &[Value] {
        self.document["findings"].as_array().unwrap()
    }

    /// Each finding by its code and its first key, else its service.
    fn told(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let about = |finding: &Value| match finding["keys"][0].is_null() {
            true => text(&finding["service"]),
            false => text(&finding["keys"][0]),
        };
        self.findings()
            .iter()
            .map(|finding| format!("{} {}", text(&finding["code"]), about(finding)))
            .collect()
    }

    /// The finding of a code about a key or a service.
    #[track_caller]
    fn the(&self, wanted: &str) -> &Value {
        let at = self.told().iter().position(|told| told == wanted);
        let at = at.unwrap_or_else(|| panic!("no {wanted}\n{}", self.said));
        &self.findings()[at]
    }

    #[track_caller]
    fn has_no(&self, code: &str) {
        let found = self
            .findings()
            .iter()
            .any(|finding| finding["code"] == code);
        assert!(!found, "{code} is there\n{}", self.said);
    }
}

#[track_caller]
fn doctor(stack: &TestStack, more: &[&str], code: i32) -> Report {
    let words: Vec<&str> = ["doctor", "--json"].iter().chain(more).copied().collect();
    Report::of(&stack.refit(&words).exits(code))
}

/// Types what a finding says, as a shell would take it.
#[track_caller]
fn types(stack: &TestStack, finding: &Value) {
    let hint = finding["hint"].as_str().unwrap();
    let line = hint.strip_prefix("refit ").unwrap();
    let words: Vec<&str> = line
        .split(' ')
        .map(|word| word.trim_matches('\''))
        .collect();
    stack.refit(&words).exits(0);
}

/// Does something, and waits until a container has ended so many times since.
fn after_ends(stack: &TestStack, service: &str, times: usize, act: impl FnOnce()) {
    let since = jiff::Timestamp::now().to_string();
    let of = format!("container={}", stack.container(service).id);
    let mut command = docker_command();
    command.args(["events", "--since", &since, "--filter", &of]);
    command.args(["--filter", "event=die"]);
    let mut events = command.stdout(Stdio::piped()).spawn().unwrap();
    act();
    let lines = BufReader::new(events.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(times).count(), times);
    let _ = events.kill();
    let _ = events.wait();
}

#[test]
fn a_stack_that_is_well() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let (env, web) = (stack.read(".env"), stack.container("web"));
    stack
        .refit(&["doctor"])
        .exits(0)
        .says("refit's demo")
        .says("4 keys, 2 services, health page: nothing wrong");
    let url = format!("http://127.0.0.1:{}", demo.port);
    let report = doctor(stack, &["--url", &url], 0);
    assert_eq!(report.told(), [""; 0]);
    assert_eq!(report.document["application"]["service"], "web");
    assert_eq!(report.document["not_looked_at"], serde_json::json!([]));
    let quiet = stack.refit(&["doctor", "-q"]).exits(0);
    assert_eq!(quiet.stdout, "");
    assert_eq!(stack.read(".env"), env);
    web.is_untouched(&stack.container("web"));

    // With an engine that is away, the files are looked at all the same.
    let mut command = stack.command(&["doctor", "--json"]);
    command.env("DOCKER_HOST", "unix:///nowhere.sock");
    let report = Report::of(&Answer::of(command, b"").exits(0));
    assert_eq!(report.document["looked_at"]["services"], Value::Null);
    let not = report.document["not_looked_at"].to_string();
    assert!(
        not.contains("services: ") && not.contains("health page: "),
        "{not}"
    );
}

#[test]
fn what_stops_the_start_is_found_and_mended_by_what_it_says() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let env = stack.read(".env");
    stack.write(
        ".env",
        &format!("{env}\nAUTHENTICATION=no\nDEMO_PASSWORD=change-me\n"),
    );
    // The first end is that of the restart.
    after_ends(stack, "web", 6, || drop(stack.compose(&["restart", "web"])));
    let report = doctor(stack, &[], 1);
    let told = report.told();
    assert!(
        told.contains(&"service_failed web".to_owned()),
        "{}",
        report.said
    );
    let unfit = report.the("value_unfit AUTHENTICATION");
    assert_eq!(unfit["why"], "it stops the start");
    assert_eq!(unfit["level"], "wrong");
    let published = report.the("secret_published DEMO_PASSWORD");
    assert_eq!(published["line"], env.lines().count() + 3);
    assert!(!report.said.contains("change-me"), "{}", report.said);
    stack
        .refit(&["why", "DEMO_PASSWORD"])
        .exits(0)
        .says("this is the public default of refit's demo: everybody can read it")
        .never_says("change-me");
    let why = stack.refit(&["why", "DEMO_PASSWORD", "--json"]).exits(0);
    let why: Value = serde_json::from_str(&why.stdout).unwrap();
    assert_eq!(why["published"], true);
    types(stack, unfit);
    types(stack, published);
    let report = doctor(stack, &[], 0);
    assert_eq!(report.told(), [""; 0], "{}", report.said);
    let why = stack.refit(&["why", "DEMO_PASSWORD", "--json"]).exits(0);
    let why: Value = serde_json::from_str(&why.stdout).unwrap();
    assert_eq!(why["published"], false);
}

#[test]
fn a_store_that_is_open_to_all_is_closed_by_what_it_says() {
    let port = crate::demo::free_port();
    let redis = format!("\n  redis:\n    image: {REDIS}\n    ports: [\"{port}:6379\"]\n");
    let Some(demo) = Demo::new(|compose| compose + &redis) else {
        return;
    };
    if !Demo::needs_image(REDIS) {
        return;
    }
    let stack = &demo.stack;
    let env = stack.read(".env");
    stack.write(
        ".env",
        &format!("{env}\nREDIS_URL=redis://127.0.0.1:6379\n"),
    );
    stack.up_healthy();
    let report = doctor(stack, &[], 1);
    types(stack, report.the("store_open redis"));
    types(stack, report.the("localhost_inside REDIS_URL"));
    assert!(stack.read(".env").contains("REDIS_URL=redis://redis:6379"));
    let ports = stack.container("redis").raw["NetworkSettings"]["Ports"].clone();
    assert_eq!(ports["6379/tcp"][0]["HostIp"], "127.0.0.1", "{ports}");
    assert_eq!(doctor(stack, &[], 0).told(), [""; 0]);
}

/// A container that goes with the test.
struct ByHand(String);

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = docker_command().args(["rm", "-fv", &self.0]).output();
    }
}

#[test]
fn a_redis_that_was_started_by_hand() {
    if !crate::stack::engine::answers() || !Demo::needs_image(REDIS) {
        return;
    }
    let port = crate::demo::free_port();
    let publish = format!("{port}:6379");
    // As the notes say: no name, all addresses, no password.
    let wait = "until [ \"$(redis-cli ping)\" = PONG ]; do :; done";
    let id = docker(&["run", "-d", "-p", &publish, REDIS])
        .trim()
        .to_owned();
    let by_hand = ByHand(id);
    docker(&["exec", &by_hand.0, "sh", "-c", wait]);
    let compose = format!("services:\n  web: {}\n", idle(""));
    let env = format!("CACHE=redis://host.docker.internal:{port}\n");
    let files = [("compose.yaml", compose.as_str()), (".env", &env)];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let report = doctor(&stack, &[], 0);
    let found = report.the("store_outside CACHE");
    let name = docker(&["inspect", "--format", "{{.Name}}", &by_hand.0]);
    let name = &name.trim()[1..];
    let hint =
        format!("once nothing uses it: docker update --restart=no {name} && docker stop {name}");
    assert_eq!(found["hint"], hint.as_str());
    drop(by_hand);
    doctor(&stack, &[], 0).has_no("store_outside");
}

#[test]
fn what_notes_on_the_web_say_of_librechat() {
    let note = |env: String| {
        env.replace("SESSION_EXPIRY=1000 * 60 * 15", "SESSION_EXPIRY=604800")
            .replace("=http://localhost:3080", "=http://192.168.1.5:3080")
            + "\nAUTHENTICATION=false\nCOOKIE_SECURE=false\nSESSION_STORE=redis\n\
               REDIS_URL=redis://localhost:6399\n"
    };
    let Some(app) = librechat(note) else { return };
    let app = app.up();
    let stack = &app.stack;
    stack.write("librechat.yaml", "version: 1.2.8\n");
    let report = doctor(stack, &[], 1);
    assert_eq!(
        report.told(),
        [
            "key_not_read AUTHENTICATION",
            "key_not_read COOKIE_SECURE",
            "key_not_read REDIS_URL",
            "key_not_read SESSION_STORE",
            "secret_published CREDS_KEY",
            "secret_published CREDS_IV",
            "secret_published MEILI_MASTER_KEY",
            "secret_published JWT_SECRET",
            "secret_published JWT_REFRESH_SECRET",
            "cookie_key api",
            "value_unit SESSION_EXPIRY",
            "config_unused api",
        ],
        "{}",
        report.said
    );
    assert_eq!(report.document["looked_at"]["pages"][0], "health page");
    for key in ["CREDS_KEY", "CREDS_IV", "JWT_SECRET", "JWT_REFRESH_SECRET"] {
        let value = crate::applications::value_of(&stack.read(".env"), key);
        assert!(!value.is_empty() && !report.said.contains(&value), "{key}");
    }
    for found in [
        "key_not_read COOKIE_SECURE",
        "secret_published JWT_REFRESH_SECRET",
        "cookie_key api",
        "value_unit SESSION_EXPIRY",
        "config_unused api",
    ] {
        types(stack, report.the(found));
    }
    let after = doctor(stack, &[], 1);
    let gone = ["cookie_key", "value_unit", "config_unused"];
    gone.iter().for_each(|code| after.has_no(code));
    assert_eq!(
        after.findings().len(),
        report.findings().len() - 5,
        "{}",
        after.said
    );

    // The address in the browser is another one than the application was told.
    let url = format!("http://127.0.0.1:{}", app.port);
    let report = doctor(stack, &["--url", &url], 1);
    types(stack, report.the("origin_differs DOMAIN_CLIENT"));
    doctor(stack, &["--url", &url], 1).has_no("origin_differs");
}

#[test]
fn what_does_not_reach_open_webui() {
    let Some(app) = open_webui() else { return };
    let app = app.up();
    let stack = &app.stack;
    let env = stack.read(".env");
    stack.write(
        ".env",
        &format!("{env}ENABLE_SIGNUP=false\nSESSION_EXPIRY=604800\n"),
    );
    let report = doctor(stack, &[], 1);
    assert_eq!(
        report.told(),
        [
            "key_not_read SESSION_EXPIRY",
            "key_unreached ENABLE_SIGNUP",
            "secret_not_kept WEBUI_SECRET_KEY"
        ],
        "{}",
        report.said
    );
    types(stack, report.the("key_not_read SESSION_EXPIRY"));
    // Its database has another value, so to hand it on is no cure.
    let hint = &report.the("key_unreached ENABLE_SIGNUP")["hint"];
    assert!(
        hint.to_string().contains("Admin Panel > Settings"),
        "{hint}"
    );
    let set = ["set", "ENABLE_SIGNUP=false", "--for", "open-webui"];
    let refused = stack.refit(&[&["--json"], &set[..]].concat()).exits(1);
    assert_eq!(refused.refusal(), "overridden", "{refused}");
    stack
        .refit(&[&set[..], &["--allow", "overridden"]].concat())
        .exits(0);
    assert_eq!(stack.container("open-webui").env["ENABLE_SIGNUP"], "false");
    let report = doctor(stack, &[], 1);
    assert_eq!(
        report.told(),
        [
            "secret_not_kept WEBUI_SECRET_KEY",
            "value_stored ENABLE_SIGNUP"
        ],
        "{}",
        report.said
    );
}

#[test]
fn services_that_do_not_run_as_the_files_say() {
    let ill = quick_healthcheck("echo cannot let s3cret-word in; false");
    let compose = format!(
        "services:\n  well: {}\n  ill: {}\n  crash: {}\n  stopped: {}\n  done: {}\n  file: {}\n",
        idle("environment: {A: one}"),
        idle(&format!("environment: {{DB_PASSWORD: s3cret-word}}, {ill}")),
        service("exit 3", ""),
        idle(""),
        service("exit 0", ""),
        idle("volumes: ['./app.conf:/etc/app.conf']"),
    );
    let files = [
        ("refit.yaml", "services: {done: {one_shot: true}}\n"),
        ("app.conf", ""),
    ];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.compose(&["stop", "stopped"]);
    for ending in ["crash", "done"] {
        docker(&["wait", &stack.container(ending).id]);
    }
    // It waits until it is not to become healthy any more.
    let waited = stack.try_compose(&["up", "-d", "--wait", "ill"]);
    assert!(waited.code != 0, "{waited}");
    stack.write("compose.yaml", &compose.replace("A: one", "A: two"));
    std::fs::remove_file(stack.path("app.conf")).unwrap();
    let report = doctor(&stack, &[], 1);
    assert_eq!(
        report.told(),
        [
            "mount_missing file",
            "service_failed crash",
            "service_unhealthy ill",
            "service_stopped stopped",
            "differs A",
            "application_unknown ",
        ],
        "{}",
        report.said
    );
    let text = report.the("service_unhealthy ill")["text"]
        .as_str()
        .unwrap();
    assert!(text.ends_with("cannot let ••• in"), "{text}");
    // What cannot be used is a finding, and the rest is looked at all the same.
    stack.write("refit.yaml", "services: {done: {one_shoot: true}}\n");
    let report = doctor(&stack, &[], 1);
    let why = report.the("settings_unusable ")["why"].as_str().unwrap();
    assert!(why.contains("one_shoot"), "{why}");
    report.the("service_failed crash");
    stack.compose(&["down"]);
    std::fs::remove_file(stack.path("refit.yaml")).unwrap();
    stack.write("app.conf", "");
    let report = doctor(&stack, &[], 0);
    assert_eq!(report.told(), ["stack_down ", "application_unknown "]);
    stack.write(".env", "DB_PASSWORD=s3cret-word\n");
    let reads = compose.replace("init: true", "init: $${DB_PASSWORD}");
    for unreadable in ["services: [\n", &reads.replace("$$", "$")] {
        stack.write("compose.yaml", unreadable);
        let report = doctor(&stack, &[], 1);
        assert_eq!(report.told(), ["stack_unreadable "]);
        assert!(!report.said.contains("s3cret-word"), "{}", report.said);
    }
}

#[test]
fn a_page_that_is_not_the_applications() {
    let port = crate::demo::free_port();
    let shell = "mkdir -p /w && echo '<html>OK</html>' > /w/health && httpd -f -p 3080 -h /w";
    let asks = quick_healthcheck("wget -q -O /dev/null http://127.0.0.1:3080/health");
    let more = format!(
        "labels: {{refit.application: librechat}}, ports: ['127.0.0.1:{port}:3080'], {asks}"
    );
    let compose = format!("services:\n  api: {}\n", service(shell, &more));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.up_healthy();
    let url = format!("http://127.0.0.1:{port}/");
    let report = doctor(&stack, &["--url", &url], 1);
    assert_eq!(
        report.told(),
        ["health_page api", "url_elsewhere "],
        "{}",
        report.said
    );
    assert_eq!(stack.container("api").raw["Config"]["Image"], BUSYBOX);
}

/// Answers every request with these lines.
fn answering(lines: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let head = "content-length: 2\r\nconnection: close\r\n\r\nOK";
            let _ = write!(stream, "HTTP/1.1 {lines}{head}");
        }
    });
    port
}

#[test]
fn cookies_of_the_address_are_judged_and_their_values_never_told() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    stack.write("compose.yaml", &format!("services:\n  web: {}\n", idle("")));
    let port = answering(
        "200 OK\r\nset-cookie: sid=s3cret; SameSite=None\r\nset-cookie: theme=d4rk; Path=/\r\n",
    );
    let url = format!("http://127.0.0.1:{port}/app?x=1");
    let report = doctor(&stack, &["--url", &url], 1);
    let found = report.the("cookie_dropped ");
    assert_eq!(
        found["text"],
        "the cookie sid is SameSite=None and not Secure"
    );
    assert_eq!(report.findings().len(), 3, "{}", report.said);
    assert!(!report.said.contains("s3cret") && !report.said.contains("d4rk"));
    let port = answering("302 Found\r\nlocation: https://id.example.org/?state=s3cret\r\n");
    let url = format!("http://127.0.0.1:{port}");
    let report = doctor(&stack, &["--url", &url], 0);
    let hint = &report.the("url_redirects ")["hint"];
    assert_eq!(hint, "refit doctor --url https://id.example.org");
    let closed = format!("http://127.0.0.1:{}", crate::demo::free_port());
    doctor(&stack, &["--url", &closed], 1).the("url_silent ");
}

#[test]
fn addresses_that_cannot_be_asked_and_folders_without_a_stack() {
    let stack = TestStack::without_engine();
    for (url, why) in [
        ("chat.example.org", "with its scheme"),
        ("ftp://chat.example.org", "http:// or https://"),
        (
            "https://ann:s3cret@chat.example.org",
            "no name and password",
        ),
    ] {
        let refused = stack.refit(&["doctor", "--url", url]).exits(2);
        refused.says(why).never_says("s3cret");
    }
    let refused = stack.refit(&["doctor", "--json"]).exits(1);
    refused.says("\"no_compose_file\"");
}

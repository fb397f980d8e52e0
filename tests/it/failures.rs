//! Changes that fail, each in its own way: what was is given back and verified, and the report names
//! the cause.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use crate::faulty::{Files, files_of, is_in_line};
use crate::stack::answer::Answer;
use crate::stack::engine::{Container, docker};
use crate::stack::{TestStack, healthcheck, idle, quick_healthcheck, service};

/// A stack of `web` and a neighbour, as it was before the change that fails.
struct Before {
    stack: TestStack,
    files: Files,
    web: Container,
    neighbour: Container,
}

/// Starts a stack whose `web` runs this with `.env` as its environment: `MODE=good`.
fn started(web: &str) -> Option<Before> {
    with_files(web, &[])
}

fn with_files(web: &str, files: &[(&str, &str)]) -> Option<Before> {
    let compose = format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""));
    let mut all = vec![("compose.yaml", compose.as_str()), (".env", "MODE=good\n")];
    all.extend(files);
    let stack = TestStack::new(&all)?;
    stack.up();
    Some(Before::of(stack))
}

impl Before {
    fn of(stack: TestStack) -> Self {
        Self {
            files: files_of(&stack),
            web: stack.container("web"),
            neighbour: stack.container("neighbour"),
            stack,
        }
    }

    /// The old state is there again: files, the web that runs with them, the neighbour untouched.
    #[track_caller]
    fn is_back(&self, answer: &Answer) {
        let context = answer.to_string();
        assert_eq!(files_of(&self.stack), self.files, "{context}");
        is_in_line(&self.stack, &context);
        let web = self.stack.container("web");
        assert_eq!(web.status(), "running", "{context}");
        assert_eq!(web.image(), self.web.image(), "{context}");
        assert_eq!(web.env, self.web.env, "{context}");
        self.neighbour
            .is_untouched(&self.stack.container("neighbour"));
    }

    /// The change fails with 3, for a reason that says this, and what was is back.
    #[track_caller]
    fn gives_back(&self, args: &[&str], cause: &str) -> Answer {
        let answer = self.stack.refit(args).exits(3).says(cause);
        let answer = answer.says("Rolled back");
        self.is_back(&answer);
        self.stack.refit(&["show"]).exits(0).says(cause);
        answer
    }
}

/// `web` with `.env` as its environment, running this.
fn web(shell: &str, more: &str) -> String {
    service(shell, &format!("env_file: .env, {more}"))
}

#[test]
fn a_crash_at_once() {
    let shell =
        "[ $MODE = good ] || { echo MODE is $MODE, cannot go on; exit 7; }; exec sleep infinity";
    let Some(before) = started(&web(shell, "")) else {
        return;
    };
    let answer = before.gives_back(&["set", "MODE=bad", "--settle", "3s"], "exited with 7");
    answer.says("cannot go on");
}

#[test]
fn a_crash_loop_with_a_restart_policy() {
    let shell = "[ $MODE = good ] || { echo no $MODE; exit 7; }; exec sleep infinity";
    let Some(before) = started(&web(shell, "restart: always")) else {
        return;
    };
    before.gives_back(&["set", "MODE=bad", "--settle", "3s"], "exited with 7");
}

#[test]
fn a_crash_within_the_settle_window() {
    let shell = "[ $MODE = good ] || { sleep 2; exit 8; }; exec sleep infinity";
    let Some(before) = started(&web(shell, "")) else {
        return;
    };
    before.gives_back(&["set", "MODE=bad", "--settle", "4s"], "exited with 8");
}

#[test]
fn a_crash_before_it_is_healthy() {
    let shell = "[ $MODE = good ] || { sleep 1; exit 9; }; touch /ready; exec sleep infinity";
    let more = format!(
        "restart: always, {}",
        healthcheck("test -e /ready").replace("start_period: 1s", "start_period: 20s")
    );
    let Some(before) = started(&web(shell, &more)) else {
        return;
    };
    before.gives_back(&["set", "MODE=bad"], "exited with 9");
}

#[test]
fn a_healthcheck_that_says_no() {
    let shell = "[ $MODE = good ] && touch /ready; exec sleep infinity";
    let check = quick_healthcheck("test -e /ready || { echo not ready at all; exit 1; }");
    let Some(before) = started(&web(shell, &check)) else {
        return;
    };
    before.gives_back(&["set", "MODE=bad"], "not ready at all");
}

#[test]
fn out_of_memory() {
    let eat = "[ $MODE = good ] || exec awk 'BEGIN { s = \"0123456789abcdef\"; while (1) s = s s }'; exec sleep infinity";
    let Some(before) = started(&web(eat, "mem_limit: 8m, memswap_limit: 8m")) else {
        return;
    };
    let answer = before.gives_back(&["set", "MODE=bad", "--settle", "5s"], "web");
    let limited = before.web.raw["HostConfig"]["Memory"].as_u64() == Some(8 << 20);
    assert!(limited, "the engine has no memory limits");
    answer.says("OOM-killed");
}

#[test]
fn a_port_that_is_taken_is_seen_before_anything_stops() {
    let Some(before) = started(&web("exec sleep infinity", "")) else {
        return;
    };
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let change = format!(r#"services.web.ports=["127.0.0.1:{port}:80"]"#);
    let args = ["--json", "set", "-F", "compose.yaml", "--as-json", &change];
    let answer = before.stack.refit(&args).exits(1);
    assert_eq!(answer.refusal(), "port_in_use");
    before.is_back(&answer);
    before.web.is_untouched(&before.stack.container("web"));
}

#[test]
fn a_network_that_cannot_be_had_is_found_out_by_the_engine() {
    let Some(before) = started(&web("exec sleep infinity", "")) else {
        return;
    };
    // No address of this host: no check sees that, the engine does, with the old container gone.
    let change = r#"services.web={"image":"refit-test/busybox:1","init":true,"env_file":".env","command":["sleep","infinity"],"ports":["192.0.2.1:18999:80"]}"#;
    let args = ["set", "-F", "compose.yaml", "--as-json", change];
    before.gives_back(&args, "192.0.2.1");
}

#[test]
fn an_image_that_is_nowhere() {
    let Some(before) = started(&web("exec sleep infinity", "")) else {
        return;
    };
    let change = "services.web.image=refit-test/no-such-image:9";
    before.gives_back(&["set", "-F", "compose.yaml", change], "no-such-image");
    before.web.is_untouched(&before.stack.container("web"));
}

fn build(name: &str, run: &str) -> (String, String) {
    let web = format!(
        "{{build: ., image: '{name}', init: true, stop_grace_period: 2s, network_mode: none}}"
    );
    let dockerfile =
        format!("FROM refit-test/busybox:1\nRUN {run}\nCMD [\"sleep\", \"infinity\"]\n");
    (web, dockerfile)
}

/// A stack whose `web` is built.
fn built() -> Option<Before> {
    let stack = TestStack::new(&[(".env", "MODE=good\n")])?;
    let (web, dockerfile) = build(&format!("{}:1", stack.project), "true");
    stack.write("Dockerfile", &dockerfile);
    let compose = format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""));
    stack.write("compose.yaml", &compose);
    stack.compose(&["up", "-d", "--build"]);
    stack.refit(&["apply"]).exits(0);
    Some(Before::of(stack))
}

#[test]
fn a_build_that_fails() {
    let Some(before) = built() else { return };
    let change = [
        "set",
        "-F",
        "compose.yaml",
        "--as-json",
        r#"services.web.build={"context":".","dockerfile":"Other"}"#,
    ];
    before.stack.write(
        "Other",
        "FROM refit-test/busybox:1\nRUN echo no such luck && false\n",
    );
    let before = Before::of(before.stack);
    before.gives_back(&change, "Other");
    before.web.is_untouched(&before.stack.container("web"));
}

#[test]
fn a_one_shot_that_fails() {
    let migrate = service(
        "[ $MODE = good ] || { echo no table; exit 4; }",
        "env_file: .env",
    );
    let compose = format!(
        "services:\n  migrate: {migrate}\n  web: {}\n  neighbour: {}\n",
        idle("env_file: .env, depends_on: {migrate: {condition: service_completed_successfully}}"),
        idle(""),
    );
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), (".env", "MODE=good\n")]) else {
        return;
    };
    stack.up();
    let before = Before::of(stack);
    let answer = before.gives_back(&["set", "MODE=bad", "--settle", "3s"], "exited with 4");
    let answer = answer.says("no table");
    answer.says("migrate, which was recreated and not run again");
}

#[test]
fn a_probe_that_answers_500() {
    let Some(stack) = TestStack::new(&[(".env", "MODE=200\n")]) else {
        return;
    };
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let answer = "while true; do printf \"HTTP/1.1 $MODE x\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n\" | nc -l -p 80; done";
    let web = web(answer, &format!("ports: ['127.0.0.1:{port}:80']"));
    stack.write(
        "compose.yaml",
        &format!("services:\n  web: {web}\n  neighbour: {}\n", idle("")),
    );
    stack.write(
        "refit.yaml",
        &format!("services:\n  web: {{probe: 'http://127.0.0.1:{port}/', timeout: 4s}}\n"),
    );
    stack.up();
    let before = Before::of(stack);
    before.gives_back(&["set", "MODE=500"], "500");
}

/// A container that was only stopped is the same one when it runs again.
#[test]
fn what_had_ended_is_started_by_apply() {
    let Some(before) = started(&web("exec sleep infinity", "")) else {
        return;
    };
    docker(&["kill", &before.web.id]);
    before.stack.refit(&["apply"]).exits(0);
    assert_eq!(before.stack.container("web").id, before.web.id);
    before.is_back(&before.stack.refit(&["apply"]).exits(0));
}

/// What bounds the change does not bound the way back: the old state takes the time that it takes.
#[test]
fn a_short_timeout_is_not_that_of_the_rollback() {
    let shell = "[ $MODE = good ] && sleep 2 && touch /ready; exec sleep infinity";
    let check = healthcheck("test -e /ready").replace("start_period: 1s", "start_period: 60s");
    let Some(before) = started(&web(shell, &check)) else {
        return;
    };
    before.gives_back(&["set", "MODE=bad", "--timeout", "1s"], "web");
}

fn interrupted_by(signal: &str, code: i32) {
    // Healthy only with MODE=good: the run waits in its watch until the signal comes.
    let shell = "[ $MODE = good ] && touch /ready; exec sleep infinity";
    let check = healthcheck("test -e /ready").replace("start_period: 1s", "start_period: 60s");
    let Some(before) = started(&web(shell, &check)) else {
        return;
    };
    let mut command = before.stack.command(&["--json", "set", "MODE=bad"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut told = Vec::new();
    for line in lines.by_ref() {
        told.push(line.clone());
        if line.contains("\"watch\"") {
            break;
        }
    }
    let kill = std::process::Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    told.extend(lines);
    assert_eq!(child.wait().unwrap().code(), Some(code), "{told:#?}");
    let shown = before
        .stack
        .refit(&["show"])
        .exits(0)
        .says(&format!("SIG{signal}"));
    before.is_back(&shown);
}

#[test]
fn interrupted_from_the_keyboard() {
    interrupted_by("INT", 130);
}

#[test]
fn asked_to_end() {
    interrupted_by("TERM", 143);
}

#[test]
fn the_terminal_is_gone() {
    interrupted_by("HUP", 129);
}

/// The name of the image means another one by the time of the change: what comes back is the image
/// that ran, not what the name means.
#[test]
fn a_name_that_was_moved_to_an_image_that_fails() {
    let Some(stack) = TestStack::new(&[(".env", "MODE=good\n")]) else {
        return;
    };
    let name = format!("{}:1", stack.project);
    let image = |run: &str, label: &str| {
        let text = format!(
            "FROM refit-test/busybox:1\nLABEL which={label}\nCMD [\"sh\", \"-c\", \"{run}\"]\n"
        );
        stack.write("Dockerfile", &text);
        docker(&[
            "build",
            "-q",
            "-t",
            &name,
            &stack.folder().display().to_string(),
        ])
        .trim()
        .to_owned()
    };
    let good = image("exec sleep infinity", "good");
    let web = format!(
        "{{image: '{name}', init: true, stop_grace_period: 2s, network_mode: none, env_file: .env}}"
    );
    stack.write(
        "compose.yaml",
        &format!("services:\n  web: {web}\n  neighbour: {}\n", idle("")),
    );
    stack.up();
    let files = files_of(&stack);
    let bad = image("exit 6", "bad");
    stack.write(
        "Dockerfile",
        &String::from_utf8(files["Dockerfile"].1.clone()).unwrap(),
    );
    let answer = stack
        .refit(&["set", "MODE=other", "--settle", "3s"])
        .exits(3)
        .says("exited with 6");
    let now = stack.container("web");
    assert_eq!(
        (now.image(), now.status()),
        (good.as_str(), "running"),
        "{answer}"
    );
    assert_eq!(now.env["MODE"], "good");
    assert_eq!(files_of(&stack), files);
    // The name means what it meant before the run.
    let means = docker(&["image", "inspect", "--format", "{{.Id}}", &name]);
    assert_eq!(means.trim(), bad);
}

#[test]
fn what_cannot_be_given_back_is_said_with_what_to_do() {
    let Some(before) = built() else { return };
    let stack = &before.stack;
    // The new web takes its own old image away from under us: as good as a prune by somebody else.
    let dockerfile =
        "FROM refit-test/busybox:1\nLABEL other=1\nCMD [\"sh\", \"-c\", \"sleep 3; exit 5\"]\n";
    stack.write("Bad", dockerfile);
    let change = r#"services.web.build={"context":".","dockerfile":"Bad"}"#;
    let args = [
        "--json",
        "set",
        "-F",
        "compose.yaml",
        "--as-json",
        change,
        "--settle",
        "30s",
    ];
    let mut command = stack.command(&args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
    {
        if line.contains("\"watch\"") && line.contains("phase") {
            for name in crate::faulty::kept_names(stack) {
                docker(&["image", "rm", "--force", &format!("refit-kept:{name}")]);
            }
            let gone = std::process::Command::new("docker")
                .args(["image", "inspect", before.web.image()])
                .output()
                .unwrap();
            if gone.status.success() {
                docker(&["image", "rm", "--force", before.web.image()]);
            }
        }
        told.push(line);
    }
    assert_eq!(child.wait().unwrap().code(), Some(4), "{told:#?}");
    assert!(
        told.iter()
            .any(|line| line.contains("the old image of web is gone")),
        "{told:#?}"
    );
    assert!(
        told.last().unwrap().contains("a person is needed"),
        "{told:#?}"
    );
    stack
        .refit(&["show"])
        .exits(0)
        .has_line(&["to do", "docker"])
        .has_line(&["not rolled back"]);
    // The best that can be reached: the old files, and a neighbour that nobody touched.
    let mut files = before.files.clone();
    files.insert("Bad".into(), files_of(stack)["Bad"].clone());
    assert_eq!(files_of(stack), files);
    before.neighbour.is_untouched(&stack.container("neighbour"));
}

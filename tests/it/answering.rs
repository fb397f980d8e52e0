//! Ports: which answered before, that they answer again, and how long nobody listened. Never by guess:
//! where nobody can look, that is said.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::stack::{TestStack, free_port, idle, quick_healthcheck, service};

/// A web server whose start and whose address hang on `.env`, published on a port of this machine.
fn web(port: u16, more: &str) -> String {
    let shell = "mkdir /www; echo hi > /www/index.html; $BEFORE; exec httpd -f -p $ADDRESS -h /www";
    let more = format!("env_file: .env, ports: ['127.0.0.1:{port}:80'], {more}");
    format!(
        "services:\n  web: {}\n  other: {}\n",
        service(shell, &more),
        idle("")
    )
}

const GOOD: (&str, &str) = (".env", "BEFORE=true\nADDRESS=80\n");

/// Connects again and again, and gives the longest time in which nobody answered.
struct Outside {
    ends: Arc<AtomicBool>,
    looks: std::thread::JoinHandle<Duration>,
}

impl Outside {
    fn of(port: u16) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ends);
        let looks = std::thread::spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !until.load(Ordering::Relaxed) {
                if answers(port) {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                }
            }
            longest
        });
        Self { ends, looks }
    }

    fn longest(self) -> Duration {
        self.ends.store(true, Ordering::Relaxed);
        self.looks.join().unwrap()
    }
}

/// Whether bytes come back: the engine's proxy takes connections for whoever does not listen (F38).
fn answers(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    asked.is_ok() && stream.read(&mut [0; 9]).is_ok_and(|read| read == 9)
}

#[test]
fn a_port_that_answers_again_is_named_with_the_time_that_it_was_down() {
    let port = free_port();
    let Some(stack) = TestStack::started(&web(port, ""), &[GOOD]) else {
        return;
    };
    while !answers(port) {}
    let outside = Outside::of(port);
    let answer = stack.refit(&["--json", "set", "BEFORE=sleep 2"]).exits(0);
    let longest = outside.longest();
    let verdict = &answer.all("verdict")[0];
    assert_eq!(verdict["verdict"], "answers", "{answer}");
    assert_eq!(verdict["ports"], serde_json::json!([port]), "{answer}");
    let millis = |name: &str| verdict[name].as_u64().unwrap_or_default();
    // An outage that somebody measured elsewhere, on a busy machine.
    let outside = u64::try_from(longest.as_millis()).unwrap();
    assert!(
        outside.abs_diff(millis("down_ms")) < 700,
        "{outside}\n{answer}"
    );
    assert!(
        millis("down_ms") > 2_000 && millis("replaced_ms") < millis("down_ms"),
        "{answer}"
    );
    let finished = &answer.the("finished")["services"][0];
    assert_eq!(finished["down_ms"], verdict["down_ms"], "{answer}");
    let waits = answer.all("waiting");
    assert!(
        waits
            .iter()
            .any(|one| one["what"] == format!("waiting for port {port}")),
        "{answer}"
    );

    let told = format!("port {port} down");
    stack.refit(&["set", "BEFORE=true"]).exits(0).has_line(&[
        "✓ web",
        &format!("answers on {port} after"),
        &told,
    ]);
    // What does not listen has nobody whom it could have kept waiting.
    stack
        .refit(&["history", "--since", "1d"])
        .exits(0)
        .has_line(&["web", "port down"]);
}

#[test]
fn a_slow_crash_is_no_success_though_it_outlives_the_settle_window() {
    let port = free_port();
    for policy in ["", "restart: always"] {
        let Some(stack) = TestStack::started(&web(port, policy), &[GOOD]) else {
            return;
        };
        while !answers(port) {}
        let answer = stack
            .refit(&["--json", "set", "BEFORE=eval sleep 2; exit 3"])
            .exits(3);
        let failed = &answer.all("verdict")[0];
        assert!(
            failed["reason"].to_string().contains("exited with 3"),
            "{answer}"
        );
        // The way back is not over before the port answers.
        assert!(answers(port), "{answer}");
        assert_eq!(answer.all("verdict")[1]["verdict"], "answers", "{answer}");
        stack.compose(&["down"]);
    }
}

/// The engine calls it unhealthy long before it listens: its healthcheck says nothing of the time that a start
/// takes, and the start is not cut off for it.
#[test]
fn a_start_that_is_slower_than_its_healthcheck_is_waited_for() {
    let port = free_port();
    let check = "healthcheck: {test: [CMD-SHELL, 'wget -q -O /dev/null http://127.0.0.1/'], \
                 interval: 200ms, timeout: 4s, retries: 3}";
    let Some(stack) = TestStack::started(&web(port, check), &[GOOD]) else {
        return;
    };
    stack.up_healthy();
    let slow = ["--json", "set", "BEFORE=sleep 6"];
    let answer = stack.refit(&slow).exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
    let waits = answer.all("waiting");
    let what = format!("waiting for port {port}; the engine calls it unhealthy");
    assert!(waits.iter().any(|one| one["what"] == what), "{answer}");
    assert!(answers(port));
    // Once it listens, its healthcheck is believed.
    let broken = ["set", "BEFORE=rm /www/index.html", "--timeout", "60s"];
    stack
        .refit(&broken)
        .exits(3)
        .has_line(&["✗ web", "is unhealthy"]);
    // One that never does has its time, and no more.
    let never = ["set", "ADDRESS=81", "--timeout", "4s"];
    let reason = format!("does not answer on port {port} within 4 s");
    let words = ["✗ web", "is unhealthy", &reason];
    stack.refit(&never).exits(3).has_line(&words);
}

#[test]
fn what_listens_for_itself_alone_answers_nobody() {
    let port = free_port();
    let check = quick_healthcheck("wget -q -O /dev/null http://127.0.0.1/");
    let Some(stack) = TestStack::started(&web(port, &check), &[GOOD]) else {
        return;
    };
    while !answers(port) {}
    let args = ["set", "ADDRESS=127.0.0.1:80", "--timeout", "4s"];
    let reason = format!("does not answer on port {port} within 4 s, and did before");
    stack.refit(&args).exits(3).has_line(&["✗ web", &reason]);
    // A port that the files give up is missed by nobody.
    let compose = stack
        .read("compose.yaml")
        .replace(&format!("'127.0.0.1:{port}:80'"), "");
    stack.write("compose.yaml", &compose);
    let answer = stack
        .refit(&["--json", "apply", "--timeout", "20s"])
        .exits(0);
    assert_eq!(answer.verdict("web").0, "healthy", "{answer}");
}

#[test]
fn a_page_that_fails_after_the_change_is_told() {
    let port = free_port();
    let shell = "nc -ll -p 80 -e sh -c 'read a; printf \"HTTP/1.0 $STATUS X\\r\\n\\r\\n\"'";
    let more = format!("env_file: .env, ports: ['127.0.0.1:{port}:80']");
    let compose = format!("services:\n  web: {}\n", service(shell, &more));
    let Some(stack) = TestStack::started(&compose, &[(".env", "STATUS=200\n")]) else {
        return;
    };
    while !answers(port) {}
    let answer = stack
        .refit(&["set", "STATUS=503", "--timeout", "6s"])
        .exits(3);
    answer.says(&format!(
        "answers 503 on port {port} (200 before), still after 6 s"
    ));
    stack.refit(&["set", "STATUS=404"]).exits(0);
}

#[test]
fn who_speaks_no_http_is_asked_once_and_measured_all_the_same() {
    let port = free_port();
    let shell = "nc -ll -p 7000 -e sh -c 'echo asked >> /data/asked; echo; cat'";
    let more =
        format!("env_file: .env, ports: ['127.0.0.1:{port}:7000'], volumes: ['asked:/data']");
    let compose = format!(
        "services:\n  db: {}\nvolumes: {{asked: }}\n",
        service(shell, &more)
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let listens = || stack.exec("db", &["cat", "/proc/net/tcp", "/proc/net/tcp6"]);
    while !listens().contains(":1B58 ") {}
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    assert_eq!(answer.verdict("db").0, "answers", "{answer}");
    assert!(answer.all("verdict")[0]["down_ms"].is_u64(), "{answer}");
    let asked = stack.exec("db", &["sh", "-c", "wc -l < /data/asked"]);
    assert_eq!(asked.trim(), "1", "{answer}");
}

/// Who lives in the network of another container listens there for it: neither waits for the other.
#[test]
fn followers_answer_for_the_ports_of_the_network_that_they_live_in() {
    let port = free_port();
    let vpn = service(
        "sleep infinity",
        &format!("env_file: .env, ports: ['127.0.0.1:{port}:80']"),
    );
    let shell = "mkdir /www; echo hi > /www/index.html; exec httpd -f -p 80 -h /www";
    let app = service(
        shell,
        "network_mode: 'service:vpn', depends_on: {vpn: {condition: service_started}}",
    );
    let compose = format!("services:\n  vpn: {vpn}\n  app: {app}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    while !answers(port) {}
    let answer = stack
        .refit(&["--json", "set", "A=2", "--timeout", "20s"])
        .exits(0);
    assert_eq!(answer.verdict("vpn").0, "settled", "{answer}");
    assert_eq!(answer.verdict("app").0, "answers", "{answer}");
    assert!(answers(port));
}

#[test]
fn a_port_is_asked_where_it_is_published_now() {
    let (port, other) = (free_port(), free_port());
    let compose = web(port, "expose: ['80']").replace(&format!("{port}:80"), "${PORT}:80");
    let env = format!("{}PORT={port}\n", GOOD.1);
    let Some(stack) = TestStack::started(&compose, &[(GOOD.0, &env)]) else {
        return;
    };
    while !answers(port) {}
    let moved = format!("PORT={other}");
    let args = ["--json", "set", &moved, "--timeout", "20s"];
    let answer = stack.refit(&args).exits(0);
    let verdict = &answer.all("verdict")[0];
    assert_eq!(verdict["verdict"], "answers", "{answer}");
    assert_eq!(verdict["ports"], serde_json::json!([other]), "{answer}");
    assert!(answers(other));
    // One that the engine picks is another one after each start.
    stack.write(
        "compose.yaml",
        &compose.replace("127.0.0.1:${PORT}:80", "127.0.0.1::80"),
    );
    stack.up();
    let args = ["--json", "restart", "web", "--timeout", "20s"];
    let answer = stack.refit(&args).exits(0);
    assert_eq!(answer.verdict("web").0, "answers", "{answer}");
    // What is published no more is asked by nobody, and is there for the others of the stack.
    let args = ["unset", "services.web.ports", "-F", "compose.yaml"];
    stack
        .refit(&[&["--json"], &args[..], &["--timeout", "20s"]].concat())
        .exits(0);
}

#[test]
fn what_is_served_over_udp_is_looked_at() {
    let port = free_port();
    // The one server of datagrams that the image has.
    let settings = "interface eth0\\nstart 10.9.9.1\\nend 10.9.9.9\\nlease_file /l\\npidfile /p\\n";
    let shell = format!("printf '{settings}' > /c; touch /l; $BEFORE; exec $SERVE");
    let more = format!("env_file: .env, ports: ['127.0.0.1:{port}:67/udp']");
    let compose = format!("services:\n  leases: {}\n", service(&shell, &more));
    let env = "BEFORE=true\nSERVE=udhcpd -f /c\n";
    let Some(stack) = TestStack::started(&compose, &[(".env", env)]) else {
        return;
    };
    let serves = || {
        stack
            .exec("leases", &["cat", "/proc/net/udp"])
            .contains(":0043 ")
    };
    while !serves() {}
    let args = ["--json", "set", "BEFORE=sleep 2", "--timeout", "20s"];
    let answer = stack.refit(&args).exits(0);
    assert!(serves(), "{answer}");
    let verdict = &answer.all("verdict")[0];
    assert_eq!(verdict["verdict"], "answers", "{answer}");
    let told = format!("{port}/udp");
    assert_eq!(verdict["ports"], serde_json::json!([told]), "{answer}");
    let reason = format!("does not answer on port {port}/udp within 4 s, and did before");
    let args = ["set", "SERVE=sleep 1d", "--timeout", "4s"];
    stack.refit(&args).exits(3).has_line(&["✗ leases", &reason]);
}

#[test]
fn what_listens_on_the_ports_of_this_machine_is_its_own() {
    let port = free_port();
    let shell =
        format!("mkdir /www; echo hi > /www/index.html; $BEFORE; exec httpd -f -p {port} -h /www");
    let web = service(
        &shell,
        &format!("env_file: .env, network_mode: host, expose: ['{port}', '1']"),
    );
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "BEFORE=true\n")]) else {
        return;
    };
    while !answers(port) {}
    let args = ["--json", "set", "BEFORE=sleep 1", "--timeout", "20s"];
    let answer = stack.refit(&args).exits(0);
    let verdict = &answer.all("verdict")[0];
    assert_eq!(verdict["verdict"], "answers", "{answer}");
    assert_eq!(verdict["ports"], serde_json::json!([port]), "{answer}");
}

#[test]
fn a_published_port_that_leads_to_nobody_is_told() {
    let (port, other) = (free_port(), free_port());
    let Some(stack) = TestStack::started(&web(port, ""), &[GOOD]) else {
        return;
    };
    while !answers(port) {}
    let leads = |port: u16, to: u16| {
        format!(
            "published {port} leads to port {to} of the container, on which nothing listens; it \
             listens on 80"
        )
    };
    // Nobody asked there before.
    let more = format!("services.web.ports[+]=127.0.0.1:{other}:90");
    let answer = stack.refit(&["set", &more, "--timeout", "20s"]).exits(0);
    answer.has_line(&["! web", &leads(other, 90)]);
    let answer = stack.refit(&["set", "BEFORE=sleep 0"]).exits(0);
    answer.never_says("leads to port");
    // Somebody did.
    let moved = format!("services.web.ports[0]=127.0.0.1:{port}:81");
    let answer = stack.refit(&["set", &moved, "--timeout", "4s"]).exits(3);
    answer.has_line(&["✗ web", &leads(port, 81)]);
    assert!(answers(port));
}

//! The way back, held against what the docker CLI shows of the engine before and after: containers in
//! number, networks, ports, mounts, states, leftovers. What refit says of it must be true.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::faulty::{files_of, is_in_line, unfinished};
use crate::stack::answer::Answer;
use crate::stack::engine::{containers_of, docker, plain_environment};
use crate::stack::refit::{Refit, Running};
use crate::stack::{BUSYBOX, TestStack, idle, service};
use serde_json::{Value, json};

/// What the engine has of a project, without what it picks by itself.
#[derive(Debug, PartialEq)]
struct Witness {
    containers: BTreeMap<String, Value>,
    networks: Vec<String>,
    files: crate::faulty::Files,
}

fn witness(stack: &TestStack) -> Witness {
    let containers = containers_of(&stack.project);
    let of = |raw: &Value| {
        let name = raw["Name"].as_str().unwrap().trim_start_matches('/');
        let runs = raw["State"]["Running"] == true;
        let networks = raw["NetworkSettings"]["Networks"].as_object().unwrap();
        let networks: BTreeMap<&String, Value> = networks
            .iter()
            .map(|(name, on)| {
                let attached = runs && on["EndpointID"].as_str().is_some_and(|id| !id.is_empty());
                (
                    name,
                    json!({"attached": attached, "asked": on["IPAMConfig"]}),
                )
            })
            .collect();
        let ports: Vec<&String> = raw["NetworkSettings"]["Ports"]
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, bound)| !bound.is_null())
            .map(|(port, _)| port)
            .collect();
        // Compose passes a map, in any order.
        let mut env: Vec<&str> = raw["Config"]["Env"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        env.sort_unstable();
        let told = json!({
            "state": raw["State"]["Status"],
            "image": raw["Image"],
            "env": env,
            "command": raw["Config"]["Cmd"],
            "restart": raw["HostConfig"]["RestartPolicy"],
            "networks": networks,
            "ports": ports,
        });
        (name.to_owned(), told)
    };
    let filter = format!("label=com.docker.compose.project={}", stack.project);
    let networks = docker(&[
        "network",
        "ls",
        "--filter",
        &filter,
        "--format",
        "{{.Name}}",
    ]);
    let mut networks: Vec<String> = networks.lines().map(str::to_owned).collect();
    networks.sort();
    Witness {
        containers: containers.iter().map(|c| of(&c.raw)).collect(),
        networks,
        files: files_of(stack),
    }
}

/// The change fails, and what refit says of it is what there is: all as it was.
#[track_caller]
fn is_given_back(stack: &TestStack, args: &[&str]) -> Answer {
    let before = witness(stack);
    let answer = stack.refit(args);
    let after = witness(stack);
    assert_eq!(before, after, "{answer}");
    answer.exits(3).says("everything is as it was")
}

/// A network that nobody else has, as three numbers.
fn subnet(stack: &TestStack) -> String {
    let hash = stack.project.bytes().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    format!("10.{}.{}", 100 + hash % 100, (hash / 100) % 250)
}

const MODE: &str = "test \"$V\" != bad || exit 3; exec sleep infinity";

fn by_mode(more: &str) -> String {
    service(MODE, &format!("environment: {{V: '${{V:-1}}'}}, {more}"))
}

/// A container under the name that Compose gives a replacement, never started: as a cut-off `up`
/// leaves it.
fn leave(stack: &TestStack, service: &str) -> String {
    let old = stack.container(service);
    let labels = old.raw["Config"]["Labels"].as_object().unwrap();
    let labels: Vec<String> = labels
        .iter()
        .filter(|(key, _)| key.starts_with("com.docker.compose"))
        .map(|(key, value)| format!("--label={key}={}", value.as_str().unwrap()))
        .collect();
    let of = old.raw["Name"].as_str().unwrap().trim_start_matches('/');
    let name = format!("{}_{of}", &old.id[..12]);
    let mut args = vec!["create", "--name", &name, "--network=none"];
    args.extend(labels.iter().map(String::as_str));
    args.extend([BUSYBOX, "sleep", "1d"]);
    docker(&args);
    name
}

fn names(stack: &TestStack) -> Vec<String> {
    let all = containers_of(&stack.project);
    all.iter()
        .map(|c| c.raw["Name"].as_str().unwrap()[1..].to_owned())
        .collect()
}

fn replicas(stack: &TestStack, service: &str) -> usize {
    let all = containers_of(&stack.project);
    all.iter()
        .filter(|c| c.service == service && c.status() == "running")
        .count()
}

#[test]
fn a_service_scaled_by_hand_comes_back_in_number() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.compose(&["up", "-d", "--scale", "web=3"]);
    // Compose chooses the numbers: where they are others, the last line says so.
    let answer = stack.refit(&["set", "V=bad", "--settle", "2s"]).exits(3);
    answer
        .says("exited with 3")
        .says("everything is as it was before run 1");
    assert_eq!(replicas(&stack, "web"), 3);
    for container in containers_of(&stack.project) {
        assert_eq!(container.env["V"], "1");
    }
}

#[test]
fn a_replica_that_somebody_had_stopped_is_stopped_again() {
    let compose = format!("services:\n  web: {}\n", by_mode("scale: 2"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let second = format!("{}-web-2", stack.project);
    docker(&["stop", "--time", "0", &second]);
    let answer = stack.refit(&["set", "V=bad", "--settle", "1s"]).exits(3);
    answer.says("everything is as it was before run 1");
    let state = docker(&["inspect", "--format", "{{.State.Status}}", &second]);
    assert_eq!(state.trim(), "exited");
}

/// No file names it, so Compose does not put the new container there.
#[test]
fn a_network_that_was_attached_by_hand_is_attached_again() {
    let compose = format!("services:\n  web: {}\n", by_mode("networks: [default]"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let by_hand = format!("{}-by-hand", stack.project);
    docker(&["network", "create", "--label", "refit-test", &by_hand]);
    let web = format!("{}-web-1", stack.project);
    docker(&["network", "connect", "--alias", "other", &by_hand, &web]);
    let answer = stack.refit(&["set", "V=bad", "--settle", "1s"]).exits(3);
    let answer = answer.says("everything is as it was before run 1");
    let found = docker(&[
        "inspect",
        "--format",
        "{{json .NetworkSettings.Networks}}",
        &web,
    ]);
    docker(&["network", "disconnect", &by_hand, &web]);
    docker(&["network", "rm", &by_hand]);
    assert!(
        found.contains(&by_hand) && found.contains("other"),
        "{found}\n{answer}"
    );
}

#[test]
fn a_leftover_of_an_earlier_up_stands_in_nobodys_way() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let left = leave(&stack, "web");
    // The plan does not read as if the service were about to go.
    stack
        .refit(&["plan"])
        .says(&format!("extra container {left} (never started)"))
        .never_says("the files say 1");
    let answer = stack.refit(&["set", "V=3"]).exits(0).says(&left);
    answer.says("Applied");
    assert_eq!(names(&stack), [format!("{}-web-1", stack.project)]);
    assert_eq!(stack.container("web").env["V"], "3");
}

#[test]
fn apply_removes_a_leftover_and_nothing_else() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let web = stack.container("web");
    leave(&stack, "web");
    stack.refit(&["apply"]).exits(0);
    assert_eq!(names(&stack), [format!("{}-web-1", stack.project)]);
    web.is_untouched(&stack.container("web"));
    is_in_line(&stack, "after a leftover");
}

#[test]
fn a_failing_change_beside_a_leftover_ends_and_says_what_is() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    leave(&stack, "web");
    let answer = stack.refit(&["set", "V=bad", "--settle", "2s"]).exits(3);
    answer.never_says("failing, as it was before");
    assert_eq!(names(&stack), [format!("{}-web-1", stack.project)]);
    assert_eq!(stack.container("web").status(), "running");
}

#[test]
fn networks_that_compose_took_away_are_there_again() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let net = subnet(&stack);
    let web = idle("networks: {front: {ipv4_address: '${NET}.5'}}, ports: ['127.0.0.1::80']");
    let db = idle("networks: [front]");
    stack.write(
        "compose.yaml",
        &format!(
            "services:\n  web: {web}\n  db: {db}\nnetworks:\n  front:\n    ipam:\n      config:\n        - subnet: ${{NET}}.0/24\n"
        ),
    );
    stack.write(".env", &format!("NET={net}\n"));
    stack.up();
    is_given_back(&stack, &["set", "NET=10.211.999", "--settle", "1s"]);
    let links = stack.exec("db", &["ls", "/sys/class/net"]);
    assert!(links.contains("eth0"), "{links}");
    stack.exec("db", &["ping", "-c1", "-w5", "web"]);
    is_given_back(
        &stack,
        &[
            "set",
            "networks.front.driver=nosuch",
            "-F",
            "compose.yaml",
            "--settle",
            "1s",
        ],
    );
    stack.exec("db", &["ping", "-c1", "-w5", "web"]);
}

#[test]
fn what_a_refused_up_left_half_made_is_removed() {
    let mut compose = "services:\n".to_owned();
    for name in ["a", "b", "c", "d", "e"] {
        compose.push_str(&format!("  {name}: {}\n", by_mode("")));
    }
    let web = by_mode("restart: '${RST:-no}'");
    compose.push_str(&format!("  web: {web}\n"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let web = stack.container("web");
    for _ in 0..3 {
        is_given_back(&stack, &["set", "V=2", "RST=sometimes", "--settle", "1s"]);
        is_in_line(&stack, "after a refused up");
    }
    web.is_untouched(&stack.container("web"));
}

#[test]
fn what_compose_had_not_touched_is_not_restarted() {
    let compose = format!("services:\n  web: {}\n", by_mode("restart: '${RST:-no}'"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let web = stack.container("web");
    let answer = is_given_back(&stack, &["set", "RST=sometimes", "--settle", "1s"]);
    web.is_untouched(&stack.container("web"));
    answer.never_says("cannot restart");
}

#[test]
fn replicas_that_a_run_took_come_back_with_its_undoing() {
    let compose = format!(
        "services:\n  web: {}\n  rep: {}\n",
        idle(""),
        idle("deploy: {replicas: 2}")
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let set = [
        "set",
        "services.rep.deploy.replicas=0",
        "-F",
        "compose.yaml",
    ];
    stack.refit(&set).exits(0);
    assert_eq!(replicas(&stack, "rep"), 0);
    let answer = stack.refit(&["rollback"]).exits(0);
    assert_eq!(replicas(&stack, "rep"), 2, "{answer}");
    answer.never_says("gets none");
}

#[test]
fn work_that_was_done_is_not_done_again_by_the_way_back() {
    let migrate = service(
        "echo ran $V >> /log/log; test \"$V\" != bad",
        "environment: {V: '${V:-1}'}, volumes: ['./log:/log']",
    );
    let app = idle("depends_on: {migrate: {condition: service_completed_successfully}}");
    let compose = format!("services:\n  migrate: {migrate}\n  app: {app}\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.compose(&["up", "-d", "--wait", "app"]);
    assert_eq!(stack.read("log/log"), "ran 1\n");
    let app = stack.container("app");
    let answer = stack.refit(&["set", "V=bad", "--settle", "1s"]).exits(3);
    assert_eq!(stack.read("log/log"), "ran 1\nran bad\n", "{answer}");
    let answer = answer.says("migrate had completed before this run");
    answer.says("except for migrate, which was recreated and not run again");
    let migrate = stack.container("migrate");
    assert_eq!((migrate.status(), &*migrate.env["V"]), ("created", "1"));
    app.is_untouched(&stack.container("app"));
    is_in_line(&stack, "after a failed one-shot");
}

/// Nothing brings back what lay in a container alone.
#[test]
fn what_went_with_a_container_is_left_out_of_as_it_was() {
    let shell = "mkdir -p /srv; echo same > /srv/same; date +%s%N > /srv/anew; \
                 test \"$V\" != bad || exit 3; exec sleep infinity";
    let web = service(shell, "environment: {V: '${V:-1}'}");
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &[]) else {
        return;
    };
    while stack.container("web").status() != "running" {}
    stack.exec("web", &["sh", "-c", "echo mine > /srv/mine"]);
    let answer = stack.refit(&["set", "V=bad", "--settle", "1s"]).exits(3);
    answer
        .says("except for /srv/anew, /srv/mine in the old container of web, gone with it")
        .never_says("/srv/same in");
    // What restarts keeps what is in it.
    stack.exec("web", &["sh", "-c", "echo mine > /srv/mine"]);
    stack.refit(&["restart", "web"]).exits(0);
    assert_eq!(stack.exec("web", &["cat", "/srv/mine"]), "mine\n");
}

#[test]
fn a_new_volume_is_kept_and_the_last_line_says_so() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let new = format!(
        "services:\n  web: {}\nvolumes: {{fresh: {{}}}}\n",
        by_mode("volumes: ['fresh:/data']").replace("${V:-1}", "bad")
    );
    stack.refit(&["apply"]).exits(0);
    stack.write("compose.yaml", &new);
    let answer = stack.refit(&["apply", "--settle", "2s"]).exits(3);
    let volume = format!("{}_fresh", stack.project);
    answer.says(&format!(
        "everything is as it was before run 1, except for the new volume {volume}, which is kept"
    ));
    docker(&["volume", "inspect", &volume]);
}

/// Given by hand, and in no file: what ran cannot be made from the files that were there.
#[track_caller]
fn cannot_be_given_back(stack: &TestStack) -> Answer {
    let id = stack.container("web").id;
    docker(&["update", "--restart=on-failure", &id]);
    stack.refit(&["set", "V=bad", "--settle", "2s"]).exits(4)
}

#[test]
fn what_cannot_be_given_back_is_named_and_no_word_says_otherwise() {
    let compose = format!("services:\n  web: {}\n  db: {}\n", by_mode(""), idle(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let answer = cannot_be_given_back(&stack);
    let answer = answer.never_says("everything is as it was");
    answer
        .says("not as it was: web restart: was on-failure, is no")
        .says("docker update --restart=on-failure");
}

/// refit with a signal to be sent while it works.
struct Signalled {
    child: Running,
    typed: String,
    out: BufReader<std::process::ChildStdout>,
    read: String,
}

impl Signalled {
    fn new(mut command: Refit) -> Self {
        let typed = format!("{command:?}");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            typed,
            out,
            read: String::new(),
        }
    }

    /// Reads on until a line of the output says this; `false`: it has ended before.
    fn await_line(&mut self, holds: impl Fn(&str) -> bool) -> bool {
        loop {
            let mut line = String::new();
            if self.out.read_line(&mut line).unwrap() == 0 {
                return false;
            }
            self.read.push_str(&line);
            if holds(&line) {
                return true;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn answer(mut self) -> Answer {
        self.await_line(|_| false);
        let mut output = self.child.wait_with_output().unwrap();
        output.stdout = self.read.into_bytes();
        Answer::of_output(self.typed, &output)
    }
}

#[test]
fn a_signal_while_compose_makes_a_container_leaves_nothing_behind() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    // From the moment on in which Compose asks for the new container, a little later each time.
    for round in 0..12_u64 {
        let before = witness(&stack);
        let value = format!("V=v{round}");
        let command = stack.command(&["--json", "set", &value, "--settle", "1s"]);
        let mut running = Signalled::new(command);
        let begins = |line: &str| line.contains("progress") && line.contains("Recreate\"");
        assert!(running.await_line(begins), "Compose did not begin");
        let until = Instant::now() + Duration::from_millis(round * 12);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        running.signal("INT");
        let answer = running.answer().exits(130);
        assert_eq!(before, witness(&stack), "round {round}: {answer}");
        let next = stack.refit(&["apply"]).exits(0);
        next.says("Nothing to do");
    }
}

#[test]
fn who_asks_twice_leaves_an_open_run_that_the_next_command_finishes() {
    let check = crate::stack::healthcheck("test -e /ready");
    let slow = service(
        "test \"$V\" != bad || exit 3; sleep $SLOW; touch /ready; exec sleep infinity",
        &format!("environment: {{V: '${{V:-1}}', SLOW: '0'}}, {check}")
            .replace("start_period: 1s", "start_period: 120s")
            .replace("SLOW: '0'", "SLOW: '4'"),
    );
    let compose = format!("services:\n  web: {slow}\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.up_healthy();
    let before = witness(&stack);
    let mut running = Signalled::new(stack.command(&["--json", "set", "V=bad"]));
    assert!(running.await_line(|line| line.contains("\"event\":\"restored\"")));
    // The old container is on its way back, and takes its time.
    assert!(running.await_line(|line| line.contains("\"container\"") && line.contains("running")));
    running.signal("INT");
    assert!(running.await_line(|line| line.contains("press again to stop waiting")));
    running.signal("INT");
    let answer = running.answer().exits(4);
    answer
        .says("is unfinished")
        .never_says("everything is as it was");
    assert_eq!(unfinished(&stack).len(), 1);
    stack.refit(&["apply"]).exits(0).says("Nothing to do");
    assert_eq!(before, witness(&stack));
    assert!(unfinished(&stack).is_empty());
}

/// A file system of a few pages, gone with the test.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn at(folder: &std::path::Path) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs"]);
        if !command
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success())
        {
            skipped!("mounting needs root");
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_full_in_the_rollback_leaves_the_run_open() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let Some(disk) = SmallDisk::at(&stack.folder()) else {
        return;
    };
    let web = by_mode("").replace("exit 3", "{ sleep 2; exit 3; }");
    stack.write("compose.yaml", &format!("services:\n  web: {web}\n"));
    stack.write(".env", &format!("V=good\n{}", "# pad\n".repeat(1500)));
    stack.up();
    let before = witness(&stack);
    let mut running = Signalled::new(stack.command(&["--json", "set", "V=bad", "--settle", "20s"]));
    assert!(running.await_line(|line| line.contains("\"phase\":\"watch\"")));
    disk.fill();
    let answer = running.answer().exits(4);
    let answer = answer.says("No space left on device");
    let answer = answer.never_says("with the old files as well");
    answer.never_says("everything is as it was");
    // Still full: it is unfinished, however often somebody tries.
    for _ in 0..2 {
        stack
            .refit(&["apply"])
            .exits(4)
            .says("No space left on device");
        assert_eq!(unfinished(&stack).len(), 1);
    }
    disk.empty();
    let answer = stack.refit(&["apply"]).exits(0);
    assert_eq!(before, witness(&stack), "{answer}");
    answer.says("rolled back now").says("Nothing to do");
}

#[test]
fn a_rollback_hears_no_more_than_one_hang_up() {
    // A terminal that is closed tells so twice: nobody asked to stop.
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let before = witness(&stack);
    let mut running = Signalled::new(stack.command(&["--json", "set", "V=bad", "--settle", "2s"]));
    assert!(running.await_line(|line| line.contains("\"event\":\"restored\"")));
    running.signal("HUP");
    running.signal("HUP");
    running.answer().exits(3).says("everything is as it was");
    assert_eq!(before, witness(&stack));
}

#[test]
fn the_commands_to_type_work() {
    let compose = format!("services:\n  web: {}\n", by_mode(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let answer = cannot_be_given_back(&stack);
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let todo = said
        .split("To do: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let mut shell = Command::new("sh");
    plain_environment(&mut shell);
    shell.args(["-c", todo]).current_dir(stack.folder());
    Answer::of(shell, b"").exits(0);
    let policy = &stack.container("web").raw["HostConfig"]["RestartPolicy"]["Name"];
    assert_eq!(policy, "on-failure");
}

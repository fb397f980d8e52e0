//! Random services on a real engine: no false alarm over those that start within their limits, and no
//! "applied" over those that fail.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::random_kills::{Random, seeded};
use crate::stack::{TestStack, free_port, service};

/// How a service starts, at most; tenths of a second.
const LONGEST_START: u64 = 40;

/// What tells that a service serves, and how it stands towards the engine; each is drawn.
struct Drawn {
    /// Tenths of a second from a start to a service that serves.
    start: u64,
    /// How often it ends by design before it serves.
    ends: u64,
    policy: &'static str,
    /// `retries` times `interval` (tenths of a second) are what a healthcheck bears, beside its start
    /// period.
    check: Option<Check>,
    port: Option<Port>,
    hears_term: bool,
    /// Ends well instead of serving, before another one may start.
    job: bool,
}

#[derive(Clone, Copy)]
struct Check {
    interval: u64,
    retries: u64,
    start_period: u64,
    /// Every so many-th answer is a bad one.
    flaps: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Published,
    Exposed,
}

impl Drawn {
    fn any(random: &mut Random) -> Self {
        let job = random.below(8) == 0;
        let ends = if job { 0 } else { random.below(3) };
        let policies: &[&str] = match (job, ends) {
            (true, _) => &["no", "on-failure"],
            (false, 0) => &["no", "on-failure", "always", "unless-stopped"],
            (false, _) => &["on-failure", "always", "unless-stopped"],
        };
        let mut drawn = Self {
            start: random.below(LONGEST_START),
            ends,
            policy: random.of(policies),
            check: None,
            port: None,
            hears_term: random.below(4) != 0,
            job,
        };
        if !job && random.below(2) == 0 {
            drawn.check = Some(Check::any(random, drawn.start));
        }
        if !job && random.below(2) == 0 {
            drawn.port = Some(random.of(&[Port::Published, Port::Exposed]));
        }
        // Of one that has just been started again, something else has to tell that it is well.
        if drawn.ends > 0 && drawn.check.is_none() && drawn.port.is_none() {
            drawn.port = Some(Port::Exposed);
        }
        drawn
    }

    /// The service in YAML, named so. Where `MODE` is `bad`, it does what `failing` says before it serves.
    fn yaml(&self, name: &str, failing: &str) -> String {
        let mut shell = String::new();
        if !self.hears_term {
            shell.push_str("trap '' TERM; ");
        }
        if !failing.is_empty() {
            write!(shell, "if [ $MODE = bad ]; then {failing}; fi; ").unwrap();
        }
        if self.ends > 0 {
            write!(
                shell,
                "n=$(cat /n || echo 0); [ $n -lt {} ] && {{ echo $((n+1)) > /n; sleep 0.2; exit 1; }}; ",
                self.ends
            )
            .unwrap();
        }
        let tenths = |count: u64| format!("{}.{}", count / 10, count % 10);
        write!(shell, "echo ERROR: waits; sleep {}; ", tenths(self.start)).unwrap();
        if self.port.is_some() {
            shell.push_str("mkdir -p /www; echo hello > /www/index.html; httpd -p 80 -h /www; ");
        }
        write!(shell, "touch /up /marks/{name}; ").unwrap();
        shell.push_str(match (self.job, self.hears_term) {
            (true, _) => "exit 0",
            (false, true) => "exec sleep infinity",
            (false, false) => "while :; do sleep 1; done",
        });
        let mut keys = format!(
            "restart: '{}', env_file: .env, volumes: ['./marks:/marks'], ",
            self.policy
        );
        if let Some(check) = &self.check {
            let test = check.flaps.map_or_else(
                || "test -e /up".to_owned(),
                |every| {
                    format!(
                        "test -e /up || exit 1; n=$(cat /c || echo 0); echo $((n+1)) > /c; \
                         [ $((n % {every})) -ne {} ]",
                        every - 1
                    )
                },
            );
            let test = serde_json::to_string(&test.replace('$', "$$")).unwrap();
            write!(
                keys,
                "healthcheck: {{test: [CMD-SHELL, {test}], interval: {}s, timeout: 5s, retries: {}, \
                 start_period: {}s}}, ",
                tenths(check.interval),
                check.retries,
                tenths(check.start_period)
            )
            .unwrap();
        }
        match self.port {
            Some(Port::Published) => {
                write!(keys, "ports: ['127.0.0.1:{}:80'], ", free_port()).unwrap();
            }
            Some(Port::Exposed) => keys.push_str("expose: ['80'], networks: [default], "),
            None => {}
        }
        service(&shell, &keys)
    }
}

impl Check {
    /// One that bears a start of that length on a machine that has more to do.
    fn any(random: &mut Random, start: u64) -> Self {
        let interval = 2 + random.below(15);
        let slack = start + 60;
        let (retries, start_period) = if random.below(2) == 0 {
            (1 + random.below(3), slack)
        } else {
            (1 + slack / interval, 0)
        };
        let flaps = (retries > 1 && random.below(3) == 0).then(|| 2 + random.below(4));
        Self {
            interval,
            retries,
            start_period,
            flaps,
        }
    }
}

/// A service that starts when these have ended well.
fn waits_for(jobs: &[String]) -> (String, String) {
    let condition = |job: &String| format!("{job}: {{condition: service_completed_successfully}}");
    let jobs: Vec<String> = jobs.iter().map(condition).collect();
    let more = format!(
        "env_file: .env, volumes: ['./marks:/marks'], depends_on: {{{}}}",
        jobs.join(", ")
    );
    let shell = "touch /marks/last; exec sleep infinity";
    ("last".to_owned(), service(shell, &more))
}

/// Started, and each service has served once.
fn started(services: &[(String, String)]) -> Option<TestStack> {
    let mut compose = "services:\n".to_owned();
    for (name, yaml) in services {
        writeln!(compose, "  {name}: {yaml}").unwrap();
    }
    let stack = TestStack::new(&[("compose.yaml", &compose), (".env", "MODE=good\n")])?;
    fs::create_dir(stack.path("marks")).unwrap();
    stack.up();
    serves(&stack, services);
    Some(stack)
}

/// Waits until each has told that it serves, and its healthcheck says so.
fn serves(stack: &TestStack, services: &[(String, String)]) {
    let is_well = |name: &String| {
        let health = || stack.container(name).raw["State"]["Health"]["Status"].clone();
        stack.path(&format!("marks/{name}")).exists()
            && (health().is_null() || health() == "healthy")
    };
    let patience = Instant::now();
    while !services.iter().all(|(name, _)| is_well(name)) {
        assert!(
            patience.elapsed() < Duration::from_secs(120),
            "it never serves\n{}",
            stack.read("compose.yaml")
        );
        // A look is a process.
        thread::sleep(Duration::from_millis(100));
    }
}

/// All of them are changed at once, and all of them come back.
fn no_false_alarm(random: &mut Random, count: usize) -> Option<()> {
    let mut jobs = Vec::new();
    let mut services: Vec<(String, String)> = (0..count)
        .map(|at| {
            let name = format!("s{at:02}");
            let drawn = Drawn::any(random);
            let yaml = drawn.yaml(&name, "");
            if drawn.job {
                jobs.push(name.clone());
            }
            (name, yaml)
        })
        .collect();
    services.push(waits_for(&jobs));
    let stack = started(&services)?;
    let answer = stack.refit(&["--json", "set", "MODE=other", "--settle", "1s"]);
    let told = format!("{answer}\n{}", stack.read("compose.yaml"));
    assert_eq!(answer.code, 0, "{told}");
    assert_eq!(answer.outcome(), "applied", "{told}");
    let states: Vec<String> = services
        .iter()
        .map(|(name, _)| answer.verdict(name).0)
        .collect();
    let good = ["healthy", "settled", "answers", "completed"];
    assert!(
        states.iter().all(|state| good.contains(&&**state)),
        "{states:?}\n{told}"
    );
    for (name, _) in &services {
        assert_eq!(stack.container(name).env["MODE"], "other", "{told}");
    }
    Some(())
}

/// A way to fail: what is done in the shell. The service gets what is needed for that to be seen at all.
fn failing(random: &mut Random, drawn: &mut Drawn) -> String {
    let code = 1 + random.below(120);
    let delay = random.below(15);
    match random.below(if drawn.job { 3 } else { 9 }) {
        0 => format!("exit {code}"),
        1 => format!("sleep {}.{}; exit {code}", delay / 10, delay % 10),
        2 => "exec /no/such/program".to_owned(),
        // It ran before, and has no reason to end.
        3 => {
            (drawn.policy, drawn.ends) = (random.of(&["no", "on-failure"]), 0);
            "exit 0".to_owned()
        }
        4 => {
            drawn.port = Some(Port::Published);
            format!("sleep 5; exit {code}")
        }
        5 => {
            drawn.port = Some(random.of(&[Port::Published, Port::Exposed]));
            "touch /up; exec sleep infinity".to_owned()
        }
        // One that is only exposed may move.
        6 => {
            drawn.port = Some(Port::Published);
            "touch /up; exec httpd -f -p 81".to_owned()
        }
        7 => {
            drawn.check = Some(Check::any(random, drawn.start));
            "exec sleep infinity".to_owned()
        }
        _ => {
            drawn.check = Some(Check {
                interval: 2,
                retries: 2,
                start_period: drawn.start + 60,
                flaps: None,
            });
            "touch /up; sleep 1; rm /up; exec sleep infinity".to_owned()
        }
    }
}

/// It is changed to what fails, and everything is as it was.
fn never_applied(random: &mut Random) -> Option<()> {
    let mut drawn = Drawn::any(random);
    let shell = failing(random, &mut drawn);
    // One that takes as long as its check bears has no way to show in time that it fails.
    if let Some(check) = &mut drawn.check {
        drawn.start = drawn.start.min(10);
        check.start_period = check.start_period.min(40);
        check.retries = check.retries.min(1 + 60 / check.interval);
    }
    let mut services = vec![("web".to_owned(), drawn.yaml("web", &shell))];
    if drawn.job {
        services.push(waits_for(&["web".to_owned()]));
    }
    let stack = started(&services)?;
    fs::remove_file(stack.path("marks/web")).unwrap();
    let args = [
        "--json",
        "set",
        "MODE=bad",
        "--settle",
        "4s",
        "--timeout",
        "12s",
    ];
    let answer = stack.refit(&args);
    let told = format!("{answer}\n{}", stack.read("compose.yaml"));
    assert_eq!(answer.code, 3, "{told}");
    assert_eq!(answer.outcome(), "rolled_back", "{told}");
    assert_eq!(stack.read(".env"), "MODE=good\n", "{told}");
    let container = stack.container("web");
    assert_eq!(container.env["MODE"], "good", "{told}");
    Some(())
}

/// Several stacks at a time: each waits for its own services most of the time.
fn beside_each_other(rounds: usize, round: fn(&mut Random) -> Option<()>) {
    let mut random = seeded();
    let mut seeds: Vec<u64> = (0..rounds).map(|_| random.below(u64::MAX) | 1).collect();
    while !seeds.is_empty() {
        let now = seeds.split_off(seeds.len().saturating_sub(4));
        thread::scope(|scope| {
            for seed in now {
                scope.spawn(move || {
                    println!("seed of the round: {seed}");
                    round(&mut Random(seed))
                });
            }
        });
    }
}

#[test]
fn no_false_alarm_over_20_random_services() {
    no_false_alarm(&mut seeded(), 20);
}

#[test]
fn no_applied_over_20_that_fail() {
    beside_each_other(20, never_applied);
}

#[test]
#[ignore = "long"]
fn no_false_alarm_over_300_random_services() {
    let mut random = seeded();
    for _ in 0..30 {
        no_false_alarm(&mut random, 10);
    }
}

#[test]
#[ignore = "long"]
fn no_applied_over_300_that_fail() {
    beside_each_other(300, never_applied);
}

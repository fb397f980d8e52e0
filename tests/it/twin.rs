//! Random stacks and random hand edits: what `plan` says differs is what `docker compose up -d` then does,
//! save what is named here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, SystemTime};

use crate::random_kills::{Random, seeded};
use crate::stack::answer::Step;
use crate::stack::engine::{containers_of, docker};
use crate::stack::{TestStack, idle};

/// What a stack is made of; each is drawn.
struct Stack {
    /// More of each service, in YAML's flow style.
    services: BTreeMap<&'static str, String>,
    env: String,
}

impl Stack {
    fn any(random: &mut Random) -> Self {
        let names = ["api", "cache", "db", "web"];
        let count = 2 + random.below(3);
        let mut services = BTreeMap::new();
        for name in names.into_iter().take(usize::try_from(count).unwrap()) {
            let mut more = vec![format!("labels: {{l: '${{L_{name}:-0}}'}}")];
            let mut maybe = |text: String| {
                if random.below(3) == 0 {
                    more.push(text);
                }
            };
            maybe(format!("environment: {{V: '${{V_{name}:-0}}'}}"));
            maybe(format!("env_file: {name}.env"));
            maybe(format!(
                "volumes: ['./{name}.conf:/app.conf:ro', 'data_{name}:/d']"
            ));
            maybe("secrets: [token]".to_owned());
            maybe("configs: [{source: conf, target: /etc/f.conf}]".to_owned());
            maybe("scale: 2".to_owned());
            maybe("networks: [front]".to_owned());
            if name != "api" {
                maybe("depends_on: {api: {condition: service_started, restart: true}}".to_owned());
                maybe("profiles: [more]".to_owned());
            }
            services.insert(name, more.join(", "));
        }
        let env = "COMPOSE_PROFILES=more\n".to_owned();
        Self { services, env }
    }

    fn text(&self) -> String {
        let mut text = "services:\n".to_owned();
        for (name, more) in &self.services {
            writeln!(text, "  {name}: {}", idle(more)).unwrap();
        }
        text.push_str("networks: {front: {}}\nconfigs: {conf: {file: ./f.conf}}\n");
        text.push_str("secrets: {token: {file: ./s.txt}}\nvolumes:\n");
        for name in self.services.keys() {
            writeln!(text, "  data_{name}: {{}}").unwrap();
        }
        text
    }

    fn write(&self, stack: &TestStack) {
        stack.write("compose.yaml", &self.text());
        stack.write(".env", &self.env);
    }

    /// Something that a person does by hand; gives what it was.
    fn edit(&mut self, random: &mut Random, stack: &TestStack) -> String {
        let names: Vec<&'static str> = self.services.keys().copied().collect();
        let name = random.of(&names);
        let id = || {
            containers_of(&stack.project)
                .into_iter()
                .find(|one| one.service == name)
        };
        let what = match random.below(12) {
            0 => {
                writeln!(self.env, "V_{name}=1").unwrap();
                "key"
            }
            1 => {
                writeln!(self.env, "L_{name}=1").unwrap();
                "label"
            }
            2 => {
                stack.write(&format!("{name}.env"), "A=2\n");
                "env_file"
            }
            3 => {
                edit_in_place(stack, &format!("{name}.conf"));
                "mounted file"
            }
            4 => {
                stack.write("new", "v2\n");
                fs::rename(stack.path("new"), stack.path("s.txt")).unwrap();
                "secret"
            }
            5 if self.services.len() > 1 => {
                let others = self.services.values().any(|more| more.contains("api:"));
                if name != "api" || !others {
                    self.services.remove(name);
                }
                "service removed"
            }
            6 => {
                self.services.insert("extra", "labels: {l: x}".to_owned());
                "service added"
            }
            7 => {
                if let Some(one) = id() {
                    docker(&["stop", "-t", "0", &one.id]);
                }
                "stopped"
            }
            8 => {
                if let Some(one) = id() {
                    docker(&["rm", "-f", &one.id]);
                }
                "removed by hand"
            }
            9 => {
                let more = self.services.get_mut(name).unwrap();
                *more = more.replace("scale: 2", "scale: 3");
                "scale"
            }
            10 => {
                self.env = self.env.replace("COMPOSE_PROFILES=more\n", "");
                "profile off"
            }
            _ => {
                let network = format!("{}_front", stack.project);
                let on = id().filter(|one| {
                    one.raw["NetworkSettings"]["Networks"]
                        .get(&network)
                        .is_some()
                });
                if let Some(one) = on {
                    docker(&["network", "disconnect", &network, &one.id]);
                }
                "off its network"
            }
        };
        self.write(stack);
        format!("{what} ({name})")
    }
}

fn edit_in_place(stack: &TestStack, name: &str) {
    stack.write(name, "edited\n");
    let file = fs::File::options()
        .append(true)
        .open(stack.path(name))
        .unwrap();
    let later = SystemTime::now() + Duration::from_secs(30);
    file.set_modified(later).unwrap();
}

/// The services whose containers are other ones, or were started.
fn touched(
    before: &[(String, String, String)],
    after: &[(String, String, String)],
) -> BTreeSet<String> {
    let differing = before.iter().filter(|one| !after.contains(one));
    let differing = differing.chain(after.iter().filter(|one| !before.contains(one)));
    differing.map(|(service, ..)| service.clone()).collect()
}

fn containers(stack: &TestStack) -> Vec<(String, String, String)> {
    let all = containers_of(&stack.project).into_iter();
    all.map(|one| {
        (
            one.service.clone(),
            one.id.clone(),
            one.started_at().to_owned(),
        )
    })
    .collect()
}

/// The planned services, without those that have to read a mounted file again, which is nothing to Compose,
/// and without who depends on them.
fn without_files(planned: &BTreeMap<String, Step>) -> BTreeSet<String> {
    let restarts = |step: &Step| step.action == "restart";
    let reads = |step: &Step| {
        step.texts
            .iter()
            .any(|text| text.contains("has changed since"))
    };
    let readers = planned
        .iter()
        .filter(|(_, step)| restarts(step) && reads(step));
    let readers: BTreeSet<&String> = readers.map(|(service, _)| service).collect();
    let follows = |step: &Step| {
        let of_reader = |text: &String| {
            let mut readers = readers.iter();
            readers.any(|name| *text == format!("depends on {name} with restart: true"))
        };
        restarts(step) && step.texts.iter().all(of_reader)
    };
    let others = planned
        .iter()
        .filter(|(service, step)| !readers.contains(service) && !follows(step));
    others.map(|(service, _)| service.clone()).collect()
}

fn round(random: &mut Random) {
    let mut made = Stack::any(random);
    let Some(stack) = TestStack::new(&[("compose.yaml", &made.text()), (".env", &made.env)]) else {
        return;
    };
    for name in ["api", "cache", "db", "web"] {
        stack.write(&format!("{name}.env"), "A=1\n");
        stack.write(&format!("{name}.conf"), "first\n");
    }
    stack.write("f.conf", "v1\n");
    stack.write("s.txt", "v1\n");
    stack.up();
    stack
        .refit(&["plan"])
        .exits(0)
        .says("what runs is what the files say");
    let count = 1 + random.below(2);
    let edits: Vec<String> = (0..count).map(|_| made.edit(random, &stack)).collect();
    let told = format!("{edits:?}\n{}{}", made.text(), made.env);
    let plan = stack.refit(&["--json", "plan"]).exits(0);
    let planned = plan.plan();
    let said_in_line = plan.the("finished")["text"]
        .as_str()
        .unwrap()
        .contains("what runs is what the files say");
    let before = containers(&stack);
    let up = stack.try_compose(&["up", "-d"]);
    assert_eq!(up.code, 0, "{up}\n{told}");
    let by_compose = touched(&before, &containers(&stack));
    let by_refit = without_files(&planned);
    assert_eq!(by_refit, by_compose, "{plan}\n{told}");
    assert!(!said_in_line || by_compose.is_empty(), "{plan}\n{told}");
    // What `up` has done is what the plan sees; only those files are left, and what it leaves itself.
    let again = stack.refit(&["--json", "plan"]).exits(0);
    let left = without_files(&again.plan());
    assert!(left.is_empty(), "{left:?}\n{told}");
}

#[test]
fn a_plan_is_what_compose_does_in_10_random_stacks() {
    let mut random = seeded();
    for _ in 0..10 {
        round(&mut random);
    }
}

#[test]
#[ignore = "long"]
fn a_plan_is_what_compose_does_in_100_random_stacks() {
    let mut random = seeded();
    for _ in 0..100 {
        round(&mut random);
    }
}

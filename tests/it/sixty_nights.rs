//! Nights without anybody there, one after the other, with random troubles: what is recorded and told of each
//! is held against what a person would see. The clock is the record's: it is moved back by a day each time.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::faulty::small_disk::SmallDisk;
use crate::imaged::of_image;
use crate::nights::{days_later, logins, record, told_to, with_plugins};
use crate::random_kills::{Random, seeded};
use crate::receiver::Receiver;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, version, web};
use crate::stack::engine::{docker, docker_command};
use crate::stack::free_port;
use crate::stack::registry::Registry;

const SIDE: &str = "team/side:1";

/// What happens around a stack. Each lasts for some nights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    RegistryDown,
    LoginExpired,
    RemoteAway,
    BranchRenamed,
    LaptopOff,
    FullDisk,
    /// A version that ends at once.
    BadVersion,
    /// A version that ends after it was seen to be well.
    BadLater,
    /// An edit of a file that the next version changes on the same line.
    EditedSameLine,
    /// An edit that can stay.
    EditedElsewhere,
    /// `docker image prune -a`, as far as it is about this stack.
    Pruned,
}

const ALL: [Trouble; 11] = [
    Trouble::RegistryDown,
    Trouble::LoginExpired,
    Trouble::RemoteAway,
    Trouble::BranchRenamed,
    Trouble::LaptopOff,
    Trouble::FullDisk,
    Trouble::BadVersion,
    Trouble::BadLater,
    Trouble::EditedSameLine,
    Trouble::EditedElsewhere,
    Trouble::Pruned,
];

/// What a night came to, as a person sees it who looks at the stack and at what was told.
struct Night {
    answer: Answer,
    entry: Value,
    /// The heartbeat went on.
    is_green: bool,
    /// What it was told with.
    told: String,
}

struct World {
    clone: Cloned,
    registry: Registry,
    receiver: Receiver,
    disk: Option<SmallDisk>,
    right: PathBuf,
    none: PathBuf,
    /// The newest that upstream has.
    newest: (String, String),
    /// The newest that can run.
    good: String,
    at: u64,
    log: Vec<String>,
}

impl World {
    fn new() -> Option<Self> {
        let receiver = Receiver::kind();
        let registry = Registry::with_password_at(free_port())?;
        registry.push(SIDE, "s0", 1);
        let name = registry.name(SIDE);
        let config = registry.config.path().display().to_string();
        docker(&["--config", &config, "pull", "--quiet", &name]);
        let mut files = version("v0");
        let side = of_image(&name, "");
        files[0].1 = format!("services:\n  web: {}\n  side: {side}\n", web(""));
        files[4].1 = "grep -q crash /app/version && { echo this version cannot run; exit 3; }\n\
            while [ ! -e /tmp/late ]; do sleep 0.1; done; echo too late; exit 5\n"
            .to_owned();
        let clone = Cloned::started(&files)?;
        clone.stack.write("refit.yaml", &told_to(&receiver));
        let right = registry.config.path().to_owned();
        with_plugins(&right);
        Some(Self {
            disk: SmallDisk::at(&clone.stack.state(), 32 * 1024),
            none: logins(&clone.stack, "none", "{}"),
            right,
            registry,
            receiver,
            clone,
            newest: ("v0".to_owned(), "s0".to_owned()),
            good: "v0".to_owned(),
            at: 0,
            log: Vec::new(),
        })
    }

    /// The developer publishes a version of this kind.
    fn publish(&mut self, kind: &str) {
        let text = format!("{kind}{}", self.at);
        self.clone.push(&[("version", format!("{text}\n"))]);
        if kind != "crash" {
            self.good.clone_from(&text);
        }
        self.newest.0 = text;
    }

    fn begins(&mut self, trouble: Trouble) {
        let stack = &self.clone.stack;
        match trouble {
            Trouble::RegistryDown => self.registry.stop(),
            Trouble::RemoteAway => self.rename_remote(true),
            Trouble::BranchRenamed => self.in_remote(&["branch", "-m", "main", "trunk"]),
            Trouble::FullDisk => {
                if let Some(disk) = &self.disk {
                    disk.fill(0);
                }
            }
            Trouble::BadVersion => self.publish("crash"),
            Trouble::BadLater => self.publish("v-late"),
            Trouble::EditedSameLine => {
                stack.write("version", "mine\n");
                self.publish("v");
            }
            Trouble::EditedElsewhere => {
                let text = stack.read("web.conf").replace("last = two", "last = mine");
                stack.write("web.conf", &text);
            }
            Trouble::Pruned => {
                let names = docker(&["image", "ls", "--format", "{{.Tag}}", "refit-kept"]);
                let own = format!("{}-", stack.project);
                for tag in names.lines().filter(|tag| tag.starts_with(&own)) {
                    docker(&["image", "rm", "--force", &format!("refit-kept:{tag}")]);
                }
            }
            Trouble::LoginExpired | Trouble::LaptopOff => {}
        }
    }

    fn ends(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::RegistryDown => self.registry.start_again(),
            Trouble::RemoteAway => self.rename_remote(false),
            Trouble::BranchRenamed => self.in_remote(&["branch", "-m", "trunk", "main"]),
            Trouble::FullDisk => {
                if let Some(disk) = &self.disk {
                    disk.empty();
                }
            }
            Trouble::BadVersion | Trouble::BadLater => self.publish("v"),
            Trouble::EditedSameLine => {
                self.clone.git(&["checkout", "--quiet", "version"]);
            }
            Trouble::EditedElsewhere => {
                self.clone.git(&["checkout", "--quiet", "web.conf"]);
            }
            Trouble::Pruned | Trouble::LoginExpired | Trouble::LaptopOff => {}
        }
    }

    fn rename_remote(&self, is_away: bool) {
        let away = self.clone.remote.with_extension("away");
        let (from, to) = match is_away {
            true => (&self.clone.remote, &away),
            false => (&away, &self.clone.remote),
        };
        fs::rename(from, to).unwrap();
    }

    fn in_remote(&self, args: &[&str]) {
        self.clone.git_in(&self.clone.remote, args);
    }

    /// The version that a service runs; `None`: it does not.
    fn runs(&self, service: &str, file: &str) -> Option<String> {
        let container = self.clone.stack.container(service);
        let mut command = docker_command();
        command.args(["exec", &container.id, "cat", file]);
        let answer = Answer::of(command, b"");
        (answer.code == 0).then(|| answer.stdout.trim().to_owned())
    }

    /// Whether everything that upstream has is here, and runs.
    fn is_newest(&self) -> bool {
        let web = self.runs("web", "/app/version");
        let side = self.runs("side", "/version");
        web.as_ref() == Some(&self.newest.0) && side.as_ref() == Some(&self.newest.1)
    }

    /// A timer fires, as a person's PATH, login and disk are now.
    fn night(&mut self, troubles: &[Trouble], retry: bool) -> Night {
        let stack = &self.clone.stack;
        let before = match fs::exists(stack.state().join("stacks")) {
            Ok(true) if !troubles.contains(&Trouble::FullDisk) => record(stack).len(),
            _ => usize::MAX,
        };
        let mut words = vec!["--json", "schedule", "run"];
        words.extend(retry.then_some("--retry"));
        let mut command = self.clone.command(&words);
        command.env(
            "DOCKER_CONFIG",
            match troubles.contains(&Trouble::LoginExpired) {
                true => &self.none,
                false => &self.right,
            },
        );
        let answer = Answer::of(command, b"");
        let came = self.receiver.taken();
        let green = came.get("/beat");
        let red = came.get("/beat/fail");
        let context = || format!("{}\n{answer}\n{came:#?}", self.log.join("\n"));
        assert!(
            green.is_some() || red.is_some(),
            "no heartbeat: {}",
            context()
        );
        assert!(green.is_none() || red.is_none(), "two words: {}", context());
        let told = green.or(red).map(|request| request.body.clone());
        let told = told.unwrap_or_default();
        assert!(!told.trim().is_empty(), "no reason: {}", context());
        let entry = match before {
            usize::MAX => Value::Null,
            before => {
                let mut all = record(stack);
                assert_eq!(all.len(), before + 1, "not recorded: {}", context());
                all.pop().unwrap()
            }
        };
        Night {
            is_green: green.is_some(),
            told,
            entry,
            answer,
        }
    }

    /// What was said, held against what is there.
    fn is_no_lie(&self, night: &Night, troubles: &[Trouble]) {
        let context = format!(
            "night {} with {troubles:?}: {}\n{}\n{}\n{:?} runs {:?}, {:?}",
            self.at,
            self.log.join("\n"),
            night.answer,
            night.told,
            self.newest,
            self.runs("web", "/app/version"),
            self.runs("side", "/version"),
        );
        assert_eq!(night.answer.code == 0, night.is_green, "{context}");
        if !night.entry.is_null() {
            assert_eq!(night.entry["exit_code"], night.answer.code, "{context}");
        }
        if night.answer.outcome() == "applied" {
            let registry = [Trouble::RegistryDown, Trouble::LoginExpired];
            let is_asked = !registry.iter().any(|one| troubles.contains(one));
            assert!(self.is_newest() || !is_asked, "applied? {context}");
        }
        let reserved = [
            "as far as registries answered",
            "Not checked",
            "skipped",
            "Skipped",
        ];
        let is_reserved = reserved.iter().any(|words| night.told.contains(words));
        if night.is_green && !is_reserved {
            assert!(self.is_newest(), "green? {context}");
        }
        if night.is_green {
            assert!(
                self.runs("web", "/app/version").is_some(),
                "green? {context}"
            );
        }
    }

    /// Some hours later: a version that was well is so no longer.
    fn day(&self) {
        let stack = &self.clone.stack;
        if self
            .runs("web", "/app/version")
            .is_some_and(|text| text.starts_with("v-late"))
        {
            let id = stack.container("web").id;
            docker(&["exec", &id, "touch", "/tmp/late"]);
            docker(&["wait", &id]);
        }
    }
}

/// Troubles that end by what upstream publishes, which it cannot while it is away.
fn is_upstream(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::BadVersion
            | Trouble::BadLater
            | Trouble::EditedSameLine
            | Trouble::RemoteAway
            | Trouble::BranchRenamed
    )
}

/// The next of all, in a random order, half of the time with another one. Each comes before one comes again.
fn drawn(random: &mut Random, bag: &mut Vec<Trouble>) -> Vec<Trouble> {
    if bag.is_empty() {
        *bag = ALL.to_vec();
    }
    let at = random.below(bag.len() as u64);
    let first = bag.swap_remove(usize::try_from(at).unwrap());
    let second = random.of(&ALL);
    let both = first != second && !(is_upstream(first) && is_upstream(second));
    match both && random.below(2) == 0 {
        true => vec![first, second],
        false => vec![first],
    }
}

fn nights(count: u64) {
    let Some(mut world) = World::new() else {
        return;
    };
    let mut random = seeded();
    let (mut troubles, mut bag) = (Vec::new(), Vec::new());
    let (mut lasts, mut calm) = (0, 0);
    let (mut green, mut taken) = (0, 0);
    while world.at < count {
        world.at += 1;
        if !troubles.is_empty() && lasts == 0 {
            for trouble in std::mem::take(&mut troubles) {
                world.ends(trouble);
            }
            calm = 0;
        } else if troubles.is_empty() && calm >= 2 {
            troubles = drawn(&mut random, &mut bag);
            lasts = 1 + random.below(3);
            for trouble in &troubles {
                world.begins(*trouble);
            }
        }
        // Upstream goes on as long as it can be reached.
        if !troubles.iter().any(|one| is_upstream(*one)) && random.below(2) == 0 {
            world.publish("v");
        }
        let registry = [Trouble::RegistryDown, Trouble::Pruned];
        if !registry.iter().any(|one| troubles.contains(one)) && random.below(3) == 0 {
            let text = format!("s{}", world.at);
            world.registry.push(SIDE, &text, 1);
            world.newest.1 = text;
        }
        lasts = lasts.saturating_sub(1);
        if troubles.contains(&Trouble::LaptopOff) {
            world.log.push(format!("{}: {troubles:?}: off", world.at));
            days_later(&world.clone.stack, 1);
            continue;
        }
        // A person hears that it has stopped, mends it, and says so.
        let retry = troubles.is_empty() && calm == 0;
        let night = world.night(&troubles, retry);
        let line = format!(
            "{}: {troubles:?}, {:?}: exit {}, {}: {}",
            world.at,
            world.newest,
            night.answer.code,
            match night.is_green {
                true => "green",
                false => "red",
            },
            night.told.lines().next().unwrap_or_default()
        );
        println!("{line}");
        world.log.push(line);
        world.is_no_lie(&night, &troubles);
        green += u64::from(night.is_green);
        if troubles.is_empty() {
            calm += 1;
            let log = world.log.join("\n");
            assert!(
                calm < 2 || world.is_newest(),
                "not taken: {log}\n{}",
                night.answer
            );
            taken += u64::from(world.is_newest());
        }
        world.day();
        if !troubles.contains(&Trouble::FullDisk) {
            days_later(&world.clone.stack, 1);
        }
    }
    println!("{count} nights: {green} green, {taken} of the calm ones at the newest");
}

#[test]
#[ignore = "some minutes: make soak"]
fn of_sixty_nights_none_is_told_wrongly() {
    nights(60);
}

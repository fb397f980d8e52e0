//! Real compose files, with containers made of them: what `get`, `why` and `set` say of a key is what the
//! container has.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::random_kills::{Random, seeded};
use crate::stack::engine::{containers_of, docker_command};
use crate::stack::{BUSYBOX, TestStack};
use serde_json::Value;

/// Everything that keeps a container of somebody else's file from being made here.
const NOT_HERE: [&str; 31] = [
    "build",
    "cap_add",
    "cgroup",
    "cgroup_parent",
    "configs",
    "container_name",
    "credential_spec",
    "depends_on",
    "deploy",
    "devices",
    "dns",
    "entrypoint",
    "extra_hosts",
    "gpus",
    "healthcheck",
    "ipc",
    "links",
    "logging",
    "mac_address",
    "networks",
    "pid",
    "platform",
    "ports",
    "privileged",
    "profiles",
    "runtime",
    "secrets",
    "sysctls",
    "tmpfs",
    "ulimits",
    "volumes",
];

/// What Compose makes of a file, without and with what replaces that; nothing where it cannot read it.
fn services_of(stack: &TestStack) -> Option<BTreeMap<String, Value>> {
    let mut command = docker_command();
    command.current_dir(stack.folder());
    command.args(["compose", "--profile", "*", "config", "--format", "json"]);
    let output = command.output().unwrap();
    let model: Value = serde_json::from_slice(&output.stdout).ok()?;
    let services = model["services"]
        .as_object()
        .filter(|_| output.status.success())?;
    Some(services.clone().into_iter().collect())
}

fn made(file: &Path) -> Option<(TestStack, usize)> {
    let text = fs::read_to_string(file).unwrap();
    let stack = TestStack::new(&[("compose.yaml", &text)])?;
    let services = services_of(&stack)?;
    let mut replaced = String::from("services:\n");
    for name in services.keys() {
        writeln!(replaced, "  {name:?}:").unwrap();
        for key in NOT_HERE {
            writeln!(replaced, "    {key}: !reset null").unwrap();
        }
        writeln!(replaced, "    image: {BUSYBOX}\n    network_mode: none").unwrap();
        replaced.push_str("    command: !override [sleep, infinity]\n");
    }
    stack.write("compose.override.yaml", &replaced);
    services_of(&stack)?;
    let created = stack.try_compose(&["create"]);
    (created.code == 0).then_some((stack, services.len()))
}

fn env_of(stack: &TestStack) -> BTreeMap<String, BTreeMap<String, String>> {
    let all = containers_of(&stack.project).into_iter();
    all.map(|one| (one.service.clone(), one.env)).collect()
}

/// How many keys were asked for.
fn agree(random: &mut Random, stack: &TestStack, name: &str) -> usize {
    let mut asked = 0;
    for (service, env) in env_of(stack) {
        let keys: Vec<&String> = env.keys().filter(|key| *key != "PATH").collect();
        if keys.is_empty() {
            continue;
        }
        let key = random.of(&keys);
        let answer = stack.refit(&["get", "--for", &service, key]);
        let told = answer.stdout.strip_suffix('\n').unwrap_or_default();
        assert_eq!(told, env[key], "{key} of {service} in {name}\n{answer}");
        let why = stack.refit(&["--json", "why", key]).exits(0);
        let why: Value = serde_json::from_str(&why.stdout).unwrap();
        let counts = why["counts"].as_array().unwrap().iter();
        for one in counts.filter(|one| one["service"] == *service && one["value"].is_string()) {
            assert_eq!(one["value"], env[key], "{key} of {service} in {name}");
        }
        asked += 1;
    }
    asked
}

/// Sets a key where it counts; `false` where that is refused.
fn set(random: &mut Random, stack: &TestStack, name: &str) -> bool {
    let before = env_of(stack);
    let all: Vec<(&String, &String)> = before
        .iter()
        .flat_map(|(service, env)| env.keys().map(move |key| (service, key)))
        .filter(|(_, key)| *key != "PATH")
        .collect();
    if all.is_empty() {
        return false;
    }
    let (service, key) = random.of(&all);
    let assignment = format!("{key}=new word");
    let args = [
        "--json",
        "set",
        &assignment,
        "--no-apply",
        "--allow",
        "guarded-key",
        "--allow",
        "unfit-value",
    ];
    let answer = stack.refit(&args);
    if answer.code != 0 {
        assert_eq!(answer.code, 1, "{name}\n{answer}");
        return false;
    }
    stack.compose(&["create", "--force-recreate"]);
    let after = env_of(stack);
    // Of several services that have it, it may be that only the others get it from there.
    let changed = before
        .iter()
        .filter(|(name, env)| env.get(key) != after[*name].get(key));
    let changed: Vec<&String> = changed.map(|(name, _)| name).collect();
    assert!(
        !changed.is_empty(),
        "{key} of {service} in {name}\n{answer}"
    );
    for service in changed {
        let has = &after[service][key];
        assert!(
            has.contains("new word"),
            "{key} of {service} in {name}: {has}\n{answer}"
        );
    }
    true
}

fn files() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/compose");
    let Ok(entries) = fs::read_dir(&folder) else {
        skipped!("no {}", folder.display());
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end != "md"));
    files.sort();
    Some(files)
}

/// Stacks, services, keys that were asked for, keys that were set.
fn compare(files: &[PathBuf]) -> (usize, usize, usize, usize) {
    let mut random = seeded();
    let (mut stacks, mut services, mut asked, mut written) = (0, 0, 0, 0);
    for file in files {
        let Some((stack, count)) = made(file) else {
            continue;
        };
        let name = file.file_name().unwrap().to_string_lossy();
        stacks += 1;
        services += count;
        asked += agree(&mut random, &stack, &name);
        written += usize::from(set(&mut random, &stack, &name));
    }
    println!("{stacks} stacks, {services} services, {asked} keys asked for, {written} set");
    (stacks, services, asked, written)
}

#[test]
fn keys_of_real_stacks_are_what_their_containers_have() {
    let Some(files) = files() else { return };
    let some: Vec<PathBuf> = files.into_iter().step_by(8).collect();
    let (stacks, ..) = compare(&some);
    assert!(stacks > 0);
}

#[test]
#[ignore = "minutes; part of `make soak`"]
fn keys_of_all_real_stacks_are_what_their_containers_have() {
    let Some(files) = files() else { return };
    let (stacks, _, asked, written) = compare(&files);
    assert!(
        stacks >= 35 && asked >= 100 && written >= 10,
        "{stacks} {asked} {written}"
    );
}

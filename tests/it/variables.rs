//! What each service gets, and from where: as Compose itself has it, for real files and for random
//! stacks with every way in which a variable can be given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use refit::tested::environments;
use serde_json::Value;

use crate::stack::engine::docker_command;

type Environments = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// What Compose gives each service; `None`: it cannot read the stack.
fn of_compose(directory: &Path, files: &[PathBuf], env_files: &[PathBuf]) -> Option<Environments> {
    let mut command: Command = docker_command();
    command
        .args(["compose", "--project-directory"])
        .arg(directory);
    command.args(["--profile", "*"]);
    for file in files {
        command.arg("--file").arg(file);
    }
    for file in env_files {
        command.arg("--env-file").arg(file);
    }
    let output = command
        .args(["config", "--format", "json"])
        .output()
        .unwrap();
    if !output.status.success() {
        return None;
    }
    let model: Value = serde_json::from_slice(&output.stdout).unwrap();
    let services = model["services"].as_object().cloned().unwrap_or_default();
    let of_service = |service: &Value| {
        let environment = service["environment"].as_object().cloned();
        let environment = environment.unwrap_or_default().into_iter();
        environment
            .map(|(key, value)| (key, value.as_str().map(|text| text.replace("$$", "$"))))
            .collect()
    };
    let services = services.iter();
    Some(
        services
            .map(|(name, service)| (name.clone(), of_service(service)))
            .collect(),
    )
}

#[track_caller]
fn agree(context: &str, compose: &Environments, own: &Environments) -> usize {
    for (service, environment) in compose {
        let none = BTreeMap::new();
        let mine = own.get(service).unwrap_or(&none);
        assert_eq!(mine, environment, "{service} of {context}");
    }
    compose.values().map(BTreeMap::len).sum()
}

/// The folder beside the repository; `None`, with a word about it, where it is absent.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/compose");
    if folder.is_dir() {
        return Some(folder);
    }
    skipped!("no {}", folder.display());
    None
}

#[test]
fn real_files_give_their_services_what_compose_says() {
    let Some(corpus) = corpus() else { return };
    let mut names: Vec<PathBuf> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end != "md"))
        .collect();
    names.sort();
    let (mut stacks, mut variables) = (0, 0);
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let file = folder.join("compose.yaml");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&name, &file).unwrap();
        let files = [file];
        let Some(compose) = of_compose(&folder, &files, &[]) else {
            continue;
        };
        let own = environments(&folder, &files, &[]);
        variables += agree(&name.display().to_string(), &compose, &own);
        stacks += 1;
    }
    println!("{variables} variables of {stacks} stacks");
    assert!(stacks >= 40, "{stacks}");
    assert!(variables >= 300, "{variables}");
}

/// A word that a value is made of: literals and references in every form.
const VALUES: [&str; 12] = [
    "one",
    "",
    "${A}",
    "$B-x",
    "${C:-word}",
    "x${A:-}y",
    "${NONE-dash}",
    "$$A",
    "a b",
    "7",
    "true",
    "${D:-${A}}",
];

const KEYS: [&str; 5] = ["A", "B", "C", "D", "E"];

fn environment() -> impl Strategy<Value = String> {
    let entry = (select(&KEYS[..]), prop::option::of(select(&VALUES[..])));
    let entries = prop::collection::btree_map(select(&KEYS[..]), entry.prop_map(|one| one.1), 0..4);
    let form = select(&["map", "list", "override", "reset"][..]);
    (entries, form).prop_map(|(entries, form)| {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let map: Vec<String> = entries
            .iter()
            .map(|(key, value)| match value {
                Some(text) => format!("{key}: {}", quoted(text)),
                None => format!("{key}: "),
            })
            .collect();
        let list: Vec<String> = entries
            .iter()
            .map(|(key, value)| match value {
                Some(text) => quoted(&format!("{key}={text}")),
                None => (*key).to_owned(),
            })
            .collect();
        match form {
            "list" => format!("[{}]", list.join(", ")),
            "override" => format!("!override {{{}}}", map.join(", ")),
            "reset" if entries.contains_key("A") => "{A: !reset null}".to_owned(),
            _ => format!("{{{}}}", map.join(", ")),
        }
    })
}

fn env_text() -> impl Strategy<Value = String> {
    let line = (select(&KEYS[..]), prop::option::of(select(&VALUES[..])));
    prop::collection::vec(line, 0..5).prop_map(|lines| {
        let lines = lines.into_iter().map(|(key, value)| match value {
            Some(text) => format!("{key}={text}\n"),
            None => format!("{key}\n"),
        });
        lines.collect()
    })
}

#[test]
fn random_stacks_give_their_services_what_compose_says() {
    let mut runner = TestRunner::deterministic();
    let (mut stacks, mut variables) = (0, 0);
    for _ in 0..60 {
        let texts = prop::collection::vec(env_text(), 6);
        let environments_of = prop::collection::vec(environment(), 6);
        let shape = (texts, environments_of, any::<[bool; 6]>());
        let (texts, given, on) = shape.new_tree(&mut runner).unwrap().current();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        for (name, text) in [
            ".env",
            "second.env",
            "one.env",
            "two.env",
            "sub/.env",
            "sub/p.env",
        ]
        .iter()
        .zip(&texts)
        {
            write(name, text);
        }
        let env_file = match on[0] {
            true => {
                "env_file: [one.env, {path: two.env, required: false}, {path: none.env, required: false}]"
            }
            false => "env_file: '${WHICH:-one}.env'",
        };
        let base = format!(
            "services:\n  base:\n    image: x\n    env_file: two.env\n    environment: &e {}\n",
            given[0].replace("!override ", "")
        );
        write("sub/base.yaml", &base.replace("two.env", "p.env"));
        let include = match on[2] {
            true => "include: ['${PART:-sub}/part.yaml']\n",
            false => "include: [{path: sub/part.yaml, env_file: [second.env, one.env]}]\n",
        };
        let extends = match on[3] {
            true => "extends: {file: '${PART:-sub}/base.yaml', service: base}",
            false => "extends: base",
        };
        write(
            "compose.yaml",
            &format!(
                "{include}{base}  web:\n    image: x\n    {env_file}\n    {extends}\n    environment: {}\n  other:\n    image: x\n    environment: *e\n",
                given[1]
            ),
        );
        write(
            "sub/part.yaml",
            &format!(
                "services:\n  part:\n    image: x\n    env_file: p.env\n    environment: {}\n",
                given[2]
            ),
        );
        write(
            "over.yaml",
            &format!(
                "services:\n  web:\n    env_file: [two.env]\n    environment: {}\n  part:\n    environment: {}\n",
                given[3], given[4]
            ),
        );
        let mut files = vec![folder.join("compose.yaml")];
        if on[4] {
            files.push(folder.join("over.yaml"));
        }
        let env_files = match on[5] {
            true => vec![folder.join(".env"), folder.join("second.env")],
            false => Vec::new(),
        };
        let Some(compose) = of_compose(&folder, &files, &env_files) else {
            continue;
        };
        let own = environments(&folder, &files, &env_files);
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let context: Vec<String> = [
            "compose.yaml",
            "over.yaml",
            "sub/part.yaml",
            "sub/base.yaml",
            ".env",
            "second.env",
            "one.env",
            "two.env",
            "sub/.env",
            "sub/p.env",
        ]
        .iter()
        .map(|name| format!("--- {name}\n{}", text(name)))
        .collect();
        variables += agree(&format!("{on:?}\n{}", context.join("\n")), &compose, &own);
        stacks += 1;
    }
    println!("{variables} variables of {stacks} stacks");
    assert!(stacks >= 40, "{stacks}");
}

//! What is written must mean to Compose what it means to us: hostile words in every notation, as a
//! mapping and as a list, read back by `docker compose config`.

// A test's own functions may fail it.

use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use refit::tested::yaml::{self, NewValue, YamlPath};
use serde_json::Value;

/// Keys of each form in one file.
const KEYS: usize = 1000;

/// What the words replace; nothing where the key is new.
const OLD: [&str; 7] = [
    "old",
    "'old'",
    "\"old\"",
    "|\n        old",
    ">-\n        old",
    "",
    "5",
];

fn words() -> Vec<String> {
    // Compose's own `$` is another room's; NUL is in no environment.
    let word = prop_oneof![
        "[ -~]{0,12}",
        "[ab\n\r\t '\"#:|>&*!%@`{}\\[\\],~0-9\\\\-]{0,12}",
        "[+-]?[0-9][0-9_.:xobeE+-]{0,8}",
        "(y|n|yes|No|on|OFF|true|False|null|Null|~|\\.inf|\\.NaN|<<|=|2001-01-01|0o17|12:30:45)",
        any::<String>(),
    ];
    let mut runner = TestRunner::deterministic();
    let mut next = || word.new_tree(&mut runner).expect("a word").current();
    (0..KEYS).map(|_| next().replace(['$', '\0'], "")).collect()
}

fn compose_reads(text: &str) -> Option<Value> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("compose.yaml");
    std::fs::write(&file, text).expect("the file");
    let output = Command::new("docker")
        .args(["compose", "--project-name", "refit", "--file"])
        .arg(&file)
        .args(["config", "--format", "json"])
        .output();
    let Ok(output) = output else {
        skipped!("there is no docker");
        return None;
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn set(text: &str, service: &str, at: usize, word: &str) -> String {
    let key = format!("K{at}");
    let path =
        YamlPath::of_keys(["services", service, "environment", key.as_str()]).expect("a path");
    let word = NewValue::String(word.to_owned());
    yaml::set(text, &path, &word)
        .unwrap_or_else(|failure| panic!("{path}: {failure}"))
        .text
}

#[test]
#[ignore = "needs docker compose; part of `make soak`"]
fn compose_reads_every_word_as_it_was_set() {
    let words = words();
    let mut text = "services:\n  map:\n    image: a\n    environment:\n      FIRST: x\n".to_owned();
    for (at, old) in (0..KEYS)
        .zip(OLD.iter().cycle())
        .filter(|(_, old)| !old.is_empty())
    {
        text += &format!("      K{at}: {old}\n");
    }
    text += "  list:\n    image: a\n    environment:\n      - FIRST=x\n";
    for at in (0..KEYS).step_by(3) {
        let quote = ["", "'", "\""][at % 2 + at % 5 % 2];
        text += &format!("      - {quote}K{at}=old{quote}\n");
    }
    for (at, word) in words.iter().enumerate() {
        text = set(&text, "map", at, word);
        text = set(&text, "list", at, word);
    }
    let Some(model) = compose_reads(&text) else {
        return;
    };
    for (at, word) in words.iter().enumerate() {
        for service in ["map", "list"] {
            let read = &model["services"][service]["environment"][format!("K{at}")];
            assert_eq!(read.as_str(), Some(word.as_str()), "K{at} of {service}");
        }
    }
    println!("{} words read by Compose as set", 2 * words.len());
}

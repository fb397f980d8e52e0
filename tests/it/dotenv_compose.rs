//! Env files, asked of Compose itself: what `docker compose config` says that a file says is what we
//! read in it, and what we write comes back byte for byte.
//!
//! Without a Compose plug-in the tests are skipped, unless `REFIT_TEST_ENGINE=1` says that there has
//! to be one.

// Helpers of tests are tests: a failed step is a failed test.

#[path = "../../src/edit/dotenv/tests/soup.rs"]
mod soup;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use refit::tested::{Dotenv, EnvKey, Format};

type Env = BTreeMap<String, String>;

/// Variables of the process that the files can refer to.
const OUTSIDE: &[(&str, &str)] = &[("A", "from outside"), ("EMPTY", "")];

/// How many services one call of Compose reads.
const BATCH: usize = 200;

/// Compose as the person has it, with nothing in its environment but what it needs and `OUTSIDE`.
struct Compose {
    environment: Env,
}

impl Compose {
    /// `None`, with a word about it, where there is no plug-in.
    fn find() -> Option<Compose> {
        let needed = [
            "PATH",
            "HOME",
            "DOCKER_CONFIG",
            "DOCKER_HOST",
            "XDG_RUNTIME_DIR",
        ];
        let mut environment: Env = needed
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        environment.extend(
            OUTSIDE
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        let compose = Compose { environment };
        let found = compose
            .run(&["version"])
            .is_some_and(|output| output.status.success());
        if found {
            return Some(compose);
        }
        let required = std::env::var("REFIT_TEST_ENGINE").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "`docker compose version` fails, and REFIT_TEST_ENGINE=1 is set"
        );
        skipped!("there is no `docker compose`");
        None
    }

    fn run(&self, arguments: &[&str]) -> Option<Output> {
        let mut command = Command::new("docker");
        command
            .env_clear()
            .envs(&self.environment)
            .arg("compose")
            .args(arguments);
        command.output().ok()
    }

    fn lookup(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }

    /// What each file gives to a service that has it as its `env_file`, or Compose's complaint.
    fn env_files(&self, files: &[&[u8]], format: Format) -> Result<Vec<Env>, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut yaml = String::from("services:\n");
        let raw = if format == Format::Raw {
            ", format: raw"
        } else {
            ""
        };
        for (index, bytes) in files.iter().enumerate() {
            fs::write(folder.path().join(format!("{index}.env")), bytes).unwrap();
            let entry = format!("{{path: {index}.env{raw}}}");
            writeln!(yaml, "  s{index}: {{image: x, env_file: [{entry}]}}").unwrap();
        }
        let mut services = self.config(folder.path(), &yaml, &[])?;
        Ok((0..files.len())
            .map(|index| services.remove(&format!("s{index}")).unwrap_or_default())
            .collect())
    }

    /// What `${KEY}` gives for each key of `keys` with `bytes` as the project's env file.
    fn interpolated(&self, bytes: &[u8], keys: &[EnvKey]) -> Result<Env, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("some.env");
        fs::write(&file, bytes).unwrap();
        let mut yaml = String::from("services:\n  s0:\n    image: x\n    environment:\n");
        for key in keys {
            writeln!(yaml, "      {key}: ${{{key}}}").unwrap();
        }
        let file = file.to_string_lossy();
        let mut services = self.config(folder.path(), &yaml, &["--env-file", &file])?;
        services.remove("s0").ok_or_else(|| "no service".to_owned())
    }

    /// The environment of each service.
    fn config(
        &self,
        folder: &Path,
        yaml: &str,
        options: &[&str],
    ) -> Result<BTreeMap<String, Env>, String> {
        let path = folder.join("compose.yaml");
        fs::write(&path, yaml).unwrap();
        let path = path.to_string_lossy();
        let mut arguments = vec!["-p", "dotenv", "-f", &path];
        arguments.extend(options);
        arguments.extend(["config", "--format", "json"]);
        let output = self.run(&arguments).unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let model: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let services = model["services"].as_object().unwrap();
        Ok(services
            .iter()
            .map(|(name, service)| (name.clone(), environment_of(service)))
            .collect())
    }
}

fn environment_of(service: &serde_json::Value) -> Env {
    let Some(environment) = service["environment"].as_object() else {
        return Env::new();
    };
    // `config` prints a model that can be read again, so its dollar signs are doubled.
    let single = |text: &str| text.replace("$$", "$");
    environment
        .iter()
        .map(|(key, value)| (single(key), single(value.as_str().unwrap_or("(null)"))))
        .collect()
}

/// `count` samples, the same ones every time.
fn samples<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

fn read(compose: &Compose, text: &str, format: Format) -> Option<Env> {
    let file = Dotenv::parse(text.as_bytes(), format).unwrap();
    let entries = file.read(&|name| compose.lookup(name)).ok()?;
    Some(
        entries
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect(),
    )
}

/// The files of which Compose reads something else than we do, one line each.
fn differences(compose: &Compose, texts: &[String], format: Format) -> Vec<String> {
    let bytes: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    match compose.env_files(&bytes, format) {
        Ok(read_by_compose) => texts
            .iter()
            .zip(read_by_compose)
            .filter_map(|(text, theirs)| {
                let ours = read(compose, text, format);
                (ours.as_ref() != Some(&theirs))
                    .then(|| format!("{text:?}\n  Compose: {theirs:?}\n  we:      {ours:?}"))
            })
            .collect(),
        Err(complaint) if texts.len() == 1 => match read(compose, &texts[0], format) {
            Some(ours) => {
                vec![format!(
                    "{:?}\n  Compose: {}\n  we:      {ours:?}",
                    texts[0],
                    complaint.trim()
                )]
            }
            None => Vec::new(),
        },
        // One file that it refuses makes it refuse all.
        Err(_) => {
            let (left, right) = texts.split_at(texts.len() / 2);
            let mut found = differences(compose, left, format);
            found.extend(differences(compose, right, format));
            found
        }
    }
}

/// Reads `count` random files with both, and of those that we refuse at most `refused`.
fn compare_reading(count: usize, refused: usize, format: Format) {
    let Some(compose) = Compose::find() else {
        return;
    };
    if !supports(&compose, format) {
        return;
    }
    let file = prop_oneof![2 => soup::file(), 2 => soup::soup(), 1 => soup::references()];
    let texts = samples(&file.prop_map(|text| text.replace('\0', "")), count);
    let (readable, unreadable): (Vec<String>, Vec<String>) = texts
        .into_iter()
        .partition(|text| read(&compose, text, format).is_some());
    assert!(
        readable.len() > count / 5,
        "the generator makes hardly a readable file"
    );
    let mut wrong: Vec<String> = readable
        .chunks(BATCH)
        .flat_map(|texts| differences(&compose, texts, format))
        .collect();
    for text in unreadable.iter().take(refused) {
        wrong.extend(differences(&compose, std::slice::from_ref(text), format));
    }
    println!(
        "{} readable files, {} others",
        readable.len(),
        unreadable.len().min(refused)
    );
    assert!(
        wrong.is_empty(),
        "{} files read otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// `format: raw` came after the oldest Compose that we work with.
fn supports(compose: &Compose, format: Format) -> bool {
    let supported = compose.env_files(&[b"A=1\n"], format);
    match supported {
        Err(complaint)
            if format == Format::Raw && complaint.contains("unsupported env_file format") =>
        {
            skipped!("this Compose has no `format: raw`");
            false
        }
        other => {
            other.unwrap();
            true
        }
    }
}

#[test]
fn compose_reads_the_same() {
    compare_reading(1_000, 40, Format::Compose);
}

#[test]
fn compose_reads_real_files_the_same() {
    let Some(compose) = Compose::find() else {
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/env");
    let Ok(entries) = fs::read_dir(&folder) else {
        skipped!("there is no {}", folder.display());
        return;
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts: Vec<String> = paths
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let wrong = differences(&compose, &texts, Format::Compose);
    println!("{} real files", texts.len());
    assert!(
        wrong.is_empty(),
        "{} files read otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn compose_reads_raw_files_the_same() {
    compare_reading(400, 20, Format::Raw);
}

#[test]
#[ignore = "long: part of the soak"]
fn compose_reads_the_same_for_long() {
    compare_reading(40_000, 2_000, Format::Compose);
    compare_reading(10_000, 500, Format::Raw);
}

/// A line that the edit finds, with `K` for the name.
fn found_line() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "",
            "K=old",
            "K=",
            "K= # c",
            "K=old # c",
            "export K='old' # c",
            "K=\"old\"#c",
            "K: old",
            "K : \"old\"",
            "K",
            "export K",
            "#K=example",
            "K=${A}",
            "K='old\nlines'",
            "K=\"old\nlines\"",
            "K=a b?c&d{e}\\'\"\u{a0}",
            "K=1\nK='2'",
            "K='old' ",
        ][..],
    )
}

/// Sets `count` values, a hundred in each file, and lets Compose read the files.
fn compare_writing(count: usize) {
    let Some(compose) = Compose::find() else {
        return;
    };
    let end = select(&["\n", "\n", "\r\n"][..]);
    let cases = samples(&(found_line(), soup::value(), end), count);
    let mut wrong = Vec::new();
    for chunk in cases.chunks(100) {
        let end = chunk[0].2;
        let keys: Vec<EnvKey> = (0..chunk.len())
            .map(|index| format!("K_{index}").parse().unwrap())
            .collect();
        let lines = chunk.iter().zip(&keys).map(|((line, _, _), key)| {
            // Line ends inside quotes are part of the value, so those stay.
            format!("{}{end}", line.replace('K', key.as_str()))
        });
        let text: String = lines.collect();
        let mut file = Dotenv::parse(text.as_bytes(), Format::Compose).unwrap();
        for ((_, value, _), key) in chunk.iter().zip(&keys) {
            file.set(key, value).unwrap();
        }
        let by_env_file = compose
            .env_files(&[file.as_bytes()], Format::Compose)
            .unwrap()
            .remove(0);
        let by_interpolation = compose.interpolated(file.as_bytes(), &keys).unwrap();
        for ((line, value, _), key) in chunk.iter().zip(&keys) {
            for read in [&by_env_file, &by_interpolation] {
                if read.get(key.as_str()) != Some(value) {
                    wrong.push(format!("{line:?} {value:?}: {:?}", read.get(key.as_str())));
                }
            }
        }
    }
    println!("{count} values, each read in two ways");
    assert!(
        wrong.is_empty(),
        "{} values read otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn compose_reads_back_what_was_set() {
    compare_writing(2_000);
}

#[test]
#[ignore = "long: part of the soak"]
fn compose_reads_back_what_was_set_for_long() {
    compare_writing(50_000);
}

#[test]
fn compose_reads_back_what_was_set_in_a_raw_file() {
    let Some(compose) = Compose::find() else {
        return;
    };
    if !supports(&compose, Format::Raw) {
        return;
    }
    let one_line = soup::value().prop_map(|value| value.replace(['\n', '\r'], ""));
    let values = samples(&one_line, 500);
    let mut file = Dotenv::parse(b"K_1=old\r\n#K_2=\r\nK_3\r\n", Format::Raw).unwrap();
    for (index, value) in values.iter().enumerate() {
        file.set(&format!("K_{index}").parse().unwrap(), value)
            .unwrap();
    }
    let read = compose
        .env_files(&[file.as_bytes()], Format::Raw)
        .unwrap()
        .remove(0);
    for (index, value) in values.iter().enumerate() {
        assert_eq!(read.get(&format!("K_{index}")), Some(value));
    }
}

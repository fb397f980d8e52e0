//! Files as large as nobody has them: time must grow with the size and not faster.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use refit::tested::yaml::{self, NewValue, YamlPath};
use refit::tested::{Dotenv, Format};

use super::measure::median;
use super::table::{Row, Table};

const ROUNDS: usize = 3;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let (small, large) = (env_file(1_000_000), env_file(10_000_000));
    let read = |text: &str| per_megabyte(text, read_env);
    let what = "read and set in .env, 10 MB | 1 MB";
    table.add(Row::times(what, read(&large)?, read(&small)?).at_most("1.5"));
    let (small, large) = (yaml_file(200_000), yaml_file(2_000_000));
    let read = |text: &str| per_megabyte(text, read_yaml);
    let what = "read and set in YAML, 2 MB | 0.2 MB";
    table.add(Row::times(what, read(&large)?, read(&small)?).at_most("1.5"));
    Ok(())
}

fn per_megabyte(text: &str, work: impl Fn(&str) -> Result<()>) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = processor_time()?;
        work(text)?;
        times.push(processor_time()?.saturating_sub(began));
    }
    Ok(median(times).mul_f64(1_000_000.0 / text.len() as f64))
}

/// What this thread has used: the time of long work grows with what else runs on the machine, that of
/// short work does not.
fn processor_time() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().unwrap_or_default();
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn read_env(text: &str) -> Result<()> {
    let mut file = Dotenv::parse(text.as_bytes(), Format::Compose)?;
    let key = "SETTING_7".parse()?;
    let before = file.get(&key, &|_| None)?;
    ensure!(before.is_some(), "the key is there");
    file.set(&key, "another value")?;
    ensure!(file.get(&key, &|_| None)? != before, "it was set");
    Ok(())
}

fn read_yaml(text: &str) -> Result<()> {
    let path: YamlPath = "services.s7.environment.SETTING".parse()?;
    let value = NewValue::String("another value".into());
    let done = yaml::set(text, &path, &value)?;
    done.before.context("the key is there")?;
    Ok(())
}

fn env_file(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 100);
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        text.push_str(&format!(
            "# What setting {number} is for.\nSETTING_{number}=\"value {number}\" # as it came\n"
        ));
    }
    text
}

fn yaml_file(bytes: usize) -> String {
    let mut text = String::from("services:\n");
    let mut number = 0;
    while text.len() < bytes {
        number += 1;
        text.push_str(&format!(
            "  s{number}: # the service {number}\n    image: \"example:{number}\"\n    \
             environment:\n      SETTING: value\n      OTHER: '{number}'\n"
        ));
    }
    text
}

//! Which line of a log names the error. The last one seldom does: programs print frames, advice and their
//! version after it. Pure.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// How surely a line names what ended the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Somebody calls it an error.
    Error,
    /// It has the form of an error that a program ends with.
    Named,
    /// It says that nothing goes on after it.
    Fatal,
}

/// What is said of the end of a process, of the last lines of its log.
pub(crate) fn cause(lines: &[String]) -> Option<String> {
    let last = || {
        let own = lines.iter().rev().map(|line| line.trim());
        // A shell's word for the end itself, and not for its reason.
        let mut own = own.filter(|line| !matches!(*line, "Terminated" | "Killed" | "Hangup"));
        own.clone()
            .find(|line| !line.is_empty() && !is_trailer(line))
            .or_else(|| own.find(|line| !line.is_empty()))
    };
    error(lines).or_else(|| last().map(str::to_owned))
}

/// The error that some lines of a log name, if they name one.
pub(crate) fn error(lines: &[String]) -> Option<String> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let named = (0..lines.len()).filter_map(|at| named(&lines, at));
    // Of several as sure ones the last: the others were borne.
    let best = named.max_by_key(|(weight, _)| *weight);
    best.map(|(_, text)| text)
}

/// Every error that some lines of a log name, and what else they say fails, in order.
pub(crate) fn errors(lines: &[String]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    let named = lines.iter().enumerate().filter_map(|(at, line)| {
        let named = named(&lines, at).map(|(_, text)| text);
        named.or_else(|| failure(line))
    });
    named.collect()
}

/// What a line says fails, where nothing calls it an error, and nothing calls it less than a warning.
fn failure(line: &str) -> Option<String> {
    let told = line.trim();
    let level = field(told, "level").or_else(|| field(told, "lvl"));
    let words = told.split_whitespace().take(4);
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let is_less = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["info", "debug", "trace", "notice", "verbose"].contains(&word.as_str())
    };
    let is_told = FAILURE.as_ref().is_some_and(|said| said.is_match(told));
    let is_less = level.into_iter().any(|level| is_less(&level)) || words.into_iter().any(is_less);
    (is_told && !is_less && !told.starts_with('{') && !is_trailer(told)).then(|| told.to_owned())
}

static FAILURE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\bfail(?:ed|ure)(?::| to | with )|\bE11000\b").ok());

/// What a line says, if it names an error.
fn named(lines: &[&str], at: usize) -> Option<(Weight, String)> {
    let line = *lines.get(at)?;
    let told = line.trim();
    if told.is_empty() || is_trailer(told) {
        return None;
    }
    if told.starts_with('{') {
        return of_json(told);
    }
    of_trace(lines, at)
        .or_else(|| of_panic(lines, at))
        .or_else(|| of_level(lines, at))
}

static ERROR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"^(?:Uncaught |Unhandled )?[A-Za-z_$][\w.$]*";
    Regex::new(&format!(
        r"{name}(?:Error|Exception|Fault|Exit|Interrupt)(?: \[\w+\])?(?::.*)?$|^Error(?: \[\w+\])?: "
    ))
    .ok()
});

/// Errors as Python, Java, Node and Rust print them.
fn of_trace(lines: &[&str], at: usize) -> Option<(Weight, String)> {
    let line = *lines.get(at)?;
    let told = line.trim();
    let next = |by: usize| lines.get(at + by).map_or("", |line| line.trim_end());
    if is_end_of_traceback(lines, at) {
        let is_summary = told.contains("validation error");
        let details = (1..=2).map(|by| next(by).trim()).filter(|_| is_summary);
        let all: Vec<&str> = std::iter::once(told)
            .chain(details)
            .filter(|part| !part.is_empty())
            .collect();
        return Some((Weight::Fatal, all.join(": ")));
    }
    if let Some(root) = told.strip_prefix("Caused by: ") {
        return Some((Weight::Fatal, root.to_owned()));
    }
    if told == "Description:" {
        let text = lines
            .iter()
            .skip(at + 1)
            .find(|line| !line.trim().is_empty());
        return text.map(|text| (Weight::Fatal, text.trim().to_owned()));
    }
    if told.starts_with("Exception in thread ") {
        return Some((Weight::Fatal, told.to_owned()));
    }
    let is_error = ERROR.as_ref().is_some_and(|error| error.is_match(line));
    if !is_error {
        return None;
    }
    // Rust's `main` prints what it gave up with, and why below it.
    if let Some(root) = reasons_below(lines, at) {
        return Some((Weight::Fatal, format!("{told}: {root}")));
    }
    let is_traced = next(1).trim_start().starts_with("at ");
    let weight = match is_traced {
        true => Weight::Fatal,
        false => Weight::Named,
    };
    Some((weight, told.to_owned()))
}

/// The first line at the margin after a traceback of Python.
fn is_end_of_traceback(lines: &[&str], at: usize) -> bool {
    let is_at_margin = |line: &&str| !line.starts_with([' ', '\t']) && !line.is_empty();
    if !lines.get(at).is_some_and(is_at_margin) {
        return false;
    }
    let above = lines.iter().take(at).rev();
    let above = above.skip_while(|line| !is_at_margin(line) && !line.is_empty());
    let begin = above.clone().next();
    begin.is_some_and(|line| line.starts_with("Traceback (most recent call last)"))
}

/// The last of the reasons that stand below an error, as anyhow prints them.
fn reasons_below<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let mut below = lines.iter().skip(at + 1).skip_while(|line| line.is_empty());
    (*below.next()? == "Caused by:").then_some(())?;
    let reasons = below.take_while(|line| line.starts_with("    "));
    let last = reasons.last()?.trim();
    let numbered = last.split_once(": ");
    Some(match numbered {
        Some((number, text)) if number.bytes().all(|byte| byte.is_ascii_digit()) => text.trim(),
        Some(_) | None => last,
    })
}

/// Panics of Go and Rust.
fn of_panic(lines: &[&str], at: usize) -> Option<(Weight, String)> {
    let told = lines.get(at)?.trim();
    let text = if told.starts_with("panic: ") || told.starts_with("fatal error: ") {
        told.to_owned()
    } else if told.starts_with("thread '") && told.contains("' panicked at ") {
        let next = lines.get(at + 1).map_or("", |line| line.trim());
        match told.ends_with(':') && !next.is_empty() {
            true => format!("panicked: {next}"),
            false => told.to_owned(),
        }
    } else {
        return None;
    };
    Some((Weight::Fatal, text))
}

/// The weight of a level as logs name it.
fn weight_of(level: &str) -> Option<Weight> {
    match level.to_ascii_lowercase().as_str() {
        "f" | "fatal" | "critical" | "crit" | "emerg" | "emergency" | "alert" | "panic" | "60" => {
            Some(Weight::Fatal)
        }
        "e" | "error" | "err" | "eror" | "50" | "severe" => Some(Weight::Error),
        _ => None,
    }
}

/// Lines that begin with a time, a process and a level, and `level=… msg=…`.
fn of_level(lines: &[&str], at: usize) -> Option<(Weight, String)> {
    let told = lines.get(at)?.trim();
    if let Some(level) = field(told, "level").or_else(|| field(told, "lvl")) {
        let weight = weight_of(&level)?;
        let parts = ["msg", "message", "err", "error"];
        let parts: Vec<String> = parts.iter().filter_map(|name| field(told, name)).collect();
        let text = match parts.is_empty() {
            true => told.to_owned(),
            false => parts.join(": "),
        };
        return Some((weight, text));
    }
    // Redis: the line at fault, and what is wrong with it, stand below.
    if told.contains("FATAL CONFIG FILE ERROR") {
        let below = lines.iter().skip(at + 1).map(|line| line.trim());
        let below: Vec<&str> = below
            .filter(|line| !line.is_empty() && !line.starts_with("Reading the configuration"))
            .take(2)
            .collect();
        return Some((Weight::Fatal, below.join(": ")));
    }
    let words = told.split_inclusive(char::is_whitespace).take(8);
    let mut from = 0;
    for word in words {
        let bare = word.trim();
        let level = bare.trim_matches(['[', ']', '(', ')', '<', '>', ':', '|', '*']);
        let is_marked = bare != level || level.bytes().all(|byte| byte.is_ascii_uppercase());
        if let Some(weight) = weight_of(level).filter(|_| is_marked && level.len() > 2) {
            let rest = told.get(from + word.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches([':', ' ', '-', '|']).trim();
            return (!rest.is_empty()).then(|| (weight, rest.to_owned()));
        }
        from += word.len();
    }
    told.starts_with("PHP Fatal error:")
        .then(|| (Weight::Fatal, told.to_owned()))
}

/// A field of `name=value` or `name="value"`.
fn field(line: &str, name: &str) -> Option<String> {
    let begin = format!("{name}=");
    let at = match line.starts_with(&begin) {
        true => 0,
        false => line.find(&format!(" {begin}"))? + 1,
    };
    let value = line.get(at + begin.len()..)?;
    let Some(quoted) = value.strip_prefix('"') else {
        return value.split_whitespace().next().map(str::to_owned);
    };
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return Some(text),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    Some(text)
}

/// A line of a log that is JSON, such as MongoDB's and pino's.
fn of_json(line: &str) -> Option<(Weight, String)> {
    let told: Value = serde_json::from_str(line).ok()?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            let message = fields.get("message").or_else(|| fields.get("errmsg"));
            message.and_then(Value::as_str).map(str::to_owned)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    };
    let level = ["level", "severity", "s", "lvl", "log.level"];
    let level = level.iter().find_map(|name| told.get(name))?;
    let level = level
        .as_str()
        .map_or_else(|| level.to_string(), str::to_owned);
    let weight = weight_of(&level)?;
    let first = ["msg", "message"];
    let first = first.iter().find_map(|name| text(told.get(name)?));
    let more = [told.get("attr").and_then(|attr| attr.get("error"))];
    let more = more
        .into_iter()
        .chain(["err", "error"].map(|name| told.get(name)));
    let more = more.flatten().find_map(text);
    let parts: Vec<String> = [first, more].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| (weight, parts.join(": ")))
}

/// Whether a line only follows on an error: a frame, a version, advice.
fn is_trailer(line: &str) -> bool {
    const BEGINS: [&str; 17] = [
        "Node.js v",
        "at ",
        "File \"",
        "goroutine ",
        "exit status ",
        "exited with code ",
        "npm ERR!",
        "npm error",
        "error Command failed",
        "info Visit ",
        "note: run with `RUST_BACKTRACE",
        "note: Some details are omitted",
        "Traceback (most recent call last)",
        "[signal ",
        "... ",
        "created by ",
        "ELIFECYCLE",
    ];
    let is_mark = |c: char| matches!(c, '^' | '~' | '{' | '}' | '[' | ']' | ',' | ';' | '-' | '=');
    BEGINS.iter().any(|begin| line.starts_with(begin))
        || line.chars().all(|c| is_mark(c) || c.is_whitespace())
        || line.contains("ELIFECYCLE")
}

#[cfg(test)]
mod tests;

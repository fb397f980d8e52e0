//! A story in words: what, from which version to which, how long without service, and the one
//! command to look further.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::story::Story;
use super::word::Word;
use crate::complaint::Code;
use crate::complaint::passing::is_outside;
use crate::event::{CheckoutNews, ImageNews, NoteCode, Outcome, ServiceSummary, Unanswered};
use crate::report::words::{recovered, secs};
use crate::secret::Redactor;

/// A reason is cut at so many characters: some receivers take no more than 2,000 in all.
const LONGEST: usize = 500;

/// So many of a kind are named, the others counted.
const NAMED: usize = 8;

/// What one who is told reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// Of what; `None`: that there was a run, and nothing to do.
    pub word: Option<Word>,
    /// A person is needed.
    pub grave: bool,
    /// One line.
    pub title: String,
    /// The rest.
    pub lines: Vec<String>,
    /// The same for programs.
    pub facts: Value,
}

impl Message {
    /// Of a run.
    pub(crate) fn of(story: &Story, at: Timestamp, redactor: &Redactor) -> Self {
        let word = story.word();
        let beside = match story.is_beside() {
            true => "; a registry refuses the login",
            false => "",
        };
        let headline = headline(story, word);
        let title = redactor.redact(&format!("{}: {headline}{beside}", story.project));
        let lines = lines(story, word);
        let lines: Vec<String> = lines.iter().map(|line| redactor.redact(line)).collect();
        let mut facts = facts(story, word, at);
        facts["title"] = title.as_str().into();
        facts["text"] = lines.join("\n").into();
        if let Some(reason) = &story.reason {
            facts["reason"] = redactor.redact(reason).into();
        }
        Self {
            grave: word == Some(Word::Failure) || story.is_beside(),
            word,
            title,
            lines,
            facts,
        }
    }

    /// A try, of `refit notify test`.
    pub(crate) fn test(project: &str, directory: &Path, host: &str, at: Timestamp) -> Self {
        let title = format!("{project}: this is a test");
        let look = command(directory, "history");
        let text = format!("refit on {host} can reach you.\nMore: {look}");
        let facts = json!({
            "version": 1, "event": "test", "at": at.to_string(), "project": project,
            "directory": directory, "host": host, "title": title, "text": text, "look": look,
        });
        Self {
            word: Some(Word::Applied),
            grave: false,
            lines: text.lines().map(str::to_owned).collect(),
            title,
            facts,
        }
    }

    /// Everything but the title.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

fn headline(story: &Story, word: Option<Word>) -> String {
    let verb = match story.verb.as_str() {
        "" => "a run",
        verb => verb,
    };
    let what = match target(story) {
        Some(target) => format!("{verb} to {target}"),
        None => verb.to_owned(),
    };
    let ended = matches!(story.outcome, Some(Outcome::NothingToDo | Outcome::Refused));
    if let (true, Some((run, outcome))) = (ended, &story.recovered)
        && word != Some(Word::Available)
    {
        return recovered(*run, *outcome);
    }
    match (word, story.outcome) {
        (Some(Word::Available), _) => match target(story) {
            Some(target) if is_checkout(story) => format!("{target} is available"),
            Some(images) => format!("{images} are available"),
            None => "something newer is available".to_owned(),
        },
        (Some(Word::Applied), _) => format!("{what} applied"),
        (Some(Word::Rollback), _) => format!("{what} failed, and was rolled back"),
        (_, Some(Outcome::Refused)) => refused(&what, story.code),
        (_, Some(Outcome::RollbackFailed)) => {
            format!("{what} failed, and is not rolled back: a person is needed")
        }
        (_, Some(Outcome::FailedBefore)) => format!("{what} failed; nothing was changed"),
        (_, Some(Outcome::NothingToDo)) if story.skipped == Some(NoteCode::FailedBefore) => {
            format!("{what} was skipped: this version failed before")
        }
        (_, Some(Outcome::NothingToDo)) if story.skipped == Some(NoteCode::UndoneBefore) => {
            format!("{what} was skipped: this version was rolled back")
        }
        (_, Some(Outcome::NothingToDo)) if !unanswered(story).is_empty() => {
            format!("{verb}: nothing to do, as far as registries answered")
        }
        (_, Some(Outcome::NothingToDo) | None) => format!("{verb}: nothing to do"),
        (_, Some(Outcome::Applied)) => format!("{what} applied"),
        (_, Some(Outcome::NotProven)) => {
            format!("{what} applied, and not proven: what was failing before is not well")
        }
        (_, Some(Outcome::RolledBack)) => format!("{what} failed, and was rolled back"),
    }
}

/// Of what was not begun; not everything of that was refused by somebody.
fn refused(what: &str, code: Option<Code>) -> String {
    match code {
        Some(Code::MaxFailures) => "unattended upgrades have stopped".to_owned(),
        Some(Code::Postponed) => "an unattended upgrade was skipped".to_owned(),
        Some(Code::Stale) => "unattended upgrades do not succeed".to_owned(),
        Some(Code::Unhealthy) => "a service is not as an earlier run left it".to_owned(),
        Some(code) if is_outside(code) => format!("{what} failed; nothing was changed"),
        Some(_) | None => format!("{what} was refused"),
    }
}

/// What registries did not tell.
fn unanswered(story: &Story) -> &[Unanswered] {
    story.news.as_ref().map_or(&[], |news| &news.unanswered)
}

fn is_checkout(story: &Story) -> bool {
    let news = story.news.as_ref();
    news.is_some_and(|news| news.checkout.is_some())
}

/// What an upgrade goes to.
fn target(story: &Story) -> Option<String> {
    let news = story.news.as_ref().filter(|_| story.has_news())?;
    if let Some(checkout) = &news.checkout {
        let short = short(&checkout.to);
        return Some(
            match checkout.target == checkout.to || checkout.target.is_empty() {
                true => short.to_owned(),
                false => format!("{} ({short})", checkout.target),
            },
        );
    }
    let names = news.images.iter().map(|image| image.service.as_str());
    Some(format!("new images of {}", some(names)))
}

/// The beginning of a commit or digest.
fn short(id: &str) -> &str {
    let hex = id.rsplit_once(':').map_or(id, |(_, hex)| hex);
    hex.get(..9).unwrap_or(hex)
}

/// Names with commas; those beyond [`NAMED`] are counted.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<&str> = names.collect();
    all.dedup();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let named = all.join(", ");
    match more {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn lines(story: &Story, word: Option<Word>) -> Vec<String> {
    let earlier = story.recovered.iter();
    let mut lines: Vec<String> = earlier
        .map(|(run, outcome)| format!("First: {}", recovered(*run, *outcome)))
        .collect();
    lines.extend(what_changes(story));
    if word != Some(Word::Available) {
        lines.extend(away(&story.services));
    }
    // That it ended well has no reason; what is a failure beside it was not checked.
    let reason = story.reason.as_ref().filter(|_| !story.is_beside());
    lines.extend(reason.map(|reason| format!("Reason: {}", cut(reason))));
    let told = |one: &&Unanswered| reason.is_none_or(|reason| !reason.contains(&one.text));
    let silent = unanswered(story).iter().filter(told).take(NAMED);
    lines.extend(silent.map(|one| format!("Not checked: {}", cut(&one.text))));
    lines.extend(story.left_out.iter().map(|one| cut(one)));
    let ended = story.outcome;
    let is_left = matches!(ended, Some(Outcome::Refused | Outcome::RollbackFailed));
    if is_left || story.is_beside() {
        lines.extend(
            story
                .todo
                .iter()
                .map(|todo| format!("To do: {}", cut(todo))),
        );
    }
    lines.push(format!("More on {}: {}", story.host, look(story, word)));
    lines
}

fn cut(text: &str) -> String {
    let text = crate::text::printable(text).replace(['\n', '\t'], " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn what_changes(story: &Story) -> Vec<String> {
    let Some(news) = story.news.as_ref().filter(|_| story.has_news()) else {
        let mut files: Vec<&str> = Vec::new();
        for (file, _) in &story.changes {
            if !files.contains(&file.as_str()) {
                files.push(file);
            }
        }
        let line = |file: &&str| {
            let of_file = story.changes.iter().filter(|(own, _)| own == file);
            format!("{file}: {}", some(of_file.map(|(_, key)| key.as_str())))
        };
        return files.iter().take(NAMED).map(line).collect();
    };
    let mut lines: Vec<String> = news.checkout.iter().map(of_checkout).collect();
    lines.extend(news.images.iter().take(NAMED).map(of_image));
    let more = news.images.len().saturating_sub(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more images"));
    }
    lines
}

fn of_checkout(news: &CheckoutNews) -> String {
    let commits = match news.commits {
        0 => String::new(),
        1 => ", 1 new commit".to_owned(),
        count => format!(", {count} new commits"),
    };
    let (from, to) = (short(&news.from), short(&news.to));
    format!("{from} → {to} ({}){commits}", news.target)
}

fn of_image(news: &ImageNews) -> String {
    if let Some(was) = &news.was {
        return format!("{}: {was} → {}", news.service, news.name);
    }
    if let Some(versions) = news.versions() {
        return format!("{}: {} {versions}", news.service, news.name);
    }
    let from = news.from.as_deref().map_or("none", short);
    let to = short(&news.to);
    format!("{}: {} {from} → {to}", news.service, news.name)
}

/// How long services were away: their ports, where that was measured, else their containers.
fn away(services: &[ServiceSummary]) -> Option<String> {
    let time = |millis: u64| secs(Duration::from_millis(millis));
    let of = |one: &ServiceSummary| {
        let service = &one.service;
        match (one.down_ms, one.replaced_ms) {
            (Some(down), _) => Some(format!("{service} port down {}", time(down))),
            (None, Some(replaced)) => Some(format!(
                "{service} container replaced in {}",
                time(replaced)
            )),
            (None, None) => None,
        }
    };
    let known: Vec<String> = services.iter().filter_map(of).collect();
    match (services.is_empty(), known.is_empty()) {
        (true, _) => None,
        (false, true) => Some("No service was seen to go down".to_owned()),
        _ => Some(format!("Away: {}", some(known.iter().map(String::as_str)))),
    }
}

/// The one command to look further.
fn look(story: &Story, word: Option<Word>) -> String {
    let run = story.run.or(story.recovered.map(|(run, _)| run));
    let words = match (word, run) {
        (Some(Word::Available), _) => "upgrade --check".to_owned(),
        (_, Some(run)) => format!("show {run}"),
        (_, None) => "status".to_owned(),
    };
    command(&story.directory, &words)
}

fn command(directory: &Path, words: &str) -> String {
    let directory = directory.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@".contains(c);
    match directory.chars().all(plain) {
        true => format!("refit -C {directory} {words}"),
        false => format!("refit -C '{}' {words}", directory.replace('\'', r"'\''")),
    }
}

/// What the JSON of a webhook says; the names stay.
fn facts(story: &Story, word: Option<Word>, at: Timestamp) -> Value {
    let changes: Vec<Value> = story
        .changes
        .iter()
        .map(|(file, key)| json!({"file": file, "key": key}))
        .collect();
    let services: Vec<Value> = story
        .services
        .iter()
        .map(|one| {
            let (service, action) = (&one.service, one.action.word());
            json!({
                "service": service, "action": action,
                "down_ms": one.down_ms, "replaced_ms": one.replaced_ms,
            })
        })
        .collect();
    let checkout = story.news.as_ref().and_then(|news| news.checkout.as_ref());
    let images = story.news.as_ref().map(|news| &news.images);
    json!({
        "version": 1,
        "event": word.map(Word::word),
        "at": at.to_string(),
        "project": story.project,
        "directory": story.directory,
        "host": story.host,
        "run": story.run,
        "command": story.verb,
        "unattended": story.unattended,
        "outcome": story.outcome.map(Outcome::word),
        "code": story.code,
        "reason": null,
        "changes": changes,
        "checkout": checkout.map(|news| json!({
            "from": news.from, "to": news.to, "target": news.target, "commits": news.commits,
        })),
        "images": images,
        "unanswered": unanswered(story),
        "services": services,
        "look": look(story, word),
    })
}

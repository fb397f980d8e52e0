//! Errors that a new version logs at its start and the one before did not, neither at its start nor at its
//! end: it may be healthy all the same. Nobody is waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::transaction::Transaction;
use crate::docker::EngineError;
use crate::event::{NoteCode, ServiceName};
use crate::health::new_errors::{EarlierLogs, new_kinds};
use crate::health::watch::Watch;

/// So long a time from a start is looked at.
const FIRST: Duration = Duration::from_secs(60);
/// So many of the last lines before a container goes: what it has logged all along is not new.
const LAST_LINES: u32 = 400;
/// So many errors are told.
const MOST: usize = 3;
/// So much of each.
const LONGEST: usize = 200;

impl Transaction<'_> {
    /// Reads the logs of what is about to be replaced: the engine forgets them with the containers.
    pub(super) async fn earlier_logs(&self) -> EarlierLogs {
        let mut found = EarlierLogs::new();
        if self.assessment.supply().is_none() {
            return found;
        }
        for container in &self.assessment.containers {
            let service = &container.service;
            if !self.assessment.makes_anew(service) {
                continue;
            }
            let said = self.earlier_log(&container.id).await;
            let said = said.map_err(|error| error.to_string());
            match (found.get_mut(service), said) {
                (Some(Ok(lines)), Ok(more)) => lines.extend(more),
                (Some(Err(_)), Ok(_)) => {}
                (_, said) => drop(found.insert(service.clone(), said)),
            }
        }
        found
    }

    async fn earlier_log(&self, id: &str) -> Result<Vec<String>, EngineError> {
        let docker = &self.place.docker;
        let started = docker.inspect(id).await?.and_then(|found| found.started_at);
        let Some(started) = started else {
            return Ok(Vec::new());
        };
        let mut lines = docker.first_log(id, started, FIRST).await?;
        lines.extend(docker.logs(id, started, LAST_LINES).await?);
        Ok(lines)
    }

    /// Says which errors are of a new kind, of the services that run another image now.
    pub(super) async fn tell_new_errors(
        &self,
        watch: &Watch,
        earlier: &EarlierLogs,
        with_other_image: &BTreeSet<ServiceName>,
    ) {
        for service in with_other_image {
            let Some(before) = earlier.get(service) else {
                continue;
            };
            let looked = match before {
                Ok(before) => {
                    let looked = self.new_errors(watch, service, before).await;
                    looked.map_err(|error| error.to_string())
                }
                Err(why) => Err(why.clone()),
            };
            match looked {
                Ok(Some(text)) => self.emitter.note(NoteCode::NewErrors, text),
                Ok(None) => {}
                Err(why) => {
                    let text =
                        format!("not looked at: whether {service} logs errors that are new: {why}");
                    self.emitter.note(NoteCode::NotCompared, text);
                }
            }
        }
    }

    async fn new_errors(
        &self,
        watch: &Watch,
        service: &ServiceName,
        before: &[String],
    ) -> Result<Option<String>, EngineError> {
        let docker = &self.place.docker;
        let (mut after, mut longest) = (Vec::new(), Duration::ZERO);
        for id in watch.containers(service) {
            let started = docker
                .inspect(&id)
                .await?
                .and_then(|found| found.started_at);
            let Some(started) = started else {
                continue;
            };
            let runs = Timestamp::now().duration_since(started);
            longest = longest.max(Duration::try_from(runs).unwrap_or_default());
            after.extend(docker.first_log(&id, started, FIRST).await?);
        }
        // Secrets differ from one start to the next, and are no kind of an error.
        let redactor = self.assessment.redactor();
        let new = new_kinds(&redactor.lines(before), &redactor.lines(&after));
        Ok(told(service, &new, longest.min(FIRST)))
    }
}

fn told(service: &ServiceName, new: &[String], time: Duration) -> Option<String> {
    let kinds = match new.len() {
        0 => return None,
        1 => "an error that is new".to_owned(),
        count => format!("{count} errors that are new"),
    };
    let cut = |text: &String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.clone(),
    };
    let lines: Vec<String> = new.iter().take(MOST).map(cut).collect();
    let more = match new.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" (and {more} more: docker compose logs {service})"),
    };
    let seconds = time.as_secs().max(1);
    Some(format!(
        "{service} logs {kinds} in its first {seconds} s; the version before did not: {}{more}",
        lines.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_told_and_the_rest_is_counted() {
        let new: Vec<String> = ["one", "two", "three", "four"].map(str::to_owned).into();
        let text = |new: &[String]| told(&"api".into(), new, Duration::from_millis(5300));
        assert_eq!(text(&[]), None);
        assert_eq!(
            text(&new[..1]).unwrap(),
            "api logs an error that is new in its first 5 s; the version before did not: one"
        );
        let all = text(&new).unwrap();
        assert!(
            all.ends_with("one; two; three (and 1 more: docker compose logs api)"),
            "{all}"
        );
        let long = text(&["x".repeat(1000)]).unwrap();
        assert!(long.ends_with("x…") && long.len() < 400);
    }
}

//! `refit schedule status`: the timer, when it fires, what came of it, and whether this machine would run
//! it.

use serde_json::{Value, json};

use super::super::global::Global;
use super::result::told;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::health::Moment;
use crate::schedule::status::{self, ScheduleStatus};
use crate::schedule::timer::InstalledTimer;

pub(super) async fn status(global: &Global) -> Result<Exit, Complaint> {
    let ScheduleStatus {
        id,
        timers,
        last,
        not_trusted,
    } = status::of(&global.stack_request()).await?;
    if global.json {
        let timers: Vec<Value> = timers
            .iter()
            .map(|(one, health)| {
                json!({
                    "via": one.via,
                    "file": one.file,
                    "next": health.next.as_ref().map(Moment::row),
                    "last": health.last.as_ref().map(Moment::row),
                    "problems": health.problems,
                })
            })
            .collect();
        page::document(&json!({
            "id": id, "timers": timers, "last_result": last, "not_trusted": not_trusted,
        }));
        return Ok(Exit::Done);
    }
    if timers.is_empty() {
        page::advice("no timer is installed for this stack; refit schedule install makes one");
    }
    for (InstalledTimer { via, file, .. }, health) in &timers {
        report::out(&format!("timer   {}, {}", via.words(), file.display()));
        let next = health.next.as_ref();
        let next = next.map_or_else(|| "unknown".to_owned(), Moment::to_string);
        report::out(&format!("next    {next}"));
        for problem in &health.problems {
            report::out(&format!("! {problem}"));
        }
        if health.problems.is_empty() {
            report::out("        this machine will run it");
        }
    }
    report::out(&format!(
        "last    {}",
        last.as_ref().map_or_else(|| "none yet".to_owned(), told)
    ));
    for text in not_trusted {
        page::advice(&format!("! {text}"));
    }
    Ok(Exit::Done)
}

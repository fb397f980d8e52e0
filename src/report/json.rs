//! JSON Lines: one event a line, with the names of docs/json.md. The fields are written out here,
//! never taken from internal types, so that they stay when those change.

use serde_json::{Map, Value, json};

use super::output::print;
use crate::complaint::Complaint;
use crate::event::{Event, Kind, PlannedStep, ServiceSummary, Shown, Tell};

/// Prints each event as a line.
pub(crate) struct JsonLines;

impl Tell for JsonLines {
    fn tell(&self, event: &Event) {
        if let Some(line) = line(event) {
            print(&format!("{line}\n"));
        }
    }
}

/// An event as JSON; what is only for the eye has none.
pub(crate) fn line(event: &Event) -> Option<Value> {
    let (name, fields) = fields(event.kind())?;
    let mut line = Map::new();
    line.insert("event".into(), name.into());
    line.insert("at".into(), event.at().to_string().into());
    line.insert("run".into(), event.run().map(|run| run.0).into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    Some(Value::Object(line))
}

fn fields(kind: &Kind) -> Option<(&'static str, Value)> {
    Some(match kind {
        Kind::RunStarted {
            command,
            project,
            directory,
        } => (
            "run_started",
            json!({"command": command, "project": project, "directory": directory}),
        ),
        Kind::Change {
            file,
            key,
            before,
            after,
            same,
        } => {
            let mut change = json!({
                "file": file, "key": key, "before": shown(before), "after": shown(after),
            });
            if [before, after].contains(&&Shown::Secret) {
                change["secret"] = true.into();
            }
            if *same {
                change["same"] = true.into();
            }
            ("change", change)
        }
        Kind::Diff { file, lines } => ("diff", json!({"file": file, "lines": lines})),
        Kind::Plan { steps, untouched } => {
            let steps: Vec<Value> = steps.iter().map(step).collect();
            ("plan", json!({"steps": steps, "untouched": untouched}))
        }
        Kind::News(news) => ("news", json!(news)),
        Kind::Phase { phase } => ("phase", json!({"phase": phase.word()})),
        Kind::Progress { what, done, total } => (
            "progress",
            json!({"what": what, "done": done, "total": total}),
        ),
        Kind::Container {
            service,
            state,
            health,
            restarts,
        } => (
            "container",
            json!({"service": service, "state": state, "health": health, "restarts": restarts}),
        ),
        Kind::Verdict {
            service,
            verdict,
            reason,
            ports,
            times,
        } => (
            "verdict",
            json!({
                "service": service,
                "verdict": verdict.word(),
                "reason": reason,
                "ports": ports,
                "after_ms": millis(times.after),
                "running_ms": times.running.map(millis),
                "down_ms": times.down.map(|down| millis(down.time)),
                "down_port": times.down.map(|down| down.port),
                "replaced_ms": times.replaced.map(millis),
            }),
        ),
        Kind::Waiting {
            service,
            what,
            elapsed,
            limit,
        } => (
            "waiting",
            json!({
                "service": service,
                "what": what,
                "elapsed_ms": millis(*elapsed),
                "limit_ms": millis(*limit),
            }),
        ),
        Kind::Effect {
            service,
            key,
            route,
            ok,
            how,
            what,
        } => (
            "effect",
            json!({
                "service": service,
                "key": key,
                "route": route.word(),
                "ok": ok,
                "how": how.word(),
                "text": what,
            }),
        ),
        Kind::Proof {
            service,
            check,
            result,
            what,
        } => (
            "proof",
            json!({"service": service, "check": check, "result": result.word(), "text": what}),
        ),
        Kind::Rollback { reason } => ("rollback", json!({"reason": reason})),
        Kind::Restored { files, removed } => {
            ("restored", json!({"files": files, "removed": removed}))
        }
        Kind::Recovered { run, outcome } => (
            "recovered",
            json!({"recovered_run": run, "outcome": outcome.word()}),
        ),
        Kind::Note { code, text } => ("note", json!({"code": code, "text": text})),
        Kind::Logs { service, lines } => ("logs", json!({"service": service, "lines": lines})),
        Kind::Complaint(complaint) => ("error", self::complaint(complaint)),
        Kind::Watched {
            exit_code,
            duration,
            text,
        } => (
            "watched",
            json!({"exit_code": exit_code, "duration_ms": millis(*duration), "text": text}),
        ),
        Kind::Finished {
            outcome,
            exit_code,
            duration,
            services,
            next,
        } => {
            let services: Vec<Value> = services.iter().map(summary).collect();
            (
                "finished",
                json!({
                    "outcome": outcome.word(),
                    "exit_code": exit_code,
                    "duration_ms": millis(*duration),
                    "services": services,
                    "text": next,
                }),
            )
        }
    })
}

/// A complaint as JSON.
pub(crate) fn complaint(complaint: &Complaint) -> Value {
    json!({
        "code": complaint.code,
        "text": complaint.text,
        "details": complaint.details,
        "hint": complaint.hint,
    })
}

/// A planned step as JSON.
pub(crate) fn step(step: &PlannedStep) -> Value {
    let reasons: Vec<Value> = step
        .reasons
        .iter()
        .map(|reason| {
            json!({
                "route": reason.route.word(),
                "file": reason.file,
                "key": reason.key,
                "text": reason.text,
            })
        })
        .collect();
    json!({"service": step.service, "action": step.action.word(), "reasons": reasons})
}

fn summary(summary: &ServiceSummary) -> Value {
    json!({
        "service": summary.service,
        "action": summary.action.word(),
        "down_ms": summary.down_ms,
        "replaced_ms": summary.replaced_ms,
    })
}

fn shown(value: &Shown) -> Value {
    match value {
        Shown::Plain(text) => text.as_str().into(),
        Shown::Absent | Shown::Secret => Value::Null,
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunId;
    use crate::secret::Redactor;

    #[test]
    fn a_secret_change_has_no_values() {
        let kind = Kind::Change {
            file: ".env".into(),
            key: "API_KEY".into(),
            before: Shown::Absent,
            after: Shown::Secret,
            same: false,
        };
        let at = "2026-08-01T10:00:00Z".parse().unwrap();
        let event = Event::new(at, Some(RunId(7)), kind, &Redactor::default());
        assert_eq!(
            line(&event).unwrap().to_string(),
            r#"{"event":"change","at":"2026-08-01T10:00:00Z","run":7,"file":".env","key":"API_KEY","before":null,"after":null,"secret":true}"#
        );
    }
}

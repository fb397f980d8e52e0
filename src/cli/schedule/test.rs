//! `refit schedule test`: the timer's command in the timer's environment, as a check that changes nothing.

use serde_json::json;

use super::super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::test;

pub(super) async fn test(global: &Global) -> Result<Exit, Complaint> {
    let trial = test::of(&global.stack_request()).await?;
    let loud = !global.quiet && !global.json;
    if loud {
        report::err(&format!("as {}: {}", trial.account.name, trial.shown()));
    }
    let code = trial.run(loud).await?;
    let works = code == Some(0) && !trial.lacks_logins;
    if global.json {
        page::document(&json!({
            "id": trial.id,
            "via": trial.via,
            "user": trial.account.name,
            "command": trial.shown(),
            "works": works,
            "exit_code": code,
            "problems": trial.problems,
        }));
    }
    if loud {
        for problem in &trial.problems {
            report::err(&format!("! {problem}"));
        }
        report::err(match (works, code == Some(0)) {
            (true, _) => "✓ the timer's command works in the timer's environment",
            (false, true) => "✗ the timer cannot log in where you can",
            (false, false) => "✗ the timer's command fails in the timer's environment",
        });
    }
    Ok(if works { Exit::Done } else { Exit::Refused })
}

//! `refit schedule test`: the timer's command in the timer's environment, as a check that changes nothing.

use serde_json::json;

use super::super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::stack::Stack;
use crate::schedule::{test, timer};

pub(super) async fn test(global: &Global) -> Result<Exit, Complaint> {
    let stack = Stack::find(&global.stack_request()).await?;
    let found = timer::find(&stack.id, &stack.account).await;
    let Some(one) = found.first() else {
        let text = "no timer is installed for this stack, so there is none to test";
        return Err(
            Complaint::new(Code::NotScheduled, text).hint("refit schedule install makes one")
        );
    };
    let command = test::command(one, &stack).await?;
    let loud = !global.quiet && !global.json;
    if loud {
        report::err(&format!("as {}: {}", stack.account.name, command.shown()));
    }
    let code = command.run_as_check(&stack.account, loud).await?;
    let works = code == Some(0);
    if global.json {
        page::document(&json!({
            "id": stack.id,
            "via": one.via,
            "user": stack.account.name,
            "command": command.shown(),
            "works": works,
            "exit_code": code,
        }));
    }
    if loud {
        report::err(match works {
            true => "✓ the timer's command works in the timer's environment",
            false => "✗ the timer's command fails in the timer's environment",
        });
    }
    Ok(if works { Exit::Done } else { Exit::Refused })
}

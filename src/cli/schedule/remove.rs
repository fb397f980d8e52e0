//! `refit schedule remove`: takes the timer of the stack out again.

use serde_json::json;

use super::super::global::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::report::{self, page};
use crate::schedule::stack::ScheduledStack;
use crate::schedule::timer;

pub(super) async fn remove(global: &Global) -> Result<Exit, Complaint> {
    let stack = ScheduledStack::find(&global.stack_request()).await?;
    let found = timer::to_remove(&stack).await?;
    for one in &found {
        timer::remove(one, &stack).await?;
        if !global.json {
            report::out(&format!("Removed from {}", one.via.words()));
        }
    }
    if global.json {
        page::document(&json!({"removed": found.iter().map(|one| one.via).collect::<Vec<_>>()}));
    } else if found.is_empty() {
        report::out("Nothing to do: no timer is installed for this stack");
    }
    Ok(Exit::Done)
}

//! A stack's timers as they are, and what came of the last one.

use super::health::{self, TimerHealth};
use super::record::{self, Firing};
use super::stack::ScheduledStack;
use super::timer::{self, InstalledTimer};
use crate::complaint::Complaint;
use crate::request::StackRequest;

/// What there is to say of the timers of a stack.
pub(crate) struct ScheduleStatus {
    /// Names them.
    pub id: String,
    /// Each, with what it says of itself.
    pub timers: Vec<(InstalledTimer, TimerHealth)>,
    /// The last time that one fired.
    pub last: Option<Firing>,
}

/// Looks.
///
/// # Errors
/// There is neither a timer nor a stack, or what is remembered cannot be read.
pub(crate) async fn of(request: &StackRequest) -> Result<ScheduleStatus, Complaint> {
    let stack = ScheduledStack::find(request).await?;
    let mut timers = Vec::new();
    for one in timer::find(&stack).await {
        let health = health::of(&one, &stack).await;
        timers.push((one, health));
    }
    if timers.is_empty() {
        stack.usable()?;
    }
    let last = record::last(&stack.directory, &stack.state).await?;
    Ok(ScheduleStatus {
        id: stack.id,
        timers,
        last,
    })
}

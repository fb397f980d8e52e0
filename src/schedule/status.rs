//! A stack's timers as they are, and what came of the last one.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::health::{self, TimerHealth};
use super::policy;
use super::record::{self, Firing};
use super::stack::ScheduledStack;
use super::timer::{self, InstalledTimer};
use crate::complaint::Complaint;
use crate::request::StackRequest;
use crate::settings::WaitingAction;
use crate::state::StackState;

/// What there is to say of the timers of a stack.
pub(crate) struct ScheduleStatus {
    /// Names them.
    pub id: String,
    /// Each, with what it says of itself.
    pub timers: Vec<(InstalledTimer, TimerHealth)>,
    /// The last time that one fired.
    pub last: Option<Firing>,
    /// What it leaves out until it is accepted.
    pub not_trusted: Vec<String>,
}

/// That no run has succeeded for longer than `stale_after:`, as long as something calls them.
///
/// # Errors
/// What is remembered cannot be read, or the stack cannot be found.
pub(crate) async fn stale(
    request: &StackRequest,
    directory: &Path,
    state: &StackState,
    limit: Duration,
) -> Result<Option<String>, Complaint> {
    let entries = record::entries(directory, state).await?;
    let (now, repaired) = (Timestamp::now(), super::unattended::repaired(state)?);
    let Some(since) = policy::stale(&entries, repaired, now, limit) else {
        return Ok(None);
    };
    let is_called = entries.last().is_some_and(|last| {
        let ago = Duration::try_from(now.duration_since(last.at)).unwrap_or_default();
        ago <= limit
    });
    // One that fires no more is the worst of them; a stack without one waits for nothing.
    if !is_called {
        let stack = ScheduledStack::find(request).await?;
        if timer::find(&stack).await.is_empty() {
            return Ok(None);
        }
    }
    let since = since.to_zoned_datetime(jiff::tz::TimeZone::system());
    Ok(Some(policy::stale_text(&since)))
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
        not_trusted: stack.waits.iter().map(WaitingAction::left_out).collect(),
    })
}

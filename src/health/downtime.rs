//! The time in which no container of a service was there to answer.

use std::collections::BTreeSet;
use std::time::Duration;

/// Counted from what the watch sees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Downtime {
    serving: BTreeSet<String>,
    since: Option<Duration>,
    total: Duration,
    observed: bool,
}

impl Downtime {
    /// These serve when the watch begins.
    pub(super) fn served_by(ids: impl Iterator<Item = String>) -> Self {
        Self {
            serving: ids.collect(),
            ..Self::default()
        }
    }

    pub(super) fn up(&mut self, id: &str, at: Duration) {
        if self.serving.is_empty()
            && let Some(since) = self.since.take()
        {
            self.total += at.saturating_sub(since);
        }
        self.serving.insert(id.to_owned());
    }

    pub(super) fn down(&mut self, id: &str, at: Duration) {
        if self.serving.remove(id) && self.serving.is_empty() {
            self.observed = true;
            self.since = Some(at);
        }
    }

    /// It was away already when the watch began, whatever container of it is up.
    pub(crate) fn away_from_the_start(&mut self) {
        *self = Self {
            since: Some(Duration::ZERO),
            observed: true,
            ..Self::default()
        };
    }

    /// Whether it is away now, after it was there.
    pub(crate) fn is_away(&self) -> bool {
        self.since.is_some()
    }

    /// Time without service; `None` for a service that was never seen to go down.
    pub(crate) fn total(&self, now: Duration) -> Option<Duration> {
        let open = self
            .since
            .map(|since| now.saturating_sub(since))
            .unwrap_or_default();
        self.observed.then_some(self.total + open)
    }
}

//! Whether a container that runs does so only until its next crash.

use std::time::Duration;

use jiff::Timestamp;

use super::client::Docker;
use super::container::{Health, LastStart};
use super::error::EngineError;
use super::events::PastLife;

/// Of two lives that are shorter, the longer one tells nothing: the machine may have had more to do.
const SHORT: Duration = Duration::from_secs(3);

/// Whoever has run for so long runs.
const YOUNG: Duration = Duration::from_secs(10);

impl Docker {
    /// Whether the engine had to start a container again a moment ago, and nothing tells that it is well
    /// since.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn is_crashing(
        &self,
        id: &str,
        start: LastStart,
    ) -> Result<bool, EngineError> {
        let ran = start.at.map(|at| Timestamp::now().duration_since(at));
        let ran = ran.and_then(|ran| Duration::try_from(ran).ok());
        let Some(ran) = ran.filter(|ran| *ran < YOUNG && start.restarts > 0) else {
            return Ok(false);
        };
        // The engine asks anew after each start.
        if start.health == Health::Healthy {
            return Ok(false);
        }
        Ok(may_crash(ran, &self.earlier_lives(id).await?))
    }

    /// Whether a container that the engine had to start again ended well each time: that is its way.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn starts_over(&self, id: &str) -> Result<bool, EngineError> {
        Ok(ended_well(&self.earlier_lives(id).await?))
    }
}

/// Whether it may end as it did before: it has not run for much longer than the times before.
fn may_crash(ran: Duration, earlier: &[PastLife]) -> bool {
    let longest = earlier.iter().map(|life| life.ran).max();
    !ended_well(earlier) && longest.is_none_or(|longest| ran < (longest * 2).max(SHORT))
}

fn ended_well(earlier: &[PastLife]) -> bool {
    !earlier.is_empty() && earlier.iter().all(|life| life.exit_code == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_much_longer_than_before_does_not_crash() {
        let of = |tenths: u64| Duration::from_millis(100 * tenths);
        let life = |tenths, exit_code| PastLife {
            ran: of(tenths),
            exit_code,
        };
        let earlier = [life(20, 1), life(30, 1)];
        assert!(may_crash(of(59), &earlier));
        assert!(!may_crash(of(60), &earlier));
        assert!(may_crash(of(29), &[life(1, 1)]));
        assert!(!may_crash(of(30), &[life(1, 1)]));
        // The engine has forgotten how it was.
        assert!(may_crash(of(90), &[]));
        // It does something, ends, and is started again.
        assert!(!may_crash(of(1), &[life(50, 0), life(51, 0)]));
    }
}

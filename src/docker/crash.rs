//! Whether a container that runs does so only until its next crash.

use std::time::Duration;

use jiff::Timestamp;

use super::client::Docker;
use super::container::{Health, LastStart};
use super::error::EngineError;

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
        Ok(is_as_short(ran, &self.earlier_lives(id).await?))
    }
}

/// Whether it may end as it did before: it has not run for much longer than the times before.
fn is_as_short(ran: Duration, earlier: &[Duration]) -> bool {
    let longest = earlier.iter().max();
    longest.is_none_or(|longest| ran < *longest * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_much_longer_than_before_does_not_crash() {
        let of = |tenths: u64| Duration::from_millis(100 * tenths);
        let earlier = [of(2), of(3)];
        assert!(is_as_short(of(5), &earlier));
        assert!(!is_as_short(of(6), &earlier));
        // The engine has forgotten how it was.
        assert!(is_as_short(of(90), &[]));
    }
}

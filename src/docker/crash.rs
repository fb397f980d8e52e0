//! Whether a container that runs does so only until its next crash.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::client::Docker;
use super::container::{Health, LastStart};
use super::error::EngineError;
use super::events::PastLife;

/// Of two lives that are shorter, the longer one tells nothing: the machine may have had more to do.
const SHORT: Duration = Duration::from_secs(3);

/// Whoever has run for so long runs.
const YOUNG: Duration = Duration::from_secs(10);

/// A life in a loop of crashes is no longer than this: who runs for longer is not watched to its end.
const LONGEST: Duration = Duration::from_secs(60);

/// How a container ended by itself and was started again, time after time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// So often since somebody started it.
    pub(crate) ends: u32,
    /// The longest that it ran, where the engine still knows.
    pub(crate) ran: Option<Duration>,
    /// With what it ended each time; nothing where that is not known, or not the same.
    pub(crate) exit_code: Option<i64>,
}

impl Pace {
    /// Of so many restarts, and of what the engine still knows of the lives before them.
    pub(crate) fn of(restarts: u32, earlier: &[PastLife]) -> Option<Self> {
        let own = earlier.len().min(usize::try_from(restarts).ok()?);
        // Older ones ended because somebody asked for it.
        let own = &earlier[earlier.len() - own..];
        let first = own.first().map(|life| life.exit_code);
        let is_same = own.iter().all(|life| Some(life.exit_code) == first);
        (restarts > 0).then(|| Self {
            ends: restarts,
            ran: own.iter().map(|life| life.ran).max(),
            exit_code: first.filter(|_| is_same),
        })
    }

    /// How long a life of it is that goes on in a loop of crashes, `ran` after its last start.
    pub(crate) fn crashes_after(&self, ran: Duration) -> Option<Duration> {
        let loops = self.ends > 1 && self.exit_code != Some(0);
        self.ran
            .filter(|longest| loops && *longest <= LONGEST && ran < *longest * 2)
    }
}

impl Docker {
    /// How a container has ended by itself since somebody started it; nothing where it has not.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn pace(&self, id: &str, restarts: u32) -> Result<Option<Pace>, EngineError> {
        match restarts {
            0 => Ok(None),
            _ => Ok(Pace::of(restarts, &self.earlier_lives(id).await?)),
        }
    }

    /// Whether the engine had to start a container again a moment ago, and nothing tells that it is well
    /// since.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn is_crashing(
        &self,
        id: &str,
        start: Option<LastStart>,
    ) -> Result<bool, EngineError> {
        let Some(start) = start else {
            return Ok(false);
        };
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
    fn a_pace_is_that_of_the_lives_since_somebody_started_it() {
        let of = Duration::from_secs;
        let life = |ran, exit_code| PastLife {
            ran: of(ran),
            exit_code,
        };
        assert_eq!(Pace::of(0, &[life(9, 143)]), None);
        let slow = Pace::of(2, &[life(500, 143), life(20, 1), life(25, 1)]).unwrap();
        assert_eq!((slow.ran, slow.exit_code), (Some(of(25)), Some(1)));
        assert_eq!(slow.crashes_after(of(49)), Some(of(25)));
        assert_eq!(slow.crashes_after(of(50)), None);
        // It ends well, or in several ways; it ended once; it ran for long; nobody knows how long.
        let told = |restarts, lives: &[PastLife]| {
            let pace = Pace::of(restarts, lives).unwrap();
            (
                pace.exit_code,
                pace.crashes_after(of(3)).map(|ran| ran.as_secs()),
            )
        };
        assert_eq!(told(2, &[life(5, 0), life(5, 0)]), (Some(0), None));
        assert_eq!(told(2, &[life(5, 0), life(5, 3)]), (None, Some(5)));
        assert_eq!(told(1, &[life(5, 3)]), (Some(3), None));
        assert_eq!(told(2, &[life(500, 3), life(5, 3)]), (Some(3), None));
        assert_eq!(told(2, &[]), (None, None));
    }

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

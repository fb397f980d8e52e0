//! What somebody has done since to services that a run which was cut off had not touched. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Action, ServiceName};
use crate::stack::snapshot::EngineSide;

/// Each of them, and what was done. One that only does not run may have fallen with the engine: it counts
/// where somebody sent it a signal.
pub(crate) fn done(
    base: &EngineSide,
    now: &EngineSide,
    touched: &BTreeMap<ServiceName, Action>,
    signalled: &BTreeSet<String>,
) -> Vec<(ServiceName, &'static str)> {
    let untouched = base.services().into_iter();
    let untouched = untouched.filter(|service| !touched.contains_key(*service));
    untouched
        .filter_map(|service| Some((service.clone(), of_service(service, base, now, signalled)?)))
        .collect()
}

fn of_service(
    service: &ServiceName,
    base: &EngineSide,
    now: &EngineSide,
    signalled: &BTreeSet<String>,
) -> Option<&'static str> {
    let was = base.of_service(service);
    let is = |id: &str| now.container(id);
    if was.iter().any(|one| is(&one.id).is_none()) {
        return Some(match now.of_service(service).is_empty() {
            true => "removed",
            false => "recreated",
        });
    }
    let stopped = was.iter().any(|one| {
        let fell = is(&one.id).is_some_and(|is| !is.state.is_up());
        one.state.is_up() && fell && signalled.contains(&one.id)
    });
    stopped.then_some("stopped")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::snapshot::RunState;
    use crate::stack::snapshot::tests::{replica, side};

    fn found(now: &EngineSide, signalled: &[&str]) -> Vec<String> {
        let base = side(vec![replica("web", 1, "w"), replica("db", 1, "d")]);
        let touched = BTreeMap::from([("web".into(), Action::Recreate)]);
        let signalled = signalled.iter().map(|id| (*id).to_owned()).collect();
        let done = done(&base, now, &touched, &signalled);
        done.iter()
            .map(|(name, what)| format!("{name} {what}"))
            .collect()
    }

    #[test]
    fn what_the_run_touched_says_nothing_of_others() {
        assert_eq!(found(&side(vec![replica("db", 1, "d")]), &[]), [""; 0]);
    }

    #[test]
    fn an_untouched_one_that_went_or_is_another_was_somebodys() {
        assert_eq!(found(&side(vec![]), &[]), ["db removed"]);
        assert_eq!(
            found(&side(vec![replica("db", 1, "e")]), &[]),
            ["db recreated"]
        );
    }

    #[test]
    fn one_that_fell_was_stopped_only_where_it_was_told_to() {
        let mut db = replica("db", 1, "d");
        db.state = RunState::Exited { code: 137 };
        let now = side(vec![db]);
        assert_eq!(found(&now, &[]), [""; 0]);
        assert_eq!(found(&now, &["d"]), ["db stopped"]);
    }
}

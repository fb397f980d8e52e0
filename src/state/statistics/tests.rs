use proptest::prelude::*;

use super::*;
use crate::event::{Action, RunId, ServiceSummary};

fn record(outcome: Option<Outcome>, services: Vec<(String, Option<u32>)>, undoes: bool) -> Record {
    let services = services.into_iter().map(|(name, down)| ServiceSummary {
        service: name.into(),
        action: Action::Recreate,
        down_ms: down.map(u64::from),
        replaced_ms: None,
    });
    Record {
        command: Some("set A=1".into()),
        outcome,
        services: services.collect(),
        undoes: if undoes { vec![RunId(1)] } else { Vec::new() },
        ..Record::empty(RunId(1), jiff::Timestamp::UNIX_EPOCH)
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let outcome = prop::option::of(prop::sample::select(vec![
        Outcome::Applied,
        Outcome::NothingToDo,
        Outcome::FailedBefore,
        Outcome::RolledBack,
        Outcome::RollbackFailed,
    ]));
    let service = (
        prop::sample::select(vec!["web", "db", "worker"]),
        any::<Option<u32>>(),
    );
    let service = service.prop_map(|(name, down)| (name.to_owned(), down));
    let services = prop::collection::vec(service, 0..4);
    (outcome, services, any::<bool>())
        .prop_map(|(outcome, services, undoes)| record(outcome, services, undoes))
}

proptest! {
    #[test]
    fn every_run_counts_once_and_sums_of_parts_are_the_sum(
        runs in prop::collection::vec(any_record(), 0..20),
        cut in 0..20_usize,
    ) {
        let sum = Sum::of(&runs);
        let kinds = sum.applied + sum.written + sum.rollbacks + sum.failures + sum.called_off + sum.unfinished;
        prop_assert_eq!(kinds, runs.len());
        prop_assert!(sum.undoing <= sum.applied);
        let (first, rest) = runs.split_at(cut.min(runs.len()));
        let (first, rest) = (Sum::of(first), Sum::of(rest));
        for (service, away) in &sum.away {
            let part = |sum: &Sum| sum.away.get(service).copied().unwrap_or_default();
            prop_assert_eq!(away.down_ms, part(&first).down_ms + part(&rest).down_ms);
            prop_assert_eq!(away.runs, part(&first).runs + part(&rest).runs);
        }
    }
}

#[test]
fn an_undoing_is_no_rollback_of_its_own_accord() {
    let runs = [
        record(
            Some(Outcome::Applied),
            vec![("web".into(), Some(1_500))],
            false,
        ),
        record(Some(Outcome::RolledBack), vec![("web".into(), None)], false),
        record(
            Some(Outcome::Applied),
            vec![("web".into(), Some(500))],
            true,
        ),
    ];
    let sum = Sum::of(&runs);
    assert_eq!(
        (sum.runs, sum.applied, sum.undoing, sum.rollbacks),
        (3, 2, 1, 1)
    );
    let away = sum.away[&"web".into()];
    assert_eq!((away.runs, away.down_ms, away.unmeasured), (3, 2_000, 1));
}

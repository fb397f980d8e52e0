//! What is seen, and the verdict that it adds up to.

use proptest::prelude::*;

use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

fn plain() -> Expectation {
    Expectation {
        healthcheck: None,
        probe: false,
        may_complete: false,
        must_complete: false,
        policy: RestartPolicy::Always,
        settle: S(5),
        reloaded: false,
        limit: S(60),
    }
}

fn checked() -> Expectation {
    let check = Healthcheck {
        interval: S(1),
        timeout: S(1),
        retries: 3,
        start_period: S(0),
    };
    Expectation {
        healthcheck: Some(check),
        ..plain()
    }
}

fn at(seconds: u64, seen: LifeEvent) -> Observation {
    Observation {
        at: S(seconds),
        seen,
    }
}

fn died(exit_code: i64) -> LifeEvent {
    LifeEvent::Died {
        exit_code,
        oom: false,
    }
}

fn health(health: Health) -> LifeEvent {
    LifeEvent::Health {
        health,
        output: Some("connection refused\n".into()),
    }
}

fn told(expect: &Expectation, history: &[Observation], now: u64) -> String {
    match judge(expect, history, S(now)) {
        Judgement::Pending { ask_again } => format!("pending {}", ask_again.as_secs()),
        Judgement::Final(v) => {
            let reason = v.reason.map(|r| format!(": {r}")).unwrap_or_default();
            format!("{} at {}{reason}", v.word.word(), v.at.as_secs())
        }
    }
}

#[test]
fn without_a_healthcheck_it_must_run_through_the_settle_window() {
    let history = [at(1, LifeEvent::Started)];
    assert_eq!(told(&plain(), &history, 2), "pending 6");
    assert_eq!(told(&plain(), &history, 6), "settled at 6");
}

/// Without a healthcheck there is none that it did not pass.
#[test]
fn a_settle_window_longer_than_the_limit_is_told_as_such() {
    let expect = Expectation {
        settle: Duration::from_secs(90),
        ..plain()
    };
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started)], 61),
        "failed at 61: did not run for 90 s within 60 s"
    );
}

#[test]
fn a_healthcheck_decides_at_its_event() {
    let history = [at(1, LifeEvent::Started), at(2, health(Health::Healthy))];
    assert_eq!(told(&checked(), &history, 2), "healthy at 2");
    let history = [at(1, LifeEvent::Started), at(4, health(Health::Unhealthy))];
    assert_eq!(
        told(&checked(), &history, 4),
        "failed at 4: is unhealthy: connection refused"
    );
}

#[test]
fn a_starting_container_may_use_its_whole_limit() {
    let history = [at(1, LifeEvent::Started)];
    assert_eq!(told(&checked(), &history, 60), "pending 61");
    assert_eq!(
        told(&checked(), &history, 61),
        "failed at 61: did not become healthy within 60 s"
    );
}

#[test]
fn healthy_after_a_crash_must_last() {
    let history = [
        at(1, LifeEvent::Started),
        at(2, died(1)),
        at(3, LifeEvent::Started),
        at(4, health(Health::Healthy)),
    ];
    assert_eq!(told(&checked(), &history, 4), "pending 8");
    assert_eq!(told(&checked(), &history, 8), "healthy at 8");
}

#[test]
fn healthy_before_a_reload_must_still_be_so_after_it() {
    let expect = Expectation {
        reloaded: true,
        ..checked()
    };
    let mut history = vec![at(1, LifeEvent::Started), at(1, health(Health::Healthy))];
    assert_eq!(told(&expect, &history, 2), "pending 6");
    assert_eq!(told(&expect, &history, 6), "healthy at 6");
    history.push(at(3, health(Health::Unhealthy)));
    assert!(told(&expect, &history, 3).starts_with("failed at 3"));
}

#[test]
fn three_ends_are_a_crash_loop_and_one_is_not() {
    let mut history = vec![
        at(1, LifeEvent::Started),
        at(1, died(3)),
        at(2, LifeEvent::Started),
    ];
    assert_eq!(told(&plain(), &history, 2), "pending 7");
    history.extend([at(2, died(3)), at(3, LifeEvent::Started), at(3, died(3))]);
    assert_eq!(
        told(&plain(), &history, 3),
        "failed at 3: exited with 3, 3 times in 2.0 s"
    );
}

#[test]
fn without_a_restart_policy_the_first_end_decides() {
    let expect = Expectation {
        policy: RestartPolicy::No,
        ..plain()
    };
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started), at(2, died(1))], 2),
        "failed at 2: exited with 1"
    );
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started), at(2, died(0))], 2),
        "failed at 2: ended by itself with exit code 0"
    );
}

#[test]
fn one_shots_complete() {
    let expect = Expectation {
        policy: RestartPolicy::No,
        may_complete: true,
        must_complete: true,
        ..plain()
    };
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started)], 30),
        "pending 61"
    );
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started), at(9, died(0))], 9),
        "completed at 9"
    );
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started), at(9, died(2))], 9),
        "failed at 9: exited with 2"
    );
    assert_eq!(
        told(&expect, &[at(1, LifeEvent::Started)], 61),
        "failed at 61: did not end within 60 s"
    );
}

#[test]
fn oom_is_told_as_such_at_once() {
    let oom = LifeEvent::Died {
        exit_code: 137,
        oom: true,
    };
    assert_eq!(
        told(&plain(), &[at(1, LifeEvent::Started), at(2, oom)], 2),
        "failed at 2: was OOM-killed"
    );
}

#[test]
fn a_kill_is_no_verdict_until_its_cause_is_told() {
    let expect = Expectation {
        policy: RestartPolicy::No,
        ..plain()
    };
    let history = [at(1, LifeEvent::Started), at(2, died(137))];
    assert_eq!(told(&expect, &history, 2), "pending 3");
    assert_eq!(told(&expect, &history, 3), "failed at 2: exited with 137");
}

#[test]
fn a_probe_must_succeed_twice_in_a_row() {
    let expect = Expectation {
        probe: true,
        ..plain()
    };
    let probe = |ok| LifeEvent::Probe {
        ok,
        answer: "status 500".into(),
    };
    let mut history = vec![
        at(1, LifeEvent::Started),
        at(2, probe(true)),
        at(3, probe(false)),
    ];
    assert_eq!(told(&expect, &history, 30), "pending 61");
    assert_eq!(
        told(&expect, &history, 61),
        "failed at 61: probe failed within 60 s: status 500"
    );
    history.extend([at(4, probe(true)), at(5, probe(true))]);
    assert_eq!(told(&expect, &history, 5), "healthy at 5");
}

#[test]
fn what_never_starts_fails_at_the_limit() {
    assert_eq!(told(&plain(), &[], 0), "pending 60");
    assert_eq!(
        told(&plain(), &[], 60),
        "failed at 60: did not start within 60 s"
    );
}

fn seen() -> impl Strategy<Value = LifeEvent> {
    prop_oneof![
        Just(LifeEvent::Started),
        (0i64..3, any::<bool>()).prop_map(|(exit_code, oom)| LifeEvent::Died { exit_code, oom }),
        prop_oneof![Just(Health::Healthy), Just(Health::Unhealthy)].prop_map(|health| {
            LifeEvent::Health {
                health,
                output: None,
            }
        }),
        any::<bool>().prop_map(|ok| LifeEvent::Probe {
            ok,
            answer: String::new()
        }),
    ]
}

proptest! {
    /// Whatever is seen: past the limit there is a verdict, and a pending one names a time ahead.
    #[test]
    fn every_watch_ends(
        steps in proptest::collection::vec((0u64..20, seen()), 0..12),
        probe: bool, check: bool, may: bool, must: bool,
    ) {
        let expect = Expectation {
            probe,
            may_complete: may || must,
            must_complete: must,
            ..if check { checked() } else { plain() }
        };
        let mut now = 0;
        let history: Vec<_> = steps
            .into_iter()
            .map(|(wait, seen)| { now += wait; at(now, seen) })
            .collect();
        match judge(&expect, &history, S(now)) {
            Judgement::Pending { ask_again } => prop_assert!(ask_again > S(now)),
            Judgement::Final(verdict) => prop_assert!(verdict.at <= S(now)),
        }
        let late = judge(&expect, &history, S(now + 1000));
        prop_assert!(matches!(late, Judgement::Final(_)));
    }
}

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
        ports: PortsWanted::default(),
        replies: false,
        ports_limit: S(90),
        crashes: CRASHES,
        unhealthy_before: false,
        starts_unhealthy: false,
        memory_limit: None,
        restarts_by_design: false,
        starts_over: false,
        crashes_after: None,
        waits_until: Duration::ZERO,
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

/// Starts and ends, each life so many seconds long, with a second between them.
fn lives(lengths: &[u64]) -> Vec<Observation> {
    let mut history = Vec::new();
    let mut now = 1;
    for length in lengths {
        history.push(at(now, LifeEvent::Started));
        history.push(at(now + length, died(3)));
        now += length + 1;
    }
    history
}

#[test]
fn so_many_ends_are_borne_and_more_while_each_life_is_longer() {
    let crashes = |lengths: &[u64]| {
        let history = lives(lengths);
        let now = history.last().unwrap().at.as_secs();
        told(&plain(), &history, now)
    };
    assert!(crashes(&[0, 0, 0]).starts_with("pending"));
    assert_eq!(
        crashes(&[0, 0, 0, 0]),
        "failed at 4: exited with 3, 4 times in 3.0 s"
    );
    assert_eq!(
        crashes(&[25, 25, 25, 25]),
        "failed at 104: exited with 3, 4 times in 103.0 s"
    );
    assert!(crashes(&[2, 2, 2, 4, 8]).starts_with("pending"));
    assert!(crashes(&[2, 2, 2, 4, 8, 8]).starts_with("failed"));
    // Then it runs.
    let mut history = lives(&[2, 2, 2]);
    history.push(at(10, LifeEvent::Started));
    assert_eq!(told(&plain(), &history, 15), "settled at 15");
    let patient = Expectation {
        crashes: 6,
        ..plain()
    };
    assert!(told(&patient, &lives(&[0; 6]), 6).starts_with("pending"));
    assert!(told(&patient, &lives(&[0; 7]), 7).starts_with("failed"));
}

#[test]
fn the_engine_begins_a_new_start_period_at_each_start() {
    let with = |start_period| Expectation {
        healthcheck: Some(Healthcheck {
            start_period: S(start_period),
            interval: S(1),
            timeout: S(1),
            retries: 1,
        }),
        limit: S(start_period + 12),
        ..plain()
    };
    // A restart by design late in the first start period, and healthy late in the second one.
    let mut history = lives(&[18]);
    history.push(at(20, LifeEvent::Started));
    assert_eq!(told(&with(20), &history, 37), "pending 52");
    history.push(at(38, health(Health::Healthy)));
    assert_eq!(told(&with(20), &history, 38), "healthy at 25");
    // More ends than are borne, while the engine would bear all.
    let mut history = lives(&[2, 2, 2, 2]);
    assert!(told(&with(60), &history, 12).starts_with("pending"));
    history.extend([at(13, LifeEvent::Started), at(15, health(Health::Healthy))]);
    assert_eq!(told(&with(60), &history, 18), "healthy at 18");
    assert!(told(&with(60), &lives(&[2, 2, 2, 2]), 61).starts_with("failed"));
}

fn in_its_start_period() -> Expectation {
    Expectation {
        healthcheck: Some(Healthcheck {
            start_period: S(60),
            interval: S(1),
            timeout: S(1),
            retries: 1,
        }),
        limit: S(72),
        ..plain()
    }
}

#[test]
fn a_loop_that_ends_at_once_is_not_borne_for_the_whole_start_period() {
    let expect = in_its_start_period();
    // Its database may come: three starts fail, the fourth runs.
    assert!(told(&expect, &lives(&[0, 0, 0]), 3).starts_with("pending"));
    assert_eq!(
        told(&expect, &lives(&[0, 0, 0, 0]), 4),
        "failed at 4: exited with 3, 4 times in 3.0 s"
    );
    assert_eq!(
        told(&expect, &lives(&[1, 1, 0, 1]), 7),
        "failed at 7: exited with 3, 4 times in 6.0 s"
    );
    // It gets further each time, or runs for a while: so does one that sets itself up in steps.
    assert!(told(&expect, &lives(&[0, 0, 0, 2]), 6).starts_with("pending"));
    assert!(told(&expect, &lives(&[2, 0, 0, 0]), 6).starts_with("pending"));
    // Another error, or none, is another reason.
    let mut ends = lives(&[0, 0, 0]);
    ends.extend([at(4, LifeEvent::Started), at(4, died(1))]);
    assert!(told(&expect, &ends, 4).starts_with("pending"));
    let by_itself: Vec<Observation> = (1..6)
        .flat_map(|second| [at(second, LifeEvent::Started), at(second, died(0))])
        .collect();
    assert!(told(&expect, &by_itself, 5).starts_with("pending"));
    let patient = Expectation {
        crashes: 5,
        ..in_its_start_period()
    };
    assert!(told(&patient, &lives(&[0; 5]), 5).starts_with("pending"));
    assert!(told(&patient, &lives(&[0; 6]), 6).starts_with("failed"));
}

#[test]
fn what_was_restarted_before_it_ran_may_be_so_again() {
    let expect = Expectation {
        restarts_by_design: true,
        ..in_its_start_period()
    };
    assert!(told(&expect, &lives(&[0; 7]), 7).starts_with("pending"));
    assert!(told(&expect, &lives(&[0; 7]), 61).starts_with("failed"));
}

#[test]
fn ends_while_something_else_was_not_well_count_for_nothing() {
    for expect in [plain(), in_its_start_period()] {
        let until = |waits_until| Expectation {
            waits_until: S(waits_until),
            ..expect.clone()
        };
        let ends = lives(&[0; 8]);
        assert!(told(&until(1000), &ends, 8).starts_with("pending"));
        assert!(told(&until(5), &ends, 8).starts_with("pending"));
        assert!(told(&until(4), &ends, 8).starts_with("failed"));
    }
}

fn serving(ports: &[u16]) -> Expectation {
    Expectation {
        ports: PortsWanted {
            published: ports.iter().copied().map(ServedPort::tcp).collect(),
            ..PortsWanted::default()
        },
        ..plain()
    }
}

fn listens(ports: &[u16]) -> LifeEvent {
    LifeEvent::Listens(ports.iter().copied().map(ServedPort::tcp).collect())
}

#[test]
fn ports_that_answered_before_must_answer_again() {
    let mut history = vec![at(1, LifeEvent::Started), at(1, listens(&[]))];
    assert_eq!(told(&serving(&[80]), &history, 40), "pending 91");
    assert_eq!(
        told(&serving(&[80, 90]), &history, 91),
        "failed at 91: does not answer on ports 80 and 90 within 90 s, and did before"
    );
    history.push(at(41, listens(&[80])));
    assert_eq!(told(&serving(&[80]), &history, 41), "answers at 41");
    assert_eq!(told(&serving(&[80, 90]), &history, 41), "pending 91");
    history.push(at(42, listens(&[])));
    assert_eq!(told(&serving(&[80]), &history, 42), "pending 91");
    // A new process has to open them anew.
    let mut history = vec![at(1, LifeEvent::Started), at(2, listens(&[80]))];
    assert_eq!(told(&serving(&[80]), &history, 6), "answers at 2");
    history.extend([at(3, died(1)), at(4, LifeEvent::Started)]);
    assert_eq!(told(&serving(&[80]), &history, 9), "pending 94");
}

#[test]
fn one_that_starts_over_by_design_has_done_so() {
    let expect = Expectation {
        policy: RestartPolicy::Always,
        starts_over: true,
        ..plain()
    };
    let mut history = vec![at(1, LifeEvent::Started), at(3, died(0))];
    assert_eq!(told(&expect, &history, 3), "pending 61");
    history.push(at(4, LifeEvent::Started));
    assert_eq!(
        told(&expect, &history, 4),
        "settled at 4: ends with 0 and is started again, as before"
    );
    let history = [
        at(1, LifeEvent::Started),
        at(3, died(1)),
        at(4, LifeEvent::Started),
    ];
    assert_eq!(told(&expect, &history, 4), "pending 9");
}

#[test]
fn one_more_turn_of_a_slow_loop_is_enough() {
    let expect = Expectation {
        settle: S(36),
        crashes_after: Some(S(24)),
        ..plain()
    };
    let mut history = vec![at(1, LifeEvent::Started)];
    assert_eq!(told(&expect, &history, 20), "pending 37");
    assert_eq!(told(&expect, &history, 37), "settled at 37");
    history.push(at(24, died(1)));
    assert_eq!(
        told(&expect, &history, 24),
        "failed at 24: exited with 1 after 23.0 s"
    );
}

#[test]
fn the_engine_gives_up_after_so_many_restarts() {
    let expect = Expectation {
        policy: RestartPolicy::OnFailure { most: Some(1) },
        ..plain()
    };
    let mut history = vec![at(1, LifeEvent::Started), at(1, died(7))];
    assert_eq!(told(&expect, &history, 1), "pending 61");
    history.extend([at(2, LifeEvent::Started), at(2, died(7))]);
    assert_eq!(told(&expect, &history, 2), "failed at 2: exited with 7");
}

#[test]
fn a_port_that_has_moved_is_not_said_to_answer() {
    let expect = Expectation {
        ports: PortsWanted {
            exposed: [ServedPort::tcp(80)].into(),
            before: [ServedPort::tcp(80)].into(),
            ..PortsWanted::default()
        },
        ..plain()
    };
    let history = [at(1, LifeEvent::Started), at(2, listens(&[81]))];
    assert_eq!(
        told(&expect, &history, 40),
        "settled at 6: does not listen on port 80 any more, but on port 81"
    );
    // It may be open sooner than the one that is wanted.
    let expect = Expectation {
        healthcheck: checked().healthcheck,
        ..expect
    };
    let healthy = at(2, health(Health::Healthy));
    let mut history = vec![history[0].clone(), history[1].clone(), healthy];
    assert_eq!(told(&expect, &history, 3), "pending 6");
    history.push(at(4, listens(&[80, 81])));
    assert_eq!(told(&expect, &history, 4), "healthy at 2");
}

#[test]
fn a_healthcheck_and_ports_have_a_limit_each() {
    let expect = Expectation {
        limit: S(10),
        ports: serving(&[80]).ports,
        replies: true,
        ..checked()
    };
    let mut history = vec![at(1, LifeEvent::Started)];
    assert_eq!(
        told(&expect, &history, 11),
        "failed at 11: did not become healthy within 10 s"
    );
    history.push(at(2, health(Health::Healthy)));
    assert_eq!(told(&expect, &history, 11), "pending 91");
    history.push(at(12, listens(&[80])));
    assert_eq!(told(&expect, &history, 12), "pending 91");
    let reply = |ok| LifeEvent::Replied {
        ok,
        answer: "answers 503 on port 80".to_owned(),
    };
    history.push(at(13, reply(false)));
    assert_eq!(
        told(&expect, &history, 91),
        "failed at 91: answers 503 on port 80, still after 90 s"
    );
    history.push(at(14, reply(true)));
    assert_eq!(told(&expect, &history, 14), "healthy at 14");
}

#[test]
fn what_answered_while_it_was_called_unhealthy_has_to_answer_again() {
    let expect = Expectation {
        limit: S(10),
        ports: serving(&[80]).ports,
        unhealthy_before: true,
        ..checked()
    };
    // The engine calls it unhealthy before it is up, as it had before.
    let mut history = vec![at(1, LifeEvent::Started), at(4, health(Health::Unhealthy))];
    assert_eq!(told(&expect, &history, 4), "pending 91");
    assert_eq!(
        told(&expect, &history, 91),
        "failed at 91: does not answer on port 80 within 90 s, and did before"
    );
    history.push(at(20, listens(&[80])));
    assert_eq!(told(&expect, &history, 20), "pending 22");
    let still =
        "already_failing at 4: answers on 80 as before, and is unhealthy: connection refused";
    assert_eq!(told(&expect, &history, 22), still);
    history.push(at(21, health(Health::Healthy)));
    assert_eq!(told(&expect, &history, 21), "healthy at 21");
    // Its start period is longer than anybody waits.
    let silent = [at(1, LifeEvent::Started), at(3, listens(&[80]))];
    assert_eq!(told(&expect, &silent, 6), "pending 91");
    assert_eq!(
        told(&expect, &silent, 91),
        "already_failing at 91: answers on 80 as before, and is not healthy"
    );
    // The application's own page is enough.
    let paged = Expectation {
        probe: true,
        ports: PortsWanted::default(),
        ..expect
    };
    let page = || LifeEvent::Probe {
        ok: true,
        answer: String::new(),
    };
    let mut history = vec![at(1, LifeEvent::Started), at(4, health(Health::Unhealthy))];
    history.extend([at(50, page()), at(51, page())]);
    assert_eq!(told(&paged, &history, 51), "healthy at 51");
}

#[test]
fn what_is_called_unhealthy_before_it_listens_still_starts() {
    let expect = Expectation {
        limit: S(10),
        ports: serving(&[80]).ports,
        starts_unhealthy: true,
        ..checked()
    };
    let mut history = vec![at(1, LifeEvent::Started), at(4, health(Health::Unhealthy))];
    assert_eq!(told(&expect, &history, 11), "pending 91");
    assert_eq!(
        told(&expect, &history, 91),
        "failed at 91: is unhealthy: connection refused, and does not answer on port 80 within 90 s, and did before"
    );
    let what = waits_for(&expect, &history).map(|(_, what)| what);
    let waits = "waiting for port 80; the engine calls it unhealthy";
    assert_eq!(what.as_deref(), Some(waits));
    // One check that began before it listened, and one after.
    history.push(at(90, listens(&[80])));
    assert_eq!(told(&expect, &history, 92), "pending 93");
    let unhealthy = "failed at 93: is unhealthy: connection refused";
    assert_eq!(told(&expect, &history, 93), unhealthy);
    history.push(at(92, health(Health::Healthy)));
    assert_eq!(told(&expect, &history, 92), "healthy at 92");
    // What is called so later, is.
    let later = Expectation {
        settle: S(60),
        reloaded: true,
        ..expect.clone()
    };
    history.push(at(97, health(Health::Unhealthy)));
    let unhealthy = "failed at 97: is unhealthy: connection refused";
    assert_eq!(told(&later, &history, 97), unhealthy);
    // Without a port nothing tells a start from a failure.
    let closed = Expectation {
        ports: PortsWanted::default(),
        ..expect
    };
    assert_eq!(
        told(&closed, &history[..2], 4),
        "failed at 4: is unhealthy: connection refused"
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
    let limited = Expectation {
        memory_limit: Some(16 << 20),
        ..expect
    };
    assert_eq!(told(&limited, &history, 3), "pending 12");
    assert_eq!(
        told(&limited, &history, 12),
        "failed at 2: exited with 137 (killed; its memory is limited to 16 MiB)"
    );
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

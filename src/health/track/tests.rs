//! The lives of containers as the watch tells them.

use jiff::Timestamp;

use super::*;

fn track() -> ServiceTrack {
    let target = WatchTarget {
        service: "app".into(),
        action: Action::Restart,
        past: Past {
            was_up: true,
            one_shot: false,
            ..Past::default()
        },
        was_failing: WasFailing::No,
        old: vec![("c1".into(), true)],
        replicas: 1,
        settings: ServiceSettings::default(),
        ports: PortsBefore::default(),
        waits_for: BTreeSet::new(),
    };
    ServiceTrack::new(target, Limits::default())
}

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn is_open(track: &mut ServiceTrack, now: Duration) -> Duration {
    let judged = track.judge(now);
    let Judged::Open { ask_again } = judged else {
        panic!("{judged:?}");
    };
    ask_again
}

#[track_caller]
fn good(track: &mut ServiceTrack, now: Duration) -> Verdict {
    let judged = track.judge(now);
    let Judged::Good(verdict) = judged else {
        panic!("{judged:?}");
    };
    verdict
}

fn reason(track: ServiceTrack) -> String {
    track.verdict.unwrap().reason.unwrap()
}

fn running(started: i64) -> Inspected {
    Inspected {
        id: "c1".into(),
        state: State::Running,
        started_at: Some(Timestamp::from_second(started).unwrap()),
        ..Inspected::default()
    }
}

/// The restart that a killed run had asked for, and then ours.
#[test]
fn a_stop_between_two_starts_is_no_crash() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.stopping("c1", SECOND * 2);
    track.died("c1", SECOND * 2, 143);
    is_open(&mut track, SECOND * 2);
    track.started("c1", SECOND * 3, None, Limits::default());
    is_open(&mut track, SECOND * 3);
    let verdict = good(&mut track, SECOND * 9);
    assert_eq!(verdict.word, VerdictWord::Settled, "{:?}", verdict.reason);
}

#[test]
fn a_stop_that_no_start_follows_is_told_as_one() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.stopping("c1", SECOND * 2);
    track.died("c1", SECOND * 2, 143);
    assert_eq!(track.judge(SECOND * 13), Judged::Decided);
    let reason = track.verdict.unwrap().reason.unwrap();
    assert!(reason.contains("by somebody else"), "{reason}");
}

#[test]
fn an_end_that_nobody_asked_for_is_a_crash() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.died("c1", SECOND * 2, 143);
    assert_eq!(track.judge(SECOND * 3), Judged::Decided);
    assert_eq!(track.verdict.unwrap().word, VerdictWord::Failed);
}

/// To run and be unhealthy is one thing, not to run any more is another.
#[test]
fn an_end_is_an_old_fault_only_of_what_did_not_run_before() {
    for (was, word) in [
        (WasFailing::No, VerdictWord::Failed),
        (WasFailing::Ill, VerdictWord::Failed),
        (WasFailing::Down, VerdictWord::AlreadyFailing),
    ] {
        let mut track = track();
        track.target.was_failing = was;
        track.started("c1", SECOND, None, Limits::default());
        track.died("c1", SECOND * 2, 1);
        assert_eq!(track.judge(SECOND * 3), Judged::Decided);
        assert_eq!(track.verdict.unwrap().word, word);
    }
}

/// Both orders are seen: the engine tells of the kernel's kill by an event of its own.
#[test]
fn want_of_memory_is_told_also_after_the_end() {
    for late in [false, true] {
        let mut track = track();
        track.started("c1", SECOND, None, Limits::default());
        if late {
            track.died("c1", SECOND * 2, 137);
            is_open(&mut track, SECOND * 2);
            track.out_of_memory("c1");
        } else {
            track.out_of_memory("c1");
            track.died("c1", SECOND * 2, 137);
        }
        assert_eq!(track.judge(SECOND * 2), Judged::Decided);
        let reason = track.verdict.unwrap().reason.unwrap();
        assert!(reason.contains("OOM-killed"), "{reason}");
    }
}

#[test]
fn a_removed_container_is_told_at_once() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.stopping("c1", SECOND * 2);
    track.died("c1", SECOND * 2, 143);
    track.removed("c1", SECOND * 2);
    assert_eq!(track.judge(SECOND * 2), Judged::Decided);
    assert_eq!(reason(track), "was removed by somebody else");
}

#[test]
fn an_old_container_that_makes_room_is_not_missed() {
    let mut track = track();
    track.target.action = Action::Recreate;
    track.expect_new("c2");
    track.removed("c1", SECOND);
    track.started("c2", SECOND * 2, None, Limits::default());
    is_open(&mut track, SECOND * 3);
    assert_eq!(good(&mut track, SECOND * 9).word, VerdictWord::Settled);
}

#[test]
fn what_compose_does_not_make_is_not_waited_for() {
    let mut track = track();
    track.target = WatchTarget {
        action: Action::Recreate,
        replicas: 3,
        ..track.target
    };
    track.started("c2", SECOND, None, Limits::default());
    is_open(&mut track, SECOND * 9);
    track.counted(&[("c2".into(), State::Running)], 3);
    assert_eq!(track.judge(SECOND * 9), Judged::Decided);
    let reason = reason(track);
    assert!(reason.starts_with("has 1 of 3 containers"), "{reason}");
}

#[test]
fn a_container_that_was_made_and_not_started_is_not_waited_for() {
    let mut track = track();
    track.target.action = Action::Recreate;
    track.started("c2", SECOND, None, Limits::default());
    let there = [("c2".into(), State::Running), ("c3".into(), State::Created)];
    track.counted(&there, 1);
    assert_eq!(track.judge(SECOND * 9), Judged::Decided);
    let reason = reason(track);
    assert!(
        reason.contains("created and never started (c3)"),
        "{reason}"
    );
}

/// Whatever is seen, and in whatever order: asked again whenever it says so, a service has its verdict
/// in the end.
#[test]
fn every_judgement_has_an_end() {
    let limits = Limits::default();
    let told: [fn(&mut ServiceTrack, Duration); 8] = [
        |track, _| track.expect_new("c2"),
        |track, at| track.started("c1", at, None, Limits::default()),
        |track, at| track.started("c2", at, None, Limits::default()),
        |track, at| track.stopping("c1", at),
        |track, at| track.died("c1", at, 143),
        |track, at| track.paused("c1", at, true),
        |track, at| track.removed("c1", at),
        |track, _| track.counted(&[("c2".into(), State::Running)], 2),
    ];
    for order in 0..8_usize.pow(4) {
        for (action, replicas) in [
            (Action::Recreate, 2),
            (Action::Restart, 1),
            (Action::Start, 0),
        ] {
            let mut track = track();
            track.target = WatchTarget {
                action,
                replicas,
                ..track.target
            };
            let mut rest = order;
            for at in 1..5 {
                told[rest % 8](&mut track, SECOND * at);
                rest /= 8;
            }
            let mut now = SECOND * 5;
            while let Judged::Open { ask_again } = track.judge(now) {
                assert!(
                    ask_again > now && ask_again < limits.default_timeout * 2,
                    "{order}"
                );
                now = ask_again;
            }
        }
    }
}

/// The limit is that of the wait, not of what came before it.
#[test]
fn a_late_wave_has_its_whole_time() {
    let mut track = track();
    let late = Limits::default().default_timeout * 2;
    let ends = is_open(&mut track, late);
    assert_eq!(ends, late + Limits::default().default_timeout);
}

#[test]
fn a_look_counts_more_than_what_the_events_told() {
    let settled = || {
        let mut track = track();
        track.started("c1", SECOND, Some(&running(1)), Limits::default());
        good(&mut track, SECOND * 9);
        track
    };
    let look =
        |track: &mut ServiceTrack, found: &Inspected| track.look("c1", Some(found), SECOND * 9);
    assert!(look(&mut settled(), &running(1)));

    let mut dead = settled();
    let exited = Inspected {
        state: State::Exited,
        exit_code: 255,
        ..running(1)
    };
    assert!(!look(&mut dead, &exited));
    assert_eq!(dead.judge(SECOND * 9), Judged::Decided);
    assert_eq!(reason(dead), "exited with 255");

    let mut anew = settled();
    assert!(!look(&mut anew, &running(8)));
    is_open(&mut anew, SECOND * 9);
    assert!(look(&mut anew, &running(8)));

    let mut held = settled();
    let paused = Inspected {
        state: State::Paused,
        ..running(1)
    };
    assert!(!look(&mut held, &paused));
    is_open(&mut held, SECOND * 9);
    assert_eq!(held.judge(SECOND * 20), Judged::Decided);
    assert_eq!(reason(held), "was paused by somebody else");

    let mut gone = settled();
    assert!(!gone.look("c1", None, SECOND * 9));
    assert_eq!(gone.judge(SECOND * 9), Judged::Decided);
    assert_eq!(reason(gone), "was removed by somebody else");
}

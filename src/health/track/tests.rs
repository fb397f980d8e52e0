//! The lives of containers as the watch tells them.

use super::*;

fn track() -> Track {
    let target = Target {
        service: "app".into(),
        action: Action::Restart,
        past: Past {
            was_up: true,
            one_shot: false,
        },
        was_failing: false,
        old: vec![("c1".into(), true)],
        replicas: 1,
        settings: ServiceSettings::default(),
    };
    Track::new(target, Limits::default())
}

const SECOND: Duration = Duration::from_secs(1);

/// The restart that a killed run had asked for, and then ours.
#[test]
fn a_stop_between_two_starts_is_no_crash() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.stopping("c1", SECOND * 2);
    track.died("c1", SECOND * 2, 143);
    assert!(track.judge(SECOND * 2).is_some());
    track.started("c1", SECOND * 3, None, Limits::default());
    assert!(track.judge(SECOND * 3).is_some());
    assert_eq!(track.judge(SECOND * 9), None);
    let verdict = track.verdict.unwrap();
    assert_eq!(verdict.word, VerdictWord::Settled, "{:?}", verdict.reason);
}

#[test]
fn a_stop_that_no_start_follows_is_told_as_one() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.stopping("c1", SECOND * 2);
    track.died("c1", SECOND * 2, 143);
    assert_eq!(track.judge(SECOND * 13), None);
    let reason = track.verdict.unwrap().reason.unwrap();
    assert!(reason.contains("by somebody else"), "{reason}");
}

#[test]
fn an_end_that_nobody_asked_for_is_a_crash() {
    let mut track = track();
    track.started("c1", SECOND, None, Limits::default());
    track.died("c1", SECOND * 2, 143);
    assert_eq!(track.judge(SECOND * 3), None);
    assert_eq!(track.verdict.unwrap().word, VerdictWord::Failed);
}

/// Both orders are seen: the engine tells of the kernel's kill by an event of its own.
#[test]
fn want_of_memory_is_told_also_after_the_end() {
    for late in [false, true] {
        let mut track = track();
        track.started("c1", SECOND, None, Limits::default());
        if late {
            track.died("c1", SECOND * 2, 137);
            assert!(track.judge(SECOND * 2).is_some(), "not decided yet");
            track.out_of_memory("c1");
        } else {
            track.out_of_memory("c1");
            track.died("c1", SECOND * 2, 137);
        }
        assert_eq!(track.judge(SECOND * 2), None);
        let reason = track.verdict.unwrap().reason.unwrap();
        assert!(reason.contains("want of memory"), "{reason}");
    }
}

use std::path::Path;

use super::*;
use crate::state::journal::{Entry, Journal};

fn told(to: &str, mark: &str, at: Timestamp, error: Option<&str>) -> Delivery {
    Delivery {
        at,
        to: to.to_owned(),
        event: Some(Word::Failure),
        run: Some(RunId(1)),
        mark: Some(mark.to_owned()),
        tries: 1,
        error: error.map(str::to_owned),
    }
}

fn state(folder: &Path) -> StackState {
    crate::state::StateHome::at(folder).of_stack(Path::new("/srv/x"))
}

#[test]
fn what_is_the_same_is_told_once_to_each_until_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let register = Register::of(&state(folder.path()));
    let now = Timestamp::now();
    let hours = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
    let knows = |to, mark| register.knows(to, false, mark, now).unwrap();
    assert!(!knows("ntfy", "a"));
    register.add(&[told("ntfy", "a", hours(2), None)]).unwrap();
    assert!(knows("ntfy", "a"));
    assert!(!knows("slack", "a") && !knows("ntfy", "b"));
    register
        .add(&[told("slack", "a", hours(2), Some("no answer"))])
        .unwrap();
    assert!(!knows("slack", "a"), "it was not told then");
    register
        .add(&[told("ntfy", "old", hours(23), None)])
        .unwrap();
    assert!(!knows("ntfy", "old"), "a timer comes every day");
    assert!(
        register.knows("ntfy", true, "old", now).unwrap(),
        "it is no news"
    );
}

#[test]
fn only_the_last_try_says_who_is_not_reached() {
    let folder = tempfile::tempdir().unwrap();
    let register = Register::of(&state(folder.path()));
    let now = Timestamp::now();
    let all = [
        told("ntfy", "a", now, Some("no answer")),
        told("slack", "a", now, None),
        told("slack", "b", now, Some("it answers 404")),
        told("ntfy", "b", now, None),
    ];
    register.add(&all).unwrap();
    assert_eq!(register.unreached().unwrap(), [all[2].clone()]);
}

#[test]
fn a_torn_line_is_skipped_and_the_file_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path());
    let register = Register::of(&state);
    let now = Timestamp::now();
    register.add(&[told("ntfy", "first", now, None)]).unwrap();
    let file = state.folder().join(NAME);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{{\"at\":\n")).unwrap();
    for at in 0..2 * KEPT {
        register
            .add(&[told("ntfy", &at.to_string(), now, None)])
            .unwrap();
    }
    let all = register.read().unwrap();
    assert!(all.len() < 2 * KEPT, "{}", all.len());
    let last = (2 * KEPT - 1).to_string();
    assert_eq!(all.last().unwrap().mark, Some(last));
    assert!(!register.knows("ntfy", false, "first", now).unwrap());
}

#[test]
fn after_a_good_run_the_same_failure_is_news() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path());
    let story = Story {
        outcome: Some(Outcome::FailedBefore),
        reason: Some("no route to host, after 3.2 s".into()),
        ..Story::default()
    };
    let first = mark(&story, &state);
    let again = Story {
        reason: Some("no route to host, after 11.9 s".into()),
        ..story.clone()
    };
    assert_eq!(mark(&again, &state), first);
    let other = Story {
        reason: Some("exited with 1".into()),
        ..story.clone()
    };
    assert_ne!(mark(&other, &state), first);
    let run = |outcome| {
        let (run, folder) = state.next_run().unwrap();
        let journal = Journal::create(&folder).unwrap();
        let begin = Entry::Begin {
            run,
            command: "apply".into(),
            project: "x".into(),
            directory: "/srv/x".into(),
            pid: 1,
            started: None,
            undoes: Vec::new(),
        };
        journal.add(begin).unwrap();
        let (services, todo) = (Vec::new(), Vec::new());
        journal
            .add(Entry::Finished {
                outcome,
                services,
                todo,
            })
            .unwrap();
    };
    run(Outcome::RolledBack);
    assert_eq!(mark(&story, &state), first);
    run(Outcome::Applied);
    assert_ne!(mark(&story, &state), first);
}

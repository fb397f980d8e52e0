//! The engine ends, or is killed with live containers, in the middle of a run, and is started again.
//! On an engine of the test's own: others use the one that the environment names.

use std::path::PathBuf;
use std::process::Stdio;

use crate::faulty::{Faulty, await_sleep};
use crate::stack::own_engine::{OWN, engine, kill_engine, on_an_engine_of_its_own};

/// The phases in which the engine dies; with the faults that lead there.
const PHASES: [&str; 9] = [
    "checkpoint.before",
    "write.after",
    "prepare.after",
    "converge.touching",
    "converge.touched",
    "watch.before",
    "effect.before",
    "effect.proven",
    "effect.before=return;rollback.files",
];

/// The engine's end, and whether it is back while refit is still at work.
type Death = (&'static str, bool);

const DEATHS: [Death; 4] = [
    ("TERM", true),
    ("TERM", false),
    ("KILL", true),
    ("KILL", false),
];

fn dies_in(phases: &[&str], deaths: &[Death]) {
    let Some(home) = std::env::var_os(OWN).map(PathBuf::from) else {
        skipped!("only on an engine of its own");
        return;
    };
    assert!(
        engine(&home, &["images", "busybox-1"])
            .status()
            .unwrap()
            .success()
    );
    let faulty = Faulty::new().unwrap();
    let mut round = 0;
    for phase in phases {
        for &(signal, comes_back) in deaths {
            round += 1;
            let context = format!("{phase} {signal}, back at once: {comes_back}");
            println!("{context}");
            let old = faulty.files();
            let mut new = old.clone();
            let text = format!("KEY=v{round}");
            new.get_mut(".env").unwrap().1 = format!("{text}\n").into_bytes();
            let mut command = faulty.stack.command(&["set", &text, "--settle", "50ms"]);
            let pause = if comes_back { 6_000 } else { 1_500 };
            command.env("FAILPOINTS", format!("{phase}=sleep({pause})"));
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            assert!(await_sleep(child.id()), "{context}: not reached");
            kill_engine(&home, signal);
            if !comes_back {
                let code = child.wait().unwrap().code();
                println!("  ended with {code:?}");
                assert_ne!(code, Some(3), "{context}: nothing can be verified there");
            }
            assert!(engine(&home, &["up"]).status().unwrap().success());
            println!("  then ended with {:?}", child.wait().unwrap().code());
            let next = faulty.stack.refit(&["apply", "--settle", "50ms"]);
            assert_eq!(next.code, 0, "{context}\n{next}");
            faulty.is_of_one_side(&[&old, &new], &format!("{context}\n{next}"));
        }
    }
}

#[test]
#[ignore = "run by the tests below"]
fn some_phases() {
    dies_in(&["converge.touched"], &DEATHS[..3]);
}

#[test]
#[ignore = "run by the tests below"]
fn all_phases() {
    dies_in(&PHASES, &DEATHS);
}

#[test]
fn the_engine_dies_while_containers_are_changed() {
    on_an_engine_of_its_own("some_phases");
}

#[test]
#[ignore = "long"]
fn the_engine_dies_in_every_phase() {
    on_an_engine_of_its_own("all_phases");
}

//! `kill -9` at random moments of random changes; the next command makes everything of one side.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod faulty;
mod stack;

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use faulty::{Faulty, Files};

/// A small generator whose seed can be printed and given again (xorshift64*).
struct Random(u64);

impl Random {
    /// `REFIT_TEST_SEED` does the same again as far as the moments allow.
    fn new() -> Self {
        let given = std::env::var("REFIT_TEST_SEED").ok();
        let seed =
            given.map_or_else(|| RandomState::new().hash_one(()), |s| s.parse().unwrap()) | 1;
        println!("REFIT_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

const EXTRA: &str =
    r#"services.extra={"image":"refit-test/busybox:1","init":true,"command":["sleep","infinity"]}"#;

/// A change that can be made now.
fn change(random: &mut Random, round: u64, files: &Files) -> Vec<String> {
    let has_extra = String::from_utf8_lossy(&files["compose.yaml"].1).contains("extra:");
    let words: Vec<String> = match random.below(5) {
        0 if has_extra => vec!["unset".into(), "services.extra".into()],
        0 => vec!["set".into(), "--as-json".into(), EXTRA.into()],
        1 => vec![
            "set".into(),
            format!("services.worker.labels.round=r{round}"),
        ],
        2 => vec![
            "set".into(),
            format!("KEY=v{round}"),
            format!("MORE={round}"),
        ],
        // Fails: the kill may meet the rollback as well.
        3 => vec!["set".into(), "KEY=bad".into()],
        _ => vec!["set".into(), format!("KEY=w{round}")],
    };
    words
        .into_iter()
        .chain(["--settle".into(), "50ms".into()])
        .collect()
}

/// How many of the rounds were cut off at work; `None` where there is no engine.
fn kills(rounds: u64) -> Option<u64> {
    let faulty = Faulty::new()?;
    let mut random = Random::new();
    let mut cut_off = 0;
    // The moments are spread over the time that a change takes here.
    let began = Instant::now();
    let whole = ["set", "KEY=whole", "--settle", "50ms"];
    faulty.stack.refit(&whole).exits(0);
    let longest = u64::try_from(began.elapsed().as_millis()).unwrap();
    for round in 0..rounds {
        let old = faulty.files();
        let change = change(&mut random, round, &old);
        let words: Vec<&str> = change.iter().map(String::as_str).collect();
        let mut sides = vec![old.clone()];
        let staged = new_side(&faulty, &words, &old);
        if !change.contains(&"KEY=bad".to_owned()) {
            sides.push(staged);
        }
        let wait = Duration::from_millis(random.below(longest));
        let mut child = faulty.start(&words);
        // The moment is what is tried here; nothing is awaited.
        std::thread::sleep(wait);
        let was_at_work = child.try_wait().unwrap().is_none();
        let _ = child.kill();
        child.wait().unwrap();
        cut_off += u64::from(was_at_work);
        let next = faulty.stack.refit(&["apply"]);
        assert_eq!(next.code, 0, "round {round}, {words:?}, {wait:?}: {next}");
        let sides: Vec<&Files> = sides.iter().collect();
        faulty.is_whole(
            &sides,
            &format!("round {round}, {words:?} killed after {wait:?}\n{next}"),
        );
    }
    Some(cut_off)
}

/// A kill that comes too late tries nothing.
#[track_caller]
fn were_at_work(cut_off: u64, rounds: u64) {
    println!("{cut_off} of {rounds} were killed at work");
    assert!(cut_off > rounds / 4, "only {cut_off} of {rounds}");
}

/// What the files would be, by a run that only writes; they are put back.
fn new_side(faulty: &Faulty, words: &[&str], old: &Files) -> Files {
    let mut only_files: Vec<&str> = words.to_vec();
    only_files.push("--no-apply");
    let mut command = faulty.stack.command(&only_files);
    command.env("REFIT_STATE_HOME", faulty.stack.beside("scratch-state"));
    stack::answer::Answer::of(command, b"").exits(0);
    let new = faulty.files();
    for (name, (_, bytes)) in old {
        if new[name].1 != *bytes {
            std::fs::write(faulty.stack.path(name), bytes).unwrap();
        }
    }
    new
}

#[test]
fn killed_at_20_random_moments() {
    // Side by side: most of the time is spent waiting for the engine.
    let cut_off: Option<u64> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4).map(|_| scope.spawn(|| kills(5))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    if let Some(cut_off) = cut_off {
        were_at_work(cut_off, 20);
    }
}

#[test]
#[ignore = "long"]
fn killed_at_200_random_moments() {
    if let Some(cut_off) = kills(200) {
        were_at_work(cut_off, 200);
    }
}

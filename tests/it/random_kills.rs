//! `kill -9` at random moments of random changes, upgrades and recoveries, and a second trouble before
//! the next command; that makes everything of one side, and nothing that a person typed is lost.

mod trouble;

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::demo::Demo;
use crate::faulty::{Faulty, Files, is_in_line};
use crate::stack::TestStack;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, config, mounted};
pub(crate) use trouble::Random;
use trouble::{Disks, Meanwhile, Pair, cut_off, meanwhile};

/// `REFIT_TEST_SEED` does the same again as far as the moments allow.
pub(crate) fn seeded() -> Random {
    let given = std::env::var("REFIT_TEST_SEED").ok();
    let seed = given.map_or_else(|| RandomState::new().hash_one(()), |s| s.parse().unwrap()) | 1;
    println!("REFIT_TEST_SEED={seed}");
    Random(seed)
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
    let mut random = seeded();
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
    crate::stack::answer::Answer::of(command, b"").exits(0);
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

/// What `--settle` is in these rounds.
const QUICK: [&str; 2] = ["--settle", "50ms"];

/// The disks go first: what is mounted on cannot be removed.
struct Patient {
    disks: Disks,
    faulty: Faulty,
}

/// Two troubles in changes of settings, in one of three rounds in the recovery of one.
fn pairs_of_changes(rounds: u64) -> u64 {
    let Some(stack) = TestStack::new(&[]) else {
        return 0;
    };
    let disks = Disks::under(&stack);
    let patient = Patient {
        disks,
        faulty: Faulty::on(stack),
    };
    let (disks, faulty) = (&patient.disks, &patient.faulty);
    let stack = &faulty.stack;
    let mut random = seeded();
    let mut cut_offs = 0;
    for round in 0..rounds {
        let pair = Pair::any(&mut random);
        let words = change(&mut random, round, &faulty.files());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let wait = Duration::from_millis(random.below(1_500));
        let context = format!("round {round}: {words:?}, {pair:?} after {wait:?}");
        println!("{context}");
        let mut ended = cut_off(stack.command(&words), pair.cut, wait, stack);
        ended.is_well(&context);
        if random.below(3) == 0 {
            let apply = stack.command(&["apply", "--settle", "50ms"]);
            let cut = Pair::any(&mut random).cut;
            ended = cut_off(apply, cut, wait, stack);
            ended.is_well(&format!("{context}, then apply, {cut:?}"));
        }
        cut_offs += u64::from(ended.code.is_none());
        let done = meanwhile(pair.meanwhile, round, stack, disks);
        // `apply` would keep what was typed on top of a value that does not work.
        let is_bad = words.contains(&"KEY=bad") && pair.meanwhile == Meanwhile::HandEdit;
        let first = if is_bad { "rollback" } else { "apply" };
        ends_well(stack, |args| stack.refit(args), first, &context);
        done.is_not_lost(stack, &context);
        faulty.is_whole(&[&faulty.files()], &context);
    }
    cut_offs
}

/// The next commands: the first may have to refuse, and says what to type; then all is of one side.
#[track_caller]
fn ends_well(stack: &TestStack, refit: impl Fn(&[&str]) -> Answer, first: &str, context: &str) {
    let apply = [&["apply"][..], &QUICK].concat();
    let next = refit(&[&[first][..], &QUICK].concat());
    assert!([0, 1, 3].contains(&next.code), "{context}\n{next}");
    let last = refit(&apply);
    assert_eq!(last.code, 0, "{context}\nfirst: {next}\nthen: {last}");
    is_in_line(stack, &format!("{context}\n{next}"));
}

/// Two troubles while a timer upgrades the checkout.
fn pairs_of_unattended_upgrades(rounds: u64) -> u64 {
    let Some(clone) = Cloned::new(&mounted()) else {
        return 0;
    };
    let stack = &clone.stack;
    stack.write(".env", "KEY=v0\n");
    stack.up_healthy();
    let disks = Disks {
        stack: None,
        state: None,
    };
    let mut random = seeded();
    let mut cut_offs = 0;
    for round in 0..rounds {
        let pair = Pair::any(&mut random);
        let wait = Duration::from_millis(random.below(1_500));
        let context = format!("round {round}: schedule run, {pair:?} after {wait:?}");
        println!("{context}");
        let first = if random.below(4) == 0 {
            "bad".to_owned()
        } else {
            format!("r{round}")
        };
        let new = clone.push(&[("web.conf", config(&first, "two"))]);
        let old = clone.head();
        let run = clone.command(&["schedule", "run", "--retry"]);
        let ended = cut_off(run, pair.cut, wait, stack);
        ended.is_well(&context);
        cut_offs += u64::from(ended.code.is_none());
        let done = meanwhile(pair.meanwhile, round, stack, &disks);
        ends_well(
            stack,
            |args| Answer::of(clone.command(args), b""),
            "apply",
            &context,
        );
        done.is_not_lost(stack, &context);
        assert!([&old, &new].contains(&&clone.head()), "{context}");
        assert_eq!(clone.status(), "", "{context}");
        clone.is_tidy(&context);
    }
    cut_offs
}

/// Two troubles while a recipe adds a store to the demo.
fn pairs_of_stores(rounds: u64) -> u64 {
    const REDIS: &str = "refit-test/redis:7";
    let Some(demo) = Demo::started() else {
        return 0;
    };
    if !Demo::needs_image(REDIS) {
        return 0;
    }
    let stack = &demo.stack;
    let disks = Disks {
        stack: None,
        state: None,
    };
    let image = format!("image={REDIS}");
    let mut random = seeded();
    let mut cut_offs = 0;
    for round in 0..rounds {
        let pair = Pair::any(&mut random);
        let wait = Duration::from_millis(random.below(4_000));
        let context = format!("round {round}: use session-store, {pair:?} after {wait:?}");
        println!("{context}");
        let neighbour = stack.container("worker");
        let call = stack.command(&["use", "session-store", "store=redis", &image]);
        let ended = cut_off(call, pair.cut, wait, stack);
        ended.is_well(&context);
        cut_offs += u64::from(ended.code.is_none());
        let done = meanwhile(pair.meanwhile, round, stack, &disks);
        ends_well(stack, |args| stack.refit(args), "apply", &context);
        done.is_not_lost(stack, &context);
        let has_store = stack.read("compose.yaml").contains("redis:")
            || stack.path("compose.override.yaml").exists();
        assert_eq!(
            stack.containers().contains_key("redis"),
            has_store,
            "{context}"
        );
        let health = &stack.container("web").raw["State"]["Health"]["Status"];
        assert_eq!(health, "healthy", "{context}");
        assert_eq!(
            neighbour.service,
            stack.container("worker").service,
            "{context}"
        );
        if has_store {
            stack
                .refit(&["use", "session-store", "store=memory"])
                .exits(0);
        }
    }
    cut_offs
}

/// So many pairs of each kind, side by side.
fn pairs(changes: u64, upgrades: u64, stores: u64) {
    if !crate::stack::engine::answers() {
        return;
    }
    let cut_offs: u64 = std::thread::scope(|scope| {
        let lanes = [
            scope.spawn(move || pairs_of_changes(changes / 2)),
            scope.spawn(move || pairs_of_changes(changes - changes / 2)),
            scope.spawn(move || pairs_of_unattended_upgrades(upgrades)),
            scope.spawn(move || pairs_of_stores(stores)),
        ];
        let ended: Vec<_> = lanes.into_iter().map(|lane| lane.join()).collect();
        ended.into_iter().map(|lane| lane.unwrap()).sum()
    });
    were_at_work(cut_offs, changes + upgrades + stores);
}

#[test]
fn two_troubles_at_once_30_times() {
    pairs(18, 6, 6);
}

#[test]
#[ignore = "long"]
fn two_troubles_at_once_1000_times() {
    pairs(700, 150, 150);
}

//! Every step boundary of a run: killed there, or failing there, and what the next command makes of
//! it.

use crate::faulty::{Faulty, Files, at, kept_names, side_by_side};

/// Where a run that changes something passes. `N*off->` lets it pass N times.
const OF_A_RUN: [&str; 26] = [
    "begin.before",
    "begin.after",
    "checkpoint.before",
    "checkpoint.file",
    "checkpoint.stored",
    "checkpoint.taken",
    "checkpoint.after",
    "write.before",
    "file.temporary",
    "file.renamed",
    "write.written",
    "write.after",
    "prepare.before",
    "prepare.after",
    "converge.touching",
    "call.spawned",
    "converge.touched",
    "converge.touching=1*off->",
    "converge.touched=1*off->",
    "watch.before",
    "watch.after",
    "effect.before",
    "effect.after",
    "effect.proven",
    "record.before",
    "record.after",
];

/// Where a rollback passes, of a run that goes on and of recovery.
const OF_A_ROLLBACK: [&str; 6] = [
    "file.temporary",
    "rollback.files",
    "rollback.wave",
    "rollback.wave=1*off->",
    "rollback.converged",
    "rollback.verified",
];

/// A change, and one that follows it.
fn change(adds: bool, round: usize) -> Vec<String> {
    let words: Vec<String> = if adds {
        let extra = r#"{"image":"refit-test/busybox:1","init":true,"command":["sleep","infinity"],"volumes":["kept:/data"]}"#;
        vec![
            "set".into(),
            "-F".into(),
            "compose.yaml".into(),
            "--as-json".into(),
            format!("services.extra={extra}"),
            r#"volumes.kept={}"#.into(),
            "--settle".into(),
            "50ms".into(),
        ]
    } else {
        ["set", &format!("KEY=v{round}"), "--settle", "50ms"]
            .map(str::to_owned)
            .into()
    };
    words
}

fn words(of: &[String]) -> Vec<&str> {
    of.iter().map(String::as_str).collect()
}

/// What the files are after a change, by doing it without touching the engine and taking it back.
fn new_side(faulty: &Faulty, change: &[&str]) -> Files {
    let old = faulty.files();
    let mut without: Vec<&str> = change.to_vec();
    without.push("--no-apply");
    if let ["set", pair, "--settle", _] = change {
        let mut new = old;
        new.get_mut(".env").unwrap().1 = format!("{pair}\n").into_bytes();
        return new;
    }
    let before = faulty.stack.beside("scratch-state");
    let mut command = faulty.stack.command(&without);
    command.env("REFIT_STATE_HOME", before);
    crate::stack::answer::Answer::of(command, b"").exits(0);
    let new = faulty.files();
    for (name, (_, bytes)) in &old {
        if new[name].1 != *bytes {
            std::fs::write(faulty.stack.path(name), bytes).unwrap();
        }
    }
    assert_eq!(faulty.files(), old);
    new
}

/// Removes what the adding change brought, so that the next round can add it again.
fn take_out_again(faulty: &Faulty) {
    if faulty.stack.containers().contains_key("extra") {
        faulty
            .stack
            .refit(&["rollback", "--settle", "50ms"])
            .exits(0);
    }
}

fn kill_at_every_point(adds: bool) {
    let passed = side_by_side(3, &OF_A_RUN, |points| kill_at(adds, points)).concat();
    // A point that nobody passes would be no test: these have no business in this change.
    let of_other_changes: &[&str] = match adds {
        true => &["converge.touching=1*off->", "converge.touched=1*off->"],
        false => &[],
    };
    if crate::stack::engine::answers() {
        assert_eq!(passed, of_other_changes);
    }
}

/// The points that were not passed.
fn kill_at(adds: bool, points: &[&'static str]) -> Vec<&'static str> {
    let Some(faulty) = Faulty::new() else {
        return Vec::new();
    };
    let mut passed = Vec::new();
    for (round, point) in points.iter().enumerate() {
        let change = change(adds, round + 1);
        let (old, new) = (faulty.files(), new_side(&faulty, &words(&change)));
        let killed = faulty.refit_failing(&at(point, "return(kill)"), &words(&change));
        if killed.code != -1 {
            passed.push(*point);
            killed.exits(0);
            take_out_again(&faulty);
            continue;
        }
        let next = if round % 8 != 7 || adds {
            vec!["apply", "--settle", "50ms"]
        } else {
            vec!["set", "OTHER=1", "--settle", "50ms"]
        };
        let answer = faulty.stack.refit(&next).exits(0);
        let side = faulty.files();
        if next[0] == "set" {
            faulty.stack.refit(&["unset", "OTHER"]).exits(0);
        }
        faulty.is_whole(&[&old, &new], &format!("killed at {point}\n{answer}"));
        let proven = matches!(*point, "effect.proven" | "record.before" | "record.after");
        assert_eq!(faulty.files() == new, proven, "{point}: {side:?}");
        take_out_again(&faulty);
    }
    let runs = faulty.stack.refit(&["--json", "history"]).exits(0).stdout;
    for name in kept_names(&faulty.stack) {
        let run = name[faulty.stack.project.len() + 1..].split('-').next();
        let known = format!("\"run\": {},", run.unwrap());
        assert!(runs.contains(&known), "{name} is kept for no run");
    }
    passed
}

#[test]
fn killed_at_every_point_of_a_change_of_a_key() {
    kill_at_every_point(false);
}

#[test]
fn killed_at_every_point_of_a_change_that_adds_a_service() {
    kill_at_every_point(true);
}

#[test]
fn recovery_killed_at_every_point_is_done_again() {
    let Some(faulty) = Faulty::new() else { return };
    let points = ["recover.begun"].into_iter().chain(OF_A_ROLLBACK);
    // The second program that it starts is the one that makes containers.
    let last = ["call.spawned=1*off->", "recover.rolled_back"];
    for (round, point) in points.chain(last).enumerate() {
        let change = change(false, round + 1);
        let old = faulty.files();
        let killed = faulty.refit_failing("watch.after=return(kill)", &words(&change));
        assert_eq!(killed.code, -1, "{killed}");
        let again = faulty.refit_failing(&at(point, "return(kill)"), &["apply"]);
        assert_eq!(again.code, -1, "{point} was not passed: {again}");
        let open = crate::faulty::unfinished(&faulty.stack);
        assert!(!open.is_empty(), "{point}");
        let last = faulty.stack.refit(&["apply"]).exits(0);
        faulty.is_whole(&[&old], &format!("recovery killed at {point}\n{last}"));
    }
}

#[test]
fn a_rollback_killed_at_every_point_is_finished() {
    let Some(faulty) = Faulty::new() else { return };
    for (round, point) in OF_A_ROLLBACK.iter().enumerate() {
        let change = change(false, round + 1);
        let old = faulty.files();
        // The run itself writes one file before the rollback writes it back.
        let point = match *point {
            "file.temporary" => "file.temporary=1*off->",
            other => other,
        };
        let faults = format!("effect.before=return;{}", at(point, "return(kill)"));
        let killed = faulty.refit_failing(&faults, &words(&change));
        assert_eq!(killed.code, -1, "{point} was not passed: {killed}");
        let last = faulty.stack.refit(&["apply"]).exits(0);
        faulty.is_whole(&[&old], &format!("rollback killed at {point}\n{last}"));
    }
}

#[test]
fn an_error_at_every_point_gives_back_what_was() {
    side_by_side(3, &OF_A_RUN, fail_at);
}

fn fail_at(points: &[&'static str]) {
    let Some(faulty) = Faulty::new() else { return };
    for (round, point) in points.iter().enumerate() {
        let change = change(false, round + 1);
        let (old, new) = (faulty.files(), new_side(&faulty, &words(&change)));
        // Once: the rollback writes files as well.
        let answer = faulty.refit_failing(&at(point, "1*return"), &words(&change));
        let code = match point.split('.').next().unwrap() {
            "begin" | "checkpoint" => 1,
            // What could not be written is as it was: nothing was touched.
            _ if *point == "file.temporary" => 1,
            // The change is proven; only its record is missing, which the next command adds.
            "record" => 0,
            _ => 3,
        };
        let answer = answer.exits(code).says("injected fault");
        if *point == "record.before" {
            faulty.stack.refit(&["apply"]).exits(0);
        }
        let side = if code == 0 { &new } else { &old };
        faulty.is_whole(&[side], &format!("error at {point}\n{answer}"));
    }
}

#[test]
fn an_error_at_every_point_of_the_rollback_says_what_to_do() {
    let Some(faulty) = Faulty::new() else { return };
    for (round, point) in OF_A_ROLLBACK.iter().enumerate() {
        let change = change(false, round + 1);
        let (old, new) = (faulty.files(), new_side(&faulty, &words(&change)));
        let point = match *point {
            "file.temporary" => "file.temporary=1*off->",
            other => other,
        };
        let faults = format!("effect.before=return;{}", at(point, "return"));
        let answer = faulty.refit_failing(&faults, &words(&change)).exits(4);
        let answer = answer.says("a person is needed");
        let todo = faulty.stack.refit(&["show"]).exits(0);
        let todo = todo.has_line(&["to do"]);
        faulty.stack.refit(&["apply"]).exits(0);
        faulty.is_whole(&[&old, &new], &format!("{point}\n{answer}\n{todo}"));
    }
}

/// A stack whose `web` is built, under two names.
fn built() -> Option<crate::stack::TestStack> {
    let dockerfile = format!(
        "FROM {}\nARG V\nRUN echo \"$V\" >/version\n",
        crate::stack::BUSYBOX
    );
    let compose = "services:\n  web:\n    build: {context: ., args: {V: '${V}'}, tags: [NAMED]}\n    \
                   init: true\n    network_mode: none\n    command: sleep infinity\n";
    let stack = crate::stack::TestStack::new(&[("Dockerfile", &dockerfile), (".env", "V=one\n")])?;
    let named = format!("{}-web:named", stack.project);
    stack.write("compose.yaml", &compose.replace("NAMED", &named));
    stack.up();
    Some(stack)
}

fn id_of(name: &str) -> String {
    crate::stack::engine::docker(&["image", "inspect", "--format", "{{.Id}}", name])
}

/// The builder names what it has built, also for a refit that is dead, and after whatever has been done
/// about that: so it must never be told the name that the stack uses.
#[test]
fn the_builder_gives_no_name_of_the_stack() {
    let Some(stack) = built() else { return };
    let names = ["latest", "named"].map(|tag| format!("{}-web:{tag}", stack.project));
    let ids = || names.each_ref().map(|name| id_of(name));
    let old = ids();
    let mut change = stack.command(&["set", "V=two"]);
    change.env("FAILPOINTS", "supply.built=return(kill)");
    let killed = crate::stack::answer::Answer::of(change, b"");
    assert_eq!(killed.code, -1, "{killed}");
    assert_eq!(ids(), old, "the builder named it");
    let next = stack.refit(&["apply"]).exits(0);
    assert_eq!(ids(), old, "{next}");
    assert_eq!(stack.read(".env"), "V=one\n");
    crate::faulty::is_in_line(&stack, &next.to_string());
    stack.refit(&["set", "V=two"]).exits(0);
    assert_eq!(stack.exec("web", &["cat", "/version"]), "two\n");
    let new = ids();
    assert!(new[0] != old[0] && new[0] == new[1], "{new:?}");
    let of_ours =
        crate::stack::engine::docker(&["image", "ls", "--format", "{{.Tag}}", "refit-build"]);
    let left = of_ours
        .lines()
        .find(|tag| id_of(&format!("refit-build:{tag}")) == new[0]);
    assert_eq!(left, None, "a passing name is left");
}

//! Every step boundary of an upgrade: killed there, or failing there, and what the next command makes
//! of it.

use std::process::Stdio;

use crate::faulty::{at, is_in_line, kept_names, side_by_side};
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, Side, config, image_id, version};
use crate::stack::engine::Container;

/// Where an upgrade passes. `N*off->` lets it pass N times.
const OF_AN_UPGRADE: [&str; 28] = [
    "begin.before",
    "begin.after",
    "checkpoint.before",
    "checkpoint.file",
    "checkpoint.stored",
    "checkpoint.tagged",
    "checkpoint.taken",
    "checkpoint.after",
    "prepare.before",
    "prepare.after",
    "move.before",
    "git.locked",
    "git.files",
    "git.ref",
    "git.index",
    "move.after",
    "write.before",
    "write.written",
    "write.after",
    "converge.touching",
    "converge.touched",
    "watch.before",
    "watch.after",
    "effect.before",
    "effect.after",
    "effect.proven",
    "record.before",
    "record.after",
];

/// Where an error comes another way than in a change of a key.
const ERRORS: [&str; 16] = [
    "checkpoint.file",
    "checkpoint.stored",
    "checkpoint.tagged",
    "checkpoint.after",
    "prepare.before",
    "prepare.after",
    "move.before",
    "git.locked",
    "git.files",
    "git.ref",
    "git.index",
    "move.after",
    "write.written",
    "converge.touched",
    "effect.proven",
    "record.before",
];

/// Where the way back passes.
const OF_A_ROLLBACK: [&str; 7] = [
    "file.temporary",
    "file.renamed",
    "rollback.checkout",
    "rollback.files",
    "rollback.wave",
    "rollback.converged",
    "rollback.verified",
];

/// A stack with local edits, and its neighbour as it was at the start.
struct Faulty {
    clone: Cloned,
    neighbour: Container,
}

impl Faulty {
    fn new() -> Option<Self> {
        let clone = Cloned::started(&version("v0"))?;
        clone.stack.write("web.conf", &config("one", "mine"));
        // It has read what was edited.
        clone.stack.compose(&["restart", "web"]);
        clone.stack.write("notes.txt", "not in git\n");
        let neighbour = clone.neighbour();
        Some(Self { clone, neighbour })
    }

    /// The next version: a file of the image and a mounted one change, one comes and one goes.
    fn next(&self, round: usize) -> String {
        let text = format!("v{round}");
        let (come, gone) = (format!("come-{round}"), format!("come-{}", round - 1));
        let _ = std::fs::remove_file(self.clone.developer.join(gone));
        self.clone.push(&[
            ("version", format!("{text}\n")),
            ("web.conf", config(&text, "two")),
            (&come, "new\n".to_owned()),
        ])
    }

    fn upgrade(&self, fault: &str) -> Answer {
        let args = ["upgrade", "--settle", "50ms", "--retry"];
        self.clone.refit_failing(fault, &args)
    }

    /// The old side, byte for byte.
    #[track_caller]
    fn is_old(&self, old: &Side, context: &str) {
        assert_eq!(self.clone.side(), *old, "{context}");
        self.is_in_line(context);
    }

    /// Everything is of a commit, with the local edits.
    #[track_caller]
    fn is_at(&self, commit: &str, context: &str) {
        let clone = &self.clone;
        assert_eq!(clone.head(), commit, "{context}");
        assert_eq!(clone.status(), " M web.conf\n?? notes.txt", "{context}");
        let of_commit = clone.git(&["show", &format!("{commit}:version")]);
        assert_eq!(
            clone.stack.read("version").trim_end(),
            of_commit,
            "{context}"
        );
        let mounted = clone.git(&["show", &format!("{commit}:web.conf")]);
        let mounted = mounted.replace("last = two", "last = mine");
        assert_eq!(
            clone.stack.read("web.conf").trim_end(),
            mounted,
            "{context}"
        );
        self.is_in_line(context);
    }

    /// What runs is what the files say, and nothing is left of a run that was cut off.
    #[track_caller]
    fn is_in_line(&self, context: &str) {
        let clone = &self.clone;
        let seen = clone
            .stack
            .exec("web", &["cat", "/app/version", "/etc/web.conf"]);
        let files = clone.stack.read("version") + &clone.stack.read("web.conf");
        assert_eq!(seen, files, "{context}");
        let mut containers = clone.stack.containers();
        let web = containers.remove("web").unwrap();
        let tag = image_id(&format!("{}-web", clone.stack.project));
        assert_eq!(tag.as_deref(), Some(web.image()), "{context}");
        assert_eq!(web.status(), "running", "{context}");
        self.neighbour.is_untouched(&containers["neighbour"]);
        is_in_line(&clone.stack, context);
        clone.is_tidy(context);
    }

    /// What is kept is kept for a run that is known.
    fn keeps_nothing_for_nobody(&self) {
        let clone = &self.clone;
        let runs = clone.refit(&["--json", "history"]).exits(0).stdout;
        let is_known = |run: &str| runs.contains(&format!("\"run\": {run},"));
        let refs = clone.git(&["for-each-ref", "--format=%(refname)", "refs/refit"]);
        for name in refs.lines() {
            assert!(is_known(name.rsplit('/').next().unwrap()), "{name}");
        }
        for name in kept_names(&clone.stack) {
            let run = name[clone.stack.project.len() + 1..].split('-').next();
            assert!(is_known(run.unwrap()), "{name}");
        }
    }
}

fn is_proven(point: &str) -> bool {
    matches!(point, "effect.proven" | "record.before" | "record.after")
}

fn kill_at(points: &[&'static str]) {
    let Some(faulty) = Faulty::new() else { return };
    for (round, point) in points.iter().enumerate() {
        let to = faulty.next(round + 1);
        let old = faulty.clone.side();
        let killed = faulty.upgrade(&at(point, "return(kill)"));
        assert_eq!(killed.code, -1, "{point} was not passed: {killed}");
        let last = faulty.clone.refit(&["apply"]).exits(0);
        let context = format!("killed at {point}\n{last}");
        if is_proven(point) {
            faulty.is_at(&to, &context);
        } else {
            faulty.is_old(&old, &context);
        }
    }
    faulty.keeps_nothing_for_nobody();
}

#[test]
fn killed_at_every_point() {
    side_by_side(4, &OF_AN_UPGRADE, kill_at);
}

#[test]
fn an_error_at_every_point_gives_back_what_was() {
    side_by_side(4, &ERRORS, |points| {
        let Some(faulty) = Faulty::new() else { return };
        for (round, point) in points.iter().enumerate() {
            let to = faulty.next(round + 1);
            let old = faulty.clone.side();
            let answer = faulty
                .upgrade(&at(point, "1*return"))
                .says("injected fault");
            let code = match point.split('.').next().unwrap() {
                "begin" | "checkpoint" | "prepare" => 1,
                "record" => 0,
                _ => 3,
            };
            let answer = answer.exits(code);
            if *point == "record.before" {
                faulty.clone.refit(&["apply"]).exits(0);
            }
            let context = format!("error at {point}\n{answer}");
            if code == 0 {
                faulty.is_at(&to, &context);
            } else {
                faulty.is_old(&old, &context);
            }
        }
    });
}

/// git, Compose and the build in it: killed at a start of one of these programs, as many of them as
/// there are.
#[test]
fn killed_with_its_programs_at_work() {
    const STARTS: [&str; 6] = [
        "call.spawned",
        "call.spawned=12*off->",
        "call.spawned=24*off->",
        "call.spawned=36*off->",
        "call.spawned=48*off->",
        "call.spawned=60*off->",
    ];
    side_by_side(4, &STARTS, |points| {
        let Some(faulty) = Faulty::new() else { return };
        for (round, point) in points.iter().enumerate() {
            let to = faulty.next(round + 1);
            let old = faulty.clone.side();
            let killed = faulty.upgrade(&at(point, "return(kill)"));
            if killed.code == 0 {
                faulty.is_at(&to, &format!("{point}\n{killed}"));
                continue;
            }
            assert_eq!(killed.code, -1, "{point}: {killed}");
            let last = faulty.clone.refit(&["apply"]).exits(0);
            let context = format!("killed at {point}\n{last}");
            faulty.is_old(&old, &context);
        }
    });
}

#[test]
fn a_way_back_killed_at_every_point_is_finished() {
    side_by_side(4, &OF_A_ROLLBACK, |points| {
        let Some(faulty) = Faulty::new() else { return };
        for (round, point) in points.iter().enumerate() {
            faulty.next(round + 1);
            let old = faulty.clone.side();
            let faults = format!("effect.before=return;{}", at(point, "return(kill)"));
            let killed = faulty.upgrade(&faults);
            assert_eq!(killed.code, -1, "{point} was not passed: {killed}");
            // Recovery is killed there as well, and done again.
            let again = at(point, "return(kill)");
            faulty.clone.refit_failing(&again, &["apply"]);
            let last = faulty.clone.refit(&["apply"]).exits(0);
            let context = format!("killed at {point} of the way back\n{last}");
            faulty.is_old(&old, &context);
        }
    });
}

#[test]
fn an_upgrade_is_what_the_next_upgrade_finishes_first() {
    let Some(faulty) = Faulty::new() else { return };
    for (round, point) in ["git.files", "watch.after"].iter().enumerate() {
        let to = faulty.next(round + 1);
        let killed = faulty.upgrade(&at(point, "return(kill)"));
        assert_eq!(killed.code, -1, "{point} was not passed: {killed}");
        let answer = faulty.clone.refit(&["upgrade"]).exits(0);
        faulty.is_at(&to, &format!("upgraded after a kill at {point}\n{answer}"));
    }
}

/// The build of this stack's image that is at work.
fn is_building(clone: &Cloned) -> bool {
    let document = format!("{}/scratch/", clone.stack.state().display());
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| {
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(&document) && line.contains(" build ")
    })
}

#[test]
fn killed_while_it_builds() {
    let Some(faulty) = Faulty::new() else { return };
    let to = faulty.next(1);
    let old = faulty.clone.side();
    let mut command = faulty.clone.command(&["upgrade"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut refit = command.spawn().unwrap();
    while !is_building(&faulty.clone) {
        assert_eq!(refit.try_wait().unwrap(), None, "it ended without a build");
    }
    refit.kill().unwrap();
    refit.wait().unwrap();
    let last = faulty.clone.refit(&["apply"]).exits(0);
    faulty.is_old(&old, &format!("killed while it built\n{last}"));
    faulty.clone.refit(&["upgrade"]).exits(0);
    faulty.is_at(&to, "upgraded after that");
}

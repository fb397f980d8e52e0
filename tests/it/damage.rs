//! Every file that refit keeps, damaged in every way, in every state of a run; then the next commands.
//! What cannot be read is never taken for nothing: either the run is given back whole, or the file is
//! named, the exit code says that a person is needed, and nothing is touched or let go.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::faulty::kept_names;
use crate::stack::answer::Answer;
use crate::stack::engine::docker;
use crate::stack::{TestStack, idle};
use serde_json::Value;

/// How far run 2 has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    BeforeCheckpoint,
    Written,
    Converged,
    Finished,
}

impl Stage {
    /// Where it is killed.
    fn point(self) -> Option<&'static str> {
        match self {
            Self::BeforeCheckpoint => Some("checkpoint.before"),
            Self::Written => Some("write.after"),
            Self::Converged => Some("watch.before"),
            Self::Finished => None,
        }
    }

    fn has_touched(self) -> bool {
        self != Self::BeforeCheckpoint
    }
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Missing,
    Empty,
    /// A folder in its place: there, and not readable, for root as well.
    Unreadable,
    /// A name that leads nowhere.
    Dangling,
    Garbage,
    /// Written by a refit that is newer than this one.
    Newer,
    /// Only so many whole lines are left.
    CutAtLine(usize),
    /// The last line is cut in its middle.
    CutWithin,
    /// A byte that is no UTF-8, in a line of its own.
    BadLine,
    /// A byte that is no UTF-8 within the first line.
    BadByte,
}

impl Damage {
    /// `false`: it does not apply to this file, or changes nothing.
    fn strike(self, path: &Path) -> bool {
        let old = fs::read(path).unwrap();
        let lines: Vec<&[u8]> = old.split_inclusive(|byte| *byte == b'\n').collect();
        let new = match self {
            Self::Missing => return fs::remove_file(path).is_ok(),
            Self::Unreadable => {
                fs::remove_file(path).unwrap();
                return fs::create_dir(path).is_ok();
            }
            Self::Dangling => {
                fs::remove_file(path).unwrap();
                return std::os::unix::fs::symlink("/nonexistent/file", path).is_ok();
            }
            Self::Empty => Vec::new(),
            Self::Garbage => (0..257_u32).map(|n| (n * 37 % 251) as u8).collect(),
            Self::Newer => match newer(&old, path) {
                Some(new) => new,
                None => return false,
            },
            Self::CutAtLine(count) if count < lines.len() => lines[..count].concat(),
            Self::CutAtLine(_) => return false,
            Self::CutWithin => {
                let last = lines.last().map_or(0, |line| line.len());
                old[..old.len() - last.div_ceil(2)].to_vec()
            }
            Self::BadLine => [&old[..], b"\xff\xfe\n"].concat(),
            Self::BadByte => {
                let at = old.len().min(10);
                [&old[..at], b"\xff", &old[at..]].concat()
            }
        };
        let differs = new != old;
        fs::write(path, new).unwrap();
        differs
    }
}

/// The same with another format number; files that are a person's own bytes have none.
fn newer(old: &[u8], path: &Path) -> Option<Vec<u8>> {
    let name = path.file_name()?.to_str()?;
    if !name.ends_with(".json") && !name.ends_with(".jsonl") {
        return None;
    }
    let text = String::from_utf8_lossy(old);
    let (before, after) = text
        .split_once("\"format\":")
        .unwrap_or_else(|| panic!("{name} carries no format number"));
    let rest = after
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    Some(format!("{before}\"format\":999{rest}").into_bytes())
}

/// A stack of which one run was applied (`A=2`), and a second one (`A=3`) has come as far as `stage`.
struct Scene {
    stack: TestStack,
    stage: Stage,
    /// A copy of all that refit kept then.
    state: PathBuf,
    env: String,
    /// The container of `web` then.
    web: String,
    kept: BTreeMap<String, String>,
}

const OLD: &str = "A=2\nTYPED=by hand\n";
const NEW: &str = "A=3\nTYPED=by hand\n";

impl Scene {
    fn set(stage: Stage) -> Option<Self> {
        let compose = format!(
            "services:\n  web: {}\n  neighbour: {}\n",
            idle("env_file: .env"),
            idle("")
        );
        let stack = TestStack::started(&compose, &[(".env", "A=1\nTYPED=by hand\n")])?;
        stack.refit(&["set", "A=2", "--settle", "50ms"]).exits(0);
        let mut second = stack.command(&["set", "A=3", "--settle", "50ms"]);
        if let Some(point) = stage.point() {
            second.env("FAILPOINTS", format!("{point}=return(kill)"));
        }
        let code = Answer::of(second, b"").code;
        assert_eq!(code, if stage == Stage::Finished { 0 } else { -1 });
        let copy = stack.beside("copy");
        copy_all(&stack.state(), &copy);
        let id = |name: String| {
            (
                name.clone(),
                docker(&["image", "inspect", "-f", "{{.Id}}", &name])
                    .trim()
                    .to_owned(),
            )
        };
        let kept = kept_names(&stack)
            .into_iter()
            .map(|tag| id(format!("refit-kept:{tag}")));
        Some(Self {
            env: stack.read(".env"),
            web: stack.container("web").id,
            kept: kept.collect(),
            state: copy,
            stack,
            stage,
        })
    }

    /// As it was when the second run ended.
    fn again(&self) {
        let _ = fs::remove_dir_all(self.stack.state());
        copy_all(&self.state, &self.stack.state());
        self.stack.write(".env", &self.env);
        for (name, id) in &self.kept {
            docker(&["tag", id, name]);
        }
        // Before containers are touched, the container is still of the side before.
        let wanted = if self.stage == Stage::Written {
            OLD
        } else {
            &self.env
        };
        let env = self.stack.container("web").env;
        let is_other = env.get("A").map(String::as_str) != Some(value(wanted));
        if is_other || env.contains_key("B") {
            self.stack.write(".env", wanted);
            self.stack.up();
            self.stack.write(".env", &self.env);
        }
        if self.stage == Stage::Written {
            self.know_web_again();
        }
    }

    /// An earlier trial has left another container, which the second run had found then.
    fn know_web_again(&self) {
        let now = self.stack.container("web").id;
        for (path, bytes) in self.stack.state_files() {
            if path.ends_with("runs/2/checkpoint.json") {
                let text = String::from_utf8(bytes).unwrap();
                fs::write(path, text.replace(&self.web, &now)).unwrap();
            }
        }
    }

    /// Every file that is kept of the stack, and of all stacks; not what only marks or locks.
    fn files(&self) -> Vec<PathBuf> {
        let home = self.stack.state();
        let mut all: Vec<PathBuf> = self
            .stack
            .state_files()
            .into_iter()
            .filter(|(_, bytes)| !bytes.is_empty())
            .map(|(path, _)| path)
            .collect();
        all.retain(|path| !path.starts_with(home.join("scratch")));
        all.sort();
        all
    }
}

fn copy_all(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

/// What `A` is.
fn value(env: &str) -> &str {
    env.lines()
        .find_map(|line| line.strip_prefix("A="))
        .unwrap_or_default()
}

/// One file, damaged in one way, and one command.
struct Trial<'a> {
    scene: &'a Scene,
    file: &'a Path,
    damage: Damage,
    command: &'a [&'a str],
}

impl Trial<'_> {
    fn is_of_run_2(&self) -> bool {
        self.file
            .starts_with(self.scene.stack.state().join("stacks"))
            && self.file.components().any(|part| part.as_os_str() == "2")
    }

    fn is(&self, name: &str) -> bool {
        self.is_of_run_2() && self.file.ends_with(name)
    }

    /// Nothing of the journal can be known any more.
    fn is_void(&self) -> bool {
        use Damage::{CutAtLine, Dangling, Empty, Garbage, Missing, Newer, Unreadable};
        let all = match self.damage {
            Unreadable | Dangling | Garbage | Newer => true,
            // As of a run that did not come to its first line; what lies beside it knows better.
            Missing | Empty | CutAtLine(0) => self.scene.stage.has_touched(),
            Damage::CutAtLine(_) | Damage::CutWithin | Damage::BadLine | Damage::BadByte => false,
        };
        self.is("journal.jsonl") && all
    }

    fn names_the_file(&self, answer: &Answer) -> bool {
        let text = format!("{}{}", answer.stdout, answer.stderr);
        text.contains(&*self.file.to_string_lossy())
    }

    fn run(&self) {
        let stack = &self.scene.stack;
        self.scene.again();
        if !self.damage.strike(self.file) {
            return;
        }
        let questions: &[&str] = match self.is_of_run_2() {
            true => &["status", "plan", "doctor"],
            false => &["status", "plan"],
        };
        for question in questions {
            self.ask(question);
        }
        let kept = kept_names(stack);
        let id = stack.container("web").id;
        let answer = stack.refit(self.command);
        self.judge(&answer, &kept, &id);
        self.judge_history(&answer);
    }

    /// A question names what stands in the way, and says nothing that is not known.
    fn ask(&self, question: &str) {
        let answer = self.scene.stack.refit(&[question]);
        assert!([0, 1].contains(&answer.code), "{answer}");
        let is_open = self.scene.stage.point().is_some();
        let is_needed = ["checkpoint.json", "file-0"]
            .iter()
            .any(|name| self.is(name));
        if self.is_void() || (is_needed && is_open && self.scene.stage.has_touched()) {
            let named = self.names_the_file(&answer);
            assert!(named, "{question} does not name the file\n{answer}");
        }
        let text = format!("{}{}", answer.stdout, answer.stderr);
        if self.damage == Damage::Newer && self.is_of_run_2() {
            assert!(text.contains("newer"), "{question}\n{answer}");
        }
        if is_open {
            assert!(
                !text.contains("what runs is what the files say"),
                "{answer}"
            );
        }
    }

    /// Given back whole, or named and untouched.
    fn judge(&self, answer: &Answer, kept: &[String], id: &str) {
        let stack = &self.scene.stack;
        let now = fs::read_to_string(stack.path(".env"))
            .unwrap_or_else(|error| panic!(".env: {error}\n{answer}"));
        let web = stack.container("web");
        let is_untouched = now == self.scene.env && web.id == *id && kept_names(stack) == kept;
        let is_in_line = web.env.get("A").map(String::as_str) == Some(value(&now));
        if self.is_void() {
            assert!(
                self.names_the_file(answer),
                "the file is not named\n{answer}"
            );
        }
        // Cut at a line, the journal of a run that is over is that of one that was killed there.
        let looks_killed = matches!(self.damage, Damage::CutAtLine(_)) && self.is("journal.jsonl");
        match answer.code {
            0 if looks_killed && self.scene.stage == Stage::Finished => {
                assert!(now.contains("TYPED=by hand\n"), "{now:?}\n{answer}");
                assert!(
                    is_in_line,
                    "the container is of another side than the files\n{answer}"
                );
            }
            0 => {
                let wanted = self.wanted();
                assert_eq!(now, wanted, "{answer}");
                assert!(
                    is_in_line,
                    "the container is of another side than the files\n{answer}"
                );
            }
            1 if now == OLD && (looks_killed || self.scene.stage.point().is_some()) => {
                assert!(
                    is_in_line,
                    "the container is of another side than the files\n{answer}"
                );
            }
            1 | 4 => {
                assert!(
                    is_untouched,
                    "it is refused, and something was touched or let go: {now:?}\n{answer}"
                );
                assert!(
                    self.names_the_file(answer),
                    "the file is not named\n{answer}"
                );
            }
            _ => panic!("unexpected exit code\n{answer}"),
        }
    }

    /// What the files are where everything is well.
    fn wanted(&self) -> String {
        let base = match (self.scene.stage, self.command[0]) {
            (Stage::Finished, "rollback") => OLD,
            (Stage::Finished, _) => NEW,
            // The run that was cut off is the one that `rollback` undoes.
            (_, _) => OLD,
        };
        match self.command[0] {
            "set" => format!("{base}B=1\n"),
            _ => base.to_owned(),
        }
    }

    /// The record says nothing that was not so.
    fn judge_history(&self, answer: &Answer) {
        let history = self.scene.stack.refit(&["--json", "history"]);
        assert!([0, 1].contains(&history.code), "{history}");
        let page: Value = serde_json::from_str(&history.stdout).unwrap();
        let runs = page
            .as_array()
            .or(page["runs"].as_array())
            .cloned()
            .unwrap_or_default();
        let run = runs.iter().find(|run| run["run"] == 2);
        let Some(run) = run else {
            let named = self.names_the_file(&history);
            assert!(
                named,
                "run 2 is not in the history, and nothing says why\n{answer}{history}"
            );
            return;
        };
        let outcome = run["outcome"].as_str();
        match self.scene.stage {
            Stage::BeforeCheckpoint => assert_ne!(outcome, Some("applied"), "{history}"),
            Stage::Written | Stage::Converged => {
                let is_lie = matches!(outcome, Some("applied" | "failed_before"));
                assert!(
                    !is_lie,
                    "history says {outcome:?} of a run that was cut off at work\n{answer}{history}"
                );
            }
            Stage::Finished => {
                // What looks as if it had been killed may have been rolled back, but it had touched something.
                let looks_killed =
                    matches!(self.damage, Damage::CutAtLine(_)) && self.is("journal.jsonl");
                let is_lie = outcome == Some("failed_before")
                    || (outcome == Some("rolled_back") && !looks_killed);
                assert!(
                    !is_lie,
                    "history says {outcome:?} of a run that was applied\n{answer}{history}"
                );
            }
        }
    }
}

const COMMANDS: [&[&str]; 3] = [
    &["apply", "--settle", "50ms"],
    &["set", "B=1", "--settle", "50ms"],
    &["rollback", "--settle", "50ms"],
];

/// Every damage that means something for a file.
fn damages(path: &Path) -> Vec<Damage> {
    use Damage::{
        BadByte, BadLine, CutAtLine, CutWithin, Dangling, Empty, Garbage, Missing, Newer,
        Unreadable,
    };
    let mut all = vec![
        Missing, Empty, Unreadable, Dangling, Garbage, Newer, CutWithin, BadByte,
    ];
    if path.extension().is_some_and(|end| end == "jsonl") {
        let text = fs::read_to_string(path).unwrap_or_default();
        all.extend((0..text.lines().count()).map(CutAtLine));
        all.push(BadLine);
    }
    all
}

/// Which trials are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Each file once, and what an open run needs in a few ways more; damages and commands by turns.
    Sample,
    /// Each command after each damage of each file.
    All,
}

impl Extent {
    /// The damages of a file, and the commands after each.
    fn of(self, stage: Stage, turn: usize, file: &Path) -> Vec<(Damage, &'static [&'static str])> {
        use Damage::{BadLine, CutAtLine, CutWithin, Garbage, Missing, Newer, Unreadable};
        let all = damages(file);
        if self == Self::All {
            let each = all.into_iter();
            return each
                .flat_map(|damage| COMMANDS.map(|command| (damage, command)))
                .collect();
        }
        let turn = turn + stage as usize;
        let of_run_2 = file
            .parent()
            .is_some_and(|folder| folder.ends_with("runs/2"));
        let chosen = match file.file_name().and_then(|name| name.to_str()) {
            Some("journal.jsonl") if of_run_2 => {
                vec![Missing, Garbage, Newer, CutAtLine(3), BadLine]
            }
            Some("checkpoint.json" | "file-0") if of_run_2 => {
                vec![Missing, Unreadable, CutWithin]
            }
            _ => vec![all[turn % all.len()]],
        };
        let turns = (turn..).map(|turn| COMMANDS[turn % COMMANDS.len()]);
        chosen.into_iter().zip(turns).collect()
    }
}

fn damaged(stage: Stage, extent: Extent) {
    let Some(scene) = Scene::set(stage) else {
        return;
    };
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (turn, file) in scene.files().into_iter().enumerate() {
        for (damage, command) in extent.of(stage, turn, &file) {
            let trial = Trial {
                scene: &scene,
                file: &file,
                damage,
                command,
            };
            tried += 1;
            let Err(why) = catch_unwind(AssertUnwindSafe(|| trial.run())) else {
                continue;
            };
            let why = why
                .downcast::<String>()
                .map_or_else(|_| String::from("it panicked"), |text| *text);
            let name = file.strip_prefix(scene.stack.state()).unwrap().display();
            wrong.push(format!(
                "{stage:?}, {name} {damage:?}, then {}: {why}",
                command.join(" ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried}:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    println!("{tried} tried");
}

#[test]
fn of_a_run_that_was_cut_off_before_its_checkpoint() {
    damaged(Stage::BeforeCheckpoint, Extent::Sample);
}

#[test]
fn of_a_run_that_was_cut_off_after_it_had_written() {
    damaged(Stage::Written, Extent::Sample);
}

#[test]
fn of_a_run_that_was_cut_off_after_its_containers_were_made() {
    damaged(Stage::Converged, Extent::Sample);
}

#[test]
fn of_a_run_that_is_over() {
    damaged(Stage::Finished, Extent::Sample);
}

#[test]
#[ignore = "long"]
fn each_command_after_each_damage() {
    for stage in [
        Stage::BeforeCheckpoint,
        Stage::Written,
        Stage::Converged,
        Stage::Finished,
    ] {
        damaged(stage, Extent::All);
    }
}

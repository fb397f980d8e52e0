//! Two troubles: how a call of refit is cut off, and what happens before the next one.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::faulty::small_disk::SmallDisk;
use crate::stack::TestStack;
use crate::stack::answer::Answer;
use crate::stack::engine::docker_command;
use crate::stack::refit::{Refit, Running};

/// A small generator whose seed can be printed and given again (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// What is killed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// refit alone, at some moment: what it called works on.
    Refit,
    /// The whole process group at some moment, as a closed terminal or an out-of-memory killer does.
    Group,
    /// Only a Compose that refit has called; refit itself has to cope.
    Child,
    /// The group, when the engine says that Compose has made a container.
    GroupAtCreate,
    /// refit alone, then.
    RefitAtCreate,
}

/// What happens before the next command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    Nothing,
    /// A person adds a line to `.env`.
    HandEdit,
    /// Somebody whose runs are kept elsewhere sets another key.
    AnotherUser,
    /// The disk of the stack is full for the next command, and then it is not.
    FullStackDisk,
    /// The disk of refit's state is.
    FullStateDisk,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) cut: Cut,
    pub(crate) meanwhile: Meanwhile,
}

impl Pair {
    pub(crate) fn any(random: &mut Random) -> Self {
        use Cut::{Child, Group, GroupAtCreate, RefitAtCreate};
        use Meanwhile::{AnotherUser, FullStackDisk, FullStateDisk, HandEdit, Nothing};
        Self {
            cut: random.of(&[Cut::Refit, Group, Child, GroupAtCreate, RefitAtCreate]),
            // Two troubles at once are the rule.
            meanwhile: random.of(&[
                HandEdit,
                AnotherUser,
                FullStackDisk,
                FullStateDisk,
                HandEdit,
                Nothing,
            ]),
        }
    }
}

/// How a call ended that was cut off.
pub(crate) struct Ended {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    said: String,
}

impl Ended {
    /// Given back, or told why not: where Compose is killed under a rollback, that one goes on later.
    #[track_caller]
    pub(crate) fn is_well(&self, context: &str) {
        let goes_on = self.said.contains("goes on with it") || self.said.contains("tries again");
        assert!(
            matches!(self.code, None | Some(0 | 1 | 3)) || (self.code == Some(4) && goes_on),
            "{context}: {:?}\n{}",
            self.code,
            self.said
        );
    }
}

/// Starts a call and cuts it off.
pub(crate) fn cut_off(mut call: Refit, cut: Cut, wait: Duration, stack: &TestStack) -> Ended {
    call.change(|command| {
        command.process_group(0);
    });
    // A file: who is killed needs no reader.
    let told = stack.beside("told");
    let file = fs::File::create(&told).unwrap();
    call.stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file);
    let events = matches!(cut, Cut::GroupAtCreate | Cut::RefitAtCreate).then(|| creations(stack));
    let mut child = call.spawn().unwrap();
    match cut {
        Cut::Refit | Cut::Group => {
            // The moment is what is tried here; nothing is awaited.
            std::thread::sleep(wait);
            kill(&mut child, cut == Cut::Group);
        }
        Cut::Child => kill_compose(&mut child, wait),
        Cut::GroupAtCreate | Cut::RefitAtCreate => {
            let (mut docker, created) = events.unwrap();
            while child.try_wait().unwrap().is_none() {
                match created.recv_timeout(Duration::from_millis(20)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => {
                        kill(&mut child, cut == Cut::GroupAtCreate);
                        break;
                    }
                }
            }
            let _ = docker.kill();
            let _ = docker.wait();
        }
    }
    let code = child.wait().unwrap().code();
    let said = fs::read_to_string(told).unwrap();
    Ended { code, said }
}

fn kill(child: &mut Running, group: bool) {
    // One that has ended, and was not waited for, keeps its number.
    let target = if group {
        format!("-{}", child.id())
    } else {
        child.id().to_string()
    };
    let _ = Command::new("kill")
        .args(["-KILL", "--", &target])
        .stderr(Stdio::null())
        .status();
}

/// Kills the Compose that is at work `wait` after the start, or the next one.
fn kill_compose(child: &mut Running, wait: Duration) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        let compose = compose_of(child.id()).filter(|_| began.elapsed() >= wait);
        if let Some(pid) = compose {
            let _ = Command::new("kill")
                .args(["-KILL", &pid])
                .stderr(Stdio::null())
                .status();
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn compose_of(refit: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{refit}/task/{refit}/children")).ok()?;
    let is_compose = |pid: &&str| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("compose")
    };
    children
        .split_whitespace()
        .find(is_compose)
        .map(str::to_owned)
}

/// The engine's word for each container of the stack that is made.
fn creations(stack: &TestStack) -> (Child, Receiver<String>) {
    let mut command = docker_command();
    let label = format!("label=com.docker.compose.project={}", stack.project);
    // What came before shows that it listens: nothing is missed from then on.
    command.args(["events", "--since", "0s", "--format", "{{.Action}}"]);
    command.args([
        "--filter",
        "type=container",
        "--filter",
        "event=create",
        "--filter",
        &label,
    ]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (send, receive) = channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    (child, receive)
}

/// What somebody did meanwhile, and what must not be lost of it.
pub(crate) struct Done {
    line: Option<String>,
}

/// Does it; a disk stays full for one `apply`.
pub(crate) fn meanwhile(what: Meanwhile, round: u64, stack: &TestStack, disks: &Disks) -> Done {
    match what {
        Meanwhile::Nothing => Done { line: None },
        Meanwhile::HandEdit => {
            let line = format!("HAND={round}");
            stack.write(".env", &format!("{}{line}\n", stack.read(".env")));
            Done { line: Some(line) }
        }
        Meanwhile::AnotherUser => {
            let line = format!("OTHER={round}");
            let mut other = stack.command(&["set", &line, "--settle", "50ms"]);
            other.env("REFIT_STATE_HOME", stack.beside("other-state"));
            other.disturbed("what was asked of the engine before the kill may still go on");
            let answer = Answer::of(other, b"");
            assert!([0, 1, 3, 4, 5].contains(&answer.code), "{answer}");
            // What it says it did is a promise to that person.
            Done {
                line: (answer.code == 0).then_some(line),
            }
        }
        Meanwhile::FullStackDisk => apply_on_a_full(disks.stack.as_ref(), stack),
        Meanwhile::FullStateDisk => apply_on_a_full(disks.state.as_ref(), stack),
    }
}

fn apply_on_a_full(disk: Option<&SmallDisk>, stack: &TestStack) -> Done {
    if let Some(disk) = disk {
        disk.fill(0);
        let answer = stack.refit(&["apply", "--settle", "50ms"]);
        disk.empty();
        assert!([0, 1, 3, 4].contains(&answer.code), "{answer}");
    }
    Done { line: None }
}

impl Done {
    /// What was typed is in the file, or lies where it is kept.
    #[track_caller]
    pub(crate) fn is_not_lost(&self, stack: &TestStack, context: &str) {
        let Some(line) = &self.line else { return };
        let holds = |text: &str| text.lines().any(|one| one == line);
        let kept = stack.state_files().into_iter();
        let is_kept = kept
            .filter(|(path, _)| !path.ends_with("journal.jsonl"))
            .any(|(_, bytes)| holds(&String::from_utf8_lossy(&bytes)));
        let is_there = holds(&stack.read(".env"));
        let is_promise = line.starts_with("OTHER");
        assert!(
            is_there || (is_kept && !is_promise),
            "{context}\n{line} is lost"
        );
    }
}

/// Small disks under the stack and under the state; `None` where this user may not mount.
pub(crate) struct Disks {
    pub(crate) stack: Option<SmallDisk>,
    pub(crate) state: Option<SmallDisk>,
}

impl Disks {
    pub(crate) fn under(stack: &TestStack) -> Self {
        Self {
            stack: SmallDisk::at(&stack.folder(), 1024),
            state: SmallDisk::at(&stack.state(), 8192),
        }
    }
}

//! Who is kept from a run by whom: another run on the same stack, project or shared file is; somebody
//! who may only read the stack keeps nobody.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::stack::answer::Answer;
use crate::stack::holder::Holder;
use crate::stack::refit::Refit;
use crate::stack::{TestStack, idle};

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// refit, in another folder.
fn refit_in(stack: &TestStack, folder: &Path, args: &[&str]) -> Refit {
    let mut command = stack.command(args);
    command.current_dir(folder);
    command
}

fn started(env_file: &str) -> Option<TestStack> {
    let compose = format!(
        "services:\n  web: {}\n",
        idle(&format!("env_file: {env_file}"))
    );
    TestStack::started(
        &compose,
        &[(".env", "MODE=one\n"), ("../common.env", "V=1\nW=1\n")],
    )
}

/// Another folder with a stack of its own files.
fn another(stack: &TestStack, name: &str) -> PathBuf {
    let folder = stack.beside(name);
    fs::create_dir(&folder).unwrap();
    let compose = stack.read("compose.yaml");
    fs::write(folder.join("compose.yaml"), compose).unwrap();
    fs::write(folder.join(".env"), "MODE=one\n").unwrap();
    folder
}

#[test]
fn two_folders_of_one_project_exclude_each_other() {
    let Some(stack) = started(".env") else { return };
    let other = another(&stack, "other");
    let holder = Holder::of(stack.command(&["set", "MODE=two", "--settle", "10m"]));
    let args = ["-p", &stack.project, "set", "MODE=three"];
    let refused = Answer::of(refit_in(&stack, &other, &args), b"").exits(5);
    refused
        .says(&format!("the project {}", stack.project))
        .says(&stack.folder().display().to_string());
    assert_eq!(
        fs::read_to_string(other.join(".env")).unwrap(),
        "MODE=one\n"
    );
    holder.interrupt();
    assert_eq!(stack.container("web").env["MODE"], "one");
}

#[test]
fn two_stacks_do_not_write_a_shared_file_at_a_time() {
    let Some(stack) = started("../common.env") else {
        return;
    };
    let other = another(&stack, "other");
    let project = stack.second_project("other");
    let set = |value| ["-p", &project, "set", "-F", "../common.env", value];
    let holder =
        Holder::of(stack.command(&["set", "-F", "../common.env", "V=2", "--settle", "10m"]));
    let refused = Answer::of(refit_in(&stack, &other, &set("W=2")), b"").exits(5);
    refused.says("common.env, which this stack uses as well");
    // What is in that folder alone is nobody else's.
    let own = Answer::of(
        refit_in(&stack, &other, &["-p", &project, "set", "MODE=two"]),
        b"",
    );
    assert_eq!(own.code, 0, "{own}");
    holder.interrupt();
    let common = stack.beside("common.env");
    assert_eq!(fs::read_to_string(&common).unwrap(), "V=1\nW=1\n");
    Answer::of(refit_in(&stack, &other, &set("W=2")), b"").exits(0);
    assert_eq!(fs::read_to_string(&common).unwrap(), "V=1\nW=2\n");
}

#[test]
fn who_waits_for_a_lock_hears_signals() {
    let Some(stack) = started(".env") else { return };
    let holder = Holder::of(stack.command(&["set", "MODE=two", "--settle", "10m"]));
    let all = held_by(&holder.child);
    let mut command = stack.command(&["set", "MODE=three", "--wait-lock", "10m"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut waiting = command.spawn().unwrap();
    // Whoever waits at a claim is connected to it: the kernel lists its end under the same name.
    let held = |name: &String| claims().into_iter().filter(|claim| claim == name).count();
    while !all.iter().any(|name| held(name) > 1) {}
    signal(&waiting, "INT");
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    holder.interrupt();
}

/// The names of all claims.
fn claims() -> Vec<String> {
    let text = fs::read_to_string("/proc/net/unix").unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(7));
    let names = names.filter_map(|name| name.strip_prefix("@refit/"));
    names.map(str::to_owned).collect()
}

/// Those that a process holds.
fn held_by(child: &Child) -> Vec<String> {
    let pid = format!("/{}-", child.id());
    let mut all = claims();
    all.retain(|name| name.contains("/held/") && name.contains(&pid));
    all
}

/// A program of a user without any right to the stack but to read it.
struct Stranger(Child);

impl Stranger {
    /// Runs until it says that it is ready.
    fn ready(script: &str, args: &[&str]) -> Self {
        let script = format!("$|=1; {script}; print \"ready\\n\"; sleep 600");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
        command.args(["perl", "-e", &script]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let stranger = Self(child);
        out.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        stranger
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const FLOCK: &str = "use Fcntl qw(:flock); open(my $d, \"<\", $ARGV[0]) or die; \
                     flock($d, LOCK_EX) or die";
const CLAIM: &str = "use Socket; for (@ARGV) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); \
                     bind($s, pack_sockaddr_un(\"\\0refit/$_/1-0-0\")) or die; \
                     listen($s, 9); push @all, $s }";

#[test]
fn who_may_only_read_the_stack_keeps_nobody() {
    let Some(stack) = started(".env") else { return };
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        skipped!("only root can be another user");
        return;
    }
    for path in [stack.folder(), stack.folder().parent().unwrap().to_owned()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // An OS lock on the folder is nobody's business.
    let folder = stack.folder().display().to_string();
    let _locked = Stranger::ready(FLOCK, &[&folder]);
    stack.refit(&["set", "MODE=two"]).exits(0);

    // A stranger makes the very claims that a run has made.
    let holder = Holder::of(stack.command(&["set", "MODE=three", "--settle", "10m"]));
    let of_run = held_by(&holder.child);
    let keys: Vec<&str> = of_run
        .iter()
        .map(|name| name.rsplit_once('/').unwrap().0)
        .collect();
    assert!(keys.len() >= 2, "{of_run:?}");
    let _claimed = Stranger::ready(CLAIM, &keys);
    let refused = stack.refit(&["set", "MODE=four"]).exits(5);
    refused.says("set MODE=three");
    holder.interrupt();
    stack.refit(&["set", "MODE=four"]).exits(0);
}

/// A run that was killed leaves its text in a file that another stack's run is at work on: nothing is put
/// back there under its hands.
#[test]
fn a_shared_file_is_not_given_back_while_another_run_is_at_work_on_it() {
    let Some(stack) = started("../common.env") else {
        return;
    };
    let other = another(&stack, "other");
    let project = stack.second_project("other");
    let mut killed =
        Holder::of(stack.command(&["set", "-F", "../common.env", "V=2", "--settle", "10m"]));
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    let mut up = crate::stack::engine::docker_command();
    up.args(["compose", "-p", &project, "up", "-d"])
        .current_dir(&other);
    Answer::of(up, b"").exits(0);
    let theirs = [
        "-p",
        &project,
        "set",
        "-F",
        "../common.env",
        "W=2",
        "--settle",
        "10m",
    ];
    let holder = Holder::of(refit_in(&stack, &other, &theirs));
    let common = stack.beside("common.env");
    for verb in ["rollback", "apply"] {
        let refused = stack.refit(&["--json", verb]).exits(5);
        assert_eq!(refused.refusal(), "locked");
        refused.says("common.env, which this stack uses as well");
        assert_eq!(fs::read_to_string(&common).unwrap(), "V=2\nW=2\n");
    }
    holder.interrupt();
    assert_eq!(fs::read_to_string(&common).unwrap(), "V=2\nW=1\n");
    stack.refit(&["apply"]).exits(0);
    assert_eq!(fs::read_to_string(&common).unwrap(), "V=1\nW=1\n");
}

//! Upgrades by themselves: what a timer is told, a real cron that fires it, and what an unattended run
//! may do. systemd itself runs on hardly any machine that runs tests: its own verifier judges the units.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout)]

mod stack;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use stack::answer::Answer;
use stack::checkout::{Cloned, version};
use stack::{TestStack, idle};

const IDLE: &str = "services:\n  web: {}\n";

fn started() -> Option<TestStack> {
    TestStack::started(&IDLE.replace("{}", &idle("")), &[])
}

fn record(stack: &TestStack) -> Vec<Value> {
    let files = stack.state_files();
    let text = files
        .into_iter()
        .find(|(path, _)| path.ends_with("unattended.jsonl"));
    let text = String::from_utf8(text.map(|(_, bytes)| bytes).unwrap_or_default()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn words(entries: &[Value], field: &str) -> Vec<String> {
    let word = |entry: &Value| entry[field].as_str().unwrap_or("-").to_owned();
    entries.iter().map(word).collect()
}

/// A Debian cron of this test's own: its spool and `/etc/cron.d` are folders of the test, seen by
/// nobody outside of its mount namespace.
struct Cron {
    daemon: Child,
    programs: PathBuf,
    made_pidfile: bool,
}

const PIDFILE: &str = "/run/crond.pid";

impl Cron {
    /// `None`, with a word about it, where this user or this machine cannot.
    fn start(folder: &Path) -> Option<Self> {
        let programs = std::env::var_os("REFIT_TEST_CRON").map(PathBuf::from)?;
        if !programs.join("usr/sbin/cron").is_file() || !rustix::process::geteuid().is_root() {
            println!("skipped: a cron of one's own needs root and Debian's packages");
            return None;
        }
        let setup = "set -e
            mount --make-rprivate /
            mkdir -p \"$1/cron.d\" \"$1/spool/cron/crontabs\" /etc/cron.d /var/spool
            # cron looks again where the time of the folder differs, in whole seconds.
            touch -d @0 \"$1/spool/cron/crontabs\" \"$1/cron.d\"
            mount --bind \"$1/cron.d\" /etc/cron.d
            mount --bind \"$1/spool\" /var/spool
            if [ -e /run/crond.pid ]; then : >\"$1/pid\"; mount --bind \"$1/pid\" /run/crond.pid; fi
            echo ready
            exec \"$2/usr/sbin/cron\" -f -L 0 >/dev/null 2>&1";
        let made_pidfile = !Path::new(PIDFILE).exists();
        let mut daemon = Command::new("unshare")
            .args(["--mount", "sh", "-c", setup, "cron"])
            .args([folder, &programs])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(daemon.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        if line != "ready\n" {
            daemon.wait().unwrap();
            println!("skipped: this machine lets nobody mount");
            return None;
        }
        Some(Self {
            daemon,
            programs,
            made_pidfile,
        })
    }

    /// A command where this cron is the machine's.
    fn within(&self, stack: &TestStack, program: &str, args: &[&str]) -> Answer {
        let typed = stack.command(&[]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.daemon.id()));
        command.args(["sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh"]);
        command.arg(stack.folder()).arg(program).args(args);
        for (key, value) in typed.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let mut path = vec![self.programs.join("usr/bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        command.env("PATH", std::env::join_paths(path).unwrap());
        Answer::of(command, b"")
    }

    fn refit(&self, stack: &TestStack, args: &[&str]) -> Answer {
        self.within(stack, env!("CARGO_BIN_EXE_refit"), args)
    }

    fn crontab(&self, stack: &TestStack) -> String {
        self.within(stack, "crontab", &["-l"]).stdout
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if self.made_pidfile {
            let _ = fs::remove_file(PIDFILE);
        }
    }
}

#[test]
fn a_real_cron_fires_the_line() {
    let Some(stack) = started() else { return };
    let Some(other) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    // What the person has there already.
    let theirs = "MAILTO=\"\"\n# mine\n0 1 * * * echo 100\\%\n";
    stack.write("theirs", theirs);
    cron.within(&stack, "crontab", &["theirs"]).exits(0);
    let ours = [
        "schedule",
        "install",
        "--via",
        "cron",
        "--every",
        "* * * * *",
    ];
    cron.refit(&stack, &ours)
        .exits(0)
        .says("Installed in the crontab");
    let once = cron.crontab(&stack);
    assert!(
        once.starts_with(theirs) && once.contains(&stack.project),
        "{once}"
    );
    cron.refit(&stack, &ours).exits(0).says("Nothing to do");
    assert_eq!(cron.crontab(&stack), once);
    // Another stack has lines of its own.
    cron.refit(&other, &["schedule", "install", "--at", "05:30"])
        .exits(0);
    let both = cron.crontab(&stack);
    assert!(
        both.starts_with(&once) && both.contains("\n30 5 * * * "),
        "{both}"
    );
    assert!(both.contains("\n@reboot "), "{both}");
    let status = cron.refit(&other, &["schedule", "status"]).exits(0);
    status
        .says("05:30")
        .says("this machine will run it")
        .says("none yet");
    // In the environment that cron gives, and nothing is remembered of it.
    let tested = cron.refit(&stack, &["schedule", "test"]).exits(0);
    tested.says("works in the timer's environment");
    assert!(record(&stack).is_empty());

    let patience = Instant::now();
    while record(&stack).is_empty() {
        assert!(
            patience.elapsed() < Duration::from_secs(130),
            "cron does not fire"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let fired = record(&stack);
    assert_eq!(words(&fired, "outcome")[0], "nothing_to_do", "{fired:?}");
    assert_eq!(words(&fired, "code")[0], "-", "{fired:?}");
    stack.refit(&["status"]).exits(0).says("unattended: ");
    let status = cron
        .refit(&stack, &["--json", "schedule", "status"])
        .exits(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        status["last_result"]["outcome"], "nothing_to_do",
        "{status}"
    );
    assert_eq!(
        status["timers"][0]["problems"],
        serde_json::json!([]),
        "{status}"
    );

    // From the crontab to a file of its own, and out again.
    let file = ["schedule", "install", "--via", "cron-d"];
    cron.refit(&stack, &file).exits(0);
    assert!(
        !cron
            .crontab(&stack)
            .contains(&format!("refit {}-", stack.project))
    );
    let folder = stack.beside("cron").join("cron.d");
    let files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    let [path] = &files[..] else {
        panic!("{files:?}")
    };
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o644
    );
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("\n0 4 * * * root env -i "), "{text}");
    cron.refit(&stack, &["schedule", "test"]).exits(0);
    cron.refit(&stack, &["schedule", "remove"]).exits(0);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    cron.refit(&stack, &["schedule", "remove"])
        .exits(0)
        .says("Nothing to do");
    cron.refit(&other, &["schedule", "remove"]).exits(0);
    assert_eq!(cron.crontab(&stack), theirs);
}

#[test]
fn systemds_own_verifier_takes_the_units() {
    let Some(stack) = started() else { return };
    let analyze = Command::new("systemd-analyze").arg("--version").output();
    if !analyze.is_ok_and(|output| output.status.success()) {
        println!("skipped: systemd-analyze is not on PATH");
        return;
    }
    let odd = "my 50% \"chat\" $HOME";
    stack.write(&format!("{odd}/compose.yaml"), &stack.read("compose.yaml"));
    for words in [
        &[
            "--via",
            "systemd",
            "--random-delay",
            "30m",
            "--window",
            "02:00-05:00",
        ][..],
        &["--via", "user", "--every", "Mon..Fri 04:00"],
        &["--via", "systemd", "--every", "week", "--action", "check"],
    ] {
        let all = [&["-C", odd, "schedule", "install", "--print"][..], words].concat();
        let printed = stack.refit(&all).exits(0);
        let mut files: Vec<(PathBuf, String)> = Vec::new();
        for line in printed.stdout.lines() {
            match line.strip_prefix("# /") {
                Some(path) => {
                    let name = Path::new(path).file_name().unwrap();
                    files.push((stack.beside("units").join(name), String::new()));
                }
                None => files.last_mut().unwrap().1.push_str(&format!("{line}\n")),
            }
        }
        assert_eq!(files.len(), 2, "{printed}");
        fs::create_dir_all(stack.beside("units")).unwrap();
        for (path, text) in &files {
            fs::write(path, text).unwrap();
        }
        let mut verify = Command::new("systemd-analyze");
        verify
            .args(["--man=no", "verify"])
            .args(files.iter().map(|(path, _)| path));
        let output = verify.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && !said.contains("refit"),
            "{said}\n{printed}"
        );
    }
    // Nothing was installed.
    stack
        .refit(&["-C", odd, "schedule", "status"])
        .exits(0)
        .says("no timer is installed");
}

#[test]
fn what_no_timer_can_be_told_is_refused() {
    let Some(stack) = started() else { return };
    let install = |words: &[&str]| {
        let all = [&["--json", "schedule", "install", "--print"][..], words].concat();
        let answer = stack.refit(&all).exits(1);
        let error: Value = serde_json::from_str(&answer.stdout).unwrap();
        error["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for words in [
        &["--via", "cron", "--every", "Mon..Fri 04:00"][..],
        &["--via", "systemd", "--every", "0 4 * * *"],
        &["--via", "cron", "--every", "1 2 3 4 5 6"],
        &["--via", "cron", "--every", "0 4 * * *", "--at", "05:00"],
        &["--via", "cron", "--window", "02:00-05:00", "--at", "06:00"],
        &[
            "--via",
            "cron",
            "--window",
            "23:00-01:00",
            "--random-delay",
            "3h",
        ],
    ] {
        assert_eq!(install(words), "bad_schedule", "{words:?}");
    }
    for words in [
        ["--at", "25:00"],
        ["--window", "2-5"],
        ["--random-delay", "soon"],
    ] {
        stack
            .refit(&[&["schedule", "install"][..], &words].concat())
            .exits(2);
    }
    stack
        .refit(&["schedule", "test"])
        .exits(1)
        .says("refit schedule install");
}

#[test]
fn an_unattended_run_keeps_to_its_hours() {
    let Some(stack) = started() else { return };
    // Open for an hour that is not now, in the zone that the command has.
    let hour = |ahead: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(ahead);
        at.to_string()[11..16].to_owned()
    };
    let closed = format!("{}-{}", hour(2), hour(3));
    let run = |words: &[&str]| {
        let mut command = stack.command(&[&["--json", "schedule", "run"][..], words].concat());
        command.env("TZ", "UTC");
        Answer::of(command, b"").exits(0)
    };
    let answer = run(&["--window", &closed]);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    assert_eq!(answer.the("note")["code"], "outside_window");
    stack.write("refit.yaml", &format!("upgrade: {{window: '{closed}'}}\n"));
    assert_eq!(run(&[]).the("note")["code"], "outside_window");
    let open = format!("{}-{}", hour(-1), hour(1));
    assert!(run(&["--window", &open]).all("plan").len() == 1);
    // What was missed is made up for once; a machine that never ran it has missed nothing.
    let answer = run(&["--window", &open, "--missed", "24h"]);
    assert_eq!(answer.the("note")["code"], "not_missed", "{answer}");
    let codes = words(&record(&stack), "code");
    assert_eq!(
        codes,
        ["outside_window", "outside_window", "-", "not_missed"]
    );
}

#[test]
fn after_so_many_failures_it_waits_for_a_person() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    clone
        .stack
        .write("refit.yaml", "upgrade: {max_failures: 2}\n");
    let away = clone.remote.with_extension("away");
    fs::rename(&clone.remote, &away).unwrap();
    let run = ["--json", "schedule", "run"];
    clone.refit(&run).exits(1);
    // Who holds the lock is no failure.
    let folder = fs::File::open(clone.stack.folder()).unwrap();
    folder.lock().unwrap();
    let wait = [&run[..], &["--wait-lock", "100ms"]].concat();
    clone.refit(&wait).exits(5);
    folder.unlock().unwrap();
    clone.refit(&run).exits(1);
    let answer = clone.refit(&run).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    assert_eq!(answer.the("note")["code"], "max_failures", "{answer}");
    clone
        .refit(&["status"])
        .exits(0)
        .says("2 unattended runs in a row have failed");
    clone.refit(&[&run[..], &["--retry"]].concat()).exits(1);

    // There again, and tried again by hand: from then on it counts anew.
    fs::rename(&away, &clone.remote).unwrap();
    clone.push(&[("README", "new\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0);
    let answer = clone.refit(&run).exits(0);
    assert!(
        answer
            .all("note")
            .iter()
            .all(|note| note["code"] != "max_failures"),
        "{answer}"
    );
    let codes = words(&record(&clone.stack), "outcome");
    let wanted = [
        "refused",
        "refused",
        "refused",
        "nothing_to_do",
        "refused",
        "nothing_to_do",
    ];
    assert_eq!(codes, wanted);
}

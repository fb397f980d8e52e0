//! Where timers are kept: what is put there, found there and taken out, in a real crontab and by the
//! words of systemd's own verifier. systemd itself runs on hardly any machine that runs tests.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cron::{ANN, ANN_ID, Cron};
use crate::nights::rolled_back;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, mounted, version};
use crate::stack::{TestStack, idle};
use serde_json::Value;

const IDLE: &str = "services:\n  web: {}\n";

fn started() -> Option<TestStack> {
    TestStack::started(&IDLE.replace("{}", &idle("")), &[])
}

/// The units that a command prints, which systemd's own verifier takes.
#[track_caller]
fn verified(stack: &TestStack, command: &[&str]) -> String {
    let printed = refit(stack, command).exits(0);
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
    let mut verify = Command::new(stack.beside("bin/systemd-analyze"));
    let paths = files.iter().map(|(path, _)| path);
    verify.args(["--man=no", "verify"]).args(paths);
    let output = verify.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("refit"),
        "{said}\n{printed}"
    );
    printed.stdout
}

/// Has `systemd-analyze` in the test's own `bin`: that of Debian's package, else the machine's.
fn has_verifier(stack: &TestStack) -> bool {
    let folder = stack.beside("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("systemd-analyze");
    let package = std::env::var("REFIT_TEST_SYSTEMD").unwrap_or_default();
    if package.is_empty() {
        let path = std::env::var_os("PATH").unwrap();
        let mut found = std::env::split_paths(&path).map(|folder| folder.join("systemd-analyze"));
        let Some(found) = found.find(|path| path.is_file()) else {
            skipped!("systemd-analyze is neither on PATH nor in Debian's packages");
            return false;
        };
        std::os::unix::fs::symlink(found, program).unwrap();
        return true;
    }
    // With the libraries and the units of the package: the machine may have others, or none.
    let script = format!(
        "#!/bin/sh\nset -e\ncd {package}/usr/lib/*-linux-gnu\n\
         SYSTEMD_UNIT_PATH={package}/usr/lib/systemd/system: exec ./ld-linux*.so.* \
         --library-path \"$PWD:$PWD/systemd\" {package}/usr/bin/systemd-analyze \"$@\"\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    true
}

/// refit where the programs in the test's own `bin` are the first.
fn refit(stack: &TestStack, args: &[&str]) -> Answer {
    let mut command = stack.command(args);
    let mut path = vec![stack.beside("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    command.env("PATH", std::env::join_paths(path).unwrap());
    Answer::of(command, b"")
}

#[test]
fn systemds_own_verifier_takes_the_units() {
    let Some(stack) = started() else { return };
    if !has_verifier(&stack) {
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
        verified(&stack, &all);
    }
    // What systemd cannot read is refused in its own words.
    let wrong = [
        "schedule",
        "install",
        "--print",
        "--via",
        "systemd",
        "--every",
        "Mon..Fry 04:00",
    ];
    refit(&stack, &wrong)
        .exits(1)
        .says("systemd cannot read \"Mon..Fry 04:00\"");
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
        // Never within the window.
        &[
            "--via",
            "cron",
            "--window",
            "02:00-05:00",
            "--every",
            "*/9 6,7 * * *",
        ],
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
    let both = ["schedule", "install", "--user", "--via", "cron"];
    stack.refit(&both).exits(2);
    let print = |words: &[&str]| {
        let all = [&["schedule", "install", "--print"][..], words].concat();
        stack.refit(&all).exits(0).stdout
    };
    assert_eq!(print(&["--user"]), print(&["--via", "user"]));
    // By the name that an update leaves as it is.
    fs::create_dir(stack.beside("bin")).unwrap();
    let named = stack.beside("bin/refit");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_refit"), &named).unwrap();
    let printed = refit(&stack, &["schedule", "install", "--print", "--via", "cron"]);
    printed
        .exits(0)
        .says(&format!(" {} -q -C ", named.display()));
    // Some of its times are within.
    print(&[
        "--via",
        "cron",
        "--window",
        "02:00-05:00",
        "--every",
        "*/9 * * * *",
    ]);
}

#[test]
fn the_wall_of_a_service_lets_through_what_it_needs() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let (stack, main) = (&clone.stack, clone.git_dir());
    if !has_verifier(stack) {
        return;
    }
    let print = ["schedule", "install", "--print", "--via", "systemd"];
    let plain = verified(stack, &print);
    let line = |text: &str, line: &str| text.lines().any(|own| own == line);
    let writes = |path: &Path| format!("ReadWritePaths=-{}", path.display());
    assert!(line(&plain, "NoNewPrivileges=true"), "{plain}");
    assert!(line(&plain, &writes(&stack.folder())), "{plain}");
    assert!(line(&plain, &writes(&stack.state())), "{plain}");
    // A sendmail that puts its mail into a queue has to become somebody else.
    stack.write("refit.yaml", "notify: [{email: root@localhost}]\n");
    let mailing = verified(stack, &print);
    assert!(!mailing.contains("NoNewPrivileges"), "{mailing}");
    assert!(line(&mailing, "ReadWritePaths=-/var/spool"), "{mailing}");
    // The git folder of a further work tree is elsewhere.
    let tree = stack.beside("tree");
    clone.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "further",
        tree.to_str().unwrap(),
    ]);
    let from = ["-C", tree.to_str().unwrap()];
    let words = [&from[..], &print, &["--writable", "../backup"]].concat();
    let further = verified(stack, &words);
    assert!(line(&further, &writes(&main)), "{further}");
    assert!(
        line(&further, &writes(&stack.beside("backup"))),
        "{further}"
    );
}

#[test]
fn lines_of_others_stay_byte_for_byte_and_ours_are_there_once() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    let theirs = b"# Gr\xfc\xdfe\nMAILTO=\"\"\n\n0 1 * * * echo 100\\%\n";
    fs::write(stack.path("theirs"), theirs).unwrap();
    cron.within(&stack, "crontab", &["theirs"]).exits(0);
    let install = |words: &[&str]| {
        let all = [&["schedule", "install", "--via", "cron"][..], words].concat();
        cron.refit(&stack, &all).exits(0)
    };
    install(&["--random-delay", "30m"]);
    let once = cron.bytes("root");
    assert!(once.starts_with(theirs) && once.len() > theirs.len());
    install(&["--random-delay", "30m"]).says("Nothing to do");
    assert_eq!(cron.bytes("root"), once);
    // With other options: in place of the old ones.
    install(&["--at", "05:30", "--action", "check"]).says("Installed");
    let other = String::from_utf8_lossy(&cron.bytes("root")).into_owned();
    let count = |text: &str| other.matches(text).count();
    assert_eq!(
        (count("# BEGIN refit"), count("--action check")),
        (1, 2),
        "{other}"
    );
    assert_eq!(
        (count("--random-delay"), count("\n30 5 * * * ")),
        (0, 1),
        "{other}"
    );
    // Taken out by a # it is told of, and still ours to remove.
    let commented = other
        .replace("\n30 5", "\n#30 5")
        .replace("\n@reboot", "\n#@reboot");
    stack.write("commented", &commented.replace('\u{fffd}', "u"));
    cron.within(&stack, "crontab", &["commented"]).exits(0);
    let status = cron.refit(&stack, &["schedule", "status"]).exits(0);
    status.says("! it was changed since refit wrote it: refit schedule install");
    cron.refit(&stack, &["schedule", "test"]).exits(1);
    cron.refit(&stack, &["schedule", "remove"])
        .exits(0)
        .says("Removed from");
    cron.within(&stack, "crontab", &["theirs"]).exits(0);
    // To a file of its own and back: never in both.
    cron.refit(&stack, &["schedule", "install", "--via", "cron-d"])
        .exits(0);
    assert_eq!(
        (cron.bytes("root"), cron.files().len()),
        (theirs.to_vec(), 1)
    );
    install(&[]);
    assert_eq!(cron.files().len(), 0);
    cron.refit(&stack, &["schedule", "remove"]).exits(0);
    assert_eq!(cron.bytes("root"), theirs);
    // One that had none has none afterwards.
    cron.within(&stack, "crontab", &["-r"]).exits(0);
    install(&[]);
    cron.refit(&stack, &["schedule", "remove"]).exits(0);
    cron.within(&stack, "crontab", &["-l"])
        .exits(1)
        .says("no crontab for root");
}

#[test]
fn what_cron_would_not_take_is_refused_before_it_is_written() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    for via in ["cron", "cron-d"] {
        let wrong = ["schedule", "install", "--via", via, "--every", "61 4 * * *"];
        cron.refit(&stack, &wrong).exits(1).says("bad minute");
    }
    assert_eq!(cron.files().len(), 0);
    assert!(cron.bytes("root").is_empty());
}

#[test]
fn a_timer_is_found_without_its_engine_its_files_and_its_folder() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    // It runs under another name than its folder has: only the engine knows that.
    let other = stack.second_project("other");
    stack.compose(&["down"]);
    stack.compose(&["-p", &other, "up", "-d"]);
    let install = ["schedule", "install", "--via", "cron-d"];
    cron.refit(&stack, &install)
        .exits(0)
        .says(&format!("upgrade of {other}"));
    let dead = format!("unix://{}", stack.beside("no.sock").display());
    let without = |words: &[&str]| {
        let all = [&["-H", &dead], words].concat();
        cron.refit(&stack, &all)
    };
    without(&["schedule", "status"])
        .exits(0)
        .says("timer   /etc/cron.d");
    fs::rename(stack.path("compose.yaml"), stack.path("compose.away")).unwrap();
    let status = without(&["schedule", "status"]).exits(0);
    status
        .says("! no compose file in")
        .never_says("this machine will run it");
    without(&["schedule", "test"]).exits(1);
    without(&install).exits(1).says("no compose file");
    without(&["schedule", "remove"])
        .exits(0)
        .says("Removed from");
    assert_eq!(cron.files().len(), 0);

    fs::rename(stack.path("compose.away"), stack.path("compose.yaml")).unwrap();
    without(&install).exits(0);
    let folder = stack.folder();
    fs::rename(&folder, stack.beside("away")).unwrap();
    let beside = stack.beside("");
    let gone = |verb: &str| {
        let mut command = cron.command(&stack, env!("CARGO_BIN_EXE_refit"), &[]);
        // Where the test goes first is not there.
        let words: Vec<_> = command
            .get_args()
            .map(|arg| match Path::new(arg) == folder {
                true => beside.clone().into_os_string(),
                false => arg.to_owned(),
            })
            .collect();
        let mut moved = Command::new("nsenter");
        moved
            .args(words)
            .args(["-C", &stack.project, "schedule", verb]);
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => moved.env(key, value),
                None => moved.env_remove(key),
            };
        }
        command = moved;
        Answer::of(command, b"")
    };
    gone("status").exits(0).says("! no folder ");
    gone("remove").exits(0).says("Removed from");
    gone("remove").exits(1).says("no folder");
    fs::rename(stack.beside("away"), &folder).unwrap();
    assert_eq!(cron.files().len(), 0);
}

#[test]
fn what_would_keep_a_timer_from_running_is_told() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    let refit = stack.beside("refit");
    let built = env!("CARGO_BIN_EXE_refit");
    let _ = fs::hard_link(built, &refit).or_else(|_| fs::copy(built, &refit).map(|_| ()));
    let install = ["schedule", "install", "--via", "cron-d"];
    cron.within(&stack, refit.to_str().unwrap(), &install)
        .exits(0);
    let status = || -> Value {
        let answer = cron
            .refit(&stack, &["--json", "schedule", "status"])
            .exits(0);
        serde_json::from_str(&answer.stdout).unwrap()
    };
    let next = status()["timers"][0]["next"].as_str().unwrap().to_owned();
    assert!(next.parse::<jiff::Timestamp>().is_ok(), "{next}");
    let problems = || {
        let status = status();
        let problems = status["timers"][0]["problems"].as_array().unwrap().clone();
        let problems = problems.iter().map(|one| one.as_str().unwrap().to_owned());
        problems.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(problems(), "");
    fs::remove_file(&refit).unwrap();
    let gone = problems();
    assert!(
        gone.starts_with(&format!("{} is not there any more", refit.display())),
        "{gone}"
    );
    cron.refit(&stack, &install).exits(0).says("Installed");
    assert_eq!(problems(), "");

    let [path] = &cron.files()[..] else {
        panic!("one file")
    };
    let text = fs::read_to_string(path).unwrap();
    let start = text.find(" PATH=").unwrap();
    let end = start + 1 + text[start + 1..].find(' ').unwrap();
    let changed = |from: &str, to: &str| fs::write(path, text.replace(from, to)).unwrap();
    changed(&text[start..end], " PATH=/no/such");
    assert_eq!(problems(), "no docker is in the timer's PATH, /no/such");
    changed(" root env ", " nobody-here env ");
    assert!(
        problems().contains("nobody-here, an account that does not exist any more"),
        "{}",
        problems()
    );
    changed("env -i ", "date ");
    assert!(
        problems().contains("changed since refit wrote it"),
        "{}",
        problems()
    );
    cron.refit(&stack, &["schedule", "test"]).exits(1);
    changed("", "");
    stack.write("refit.yaml", "upgrade: {windows: x}\n");
    assert!(
        problems().contains("refit.yaml:1:11: unknown field windows"),
        "{}",
        problems()
    );
    // What the person's shell knows, a timer does not.
    let notify = "notify: [{ntfy: '${TOPIC}'}, {slack: {url: {file: slack.url}}}]\n";
    stack.write("refit.yaml", notify);
    let told = problems();
    assert!(
        told.contains("ntfy could not be notified: TOPIC is not set"),
        "{told}"
    );
    assert!(
        told.contains("slack could not be notified: slack.url does not exist"),
        "{told}"
    );
    stack.write(".env", "TOPIC=https://ntfy.example/x\n");
    stack.write("slack.url", "https://slack.example/x\n");
    assert_eq!(problems(), "");
    // After so many failures nothing happens by itself any more.
    stack.write("refit.yaml", "upgrade: {max_failures: 1}\n");
    let mut run = stack.command(&["schedule", "run"]);
    run.env(
        "DOCKER_HOST",
        format!("unix://{}", stack.beside("no.sock").display()),
    );
    Answer::of(run, b"").exits(1);
    assert_eq!(problems(), "");
    rolled_back(&stack, 1);
    assert!(
        problems().contains("refit schedule run --retry"),
        "{}",
        problems()
    );
    stack.refit(&["set", "A=1"]).exits(0);
    assert_eq!(problems(), "");
}

#[test]
fn root_makes_the_timer_of_whom_the_stack_belongs_to() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    chown(stack.folder(), Some(ANN_ID), Some(ANN_ID)).unwrap();
    let typed = |words: &[&str]| {
        let mut command = cron.command(&stack, env!("CARGO_BIN_EXE_refit"), words);
        command.env("HTTPS_PROXY", "http://proxy.example:8080");
        command.env("HTTP_PROXY", "http://me:hunter2222@proxy.example:8080");
        Answer::of(command, b"").exits(0)
    };
    let install = "schedule install --via cron-d --profile x -p mine --wait-lock 90s";
    let answer = typed(&install.split(' ').collect::<Vec<_>>());
    let answer = answer
        .says("as refit-ann")
        .says("! HTTP_PROXY holds a password");
    answer.never_says("hunter2222");
    let [path] = &cron.files()[..] else {
        panic!("one file")
    };
    let text = fs::read_to_string(path).unwrap();
    let home = cron.home();
    let line = format!("\n0 4 * * * {ANN} env -i HOME={} PATH=", home.display());
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains(" HTTPS_PROXY=http://proxy.example:8080 "),
        "{text}"
    );
    assert!(
        text.contains(" -p mine --profile x schedule run --action upgrade --wait-lock 90s"),
        "{text}"
    );
    // Folders of root's own are nothing to her.
    assert!(
        !text.contains("REFIT_STATE_HOME") && !text.contains("hunter2222"),
        "{text}"
    );
    typed(&["-p", "mine", "schedule", "remove"]);
    typed(&["schedule", "install", "--via", "cron"]);
    assert!(cron.bytes("root").is_empty() && !cron.bytes(ANN).is_empty());
    typed(&["schedule", "status"]).says("crontab of refit-ann");
    typed(&["schedule", "remove"]);
    assert!(cron.bytes(ANN).is_empty());
}

/// Runs a service's command as systemd does behind its wall, as far as a mount namespace can be one:
/// what `ReadWritePaths=` does not name is read-only, and nobody gets more rights. `temporary` stands
/// for the folder of its own that systemd would give it.
fn behind_its_wall(service: &str, temporary: &Path) -> Option<Answer> {
    let values = |key: &str| -> Vec<String> {
        let lines = service.lines();
        let found = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.map(str::to_owned).collect()
    };
    let setup = "set -e
        mount --make-rprivate /
        while [ \"$1\" != -- ]; do
            if [ -e \"$1\" ]; then mount --rbind \"$1\" \"$1\"; fi
            shift
        done
        shift
        mount -o remount,bind,ro /
        exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", setup, "wall"]);
    let writes = values("ReadWritePaths");
    let writes = writes.iter().map(|path| path.trim_start_matches('-'));
    // The test's own folder lies there, and would be open with it.
    command.args(writes.filter(|path| !["/tmp", "/var/tmp"].contains(path)));
    command.arg(temporary);
    command.args(["--", "setpriv", "--no-new-privs", "env", "-i"]);
    command.arg(format!("TMPDIR={}", temporary.display()));
    command.args(values("Environment"));
    let [line] = &values("ExecStart")[..] else {
        panic!("{service}")
    };
    command.args(line.split(' '));
    let probe = "mount --make-rprivate / && mount -o remount,bind,ro /";
    let may = Command::new("unshare")
        .args(["--mount", "sh", "-c", probe])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        skipped!("this user or this machine makes no mount namespace");
        return None;
    }
    Some(Answer::of(command, b""))
}

#[test]
fn an_upgrade_works_behind_the_wall_of_its_service() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let stray = clone.stack.beside("stray");
    let hooks = format!("hooks: {{after_success: 'touch {}'}}\n", stray.display());
    clone.stack.write("refit.yaml", &hooks);
    clone.push(&[("version", "v2\n".to_owned())]);
    let print = ["schedule", "install", "--print", "--via", "systemd"];
    let unit = clone.refit(&print).exits(0).stdout;
    let config = "Environment=GIT_CONFIG_GLOBAL";
    let own = clone.stack.beside("home/.gitconfig");
    let unit = format!("{config}={}\n{unit}", own.display());
    let Some(answer) = behind_its_wall(&unit, &clone.stack.beside("tmp")) else {
        return;
    };
    answer.exits(0);
    assert_eq!(clone.inside("/app/version"), "v2");
    clone
        .refit(&["history"])
        .exits(0)
        .says("upgrade --unattended");
    assert!(!stray.exists(), "it wrote outside of its folders");
}

/// Stands for the `systemctl` of a machine that systemd runs: remembers what it is told, and answers as
/// one whose timer is active, or not where a file says so.
const SYSTEMCTL: &str = r#"#!/bin/sh
here=$(dirname "$0")/..
echo "$*" >>"$here/told"
case $1 in
show)
    echo "ActiveState=$(cat "$here/active" 2>/dev/null || echo active)"
    echo UnitFileState=enabled
    echo 'NextElapseUSecRealtime=Wed 2036-11-26 04:00:00 UTC'
    echo LastTriggerUSec= ;;
esac
"#;

/// A command where systemd runs the machine, as far as can be seen; units go to a folder of the test.
fn under_systemd(cron: &Cron, stack: &TestStack, args: &[&str]) -> Answer {
    let setup = "mount --bind \"$1/run\" /run/systemd && mount --bind \"$1/units\" \
                 /etc/systemd/system && shift && exec \"$@\"";
    let folder = stack.beside("systemd");
    let folder = folder.to_str().unwrap();
    let refit = env!("CARGO_BIN_EXE_refit");
    let words = [&["--mount", "sh", "-c", setup, "sh", folder, refit], args].concat();
    let mut command = cron.command(stack, "unshare", &words);
    let mut path = vec![stack.beside("systemd/bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    command.env("PATH", std::env::join_paths(path).unwrap());
    Answer::of(command, b"")
}

#[test]
fn systemd_is_told_of_a_timer_and_of_its_end() {
    let Some(stack) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    if !Path::new("/run/systemd").is_dir() || !Path::new("/etc/systemd/system").is_dir() {
        skipped!("this machine has no folders of systemd to put others over");
        return;
    }
    for folder in ["run/system", "units", "bin"] {
        fs::create_dir_all(stack.beside("systemd").join(folder)).unwrap();
    }
    let systemctl = stack.beside("systemd/bin/systemctl");
    fs::write(&systemctl, SYSTEMCTL).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
    let told = || {
        let file = stack.beside("systemd/told");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        let lines = text.lines().filter(|line| !line.starts_with("show "));
        let lines = lines.map(|line| line.split("refit-").next().unwrap().trim().to_owned());
        lines.collect::<Vec<_>>()
    };
    let units = || {
        let all = fs::read_dir(stack.beside("systemd/units")).unwrap();
        let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
        all.sort();
        let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
        all.iter().map(read).collect::<Vec<_>>()
    };
    let refit = |args: &[&str]| under_systemd(&cron, &stack, args);

    chown(stack.folder(), Some(ANN_ID), Some(ANN_ID)).unwrap();
    let install = ["schedule", "install"];
    let answer = refit(&install).exits(0);
    answer
        .says("Installed in systemd")
        .says("next   2036-11-26 04:00, as refit-ann");
    assert_eq!(told(), ["daemon-reload", "enable", "restart"]);
    let first = units();
    let [service, timer] = &first[..] else {
        panic!("{first:?}")
    };
    assert!(service.contains("\nUser=refit-ann\n") && timer.contains("\nPersistent=true\n"));
    // Behind its wall it could not make them itself.
    for folder in [".local/state/refit", ".docker"] {
        let made = fs::metadata(cron.home().join(folder)).unwrap();
        assert_eq!(
            (made.uid(), made.mode() & 0o777),
            (ANN_ID, 0o700),
            "{folder}"
        );
    }
    refit(&install).exits(0).says("Nothing to do");
    assert_eq!(units(), first);
    told();
    refit(&[&install[..], &["--at", "05:00"]].concat())
        .exits(0)
        .says("Installed");
    assert_eq!(told(), ["daemon-reload", "enable", "restart"]);
    assert_eq!(units().len(), 2);

    refit(&["schedule", "status"])
        .exits(0)
        .says("this machine will run it");
    fs::write(stack.beside("systemd/active"), "inactive").unwrap();
    refit(&["schedule", "status"])
        .exits(0)
        .says("! the timer is not active: systemctl start");
    // Only she can make a timer of hers.
    refit(&["schedule", "install", "--user"])
        .exits(1)
        .says("belongs to another user");
    told();
    // To cron, and it is in systemd no more.
    refit(&["schedule", "install", "--via", "cron-d"]).exits(0);
    assert_eq!(
        told(),
        ["disable --now", "clean --what=state", "daemon-reload"]
    );
    assert_eq!((units().len(), cron.files().len()), (0, 1));
    refit(&install).exits(0);
    assert_eq!((units().len(), cron.files().len()), (2, 0));
    refit(&["schedule", "remove"])
        .exits(0)
        .says("Removed from systemd");
    assert_eq!(units().len(), 0);
}

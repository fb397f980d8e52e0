//! Nights without anybody there: what an unattended run calls a failure, whom it tells, and what it tries again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::Value;

use crate::cron::Cron;
use crate::faulty::small_disk::SmallDisk;
use crate::imaged::{Imaged, of_image};
use crate::receiver::Receiver;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, version};
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, TestStack, service};

/// The record of a stack's timer.
#[track_caller]
fn file(stack: &TestStack) -> PathBuf {
    let mut files = stack.state_files().into_iter().map(|(path, _)| path);
    let found = files.find(|path| path.ends_with("unattended.jsonl"));
    found.expect("no run of a timer yet")
}

pub(crate) fn record(stack: &TestStack) -> Vec<Value> {
    let text = fs::read_to_string(file(stack)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn last(stack: &TestStack) -> Value {
    record(stack).pop().unwrap()
}

/// Everything that was remembered of a timer happened so many days earlier.
pub(crate) fn days_later(stack: &TestStack, days: i64) {
    let earlier = |entry: Value| {
        let at: jiff::Timestamp = entry["at"].as_str().unwrap().parse().unwrap();
        let mut entry = entry;
        entry["at"] = (at - jiff::SignedDuration::from_hours(24 * days))
            .to_string()
            .into();
        format!("{entry}\n")
    };
    let text: String = record(stack).into_iter().map(earlier).collect();
    fs::write(file(stack), text).unwrap();
}

/// A timer's runs that were rolled back, after one that was remembered.
pub(crate) fn rolled_back(stack: &TestStack, times: usize) {
    let mut text = fs::read_to_string(file(stack)).unwrap();
    let mut entry = last(stack);
    entry["outcome"] = "rolled_back".into();
    entry["code"] = "unhealthy".into();
    entry["exit_code"] = 3.into();
    text.push_str(&format!("{entry}\n").repeat(times));
    fs::write(file(stack), text).unwrap();
}

/// Whoever hears of failures at `/x`, and a heartbeat at `/beat`.
pub(crate) fn told_to(receiver: &Receiver) -> String {
    format!(
        "notify:\n- webhook: '{}'\n- heartbeat: '{}'\n",
        receiver.url("/x"),
        receiver.url("/beat")
    )
}

/// Who heard of a night; the end of it reaches them at the same moment.
fn heard(receiver: &Receiver) -> Vec<String> {
    let mut paths = receiver.paths();
    paths.sort();
    paths
}

const WELL: [&str; 2] = ["/beat", "/beat/start"];
const FAILED: [&str; 2] = ["/beat/fail", "/beat/start"];
const FAILED_AND_TOLD: [&str; 3] = ["/beat/fail", "/beat/start", "/x"];

const RUN: [&str; 3] = ["--json", "schedule", "run"];

/// A timer's run with the logins of a folder.
fn run_with(stack: &TestStack, config: &Path) -> Answer {
    let mut command = stack.command(&RUN);
    command.env("DOCKER_CONFIG", config);
    Answer::of(command, b"")
}

/// A folder like `~/.docker` with these logins, in which the engine's CLI works.
pub(crate) fn logins(stack: &TestStack, name: &str, text: &str) -> PathBuf {
    let folder = stack.beside(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.json"), text).unwrap();
    with_plugins(&folder);
    folder
}

pub(crate) fn with_plugins(folder: &Path) {
    if let Some(usual) = std::env::var_os("DOCKER_CONFIG") {
        let plugins = Path::new(&usual).join("cli-plugins");
        std::os::unix::fs::symlink(plugins, folder.join("cli-plugins")).unwrap();
    }
}

#[test]
fn a_login_that_is_refused_is_a_failure_until_somebody_logs_in() {
    let receiver = Receiver::kind();
    let (Some(open), Some(registry)) = (Registry::start(), Registry::with_password()) else {
        return;
    };
    open.push("team/other:1", "one", 1);
    let other = open.name("team/other:1");
    crate::stack::engine::docker(&["pull", "--quiet", &other]);
    let Some(it) = Imaged::with(registry, |name| {
        let (web, other) = (of_image(name, ""), of_image(&other, ""));
        format!("  web: {web}\n  other: {other}\n")
    }) else {
        return;
    };
    let stack = &it.stack;
    stack.write("refit.yaml", &told_to(&receiver));
    let right = it.registry.config.path();
    with_plugins(right);
    let none = logins(stack, "none", "{}");
    run_with(stack, right).exits(0);
    assert_eq!(heard(&receiver), WELL);

    let refused = run_with(stack, &none).exits(1);
    assert_eq!(refused.outcome(), "refused", "{refused}");
    assert_eq!(refused.refusal(), "registry_denied");
    let text = format!("{} does not give ", it.registry.address);
    assert!(last(stack)["text"].as_str().unwrap().starts_with(&text));
    let told = receiver.taken();
    assert_eq!(told["/x"].json()["code"], "registry_denied");
    assert_eq!(
        told["/x"].json()["title"],
        format!("{}: upgrade failed; nothing was changed", stack.project)
    );
    assert!(told.contains_key("/beat/fail") && !told.contains_key("/beat"));
    let status = stack.refit(&["status"]).exits(0);
    let status = status.has_line(&["! unattended:", &text]);
    assert_eq!(status.stdout.matches(&text).count(), 1, "{status}");
    stack
        .refit(&["history", "--since", "1d"])
        .says("1 nothing to do, 1 refused or failed");
    // The same night after night is told once, and the heartbeat hears of each.
    run_with(stack, &none).exits(1);
    assert_eq!(heard(&receiver), FAILED);
    // What is new elsewhere comes all the same; what was not asked is remembered and told.
    open.push("team/other:1", "two", 1);
    let applied = run_with(stack, &none).exits(1);
    assert_eq!(applied.outcome(), "applied", "{applied}");
    assert_eq!(applied.the("finished")["exit_code"], 1, "{applied}");
    assert_eq!(applied.refusal(), "registry_denied", "{applied}");
    let (kept, told) = (last(stack), receiver.taken());
    let unanswered = kept["unanswered"][0].as_str().unwrap();
    assert!(unanswered.starts_with(&text), "{kept}");
    assert_eq!(
        (&kept["code"], &kept["exit_code"]),
        (&"registry_denied".into(), &1.into())
    );
    // In one word to each: that it was applied, and what is left to do.
    let paths: Vec<&str> = told.keys().map(String::as_str).collect();
    assert_eq!(paths, FAILED_AND_TOLD);
    let title = told["/x"].json()["title"].as_str().unwrap().to_owned();
    assert!(
        title.ends_with("upgrade to new images of other applied; a registry refuses the login"),
        "{title}"
    );
    let beat = &told["/beat/fail"].body;
    for line in ["Not checked: ", "To do: ", "docker login"] {
        assert!(beat.contains(line), "{beat}");
    }
    let status = stack.refit(&["status"]).exits(0);
    let status = status.has_line(&["! unattended:", "applied", "(refit show", &text]);
    let times = status.stdout.matches(&text).count();
    assert_eq!(times, 1, "{status}");
    // Also where only failures are heard of.
    open.push("team/other:1", "three", 1);
    let only = told_to(&receiver).replace("/x'", "/x'\n  on: [failure]");
    stack.write("refit.yaml", &only);
    run_with(stack, &none).exits(1);
    assert_eq!(heard(&receiver), FAILED_AND_TOLD);
    stack.write("refit.yaml", &told_to(&receiver));
    // It is news again after a night that was well.
    run_with(stack, right).exits(0);
    assert_eq!(heard(&receiver), WELL);
    run_with(stack, &none).exits(1);
    assert_eq!(heard(&receiver), FAILED_AND_TOLD);
    // By hand it is a note.
    let mut by_hand = stack.command(&["--json", "upgrade"]);
    by_hand.env("DOCKER_CONFIG", &none);
    let by_hand = Answer::of(by_hand, b"").exits(0);
    assert_eq!(by_hand.outcome(), "nothing_to_do", "{by_hand}");
}

/// A stack of one image, after a night that was well.
fn well(receiver: &Receiver) -> Option<Imaged> {
    let it = Imaged::started("")?;
    it.stack.write("refit.yaml", &told_to(receiver));
    it.stack.refit(&RUN).exits(0);
    assert_eq!(heard(receiver), WELL);
    Some(it)
}

#[test]
fn a_registry_that_is_down_is_no_success_and_after_days_a_failure() {
    let receiver = Receiver::kind();
    let Some(it) = well(&receiver) else { return };
    let stack = &it.stack;
    it.registry.stop();
    let answer = stack.refit(&RUN).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    let told = receiver.taken();
    let beat = &told["/beat"].body;
    assert!(beat.contains("as far as registries answered"), "{beat}");
    assert!(beat.contains("Not checked: "), "{beat}");
    assert!(!told.contains_key("/x"), "{told:?}");
    let text = last(stack)["unanswered"][0].as_str().unwrap().to_owned();
    assert!(text.contains("cannot be reached"), "{text}");
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["not checked:", "cannot be reached"]);
    stack
        .refit(&["history", "--since", "1d"])
        .says("1 nothing to do, 1 not all registries answered");

    days_later(stack, 6);
    stack.refit(&RUN).exits(0);
    assert_eq!(heard(&receiver), WELL);
    days_later(stack, 2);
    let stale = stack.refit(&RUN).exits(1);
    assert_eq!(stale.refusal(), "stale", "{stale}");
    assert_eq!(heard(&receiver), FAILED_AND_TOLD);
    let text = "! no unattended run has succeeded since ";
    stack.refit(&["status"]).exits(0).has_line(&[text]);
    stack.refit(&RUN).exits(1);
    assert_eq!(heard(&receiver), FAILED);
    // Somebody wants to hear of it sooner, or later.
    let settings = format!("upgrade: {{stale_after: 30d}}\n{}", told_to(&receiver));
    stack.write("refit.yaml", &settings);
    stack.refit(&RUN).exits(0);
    stack.refit(&["status"]).exits(0).never_says(text);
}

#[test]
fn an_image_that_its_registry_has_no_more_is_told_each_time() {
    let receiver = Receiver::kind();
    let Some(it) = well(&receiver) else { return };
    let stack = &it.stack;
    it.registry.forget("team/app", "1");
    let gone = format!(
        "{} has no image {}",
        it.registry.address,
        it.registry.name("team/app:1")
    );
    for _ in 0..2 {
        let answer = stack.refit(&["upgrade"]).exits(0);
        let answer = answer.says(&format!("! {gone}")).never_says("none newer");
        answer.says("1 image asked, 1 unknown to its registry");
        let answer = stack.refit(&RUN).exits(0);
        assert_eq!(
            answer.the("news")["unanswered"][0]["code"],
            "image_not_found"
        );
        let text = last(stack)["unanswered"][0].as_str().unwrap().to_owned();
        assert!(text.starts_with(&gone), "{text}");
        let beat = receiver.taken()["/beat"].body.clone();
        assert!(beat.contains("as far as registries answered"), "{beat}");
        assert!(beat.contains(&format!("Not checked: {gone}")), "{beat}");
    }
    let status = stack.refit(&["status"]).exits(0);
    status.has_line(&["not checked:", &gone]);
    // It has it again.
    it.push("two");
    stack.refit(&RUN).exits(0);
    it.is_at("two");
    assert_eq!(last(stack)["unanswered"], Value::Null);
}

#[test]
fn a_build_without_a_network_is_no_bad_version() {
    let receiver = Receiver::kind();
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let stack = &clone.stack;
    let settings = format!("upgrade: {{max_failures: 2}}\n{}", told_to(&receiver));
    stack.write("refit.yaml", &settings);
    let build = "RUN echo npm error code EAI_AGAIN; exit 1";
    let offline = format!("FROM {BUSYBOX}\nCOPY . /app/\n{build}\n");
    clone.push(&[("Dockerfile", offline), ("version", "v2\n".to_owned())]);
    for night in 1..=3 {
        let answer = clone.refit(&RUN).exits(1);
        assert_eq!(answer.outcome(), "failed_before", "{night}: {answer}");
    }
    let told = heard(&receiver);
    assert_eq!(
        told.iter().filter(|path| *path == "/x").count(),
        1,
        "{told:?}"
    );
    let rests = clone.refit(&RUN).exits(1);
    assert_eq!(rests.refusal(), "postponed", "{rests}");
    let told = heard(&receiver);
    assert_eq!(told, ["/beat/fail", "/x"]);
    let answer = clone.refit(&RUN).exits(1);
    assert_eq!(answer.outcome(), "failed_before", "{answer}");
    // By hand too it is no version that failed before.
    clone
        .refit(&["--json", "upgrade", "--check"])
        .exits(0)
        .never_says("failed before");
    stack
        .refit(&["status"])
        .exits(0)
        .has_line(&["! unattended:", "failed, and nothing was changed"]);
    let online = format!("FROM {BUSYBOX}\nCOPY . /app/\n");
    clone.push(&[("Dockerfile", online)]);
    clone.refit(&RUN).exits(1);
    clone.refit(&RUN).exits(0);
    assert_eq!(clone.inside("/app/version"), "v2");
    // One that cannot be built at all is one, at once.
    let broken = format!("FROM {BUSYBOX}\nRUN exit 9\n");
    clone.push(&[("Dockerfile", broken)]);
    clone.refit(&RUN).exits(1);
    heard(&receiver);
    let skipped = clone.refit(&RUN).exits(0);
    assert_eq!(skipped.the("note")["code"], "failed_before", "{skipped}");
    let beat = &receiver.taken()["/beat"].body;
    assert!(
        beat.contains("was skipped: this version failed before"),
        "{beat}"
    );
}

#[test]
fn a_remote_that_is_away_for_days_is_asked_again_each_night() {
    let receiver = Receiver::kind();
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let settings = format!("upgrade: {{max_failures: 2}}\n{}", told_to(&receiver));
    clone.stack.write("refit.yaml", &settings);
    let away = clone.remote.with_extension("away");
    fs::rename(&clone.remote, &away).unwrap();
    for _ in 0..4 {
        clone.refit(&RUN).exits(1);
    }
    let told = heard(&receiver);
    assert_eq!(
        told.iter().filter(|path| *path == "/x").count(),
        1,
        "{told:?}"
    );
    fs::rename(&away, &clone.remote).unwrap();
    clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&RUN).exits(0);
    assert_eq!(clone.inside("/app/version"), "v2");
}

/// The new version changes its data and ends, and the old one cannot read them.
#[test]
fn a_night_after_one_that_could_not_be_rolled_back_is_not_green() {
    let receiver = Receiver::kind();
    let web = service(
        "exec sh /run.sh",
        "restart: always, volumes: ['./run.sh:/run.sh:ro', 'data:/data']",
    );
    let compose = format!("services:\n  web: {web}\nvolumes: {{data: {{}}}}\n");
    let old = "[ ! -e /data/new ] || exit 1\nexec sleep infinity\n";
    let files = [
        ("compose.yaml", compose),
        (".gitignore", ".env\nrefit.yaml\n".to_owned()),
        ("run.sh", old.to_owned()),
    ];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    clone.stack.write("refit.yaml", &told_to(&receiver));
    clone.push(&[("run.sh", "touch /data/new\nexit 1\n".to_owned())]);
    let open = clone.refit(&RUN).exits(4);
    assert_eq!(open.outcome(), "rollback_failed", "{open}");
    assert_eq!(heard(&receiver), FAILED_AND_TOLD);
    let text = "since run 1, which was not rolled back";
    let answer = clone.refit(&RUN).exits(1);
    assert_eq!(answer.refusal(), "unhealthy", "{answer}");
    let told = receiver.taken();
    let title = told["/x"].json()["title"].as_str().unwrap().to_owned();
    assert!(
        title.ends_with("a service is not as an earlier run left it"),
        "{title}"
    );
    assert!(told.contains_key("/beat/fail") && !told.contains_key("/beat"));
    clone.refit(&["status"]).exits(0).has_line(&["! web", text]);
    // Somebody puts it right, and it is so.
    let volume = format!("{}_data:/data", clone.stack.project);
    let remove = ["run", "--rm", "-v", &volume, BUSYBOX, "rm", "/data/new"];
    crate::stack::engine::docker(&remove);
    clone.stack.compose(&["restart", "web"]);
    clone.refit(&RUN).exits(0);
    assert_eq!(heard(&receiver), WELL);
    clone.refit(&["status"]).exits(0).never_says(text);
}

#[test]
fn what_was_rolled_back_by_hand_is_not_called_a_failure() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    it.push("two");
    it.upgrade(&[]).exits(0);
    it.stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    let check = it.stack.refit(&["upgrade", "--check"]).exits(0);
    check
        .says("was applied in run 1, and rolled back on")
        .never_says("failed");
    let skipped = it.stack.refit(&["schedule", "run"]).exits(0);
    skipped
        .says("Skipped: this version was rolled back (--retry applies it again)")
        .never_says("failed");
    // For as long as that person likes.
    days_later(&it.stack, 9);
    it.stack.refit(&["schedule", "run"]).exits(0);
    it.stack.refit(&["schedule", "run", "--retry"]).exits(0);
    it.is_at("two");
}

#[test]
fn a_schedule_that_has_given_up_is_not_green() {
    let receiver = Receiver::kind();
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let settings = format!("upgrade: {{max_failures: 2}}\n{}", told_to(&receiver));
    clone.stack.write("refit.yaml", &settings);
    for bad in ["crash", "crash again"] {
        clone.push(&[("version", format!("{bad}\n"))]);
        clone.refit(&RUN).exits(3);
    }
    let told = receiver.taken();
    assert_eq!(
        told["/x"].json()["title"],
        format!("{}: unattended upgrades have stopped", clone.stack.project)
    );
    let text = told["/x"].json()["text"].as_str().unwrap().to_owned();
    let this = "2 unattended runs in a row failed, so no further one is tried";
    assert!(text.contains(this), "{text}");
    for _ in 0..2 {
        let given_up = clone.refit(&RUN).exits(1);
        assert_eq!(given_up.refusal(), "max_failures", "{given_up}");
        assert_eq!(heard(&receiver), ["/beat/fail"]);
    }
    clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&["schedule", "run", "--retry"]).exits(0);
    clone.refit(&RUN).exits(0);
}

/// The helper lies in a folder of the person's `PATH` alone.
#[test]
fn a_timer_logs_in_by_the_helper_that_the_person_has() {
    let Some(registry) = Registry::with_password() else {
        return;
    };
    let stored = fs::read_to_string(registry.config.path().join("config.json")).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let services = |name: &str| format!("  web: {}\n", of_image(name, ""));
    let Some(it) = Imaged::with(registry, services) else {
        return;
    };
    let (stack, address) = (&it.stack, &it.registry.address);
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    let auth = stored["auths"][address]["auth"].as_str().unwrap();
    let auth = base64::engine::general_purpose::STANDARD
        .decode(auth)
        .unwrap();
    let auth = String::from_utf8(auth).unwrap();
    let (user, password) = auth.split_once(':').unwrap();
    let helped = format!("{{\"Username\":\"{user}\",\"Secret\":\"{password}\"}}");
    stack.write("helper", &format!("#!/bin/sh\necho '{helped}'\n"));
    let bin = stack.beside("own bin");
    fs::create_dir(&bin).unwrap();
    let program = bin.join("docker-credential-refit-test");
    fs::rename(stack.path("helper"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let helpers = format!("{{\"credHelpers\": {{\"{address}\": \"refit-test\"}}}}");
    let config = logins(stack, "config", &helpers);
    let file = config.join("config.json");
    let typed = |words: &[&str], has_helper: bool| {
        let mut command = cron.command(stack, env!("CARGO_BIN_EXE_refit"), words);
        command.env("DOCKER_CONFIG", &config);
        if has_helper {
            let path = command.get_envs().find(|(key, _)| *key == "PATH").unwrap();
            let path = path.1.unwrap().to_owned();
            let folders = [bin.clone()]
                .into_iter()
                .chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(folders).unwrap());
        }
        Answer::of(command, b"")
    };
    let install = ["schedule", "install", "--via", "cron-d"];
    let test = ["schedule", "test"];
    typed(&install, true)
        .exits(0)
        .never_says("docker-credential");
    typed(&test, true)
        .exits(0)
        .says("works in the timer's environment");
    let [cron_file] = &cron.files()[..] else {
        panic!("one file")
    };
    let text = fs::read_to_string(cron_file).unwrap();
    let folder = bin.to_str().unwrap();
    assert!(text.contains(folder), "{text}");

    let named = format!(
        "docker-credential-refit-test, which {} names",
        file.display()
    );
    fs::write(cron_file, text.replace(folder, "/no/such")).unwrap();
    let refused = typed(&test, true).exits(1);
    refused
        .says(&format!("{named}, is not on PATH"))
        .has_line(&[
            &named,
            "for",
            address,
            "is not in the timer's PATH, but at",
            folder,
        ]);
    typed(&["schedule", "status"], true)
        .has_line(&["! docker-credential", "refit schedule install"]);
    // It is nowhere: told by name when the timer is made.
    let installed = typed(&install, false).exits(0);
    installed.has_line(&["!", &named, "is not on this machine's PATH either"]);
    // Nobody can read the file.
    fs::write(&file, "{\"auths\": ").unwrap();
    let refused = typed(&["--json", "upgrade", "--unattended"], true).exits(1);
    refused.says(&format!("{} cannot be read: line 1", file.display()));
}

/// What became of the run is told once, and by its own exit code.
#[test]
fn a_record_that_cannot_be_written_is_told_beside_what_became_of_the_run() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&RUN).exits(0);
    let file = file(&clone.stack);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    clone.push(&[("version", "v3\n".to_owned())]);
    let answer = clone.refit(&RUN);
    assert_eq!(clone.inside("/app/version"), "v2", "{answer}");
    answer.exits(1).says("unattended.jsonl");
    fs::remove_dir(&file).unwrap();
    clone.push(&[("version", "v4\n".to_owned())]);
    let Some(disk) = SmallDisk::at(&clone.stack.state(), 1024) else {
        return;
    };
    disk.fill(0);
    let answer = clone.refit(&RUN).exits(1);
    assert_eq!(answer.outcome(), "refused", "{answer}");
    assert_eq!(answer.the("note")["code"], "not_remembered", "{answer}");
}

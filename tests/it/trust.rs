//! What upstream would run on this machine, or call from it, waits until a person accepts it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::receiver::Receiver;
use crate::stack::checkout::{Cloned, config};
use crate::stack::service;
use serde_json::Value;

/// `web` takes its settings from `.env`, and mounts `web.conf`.
fn files(more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("compose.yaml", compose()),
        (".gitignore", ".env\nran\n".to_owned()),
        ("web.conf", config("one", "two")),
    ];
    files.extend(more.iter().cloned());
    files
}

fn compose() -> String {
    let more = "env_file: .env, volumes: ['./web.conf:/etc/web.conf:ro']";
    format!(
        "services:\n  web: {}\n",
        service("exec sleep infinity", more)
    )
}

fn started(more: &[(&'static str, String)]) -> Option<Cloned> {
    let clone = Cloned::new(&files(more))?;
    clone.stack.write(".env", "V=1\nDB_PASSWORD=hunter2222\n");
    clone.stack.up_healthy();
    Some(clone)
}

/// A new version, whatever else it brings.
fn version(clone: &Cloned, text: &str, more: &[(&'static str, String)]) {
    let mut files = vec![("web.conf", config(text, "two"))];
    files.extend(more.iter().cloned());
    clone.push(&files);
}

fn settings(text: &str) -> (&'static str, String) {
    ("refit.yaml", text.to_owned())
}

/// What hooks wrote down.
fn ran(clone: &Cloned) -> String {
    fs::read_to_string(clone.top.join("ran")).unwrap_or_default()
}

/// What waits, by its key.
fn waits(clone: &Cloned) -> Vec<String> {
    let answer = clone.refit(&["--json", "trust", "--list"]).exits(0);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    let rows = document["waits"].as_array().unwrap();
    rows.iter()
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_new_hook_is_not_run_before_it_is_accepted() {
    let Some(clone) = started(&[]) else { return };
    let hook = settings("hooks: {before_upgrade: echo new >> ran}\n");
    version(&clone, "a", &[hook]);
    let told = "the new version brings hooks.before_upgrade of refit.yaml (echo new >> ran); not run until \
                it is accepted: refit trust";
    clone.refit(&["upgrade", "--check"]).exits(0).says(told);
    assert_eq!(waits(&clone), NOTHING, "a look changes nothing");
    let answer = clone.refit(&["--json", "upgrade", "--unattended"]).exits(0);
    let notes = answer.all("note");
    assert!(
        notes.iter().any(|note| note["code"] == "not_trusted"),
        "{answer}"
    );
    clone.refit(&["show"]).exits(0).says(told);
    version(&clone, "b", &[]);
    let left_out = "not run until it is accepted: hooks.before_upgrade of refit.yaml (echo new >> \
                    ran): refit trust";
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says(left_out);
    clone.refit(&["show"]).exits(0).says(left_out);
    clone.refit(&["status"]).exits(0).says(left_out);
    let schedule = clone.refit(&["schedule", "status"]).exits(0);
    schedule.says(&format!("! {left_out}"));
    let doctor = clone.refit(&["doctor"]);
    doctor.says("hooks.before_upgrade");
    assert_eq!(ran(&clone), "");
    clone.refit(&["forget"]).exits(0);
    let list = clone.refit(&["trust", "--list"]).exits(0);
    list.says("│ echo new >> ran");
    clone.refit(&["trust"]).exits(0).says("✓ accepted");
    assert_eq!(waits(&clone), NOTHING);
    version(&clone, "c", &[]);
    let answer = clone.refit(&["upgrade", "--unattended"]).exits(0);
    answer.never_says("refit trust");
    assert_eq!(ran(&clone), "new\n");
    clone.refit(&["trust"]).exits(0).says("Nothing to do");
}

/// The old text serves for the upgrade that brings the new one.
#[test]
fn a_hook_whose_program_upstream_changes_waits_anew() {
    let script = |name: &str| format!("#!/bin/sh\n. ./lib.sh\necho {name} $lib >> ran\n");
    let hooks = settings("hooks:\n  before_upgrade: sh ./backup.sh\n  after_success: sh tell.sh\n");
    let Some(clone) = started(&[
        hooks,
        ("backup.sh", script("backup")),
        ("tell.sh", script("tell")),
        ("lib.sh", "lib=1\n".to_owned()),
    ]) else {
        return;
    };
    version(&clone, "a", &[]);
    // Nobody has accepted what came with the checkout.
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.says("until then upgrades make no backup by it");
    assert_eq!(ran(&clone), "");
    clone.refit(&["trust"]).exits(0);
    version(&clone, "a2", &[]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    assert_eq!(ran(&clone), "backup 1\ntell 1\n");
    fs::remove_file(clone.top.join("ran")).unwrap();
    version(&clone, "b", &[("backup.sh", script("other"))]);
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.says(
        "the new version changes backup.sh, which belongs to hooks.before_upgrade of refit.yaml",
    );
    assert_eq!(ran(&clone), "backup 1\ntell 1\n");
    fs::remove_file(clone.top.join("ran")).unwrap();
    // What a program names is as much of it.
    version(&clone, "c", &[("lib.sh", "lib=2\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0).says("lib.sh");
    assert_eq!(ran(&clone), "", "after_success would run the new text");
    assert_eq!(
        waits(&clone),
        ["hooks.before_upgrade", "hooks.after_success"]
    );
    clone.refit(&["trust", "--list"]).exits(0).says("│ lib=2");
    clone.refit(&["trust"]).exits(0);
    version(&clone, "d", &[]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(ran(&clone), "other 2\ntell 2\n");
    fs::remove_file(clone.top.join("ran")).unwrap();
    // A program that a person writes is theirs.
    clone.stack.write("backup.sh", "echo mine >> ran\n");
    version(&clone, "e", &[]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    assert_eq!(ran(&clone), "mine\ntell 2\n");
}

#[test]
fn no_secret_goes_to_an_address_that_nobody_accepted() {
    let receiver = Receiver::kind();
    let Some(clone) = started(&[]) else { return };
    let url = receiver.url("/take/${DB_PASSWORD}");
    version(
        &clone,
        "a",
        &[settings(&format!("notify: [{{webhook: '{url}'}}]\n"))],
    );
    let answer = clone.refit(&["upgrade", "--unattended"]).exits(0);
    answer
        .says("filled with ${DB_PASSWORD}")
        .never_says("hunter2222");
    let answer = clone.refit(&["set", "V=2", "--settle", "300ms"]).exits(0);
    answer
        .says("not notified until it is accepted: notify of refit.yaml (webhook http://127.0.0.1");
    let test = clone.refit(&["notify", "test"]).exits(1);
    test.says("refit trust").never_says("hunter2222");
    clone.refit(&["schedule", "run"]).exits(0);
    assert_eq!(receiver.paths(), NOTHING);
    let answer = clone.refit(&["trust"]).exits(0);
    answer.says("/take/${DB_PASSWORD}").never_says("hunter2222");
    clone.refit(&["set", "V=3", "--settle", "300ms"]).exits(0);
    assert_eq!(receiver.paths(), ["/take/hunter2222"]);
}

#[test]
fn a_heartbeat_that_upstream_moves_is_not_beaten() {
    let (own, other) = (Receiver::kind(), Receiver::kind());
    let beat = |to: &Receiver| settings(&format!("notify: [{{heartbeat: '{}'}}]\n", to.url("/b")));
    let Some(clone) = started(&[beat(&own)]) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    clone.refit(&["schedule", "run"]).exits(0);
    assert!(!own.paths().is_empty());
    version(&clone, "a", &[beat(&other)]);
    clone.refit(&["schedule", "run"]).exits(0);
    clone.refit(&["schedule", "run"]).exits(0);
    assert_eq!(other.paths(), NOTHING);
    // Back at the old address nothing has to be accepted.
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(waits(&clone), NOTHING);
}

#[test]
fn a_probe_of_another_server_is_not_asked() {
    let (own, other) = (Receiver::kind(), Receiver::kind());
    let probe = |to: &Receiver, path: &str| {
        settings(&format!(
            "services: {{web: {{probe: '{}'}}}}\n",
            to.url(path)
        ))
    };
    let Some(clone) = started(&[probe(&own, "/one")]) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    let set = |value: &str| clone.refit(&["set", value, "--settle", "300ms"]).exits(0);
    set("V=2");
    version(&clone, "a", &[probe(&own, "/two")]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    set("V=3");
    assert!(own.paths().contains(&"/two".to_owned()));
    version(&clone, "b", &[probe(&other, "/two")]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("services.web.probe of refit.yaml (http://127.0.0.1:");
    set("V=4").says("not asked until it is accepted");
    assert_eq!(other.paths(), NOTHING);
    clone.refit(&["trust"]).exits(0);
    set("V=5");
    assert!(other.paths().contains(&"/two".to_owned()));
}

#[test]
fn settings_in_a_compose_file_wait_as_well_and_several_at_once() {
    let receiver = Receiver::kind();
    let Some(clone) = started(&[]) else { return };
    let more = format!(
        "x-refit:\n  hooks: {{before_upgrade: echo x >> ran, after_success: echo y >> ran}}\n  \
         notify: [{{ntfy: '{}'}}, {{email: {{to: a@example.org, sendmail: ./mail.sh}}}}]\n",
        receiver.url("/topic")
    );
    let files = [
        ("compose.yaml", format!("{}{more}", compose())),
        ("mail.sh", "#!/bin/sh\necho mail >> ran\n".to_owned()),
    ];
    fs::write(clone.developer.join("mail.sh"), "").unwrap();
    let runs = fs::Permissions::from_mode(0o755);
    fs::set_permissions(clone.developer.join("mail.sh"), runs).unwrap();
    version(&clone, "a", &files);
    clone.refit(&["upgrade"]).exits(0).says("of compose.yaml");
    version(&clone, "b", &[]);
    clone.refit(&["upgrade"]).exits(0);
    clone.refit(&["set", "V=2", "--settle", "300ms"]).exits(0);
    assert_eq!((ran(&clone).as_str(), receiver.paths().len()), ("", 0));
    let keys = [
        "hooks.before_upgrade",
        "hooks.after_success",
        "notify",
        "notify",
    ];
    assert_eq!(waits(&clone), keys);
    let answer = clone.refit(&["--json", "trust", "--list"]).exits(0);
    let list: Value = serde_json::from_str(&answer.stdout).unwrap();
    let id = |row: usize| list["waits"][row]["id"].as_str().unwrap().to_owned();
    clone.refit(&["trust", &id(0), &id(3)]).exits(0);
    assert_eq!(waits(&clone), ["hooks.after_success", "notify"]);
    // What was looked at is not what is there any more.
    version(
        &clone,
        "c",
        &[("mail.sh", "#!/bin/sh\necho evil >> ran\n".to_owned())],
    );
    let mail = id(3);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(ran(&clone), "x\n");
    let answer = clone.refit(&["--json", "trust", &mail]).exits(1);
    answer.says("not_waiting");
    clone.refit(&["trust"]).exits(0).says("│ echo evil >> ran");
    clone.refit(&["set", "V=3", "--settle", "300ms"]).exits(0);
    assert_eq!(ran(&clone), "x\nevil\n");
    assert_eq!(receiver.paths(), ["/topic"]);
}

#[test]
fn what_a_person_writes_needs_nothing() {
    let Some(clone) = started(&[settings("services: {web: {settle: 300ms}}\n")]) else {
        return;
    };
    clone.refit(&["set", "V=2"]).exits(0);
    let hook = "hooks.before_upgrade=echo mine >> ran";
    clone.refit(&["set", "-F", "refit.yaml", hook]).exits(0);
    version(&clone, "a", &[]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    assert_eq!(ran(&clone), "mine\n");
    // Committed by the person, after a run that has seen it.
    clone.git(&["commit", "-qam", "mine"]);
    clone.git(&["push", "-q"]);
    clone.develop(&["pull", "-q"]);
    version(&clone, "b", &[]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    assert_eq!(ran(&clone), "mine\nmine\n");
    // Elsewhere in the same file upstream changes what it likes.
    let text = clone.stack.read("refit.yaml").replace("300ms", "400ms");
    version(&clone, "c", &[("refit.yaml", text)]);
    clone.refit(&["upgrade"]).exits(0).never_says("refit trust");
    assert_eq!(ran(&clone), "mine\nmine\nmine\n");
}

/// git has not shown it to anybody either.
#[test]
fn what_a_pull_by_hand_brings_waits_too() {
    let Some(clone) = started(&[]) else { return };
    clone.refit(&["set", "V=2", "--settle", "300ms"]).exits(0);
    let attributes = (".gitattributes", "*.yaml ident\n".to_owned());
    let hook = settings("hooks: {before_upgrade: 'echo pulled >> ran # $Id$'}\n");
    version(&clone, "a", &[hook, attributes]);
    clone.git(&["pull", "-q"]);
    assert!(!clone.stack.read("refit.yaml").contains("$Id$"));
    assert_eq!(waits(&clone), ["hooks.before_upgrade"]);
    clone.refit(&["apply", "--settle", "300ms"]).exits(0);
    // Other attributes do not make it somebody's own.
    version(&clone, "b", &[(".gitattributes", String::new())]);
    clone.refit(&["upgrade"]).exits(0).says("refit trust");
    assert_eq!(ran(&clone), "");
    assert_eq!(waits(&clone), ["hooks.before_upgrade"]);
}

#[test]
fn what_was_accepted_and_cannot_be_read_is_not_taken_for_nothing() {
    let Some(clone) = started(&[]) else { return };
    version(&clone, "0", &[settings("hooks: {after_success: echo 0}\n")]);
    clone.refit(&["upgrade"]).exits(0);
    let (path, _) = clone
        .stack
        .state_files()
        .into_iter()
        .find(|(path, _)| path.ends_with("trust.json"))
        .unwrap();
    fs::write(clone.stack.state().join(path), "{").unwrap();
    version(
        &clone,
        "a",
        &[settings("hooks: {before_upgrade: echo new >> ran}\n")],
    );
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "state_damaged");
    assert_eq!(ran(&clone), "");
}

/// An address that stands in an env file of the checkout is brought by upstream as well.
#[test]
fn an_address_that_a_tracked_env_file_fills_waits_when_upstream_changes_it() {
    let (own, other) = (Receiver::kind(), Receiver::kind());
    let env = |to: &Receiver, path: &str| {
        let url = to.url(path);
        (
            ".env",
            format!("DB_PASSWORD=old\nV=1\nW=1\nX=1\nY=1\nTO={url}\n"),
        )
    };
    let notify = settings("notify: [{webhook: '${TO}'}]\n");
    let ignored = (".gitignore", "ran\n".to_owned());
    let Some(clone) = Cloned::new(&files(&[env(&own, "/a"), notify, ignored])) else {
        return;
    };
    clone.stack.up_healthy();
    let set = |value: &str| clone.refit(&["set", value, "--settle", "300ms"]).exits(0);
    clone.refit(&["trust"]).exits(0);
    set("DB_PASSWORD=hunter2222");
    assert_eq!(own.paths(), ["/a"]);
    version(&clone, "a", &[env(&other, "/${DB_PASSWORD}")]);
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.says("changes TO, which belongs to notify");
    set("DB_PASSWORD=hunter3333").says("of which TO is new or changed");
    assert_eq!(other.paths(), NOTHING);
    clone.refit(&["trust"]).exits(0);
    set("V=4");
    assert_eq!(other.paths(), ["/hunter3333"]);
    // A person's own edit of it needs nothing.
    set(&format!("TO={}", own.url("/mine"))).never_says("refit trust");
    set("V=5").never_says("refit trust");
}

/// A hook that only names a folder runs what lies there.
#[test]
fn a_program_that_upstream_adds_to_a_folder_of_a_hook_waits() {
    let hook = "hooks: {before_upgrade: 'cd ops; for one in hooks.d/*; do sh $one; done'}\n";
    let one = |text: &str| format!("#!/bin/sh\necho {text} >> ../ran\n");
    let Some(clone) = started(&[settings(hook), ("ops/hooks.d/one.sh", one("one"))]) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    version(&clone, "a", &[]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(ran(&clone), "one\n");
    version(&clone, "b", &[("ops/hooks.d/two.sh", one("two"))]);
    clone.refit(&["upgrade"]).exits(0);
    version(&clone, "c", &[]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(ran(&clone), "one\none\n");
    let list = clone.refit(&["trust", "--list"]).exits(0);
    list.says("ops/hooks.d/two.sh").never_says("one.sh, new");
}

/// Looking at a stack, moving its folder or losing what was kept is no consent.
#[test]
fn what_nobody_accepted_waits_however_new_refit_is_here() {
    let Some(clone) = started(&[]) else { return };
    clone.refit(&["status"]).exits(0);
    clone.refit(&["upgrade", "--check"]).exits(0);
    let hook = settings("hooks: {before_upgrade: echo new >> ran}\n");
    version(&clone, "a", &[hook]);
    clone.git(&["pull", "-q"]);
    version(&clone, "b", &[]);
    let answer = clone.refit(&["upgrade", "--unattended"]).exits(0);
    answer.says("refit trust").says("no backup");
    let (path, _) = clone
        .stack
        .state_files()
        .into_iter()
        .find(|(path, _)| path.ends_with("trust.json"))
        .unwrap();
    fs::remove_file(clone.stack.state().join(path)).unwrap();
    version(&clone, "c", &[]);
    let answer = clone.refit(&["upgrade", "--unattended"]).exits(0);
    answer.says("refit trust");
    assert_eq!(ran(&clone), "");
}

/// Such a checkout makes no commit, and the text is upstream's all the same.
#[test]
fn what_is_checked_out_of_a_fetched_branch_by_hand_waits() {
    let Some(clone) = started(&[]) else { return };
    let hook = settings("hooks: {before_upgrade: echo new >> ran}\n");
    version(&clone, "a", &[hook]);
    clone.git(&["fetch", "-q"]);
    clone.git(&["checkout", "-q", "origin/HEAD", "--", "refit.yaml"]);
    clone.refit(&["apply", "--settle", "300ms"]).exits(0);
    assert_eq!(waits(&clone), ["hooks.before_upgrade"]);
    version(&clone, "b", &[]);
    clone.refit(&["upgrade"]).exits(0).says("refit trust");
    assert_eq!(ran(&clone), "");
}

#[test]
fn a_hook_of_git_that_upstream_brings_is_not_run() {
    let Some(clone) = started(&[]) else { return };
    clone.git(&["config", "core.hooksPath", ".husky"]);
    let hook = "#!/bin/sh\necho husky >> \"$(dirname \"$0\")/../ran\"\n".to_owned();
    let file = clone.developer.join(".husky/reference-transaction");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    version(&clone, "a", &[(".husky/reference-transaction", hook)]);
    clone.refit(&["upgrade", "--unattended"]).exits(0);
    version(&clone, "b", &[]);
    clone.refit(&["upgrade", "--unattended"]).exits(0);
    assert!(clone.top.join(".husky/reference-transaction").exists());
    assert_eq!(ran(&clone), "");
}

#[test]
fn a_compose_file_from_elsewhere_is_not_asked_for() {
    let receiver = Receiver::kind();
    let Some(clone) = started(&[]) else { return };
    let url = receiver.url("/${DB_PASSWORD}.git");
    let include = format!("include: ['{url}']\n{}", compose());
    version(&clone, "a", &[("compose.yaml", include)]);
    for verb in [&["upgrade", "--check"][..], &["upgrade", "--unattended"]] {
        let answer = clone.refit(&[&["--json"], verb].concat());
        assert_eq!(answer.refusal(), "remote_include", "{answer}");
        answer.says("${DB_PASSWORD}").never_says("hunter2222");
    }
    clone.refit(&["schedule", "run"]);
    assert_eq!(receiver.paths(), NOTHING);
}

#[test]
fn programs_that_the_shell_finds_by_a_pattern_wait() {
    let hook = settings("hooks: {before_upgrade: 'sh ops/*.sh'}\n");
    let one = |text: &str| format!("echo {text} >> ran\n");
    let Some(clone) = started(&[hook, ("ops/a.sh", one("one"))]) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    version(&clone, "a", &[("ops/a.sh", one("two"))]);
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.says("changes ops/a.sh, which belongs to hooks.before_upgrade");
    version(&clone, "b", &[]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(ran(&clone), "one\n");
}

#[test]
fn all_of_a_program_is_shown_and_nothing_hides_in_it() {
    let hook = settings("hooks: {before_upgrade: sh ./b.sh}\n");
    let program = format!("{}echo evil\rprintf \x1b[A\n", "true\n".repeat(100));
    let Some(clone) = started(&[hook, ("b.sh", program)]) else {
        return;
    };
    let list = clone.refit(&["trust", "--list"]).exits(0);
    list.says("echo evil\\rprintf \\u{1b}[A");
}

#[test]
fn a_backup_that_upstream_removes_is_told() {
    let hook = settings("hooks: {before_upgrade: echo saved >> ran}\n");
    let Some(clone) = started(&[hook]) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    version(&clone, "a", &[settings("{}\n")]);
    let told = "the new version removes hooks.before_upgrade";
    clone.refit(&["upgrade", "--check"]).exits(0).says(told);
    clone.refit(&["upgrade"]).exits(0).says(told);
    assert_eq!(ran(&clone), "saved\n");
}

#[test]
fn settings_that_hide_a_persons_own_are_told() {
    let Some(clone) = started(&[]) else { return };
    let own = "hooks: {before_upgrade: echo mine >> ran}\n";
    clone.stack.write("refit.yml", own);
    version(&clone, "a", &[settings("{}\n")]);
    let told = "the refit.yml here does not any more";
    clone.refit(&["upgrade", "--check"]).exits(0).says(told);
    clone.refit(&["upgrade"]).exits(0).says(told);
    assert_eq!(ran(&clone), "mine\n");
}

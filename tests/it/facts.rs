//! What Docker and Compose do, as far as the code relies on it. The numbers are those of the facts
//! that comments in the code name; a version on which one of these tests fails needs other code.

use std::fs;
use std::path::{Path, PathBuf};

use crate::stack::engine::docker;
use crate::stack::{TestStack, idle, service};
use serde_json::Value;

/// Puts a new file in the place of the old one, as an atomic write does.
fn replace(stack: &TestStack, name: &str, text: &str) {
    let partial = stack.path("partial");
    fs::write(&partial, text).unwrap();
    fs::rename(partial, stack.path(name)).unwrap();
}

fn one(web: &str) -> String {
    format!("services:\n  web: {web}\n")
}

#[test]
fn f1_f2_a_mount_of_one_file_follows_the_inode_until_a_restart() {
    let compose = one(&idle("volumes: ['./.env:/app/.env']"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.container("web");
    replace(&stack, ".env", "A=2\n");
    stack.up();
    before.is_untouched(&stack.container("web"));
    assert_eq!(stack.exec("web", &["cat", "/app/.env"]), "A=1\n");
    stack.compose(&["restart", "web"]);
    before.was_restarted(&stack.container("web"));
    assert_eq!(stack.exec("web", &["cat", "/app/.env"]), "A=2\n");
}

#[test]
fn f3_f4_an_env_file_arrives_with_a_new_container_only() {
    let compose = one(&idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let before = stack.container("web");
    replace(&stack, ".env", "A=2\n");
    stack.compose(&["restart", "web"]);
    assert_eq!(stack.container("web").env["A"], "1");
    stack.up();
    let after = stack.container("web");
    before.was_recreated(&after);
    assert_eq!(after.env["A"], "2");
}

#[test]
fn f5_the_hash_of_the_files_does_not_see_into_other_files() {
    let more = "env_file: app.env, volumes: ['./app.env:/app.env'], environment: {B: '${B}'}";
    let files = [
        ("compose.yaml", &*one(&idle(more))),
        ("app.env", "A=1\n"),
        (".env", "B=1\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let hash = || stack.compose(&["config", "--hash", "*"]);
    let before = hash();
    assert!(before.starts_with("web "));
    stack.write("app.env", "A=2\n");
    assert_eq!(hash(), before);
    stack.write(".env", "B=2\n");
    assert_ne!(hash(), before);
}

/// Drift stands on this: what `config --hash` says of the resolved model is what the label says.
#[test]
fn the_hash_of_the_resolved_model_is_the_label_of_the_container() {
    let more = "env_file: app.env, volumes: ['./app.env:/app.env', 'data:/data'], \
                environment: {B: '${B} $$x'}, secrets: [s]";
    let compose = format!(
        "{}volumes:\n  data: {{}}\nsecrets:\n  s: {{file: ./app.env}}\n",
        one(&idle(more))
    );
    let files = [("app.env", "A=a$$b\n"), (".env", "B=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let resolved = stack.compose(&["config", "--format", "json"]);
    let path = stack.beside("resolved.json");
    fs::write(&path, resolved).unwrap();
    let path = path.display().to_string();
    let folder = stack.folder().display().to_string();
    let hashes = stack.compose(&[
        "--project-directory",
        &folder,
        "-f",
        &path,
        "config",
        "--hash",
        "*",
    ]);
    let label = stack.container("web");
    let label = label.label("com.docker.compose.config-hash");
    assert_eq!(hashes.trim(), format!("web {label}"));
}

#[test]
fn f6_wait_takes_a_crash_loop_for_healthy_and_refit_does_not() {
    let compose = one(&service("sleep 0.5; exit 3", "restart: always"));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    let answer = stack.try_compose(&["up", "-d", "--wait"]).exits(0);
    answer.says("Healthy");
    let answer = stack.refit(&["--json", "watch", "--settle", "2s"]).exits(1);
    let (word, reason) = answer.verdict("web");
    assert_eq!(word, "failed", "{answer}");
    assert!(reason.contains("exited with 3"), "{answer}");
}

#[test]
fn f7_wait_takes_a_finished_one_shot_for_a_failure_and_refit_does_not() {
    let compose = one(&service("exit 0", ""));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    stack.try_compose(&["up", "-d", "--wait"]).exits(1);
    stack.compose(&["down"]);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.verdict("web").0, "completed", "{answer}");
}

#[test]
fn f8_a_port_that_is_taken_costs_the_old_container() {
    let compose = one(&idle("ports: ['127.0.0.1:${PORT}:80']"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // The first port is the engine's choice.
    let Some(stack) = TestStack::started(&compose, &[(".env", "PORT=\n")]) else {
        return;
    };
    let before = stack.container("web");
    assert_eq!(before.status(), "running");
    stack.write(".env", &format!("PORT={port}\n"));
    stack.try_compose(&["up", "-d"]).exits(1);
    let after = stack.container("web");
    before.was_recreated(&after);
    assert_eq!(after.status(), "created");
}

#[test]
fn f13_a_missing_source_becomes_a_folder_or_a_refusal() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    stack.write(
        "compose.yaml",
        &one(&idle("volumes: ['./short.conf:/x/short.conf']")),
    );
    stack.up();
    assert!(stack.path("short.conf").is_dir());
    stack.write(
        "compose.yaml",
        &one(&idle(
            "volumes: [{type: bind, source: ./long.conf, target: /x/long.conf, \
             bind: {create_host_path: false}}]",
        )),
    );
    stack.try_compose(&["up", "-d"]).exits(1);
    assert!(!stack.path("long.conf").exists());
}

#[test]
fn f14_dollars_quotes_and_the_shell() {
    let compose = one(&idle("env_file: app.env, environment: {V: '${V}'}"));
    let files = [
        ("compose.yaml", &*compose),
        ("app.env", "PW=pa$$word$x\nQ='pa$$word$x'\n"),
        (".env", "V=file\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let mut command = crate::stack::engine::docker_command();
    command
        .args(["compose", "up", "-d"])
        .current_dir(stack.folder());
    command.env("V", "shell");
    crate::stack::answer::Answer::of(command, b"").exits(0);
    let env = stack.container("web").env;
    assert_eq!(env["PW"], "pa$word");
    assert_eq!(env["Q"], "pa$$word$x");
    assert_eq!(env["V"], "shell");
}

/// Links to everything in a folder but the files that are to be copies.
fn mirror(from: &Path, to: &Path, copies: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        if !copies.contains(&name.to_str().unwrap()) {
            std::os::unix::fs::symlink(entry.path(), to.join(name)).unwrap();
        }
    }
}

#[test]
fn f18_a_folder_of_symlinks_with_the_edited_file_as_a_copy_reads_as_the_edited_stack() {
    let compose = format!(
        "include: [more/more.yaml]\n{}",
        one(&idle(
            "env_file: [.env, conf/x.env], volumes: ['./data:/data'], environment: {B: '${A}'}"
        ))
    );
    let files = [
        ("compose.yaml", compose),
        (".env", "A=1\n".into()),
        ("conf/x.env", "X=${A}\n".into()),
        ("more/more.yaml", "services:\n  inc: {image: x}\n".into()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let folder = stack.folder();
    let staged: PathBuf = stack.beside("staged").join(&stack.project);
    mirror(&folder, &staged, &[".env"]);
    fs::write(staged.join(".env"), "A=2\n").unwrap();
    let model = |folder: &Path| -> Value {
        let folder = folder.display().to_string();
        let args = ["--project-directory", &folder, "config", "--format", "json"];
        let file = format!("{folder}/compose.yaml");
        let text = stack.compose(&[&["-f", &file], &args[..]].concat());
        serde_json::from_str(&text.replace(&folder, "/stack")).unwrap()
    };
    let planned = model(&staged);
    assert_eq!(stack.read(".env"), "A=1\n");
    stack.write(".env", "A=2\n");
    assert_eq!(planned, model(&folder));
    assert_eq!(planned["services"]["web"]["environment"]["X"], "2");
}

#[test]
fn f29_the_archive_call_shows_a_file_that_the_process_does_not_see() {
    let compose = one(&idle("volumes: ['./.env:/app/.env']"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    replace(&stack, ".env", "A=2\n");
    let container = stack.container("web");
    assert_eq!(stack.exec("web", &["cat", "/app/.env"]), "A=1\n");
    let copy = stack.beside("copy");
    docker(&[
        "cp",
        &format!("{}:/app/.env", container.id),
        &copy.display().to_string(),
    ]);
    assert_eq!(fs::read_to_string(copy).unwrap(), "A=2\n");
    // Another user than root may not look there; refit then asks by exec.
    let pid = &container.raw["State"]["Pid"];
    match fs::read_to_string(format!("/proc/{pid}/root/app/.env")) {
        Ok(seen) => assert_eq!(seen, "A=1\n"),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

/// What Compose makes without its dependencies has no note of them. Whoever has the files goes by these;
/// who names only the project goes by the notes.
#[test]
fn a_container_made_without_its_dependencies_has_no_note_of_them() {
    let compose = |db: &str| {
        let web = idle("depends_on: {db: {condition: service_started, restart: true}}");
        format!("services:\n  web: {web}\n  db: {}\n", idle(db))
    };
    let Some(stack) = TestStack::started(&compose(""), &[]) else {
        return;
    };
    let note = |stack: &TestStack| {
        let labels = &stack.container("web").raw["Config"]["Labels"];
        labels["com.docker.compose.depends_on"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let elsewhere = |args: &[&str]| {
        docker(&[&["compose", "-p", &stack.project], args].concat());
    };
    assert_eq!(note(&stack), "db:service_started:true");
    let before = stack.container("web");
    elsewhere(&["restart", "db"]);
    before.was_restarted(&stack.container("web"));

    stack.compose(&["up", "-d", "--no-deps", "--force-recreate", "web"]);
    assert_eq!(note(&stack), "");
    let before = stack.container("web");
    elsewhere(&["restart", "db"]);
    before.is_untouched(&stack.container("web"));
    stack.compose(&["restart", "db"]);
    before.was_restarted(&stack.container("web"));

    // With its dependencies it keeps the note, and they come along where they stopped or differ.
    stack.compose(&["stop", "db"]);
    let stopped = stack.container("db");
    stack.compose(&["up", "-d", "--force-recreate", "web"]);
    assert_eq!(note(&stack), "db:service_started:true");
    stopped.was_restarted(&stack.container("db"));
    stack.write("compose.yaml", &compose("environment: {X: '1'}"));
    stack.compose(&["up", "-d", "--force-recreate", "web"]);
    stopped.was_recreated(&stack.container("db"));
}

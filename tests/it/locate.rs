//! Which stack is meant: by options, by the environment, by what runs from a folder.

use std::fs;

use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle};
use serde_json::Value;

fn web(more: &str) -> String {
    format!("services:\n  web: {}\n", idle(more))
}

/// What `refit status` says that it looks at: project, folder, names of the compose files.
#[track_caller]
fn looked_at(command: crate::stack::refit::Refit) -> (String, String, Vec<String>) {
    let answer = Answer::of(command, b"").exits(0);
    let page: Value = serde_json::from_str(&answer.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = page["files"].as_array().unwrap().iter().map(|file| {
        let path = text(file);
        path.rsplit('/').next().unwrap().to_owned()
    });
    (
        text(&page["project"]),
        text(&page["directory"]),
        files.collect(),
    )
}

const STATUS: [&str; 2] = ["--json", "status"];

#[test]
fn by_folder_and_from_a_folder_below() {
    let Some(stack) = TestStack::started(&web(""), &[("deep/er/file", "")]) else {
        return;
    };
    let here = stack.folder().display().to_string();
    let wanted = (
        stack.project.clone(),
        here.clone(),
        vec!["compose.yaml".to_owned()],
    );
    assert_eq!(looked_at(stack.command(&STATUS)), wanted);
    let mut below = stack.command(&STATUS);
    below.current_dir(stack.path("deep/er"));
    assert_eq!(looked_at(below), wanted);
    for option in ["-C", "--project-directory"] {
        let mut elsewhere = stack.command(&[&[option, &here], &STATUS[..]].concat());
        elsewhere.current_dir("/");
        assert_eq!(looked_at(elsewhere), wanted, "{option}");
    }
    let file = format!("{here}/compose.yaml");
    let mut elsewhere = stack.command(&[&["-f", &file], &STATUS[..]].concat());
    elsewhere.current_dir("/");
    assert_eq!(looked_at(elsewhere), wanted);
    // A running project is found by its name from anywhere.
    let mut elsewhere = stack.command(&[&["-p", &stack.project], &STATUS[..]].concat());
    elsewhere.current_dir("/");
    assert_eq!(looked_at(elsewhere), wanted);
}

#[test]
fn the_running_project_gives_its_own_name_and_files() {
    let Some(stack) = TestStack::new(&[
        ("base.yml", &web("")),
        ("more.yml", &web("environment: {A: '${A}'}")),
        ("compose.yaml", "services: {other: {image: x}}\n"),
        ("prod.env", "A=1\n"),
        (".env", "A=wrong\n"),
    ]) else {
        return;
    };
    // The project's name is the test's own already; started as a person would with other files.
    stack.compose(&[
        "-f",
        "base.yml",
        "-f",
        "more.yml",
        "--env-file",
        "prod.env",
        "up",
        "-d",
    ]);
    assert_eq!(stack.container("web").env["A"], "1");
    let (project, _, files) = looked_at(stack.command(&STATUS));
    assert_eq!(project, stack.project);
    assert_eq!(files, ["base.yml", "more.yml"]);
    // The first env file is that of the running project, too.
    stack
        .refit(&["--json", "set", "A=2"])
        .exits(0)
        .plans(&[("web", "recreate")]);
    assert_eq!(stack.container("web").env["A"], "2");
    assert_eq!(stack.read("prod.env"), "A=2\n");
    assert_eq!(stack.read(".env"), "A=wrong\n");
    // Compose itself sees nothing to do afterwards: labels and hashes are its own.
    let before = stack.container("web");
    stack.compose(&[
        "-f",
        "base.yml",
        "-f",
        "more.yml",
        "--env-file",
        "prod.env",
        "up",
        "-d",
    ]);
    before.is_untouched(&stack.container("web"));
}

#[test]
fn two_projects_of_one_folder_need_a_choice() {
    let Some(stack) = TestStack::started(&web("env_file: .env"), &[(".env", "A=1\n")]) else {
        return;
    };
    let second = stack.second_project("b");
    stack.compose(&["-p", &second, "up", "-d"]);
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(1);
    assert_eq!(answer.refusal(), "ambiguous_project");
    answer.says(&stack.project).says(&second).says("-p NAME");
    assert_eq!(stack.read(".env"), "A=1\n");
    let before = stack.container("web");
    stack.refit(&["-p", &second, "set", "A=2"]).exits(0);
    before.is_untouched(&stack.container("web"));
    let other = crate::stack::engine::containers_of(&second);
    assert_eq!(other[0].env["A"], "2");
}

#[test]
fn options_of_compose_mean_what_they_mean_there() {
    let Some(stack) = TestStack::new(&[
        ("one.yml", &web("environment: {A: '${A}'}")),
        (
            "two.yml",
            &format!("services:\n  extra: {}\n", idle("profiles: [x]")),
        ),
        ("a.env", "A=1\n"),
        ("b.env", "A=2\n"),
    ]) else {
        return;
    };
    let options = [
        "-f",
        "one.yml",
        "-f",
        "two.yml",
        "--env-file",
        "a.env",
        "--env-file",
        "b.env",
        "--profile",
        "x",
    ];
    let args = [&options[..], &["--json", "apply"]].concat();
    stack
        .refit(&args)
        .exits(0)
        .plans(&[("extra", "start"), ("web", "start")]);
    // The last file wins, as in Compose.
    assert_eq!(stack.container("web").env["A"], "2");
    assert_eq!(
        stack
            .refit(&[&options[..], &["get", "A"]].concat())
            .exits(0)
            .stdout,
        "2\n"
    );
}

#[test]
fn the_environment_and_the_env_file_choose_files_and_profiles() {
    let Some(stack) = TestStack::new(&[
        ("one.yml", &web("")),
        (
            "two.yml",
            &format!("services:\n  extra: {}\n", idle("profiles: [x]")),
        ),
        ("compose.yaml", "services: {wrong: {image: x}}\n"),
        (".env", "COMPOSE_FILE=one.yml:two.yml\nCOMPOSE_PROFILES=x\n"),
    ]) else {
        return;
    };
    let both = [("extra", "start"), ("web", "start")];
    stack.refit(&["--json", "plan"]).exits(0).plans(&both);
    // The environment wins over the file.
    let mut command = stack.command(&["--json", "plan"]);
    command.env("COMPOSE_FILE", "one.yml");
    Answer::of(command, b"").exits(0).plans(&[("web", "start")]);
    let name = stack.second_project("named");
    let mut command = stack.command(&STATUS);
    command
        .env("COMPOSE_PROJECT_NAME", &name)
        .env("COMPOSE_FILE", "one.yml|two.yml")
        .env("COMPOSE_PATH_SEPARATOR", "|");
    let (project, _, files) = looked_at(command);
    assert_eq!((project, files.len()), (name, 2));
    // A command that was told so acts on what Compose would act on.
    stack.refit(&["apply"]).exits(0);
    let running: Vec<String> = stack.containers().into_keys().collect();
    assert_eq!(running, ["extra", "web"]);
}

#[test]
fn an_override_made_since_the_start_is_seen() {
    let Some(stack) = TestStack::started(&web(""), &[]) else {
        return;
    };
    let more = "services:\n  web:\n    environment: {A: over}\n";
    stack.write("compose.override.yaml", more);
    stack
        .refit(&["--json", "apply"])
        .exits(0)
        .plans(&[("web", "recreate")]);
    assert_eq!(stack.container("web").env["A"], "over");
}

#[test]
fn include_and_extends_are_part_of_the_stack() {
    let included = format!(
        "services:\n  inc: {}\n",
        idle("environment: {A: '${A}'}, volumes: ['./inc.conf:/inc.conf']")
    );
    let base = format!("services:\n  base: {}\n", idle("env_file: .env"));
    let compose = "include: [sub/inc.yaml]\nservices:\n  web:\n    \
                   extends: {file: base.yaml, service: base}\n";
    let Some(stack) = TestStack::started(
        compose,
        &[
            ("sub/inc.yaml", &included),
            ("sub/inc.conf", "A=1\n"),
            ("base.yaml", &base),
            (".env", "A=1\n"),
        ],
    ) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("inc", "recreate"), ("web", "recreate")])
        .because("web", "env_file", ".env is its env_file")
        .because("inc", "environment", "environment takes A from .env");
    assert_eq!(stack.container("inc").env["A"], "2");
    assert_eq!(stack.container("web").env["A"], "2");
    let answer = stack.refit(&["--json", "set", "A=3", "-F", "sub/inc.conf"]);
    answer.exits(0).plans(&[("inc", "restart")]);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}

#[test]
fn files_above_the_stack_and_symlinks() {
    let compose = web("env_file: ../shared.env, volumes: ['./.env:/app/.env']");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), ("real.env", "A=1\n")]) else {
        return;
    };
    fs::write(stack.beside("shared.env"), "S=1\n").unwrap();
    std::os::unix::fs::symlink("real.env", stack.path(".env")).unwrap();
    stack.up();
    let answer = stack.refit(&["--json", "set", "S=2", "-F", "../shared.env"]);
    answer
        .exits(0)
        .plans(&[("web", "recreate")])
        .proves("web", "S", "env_file");
    assert_eq!(stack.container("web").env["S"], "2");
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(0);
    answer
        .plans(&[("web", "restart")])
        .proves("web", "A", "bind");
    // The link is still one, and what it names is edited.
    assert!(
        fs::symlink_metadata(stack.path(".env"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(stack.read("real.env"), "A=2\n");
}

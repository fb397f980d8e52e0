//! What a person is told to type next works when it is pasted: it names the stack that was named.

use crate::stack::answer::Answer;
use crate::stack::engine::docker_command;
use crate::stack::{TestStack, idle};

/// The words of a command in an answer, from its program up to the first word that is `last`.
#[track_caller]
fn told<'a>(answer: &'a Answer, program: &str, last: &str) -> Vec<&'a str> {
    let begin = format!("{program} -");
    let lines = answer.stdout.lines().chain(answer.stderr.lines());
    for line in lines {
        for (at, _) in line.rmatch_indices(&begin) {
            let words: Vec<&str> = line[at..].split_whitespace().collect();
            if let Some(end) = words.iter().position(|word| *word == last) {
                return words[1..=end].to_vec();
            }
        }
    }
    panic!("no {program} … {last} in {answer}");
}

#[test]
fn a_command_that_is_told_is_about_the_stack_that_was_named() {
    let compose = format!(
        "services:\n  web: {}\n  job: {}\n",
        idle("environment: {A: '${A}'}"),
        idle("profiles: [more], environment: {A: '${A}'}")
    );
    let Some(stack) = TestStack::new(&[("other.yaml", &compose), ("my.env", "A=1\n")]) else {
        return;
    };
    let project = stack.second_project("named");
    let folder = stack.folder();
    let folder = folder.file_name().unwrap().to_str().unwrap();
    let options = [
        "-C",
        folder,
        "-f",
        "other.yaml",
        "-p",
        &project,
        "--env-file",
        "my.env",
        "--profile",
        "more",
    ];
    // As a person pastes it, in the folder above.
    let refit = |words: &[&str]| {
        let mut command = stack.command(words);
        command.current_dir(stack.beside(""));
        Answer::of(command, b"")
    };
    let docker = |words: &[&str]| {
        let mut command = std::process::Command::new("sh");
        for (key, value) in docker_command().get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let line = format!("docker {}", words.join(" "));
        command.args(["-c", &line]).current_dir(stack.beside(""));
        Answer::of(command, b"").exits(0)
    };
    let typed = |words: &[&str]| {
        let words = [&options[..], words].concat();
        refit(&words)
    };
    let value = |service: &str| {
        let all = crate::stack::engine::containers_of(&project);
        let own = all.into_iter().find(|one| one.service == service).unwrap();
        own.env["A"].clone()
    };

    let down = typed(&["status"]).exits(0).says("the stack is down");
    refit(&told(&down, "refit", "apply")).exits(0);
    assert_eq!((value("web"), value("job")), ("1".into(), "1".into()));

    stack.write("my.env", "A=2\n");
    let status = typed(&["status"]).exits(0);
    let plan = refit(&told(&status, "refit", "plan")).exits(0);
    plan.says("job").says("web").says("runs with another A");
    let applied = refit(&told(&status, "refit", "apply")).exits(0);
    assert_eq!((value("web"), value("job")), ("2".into(), "2".into()));

    refit(&told(&applied, "refit", "rollback")).exits(0);
    assert_eq!((value("web"), value("job")), ("1".into(), "1".into()));

    docker(&[
        "compose",
        "--project-directory",
        folder,
        "-p",
        &project,
        "-f",
        &format!("{folder}/other.yaml"),
        "--profile",
        "more",
        "pause",
        "job",
    ]);
    let paused = typed(&["status"]).exits(0);
    docker(&told(&paused, "docker compose", "job"));
    let all = crate::stack::engine::containers_of(&project);
    assert!(all.iter().all(|one| one.status() == "running"));

    // A refusal's hint, and the document of a question.
    let refused = typed(&["rollback", "77"]).exits(1);
    refit(&told(&refused, "refit", "history"))
        .exits(0)
        .says("rollback");
}

//! Recipes as somebody types them who uses them for the first time: slips are answered with what was
//! meant, before anything is asked for and without a need of an engine.

use crate::stack::TestStack;
use crate::stack::answer::Answer;

/// A stack whose engine does not answer.
fn without_engine() -> TestStack {
    let stack = TestStack::without_engine();
    stack.write(
        "compose.yaml",
        "services: {app: {image: a, env_file: .env}}\n",
    );
    stack.write(".env", "A=1\n");
    stack
}

/// Without a terminal, with nothing on standard input, and no engine at hand.
fn typed(stack: &TestStack, words: &[&str]) -> Answer {
    let mut command = stack.command(words);
    command.env("DOCKER_HOST", "unix:///nonexistent.sock");
    Answer::of(command, b"")
}

#[test]
fn slips_are_answered_with_what_was_meant() {
    let stack = without_engine();
    for (words, code, said, hint) in [
        (
            &["stay-singed-in"][..],
            1,
            "did you mean stay-signed-in?",
            "refit recipes lists them",
        ),
        (
            &["session-store", "redis"],
            1,
            "session-store has no redis; did you mean store=redis?",
            "refit recipes session-store explains them",
        ),
        (
            &["stay-signed-in", "7d"],
            1,
            "did you mean for=7d?",
            "refit recipes stay-signed-in",
        ),
        (
            &["stay-signed-in", "=7d"],
            2,
            "=7d has no name in front of its =",
            "refit recipes stay-signed-in",
        ),
        (
            &["session-store", "store=redis", "url"],
            1,
            "no value for url came from standard input",
            "or write NAME=VALUE",
        ),
        (
            &["no-login", "--sign-in", "ada"],
            1,
            "no value for the password of ada came from standard input",
            "--sign-in takes it from there",
        ),
        (
            &["no-login", "--bind", "garbage"],
            2,
            "give an IP address of this machine, such as 127.0.0.1",
            "--bind",
        ),
        (
            &["no-login", "--bind", "127.0.0.1:3080"],
            2,
            "give the address alone",
            "--bind",
        ),
        (
            &["stay-signed-in", "--for", "7d"],
            2,
            "unexpected argument '--for'",
            "for is a parameter of stay-signed-in, written without hyphens: for=VALUE",
        ),
        (
            &["stay-signed-in", "for=7d"],
            1,
            "no Docker engine",
            "systemctl start docker",
        ),
    ] {
        let words: Vec<&str> = ["use"].iter().chain(words).copied().collect();
        let answer = typed(&stack, &words).exits(code);
        answer.says(said).says(hint);
    }
    assert_eq!(stack.read(".env"), "A=1\n");
}

#[test]
fn a_password_that_was_typed_in_the_wrong_place_is_not_said_again() {
    let stack = without_engine();
    let words = ["use", "no-login", "acount-password=hunter2hunter2"];
    let answer = typed(&stack, &words).exits(1);
    answer
        .says("did you mean account-password?")
        .never_says("hunter2hunter2");
}

#[test]
fn recipes_are_explained_without_an_engine_and_without_a_stack() {
    let stack = without_engine();
    let beside = stack.beside("elsewhere");
    std::fs::create_dir_all(&beside).unwrap();
    for folder in [stack.folder(), beside] {
        let folder = folder.to_str().unwrap().to_owned();
        let answer = typed(&stack, &["-C", &folder, "recipes"]).exits(0);
        for name in ["cookies", "no-login", "session-store", "stay-signed-in"] {
            let answer = typed(&stack, &["-C", &folder, "recipes", name]).exits(0);
            let wide = answer
                .stdout
                .lines()
                .find(|line| line.chars().count() > 100);
            assert_eq!(wide, None);
            answer.says(&format!("refit use {name}"));
        }
        answer.says("use RECIPE uses it");
    }
    let answer = typed(&stack, &["recipes", "nologin"]).exits(1);
    answer.says("did you mean no-login?");
    // A recipe of the stack's own is known before an engine is asked.
    let own = "recipes:\n  - name: mine\n    title: T\n    aim: A\n    parameters: [{name: key, type: secret, about: k}]\n    \
               applications: {generic: {changes: [{env: A_KEY, value: \"{{ key }}\"}]}}\n";
    stack.write("refit.yaml", own);
    typed(&stack, &["recipes"]).exits(0).says("mine");
    let answer = typed(&stack, &["use", "mine", "kye=1"]).exits(1);
    answer.says("mine has no kye; did you mean key?");
    stack.write("refit.yaml", &own.replace("title", "titel"));
    let answer = typed(&stack, &["use", "mine", "key=1"]).exits(1);
    answer.says("line 3").says("titel");
}

/// What is wrong with one file is told to whoever wants that one.
#[test]
fn a_recipe_that_cannot_be_used_stands_in_the_way_of_no_other() {
    let stack = without_engine();
    let config = stack.beside("config");
    let folder = config.join("refit/recipes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("mine.yaml"), "name: mine\ntitel: T\n").unwrap();
    let typed = |words: &[&str]| {
        let mut command = stack.command(words);
        command.env("DOCKER_HOST", "unix:///nonexistent.sock");
        command.env("XDG_CONFIG_HOME", &config);
        Answer::of(command, b"")
    };
    let list = typed(&["recipes"]).exits(0).says("stay-signed-in");
    list.says("cannot use").says("mine.yaml");
    typed(&["recipes", "cookies"]).exits(0);
    typed(&["use", "stay-signed-in", "fro=7d"])
        .exits(1)
        .says("did you mean for=7d?");
    for words in [&["recipes", "mine"][..], &["use", "mine"]] {
        typed(words).exits(1).says("titel").says("line 2");
    }
}

#[test]
fn a_secret_of_ones_own_recipe_is_in_no_record() {
    let app = crate::stack::idle("env_file: .env");
    let own = "recipes:\n  - name: mine\n    title: T\n    aim: A\n    parameters: [{name: word, type: secret, about: k}]\n    \
               applications: {generic: {changes: [{env: APP_TOKEN, value: \"{{ word }}\"}]}}\n";
    let files = [
        ("refit.yaml", own),
        (".env.example", "#APP_TOKEN=\n"),
        (".env", "A=1\n"),
    ];
    let Some(stack) = TestStack::started(&format!("services:\n  app: {app}\n"), &files) else {
        return;
    };
    let answer = stack
        .refit(&["--json", "use", "mine", "word=plainword"])
        .exits(0);
    answer.never_says("plainword");
    stack.refit(&["show"]).exits(0).never_says("plainword");
    stack.refit(&["history"]).exits(0).never_says("plainword");
    for (path, bytes) in stack.state_files() {
        let name = path.to_string_lossy();
        let is_copy = name.contains("/file-") || name.contains("/baseline/");
        let text = String::from_utf8_lossy(&bytes);
        assert!(is_copy || !text.contains("plainword"), "{name}: {text}");
    }
}

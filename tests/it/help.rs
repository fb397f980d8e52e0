//! What `-h`, `--help`, the man pages and a mistyped command say.

use crate::stack::TestStack;
use crate::stack::answer::Answer;

/// Every verb, those below others after them.
const VERBS: [&str; 29] = [
    "set",
    "unset",
    "edit",
    "get",
    "apply",
    "restart",
    "use",
    "recipes",
    "upgrade",
    "plan",
    "status",
    "watch",
    "rollback",
    "history",
    "forget",
    "show",
    "schedule",
    "schedule install",
    "schedule remove",
    "schedule status",
    "schedule run",
    "schedule test",
    "notify",
    "notify test",
    "why",
    "doctor",
    "completions",
    "man",
    "",
];

fn help(stack: &TestStack, verb: &str, flag: &str) -> Answer {
    let words: Vec<&str> = verb.split_whitespace().chain([flag]).collect();
    let mut command = stack.command(&words);
    command.env("COLUMNS", "80");
    Answer::of(command, b"").exits(0)
}

/// Where a heading stands.
fn line_of(answer: &Answer, head: &str) -> Option<usize> {
    answer.stdout.lines().position(|line| line == head)
}

#[test]
fn short_help_fits_a_screen_and_begins_with_what_is_its_own() {
    let stack = TestStack::without_engine();
    for verb in VERBS {
        let answer = help(&stack, verb, "-h");
        let lines = answer.stdout.lines().count();
        assert!(lines <= 40, "{verb}: {lines} lines\n{answer}");
        let widest = answer.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{verb}\n{answer}");
        let global = line_of(&answer, "Global options:").expect(verb);
        let run = line_of(&answer, "Options of every run:").unwrap_or(global);
        let own = line_of(&answer, "Options:").unwrap_or_default();
        assert!(own < run || own == 0, "{verb}\n{answer}");
        assert!(run <= global, "{verb}\n{answer}");
    }
}

#[test]
fn long_help_has_two_examples_of_each_verb() {
    let stack = TestStack::without_engine();
    for verb in VERBS {
        let answer = help(&stack, verb, "--help");
        let (_, examples) = answer.stdout.split_once("\nExamples:\n").expect(verb);
        let is_one = |line: &&str| line.contains("refit ") && line.contains(verb);
        let count = examples.lines().filter(is_one).count();
        assert!(count >= 2, "{verb}: {count}\n{answer}");
        let long = answer.stdout.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{verb}");
    }
}

#[test]
fn a_word_of_compose_is_answered_with_what_does_it() {
    let stack = TestStack::without_engine();
    for (word, answer) in [
        ("up", "refit apply"),
        ("down", "docker compose down"),
        ("logs", "docker compose logs"),
        ("ps", "refit status"),
        ("exec", "docker compose exec"),
        ("stop", "docker compose stop"),
        ("run", "docker compose run"),
        ("unpause", "docker compose unpause"),
        ("top", "docker compose top"),
        ("diff", "refit plan"),
        ("version", "refit --version"),
    ] {
        stack.refit(&[word]).exits(2).says(answer);
    }
    for option in ["--force", "--yes", "-y"] {
        let answer = stack.refit(&["set", "A=1", option]).exits(2);
        answer.says("--allow").never_says("--for ");
    }
}

#[test]
fn man_pages_have_the_sections_that_man_wants() {
    let stack = TestStack::without_engine();
    let folder = stack.beside("man");
    std::fs::create_dir(&folder).unwrap();
    let answer = stack.refit(&["man", folder.to_str().unwrap()]).exits(0);
    answer.says("30 pages written");
    for page in ["refit.1", "refit-set.1", "refit-schedule-install.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        for head in [
            "NAME",
            "SYNOPSIS",
            "OPTIONS",
            "EXAMPLES",
            "FILES",
            "EXIT STATUS",
        ] {
            let is_head =
                |line: &str| line.starts_with(".SH ") && line.replace('"', "").ends_with(head);
            assert!(text.lines().any(is_head), "{page}: {head}\n{text}");
        }
    }
}

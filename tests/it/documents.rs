//! What README.md and docs/ promise, held against the program: command lines parse, tables are
//! complete, examples can be read. Needs no engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use refit::complaint::Code;
use refit::exit::Exit;
use refit::plan::guard::Guard;
use refit::settings::Settings;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The text between a heading and the next one of any level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let body = &text[start + heading.len() + 2..];
    &body[..body.find("\n#").unwrap_or(body.len())]
}

/// The cells of each row of the tables in a text, without heads and rules.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut in_body = false;
    for line in text.lines() {
        match line.strip_prefix('|') {
            None => in_body = false,
            Some(rest) if rest.starts_with("---") => in_body = true,
            Some(rest) if in_body => {
                rows.push(
                    rest.trim_end_matches('|')
                        .split('|')
                        .map(str::trim)
                        .collect(),
                );
            }
            Some(_) => {}
        }
    }
    rows
}

/// What stands between backticks.
fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn every_command_line_of_the_documents_parses() {
    let mut seen = 0;
    for name in [
        "README.md",
        "docs/commands.md",
        "docs/doctor.md",
        "docs/recipes.md",
        "docs/schedules.md",
    ] {
        let text = read(name);
        let typed = text
            .lines()
            .filter_map(|line| line.strip_prefix("$ refit "));
        for line in typed {
            seen += 1;
            // An unknown word before it is an error all the same.
            let words = line.split_whitespace().chain(["--help"]);
            let ran = Command::cargo_bin("refit")
                .unwrap()
                .args(words)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(ran.status.success(), "{name}: refit {line}: {said}");
        }
    }
    assert!(seen > 3, "the README shows how refit is used");
}

#[test]
fn every_verb_is_in_the_table_and_nothing_else() {
    let help = Command::cargo_bin("refit")
        .unwrap()
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let real: BTreeSet<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let document = read("docs/commands.md");
    let listed: BTreeSet<&str> = rows(section(&document, "## Commands"))
        .iter()
        .flat_map(|row| code_words(row[0]))
        .filter_map(|typed| typed.strip_prefix("refit ")?.split_whitespace().next())
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn the_table_of_dependencies_is_that_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let dependencies = section(&manifest, "[dependencies]");
    let dependencies = &dependencies[..dependencies.find("\n[").unwrap_or(dependencies.len())];
    let real: BTreeSet<&str> = dependencies
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
        .collect();
    let document = read("docs/decisions/dependencies.md");
    let rows = rows(&document);
    let listed: BTreeSet<&str> = rows.iter().flat_map(|row| code_words(row[0])).collect();
    assert_eq!(listed, real);
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    use refit::host::signals::Signal;
    let real: BTreeSet<u8> = [
        Exit::Done,
        Exit::Refused,
        Exit::Usage,
        Exit::RolledBack,
        Exit::NotRolledBack,
        Exit::Locked,
        Exit::SomethingToDo,
        Exit::Signal(Signal::Interrupt),
        Exit::Signal(Signal::Terminate),
        Exit::Signal(Signal::HangUp),
    ]
    .map(Exit::code)
    .into();
    let document = read("docs/commands.md");
    let listed: BTreeSet<u8> = rows(section(&document, "## Exit codes"))
        .iter()
        .flat_map(|row| row[0].split(", "))
        .map(|code| code.parse().unwrap())
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn the_findings_of_doctor_are_those_of_the_program() {
    use refit::doctor::FindingCode;
    let real: Vec<(&str, &str)> = FindingCode::ALL
        .iter()
        .map(|(_, word, level)| (*word, level.word()))
        .collect();
    let document = read("docs/doctor.md");
    let rows = rows(&document);
    let listed: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row[0].trim_matches('`'), row[1]))
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn the_example_of_refit_yaml_can_be_read() {
    let text = read("docs/refit.yaml.md");
    let (_, example) = text.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("refit.yaml"), example).unwrap();
    let settings = Settings::load(folder.path(), &[]).unwrap();
    assert!(settings.services.len() > 1);
}

#[test]
fn the_recipe_of_the_document_can_be_used_and_its_tables_are_whole() {
    let document = read("docs/recipes.md");
    let (_, example) = document.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let home = tempfile::tempdir().unwrap();
    let recipes = home.path().join("refit/recipes");
    fs::create_dir_all(&recipes).unwrap();
    fs::write(recipes.join("mine.yaml"), example).unwrap();
    let page = Command::cargo_bin("refit")
        .unwrap()
        .args(["recipes", "quiet-log"])
        .env("XDG_CONFIG_HOME", home.path())
        .current_dir(home.path())
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(page.contains("LOG_LEVEL = <level>"), "{page}");
    assert!(page.contains("mine.yaml"), "{page}");

    let source = read("src/recipe/format/fields.rs");
    for (heading, of) in [
        ("## The recipe", "Recipe"),
        ("## A parameter", "Parameter"),
        ("## An application", "Application"),
        ("## A change", "Change"),
        ("## A service", "AddedService"),
        ("## An account", "MakeAccount"),
        ("## A check", "Check"),
    ] {
        let (_, fields) = source.split_once(&format!("pub struct {of} {{")).unwrap();
        let (fields, _) = fields.split_once("\n}\n").unwrap();
        let real: BTreeSet<&str> = fields
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
            .map(|(name, _)| if name == "kind" { "type" } else { name })
            .collect();
        let rows = rows(section(&document, heading));
        let listed: BTreeSet<&str> = rows.iter().flat_map(|row| code_words(row[0])).collect();
        assert_eq!(listed, real, "{heading}");
    }
    let (_, kinds) = source.split_once("pub enum Type {").unwrap();
    let (kinds, _) = kinds.split_once('}').unwrap();
    for kind in kinds.split_whitespace() {
        let word = kind.trim_end_matches(',').to_lowercase();
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn the_events_are_those_of_the_program() {
    let document = read("docs/json.md");
    let listed = document.as_str();
    let source = read("src/report/json.rs");
    let (_, fields) = source.split_once("fn fields(").unwrap();
    let (fields, _) = fields.split_once("\n}\n").unwrap();
    let names: BTreeSet<&str> = fields
        .split("=> (")
        .skip(1)
        .filter_map(|arm| arm.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !code_words(listed).any(|word| word == **name))
        .collect();
    assert!(
        names.len() > 10 && missing.is_empty(),
        "not in docs/json.md: {missing:?}"
    );
    for row in rows(listed) {
        for name in code_words(row[0]) {
            assert!(source.contains(&format!("\"{name}\"")), "no event {name}");
        }
    }
}

#[test]
fn every_refusal_is_explained_and_every_explanation_has_a_refusal() {
    let document = read("docs/refusals.md") + &read("docs/refusals-edits.md");
    let rows = rows(&document);
    let listed: BTreeSet<&str> = rows.iter().flat_map(|row| code_words(row[0])).collect();
    let real: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(listed, real);
    // A code that nothing raises is not to be explained.
    let sources: Vec<(PathBuf, String)> = sources();
    for code in Code::ALL {
        let case = format!("Code::{code:?}");
        let raised = |text: &str| {
            text.match_indices(&case).any(|(at, _)| {
                let after = text[at + case.len()..].chars().next();
                let before = text[..at].chars().next_back();
                !after.is_some_and(char::is_alphanumeric)
                    && !before.is_some_and(char::is_alphanumeric)
            })
        };
        assert!(
            sources.iter().any(|(_, text)| raised(text)),
            "nobody raises {code}"
        );
    }
}

/// What follows `--allow ` wherever it stands.
fn allowed(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("--allow ").skip(1);
    let word = |rest: &'_ str| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        end.unwrap_or(rest.len())
    };
    after
        .map(move |rest| &rest[..word(rest)])
        .filter(|word| !word.is_empty())
}

#[test]
fn every_guard_that_is_named_can_be_allowed_and_is_explained() {
    let document = read("docs/refusals.md") + &read("docs/refusals-edits.md");
    let explained: BTreeSet<&str> = allowed(&document).collect();
    let real: BTreeSet<&str> = Guard::ALL.iter().map(|guard| guard.word()).collect();
    assert_eq!(explained, real);
    let recipes = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/recipes"));
    let recipes = recipes.unwrap().flatten().map(|entry| entry.path());
    let texts = recipes.map(|path| (path.clone(), fs::read_to_string(path).unwrap()));
    let readme = (PathBuf::from("README.md"), read("README.md"));
    for (path, text) in sources().into_iter().chain(texts).chain([readme]) {
        for word in allowed(&text) {
            assert!(real.contains(word), "{}: --allow {word}", path.display());
        }
    }
}

#[test]
fn nobody_has_to_know_our_notes_to_read_a_message() {
    for (path, text) in sources() {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let numbers = line.match_indices("(F").any(|(at, _)| {
                let digits = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_digit());
                digits.len() < line.len() - at - 2 && digits.starts_with(')')
            });
            assert!(!numbers, "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_help_of_a_command_says_its_own_options_first() {
    let help = Command::cargo_bin("refit")
        .unwrap()
        .args(["set", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
    let order = [
        "\nOptions:",
        "--generate",
        "\nOptions of every run:",
        "--dry-run",
        "\nGlobal options:",
        "--project-name",
    ];
    assert!(
        order.windows(2).all(|two| at(two[0]) < at(two[1])),
        "{help}"
    );
}

#[test]
fn a_verb_of_compose_is_answered_with_what_does_it() {
    for (typed, told) in [
        ("up", "refit apply"),
        ("down", "docker compose down"),
        ("ps", "refit status"),
        ("logs", "docker compose logs"),
        ("exec", "docker compose exec"),
    ] {
        let ran = Command::cargo_bin("refit").unwrap().arg(typed).output();
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{typed}: {said}");
        assert!(said.contains(told), "{typed}: {said}");
    }
    let mut undo = Command::cargo_bin("refit").unwrap();
    assert!(
        undo.args(["undo", "--help"])
            .output()
            .unwrap()
            .status
            .success()
    );
}

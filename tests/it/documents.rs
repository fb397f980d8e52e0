//! What README.md and docs/ promise, held against the program: command lines parse, tables are
//! complete, examples can be read. Needs no engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::papers::{
    blocks, code_words, column, files, pages, prose, read, rows, section, sources,
};
use refit::tested::Code;
use refit::tested::Exit;
use refit::tested::Guard;
use refit::tested::NoteCode;
use refit::tested::Settings;

fn refit(words: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_refit"))
        .args(words)
        .output();
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "refit {words:?}: {said}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The commands that a help lists.
fn listed_commands(help: &str) -> Vec<String> {
    let Some((_, commands)) = help.split_once("Commands:\n") else {
        return Vec::new();
    };
    let names = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help");
    names.map(str::to_owned).collect()
}

/// Every command with its options by heading of its help, such as `Options of every run`.
fn commands() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut found = BTreeMap::new();
    for verb in listed_commands(&refit(&["--help"])) {
        let help = refit(&[&verb, "--help"]);
        let below = listed_commands(&help);
        if below.is_empty() {
            found.insert(verb, options(&help));
            continue;
        }
        for word in below {
            let help = refit(&[&verb, &word, "--help"]);
            found.insert(format!("{verb} {word}"), options(&help));
        }
    }
    found
}

fn options(help: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut heading = String::new();
    for line in help.lines() {
        if let Some(name) = line.strip_suffix(':')
            && !line.starts_with(' ')
        {
            heading = name.to_owned();
        }
        let is_option = line.trim_start().starts_with('-') && line.find('-') < Some(7);
        let long = line.split_whitespace().find(|word| word.starts_with("--"));
        if let Some(long) = long.filter(|_| is_option) {
            let long = long.trim_end_matches("...").to_owned();
            let of = found.entry(heading.clone()).or_insert_with(BTreeSet::new);
            of.insert(long);
        }
    }
    for of in found.values_mut() {
        of.retain(|option| option != "--help" && option != "--version");
    }
    found.retain(|_, of| !of.is_empty());
    found
}

/// The options that a table names.
fn options_in(rows: &[Vec<&str>], at: usize) -> BTreeSet<String> {
    let words = column(rows, at).into_iter();
    let options = words.flat_map(str::split_whitespace);
    let options = options.filter(|word| word.starts_with("--"));
    options.map(str::to_owned).collect()
}

#[test]
fn every_command_line_of_the_documents_parses() {
    let mut seen = 0;
    for (name, text) in pages() {
        for (language, block) in blocks(&text) {
            assert!(!language.is_empty(), "{name}: a block without a language");
            let typed = block.lines().filter_map(|line| line.strip_prefix("$ "));
            for line in typed {
                seen += 1;
                let Some(words) = line.strip_prefix("refit ") else {
                    assert_eq!(line, "echo $?", "{name}");
                    continue;
                };
                // An unknown word before it is an error all the same.
                let words: Vec<&str> = words.split_whitespace().chain(["--help"]).collect();
                refit(&words);
            }
        }
    }
    assert!(seen > 10, "the documents show how refit is used");
}

#[test]
fn every_command_that_a_sentence_names_is_one() {
    let commands = commands();
    let verbs: BTreeSet<&str> = commands.keys().map(String::as_str).collect();
    let first = |verb: &str| verbs.iter().any(|it| it.split(' ').next() == Some(verb));
    for (name, text) in pages() {
        let text = prose(&text);
        for span in code_words(&text) {
            let Some(typed) = span.strip_prefix("refit ") else {
                continue;
            };
            let words: Vec<&str> = typed.split_whitespace().collect();
            let verb = words[0];
            assert!(first(verb) || verb == "undo", "{name}: {span}");
            let of = commands
                .iter()
                .filter(|(command, _)| command.split(' ').next() == Some(verb))
                .flat_map(|(_, options)| options.values().flatten());
            let of: BTreeSet<&str> = of.map(String::as_str).collect();
            for word in words.iter().filter(|word| word.starts_with("--")) {
                assert!(of.contains(word), "{name}: {span}: no {word}");
            }
        }
    }
}

#[test]
fn every_verb_is_in_the_table_and_nothing_else() {
    let help = refit(&["--help"]);
    let real: BTreeSet<String> = listed_commands(&help).into_iter().collect();
    let document = read("docs/commands.md");
    let listed: BTreeSet<String> = rows(section(&document, "## All commands"))
        .iter()
        .flat_map(|row| code_words(row[0]))
        .filter_map(|typed| typed.strip_prefix("refit ")?.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, real);
}

#[test]
fn every_option_is_in_its_table_and_nothing_else() {
    let document = read("docs/commands.md");
    let table = |heading: &str| options_in(&rows(section(&document, heading)), 0);
    let commands = commands();
    let (global, run) = ("Global options", "Options of every run");
    assert_eq!(
        table("## Options of every command"),
        commands["set"][global]
    );
    assert_eq!(table("## Options of every run"), commands["set"][run]);

    let single = rows(section(&document, "## Options of single commands"));
    let mut listed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in &single {
        for command in code_words(row[1]) {
            let of = listed.entry(command).or_default();
            of.extend(options_in(std::slice::from_ref(row), 0));
        }
    }
    let mut real: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (command, headings) in &commands {
        let own = headings.iter().filter(|(heading, _)| *heading != global);
        let own = own.filter(|(heading, _)| *heading != run);
        let own: BTreeSet<String> = own.flat_map(|(_, options)| options.clone()).collect();
        if !own.is_empty() {
            real.insert(command, own);
        }
    }
    assert_eq!(listed, real);
}

#[test]
fn the_page_of_a_command_has_all_its_options() {
    let commands = commands();
    for (command, page) in [
        ("upgrade", "docs/upgrades.md"),
        ("use", "docs/recipes.md"),
        ("schedule install", "docs/schedules.md"),
        ("schedule run", "docs/schedules.md"),
    ] {
        let text = read(page);
        let listed = options_in(&rows(&text), 0);
        let own = commands[command].get("Options").unwrap();
        // What several verbs have is explained in docs/commands.md.
        let missing: Vec<_> = own
            .iter()
            .filter(|option| !listed.contains(*option) && *option != "--no-apply")
            .collect();
        assert!(missing.is_empty(), "{page}: {missing:?}");
    }
}

#[test]
fn the_table_of_dependencies_is_that_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let of = |heading: &str| -> BTreeSet<String> {
        let text = section(&manifest, heading);
        let text = &text[..text.find("\n[").unwrap_or(text.len())];
        let names = text.lines().filter_map(|line| line.split_once('='));
        names.map(|(name, _)| name.trim().to_owned()).collect()
    };
    let document = read("docs/decisions/dependencies.md");
    let (product, tests) = document.split_once("\n## For tests").unwrap();
    let listed = |text: &str| -> BTreeSet<String> {
        let words = rows(text);
        let words = column(&words, 0).into_iter();
        words.map(str::to_owned).collect()
    };
    let real = of("[dependencies]");
    assert_eq!(listed(product), real);
    let of_tests = of("[dev-dependencies]")
        .difference(&real)
        .cloned()
        .collect();
    assert_eq!(listed(tests), of_tests);
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    use refit::tested::Signal;
    let real: BTreeSet<u8> = [
        Exit::Done,
        Exit::Refused,
        Exit::Usage,
        Exit::RolledBack,
        Exit::NotRolledBack,
        Exit::Locked,
        Exit::NotProven,
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
    use refit::tested::FindingCode;
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

/// The fields of a struct in the source.
fn fields<'a>(source: &'a str, of: &str) -> BTreeSet<&'a str> {
    let (_, fields) = source.split_once(&format!(" struct {of} {{")).unwrap();
    let (fields, _) = fields.split_once("\n}\n").unwrap();
    fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
        .map(|(name, _)| if name == "kind" { "type" } else { name })
        .collect()
}

#[test]
fn every_example_of_refit_yaml_can_be_read_and_its_tables_are_whole() {
    let mut services = 0;
    for (name, text) in pages() {
        let examples = blocks(&text).into_iter();
        let examples = examples.filter(|(language, _)| *language == "yaml");
        for (_, example) in examples.filter(|(_, text)| !text.contains("\napplications:")) {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("refit.yaml"), example).unwrap();
            let settings = Settings::load(folder.path(), &[]);
            let settings = settings.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            services += settings.services.len();
        }
    }
    assert!(services > 1);

    let document = read("docs/refit.yaml.md");
    let listed = |heading: &str| column(&rows(section(&document, heading)), 0);
    let settings = read("src/settings.rs");
    let upgrade = read("src/settings/upgrade.rs");
    assert_eq!(listed("## All of it"), fields(&settings, "Settings"));
    assert_eq!(listed("## A service"), fields(&settings, "ServiceSettings"));
    assert_eq!(listed("## An upgrade"), fields(&upgrade, "UpgradeSettings"));
    assert_eq!(listed("## Hooks"), fields(&upgrade, "Hooks"));
}

#[test]
fn the_recipe_of_the_document_can_be_used_and_its_tables_are_whole() {
    let document = read("docs/recipes.md");
    let blocks = blocks(&document);
    let example = blocks.iter().find(|(language, _)| *language == "yaml");
    let home = tempfile::tempdir().unwrap();
    let recipes = home.path().join("refit/recipes");
    fs::create_dir_all(&recipes).unwrap();
    fs::write(recipes.join("mine.yaml"), &example.unwrap().1).unwrap();
    let page = Command::new(env!("CARGO_BIN_EXE_refit"))
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
        ("## A change", "RecipeChange"),
        ("## A service", "AddedService"),
        ("## An account", "MakeAccount"),
        ("## A check", "RecipeCheck"),
    ] {
        let rows = rows(section(&document, heading));
        assert_eq!(column(&rows, 0), fields(&source, of), "{heading}");
    }
    let (_, kinds) = source.split_once(" enum Type {").unwrap();
    let (kinds, _) = kinds.split_once('}').unwrap();
    for kind in kinds.split_whitespace() {
        let word = kind.trim_end_matches(',').to_lowercase();
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
    for recipe in files("templates/recipes", "yaml") {
        let name = Path::new(&recipe).file_stem().unwrap().to_string_lossy();
        let listed = document.contains(&format!("\n| `{name}"));
        assert!(listed, "docs/recipes.md does not list {name}");
    }
}

#[test]
fn the_events_are_those_of_the_program() {
    let document = read("docs/json.md");
    let rows = rows(section(&document, "## Events"));
    let source = read("src/report/json.rs");
    let (_, arms) = source.split_once("fn fields(").unwrap();
    let (arms, _) = arms.split_once("\n}\n").unwrap();
    let names: BTreeSet<&str> = arms
        .split("=> (")
        .skip(1)
        .filter_map(|arm| arm.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    let listed = column(&rows, 0);
    let missing: Vec<_> = names.difference(&listed).collect();
    assert!(
        names.len() > 10 && missing.is_empty(),
        "not in docs/json.md: {missing:?}"
    );
    for word in listed.union(&column(&rows, 1)) {
        let is_field = source.contains(&format!("\"{word}\""));
        let is_of_news = ["checkout", "images", "env"].contains(word);
        assert!(is_field || is_of_news || *word == "--dry-run", "no {word}");
    }
}

#[test]
fn the_words_and_notes_of_json_are_those_of_the_program() {
    let document = read("docs/json.md");
    let words = rows(section(&document, "## Words"));
    let source = read("src/event.rs");
    let mut notes = BTreeSet::new();
    for row in &words {
        if ![
            "`action`",
            "`route`",
            "`phase`",
            "`verdict`",
            "`how`",
            "`result`",
            "`outcome`",
        ]
        .contains(&row[0])
        {
            notes.extend(code_words(row[0]).filter(|word| *word != "code" && *word != "error"));
            continue;
        }
        for word in code_words(row[1]) {
            assert!(source.contains(&format!("=> \"{word}\"")), "no {word}");
        }
    }
    let real: BTreeSet<&str> = NoteCode::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(notes, real);
}

#[test]
fn the_news_and_documents_of_json_are_those_of_the_program() {
    let document = read("docs/json.md");
    let event = read("src/event.rs");
    let real: BTreeSet<&str> = [
        "CheckoutNews",
        "ImageNews",
        "EnvNews",
        "SampleKey",
        "Unanswered",
        "News",
    ]
    .iter()
    .flat_map(|of| fields(&event, of))
    .collect();
    let listed: BTreeSet<&str> = code_words(section(&document, "## News")).collect();
    assert_eq!(listed, real);

    let commands = commands();
    let questions = sources().into_iter().map(|(_, text)| text);
    let questions: String = questions.collect();
    for row in rows(section(&document, "## Documents")) {
        let command = row[0].trim_matches('`').replace(" --since", "");
        assert!(commands.contains_key(&command), "no {command}");
        for field in code_words(row[1]).filter(|word| !word.contains(['-', ' '])) {
            let is_written = questions.contains(&format!("\"{field}\""));
            let is_derived = questions.contains(&format!("pub {field}:"));
            assert!(is_written || is_derived, "{command}: no {field}");
        }
    }
}

#[test]
fn every_refusal_is_explained_and_every_explanation_has_a_refusal() {
    let document = read("docs/refusals.md");
    let listed = column(&rows(&document), 0);
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
    let document = read("docs/refusals.md");
    let explained: BTreeSet<&str> = allowed(&document).collect();
    let real: BTreeSet<&str> = Guard::ALL.iter().map(|guard| guard.word()).collect();
    assert_eq!(explained, real);
    let recipes = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/recipes"));
    let recipes = recipes.unwrap().flatten().map(|entry| entry.path());
    let texts = recipes.map(|path| (path.clone(), fs::read_to_string(path).unwrap()));
    let pages = pages().into_iter();
    let pages = pages.map(|(name, text)| (PathBuf::from(name), text));
    for (path, text) in sources().into_iter().chain(texts).chain(pages) {
        for word in allowed(&text) {
            assert!(real.contains(word), "{}: --allow {word}", path.display());
        }
    }
}

#[test]
fn the_help_of_a_command_says_its_own_options_first() {
    let help = Command::new(env!("CARGO_BIN_EXE_refit"))
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
        let ran = Command::new(env!("CARGO_BIN_EXE_refit"))
            .arg(typed)
            .output();
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{typed}: {said}");
        assert!(said.contains(told), "{typed}: {said}");
    }
    let mut undo = Command::new(env!("CARGO_BIN_EXE_refit"));
    assert!(
        undo.args(["undo", "--help"])
            .output()
            .unwrap()
            .status
            .success()
    );
}

//! What README.md and docs/ name is there: links, paths, names of the source, facts with their tests.
//! And what the source cites lies in the repository. Needs no engine, and runs no refit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::papers::{
    code_words, column, files, is_for_developers, pages, prose, read, root, rows, section, sources,
};

#[test]
fn the_readme_is_read_in_five_minutes() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "README.md has {lines} lines; docs/ has room");
}

fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Where GitHub puts a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let plain: String = heading.trim().to_lowercase().chars().filter(kept).collect();
    plain.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for (name, text) in pages() {
        let folder = Path::new(&name).parent().unwrap().to_owned();
        let prose = prose(&text);
        for link in prose.split("](").skip(1) {
            let (target, _) = link.split_once(')').unwrap();
            if target.starts_with("http") {
                continue;
            }
            seen += 1;
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => PathBuf::from(&name),
                file => folder.join(file),
            };
            assert!(root().join(&file).exists(), "{name}: {target}");
            if place.is_empty() {
                continue;
            }
            let page = read(&file.display().to_string());
            let headings = page.lines().filter(|line| line.starts_with('#'));
            let mut headings = headings.map(|line| anchor(line.trim_start_matches('#')));
            assert!(headings.any(|it| it == place), "{name}: {target}");
        }
    }
    assert!(seen > 40);
}

#[test]
fn every_path_and_name_of_the_source_is_there() {
    let folders = [
        "src/",
        "tests/",
        "scripts/",
        "templates/",
        "docs/",
        "compose/",
        "benches/",
    ];
    let makefile = read("Makefile");
    for (name, text) in pages() {
        let text = prose(&text);
        for span in code_words(&text) {
            let first = span.split_whitespace().next().unwrap_or_default();
            if folders.iter().any(|folder| first.starts_with(folder)) {
                assert!(exists(first), "{name}: {span}");
            }
            if let Some(goal) = span.strip_prefix("make ") {
                assert!(makefile.contains(&format!("\n{goal}:")), "{name}: {span}");
            }
            let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            if span.contains("::") && span.chars().all(is_path) {
                assert!(is_in_source(span), "{name}: {span}");
            }
        }
        for goal in text
            .lines()
            .filter_map(|line| line.strip_prefix("    make "))
        {
            let goal = goal.split_whitespace().next().unwrap();
            assert!(makefile.contains(&format!("\n{goal}:")), "{name}: {goal}");
        }
    }
}

/// Whether `plan::guard::Guard`, or `run::transaction`, names a module, or what one defines.
fn is_in_source(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let is_module = |parts: &[&str]| {
        let path = root().join("src").join(parts.join("/"));
        path.is_dir() || path.with_extension("rs").is_file()
    };
    if is_module(&parts) {
        return true;
    }
    let (last, module) = parts.split_last().unwrap();
    let module = module.join("/");
    let files = [format!("src/{module}.rs"), format!("src/{module}/mod.rs")];
    let texts = files.iter().filter(|file| root().join(file).is_file());
    let words = ["enum", "struct", "trait", "fn", "mod", "type"];
    let mut texts = texts.map(|file| read(file));
    texts.any(|text| {
        let mut lines = text.lines();
        let shown = lines
            .any(|line| line.starts_with("pub") && line.contains(" use ") && line.contains(last));
        let is_end = |c: char| !c.is_alphanumeric() && c != '_';
        let defined = |word: &&str| {
            let definition = format!("{word} {last}");
            let mut after = text.split(&definition).skip(1);
            after.any(|rest| rest.starts_with(is_end))
        };
        shown || words.iter().any(defined)
    })
}

#[test]
fn every_room_is_explained() {
    let library = read("src/lib.rs");
    let rooms = library
        .lines()
        .filter(|line| line.starts_with("pub"))
        .filter_map(|line| line.split_once(" mod ")?.1.strip_suffix(';'));
    let real: BTreeSet<&str> = rooms.collect();
    let document = read("docs/architecture.md");
    let listed = column(&rows(section(&document, "## Rooms and arrows")), 0);
    assert_eq!(listed, real);
}

/// `F5` and its kin in a text.
fn numbers_of_facts(text: &str) -> BTreeSet<String> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c: char| !is_of_word(c));
    let is_number = |word: &&str| {
        let digits = word.strip_prefix('F').unwrap_or_default();
        !digits.is_empty() && digits.len() < 3 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    words.filter(is_number).map(str::to_owned).collect()
}

#[test]
fn every_fact_is_held_by_a_test_that_exists() {
    let document = read("docs/facts.md");
    let mut numbers = BTreeSet::new();
    let mut before = String::new();
    for row in rows(&document) {
        assert!(numbers.insert(row[0].to_owned()), "{} stands twice", row[0]);
        assert_eq!(row.len(), 4, "{row:?}");
        let held = row[3];
        let is_word_alone = held == "the same" || held.starts_with("a measurement");
        assert!(is_word_alone || held.contains('`'), "{}: {held}", row[0]);
        let mut file = String::new();
        for word in code_words(held) {
            if word.contains('/') {
                assert!(exists(word), "{}: {word}", row[0]);
                file = read(word);
            } else {
                let is_there = file.contains(&format!("fn {word}("));
                assert!(is_there, "{}: no test {word}", row[0]);
            }
        }
        assert!(held != "the same" || !before.is_empty(), "{}", row[0]);
        before = held.to_owned();
    }
    let cited = ["src", "tests", "benches", "compose"].into_iter();
    for file in cited.flat_map(|folder| files(folder, "rs")) {
        let text = read(&file);
        let comments = text.lines().filter_map(|line| line.split_once("//"));
        for (_, comment) in comments {
            let unknown: Vec<_> = numbers_of_facts(comment)
                .difference(&numbers)
                .cloned()
                .collect();
            assert!(
                unknown.is_empty(),
                "{file}: {unknown:?} is not in docs/facts.md"
            );
        }
    }
    for (name, text) in pages().iter().filter(|(name, _)| is_for_developers(name)) {
        let unknown: Vec<_> = numbers_of_facts(text)
            .difference(&numbers)
            .cloned()
            .collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}

#[test]
fn what_is_cited_lies_in_the_repository() {
    let cited = ["src", "tests", "benches", "compose"].into_iter();
    let sources = cited.flat_map(|folder| files(folder, "rs"));
    let templates = files("templates", "yaml").into_iter();
    for file in sources.chain(templates) {
        let text = read(&file);
        for (at, _) in text.match_indices("docs/") {
            let rest = &text[at..];
            let is_path = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            let path = rest[..end].trim_end_matches('.');
            let is_page = path.ends_with(".md");
            assert!(!is_page || exists(path), "{file}: {path}");
        }
        let comments = text
            .lines()
            .filter(|line| line.trim_start().starts_with("//"));
        for line in comments {
            for page in ["DESIGN", "GLOSSARY", "PEERS", "shared/"] {
                assert!(!line.contains(page), "{file}: {line}");
            }
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
    for (name, text) in pages() {
        let numbers = numbers_of_facts(&text);
        assert!(
            is_for_developers(&name) || numbers.is_empty(),
            "{name}: {numbers:?}"
        );
    }
}

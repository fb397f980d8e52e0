//! README.md, CONTRIBUTING.md and docs/ as they are read by tests: pages, tables, blocks, prose.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files below a folder whose names end so, relative to the repository.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<String> {
    let (mut folders, mut found) = (vec![PathBuf::from(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap().flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Every page, with its text.
pub(crate) fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    names.extend(files("docs", "md"));
    let pages = names.into_iter().map(|name| (name.clone(), read(&name)));
    pages.collect()
}

/// Pages for whoever works on refit.
pub(crate) fn is_for_developers(page: &str) -> bool {
    let names = ["CONTRIBUTING.md", "docs/architecture.md", "docs/facts.md"];
    names.contains(&page) || page.starts_with("docs/decisions/")
}

/// The text between a heading and the next one of any level.
pub(crate) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let body = &text[start + heading.len() + 2..];
    &body[..body.find("\n#").unwrap_or(body.len())]
}

/// The cells of each row of the tables in a text, without heads and rules.
pub(crate) fn rows(text: &str) -> Vec<Vec<&str>> {
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

/// What stands between backticks in the cells of one column.
pub(crate) fn column<'a>(rows: &[Vec<&'a str>], at: usize) -> BTreeSet<&'a str> {
    rows.iter().flat_map(|row| code_words(row[at])).collect()
}

/// What stands between backticks.
pub(crate) fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Fenced blocks with their language.
pub(crate) fn blocks(text: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        match (line.strip_prefix("```"), is_open) {
            (Some(language), false) => {
                blocks.push((language, String::new()));
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => {
                let block = &mut blocks.last_mut().unwrap().1;
                block.push_str(line);
                block.push('\n');
            }
            (None, false) => {}
        }
    }
    assert!(!is_open, "a block is not closed");
    blocks
}

/// A page without its fenced blocks.
pub(crate) fn prose(text: &str) -> String {
    let parts = text.split("\n```").step_by(2);
    let after_fence = |(at, part): (usize, &str)| match at {
        0 => part.to_owned(),
        _ => part
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .to_owned(),
    };
    let parts: Vec<String> = parts.enumerate().map(after_fence).collect();
    let text = parts.join("\n");
    let marks = text.matches('`').count();
    assert!(marks.is_multiple_of(2), "a backtick is not closed");
    text
}

pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let names = files("src", "rs").into_iter();
    names
        .map(|name| (root().join(&name), read(&name)))
        .collect()
}

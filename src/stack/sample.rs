//! The sample of an env file that applications come with: under which names, and what it documents.

use std::collections::BTreeMap;
use std::path::Path;

use crate::edit::dotenv::{Dotenv, Format};
use crate::host::files;

/// The names under which applications keep a sample, the usual one first.
pub(crate) const SAMPLE_NAMES: [&str; 6] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
    "example.env",
];

/// `#KEY=example` or `# KEY=example`. A sentence has no `=` right behind its first word.
pub(crate) fn option_in(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix('#')?.trim_start();
    let (key, example) = text.split_once('=')?;
    let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_key = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (starts && is_key).then(|| (key, example.trim()))
}

/// Every key that the samples of a folder name, also where it is commented out, with the file.
pub(crate) fn keys(directory: &Path) -> Vec<(String, &'static str)> {
    let samples = SAMPLE_NAMES.iter().filter_map(|name| {
        let text = files::text_if_readable(&directory.join(name))?;
        Some((*name, text))
    });
    samples
        .flat_map(|(name, text)| {
            let file = Dotenv::parse(text.as_bytes(), Format::Compose).ok();
            let set = file.iter().flat_map(Dotenv::keys);
            let set: Vec<String> = set.map(|(key, _)| key.to_owned()).collect();
            let options = text.lines().filter_map(option_in);
            let options = options.map(|(key, _)| key.to_owned());
            let all: Vec<String> = set.into_iter().chain(options).collect();
            all.into_iter().map(move |key| (key, name))
        })
        .collect()
}

/// The values that the sample of a folder gives, by key.
pub(crate) fn values(directory: &Path) -> BTreeMap<String, String> {
    let mut samples = SAMPLE_NAMES.iter();
    let text = samples.find_map(|name| files::text_if_readable(&directory.join(name)));
    let tree = text.and_then(|text| Dotenv::parse(text.as_bytes(), Format::Compose).ok());
    let read = tree.and_then(|tree| tree.read(&|_| None).ok());
    let values = read.into_iter().flatten();
    values
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}

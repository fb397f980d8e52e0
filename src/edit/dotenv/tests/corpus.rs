//! Real env files: every variable of each is set and removed.

use std::fs;
use std::path::Path;

use crate::edit::dotenv::{Dotenv, EnvKey, Format};

/// The real files, or none with a word about it.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/env");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn every_variable_of_real_files_is_set_and_removed() {
    let mut edits = 0;
    for (path, bytes) in corpus() {
        let file = Dotenv::parse(&bytes, Format::Compose).unwrap();
        assert_eq!(file.as_bytes(), bytes, "{path}");
        let readable = file.read(&|_| None).is_ok();
        let keys = file
            .keys()
            .filter_map(|(key, _)| key.parse::<EnvKey>().ok());
        for (key, value) in keys.zip(["plain", "it's \"$x\"\\", ""].iter().cycle()) {
            let mut edited = file.clone();
            edited
                .set(&key, value)
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(edited.line_of(&key), file.line_of(&key), "{path}");
            if readable {
                assert_eq!(
                    edited.get(&key, &|_| None),
                    Ok(Some((*value).to_owned())),
                    "{path}"
                );
            }
            edited
                .unset(&key)
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(edited.line_of(&key), None, "{path}");
            edits += 1;
        }
    }
    println!("{edits} edits");
}

//! Reads the recipes and profiles of `templates/`, and builds nothing where one has a wrong form: what
//! ships can be used. Lists them for the program, so that a new file is all that a new one needs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[path = "src/profile/format.rs"]
#[allow(dead_code, unreachable_pub)]
mod profile;
#[path = "src/recipe/format/fields.rs"]
#[allow(dead_code, unreachable_pub)]
mod recipe;

fn main() -> ExitCode {
    let recipes = list("recipes", check::<recipe::Recipe>);
    match recipes.and_then(|()| list("profiles", check::<profile::Profile>)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            // Cargo shows a line of a message as one.
            for line in wrong.lines().filter(|line| !line.is_empty()) {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn check<T: serde::de::DeserializeOwned>(text: &str) -> Result<(), String> {
    let read = serde_saphyr::from_str::<T>(text);
    read.map(drop).map_err(|error| error.to_string())
}

/// Checks every file of a folder of `templates/` by its types, and writes them down as pairs of
/// name and text.
fn list(folder: &str, check: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("templates/{folder}: {error}");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let files = root.join("templates").join(folder);
    println!("cargo::rerun-if-changed={}", files.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&files).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    let mut out = "&[\n".to_owned();
    for path in &paths {
        let shown = path.strip_prefix(&root).unwrap_or(path).display();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(path).map_err(told)?;
        check(&text).map_err(|wrong| format!("{shown}: {wrong}"))?;
        let _ = writeln!(out, "({name:?}, include_str!({path:?})),");
    }
    out.push_str("]\n");
    let to = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&to).join(format!("{folder}.rs")), out).map_err(told)
}

//! `git grep` in a checkout: where a word occurs in the files that git tracks.

use std::path::Path;
use std::process::{Command, Stdio};

/// A line that holds a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Relative to the folder that was searched.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// Every line below `folder`, in files that git tracks, that holds one of the words as a whole word.
/// Nothing without git and outside a checkout.
pub fn words(folder: &Path, words: &[&str]) -> Vec<Hit> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(["grep", "--no-color", "-nIFwz"])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    for word in words {
        command.args(["-e", word]);
    }
    let Ok(output) = command.args(["--", "."]).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(hit)
        .collect()
}

/// `FILE\0LINE\0TEXT`; an older git has a colon after the line.
fn hit(line: &str) -> Option<Hit> {
    let (file, rest) = line.split_once('\0')?;
    let (number, text) = rest.split_once(['\0', ':'])?;
    Some(Hit {
        file: file.to_owned(),
        line: number.parse().ok()?,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_git_old_and_new() {
        let wanted = Hit {
            file: "a: b.js".into(),
            line: 7,
            text: "x: KEY".into(),
        };
        for line in ["a: b.js\x007\x00x: KEY", "a: b.js\x007:x: KEY"] {
            assert_eq!(hit(line).as_ref(), Some(&wanted), "{line:?}");
        }
        assert_eq!(hit("Binary file matches"), None);
    }
}

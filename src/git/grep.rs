//! `git grep`: where a word occurs in the code of a folder.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A line that holds a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Relative to the folder that was searched.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// Which files of a folder are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that git tracks: what it does not is nobody's code.
    Tracked,
    /// Outside of a checkout all of them, but for those of libraries and what `.gitignore` names.
    Every,
}

/// Folders of libraries: what they read is not what the application reads.
const LIBRARIES: [&str; 5] = ["node_modules", "vendor", "site-packages", ".venv", "venv"];

/// A folder may hold a database besides code; by then enough of the latter was looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every line below `folder` that holds one of the words as a whole word, in files of this pattern.
/// Nothing without git, of tracked files outside of a checkout, and when it takes too long.
pub(crate) async fn words(folder: &Path, words: &[&str], scope: Scope, files: &str) -> Vec<Hit> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut command = Command::new("git");
    command
        // Root may look into a checkout of another user's: nothing of its configuration runs here.
        .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false"])
        .arg("-C")
        .arg(folder)
        .args(["grep", "--no-color", "-nIFwz"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    match scope {
        Scope::Tracked => command.arg("--recurse-submodules"),
        Scope::Every => command.args(["--no-index", "--exclude-standard"]),
    };
    for word in words {
        command.args(["-e", word]);
    }
    command.args(["--", files]);
    if scope == Scope::Every {
        command.args(LIBRARIES.map(|name| format!(":(exclude,glob)**/{name}/**")));
    }
    let Ok(Ok(output)) = tokio::time::timeout(PATIENCE, command.output()).await else {
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

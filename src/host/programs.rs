//! Programs of this machine: found, and run in nothing but a given environment.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;

use super::accounts::Account;

/// The first program of this name in `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    program_in(&std::env::var_os("PATH")?, name)
}

/// The first program of this name in folders that are listed as in `PATH`.
pub(crate) fn program_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    let mut found = std::env::split_paths(path).map(|folder| folder.join(name));
    // What is relative is somewhere else for a timer.
    found.find(|path| path.is_absolute() && is_program(path))
}

/// Whether this is a file that can be run.
pub(crate) fn is_program(path: &Path) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Runs a program in nothing but this environment, as this user where that is another one, with its
/// output where ours is, or with its errors alone; gives its exit code.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn run_alone(
    words: &[String],
    env: &[(String, String)],
    directory: &Path,
    other: Option<&Account>,
    loud: bool,
) -> anyhow::Result<Option<i32>> {
    let mut all = Vec::new();
    if let Some(other) = other {
        let setpriv = program("setpriv").context("setpriv of util-linux is not on PATH")?;
        all.push(setpriv.display().to_string());
        // With the groups of the account: one of them may be that of the engine's socket.
        let (user, group) = (
            format!("--reuid={}", other.uid),
            format!("--regid={}", other.gid),
        );
        all.extend([user, group, "--init-groups".to_owned(), "--".to_owned()]);
    }
    all.extend_from_slice(words);
    let (program, args) = all.split_first().context("an empty command line")?;
    let status = tokio::process::Command::new(program)
        .args(args)
        .env_clear()
        .envs(env.iter().map(|(key, value)| (key, value)))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(if loud {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("cannot start {program}"))?;
    Ok(status.code())
}

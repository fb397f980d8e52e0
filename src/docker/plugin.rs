//! Where the Compose plug-in is, as the docker CLI finds it, and how old it may be.

use std::path::{Path, PathBuf};

use super::endpoint;

/// The oldest Compose whose `config` and `up` do what refit needs.
pub(crate) const OLDEST: &str = "2.20";

/// The folders in which the docker CLI looks for plug-ins, after the user's own.
const PLUGIN_DIRS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The plug-in's binary; else the docker CLI, with the word that makes it Compose.
pub(crate) fn find() -> Option<(PathBuf, Option<&'static str>)> {
    let mut folders: Vec<PathBuf> = endpoint::docker_config()
        .map(|dir| dir.join("cli-plugins"))
        .into_iter()
        .collect();
    folders.extend(endpoint::cli_config().plugin_dirs);
    folders.extend(PLUGIN_DIRS.map(PathBuf::from));
    let plugins = folders
        .into_iter()
        .map(|folder| folder.join("docker-compose"));
    if let Some(program) = plugins.into_iter().find(|program| is_executable(program)) {
        return Some((program, None));
    }
    Some((on_path("docker")?, Some("compose")))
}

/// What tells one plug-in's binary from another: its path, size and time of change.
pub(crate) fn identity(program: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(program).ok()?;
    Some(format!(
        "{} {} {}",
        program.display(),
        metadata.len(),
        metadata.mtime_nsec()
    ))
}

/// `2.40.3`, `v2.26.1-4`: the numbers before anything else.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text
        .trim()
        .trim_start_matches('v')
        .split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| is_executable(program))
}

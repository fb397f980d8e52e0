//! cron: crontabs, and whether somebody reads them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::process;

/// The crontab of a user as it is, byte for byte; empty where there is none.
///
/// # Errors
/// `crontab` is not here, or does not let this user in.
pub(crate) async fn crontab(of: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let user = of.map(|name| vec!["-u", name]).unwrap_or_default();
    let ended = process::system("crontab", &[user, vec!["-l"]].concat()).await?;
    // What cannot be read must never look like one that is empty: it would be written over.
    let none = ["no crontab for", "No such file or directory"];
    if !ended.ok() && !none.iter().any(|text| ended.stderr.contains(text)) {
        bail!("crontab -l: {}", ended.stderr.trim());
    }
    Ok(ended.stdout)
}

/// Puts a crontab in place of the user's; an empty one removes it.
///
/// # Errors
/// cron does not take it.
pub(crate) async fn set_crontab(
    of: Option<&str>,
    text: &[u8],
    scratch: &Path,
) -> anyhow::Result<()> {
    let user = of.map(|name| vec!["-u", name]).unwrap_or_default();
    let file = CrontabFile::write(text, scratch)?;
    let name = file.0.display().to_string();
    let last = if text.is_empty() { "-r" } else { &name };
    let ended = process::system("crontab", &[user, vec![last]].concat()).await?;
    if !ended.ok() {
        bail!("crontab: {}", ended.stderr.trim());
    }
    Ok(())
}

/// What cron's own check has against a crontab, where it has one: `-T` in cronie, `-n` in Debian's. Both
/// install nothing. `None`: nothing, or it knows no check.
///
/// # Errors
/// The file to be checked cannot be written.
pub(crate) async fn check_crontab(text: &[u8], scratch: &Path) -> anyhow::Result<Option<String>> {
    // In cronie `-n` means something else: only what the program says of itself counts.
    let Ok(usage) = process::system("crontab", &["-?"]).await else {
        return Ok(None);
    };
    let usage = format!("{}{}", usage.stderr, String::from_utf8_lossy(&usage.stdout));
    let has = |word: &str| {
        usage
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    };
    let dry = usage.lines().find(|line| line.contains("dry run"));
    let option = match dry {
        _ if has("-T") => "-T",
        Some(line) if line.trim_start().starts_with("-n") => "-n",
        _ => return Ok(None),
    };
    let file = CrontabFile::write(text, scratch)?;
    let name = file.0.display().to_string();
    let ended = process::system("crontab", &[option, &name]).await?;
    // By its name the person would look for a file that is gone.
    let said = ended.stderr.replace(&format!("\"{name}\":"), "line ");
    Ok((!ended.ok()).then_some(said))
}

/// A file for `crontab`, gone when it is dropped.
struct CrontabFile(PathBuf);

impl CrontabFile {
    fn write(text: &[u8], scratch: &Path) -> anyhow::Result<Self> {
        let file = scratch.join(format!("{}-crontab", std::process::id()));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self(file))
    }
}

impl Drop for CrontabFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether a cron daemon runs on this machine.
pub(crate) fn cron_runs() -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    let known = ["cron", "crond", "fcron"];
    names.into_iter().any(|name| known.contains(&name.trim()))
}

//! Time and memory of commands.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The middle one; of an even number the upper of the two.
pub(crate) fn median(times: impl IntoIterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Medians of two measurements taken in turn, so that both see the same machine.
pub(crate) fn beside(
    rounds: usize,
    ours: impl Fn() -> Result<Duration>,
    theirs: impl Fn() -> Result<Duration>,
) -> Result<(Duration, Duration)> {
    // The first call of each fills the caches.
    ours()?;
    theirs()?;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        left.push(ours()?);
        right.push(theirs()?);
    }
    Ok((median(left), median(right)))
}

/// Runs a command that must succeed, and says how long it took.
pub(crate) fn timed(command: &mut Command) -> Result<Duration> {
    let began = Instant::now();
    output_of(command)?;
    Ok(began.elapsed())
}

/// Runs a command that must succeed; its standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The most memory that the process itself held at once, in KiB.
///
/// `wait4` would count the programs that it calls as well, so its own high-water mark is read until
/// it is gone: the mark never falls, and only what it gained in the last millisecond is missed.
pub(crate) fn peak_kib(command: &mut Command) -> Result<u64> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status_file).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{command:?} ended with {status}");
            }
            return Ok(peak);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

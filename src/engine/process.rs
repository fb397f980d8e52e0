//! Programs that are called: Compose, hooks. Each runs in a process group of its own, so that Ctrl-C
//! at the terminal reaches refit alone, which then decides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A command line as data.
#[derive(Debug, Clone)]
pub struct Call {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Changes to the environment: `None` removes.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// The folder to run in.
    pub directory: PathBuf,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended with 0.
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// Ends a program and all that it started, unless it has ended by itself.
pub(super) struct Group(Option<rustix::process::Pid>);

impl Group {
    /// The group that a program leads which was started as leader of one.
    pub(super) fn of(pid: Option<u32>) -> Self {
        let raw = pid.and_then(|pid| i32::try_from(pid).ok());
        Self(raw.and_then(rustix::process::Pid::from_raw))
    }

    /// Leaves it alone from now on.
    pub(super) fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// When a process of this host was started, in the kernel's ticks: with its number it is unique.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// Ends a program that a killed refit left behind, and all that it started; waits until it is gone.
pub fn end_orphan(pid: u32, started: Option<u64>) {
    let Some(group) = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    else {
        return;
    };
    let alive = || start_time(pid).is_some() && start_time(pid) == started;
    if !alive() {
        return;
    }
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let patience = std::time::Instant::now();
    while alive() && !is_zombie(pid) && patience.elapsed() < ORPHAN_PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A killed process is gone within milliseconds; more only hangs in the kernel.
const ORPHAN_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Runs a call to its end; `line` sees each line of standard error as it comes.
///
/// The child, and all that it started, is killed when the future is dropped.
///
/// # Errors
/// The program cannot be started, or its output cannot be read.
pub async fn run(
    call: &Call,
    spawned: impl FnOnce(u32),
    mut line: impl FnMut(&str),
) -> anyhow::Result<Ended> {
    tracing::debug!(program = %call.program.display(), args = ?call.args, "call");
    let mut command = Command::new(&call.program);
    command
        .args(&call.args)
        .current_dir(existing(&call.directory))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    for (key, value) in &call.env {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", call.program.display()))?;
    let mut group = Group::of(child.id());
    if let Some(pid) = child.id() {
        spawned(pid);
    }
    let (Some(mut out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        anyhow::bail!("no pipes to {}", call.program.display());
    };
    let mut stdout = Vec::new();
    let read_out = tokio::io::AsyncReadExt::read_to_end(&mut out, &mut stdout);
    let read_err = async {
        let mut text = String::new();
        let mut lines = BufReader::new(err).split(b'\n');
        while let Some(bytes) = lines.next_segment().await? {
            let one = String::from_utf8_lossy(&bytes);
            line(one.trim_end());
            text.push_str(one.trim_end());
            text.push('\n');
        }
        Ok::<_, std::io::Error>(text)
    };
    let (_, stderr) = tokio::try_join!(read_out, read_err)
        .with_context(|| format!("cannot read what {} prints", call.program.display()))?;
    let status = child.wait().await?;
    group.release();
    Ok(Ended {
        code: status.code(),
        stdout,
        stderr,
    })
}

/// A folder that does not exist would be reported as the program missing.
fn existing(directory: &Path) -> &Path {
    if directory.is_dir() {
        directory
    } else {
        Path::new("/")
    }
}

//! Programs that are called: Compose, hooks. Each runs in a process group of its own, so that Ctrl-C
//! at the terminal reaches refit alone, which then decides.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::fault::fault;

/// In the name of a mark, between the number of the refit that made it and when that was started.
const MARK: &str = "-mark-";

/// A command line as data.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Changes to the environment: `None` removes.
    pub env: Vec<(OsString, Option<OsString>)>,
    /// The folder to run in.
    pub directory: PathBuf,
    /// A file that the program gets as its standard input, so that it can be found should it
    /// outlive refit ([`end_orphans`]); without one it gets none.
    pub mark: Option<PathBuf>,
}

impl Call {
    /// Whether it has the mark of a run, not only that of this refit.
    fn is_of_a_run(&self) -> bool {
        let name = |mark: &PathBuf| mark.file_name().map(|name| name.to_owned());
        let name = self.mark.as_ref().and_then(name);
        name.is_some_and(|name| !is_mark(&name.to_string_lossy()))
    }
}

/// How a call ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended with 0.
    pub(crate) fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// Ends a program and all that it started, unless it has ended by itself.
pub(crate) struct Group(Option<rustix::process::Pid>);

impl Group {
    /// The group that a program leads which was started as leader of one.
    pub(crate) fn of(pid: Option<u32>) -> Self {
        let raw = pid.and_then(|pid| i32::try_from(pid).ok());
        Self(raw.and_then(rustix::process::Pid::from_raw))
    }

    /// Leaves it alone from now on.
    pub(crate) fn release(&mut self) {
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

/// When a process of this host was started, in the kernel's ticks: with its number it is unique. One that
/// has ended is not there, also where nobody has waited for it: the first process of a container often
/// does not.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Sends a signal to a process and all that it started, as far as they are its children still.
pub(crate) fn signal_tree(pid: u32, signal: rustix::process::Signal) {
    // Those below first: a shell that is gone no longer tells whom it started.
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        if let Ok(child) = child.parse() {
            signal_tree(child, signal);
        }
    }
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // One that has ended in between is what was wanted.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Whether a process of this number is there, and is a refit: the number alone may be another's by now.
pub(crate) fn is_refit(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.starts_with("refit"))
}

/// How the name of this refit's own mark begins.
pub(crate) fn name_of_mark() -> String {
    let pid = std::process::id();
    format!("{pid}{MARK}{}-", start_time(pid).unwrap_or_default())
}

/// Whether a file is a mark, of whichever refit.
pub(crate) fn is_mark(name: &str) -> bool {
    name.contains(MARK)
}

/// Whether the refit that made a mark has ended without taking it away.
fn is_left_behind(name: &str) -> bool {
    let Some((pid, rest)) = name.split_once(MARK) else {
        return false;
    };
    let started = rest.split('-').next().and_then(|text| text.parse().ok());
    match (pid.parse().ok(), started) {
        (Some(pid), Some(started)) => start_time(pid) != Some(started),
        _ => false,
    }
}

/// Ends what killed refits left at work, by the marks in their folder. What cannot be ended now is
/// tried again by the next command.
pub(crate) async fn end_left_behind(marks: &Path) {
    for entry in std::fs::read_dir(marks).into_iter().flatten().flatten() {
        if !entry.file_name().to_str().is_some_and(is_left_behind) {
            continue;
        }
        match end_orphans(&entry.path()).await {
            Ok(()) => {
                if let Err(error) = std::fs::remove_file(entry.path()) {
                    tracing::debug!(%error, "a mark stays");
                }
            }
            Err(error) => tracing::debug!(%error, "not ended"),
        }
    }
}

/// The variable that tells a program which mark it has, and those that it starts: Compose gives the
/// builder a pipe as its standard input, and the builder may outlive Compose.
pub(crate) const MARK_VARIABLE: &str = "REFIT_MARK";

/// Ends the programs that a killed refit left behind, and all that they started: those that have
/// this file open, which each of them got as its standard input, or are told of it in their
/// environment. Waits until they are gone.
///
/// # Errors
/// One of them cannot be ended, such as another user's.
pub(crate) async fn end_orphans(mark: &Path) -> anyhow::Result<()> {
    use rustix::process::{Signal, getpgid, kill_process_group};
    let Ok(mark) = mark.canonicalize() else {
        return Ok(());
    };
    let patience = std::time::Instant::now();
    loop {
        let left = holders(&mark);
        let Some(last) = left.last().copied() else {
            return Ok(());
        };
        let killed = left
            .into_iter()
            .try_for_each(|pid| kill_process_group(getpgid(Some(pid))?, Signal::KILL));
        // One that has ended in between is what was wanted.
        if let Err(error) = killed.or_else(|error| match error {
            rustix::io::Errno::SRCH => Ok(()),
            other => Err(other),
        }) {
            anyhow::bail!("cannot end process {last}, which a killed refit left: {error}");
        }
        if patience.elapsed() > ORPHAN_PATIENCE {
            anyhow::bail!("process {last}, which a killed refit left, does not end");
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A killed process is gone within milliseconds; more only hangs in the kernel.
const ORPHAN_PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Other processes that have a mark. One that has ended and was not waited for has none.
fn holders(file: &Path) -> Vec<rustix::process::Pid> {
    let told = [
        MARK_VARIABLE.as_bytes(),
        b"=",
        file.as_os_str().as_encoded_bytes(),
    ]
    .concat();
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    numbers
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| u32::try_from(*pid) != Ok(std::process::id()))
        .filter(|pid| {
            let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
            let mut open = open.into_iter().flatten().flatten();
            open.any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == *file))
                || std::fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|env| env.split(|byte| *byte == 0).any(|pair| pair == told))
        })
        .filter_map(rustix::process::Pid::from_raw)
        .collect()
}

/// Runs a call to its end; `line` sees each line of standard error as it comes, and each state of a
/// line that is written over with a carriage return (git's progress).
///
/// The child, and all that it started, is killed when the future is dropped.
///
/// # Errors
/// The program cannot be started, or its output cannot be read.
pub(crate) async fn run(call: &Call, mut line: impl FnMut(&str)) -> anyhow::Result<Ended> {
    tracing::debug!(program = %call.program.display(), args = ?call.args, "call");
    let stdin = match &call.mark {
        Some(mark) => std::fs::File::open(mark)
            .with_context(|| format!("cannot open {}", mark.display()))?
            .into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(&call.program);
    command
        .args(&call.args)
        .current_dir(existing(&call.directory))
        .stdin(stdin)
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
    if call.is_of_a_run() {
        fault!("call.spawned");
    }
    let (Some(mut out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        anyhow::bail!("no pipes to {}", call.program.display());
    };
    let mut stdout = Vec::new();
    let read_out = tokio::io::AsyncReadExt::read_to_end(&mut out, &mut stdout);
    let read_err = async {
        let mut text = String::new();
        let mut err = BufReader::new(err);
        let mut rest = Vec::new();
        let mut mark = b'\n';
        loop {
            let read = err.fill_buf().await?;
            let (length, ended) = (read.len(), read.is_empty());
            rest.extend_from_slice(read);
            err.consume(length);
            if ended && !rest.is_empty() {
                rest.push(b'\n');
            }
            while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let before = std::mem::replace(&mut mark, rest[end]);
                let one = String::from_utf8_lossy(&rest[..end]).into_owned();
                rest.drain(..=end);
                let one = one.trim_end();
                // The line end behind a carriage return ends the line that was told already.
                if !one.is_empty() || (before, mark) == (b'\n', b'\n') {
                    line(one);
                    text.push_str(one);
                    text.push('\n');
                }
            }
            if ended {
                break;
            }
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

/// Calls a tool of the system, and gives what it said.
///
/// # Errors
/// It cannot be started.
pub(super) async fn system(program: &str, args: &[&str]) -> anyhow::Result<Ended> {
    let call = Call {
        program: PathBuf::from(program),
        args: args.iter().map(OsString::from).collect(),
        env: vec![("LC_ALL".into(), Some("C".into()))],
        directory: PathBuf::from("/"),
        mark: None,
    };
    run(&call, |_| {}).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_and_is_not_waited_for_is_not_there() {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        assert!(start_time(child.id()).is_some());
        child.kill().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let leave = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), leave).unwrap();
        assert_eq!(start_time(child.id()), None);
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn every_state_of_a_line_is_told_as_it_comes() {
        let script = "printf '10%%\\r20%%\\r\\nnext\\r\\n\\nlast' >&2; printf out; exit 3";
        let call = Call {
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".into(), script.into()],
            env: Vec::new(),
            directory: PathBuf::from("/"),
            mark: None,
        };
        let mut lines = Vec::new();
        let ended = run(&call, |line| lines.push(line.to_owned()))
            .await
            .unwrap();
        assert_eq!(lines, ["10%", "20%", "next", "", "last"]);
        assert_eq!(ended.stderr, "10%\n20%\nnext\n\nlast\n");
        assert_eq!(
            (ended.code, ended.stdout.as_slice()),
            (Some(3), &b"out"[..])
        );
    }

    /// As Compose starts the builder: with another standard input, but with its own environment.
    #[tokio::test]
    async fn what_a_program_that_is_gone_has_started_is_ended_by_its_environment() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().canonicalize().unwrap().join("mark");
        std::fs::write(&mark, "").unwrap();
        let mut command = std::process::Command::new("/bin/sh");
        let script = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!";
        command
            .args(["-c", script])
            .stdin(std::fs::File::open(&mark).unwrap())
            .env(MARK_VARIABLE, &mark);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let said = command.output().unwrap().stdout;
        let pid: u32 = String::from_utf8(said).unwrap().trim().parse().unwrap();
        let sleeps = || std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!sleeps().is_empty());
        end_orphans(&mark).await.unwrap();
        assert!(sleeps().is_empty());
    }
}

//! A command line of the person's own: one stream of output, a time limit, and the whole process
//! group ended at the limit.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use super::process::Group;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScriptEnd {
    /// By itself; `None` when a signal ended it.
    Exited(Option<i32>),
    /// It was killed at its limit.
    TimedOut,
}

/// Runs `sh -c` in a folder; `output` sees the bytes of both streams, in the order in which they
/// were written.
///
/// It ends with the shell: what that left running in the background is left alone, unless the
/// limit is reached or the future dropped.
///
/// # Errors
/// It cannot be started, or its output not be read.
pub(crate) async fn run(
    command_line: &str,
    directory: &Path,
    env: &[(OsString, OsString)],
    limit: Duration,
    mut output: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<ScriptEnd> {
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    let mut command = Command::new("sh");
    command
        .args(["-c", command_line])
        .current_dir(directory)
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("cannot make a pipe")?)
        .stderr(writer)
        .kill_on_drop(true)
        .process_group(0);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start sh in {}", directory.display()))?;
    // Our copies of the writing ends go with it: the end of the output is the end of the writers.
    drop(command);
    let mut group = Group::of(child.id());
    let mut pipe = Receiver::from_owned_fd(reader.into()).context("cannot read a pipe")?;
    let followed = follow(&mut child, &mut pipe, &mut output);
    let end = match tokio::time::timeout(limit, followed).await {
        Ok(code) => {
            group.release();
            ScriptEnd::Exited(code?)
        }
        Err(_) => {
            drop(group);
            child.wait().await.context("cannot end a hook")?;
            ScriptEnd::TimedOut
        }
    };
    read_rest(&pipe, &mut output)?;
    Ok(end)
}

async fn follow(
    child: &mut Child,
    pipe: &mut Receiver,
    output: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<Option<i32>> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            read = pipe.read(&mut buffer) => match read.context("cannot read a hook's output")? {
                0 => break,
                count => output(buffer.get(..count).unwrap_or_default())?,
            },
            status = child.wait() => return Ok(status?.code()),
        }
    }
    Ok(child.wait().await?.code())
}

/// What lies in the pipe now; a background process that holds it open is not waited for.
fn read_rest(
    pipe: &Receiver,
    output: &mut impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = pipe.try_read(&mut buffer) {
        if count == 0 {
            break;
        }
        output(buffer.get(..count).unwrap_or_default())?;
    }
    Ok(())
}

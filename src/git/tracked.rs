//! The question that every edit asks: would an upgrade change this file as well?

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Both questions are answered from the index and the configuration, in milliseconds. Nobody hears a
/// signal meanwhile, so a file system that hangs may not keep refit for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a file belongs to a checkout that has an upstream: then an upgrade may change it, and an
/// edit of ours would stand in its way. Without git, or outside a checkout, or where git does not
/// answer: no.
pub(crate) fn is_tracked_upstream(file: &Path) -> bool {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return false;
    };
    let tracked = said(
        folder,
        &[
            "ls-files".as_ref(),
            "--error-unmatch".as_ref(),
            "--".as_ref(),
            name,
        ],
    );
    tracked.is_some()
        && said(folder, &["remote".as_ref()]).is_some_and(|remotes| !remotes.is_empty())
}

/// The beginning of what git prints, where it says yes in time.
fn said(folder: &Path, args: &[&OsStr]) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        // A program of the checkout's own may take as long as it wants.
        .args(["-c", "core.fsmonitor=false"])
        .args(args)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) | Err(_) => break None,
        }
    };
    let Some(status) = status else {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    };
    // It has ended, so all of it lies in the pipe.
    let mut bytes = Vec::new();
    let read = child.stdout.take()?.take(1 << 16).read_to_end(&mut bytes);
    (status.success() && read.is_ok()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracked_with_an_upstream_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let git = |words: &str| {
            let mut command = Command::new("git");
            command.arg("-C").arg(dir.path()).args(words.split(' '));
            assert!(command.output().unwrap().status.success(), "{words}");
        };
        std::fs::write(dir.path().join("a"), "").unwrap();
        std::fs::write(dir.path().join("b"), "").unwrap();
        git("init -q");
        git("add a");
        let is = |name: &str| is_tracked_upstream(&dir.path().join(name));
        assert!(!is("a"), "nobody to upgrade from");
        git("remote add origin https://example.invalid/x.git");
        assert!(is("a") && !is("b") && !is("none"));
    }
}

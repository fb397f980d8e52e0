//! One run at a time on a stack: an OS lock on the stack's folder itself, so that root and a user
//! exclude each other, and nothing is left to clean up (F34).

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::complaint::{Code, Complaint};
use crate::secret::{HIDDEN, is_secret};

/// The lock; given back when this is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _folder: File,
}

impl Lock {
    /// Takes the lock, waiting for it at most this long.
    ///
    /// # Errors
    /// `locked`, naming the holder; or the folder cannot be opened.
    pub async fn take(directory: &Path, wait: Duration) -> Result<Self, Complaint> {
        let folder = File::open(directory)
            .with_context(|| format!("cannot open {}", directory.display()))
            .map_err(Complaint::from)?;
        match folder.try_lock() {
            Ok(()) => return Ok(Self { _folder: folder }),
            Err(std::fs::TryLockError::WouldBlock) if wait.is_zero() => {
                return Err(held(directory));
            }
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(anyhow::Error::from(error)
                    .context("cannot lock the stack")
                    .into());
            }
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own: it may wait longer than we do, and must not hold up our end.
        std::thread::spawn(move || {
            let locked = folder.lock().map(|()| folder);
            let _ = tell.send(locked);
        });
        match tokio::time::timeout(wait, told).await {
            Ok(Ok(Ok(folder))) => Ok(Self { _folder: folder }),
            _ => Err(held(directory)),
        }
    }
}

fn held(directory: &Path) -> Complaint {
    let who = match holder(directory) {
        Some(Holder {
            pid,
            command,
            since,
        }) => {
            format!("{command} (pid {pid}, since {since}) is at work on this stack")
        }
        None => "another refit is at work on this stack".to_owned(),
    };
    Complaint::new(Code::Locked, who).hint("wait for it, or let refit wait: --wait-lock 5m")
}

/// The process that holds the lock.
struct Holder {
    pid: u32,
    command: String,
    since: String,
}

/// The kernel knows the holder, whoever's process it is.
fn holder(directory: &Path) -> Option<Holder> {
    let inode = std::fs::metadata(directory).ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        let mut fields = line
            .split_whitespace()
            .filter(|field| *field != "->")
            .skip(1);
        let (kind, _, _) = (fields.next()?, fields.next()?, fields.next()?);
        let pid: u32 = fields.next()?.parse().ok()?;
        let found: u64 = fields.next()?.rsplit(':').next()?.parse().ok()?;
        (kind == "FLOCK" && found == inode && pid != std::process::id()).then_some(pid)
    })?;
    let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let since = std::fs::metadata(format!("/proc/{pid}"))
        .ok()?
        .modified()
        .ok()?;
    let since = jiff::Timestamp::try_from(since).ok()?;
    let zoned = since.to_zoned_datetime(jiff::tz::TimeZone::system());
    Some(Holder {
        pid,
        command: command_of(&cmdline),
        since: zoned.strftime("%F %T").to_string(),
    })
}

/// A command line as it may be shown: without the values of secret settings.
fn command_of(cmdline: &[u8]) -> String {
    let words = cmdline
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    let shown: Vec<String> = words
        .enumerate()
        .map(|(index, word)| {
            let word = String::from_utf8_lossy(word).into_owned();
            match word.split_once('=') {
                _ if index == 0 => "refit".to_owned(),
                Some((key, value)) if is_secret(key, value) => format!("{key}={HIDDEN}"),
                _ => word,
            }
        })
        .collect();
    // Anybody may hold the lock, under any name.
    crate::text::line(&shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holders_secrets_are_not_shown() {
        assert_eq!(
            command_of(b"/usr/bin/refit\0set\0API_KEY=hunter22\0PORT=1\0"),
            "refit set API_KEY=••• PORT=1"
        );
    }

    #[tokio::test]
    async fn a_second_one_is_refused_and_the_lock_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path(), Duration::ZERO).await.unwrap();
        let refused = Lock::take(dir.path(), Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.code, Code::Locked);
        drop(lock);
        Lock::take(dir.path(), Duration::ZERO).await.unwrap();
    }
}

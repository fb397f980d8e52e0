//! A timer that is installed: where it is kept, found and taken out.

use std::fs;
use std::path::{Path, PathBuf};

use super::Via;
use super::stack::ScheduledStack;
use crate::complaint::{Code, Complaint};
use crate::host::accounts::Account;
use crate::host::{cron, systemd};
use crate::schedule::crontab;

/// A timer that is installed.
#[derive(Debug, Clone)]
pub(crate) struct InstalledTimer {
    /// Who keeps the time.
    pub via: Via,
    /// Where; for a crontab in words.
    pub file: PathBuf,
}

/// Where units lie; cron has none, and is not asked about.
fn unit_folder(via: Via, account: &Account) -> PathBuf {
    match via {
        Via::User => account.home.join(".config/systemd/user"),
        Via::Systemd | Via::Cron | Via::CronD => PathBuf::from("/etc/systemd/system"),
    }
}

pub(super) fn unit_files(via: Via, id: &str, account: &Account) -> [PathBuf; 2] {
    let folder = unit_folder(via, account);
    ["service", "timer"].map(|kind| folder.join(format!("refit-{id}.{kind}")))
}

pub(super) fn cron_file(id: &str) -> PathBuf {
    Path::new("/etc/cron.d").join(format!("refit-{id}"))
}

/// For `crontab -u`: only root may say whose, and only where it is another's.
pub(super) fn of(account: &Account) -> Option<&str> {
    let other = rustix::process::geteuid().as_raw() != account.uid;
    other.then_some(account.name.as_str())
}

/// Every timer of this stack.
pub(crate) async fn find(stack: &ScheduledStack) -> Vec<InstalledTimer> {
    let (id, account) = (&stack.id, &stack.account);
    let mut found = Vec::new();
    for via in [Via::Systemd, Via::User] {
        let [_, file] = unit_files(via, id, account);
        if file.exists() {
            found.push(InstalledTimer { via, file });
        }
    }
    if let Ok(bytes) = cron::crontab(of(account)).await
        && crontab::is_in(&String::from_utf8_lossy(&bytes), id)
    {
        let file = PathBuf::from(format!("crontab of {}", account.name));
        found.push(InstalledTimer {
            via: Via::Cron,
            file,
        });
    }
    let file = cron_file(id);
    if file.exists() {
        found.push(InstalledTimer {
            via: Via::CronD,
            file,
        });
    }
    found
}

/// The timers that are to be taken out: also where of the stack only its folder is left, or not even that.
///
/// # Errors
/// There is neither a timer nor a folder.
pub(crate) async fn to_remove(stack: &ScheduledStack) -> Result<Vec<InstalledTimer>, Complaint> {
    let found = find(stack).await;
    if found.is_empty() && !stack.directory.is_dir() {
        stack.usable()?;
    }
    Ok(found)
}

/// Takes a timer out.
///
/// # Errors
/// It cannot be removed, or systemd or cron does not let go of it.
pub(crate) async fn remove(one: &InstalledTimer, stack: &ScheduledStack) -> Result<(), Complaint> {
    let (id, account) = (&stack.id, &stack.account);
    match one.via {
        Via::Cron => {
            let now = cron::crontab(of(account)).await?;
            let text = crontab::without(&now, id);
            cron::set_crontab(of(account), &text, &stack.scratch).await?;
        }
        Via::CronD => delete(&one.file)?,
        Via::Systemd | Via::User => {
            let of_user = one.via == Via::User;
            let timer = format!("refit-{id}.timer");
            // Where systemd does not run, there is nothing to stop.
            let stopped = systemd::systemctl(of_user, &["disable", "--now", &timer]).await;
            // When it fired last: one that is made anew later has missed nothing. Older ones know no clean.
            let _ = systemd::systemctl(of_user, &["clean", "--what=state", &timer]).await;
            for file in unit_files(one.via, id, account) {
                delete(&file)?;
            }
            if systemd::systemd_runs() {
                stopped?;
                systemd::systemctl(of_user, &["daemon-reload"]).await?;
            }
        }
    }
    Ok(())
}

fn delete(file: &Path) -> Result<(), Complaint> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let text = format!("cannot remove {}: {error}", file.display());
            Err(Complaint::new(Code::SchedulerFailed, text).hint("try it with sudo"))
        }
        _ => Ok(()),
    }
}

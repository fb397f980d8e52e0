//! Where a timer is kept: put there, found there, taken out.

use std::fs;
use std::path::{Path, PathBuf};

use super::stack::Stack;
use super::{Account, Job, Via, cron, unit};
use crate::complaint::{Code, Complaint};
use crate::host::timekeeper::{self, Passwd};

/// A timer that is installed.
#[derive(Debug, Clone)]
pub struct Found {
    /// Who keeps the time.
    pub via: Via,
    /// Where; for a crontab in words.
    pub file: PathBuf,
}

/// Who is to keep the time.
///
/// # Errors
/// `no_scheduler`: nobody does, or not the one that is asked for.
pub async fn choose(
    asked: Option<Via>,
    only_print: bool,
    account: &Account,
) -> Result<Via, Complaint> {
    let is_root = rustix::process::geteuid().is_root();
    let systemd = timekeeper::systemd_runs();
    let crontab = timekeeper::program("crontab").is_some();
    let via = match asked {
        Some(via) => via,
        None if systemd && is_root => Via::Systemd,
        None if systemd && timekeeper::user_manager_runs().await => Via::User,
        None if crontab => Via::Cron,
        None if is_root && Path::new("/etc/cron.d").is_dir() => Via::CronD,
        None => {
            let text = "neither systemd nor cron is on this machine";
            return Err(Complaint::new(Code::NoScheduler, text)
                .hint("install cron, or call refit schedule run from what keeps time here"));
        }
    };
    if only_print {
        return Ok(via);
    }
    let refuse = |text: &str, hint: &str| Err(Complaint::new(Code::NoScheduler, text).hint(hint));
    match via {
        Via::Systemd | Via::User if !systemd => refuse(
            "systemd does not run on this machine",
            "--via cron uses cron; --print shows the files for another machine",
        ),
        Via::Systemd | Via::CronD if !is_root => refuse(
            "only root may make a timer of the system",
            "sudo refit schedule install; or --via user, --via cron",
        ),
        Via::User if of(account).is_some() => refuse(
            "the stack belongs to another user, who alone can make a timer of theirs",
            "log in as that user; or leave --user away for a timer of the system, that runs as them",
        ),
        Via::User if !timekeeper::user_manager_runs().await => refuse(
            "this user has no systemd of their own that answers",
            "log in as that user (not by su or sudo); or --via cron",
        ),
        Via::Cron if !crontab => refuse("there is no crontab program on PATH", "install cron"),
        Via::Systemd | Via::User | Via::Cron | Via::CronD => Ok(via),
    }
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

fn cron_file(id: &str) -> PathBuf {
    Path::new("/etc/cron.d").join(format!("refit-{id}"))
}

/// For `crontab -u`: only root may say whose, and only where it is another's.
pub(super) fn of(account: &Account) -> Option<&str> {
    let other = rustix::process::geteuid().as_raw() != account.uid;
    other.then_some(account.name.as_str())
}

/// cron cuts what is longer (`MAX_COMMAND` of Debian's).
const LONGEST_LINE: usize = 990;

/// The files of a timer; for a crontab the lines that come into it.
///
/// # Errors
/// The time is in the other program's words; systemd or cron would not take it.
pub async fn files(
    job: &Job,
    via: Via,
    scratch: &Path,
) -> Result<Vec<(PathBuf, String)>, Complaint> {
    let wrong = |text: String| {
        Complaint::new(Code::BadSchedule, text)
            .hint("refit schedule install --help shows the forms")
    };
    match via {
        Via::Systemd | Via::User => {
            let units = unit::render(job, via == Via::Systemd).map_err(wrong)?;
            let [service, timer] = unit_files(via, &job.id, &job.account);
            let files = vec![(service, units.service), (timer, units.timer)];
            verify(&files).await?;
            Ok(files)
        }
        Via::Cron | Via::CronD => {
            // cron's own check knows no lines with an account in them.
            let plain = cron::lines(job, false).map_err(wrong)?.join("\n") + "\n";
            if let Some(said) = timekeeper::check_crontab(plain.as_bytes(), scratch).await? {
                return Err(wrong("cron does not take the timer".to_owned()).details(&said));
            }
            let own_file = via == Via::CronD;
            let lines = cron::lines(job, own_file).map_err(wrong)?;
            if let Some(long) = lines.iter().find(|line| line.len() > LONGEST_LINE) {
                return Err(wrong(format!(
                    "cron takes no line of {} characters: the environment of this shell is too long",
                    long.len()
                )));
            }
            let path = match own_file {
                true => cron_file(&job.id),
                false => PathBuf::from(format!("crontab of {}", job.account.name)),
            };
            Ok(vec![(path, lines.join("\n") + "\n")])
        }
    }
}

/// Asks systemd itself, in a folder of its own.
async fn verify(files: &[(PathBuf, String)]) -> Result<(), Complaint> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let mut copies = Vec::new();
    for (path, text) in files {
        let copy = folder.path().join(path.file_name().unwrap_or_default());
        fs::write(&copy, text).map_err(anyhow::Error::from)?;
        copies.push(copy);
    }
    match timekeeper::verify(&copies).await {
        None => Ok(()),
        Some(said) => {
            let text = "systemd-analyze verify does not take the timer";
            Err(Complaint::new(Code::BadSchedule, text).details(&said))
        }
    }
}

/// Puts a timer where it belongs, and then takes it out of everywhere else. `false`: it was so already.
///
/// # Errors
/// It cannot be written, or systemd or cron does not take it.
pub async fn install(
    job: &Job,
    via: Via,
    files: &[(PathBuf, String)],
    stack: &Stack,
) -> Result<bool, Complaint> {
    let before = find(&job.id, &job.account).await;
    let mut changed = match via {
        Via::Cron => into_crontab(job, &files[0].1, &stack.scratch).await?,
        Via::CronD => timekeeper::write_config(&files[0].0, &files[0].1)?,
        Via::Systemd | Via::User => into_systemd(job, via, files, stack).await?,
    };
    for other in before.iter().filter(|one| one.via != via) {
        remove(other, &job.id, &job.account, &stack.scratch).await?;
        changed = true;
    }
    Ok(changed)
}

async fn into_crontab(job: &Job, lines: &str, scratch: &Path) -> Result<bool, Complaint> {
    let now = timekeeper::crontab(of(&job.account)).await?;
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let text = cron::with(&now, &job.id, &lines);
    // Where it stands among the lines of others does not matter.
    let sorted = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(Vec::from).collect();
        lines.sort();
        lines
    };
    if sorted(&now) == sorted(&text) {
        return Ok(false);
    }
    timekeeper::set_crontab(of(&job.account), &text, scratch).await?;
    Ok(true)
}

async fn into_systemd(
    job: &Job,
    via: Via,
    files: &[(PathBuf, String)],
    stack: &Stack,
) -> Result<bool, Complaint> {
    // Behind its wall it could not make them itself.
    for folder in stack.own_folders() {
        timekeeper::make_folder_for(&folder, &passwd(&job.account))?;
    }
    let mut changed = false;
    for (path, text) in files {
        changed |= timekeeper::write_config(path, text)?;
    }
    let timer = format!("refit-{}.timer", job.id);
    timekeeper::systemctl(via == Via::User, &["daemon-reload"]).await?;
    timekeeper::systemctl(via == Via::User, &["enable", &timer]).await?;
    let begin = if changed { "restart" } else { "start" };
    timekeeper::systemctl(via == Via::User, &[begin, &timer]).await?;
    Ok(changed)
}

/// The account for those who know nothing of schedules.
pub(super) fn passwd(account: &Account) -> Passwd {
    Passwd {
        name: account.name.clone(),
        uid: account.uid,
        gid: account.gid,
        home: account.home.clone(),
    }
}

/// Every timer of this stack.
pub async fn find(id: &str, account: &Account) -> Vec<Found> {
    let mut found = Vec::new();
    for via in [Via::Systemd, Via::User] {
        let [_, file] = unit_files(via, id, account);
        if file.exists() {
            found.push(Found { via, file });
        }
    }
    if let Ok(bytes) = timekeeper::crontab(of(account)).await
        && cron::is_in(&String::from_utf8_lossy(&bytes), id)
    {
        let file = PathBuf::from(format!("crontab of {}", account.name));
        found.push(Found {
            via: Via::Cron,
            file,
        });
    }
    let file = cron_file(id);
    if file.exists() {
        found.push(Found {
            via: Via::CronD,
            file,
        });
    }
    found
}

/// Takes a timer out.
///
/// # Errors
/// It cannot be removed, or systemd or cron does not let go of it.
pub async fn remove(
    one: &Found,
    id: &str,
    account: &Account,
    scratch: &Path,
) -> Result<(), Complaint> {
    match one.via {
        Via::Cron => {
            let now = timekeeper::crontab(of(account)).await?;
            let text = cron::without(&now, id);
            timekeeper::set_crontab(of(account), &text, scratch).await?;
        }
        Via::CronD => delete(&one.file)?,
        Via::Systemd | Via::User => {
            let of_user = one.via == Via::User;
            let timer = format!("refit-{id}.timer");
            // Where systemd does not run, there is nothing to stop.
            let stopped = timekeeper::systemctl(of_user, &["disable", "--now", &timer]).await;
            // When it fired last: one that is made anew later has missed nothing. Older ones know no clean.
            let _ = timekeeper::systemctl(of_user, &["clean", "--what=state", &timer]).await;
            for file in unit_files(one.via, id, account) {
                delete(&file)?;
            }
            if timekeeper::systemd_runs() {
                stopped?;
                timekeeper::systemctl(of_user, &["daemon-reload"]).await?;
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

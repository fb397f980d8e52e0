//! Makes a timer: chooses who keeps the time, renders its files, has them checked, and puts them there.

use std::fs;
use std::path::{Path, PathBuf};

use super::health::{self, TimerHealth};
use super::job::InstallRequest;
use super::stack::ScheduledStack;
use super::{Job, Via, timer, unit};
use crate::complaint::{Code, Complaint};
use crate::host::accounts::Account;
use crate::host::{accounts, cron, programs, systemd};
use crate::request::StackRequest;
use crate::schedule::crontab;

/// A timer as it is to be installed.
pub(crate) struct NewTimer {
    /// The stack that it is for.
    pub stack: ScheduledStack,
    /// What it is told.
    pub job: Job,
    /// Who keeps the time.
    pub via: Via,
    /// Its files; for a crontab the lines that come into it.
    pub files: Vec<(PathBuf, String)>,
}

/// What an installation came to.
pub(crate) struct Installation {
    /// It was not so already.
    pub changed: bool,
    /// What the timer now says of itself.
    pub health: TimerHealth,
}

impl NewTimer {
    /// All that can fail before anything is written.
    ///
    /// # Errors
    /// There is no such stack, nobody keeps the time as it is asked for, or systemd or cron would not take
    /// the timer.
    pub(crate) async fn make(
        request: &StackRequest,
        wanted: &InstallRequest,
    ) -> Result<Self, Complaint> {
        let stack = ScheduledStack::find(request).await?;
        stack.usable()?;
        let via = choose(wanted.via, wanted.only_print, &stack.account).await?;
        let job = stack.job(request, wanted, via).await?;
        let files = files(&job, via, &stack.scratch).await?;
        Ok(Self {
            stack,
            job,
            via,
            files,
        })
    }

    /// Puts it where it belongs, and looks whether this machine will run it.
    ///
    /// # Errors
    /// It cannot be written, or systemd or cron does not take it.
    pub(crate) async fn install(&self) -> Result<Installation, Complaint> {
        let changed = self.put().await?;
        let found = timer::find(&self.stack).await;
        let health = match found.iter().find(|one| one.via == self.via) {
            Some(one) => health::of(one, &self.stack).await,
            None => TimerHealth::default(),
        };
        Ok(Installation { changed, health })
    }

    /// Whether the stack has hooks, and they would be called behind the wall of a service of the system.
    pub(crate) fn walls_hooks_in(&self) -> bool {
        self.stack.has_hooks && self.via == Via::Systemd
    }

    /// Into its place, and then out of everywhere else. `false`: it was so already.
    async fn put(&self) -> Result<bool, Complaint> {
        let Self {
            stack,
            job,
            via,
            files,
        } = self;
        let before = timer::find(stack).await;
        let mut changed = match via {
            Via::Cron => into_crontab(job, &files[0].1, &stack.scratch).await?,
            Via::CronD => accounts::write_config(&files[0].0, &files[0].1)?,
            Via::Systemd | Via::User => into_systemd(job, *via, files, stack).await?,
        };
        for other in before.iter().filter(|one| one.via != *via) {
            timer::remove(other, stack).await?;
            changed = true;
        }
        Ok(changed)
    }
}

/// Who is to keep the time.
///
/// # Errors
/// `no_scheduler`: nobody does, or not the one that is asked for.
async fn choose(asked: Option<Via>, only_print: bool, account: &Account) -> Result<Via, Complaint> {
    let is_root = rustix::process::geteuid().is_root();
    let systemd = systemd::systemd_runs();
    let crontab = programs::program("crontab").is_some();
    let via = match asked {
        Some(via) => via,
        None if systemd && is_root => Via::Systemd,
        None if systemd && systemd::user_manager_runs().await => Via::User,
        None if crontab => Via::Cron,
        None if is_root && Path::new("/etc/cron.d").is_dir() => Via::CronD,
        None => {
            let text = "neither systemd nor cron is on this machine";
            return Err(Complaint::new(Code::NoScheduler, text)
                .hint("install cron, or call refit schedule run from another scheduler"));
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
        Via::User if timer::of(account).is_some() => refuse(
            "the stack belongs to another user, who alone can make a timer of theirs",
            "log in as that user; or leave --user away for a timer of the system, that runs as them",
        ),
        Via::User if !systemd::user_manager_runs().await => refuse(
            "this user has no systemd of their own that answers",
            "log in as that user (not by su or sudo); or --via cron",
        ),
        Via::Cron if !crontab => refuse("there is no crontab program on PATH", "install cron"),
        Via::Systemd | Via::User | Via::Cron | Via::CronD => Ok(via),
    }
}

/// cron cuts what is longer (`MAX_COMMAND` of Debian's).
const LONGEST_LINE: usize = 990;

/// The files of a timer; for a crontab the lines that come into it.
///
/// # Errors
/// The time is in the other program's words; systemd or cron would not take it.
async fn files(job: &Job, via: Via, scratch: &Path) -> Result<Vec<(PathBuf, String)>, Complaint> {
    let wrong = |text: String| {
        Complaint::new(Code::BadSchedule, text)
            .hint("refit schedule install --help shows the forms")
    };
    match via {
        Via::Systemd | Via::User => {
            let units = unit::render(job, via == Via::Systemd).map_err(wrong)?;
            let [service, timer] = timer::unit_files(via, &job.id, &job.account);
            let files = vec![(service, units.service), (timer, units.timer)];
            verify(&files).await?;
            Ok(files)
        }
        Via::Cron | Via::CronD => {
            // cron's own check knows no lines with an account in them.
            let plain = crontab::lines(job, false).map_err(wrong)?.join("\n") + "\n";
            if let Some(said) = cron::check_crontab(plain.as_bytes(), scratch).await? {
                return Err(wrong("cron does not take the timer".to_owned()).details(&said));
            }
            let own_file = via == Via::CronD;
            let lines = crontab::lines(job, own_file).map_err(wrong)?;
            if let Some(long) = lines.iter().find(|line| line.len() > LONGEST_LINE) {
                return Err(wrong(format!(
                    "cron takes no line of {} characters: the environment of this shell is too long",
                    long.len()
                )));
            }
            let path = match own_file {
                true => timer::cron_file(&job.id),
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
    match systemd::verify(&copies).await {
        None => Ok(()),
        Some(said) => {
            let text = "systemd-analyze verify does not take the timer";
            Err(Complaint::new(Code::BadSchedule, text).details(&said))
        }
    }
}

async fn into_crontab(job: &Job, lines: &str, scratch: &Path) -> Result<bool, Complaint> {
    let now = cron::crontab(timer::of(&job.account)).await?;
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let text = crontab::with(&now, &job.id, &lines);
    // Where it stands among the lines of others does not matter.
    let sorted = |text: &[u8]| {
        let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(Vec::from).collect();
        lines.sort();
        lines
    };
    if sorted(&now) == sorted(&text) {
        return Ok(false);
    }
    cron::set_crontab(timer::of(&job.account), &text, scratch).await?;
    Ok(true)
}

async fn into_systemd(
    job: &Job,
    via: Via,
    files: &[(PathBuf, String)],
    stack: &ScheduledStack,
) -> Result<bool, Complaint> {
    // Behind its wall it could not make them itself.
    for folder in stack.own_folders() {
        accounts::make_folder_for(&folder, &job.account)?;
    }
    let mut changed = false;
    for (path, text) in files {
        changed |= accounts::write_config(path, text)?;
    }
    let timer = format!("refit-{}.timer", job.id);
    systemd::systemctl(via == Via::User, &["daemon-reload"]).await?;
    systemd::systemctl(via == Via::User, &["enable", &timer]).await?;
    let begin = if changed { "restart" } else { "start" };
    systemd::systemctl(via == Via::User, &[begin, &timer]).await?;
    Ok(changed)
}

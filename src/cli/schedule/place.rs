//! Where a timer is kept: put there, found there, taken out.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::ZonedDateTime;

use crate::complaint::Complaint;
use crate::engine::timekeeper::{self, Passwd};
use crate::schedule::calendar::When;
use crate::schedule::{Account, Job, Via, cron, unit};

/// A timer that is installed.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) via: Via,
    pub(super) file: PathBuf,
}

/// What a timer says of itself.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) next: Option<String>,
    pub(super) last: Option<String>,
    /// Why this machine would not run it.
    pub(super) problems: Vec<String>,
}

/// Who is to keep the time.
///
/// # Errors
/// `no_scheduler`: nobody does, or not the one that is asked for.
pub(super) async fn choose(asked: Option<Via>, only_print: bool) -> Result<Via, Complaint> {
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
            return Err(Complaint::new("no_scheduler", text)
                .hint("install cron, or call refit schedule run from what keeps time here"));
        }
    };
    if only_print {
        return Ok(via);
    }
    let refuse = |text: &str, hint: &str| Err(Complaint::new("no_scheduler", text).hint(hint));
    match via {
        Via::Systemd | Via::User if !systemd => refuse(
            "systemd does not run on this machine",
            "--via cron uses cron; --print shows the files for another machine",
        ),
        Via::Systemd | Via::CronD if !is_root => refuse(
            "only root may make a timer of the system",
            "sudo refit schedule install; or --via user, --via cron",
        ),
        Via::User if !timekeeper::user_manager_runs().await => refuse(
            "this user has no systemd of their own that answers",
            "log in as that user (not by su or sudo); or --via cron",
        ),
        Via::Cron if !crontab => refuse("there is no crontab program on PATH", "install cron"),
        _ => Ok(via),
    }
}

fn unit_folder(via: Via, account: &Account) -> PathBuf {
    match via {
        Via::User => account.home.join(".config/systemd/user"),
        _ => PathBuf::from("/etc/systemd/system"),
    }
}

fn unit_files(via: Via, id: &str, account: &Account) -> [PathBuf; 2] {
    let folder = unit_folder(via, account);
    ["service", "timer"].map(|kind| folder.join(format!("refit-{id}.{kind}")))
}

fn cron_file(id: &str) -> PathBuf {
    Path::new("/etc/cron.d").join(format!("refit-{id}"))
}

/// For `crontab -u`: only root may say whose, and only where it is another's.
fn of(account: &Account) -> Option<&str> {
    let other = rustix::process::geteuid().as_raw() != account.uid;
    other.then_some(account.name.as_str())
}

/// cron cuts what is longer (`MAX_COMMAND` of Debian's).
const LONGEST_LINE: usize = 990;

/// The files of a timer; for a crontab the lines that come into it.
///
/// # Errors
/// The time is in the other program's words; systemd or cron would not take it.
pub(super) async fn files(job: &Job, via: Via) -> Result<Vec<(PathBuf, String)>, Complaint> {
    let wrong = |text: String| {
        Complaint::new("bad_schedule", text).hint("refit schedule install --help shows the forms")
    };
    match via {
        Via::Systemd | Via::User => {
            let units = unit::render(job, via == Via::Systemd).map_err(wrong)?;
            let [service, timer] = unit_files(via, &job.id, &job.account);
            let files = vec![(service, units.service), (timer, units.timer)];
            verify(&files, via).await?;
            Ok(files)
        }
        Via::Cron | Via::CronD => {
            let lines = cron::lines(job, via == Via::CronD).map_err(wrong)?;
            if let Some(long) = lines.iter().find(|line| line.len() > LONGEST_LINE) {
                return Err(wrong(format!(
                    "cron takes no line of {} characters: the environment of this shell is too long",
                    long.len()
                )));
            }
            let path = match via {
                Via::Cron => PathBuf::from(format!("crontab of {}", job.account.name)),
                _ => cron_file(&job.id),
            };
            Ok(vec![(path, lines.join("\n") + "\n")])
        }
    }
}

/// Asks systemd itself, in a folder of its own.
async fn verify(files: &[(PathBuf, String)], via: Via) -> Result<(), Complaint> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let mut copies = Vec::new();
    for (path, text) in files {
        let copy = folder.path().join(path.file_name().unwrap_or_default());
        fs::write(&copy, text).map_err(anyhow::Error::from)?;
        copies.push(copy);
    }
    match timekeeper::verify(&copies, via == Via::User).await {
        None => Ok(()),
        Some(said) => {
            let text = "systemd-analyze verify does not take the timer";
            Err(Complaint::new("bad_schedule", text).details(&said))
        }
    }
}

/// Puts a timer where it belongs, and takes it out of everywhere else. `false`: it was so already.
pub(super) async fn install(
    job: &Job,
    via: Via,
    files: &[(PathBuf, String)],
    scratch: &Path,
) -> Result<bool, Complaint> {
    let mut changed = false;
    for one in find(&job.id, &job.account).await {
        if one.via != via {
            remove(&one, &job.id, &job.account, scratch).await?;
            changed = true;
        }
    }
    if via == Via::Cron {
        let now = timekeeper::crontab(of(&job.account)).await?;
        let lines: Vec<String> = files[0].1.lines().map(str::to_owned).collect();
        if now.contains(&files[0].1) {
            return Ok(changed);
        }
        let text = cron::with(&now, &job.id, &lines);
        timekeeper::set_crontab(of(&job.account), &text, scratch).await?;
        return Ok(true);
    }
    for (path, text) in files {
        changed |= timekeeper::write_config(path, text)?;
    }
    if matches!(via, Via::Systemd | Via::User) {
        let timer = format!("refit-{}.timer", job.id);
        timekeeper::systemctl(via == Via::User, &["daemon-reload"]).await?;
        timekeeper::systemctl(via == Via::User, &["enable", &timer]).await?;
        let begin = if changed { "restart" } else { "start" };
        timekeeper::systemctl(via == Via::User, &[begin, &timer]).await?;
    }
    Ok(changed)
}

/// Every timer of this stack.
pub(super) async fn find(id: &str, account: &Account) -> Vec<Found> {
    let mut found = Vec::new();
    for via in [Via::Systemd, Via::User] {
        let [_, file] = unit_files(via, id, account);
        if file.exists() {
            found.push(Found { via, file });
        }
    }
    if let Ok(text) = timekeeper::crontab(of(account)).await
        && cron::fields(&text, id).is_some()
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
pub(super) async fn remove(
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
            Err(Complaint::new("scheduler_failed", text).hint("try it with sudo"))
        }
        _ => Ok(()),
    }
}

/// Whether this machine will run it, and when.
pub(super) async fn health(one: &Found, id: &str, account: &Account) -> Health {
    match one.via {
        Via::Systemd | Via::User => of_systemd(one.via, id, account).await,
        Via::Cron | Via::CronD => of_cron(one, id, account).await,
    }
}

async fn of_systemd(via: Via, id: &str, account: &Account) -> Health {
    let mut health = Health::default();
    if !timekeeper::systemd_runs() {
        health
            .problems
            .push("systemd does not run on this machine".to_owned());
        return health;
    }
    let timer = format!("refit-{id}.timer");
    let wanted = "--property=ActiveState,UnitFileState,NextElapseUSecRealtime,LastTriggerUSec";
    match timekeeper::systemctl(via == Via::User, &["show", wanted, &timer]).await {
        Err(error) => health.problems.push(error.to_string()),
        Ok(text) => {
            let of = |key: &str| {
                let mut pairs = text.lines().filter_map(|line| line.split_once('='));
                let found = pairs.find(|(name, _)| *name == key);
                found
                    .map(|(_, value)| value.to_owned())
                    .filter(|value| !value.is_empty())
            };
            health.next = of("NextElapseUSecRealtime");
            health.last = of("LastTriggerUSec");
            if of("ActiveState").as_deref() != Some("active") {
                health
                    .problems
                    .push(format!("the timer is not active: systemctl start {timer}"));
            }
            if of("UnitFileState").as_deref() != Some("enabled") {
                health.problems.push(format!(
                    "the timer does not begin with the machine: systemctl enable {timer}"
                ));
            }
        }
    }
    if via == Via::User && !timekeeper::lingers(&account.name) {
        health.problems.push(format!(
            "nothing runs while {0} is not logged in: loginctl enable-linger {0}",
            account.name
        ));
    }
    health
}

async fn of_cron(one: &Found, id: &str, account: &Account) -> Health {
    let mut health = Health::default();
    let text = match one.via {
        Via::Cron => timekeeper::crontab(of(account)).await.unwrap_or_default(),
        _ => fs::read_to_string(&one.file).unwrap_or_default(),
    };
    let when = cron::fields(&text, id).map(|fields| When::of_fields(&fields));
    health.next = when.and_then(|when| {
        let next = when.next(&super::now());
        let shown = |at: ZonedDateTime| at.strftime("%F %H:%M").to_string();
        next.map(shown).or(match when {
            When::Fields(fields) => Some(format!("as cron reads {fields}")),
            _ => None,
        })
    });
    if !timekeeper::cron_runs() {
        health
            .problems
            .push("no cron daemon runs on this machine: systemctl start cron".to_owned());
    }
    health
}

/// The command of a timer, as the program that keeps time would run it.
pub(super) struct TimerCommand {
    /// For `/bin/sh -c`.
    line: String,
    env: Vec<(String, String)>,
}

/// Reads it back from where it is kept.
pub(super) async fn command(
    one: &Found,
    id: &str,
    account: &Account,
) -> Result<TimerCommand, Complaint> {
    let read = |path: &Path| fs::read_to_string(path).map_err(anyhow::Error::from);
    let line = match one.via {
        Via::Cron => cron::command(&timekeeper::crontab(of(account)).await?, id, false),
        Via::CronD => cron::command(&read(&one.file)?, id, true),
        Via::Systemd | Via::User => {
            let [service, _] = unit_files(one.via, id, account);
            unit::command(&read(&service)?)
        }
    };
    let line = line.ok_or_else(|| {
        let text = format!("{} is not as refit made it", one.file.display());
        Complaint::new("not_scheduled", text).hint("refit schedule install makes it anew")
    })?;
    // What cron and systemd give every command.
    let env = [
        ("HOME", account.home.display().to_string()),
        ("LOGNAME", account.name.clone()),
        ("USER", account.name.clone()),
        ("SHELL", "/bin/sh".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ];
    let env = env.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Ok(TimerCommand { line, env })
}

impl TimerCommand {
    pub(super) fn shown(&self) -> &str {
        &self.line
    }

    /// Runs it with `--test` behind it; gives the exit code.
    pub(super) async fn run_as_check(&self, account: &Account) -> anyhow::Result<Option<i32>> {
        // Loud, this time: a person watches.
        let line = format!("{} --test", self.line);
        let words = ["/bin/sh".to_owned(), "-c".to_owned(), line];
        let other = of(account).map(|_| Passwd {
            name: account.name.clone(),
            uid: account.uid,
            gid: account.gid,
            home: account.home.clone(),
        });
        timekeeper::run_alone(&words, &self.env, &account.home, other.as_ref()).await
    }
}

//! The programs that keep time: systemd and cron, with the files and accounts that go with them. Knows
//! nothing of what is run.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};

use super::process::{self, Call, Ended};

/// A line of `passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passwd {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The home folder.
    pub home: PathBuf,
}

/// The account of this number, also where it comes from a directory service.
///
/// # Errors
/// There is none.
pub(crate) async fn account(uid: u32) -> anyhow::Result<Passwd> {
    let asked = call("getent", &["passwd", &uid.to_string()]).await;
    let line = match asked {
        Ok(ended) if ended.ok() => String::from_utf8_lossy(&ended.stdout).into_owned(),
        _ => fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?,
    };
    let found = line.lines().filter_map(passwd).find(|one| one.uid == uid);
    found.with_context(|| format!("no account has the number {uid}"))
}

/// Whether there is an account of this name.
pub(crate) async fn has_account(name: &str) -> bool {
    let asked = call("getent", &["passwd", name]).await;
    match asked {
        Ok(ended) => ended.ok(),
        // Nobody to ask: no reason to doubt it.
        Err(_) => true,
    }
}

fn passwd(line: &str) -> Option<Passwd> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields[..] else {
        return None;
    };
    Some(Passwd {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: PathBuf::from(home),
    })
}

/// The first program of this name in `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    program_in(&std::env::var_os("PATH")?, name)
}

/// The first program of this name in folders that are listed as in `PATH`.
pub(crate) fn program_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    let mut found = std::env::split_paths(path).map(|folder| folder.join(name));
    // What is relative is somewhere else for a timer.
    found.find(|path| path.is_absolute() && is_program(path))
}

/// Whether this is a file that can be run.
pub(crate) fn is_program(path: &Path) -> bool {
    let found = fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Whether systemd runs this machine (`sd_booted(3)`).
pub(crate) fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether this user has a systemd of their own that answers.
pub(crate) async fn user_manager_runs() -> bool {
    let asked = call("systemctl", &["--user", "show-environment"]).await;
    asked.is_ok_and(|ended| ended.ok())
}

/// `systemctl`, of the system or of this user; what it says where it fails.
///
/// # Errors
/// It failed.
pub(crate) async fn systemctl(of_user: bool, args: &[&str]) -> anyhow::Result<String> {
    let scope = if of_user { &["--user"][..] } else { &[] };
    let all = [scope, args].concat();
    let ended = call("systemctl", &all).await?;
    if !ended.ok() {
        bail!("systemctl {}: {}", all.join(" "), ended.stderr.trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// What `systemd-analyze verify` has against these units, as units of the system: for those of a user it
/// wants a session. `None`: nothing, or it is not here.
pub(crate) async fn verify(units: &[PathBuf]) -> Option<String> {
    let mut args = vec!["--man=no"];
    args.push("verify");
    let names: Vec<String> = units
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    args.extend(names.iter().map(String::as_str));
    let ended = call("systemd-analyze", &args).await.ok()?;
    (!ended.ok()).then_some(ended.stderr)
}

/// What `systemd-analyze calendar` has against an expression; `None`: nothing, or it is not here.
pub(crate) async fn calendar(expression: &str) -> Option<String> {
    let ended = call("systemd-analyze", &["calendar", expression])
        .await
        .ok()?;
    (!ended.ok()).then_some(ended.stderr)
}

/// The crontab of a user as it is, byte for byte; empty where there is none.
///
/// # Errors
/// `crontab` is not here, or does not let this user in.
pub(crate) async fn crontab(of: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let user = of.map(|name| vec!["-u", name]).unwrap_or_default();
    let ended = call("crontab", &[user, vec!["-l"]].concat()).await?;
    // What cannot be read must never look like one that is empty: it would be written over.
    let none = ["no crontab for", "No such file or directory"];
    if !ended.ok() && !none.iter().any(|text| ended.stderr.contains(text)) {
        bail!("crontab -l: {}", ended.stderr.trim());
    }
    Ok(ended.stdout)
}

/// Puts a crontab in place of the user's; an empty one removes it.
///
/// # Errors
/// cron does not take it.
pub(crate) async fn set_crontab(
    of: Option<&str>,
    text: &[u8],
    scratch: &Path,
) -> anyhow::Result<()> {
    let user = of.map(|name| vec!["-u", name]).unwrap_or_default();
    let file = CrontabFile::write(text, scratch)?;
    let name = file.0.display().to_string();
    let last = if text.is_empty() { "-r" } else { &name };
    let ended = call("crontab", &[user, vec![last]].concat()).await?;
    if !ended.ok() {
        bail!("crontab: {}", ended.stderr.trim());
    }
    Ok(())
}

/// What cron's own check has against a crontab, where it has one: `-T` in cronie, `-n` in Debian's. Both
/// install nothing. `None`: nothing, or it knows no check.
///
/// # Errors
/// The file to be checked cannot be written.
pub(crate) async fn check_crontab(text: &[u8], scratch: &Path) -> anyhow::Result<Option<String>> {
    // In cronie `-n` means something else: only what the program says of itself counts.
    let Ok(usage) = call("crontab", &["-?"]).await else {
        return Ok(None);
    };
    let usage = format!("{}{}", usage.stderr, String::from_utf8_lossy(&usage.stdout));
    let has = |word: &str| {
        usage
            .lines()
            .any(|line| line.trim_start().starts_with(word))
    };
    let dry = usage.lines().find(|line| line.contains("dry run"));
    let option = match dry {
        _ if has("-T") => "-T",
        Some(line) if line.trim_start().starts_with("-n") => "-n",
        _ => return Ok(None),
    };
    let file = CrontabFile::write(text, scratch)?;
    let name = file.0.display().to_string();
    let ended = call("crontab", &[option, &name]).await?;
    // By its name the person would look for a file that is gone.
    let said = ended.stderr.replace(&format!("\"{name}\":"), "line ");
    Ok((!ended.ok()).then_some(said))
}

/// A file for `crontab`, gone when it is dropped.
struct CrontabFile(PathBuf);

impl CrontabFile {
    fn write(text: &[u8], scratch: &Path) -> anyhow::Result<Self> {
        let file = scratch.join(format!("{}-crontab", std::process::id()));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self(file))
    }
}

impl Drop for CrontabFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether a cron daemon runs on this machine.
pub(crate) fn cron_runs() -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    let known = ["cron", "crond", "fcron"];
    names.into_iter().any(|name| known.contains(&name.trim()))
}

/// Whether systemd keeps this user's timers going when nobody is logged in.
pub(crate) fn lingers(user: &str) -> bool {
    Path::new("/var/lib/systemd/linger").join(user).exists()
}

/// Writes a file that others may read; `false`: it was the same already.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_config(path: &Path, text: &str) -> anyhow::Result<bool> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    // cron takes a file in /etc/cron.d as soon as it is there: it has to be whole then.
    let partial = path.with_file_name(format!(".refit-{}.partial", std::process::id()));
    let write = || {
        fs::write(&partial, text)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o644))?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Makes a folder that is not there, and those above it, for an account alone.
///
/// # Errors
/// It cannot be made, or not be given to the account.
pub(crate) fn make_folder_for(path: &Path, owner: &Passwd) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folder_for(above, owner)?;
    }
    let make = || {
        fs::DirBuilder::new().mode(0o700).create(path)?;
        std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid))
    };
    make().with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Runs a program in nothing but this environment, as this user where that is another one, with its
/// output where ours is, or with its errors alone; gives its exit code.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn run_alone(
    words: &[String],
    env: &[(String, String)],
    directory: &Path,
    other: Option<&Passwd>,
    loud: bool,
) -> anyhow::Result<Option<i32>> {
    let mut all = Vec::new();
    if let Some(other) = other {
        let setpriv = program("setpriv").context("setpriv of util-linux is not on PATH")?;
        all.push(setpriv.display().to_string());
        // With the groups of the account: one of them may be that of the engine's socket.
        let (user, group) = (
            format!("--reuid={}", other.uid),
            format!("--regid={}", other.gid),
        );
        all.extend([user, group, "--init-groups".to_owned(), "--".to_owned()]);
    }
    all.extend_from_slice(words);
    let (program, args) = all.split_first().context("an empty command line")?;
    let status = tokio::process::Command::new(program)
        .args(args)
        .env_clear()
        .envs(env.iter().map(|(key, value)| (key, value)))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(if loud {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("cannot start {program}"))?;
    Ok(status.code())
}

async fn call(program: &str, args: &[&str]) -> anyhow::Result<Ended> {
    let call = Call {
        program: PathBuf::from(program),
        args: args.iter().map(OsString::from).collect(),
        env: vec![("LC_ALL".into(), Some("C".into()))],
        directory: PathBuf::from("/"),
        mark: None,
    };
    process::run(&call, |_| {}).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn folders_are_made_for_their_owner_and_those_that_are_there_stay() {
        let top = tempfile::tempdir().unwrap();
        let found = fs::metadata(top.path()).unwrap();
        let owner = Passwd {
            name: "me".to_owned(),
            uid: found.uid(),
            gid: found.gid(),
            home: top.path().to_owned(),
        };
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let folder = top.path().join("a/b");
        for _ in 0..2 {
            make_folder_for(&folder, &owner).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(top.path()), 0o755);
        assert_eq!(fs::metadata(&folder).unwrap().uid(), owner.uid);
    }
}

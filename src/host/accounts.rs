//! Accounts of this machine, and what is made for them.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::process;

/// An account, as a line of `passwd` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
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
pub(crate) async fn account(uid: u32) -> anyhow::Result<Account> {
    let asked = process::system("getent", &["passwd", &uid.to_string()]).await;
    let line = match asked {
        Ok(ended) if ended.ok() => String::from_utf8_lossy(&ended.stdout).into_owned(),
        _ => fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?,
    };
    let found = line.lines().filter_map(passwd).find(|one| one.uid == uid);
    found.with_context(|| format!("no account has the number {uid}"))
}

/// Whether there is an account of this name.
pub(crate) async fn has_account(name: &str) -> bool {
    let asked = process::system("getent", &["passwd", name]).await;
    match asked {
        Ok(ended) => ended.ok(),
        // Nobody to ask: no reason to doubt it.
        Err(_) => true,
    }
}

fn passwd(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, _, home, ..] = fields[..] else {
        return None;
    };
    Some(Account {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: PathBuf::from(home),
    })
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
pub(crate) fn make_folder_for(path: &Path, owner: &Account) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn folders_are_made_for_their_owner_and_those_that_are_there_stay() {
        let top = tempfile::tempdir().unwrap();
        let found = fs::metadata(top.path()).unwrap();
        let owner = Account {
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

//! Files of the stack: read whole, replaced atomically. A replacement keeps symlink, mode, owner and
//! extended attributes, and leaves no temporary file behind.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::host::extended_attributes;

/// Temporary files start like this, so that recovery can tell them from the user's.
pub(crate) const TEMPORARY_PREFIX: &str = ".refit-tmp-";

/// More than this is no file that a person writes: it is not read into memory.
const TOO_LARGE: u64 = 256 << 20;

/// What lies at a path in place of a file whose text can be read to its end, such as a pipe; `None`
/// where there is a file, a folder, or nothing. It is not opened: that would wait for a writer.
pub(crate) fn special(path: &Path) -> Option<&'static str> {
    let metadata = fs::metadata(path).ok()?;
    special_kind(metadata.file_type())
}

fn special_kind(kind: fs::FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_fifo() => Some("a named pipe"),
        kind if kind.is_socket() => Some("a socket"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        _ => None,
    }
}

/// A file's bytes; `None` when there is no such file. Never waits for somebody to write them.
///
/// # Errors
/// It exists and cannot be read, is not a regular file, or is larger than any that a person writes.
pub(crate) fn read_if_exists(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let told = || format!("cannot read {}", path.display());
    match read_regular(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // ENOTDIR: a file lies where the path has a folder.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).with_context(told),
    }
}

/// A file's text, where it is one that can be read.
pub(crate) fn text_if_readable(path: &Path) -> Option<String> {
    String::from_utf8(read_regular(path).ok()?).ok()
}

fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    // Even to open a device can do something.
    refuse_special(fs::metadata(path)?.file_type())?;
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    // What was opened may be another one by now.
    refuse_special(file.metadata()?.file_type())?;
    let mut bytes = Vec::new();
    file.take(TOO_LARGE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > TOO_LARGE) {
        let text = format!("it is larger than {} MiB", TOO_LARGE >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

fn refuse_special(kind: fs::FileType) -> io::Result<()> {
    special_kind(kind).map_or(Ok(()), |what| {
        let text = format!("it is {what}, not a regular file");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    })
}

/// What a file has besides its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes.
    pub extended: Vec<(OsString, Vec<u8>)>,
}

impl Attributes {
    /// Those of a new file.
    pub(crate) const NEW: Self = Self {
        mode: 0o644,
        uid: u32::MAX,
        gid: u32::MAX,
        extended: Vec::new(),
    };

    /// Reads those of a file; symlinks are followed.
    ///
    /// # Errors
    /// There is no such file, or an attribute cannot be read.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(fs::canonicalize(path)?)?;
        Self::of_open(&file, &file.metadata()?)
    }

    /// Reads those of an open file.
    ///
    /// # Errors
    /// An attribute cannot be read.
    pub(crate) fn of_open(file: &File, metadata: &fs::Metadata) -> io::Result<Self> {
        let mut extended = Vec::new();
        // A file system without extended attributes has none to keep.
        for name in extended_attributes::names_of(file).into_iter().flatten() {
            if let Some(value) = extended_attributes::of_open(file, &name)? {
                extended.push((name, value));
            }
        }
        Ok(Self {
            mode: metadata.permissions().mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            extended,
        })
    }

    pub(crate) fn put_on(&self, file: &File) -> anyhow::Result<()> {
        let now = file.metadata()?;
        let is_new = self.uid == u32::MAX;
        if !is_new && (now.uid(), now.gid()) != (self.uid, self.gid) {
            std::os::unix::fs::fchown(file, Some(self.uid), Some(self.gid)).with_context(|| {
                format!(
                    "its owner (uid {}) cannot be kept; run refit as that user or root",
                    self.uid
                )
            })?;
        }
        file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        for (name, value) in &self.extended {
            extended_attributes::set_on_open(file, name, value)
                .with_context(|| format!("cannot keep its attribute {}", name.display()))?;
        }
        Ok(())
    }
}

/// Removes a file and makes that durable; one that is not there is no error.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => path.parent().map_or(Ok(()), sync_folder),
    }
}

/// Removes what a killed run left of a replacement in a folder.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn remove_temporaries(folder: &Path) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(TEMPORARY_PREFIX.as_bytes())
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The folder cannot be opened or synced.
pub(crate) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// The file that a path means, through symlinks; itself where it is none or dangles.
pub(crate) fn follow(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether a folder between a root and a path is a symlink: what reads as lying at the path lies elsewhere.
pub(crate) fn is_beyond_link(root: &Path, path: &Path) -> bool {
    let above = path.ancestors().skip(1);
    above
        .take_while(|folder| *folder != root)
        .filter(|folder| folder.starts_with(root))
        .any(Path::is_symlink)
}

/// The name of a user of this machine; `None` where only the number is known.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// This machine's name.
pub(crate) fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Free bytes for this user on the file system of a path.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for (path, what) in [
            (pipe.as_path(), "a named pipe"),
            (link.as_path(), "a named pipe"),
            (socket.as_path(), "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            assert_eq!(special(path), Some(what));
            let error = read_if_exists(path).unwrap_err();
            assert!(format!("{error:#}").contains(what), "{error:#}");
            assert_eq!(text_if_readable(path), None);
        }
        assert_eq!(special(dir.path()), None);
        assert!(read_if_exists(dir.path()).is_err());
        assert_eq!(read_if_exists(&dir.path().join("no")).unwrap(), None);
    }

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        File::create(&path).unwrap().set_len(TOO_LARGE + 1).unwrap();
        let error = read_if_exists(&path).unwrap_err();
        assert!(format!("{error:#}").contains("larger than"), "{error:#}");
    }
}

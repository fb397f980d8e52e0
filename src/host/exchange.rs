//! Compare and exchange on files: a text takes the place of just that file which was read, or nothing
//! happens. What somebody else wrote in between, or put there by another link, is never overwritten.
//!
//! The file is opened once: bytes, attributes and identity come from one descriptor. The exchange works
//! inside the folder's descriptor and never looks the path up again. The kernel swaps both names at once
//! (`RENAME_EXCHANGE`), so what was swapped out is looked at afterwards, and swapped back where it is not
//! what was expected. File systems without it (some network ones) get look and rename, which leaves a gap
//! of microseconds.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::files::{Attributes, TEMPORARY_PREFIX, follow};
use super::writable::is_mount_point;
use crate::fault::fault;

/// Which file it was: its place without symlinks, and the kernel's numbers of it and of its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileId {
    real: PathBuf,
    folder: (u64, u64),
    file: (u64, u64),
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileAsRead {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it has besides.
    pub attributes: Attributes,
    /// Which file it was.
    pub id: FileId,
}

/// What came of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Exchanged {
    /// The new text is in place.
    Done,
    /// Something else is there than was expected; it was left alone.
    Edited,
}

/// A text to be put in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What the file has besides.
    pub attributes: &'a Attributes,
}

fn id_of(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Reads a file by one descriptor; `None`: there is none.
///
/// # Errors
/// It cannot be read, or is not a regular file.
pub(crate) fn look(path: &Path) -> anyhow::Result<Option<FileAsRead>> {
    let real = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let read = || -> io::Result<Option<FileAsRead>> {
        let (folder, name) = folder_of(&real)?;
        let folder_id = id_of(&File::from(folder.try_clone()?).metadata()?);
        let Some((file, metadata)) = open_in(&folder, &name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes)?;
        Ok(Some(FileAsRead {
            bytes,
            attributes: Attributes::of_open(&file, &metadata)?,
            id: FileId {
                real: real.clone(),
                folder: folder_id,
                file: id_of(&metadata),
            },
        }))
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

fn is_absent(error: &io::Error) -> bool {
    // ENOTDIR: a file lies where the path has a folder.
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn folder_of(real: &Path) -> io::Result<(OwnedFd, OsString)> {
    let name = real.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    Ok((folder, name.to_owned()))
}

/// Opens a regular file without waiting (a pipe would be waited for) and without following a symlink.
fn open_in(folder: &OwnedFd, name: &OsString) -> io::Result<Option<(File, fs::Metadata)>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        let text = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(Some((file, metadata)))
}

/// Puts a text in the place of the file that was seen (`None`: of no file), or takes that file away
/// (`new` is `None`). The old or the new text is there at every moment, and durable when this returns.
///
/// # Errors
/// The folder cannot be written, the disk is full, or the owner cannot be kept.
pub(crate) fn exchange(
    path: &Path,
    seen: Option<&FileAsRead>,
    new: Option<New<'_>>,
) -> anyhow::Result<Exchanged> {
    let work = || -> anyhow::Result<Exchanged> {
        let real = match seen {
            // A symlink that leads elsewhere by now is another file.
            Some(seen) if follow(path) != seen.id.real => return Ok(Exchanged::Edited),
            Some(seen) => seen.id.real.clone(),
            None => path.to_owned(),
        };
        let (folder, name) = match folder_of(&real) {
            Err(error) if seen.is_some() && is_absent(&error) => return Ok(Exchanged::Edited),
            opened => opened?,
        };
        if let Some(seen) = seen
            && id_of(&File::from(folder.try_clone()?).metadata()?) != seen.id.folder
        {
            return Ok(Exchanged::Edited);
        }
        let place = NameInFolder { folder, name };
        let done = match (seen, new) {
            (Some(seen), Some(new)) => place.swap(seen, new)?,
            (None, Some(new)) => place.create(new)?,
            (Some(seen), None) => place.take_away(seen)?,
            (None, None) => return Ok(Exchanged::Done),
        };
        rustix::fs::fsync(&place.folder).map_err(system)?;
        Ok(done)
    };
    let verb = if new.is_some() { "write" } else { "remove" };
    work().with_context(|| format!("cannot {verb} {}", path.display()))
}

/// As the rest of the program knows the system's errors: a full disk passes.
fn system(error: Errno) -> anyhow::Error {
    io::Error::from(error).into()
}

/// A name in an open folder.
struct NameInFolder {
    folder: OwnedFd,
    name: OsString,
}

/// A temporary file of ours; it goes unless it got another name.
struct Temporary<'a> {
    folder: &'a OwnedFd,
    name: OsString,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        let _ = unlinkat(self.folder, &self.name, AtFlags::empty());
    }
}

impl NameInFolder {
    fn temporary_name() -> anyhow::Result<OsString> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(system)?;
        Ok(format!("{TEMPORARY_PREFIX}{:016x}", u64::from_ne_bytes(random)).into())
    }

    fn write(&self, new: New<'_>) -> anyhow::Result<Temporary<'_>> {
        let name = Self::temporary_name()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.folder, &name, flags, Mode::from(0o600));
        let mut file = File::from(file.map_err(system)?);
        let temporary = Temporary {
            folder: &self.folder,
            name,
        };
        file.write_all(new.bytes)?;
        new.attributes.put_on(&file)?;
        file.sync_all()?;
        fault!("file.temporary");
        Ok(temporary)
    }

    fn rename(&self, from: &OsString, to: &OsString, how: RenameFlags) -> Result<(), Errno> {
        let folder = self.folder.as_fd();
        renameat_with(folder, from, folder, to, how)
    }

    /// Whether the file of this name is the one that was seen, unchanged.
    fn is_as_seen(&self, name: &OsString, seen: &FileAsRead) -> io::Result<bool> {
        let (file, metadata) = match open_in(&self.folder, name) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(false),
            // A symlink, a pipe or a folder took its place.
            Err(error)
                if error.kind() == io::ErrorKind::InvalidInput
                    || error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        if id_of(&metadata) != seen.id.file || metadata.len() != seen.bytes.len() as u64 {
            return Ok(false);
        }
        let mut bytes = Vec::with_capacity(seen.bytes.len());
        (&file).read_to_end(&mut bytes)?;
        Ok(bytes == seen.bytes)
    }

    fn swap(&self, seen: &FileAsRead, new: New<'_>) -> anyhow::Result<Exchanged> {
        if let Ok(Some((file, _))) = open_in(&self.folder, &self.name)
            && is_mount_point(&file)
        {
            return self.write_in_place(seen, new);
        }
        let temporary = self.write(new)?;
        match self.rename(&temporary.name, &self.name, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(Exchanged::Edited),
            Err(Errno::BUSY) => return self.write_in_place(seen, new),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                if !self.is_as_seen(&self.name, seen)? {
                    return Ok(Exchanged::Edited);
                }
                renameat(&self.folder, &temporary.name, &self.folder, &self.name)
                    .map_err(system)?;
                return Ok(Exchanged::Done);
            }
            Err(error) => return Err(system(error)),
        }
        fault!("file.renamed");
        if self.is_as_seen(&temporary.name, seen)? {
            return Ok(Exchanged::Done);
        }
        self.rename(&temporary.name, &self.name, RenameFlags::EXCHANGE)
            .map_err(system)?;
        Ok(Exchanged::Edited)
    }

    /// Something is mounted at the name itself, as single files are in a container of tools: no other file
    /// can take its place. The old text is put back where the new one does not fit; the run keeps it besides.
    fn write_in_place(&self, seen: &FileAsRead, new: New<'_>) -> anyhow::Result<Exchanged> {
        if !self.is_as_seen(&self.name, seen)? {
            return Ok(Exchanged::Edited);
        }
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, &self.name, flags, Mode::empty());
        let file = File::from(file.map_err(system)?);
        let write = |bytes: &[u8]| {
            file.write_all_at(bytes, 0)?;
            file.set_len(bytes.len() as u64)?;
            file.sync_all()
        };
        if let Err(error) = write(new.bytes) {
            write(&seen.bytes)?;
            return Err(error.into());
        }
        if *new.attributes != seen.attributes {
            new.attributes.put_on(&file)?;
        }
        Ok(Exchanged::Done)
    }

    fn create(&self, new: New<'_>) -> anyhow::Result<Exchanged> {
        let temporary = self.write(new)?;
        let folder = self.folder.as_fd();
        let made = match self.rename(&temporary.name, &self.name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                let to = AtFlags::empty();
                rustix::fs::linkat(folder, &temporary.name, folder, &self.name, to)
            }
            made => made,
        };
        match made {
            Ok(()) => {
                fault!("file.renamed");
                Ok(Exchanged::Done)
            }
            Err(Errno::EXIST) => Ok(Exchanged::Edited),
            Err(error) => Err(system(error)),
        }
    }

    /// The name goes first, so that nobody writes to what is about to be removed.
    fn take_away(&self, seen: &FileAsRead) -> anyhow::Result<Exchanged> {
        let aside = Self::temporary_name()?;
        match renameat(&self.folder, &self.name, &self.folder, &aside) {
            Ok(()) => {}
            Err(Errno::NOENT) => return Ok(Exchanged::Edited),
            Err(error) => return Err(system(error)),
        }
        if self.is_as_seen(&aside, seen)? {
            unlinkat(&self.folder, &aside, AtFlags::empty()).map_err(system)?;
            return Ok(Exchanged::Done);
        }
        match self.rename(&aside, &self.name, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(Exchanged::Edited),
            Err(error) => {
                let aside = aside.to_string_lossy();
                anyhow::bail!("somebody else's text lies beside it as {aside}: {error}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::host::extended_attributes;

    static NEW: Attributes = Attributes::NEW;

    fn new(bytes: &[u8]) -> New<'_> {
        New {
            bytes,
            attributes: &NEW,
        }
    }

    #[test]
    fn a_replacement_keeps_mode_symlink_and_attributes() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real.env");
        let link = dir.path().join(".env");
        fs::write(&real, "A=1\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        let has_xattr = extended_attributes::set(&real, "user.note", b"mine").is_ok();
        std::os::unix::fs::symlink("real.env", &link).unwrap();

        let seen = look(&link).unwrap().unwrap();
        let to = New {
            bytes: b"A=2\n",
            attributes: &seen.attributes,
        };
        assert_eq!(
            exchange(&link, Some(&seen), Some(to)).unwrap(),
            Exchanged::Done
        );

        assert_eq!(fs::read_link(&link).unwrap(), Path::new("real.env"));
        assert_eq!(fs::read(&real).unwrap(), b"A=2\n");
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o7777,
            0o640
        );
        if has_xattr {
            assert_eq!(
                extended_attributes::get(&real, "user.note")
                    .unwrap()
                    .unwrap(),
                b"mine"
            );
        }
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing temporary is left"
        );
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let error =
            exchange(&dir.path().join("no/such/.env"), None, Some(new(b"A=1"))).unwrap_err();
        assert!(format!("{error:#}").contains("no/such/.env"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_edited_since_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        let seen = look(&path).unwrap().unwrap();
        let edits: [&dyn Fn(); 3] = [
            &|| fs::write(&path, "A=1\nTYPED=1\n").unwrap(),
            &|| {
                fs::write(dir.path().join("other"), "A=1\n").unwrap();
                fs::rename(dir.path().join("other"), &path).unwrap();
            },
            &|| fs::remove_file(&path).unwrap(),
        ];
        for edit in edits {
            edit();
            let there = fs::read(&path).ok();
            for to in [Some(new(b"A=2\n")), None] {
                assert_eq!(exchange(&path, Some(&seen), to).unwrap(), Exchanged::Edited);
                assert_eq!(fs::read(&path).ok(), there);
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no leftovers");
    }

    #[test]
    fn a_path_that_leads_to_another_file_by_now_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join(".env"), dir.path().join("shadow"));
        fs::write(&path, "A=1\n").unwrap();
        let seen = look(&path).unwrap().unwrap();
        fs::write(&other, "A=1\n").unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        let done = exchange(&path, Some(&seen), Some(new(b"A=2\n"))).unwrap();
        assert_eq!(done, Exchanged::Edited);
        assert_eq!(fs::read(&other).unwrap(), b"A=1\n");
    }

    #[test]
    fn a_file_that_appeared_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        assert_eq!(look(&path).unwrap(), None);
        let done = exchange(&path, None, Some(new(b"A=1\n"))).unwrap();
        assert_eq!(done, Exchanged::Done);
        let done = exchange(&path, None, Some(new(b"A=2\n"))).unwrap();
        assert_eq!(done, Exchanged::Edited);
        assert_eq!(fs::read(&path).unwrap(), b"A=1\n");
        let seen = look(&path).unwrap();
        let done = exchange(&path, seen.as_ref(), None).unwrap();
        assert_eq!(done, Exchanged::Done);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_a_mount_point_is_written_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let (path, source) = (dir.path().join(".env"), dir.path().join("source"));
        fs::write(&path, "covered\n").unwrap();
        fs::write(&source, "A=1\nB=2\n").unwrap();
        let mounts = |program: &str, words: &[&std::ffi::OsStr]| {
            let done = std::process::Command::new(program).args(words).status();
            done.is_ok_and(|status| status.success())
        };
        if !mounts(
            "mount",
            &["--bind".as_ref(), source.as_ref(), path.as_ref()],
        ) {
            assert!(!rustix::process::geteuid().is_root(), "root may mount");
            return;
        }
        let seen = look(&path).unwrap().unwrap();
        let done = exchange(&path, Some(&seen), Some(new(b"A=3\n")));
        let stale = exchange(&path, Some(&seen), Some(new(b"A=4\n")));
        let text = fs::read(&source).unwrap();
        assert!(mounts("umount", &[path.as_ref()]));
        assert_eq!(
            (done.unwrap(), stale.unwrap()),
            (Exchanged::Done, Exchanged::Edited)
        );
        assert_eq!(text, b"A=3\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no leftovers");
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, Mode::from(0o600), 0).unwrap();
        let error = look(&path).unwrap_err();
        assert!(format!("{error:#}").contains("regular file"), "{error:#}");
    }
}

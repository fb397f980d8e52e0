//! Extended attributes of files, such as access control lists and notes of a person's own.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

/// An attribute of what lies at a path; symlinks are followed. `None`: it has none of that name.
///
/// # Errors
/// The file is not there, or the file system knows no attributes.
pub(crate) fn get(path: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    known(whole(|buffer| rustix::fs::getxattr(path, name, buffer)))
}

/// The same of an open file.
///
/// # Errors
/// The file system's.
pub(crate) fn of_open(file: &File, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
    known(whole(|buffer| rustix::fs::fgetxattr(file, name, buffer)))
}

/// The names of an open file's attributes.
///
/// # Errors
/// The file system knows no attributes.
pub(crate) fn names_of(file: &File) -> io::Result<Vec<OsString>> {
    let list = whole(|buffer| rustix::fs::flistxattr(file, buffer))?;
    let names = list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty());
    Ok(names
        .map(|name| OsStr::from_bytes(name).to_owned())
        .collect())
}

/// Sets an attribute of what lies at a path; symlinks are followed.
///
/// # Errors
/// The file system's.
pub(crate) fn set(path: &Path, name: &str, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::setxattr(
        path,
        name,
        value,
        XattrFlags::empty(),
    )?)
}

/// The same of an open file.
///
/// # Errors
/// The file system's.
pub(crate) fn set_on_open(file: &File, name: &OsStr, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(
        file,
        name,
        value,
        XattrFlags::empty(),
    )?)
}

/// Takes an attribute away from what lies at a path; symlinks are followed.
///
/// # Errors
/// The file system's, or there is none of that name.
pub(crate) fn remove(path: &Path, name: &str) -> io::Result<()> {
    Ok(rustix::fs::removexattr(path, name)?)
}

fn known(read: Result<Vec<u8>, Errno>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NODATA) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The most that Linux keeps: of one value, and of all names of a file.
const LARGEST: usize = 1 << 16;

fn whole(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; LARGEST];
    let length = call(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

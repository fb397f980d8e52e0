//! A file system of a few pages, which can be full. Needs root.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Gone with the test.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a word about it, where this user may not mount.
    pub(crate) fn at(folder: &Path, kib: u32) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={kib}k,mode=700");
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder);
        if !command.status().is_ok_and(|status| status.success()) {
            skipped!("mounting needs root");
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    /// Fills it up to so many free pages.
    pub(crate) fn fill(&self, free_pages: usize) {
        let path = self.0.join("ballast");
        let mut file = fs::File::create(&path).unwrap();
        let mut size: u64 = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            size += 4096;
        }
        file.set_len(size.saturating_sub(4096 * free_pages as u64))
            .unwrap();
    }

    pub(crate) fn empty(&self) {
        let _ = fs::remove_file(self.0.join("ballast"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

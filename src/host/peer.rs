//! Another process of this host: what it may do, and what it calls itself. What a process says of
//! itself is a stranger's text.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::host::extended_attributes;
use crate::secret::{HIDDEN, is_secret};

/// The rights by which the kernel decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rights {
    uid: u32,
    groups: Vec<u32>,
    /// It may write whatever the permissions say.
    overrides: bool,
}

/// The bit of `CAP_DAC_OVERRIDE`.
const DAC_OVERRIDE: u64 = 1 << 1;

impl Rights {
    /// Those of a process of this user and group; where it can be seen, with what else it has.
    pub(crate) fn of(pid: Option<u32>, uid: u32, gid: u32) -> Self {
        let status = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
        let field = |name: &str| {
            let lines = status.as_deref().unwrap_or_default().lines();
            let values = lines.filter_map(|line| line.strip_prefix(name)).next()?;
            Some(values.trim_start_matches(':').trim().to_owned())
        };
        let groups = field("Groups").unwrap_or_default();
        let groups = groups.split_whitespace().filter_map(|id| id.parse().ok());
        let capabilities = field("CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok());
        let has_all = capabilities.is_some_and(|bits| bits & DAC_OVERRIDE != 0);
        Self {
            uid,
            groups: std::iter::once(gid).chain(groups).collect(),
            // Root of a user namespace of its own has rights there alone.
            overrides: uid == 0 || has_all && pid.is_some_and(has_our_users),
        }
    }

    /// Whether a process with these rights may write to what lies at a path.
    pub(crate) fn may_write(&self, path: &Path) -> bool {
        let Ok(metadata) = fs::metadata(path) else {
            return self.overrides;
        };
        let acl = extended_attributes::get(path, "system.posix_acl_access")
            .ok()
            .flatten();
        self.overrides
            || self.may(
                metadata.uid(),
                metadata.gid(),
                metadata.mode(),
                acl.as_deref(),
            )
    }

    fn may(&self, uid: u32, gid: u32, mode: u32, acl: Option<&[u8]>) -> bool {
        if self.uid == uid {
            return mode & 0o200 != 0;
        }
        let named = acl.is_some_and(|acl| self.is_named_by(acl));
        let group = self.groups.contains(&gid) && mode & 0o020 != 0;
        named || group || mode & 0o002 != 0
    }

    /// Whether an access control list names this user, or a group of theirs, as one that may write.
    fn is_named_by(&self, acl: &[u8]) -> bool {
        const USER: u16 = 0x02;
        const GROUP: u16 = 0x08;
        const WRITE: u16 = 0x02;
        let entries = acl.get(4..).unwrap_or_default().chunks_exact(8);
        let mut entries = entries.map(|entry| {
            let short = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
            let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
            (short(0), short(2), id)
        });
        entries.any(|(tag, may, id)| match tag {
            USER => may & WRITE != 0 && id == self.uid,
            GROUP => may & WRITE != 0 && self.groups.contains(&id),
            _ => false,
        })
    }
}

fn has_our_users(pid: u32) -> bool {
    let map = |of: &str| fs::read_to_string(format!("/proc/{of}/uid_map")).ok();
    let ours = map("self");
    ours.is_some() && ours == map(&pid.to_string())
}

/// A process as it is told to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// What it runs, in a line.
    pub command: String,
    /// When it was started, in local time.
    pub since: Option<String>,
    /// The folder that it is in, where this user may know.
    pub folder: Option<PathBuf>,
}

/// Describes a process; `None` when it is gone.
pub(crate) fn describe(pid: u32) -> Option<Described> {
    let of = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let line = fs::read(of("cmdline")).ok()?;
    let name = fs::read_to_string(of("comm")).ok()?;
    let since = fs::metadata(of("")).and_then(|entry| entry.modified()).ok();
    let since = since.and_then(|since| jiff::Timestamp::try_from(since).ok());
    let since = since.map(|since| {
        let zoned = since.to_zoned_datetime(jiff::tz::TimeZone::system());
        zoned.strftime("%F %T").to_string()
    });
    Some(Described {
        command: command_of(name.trim_end(), &line),
        since,
        folder: fs::read_link(of("cwd")).ok(),
    })
}

/// So much of a command line is told.
const LONGEST: usize = 200;

/// A command line as it may be shown: on one line, not longer than a person reads, without what would
/// draw on a terminal, and without the values of secret settings. It is called refit only where the
/// kernel says that this is what runs.
fn command_of(name: &str, line: &[u8]) -> String {
    let words = line.split(|byte| *byte == 0);
    let words = words.filter(|word| !word.is_empty()).skip(1);
    let words = words.map(|word| {
        let word = String::from_utf8_lossy(word).into_owned();
        match word.split_once('=') {
            Some((key, value)) if is_secret(key, value) => format!("{key}={HIDDEN}"),
            _ => word,
        }
    });
    let first = match name {
        "refit" => "refit".to_owned(),
        other => format!("a process named {other}:"),
    };
    let shown: Vec<String> = std::iter::once(first).chain(words).collect();
    let plain = crate::text::line(&shown.join(" "));
    let plain = plain.chars();
    let mut short: String = plain.clone().take(LONGEST).collect();
    if plain.count() > LONGEST {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_calls_itself() {
        assert_eq!(
            command_of("refit", b"/usr/bin/refit\0set\0API_KEY=hunter22\0PORT=1\0"),
            "refit set API_KEY=••• PORT=1"
        );
        let drawn = command_of("sh", "refit\0\x1b[2Jset\0\u{9b}A\nB\u{202e}\0".as_bytes());
        assert_eq!(drawn, "a process named sh: set  B");
        let long = [b"refit\0".as_slice(), &[b'a'; 9_000]].concat();
        assert_eq!(command_of("refit", &long).chars().count(), LONGEST + 1);
    }

    #[test]
    fn who_may_write() {
        let user = |uid, groups: &[u32]| Rights {
            uid,
            groups: groups.to_vec(),
            overrides: false,
        };
        // A user's own folder, for their group to read and for everybody else as well.
        assert!(user(1000, &[1000]).may(1000, 1000, 0o755, None));
        assert!(!user(1001, &[1000]).may(1000, 1000, 0o755, None));
        assert!(user(1001, &[7, 1000]).may(1000, 1000, 0o775, None));
        assert!(!user(1001, &[7]).may(1000, 1000, 0o775, None));
        assert!(user(1001, &[7]).may(1000, 1000, 0o777, None));
        let entry = |tag: u16, may: u16, id: u32| {
            let bytes = [
                &tag.to_le_bytes()[..],
                &may.to_le_bytes(),
                &id.to_le_bytes(),
            ];
            bytes.concat()
        };
        let acl = [
            vec![2, 0, 0, 0],
            entry(0x01, 7, u32::MAX),
            entry(0x02, 7, 1001),
            entry(0x08, 5, 7),
        ];
        let acl = acl.concat();
        assert!(user(1001, &[7]).may(1000, 1000, 0o755, Some(&acl)));
        assert!(!user(1002, &[7]).may(1000, 1000, 0o755, Some(&acl)));
    }

    #[test]
    fn this_process_may_write_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let own = Rights::of(Some(std::process::id()), uid, gid);
        assert!(own.may_write(dir.path()));
        assert!(describe(std::process::id()).unwrap().folder.is_some());
    }
}

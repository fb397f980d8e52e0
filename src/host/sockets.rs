//! Which ports a process listens on, from the kernel's tables of its network namespace (F38): no
//! traffic, and no protocol has to be known.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use crate::event::ServedPort;

/// What is known of the ports on which somebody listens for others: what listens on loopback alone,
/// such as the engine's own name server, is reached by nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listens {
    /// On these.
    On(BTreeSet<ServedPort>),
    /// Nobody looked, and why.
    NotLooked(String),
}

impl Default for Listens {
    fn default() -> Self {
        Self::NotLooked("it does not run".to_owned())
    }
}

/// A socket that listens; one of UDP is bound, and takes what anybody sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listener {
    port: ServedPort,
    is_loopback: bool,
    inode: u64,
}

/// The state of a socket that listens, in the kernel's tables: of TCP, and of UDP, which knows no other
/// than that of being connected to one peer.
const LISTEN: [&str; 2] = ["0A", "07"];

/// The listening sockets of a table such as `/proc/PID/net/tcp` or `udp6`.
fn listeners(table: &str, is_udp: bool) -> impl Iterator<Item = Listener> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (address, port) = fields.next()?.split_once(':')?;
        let state = fields.nth(1)?;
        (state == LISTEN[usize::from(is_udp)]).then_some(())?;
        let number = u16::from_str_radix(port, 16).ok()?;
        Some(Listener {
            port: ServedPort { is_udp, number },
            is_loopback: is_loopback(address)?,
            inode: fields.nth(5)?.parse().ok()?,
        })
    })
}

/// An address as the kernel prints it: words of 32 bits, each in this machine's order of bytes.
fn is_loopback(address: &str) -> Option<bool> {
    let mut bytes = Vec::new();
    for word in address.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    match <[u8; 16]>::try_from(bytes.as_slice()) {
        Ok(long) => {
            let long = Ipv6Addr::from(long);
            let short = long.to_ipv4_mapped();
            Some(long.is_loopback() || short.is_some_and(|short| short.is_loopback()))
        }
        Err(_) => Some(bytes.first() == Some(&127)),
    }
}

/// A container's network namespace, held by its first process: when that has ended, nothing is read of
/// another one that got its number.
#[derive(Debug)]
pub(crate) struct Namespace {
    process: OwnedFd,
    pid: i64,
    /// Others live in it too: only the container's own sockets count.
    is_shared: bool,
    /// Of the sockets of UDP those on these ports count: each client has one as well.
    udp: BTreeSet<u16>,
    /// The own ones among the sockets that were last seen there.
    own: (Vec<Listener>, BTreeSet<ServedPort>),
    last: Option<LastRead>,
}

/// What was read last: the tables are dear, for the kernel goes through all connections of the machine.
/// How many sockets there are in a namespace is cheap.
#[derive(Debug)]
struct LastRead {
    counted: [u64; TABLES.len()],
    ports: BTreeSet<ServedPort>,
    at: Instant,
    took: Duration,
}

/// The tables are read again after this time, though the number of sockets is the same.
const READ_AGAIN: Duration = Duration::from_secs(2);
/// Where connections come and go, a part of the time goes into reading at most.
const PART: u32 = 10;

/// A table of sockets, where they are counted, and under which name.
const TABLES: [SocketTable; 4] = [
    SocketTable::of("net/tcp", "net/sockstat", "TCP", false),
    SocketTable::of("net/tcp6", "net/sockstat6", "TCP6", false),
    SocketTable::of("net/udp", "net/sockstat", "UDP", true),
    SocketTable::of("net/udp6", "net/sockstat6", "UDP6", true),
];

#[derive(Debug)]
struct SocketTable {
    file: &'static str,
    counts: &'static str,
    name: &'static str,
    is_udp: bool,
}

impl SocketTable {
    const fn of(
        file: &'static str,
        counts: &'static str,
        name: &'static str,
        is_udp: bool,
    ) -> Self {
        Self {
            file,
            counts,
            name,
            is_udp,
        }
    }
}

/// `TCP: inuse 1 orphan 0 …`.
fn in_use(counts: &str, name: &str) -> Option<u64> {
    let line = counts
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": inuse "));
    line?.split_ascii_whitespace().next()?.parse().ok()
}

impl Namespace {
    /// That of a container whose first process has this number on the engine's host.
    ///
    /// # Errors
    /// Why nothing can be seen: the process is not one of this machine's, or may not be looked at.
    pub(crate) fn of_container(id: &str, pid: i64, is_shared: bool) -> Result<Self, String> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty());
        let process = process.map_err(|_| ELSEWHERE.to_owned())?;
        let namespace = Self {
            process,
            pid,
            is_shared,
            udp: BTreeSet::new(),
            own: Default::default(),
            last: None,
        };
        // A number alone may be that of any process, where the engine is in a machine of its own.
        let is_named = |file: &str| {
            let text = namespace.read(file);
            text.is_ok_and(|text| text.contains(id))
        };
        if !is_named("cgroup") && !is_named("mountinfo") {
            return Err(ELSEWHERE.to_owned());
        }
        Ok(namespace)
    }

    /// Looks at these ports of UDP as well.
    #[must_use]
    pub(crate) fn with_udp(self, udp: BTreeSet<u16>) -> Self {
        Self { udp, ..self }
    }

    /// The ports on which somebody listens for others now.
    ///
    /// # Errors
    /// Why it cannot be seen.
    pub(crate) fn ports(&mut self) -> Result<BTreeSet<ServedPort>, String> {
        let denied = |error: rustix::io::Errno| match error {
            rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => {
                "this user may not look at its sockets".to_owned()
            }
            other => format!("its sockets cannot be read: {other}"),
        };
        let mut counted = [0; TABLES.len()];
        let is_wanted = |table: &SocketTable| !table.is_udp || !self.udp.is_empty();
        let counts = counted.iter_mut().zip(&TABLES);
        for (count, table) in counts.filter(|(_, table)| is_wanted(table)) {
            // What is not counted is looked at all the same, unless the process has ended.
            *count = match self.read(table.counts) {
                Ok(counts) => in_use(&counts, table.name).unwrap_or(u64::MAX),
                Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => u64::MAX,
                Err(_) => 0,
            };
        }
        let begun = Instant::now();
        if let Some(last) = &self.last
            && counted != [0; TABLES.len()]
        {
            let is_same = last.counted == counted && last.at.elapsed() < READ_AGAIN;
            if is_same || last.at.elapsed() < last.took * PART {
                return Ok(last.ports.clone());
            }
        }
        let mut found: Vec<Listener> = Vec::new();
        let tables = TABLES.iter().zip(counted);
        for (table, _) in tables.filter(|(_, count)| *count > 0) {
            match self.read(table.file) {
                Ok(text) => found.extend(listeners(&text, table.is_udp)),
                // A kernel without IPv6 has no such table; a process that has ended has none at all.
                Err(
                    rustix::io::Errno::NOENT | rustix::io::Errno::SRCH | rustix::io::Errno::INVAL,
                ) => {}
                Err(error) => return Err(denied(error)),
            }
        }
        let counts =
            |listener: &Listener| !listener.port.is_udp || self.udp.contains(&listener.port.number);
        found.retain(|listener| !listener.is_loopback && counts(listener));
        let ports = self.own_of(found)?;
        self.last = Some(LastRead {
            counted,
            ports: ports.clone(),
            at: Instant::now(),
            took: begun.elapsed(),
        });
        Ok(ports)
    }

    fn own_of(&mut self, found: Vec<Listener>) -> Result<BTreeSet<ServedPort>, String> {
        if !self.is_shared || found.is_empty() {
            return Ok(found.into_iter().map(|listener| listener.port).collect());
        }
        if self.own.0 != found {
            let sockets = sockets_below(self.pid).ok_or_else(|| {
                "it shares its network, and this user may not see whose sockets these are"
                    .to_owned()
            })?;
            let own = found
                .iter()
                .filter(|listener| sockets.contains(&listener.inode));
            let own = own.map(|listener| listener.port).collect();
            self.own = (found, own);
        }
        Ok(self.own.1.clone())
    }

    /// Whether the process is no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.read("stat").is_err()
    }

    fn read(&self, file: &str) -> Result<String, rustix::io::Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&self.process, file, flags, Mode::empty())?;
        let mut text = String::new();
        let read = std::fs::File::from(file).read_to_string(&mut text);
        let code = |error: std::io::Error| rustix::io::Errno::from_io_error(&error);
        read.map_err(|error| code(error).unwrap_or(rustix::io::Errno::IO))?;
        Ok(text)
    }
}

const ELSEWHERE: &str = "the container's process is not to be seen on this machine";

/// The sockets that a process and all below it have open; `None`: this user may not know.
fn sockets_below(pid: i64) -> Option<BTreeSet<u64>> {
    let mut sockets = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let Ok(link) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let inode = link.to_str().and_then(|link| link.strip_prefix("socket:["));
        let inode = inode.and_then(|inode| inode.strip_suffix(']')?.parse::<u64>().ok());
        sockets.extend(inode);
    }
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children"));
        for child in children.unwrap_or_default().split_ascii_whitespace() {
            // One that has ended meanwhile has no sockets any more.
            let child = child.parse().ok().and_then(sockets_below);
            sockets.extend(child.into_iter().flatten());
        }
    }
    Some(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_table_of_the_kernel() {
        let four = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 00000000:0C08 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3328 1 0 100 0 0 10 0\n   \
            1: 0B00007F:9C4D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3329 1 0 100 0 0 10 0\n   \
            2: 020011AC:0C08 010011AC:D431 01 00000000:00000000 00:00000000 00000000     0        0 3330 1 0 20 4 30 10 -1\n   \
            3: torn\n";
        let listener = |port, is_loopback, inode| Listener {
            port: ServedPort::tcp(port),
            is_loopback,
            inode,
        };
        let found: Vec<_> = listeners(four, false).collect();
        assert_eq!(
            found,
            [listener(3080, false, 3328), listener(40013, true, 3329)]
        );
        let six = "  sl  local_address                         remote_address                        st\n   \
            0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33280036 1 0 100 0 0 10 0\n   \
            1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0\n   \
            2: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8 1 0 100 0 0 10 0\n";
        let found: Vec<_> = listeners(six, false).collect();
        let wanted = [
            listener(80, false, 33_280_036),
            listener(81, true, 7),
            listener(82, true, 8),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn how_many_sockets_there_are() {
        let counts =
            "sockets: used 4\nTCP: inuse 12 orphan 0 tw 0 alloc 5 mem 218\nUDP: inuse 1 mem 0\n";
        assert_eq!(in_use(counts, "TCP"), Some(12));
        assert_eq!(in_use("TCP6: inuse 3\n", "TCP6"), Some(3));
        assert_eq!(in_use("TCP6: inuse 3\n", "TCP"), None);
    }

    #[test]
    fn what_this_process_listens_on_is_its_own() {
        let open = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let port = open.local_addr().unwrap().port();
        let pid = i64::from(std::process::id());
        let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap();
        let id = cgroup.lines().next().unwrap();
        let bound = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let other = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let number = |socket: &std::net::UdpSocket| socket.local_addr().unwrap().port();
        let own = Namespace::of_container(id, pid, true).unwrap();
        let mut own = own.with_udp([number(&bound)].into());
        let ports = own.ports().unwrap();
        assert!(ports.contains(&ServedPort::tcp(port)));
        assert!(ports.contains(&ServedPort::udp(number(&bound))));
        // Of UDP only what was asked for: whoever asks for a name has a socket.
        assert!(!ports.contains(&ServedPort::udp(number(&other))));
        drop((open, bound));
        own.last = None;
        let ports = own.ports().unwrap();
        assert!(!ports.contains(&ServedPort::tcp(port)) && ports.iter().all(|port| !port.is_udp));
        assert!(Namespace::of_container("of-another", pid, true).is_err());
    }
}

//! Claims: what processes of this host say that they are at work on, and who says so. A claim is a
//! listening Unix socket with a name in the abstract namespace: it lies in no folder, it ends with its
//! process in whatever way that ends, any user can see it, and the kernel tells whose it is.
//!
//! Each process has a name of its own for the same thing, so nobody can be kept from making a claim, and
//! a claim says nothing but that it was made: whoever looks decides whose claims count. Claims are seen
//! within one network namespace.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::UnixStream;

/// What a claim of ours begins with.
const PREFIX: &str = "refit/";

/// How far a process is with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It wants it, and gives way to others.
    Wanted,
    /// It has it.
    Held,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Held => "held",
        }
    }
}

/// A claim of this process; given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    name: String,
    _socket: UnixListener,
}

/// A claim as anybody sees it.
#[derive(Debug)]
pub(crate) struct SeenClaim {
    /// How far its process is.
    pub stage: Stage,
    name: String,
}

/// Whose a claim is, as the kernel says.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Its process; `None` for one that cannot be seen from here.
    pub pid: Option<u32>,
    /// The user that it had when it made the claim.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    connection: Option<UnixStream>,
}

/// Time between two looks at a claim that cannot be waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a claim on what this key means.
///
/// # Errors
/// The kernel's, such as too many open files.
pub(crate) fn make(key: &str, stage: Stage) -> anyhow::Result<Claim> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let pid = std::process::id();
    // Random: what another user knows before can be taken before.
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), number);
    let name = format!("{PREFIX}{key}/{}/{pid}-{number}-{random:x}", stage.word());
    let bind = || UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?);
    let socket = bind().context("cannot say that this refit is at work")?;
    Ok(Claim {
        name,
        _socket: socket,
    })
}

/// The claims of others on a key.
///
/// # Errors
/// The kernel does not tell.
pub(crate) fn others(key: &str, own: &[Claim]) -> anyhow::Result<Vec<SeenClaim>> {
    let list = "/proc/net/unix";
    let text = std::fs::read(list).with_context(|| format!("cannot read {list}"))?;
    let text = String::from_utf8_lossy(&text);
    let seen = text.lines().filter_map(|line| seen_in(line, key));
    Ok(seen
        .filter(|seen| own.iter().all(|claim| claim.name != seen.name))
        .collect())
}

fn seen_in(line: &str, key: &str) -> Option<SeenClaim> {
    let name = line.split_whitespace().last()?.strip_prefix('@')?;
    let rest = name.strip_prefix(PREFIX)?.strip_prefix(key)?;
    let (word, _) = rest.strip_prefix('/')?.split_once('/')?;
    let stages = [Stage::Wanted, Stage::Held];
    let stage = stages.into_iter().find(|stage| stage.word() == word)?;
    let name = name.to_owned();
    Some(SeenClaim { stage, name })
}

/// Whether the socket is closed: before it was asked for, or while it was.
fn is_given_up(error: &std::io::Error) -> bool {
    let kind = error.kind();
    kind == ErrorKind::ConnectionRefused || kind == ErrorKind::ConnectionReset
}

impl SeenClaim {
    /// Whose it is; `None` when it was given up meanwhile.
    ///
    /// # Errors
    /// The kernel does not tell, such as for too many open files: it may be held.
    pub(crate) async fn owner(&self) -> anyhow::Result<Option<Owner>> {
        let connected = UnixStream::connect(format!("\0{}", self.name)).await;
        let credentials = match connected {
            Ok(connection) => connection.peer_cred().map(|found| (connection, found)),
            Err(error) => Err(error),
        };
        let (connection, credentials) = match credentials {
            Ok(found) => found,
            // Somebody else may have filled its queue, to hide it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(self.by_name()),
            Err(error) if is_given_up(&error) => return Ok(None),
            Err(error) => return Err(error).context("cannot see which refit is at work"),
        };
        let pid = credentials.pid().and_then(|pid| pid.try_into().ok());
        Ok(Some(Owner {
            pid: pid.filter(|pid| *pid != 0),
            uid: credentials.uid(),
            gid: credentials.gid(),
            connection: Some(connection),
        }))
    }

    /// The refit that the name tells of, if there is such a process.
    fn by_name(&self) -> Option<Owner> {
        use std::os::unix::fs::MetadataExt as _;
        let pid: u32 = self
            .name
            .rsplit('/')
            .next()?
            .split('-')
            .next()?
            .parse()
            .ok()?;
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let process = std::fs::metadata(format!("/proc/{pid}")).ok()?;
        (comm.trim_end() == "refit").then_some(Owner {
            pid: Some(pid),
            uid: process.uid(),
            gid: process.gid(),
            connection: None,
        })
    }
}

impl Owner {
    /// Waits until the claim is given up.
    pub(crate) async fn gives_up(&self) {
        match &self.connection {
            // Nobody writes: what comes is the end.
            Some(connection) => match connection.readable().await {
                Ok(()) => {}
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_claim_is_seen_with_its_owner_and_ends_with_its_drop() {
        let key = format!("test-{:p}", &0_u8);
        let claim = make(&key, Stage::Held).unwrap();
        assert!(
            others(&key, std::slice::from_ref(&claim))
                .unwrap()
                .is_empty()
        );
        let seen = others(&key, &[]).unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].stage, Stage::Held);
        let owner = seen[0].owner().await.unwrap().unwrap();
        assert_eq!(owner.pid, Some(std::process::id()));
        assert_eq!(owner.uid, rustix::process::geteuid().as_raw());
        let (waited, ()) = tokio::join!(
            async {
                owner.gives_up().await;
                others(&key, &[]).unwrap().len()
            },
            async {
                tokio::task::yield_now().await;
                drop(claim);
            }
        );
        assert_eq!(waited, 0);
        assert!(seen[0].owner().await.unwrap().is_none());
    }

    #[test]
    fn only_our_names_are_claims() {
        let line =
            |name: &str| format!("000000006b935254: 00000002 0 00010000 0001 01 45486 {name}");
        assert!(seen_in(&line("@refit/k/held/1-0-af"), "k").is_some());
        for other in [
            "@refit/kk/held/1-0-af",
            "@refit/k/more/1-0-af",
            "/run/refit/k/held/1",
            "@refit/k/held",
            "",
        ] {
            assert!(seen_in(&line(other), "k").is_none(), "{other}");
        }
    }
}

//! One run at a time: on a stack, on a project of an engine, and on a file that several stacks share.
//! Root and users exclude each other, nothing is left to clean up, and nobody who could not change the
//! stack anyway can stand in the way.
//!
//! An OS lock on a file or folder cannot do that. Whoever may read it may lock it, for ever: `flock` asks
//! for no right to write, and a shared lock of a reader keeps a writer out. A file that only the right
//! people may open would have to lie in the stack's folder, where builds and backups meet it and a killed
//! run leaves it; or in a folder like `/tmp`, where anybody can take its name before.
//!
//! So a lock is a claim that everybody can make and see ([`crate::host::claims`]), and only some count:
//! those of processes that may write what the lock is about, or use the engine. The kernel says whose a
//! claim is. A stranger's claim is passed over.
//!
//! A lock is taken by saying that one wants it, and then looking: of two who do so at a time, the later
//! one sees the other, so never both go on; who sees another gives way and tries again. Several locks are
//! taken all or none, so that nobody waits for one while others wait for theirs. The stack's comes first,
//! and who waits for a shared file holds only a stack, which nobody who holds that file waits for.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::complaint::{Code, Complaint};
use crate::docker::endpoint::Endpoint;
use crate::host::claims::{self, Claim, Owner, Stage};
use crate::host::peer::{self, Rights};

/// What only one run may be at work on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LockSubject {
    /// A stack, by its folder.
    Stack(PathBuf),
    /// A project of the engine: several folders can name the same one.
    Project(String),
    /// A file outside of the stack's folder, which other stacks may use as well.
    File(PathBuf),
}

/// Locks on some subjects; given up when this is dropped, or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    engine: Endpoint,
    subjects: Vec<LockSubject>,
    claims: Vec<Claim>,
}

/// Who stands in the way.
struct Holder {
    subject: LockSubject,
    stage: Stage,
    owner: Owner,
}

/// Two who want the same give way to each other, and one of them is first in the end.
const CONTENTION: Duration = Duration::from_secs(2);

impl Lock {
    /// Takes the locks, all or none, waiting for them at most this long.
    ///
    /// # Errors
    /// `locked`, naming the holder; or the kernel does not tell who is at work.
    pub(crate) async fn take(
        subjects: impl IntoIterator<Item = LockSubject>,
        engine: &Endpoint,
        wait: Duration,
    ) -> Result<Self, Complaint> {
        let mut lock = Self {
            engine: engine.clone(),
            subjects: Vec::new(),
            claims: Vec::new(),
        };
        lock.also(subjects, wait).await?;
        Ok(lock)
    }

    /// Takes further locks, all or none; one that is held already is no further one.
    ///
    /// # Errors
    /// As [`Lock::take`]; what was held before is still.
    pub(crate) async fn also(
        &mut self,
        subjects: impl IntoIterator<Item = LockSubject>,
        wait: Duration,
    ) -> Result<(), Complaint> {
        let mut wanted: Vec<LockSubject> = subjects.into_iter().collect();
        wanted.sort();
        wanted.dedup();
        wanted.retain(|subject| !self.subjects.contains(subject));
        let began = Instant::now();
        loop {
            let holder = match self.attempt(&wanted).await? {
                Ok(claims) => {
                    self.claims.extend(claims);
                    self.subjects.extend(wanted);
                    return Ok(());
                }
                Err(holder) => holder,
            };
            let limit = match holder.stage {
                Stage::Held => wait,
                Stage::Wanted => wait.max(CONTENTION),
            };
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(held(&holder));
            }
            match holder.stage {
                Stage::Held => {
                    // That it is too late is found at the next look.
                    let _ = tokio::time::timeout(left, holder.owner.gives_up()).await;
                }
                Stage::Wanted => tokio::time::sleep(short_pause()).await,
            }
        }
    }

    /// Looks, says what is wanted, and looks again.
    async fn attempt(&self, wanted: &[LockSubject]) -> anyhow::Result<Result<Vec<Claim>, Holder>> {
        let keys = wanted.iter().map(|one| key(one, &self.engine));
        let keys: Vec<String> = keys.collect::<anyhow::Result<_>>()?;
        let mut own: Vec<Claim> = Vec::new();
        for _ in 0..2 {
            for (subject, key) in wanted.iter().zip(&keys) {
                let holder = self.holder(subject, key, &own).await?;
                // At the first look who only wants it is not in the way yet.
                let in_the_way = |holder: &Holder| !own.is_empty() || holder.stage == Stage::Held;
                if let Some(holder) = holder.filter(in_the_way) {
                    return Ok(Err(holder));
                }
            }
            if own.is_empty() {
                let claims = keys.iter().map(|key| claims::make(key, Stage::Wanted));
                own = claims.collect::<anyhow::Result<_>>()?;
            }
        }
        // What was wanted stays said: whoever comes now must not find a gap.
        for key in &keys {
            own.push(claims::make(key, Stage::Held)?);
        }
        Ok(Ok(own))
    }

    /// Whose claim on a subject counts, a held one before one that is wanted.
    async fn holder(
        &self,
        subject: &LockSubject,
        key: &str,
        own: &[Claim],
    ) -> anyhow::Result<Option<Holder>> {
        let mut seen = claims::others(key, own)?;
        seen.sort_by_key(|seen| seen.stage == Stage::Wanted);
        for seen in seen {
            let Some(owner) = seen.owner().await? else {
                continue;
            };
            if self.counts(subject, &owner) {
                return Ok(Some(Holder {
                    subject: subject.clone(),
                    stage: seen.stage,
                    owner,
                }));
            }
        }
        Ok(None)
    }

    /// Whether a claim is of somebody who could be at work there.
    fn counts(&self, subject: &LockSubject, owner: &Owner) -> bool {
        let rights = Rights::of(owner.pid, owner.uid, owner.gid);
        let engine = match &self.engine {
            Endpoint::Unix(socket) => rights.may_write(socket),
            // It asks nobody who they are.
            Endpoint::Tcp(_) => matches!(subject, LockSubject::Project(_)),
        };
        engine
            || match subject {
                LockSubject::Stack(path) | LockSubject::File(path) => rights.may_write(path),
                LockSubject::Project(_) => false,
            }
    }
}

/// The same for everybody who means the same thing, by whatever name.
///
/// # Errors
/// What lies there cannot be looked at: by its name alone two could be at work on it.
fn key(subject: &LockSubject, engine: &Endpoint) -> anyhow::Result<String> {
    let place = |path: &Path| match std::fs::metadata(path) {
        Ok(found) => Ok(format!("{}:{}", found.dev(), found.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.display().to_string()),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    // A file gets another inode each time it is written; its folder does not.
    let named = |path: &Path| -> anyhow::Result<String> {
        let real = crate::host::files::follow(path);
        let folder = real.parent().map(place).transpose()?.unwrap_or_default();
        let name = real.file_name().unwrap_or_default().display();
        Ok(format!("{folder}/{name}"))
    };
    let text = match subject {
        LockSubject::Stack(folder) => format!("stack\0{}", place(folder)?),
        LockSubject::File(file) => format!("file\0{}", named(file)?),
        LockSubject::Project(name) => match engine {
            Endpoint::Unix(socket) => format!("project\0{}\0{name}", place(socket)?),
            Endpoint::Tcp(address) => format!("project\0{address}\0{name}"),
        },
    };
    let digest = Sha256::digest(text.as_bytes());
    Ok(crate::hash::hex(&digest[..16]))
}

fn short_pause() -> Duration {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    Duration::from_millis(1 + random % 40)
}

fn held(holder: &Holder) -> Complaint {
    let described = holder
        .owner
        .pid
        .and_then(|pid| Some((pid, peer::describe(pid)?)));
    let who = match &described {
        Some((pid, found)) => {
            let since = found.since.as_ref();
            let since = since
                .map(|since| format!(", since {since}"))
                .unwrap_or_default();
            format!("{} (pid {pid}{since})", found.command)
        }
        None => "another refit".to_owned(),
    };
    let what = match &holder.subject {
        LockSubject::Stack(_) => "this stack".to_owned(),
        LockSubject::File(path) => format!("{}, which this stack uses as well", path.display()),
        LockSubject::Project(name) => {
            let folder = described.and_then(|(_, found)| found.folder);
            let folder = folder.map(|folder| format!(", in {}", folder.display()));
            format!(
                "the project {name} from another folder{}",
                folder.unwrap_or_default()
            )
        }
    };
    Complaint::new(Code::Locked, format!("{who} is at work on {what}"))
        .hint("wait for it, or let refit wait: --wait-lock 5m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> Endpoint {
        Endpoint::Tcp("no-engine:1".into())
    }

    async fn take(subjects: &[LockSubject], wait: Duration) -> Result<Lock, Complaint> {
        Lock::take(subjects.to_vec(), &engine(), wait).await
    }

    #[tokio::test]
    async fn a_second_one_is_refused_and_the_lock_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let stack = [LockSubject::Stack(dir.path().to_owned())];
        let lock = take(&stack, Duration::ZERO).await.unwrap();
        let refused = take(&stack, Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.code, Code::Locked);
        drop(lock);
        take(&stack, Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn all_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| LockSubject::File(dir.path().join(name));
        let held = take(&[file("b")], Duration::ZERO).await.unwrap();
        let both = [file("a"), file("b")];
        assert_eq!(
            take(&both, Duration::ZERO).await.unwrap_err().code,
            Code::Locked
        );
        let a = take(&[file("a")], Duration::ZERO).await;
        assert!(a.is_ok(), "the refused one has nothing");
        drop((a, held));
        let mut lock = take(&[file("a")], Duration::ZERO).await.unwrap();
        lock.also(both.to_vec(), Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_is_next() {
        let dir = tempfile::tempdir().unwrap();
        let stack = [LockSubject::Stack(dir.path().to_owned())];
        let lock = take(&stack, Duration::ZERO).await.unwrap();
        let waiting = take(&stack, Duration::from_secs(60));
        let (waited, ()) = tokio::join!(waiting, async {
            tokio::task::yield_now().await;
            drop(lock);
        });
        waited.unwrap();
    }

    /// Many at once: never two have it, and each has it in the end.
    #[tokio::test]
    async fn of_many_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let stack = [LockSubject::Stack(dir.path().to_owned())];
        let at_work = std::cell::Cell::new(0);
        let turns = (0..12).map(|_| async {
            let lock = take(&stack, Duration::from_secs(60)).await.unwrap();
            at_work.set(at_work.get() + 1);
            assert_eq!(at_work.get(), 1);
            tokio::task::yield_now().await;
            at_work.set(at_work.get() - 1);
            drop(lock);
        });
        futures_util::future::join_all(turns).await;
    }

    #[test]
    fn one_thing_has_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        let folder = dir.path().join("stack");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        let of = |subject| key(&subject, &engine()).unwrap();
        assert_eq!(
            of(LockSubject::Stack(folder.clone())),
            of(LockSubject::Stack(link.clone()))
        );
        let file = |folder: &Path| LockSubject::File(folder.join("common.env"));
        assert_eq!(of(file(&folder)), of(file(&link)));
        assert_ne!(
            of(LockSubject::Stack(folder.clone())),
            of(LockSubject::File(folder))
        );
        let project = LockSubject::Project("p".into());
        let other = Endpoint::Tcp("other:1".into());
        assert_ne!(
            key(&project, &engine()).unwrap(),
            key(&project, &other).unwrap()
        );
        // A name that leads round in a circle is not that of something which is not there.
        let ring = dir.path().join("ring");
        std::os::unix::fs::symlink(&ring, &ring).unwrap();
        assert!(key(&LockSubject::Stack(ring), &engine()).is_err());
    }
}

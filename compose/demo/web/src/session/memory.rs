//! Sessions in this process: a restart forgets them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Keep, Session, SessionError, SessionId};

/// The sessions.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<SessionId, Kept>>);

/// A session, and when it ends.
struct Kept {
    session: Session,
    until: Instant,
}

impl Memory {
    /// A panic elsewhere leaves the map whole: each change to it is a single call.
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keep for Memory {
    fn ping(&self) -> Result<(), SessionError> {
        Ok(())
    }

    fn begin(&self, id: &SessionId, session: &Session, ttl: u64) -> Result<(), SessionError> {
        let mut kept = self.lock();
        let now = Instant::now();
        kept.retain(|_, one| one.until > now);
        let (session, until) = (session.clone(), now + Duration::from_secs(ttl));
        kept.insert(id.clone(), Kept { session, until });
        Ok(())
    }

    fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        let now = Instant::now();
        let kept = self.lock();
        let found = kept.get(id).filter(|one| one.until > now);
        Ok(found.map(|one| one.session.clone()))
    }

    fn update(&self, id: &SessionId, session: &Session) -> Result<(), SessionError> {
        if let Some(one) = self.lock().get_mut(id) {
            one.session.clone_from(session);
        }
        Ok(())
    }

    fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        self.lock().remove(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str) -> Session {
        Session {
            user: Some(user.to_owned()),
            messages: Vec::new(),
        }
    }

    fn begin(memory: &Memory, user: &str, ttl: u64) -> SessionId {
        let id = SessionId::random().unwrap();
        memory.begin(&id, &of(user), ttl).unwrap();
        id
    }

    #[test]
    fn remembers_until_the_end() {
        let memory = Memory::default();
        let id = begin(&memory, "ann", 900);
        let other = begin(&memory, "bob", 900);
        assert_eq!(memory.find(&id).unwrap(), Some(of("ann")));

        let mut changed = of("ann");
        changed.say("hello".to_owned());
        memory.update(&id, &changed).unwrap();
        assert_eq!(memory.find(&id).unwrap(), Some(changed.clone()));

        memory.end(&id).unwrap();
        memory.update(&id, &changed).unwrap();
        assert_eq!(memory.find(&id).unwrap(), None);
        assert_eq!(memory.find(&other).unwrap(), Some(of("bob")));
    }

    #[test]
    fn forgets_what_has_run_out() {
        let memory = Memory::default();
        let id = begin(&memory, "ann", 0);
        assert_eq!(memory.find(&id).unwrap(), None);
        begin(&memory, "bob", 900);
        assert_eq!(memory.lock().len(), 1);
    }
}

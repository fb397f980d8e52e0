//! The containers of a project that a change does not touch: what becomes of them meanwhile is told by the
//! same stream of events.

use std::collections::{BTreeMap, BTreeSet};

use crate::docker::events::{EngineEvent, EventAction};

/// How a container ended that nobody had touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnexpectedEnd {
    /// The engine was away, and has stopped all containers; what it did of its own is not known.
    WithTheEngine,
    /// Somebody sent it a signal.
    Stopped,
    /// By itself.
    Exited(i64),
}

/// What was seen of them.
#[derive(Debug, Default)]
pub struct Others {
    /// The engine's stream of events broke, and is open again.
    pub(super) engine_was_away: bool,
    told_to_end: BTreeSet<String>,
    ended: BTreeMap<String, UnexpectedEnd>,
}

impl Others {
    pub(super) fn saw(&mut self, event: EngineEvent) {
        let id = event.container;
        match event.action {
            EventAction::Kill => {
                self.told_to_end.insert(id);
            }
            EventAction::Die { exit_code } => {
                let end = match self.told_to_end.remove(&id) {
                    true => UnexpectedEnd::Stopped,
                    false => UnexpectedEnd::Exited(exit_code),
                };
                self.ended.insert(id, end);
            }
            EventAction::Start | EventAction::Destroy => {
                self.told_to_end.remove(&id);
                self.ended.remove(&id);
            }
            EventAction::Create
            | EventAction::Oom
            | EventAction::Pause
            | EventAction::Unpause
            | EventAction::Health(_) => {}
        }
    }

    /// Whether one of them may have ended.
    pub fn may_have_ended(&self) -> bool {
        self.engine_was_away || !self.ended.is_empty()
    }

    /// How a container ended that does not run any more.
    pub fn end_of(&self, id: &str) -> UnexpectedEnd {
        match self.ended.get(id) {
            Some(end) if !self.engine_was_away => *end,
            // Its end was told by nobody.
            Some(_) | None => UnexpectedEnd::WithTheEngine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(actions: &[EventAction]) -> Others {
        let mut others = Others::default();
        for action in actions {
            others.saw(EngineEvent {
                container: "a".to_owned(),
                service: "web".into(),
                action: *action,
                at_nanos: 0,
            });
        }
        others
    }

    #[test]
    fn how_it_ended() {
        let die = EventAction::Die { exit_code: 3 };
        assert_eq!(seen(&[die]).end_of("a"), UnexpectedEnd::Exited(3));
        assert_eq!(
            seen(&[EventAction::Kill, die]).end_of("a"),
            UnexpectedEnd::Stopped
        );
        assert!(!seen(&[die, EventAction::Start]).may_have_ended());
        assert!(!seen(&[die, EventAction::Destroy]).may_have_ended());
        let mut away = seen(&[EventAction::Kill, die]);
        away.engine_was_away = true;
        assert_eq!(away.end_of("a"), UnexpectedEnd::WithTheEngine);
    }
}

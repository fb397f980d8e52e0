//! The engine's events on containers, in types of our own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters as query;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::container::{Health, label};
use super::error::EngineError;
use crate::docker::client::{Docker, failed};
use crate::event::ServiceName;

/// Something that happened to a container, as the engine tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// The container.
    pub container: String,
    /// Its service.
    pub service: ServiceName,
    /// What happened.
    pub action: EventAction,
    /// When, nanoseconds since 1970 by the engine's clock.
    pub at_nanos: i64,
}

/// The kinds of container events that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the engine's own words")]
pub enum EventAction {
    Create,
    Start,
    /// The stop signal was sent.
    Kill,
    Die {
        exit_code: i64,
    },
    Oom,
    Destroy,
    Pause,
    Unpause,
    Health(Health),
}

/// The engine's events on one project's containers.
pub(crate) type EventStream = Pin<Box<dyn Stream<Item = Result<EngineEvent, EngineError>> + Send>>;

/// Follows the engine's events. The stream borrows nothing: bollard makes the request at once.
fn stream(api: bollard::Docker, options: query::EventsOptions) -> EventStream {
    let told = api.events(Some(options)).filter_map(|message| async move {
        match message {
            Ok(message) => EngineEvent::of_message(message).map(Ok),
            Err(error) => Some(Err(failed("follow the engine's events")(error))),
        }
    });
    Box::pin(told)
}

impl Docker {
    /// The events of a project's containers, from `since` (seconds since 1970, with fraction) on.
    pub fn events(&self, project: &str, since: &str) -> EventStream {
        let filters = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("label", vec![format!("{}={project}", label::PROJECT)]),
        ]);
        let options = query::EventsOptionsBuilder::new()
            .since(since)
            .filters(&filters)
            .build();
        let api = self.api.clone();
        stream(api, options)
    }

    /// With what code the containers of a project ended last since then, as far as the engine still knows.
    ///
    /// # Errors
    /// The engine's.
    pub async fn ends_since(
        &self,
        project: &str,
        since: Timestamp,
    ) -> Result<BTreeMap<String, i64>, EngineError> {
        let told: Vec<EngineEvent> = self.past(project, "die", since).try_collect().await?;
        let ends = told.into_iter().filter_map(|event| match event.action {
            EventAction::Die { exit_code } => Some((event.container, exit_code)),
            EventAction::Create
            | EventAction::Start
            | EventAction::Kill
            | EventAction::Oom
            | EventAction::Destroy
            | EventAction::Pause
            | EventAction::Unpause
            | EventAction::Health(_) => None,
        });
        Ok(ends.collect())
    }

    /// The containers of a project that were sent a signal since then, as far as the engine still knows:
    /// one that has its grace period ahead of it looks like any other that runs.
    ///
    /// # Errors
    /// The engine's.
    pub async fn signalled_since(
        &self,
        project: &str,
        since: Timestamp,
    ) -> Result<BTreeSet<String>, EngineError> {
        let told = self.past(project, "kill", since);
        told.map_ok(|event| event.container).try_collect().await
    }

    /// The lives of a container before its last start, as far as the engine still knows.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn earlier_lives(&self, id: &str) -> Result<Vec<PastLife>, EngineError> {
        let told = self.past_of(
            HashMap::from([
                ("event", vec!["start".to_owned(), "die".to_owned()]),
                ("container", vec![id.to_owned()]),
            ]),
            Timestamp::UNIX_EPOCH,
        );
        Ok(lives(&told.try_collect::<Vec<_>>().await?))
    }

    fn past(&self, project: &str, event: &str, since: Timestamp) -> EventStream {
        let filters = HashMap::from([
            ("event", vec![event.to_owned()]),
            ("label", vec![format!("{}={project}", label::PROJECT)]),
        ]);
        self.past_of(filters, since)
    }

    fn past_of(
        &self,
        mut filters: HashMap<&'static str, Vec<String>>,
        since: Timestamp,
    ) -> EventStream {
        filters.insert("type", vec!["container".to_owned()]);
        let options = query::EventsOptionsBuilder::new()
            .since(&stamp(since))
            .until(&stamp(Timestamp::now()))
            .filters(&filters)
            .build();
        stream(self.api.clone(), options)
    }
}

/// From a start of a container to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PastLife {
    /// How long it ran.
    pub(crate) ran: Duration,
    /// With what it ended.
    pub(crate) exit_code: i64,
}

fn lives(told: &[EngineEvent]) -> Vec<PastLife> {
    let mut found = Vec::new();
    let mut started = None;
    for event in told {
        match (event.action, started) {
            (EventAction::Start, _) => started = Some(event.at_nanos),
            (EventAction::Die { exit_code }, Some(at)) => {
                let nanos = u64::try_from(event.at_nanos - at).unwrap_or_default();
                let ran = Duration::from_nanos(nanos);
                found.push(PastLife { ran, exit_code });
                started = None;
            }
            (
                EventAction::Die { .. }
                | EventAction::Create
                | EventAction::Kill
                | EventAction::Oom
                | EventAction::Destroy
                | EventAction::Pause
                | EventAction::Unpause
                | EventAction::Health(_),
                _,
            ) => {}
        }
    }
    found
}

/// As the engine reads a time; an end in the future would be waited for.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

impl EngineEvent {
    fn of_message(message: EventMessage) -> Option<Self> {
        let actor = message.actor?;
        let attributes = actor.attributes.unwrap_or_default();
        let action = match message.action?.as_str() {
            "create" => EventAction::Create,
            "start" => EventAction::Start,
            "kill" => EventAction::Kill,
            "die" => EventAction::Die {
                exit_code: attributes
                    .get("exitCode")
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(-1),
            },
            "oom" => EventAction::Oom,
            "destroy" => EventAction::Destroy,
            "pause" => EventAction::Pause,
            "unpause" => EventAction::Unpause,
            "health_status: healthy" => EventAction::Health(Health::Healthy),
            "health_status: unhealthy" => EventAction::Health(Health::Unhealthy),
            _ => return None,
        };
        if attributes
            .get(label::ONEOFF)
            .is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
        {
            return None;
        }
        Some(Self {
            container: actor.id?,
            service: attributes.get(label::SERVICE)?.as_str().into(),
            action,
            at_nanos: message.time_nano?,
        })
    }
}

//! What was seen of services before they are touched: it says what has to be seen afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ports::PortsBefore;
use crate::event::ServiceName;

/// Of each service that is touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SeenBefore {
    ports: BTreeMap<ServiceName, PortsBefore>,
    /// Those whose probe failed, with what came instead.
    failing: BTreeMap<ServiceName, String>,
    took: BTreeMap<ServiceName, Duration>,
    restarts: BTreeMap<ServiceName, usize>,
    /// Those that ended with 0 each time, and were started again.
    starting_over: BTreeSet<ServiceName>,
    /// Those that the engine called unhealthy and that answered all the same, with what did.
    answering: BTreeMap<ServiceName, String>,
}

impl SeenBefore {
    /// Of these ports, probes that failed, times until services were well in earlier runs, and how often
    /// the engine had started them again.
    pub(crate) fn new(
        ports: BTreeMap<ServiceName, PortsBefore>,
        failing: BTreeMap<ServiceName, String>,
        took: BTreeMap<ServiceName, Duration>,
        restarts: BTreeMap<ServiceName, usize>,
    ) -> Self {
        Self {
            ports,
            failing,
            took,
            restarts,
            starting_over: BTreeSet::new(),
            answering: BTreeMap::new(),
        }
    }

    /// A service ends with 0 each time, and the engine starts it again.
    pub(crate) fn starts_over(&mut self, service: ServiceName) {
        self.starting_over.insert(service);
    }

    /// Whether it does.
    pub(crate) fn started_over(&self, service: &ServiceName) -> bool {
        self.starting_over.contains(service)
    }

    /// The ports of a service.
    pub(crate) fn ports(&self, service: &ServiceName) -> PortsBefore {
        self.ports.get(service).cloned().unwrap_or_default()
    }

    /// Whether its probe failed.
    pub(crate) fn failed(&self, service: &ServiceName) -> bool {
        self.failing.contains_key(service)
    }

    /// The engine calls a service unhealthy, and this of it answers as it should.
    pub(crate) fn answers(&mut self, service: ServiceName, what: String) {
        self.answering.insert(service, what);
    }

    /// Whether a service answered while the engine called it unhealthy.
    pub(crate) fn answered(&self, service: &ServiceName) -> bool {
        self.answering.contains_key(service)
    }

    /// What the person should know of it.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        let all = self.answering.iter();
        all.map(|(service, what)| {
            format!(
                "{service} is called unhealthy by its healthcheck, and {what}: so it has to again"
            )
        })
    }

    /// How often the engine had started one of its containers again, since somebody started it.
    pub(crate) fn restarts(&self, service: &ServiceName) -> usize {
        self.restarts.get(service).copied().unwrap_or_default()
    }

    /// The longest that it took to be well in its last runs.
    pub(crate) fn took(&self, service: &ServiceName) -> Option<Duration> {
        self.took.get(service).copied()
    }
}

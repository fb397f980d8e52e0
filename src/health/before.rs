//! What was seen of services before they are touched: it says what has to be seen afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ports::PortsBefore;
use crate::docker::crash::Pace;
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
    /// How those ended that the engine had started again by itself.
    paces: BTreeMap<ServiceName, Pace>,
    /// Those that ended with 0 each time, and were started again.
    starting_over: BTreeSet<ServiceName>,
    /// Those that run from one crash to the next, and how long at most.
    crashing: BTreeMap<ServiceName, Duration>,
    /// Those that run, whatever their last lives were, and listen where they should.
    serving: BTreeSet<ServiceName>,
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
            paces: BTreeMap::new(),
            starting_over: BTreeSet::new(),
            crashing: BTreeMap::new(),
            serving: BTreeSet::new(),
            answering: BTreeMap::new(),
        }
    }

    /// A container of a service ended so time after time, and has run for so long since.
    pub(crate) fn ended(&mut self, service: &ServiceName, pace: Pace, ran: Option<Duration>) {
        if let Some(longest) = ran.and_then(|ran| pace.crashes_after(ran)) {
            let known = self.crashing.entry(service.clone()).or_default();
            *known = longest.max(*known);
        }
        let known = self.paces.entry(service.clone()).or_insert(pace);
        if pace.ends > known.ends {
            *known = pace;
        }
    }

    /// A service ends with 0 each time, and the engine starts it again.
    pub(crate) fn starts_over(&mut self, service: ServiceName) {
        self.starting_over.insert(service);
    }

    /// A service runs and listens on the ports that are its own.
    pub(crate) fn listens(&mut self, service: ServiceName) {
        self.serving.insert(service);
    }

    /// How it ended time after time.
    pub(crate) fn pace(&self, service: &ServiceName) -> Option<Pace> {
        self.paces.get(service).copied()
    }

    /// How long it ran at most, where it runs from one crash to the next and serves nobody meanwhile.
    pub(crate) fn crashes_after(&self, service: &ServiceName) -> Option<Duration> {
        let longest = self.crashing.get(service).copied();
        longest.filter(|_| !self.serves(service))
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
    pub(crate) fn is_called_unhealthy(&self, service: &ServiceName) -> bool {
        self.answering.contains_key(service)
    }

    /// Whether it does its work, whatever the engine calls it and however short its last lives were.
    pub(crate) fn serves(&self, service: &ServiceName) -> bool {
        self.serving.contains(service) || self.answering.contains_key(service)
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

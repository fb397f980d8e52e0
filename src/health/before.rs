//! What was seen of services before they are touched: it says what has to be seen afterwards.

use std::collections::BTreeMap;
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
}

impl SeenBefore {
    /// Of these ports, probes that failed, and times until services were well in earlier runs.
    pub(crate) fn new(
        ports: BTreeMap<ServiceName, PortsBefore>,
        failing: BTreeMap<ServiceName, String>,
        took: BTreeMap<ServiceName, Duration>,
    ) -> Self {
        Self {
            ports,
            failing,
            took,
        }
    }

    /// The ports of a service.
    pub(crate) fn ports(&self, service: &ServiceName) -> PortsBefore {
        self.ports.get(service).cloned().unwrap_or_default()
    }

    /// Whether its probe failed.
    pub(crate) fn failed(&self, service: &ServiceName) -> bool {
        self.failing.contains_key(service)
    }

    /// The longest that it took to be well in its last runs.
    pub(crate) fn took(&self, service: &ServiceName) -> Option<Duration> {
        self.took.get(service).copied()
    }
}

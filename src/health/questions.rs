//! What is asked over HTTP while services are watched: probes of the person's own, and ports that spoke
//! HTTP before.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::port_track::PortQuestion;
use crate::event::ServiceName;
use crate::host::http::{self, Answer, PageRequest, Reply};
use crate::settings::Probe;

/// Time that one question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A question under way.
pub(super) type Asking = Pin<Box<dyn Future<Output = Asked>>>;

/// What came of it.
pub(super) enum Asked {
    Probe(ServiceName, Answer),
    Port(ServiceName, Result<Reply, String>),
}

pub(super) fn probe(service: ServiceName, probe: Probe, pause: Duration) -> Asking {
    Box::pin(async move {
        tokio::time::sleep(pause).await;
        let answer = http::get(probe.url, PATIENCE).await;
        Asked::Probe(service, answer)
    })
}

pub(super) fn port(service: ServiceName, question: PortQuestion) -> Asking {
    Box::pin(async move {
        tokio::time::sleep(question.pause).await;
        let request = PageRequest {
            url: format!("http://{}/", question.address),
            ..PageRequest::default()
        };
        Asked::Port(service, http::ask(request, PATIENCE).await)
    })
}

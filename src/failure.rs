//! Why a change is given up, in one form for all causes: it leads to the rollback, and is what the
//! person reads.

use std::collections::BTreeMap;

use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::event::{ServiceName, VerdictWord};
use crate::health::culprit::{Bonds, culprit};
use crate::health::watch::{Watch, WatchStopped};
use crate::host::signals::Signal;

/// The cause.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Stable, `snake_case`.
    pub code: Code,
    /// In a sentence without a full stop.
    pub reason: String,
    /// The guilty service, where one is known.
    pub service: Option<ServiceName>,
    /// Another program's own lines.
    pub details: Vec<String>,
    /// In a sentence: who else failed because of it.
    pub consequence: Option<String>,
    /// It was a signal to refit.
    pub signal: Option<Signal>,
}

impl Failure {
    /// A cause without a guilty service.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
            service: None,
            details: Vec::new(),
            consequence: None,
            signal: None,
        }
    }

    /// The person or the system asked refit to end.
    pub fn of_signal(signal: Signal) -> Self {
        let reason = format!("interrupted by {}", signal.name());
        Self {
            signal: Some(signal),
            ..Self::new(Code::Interrupted, reason)
        }
    }

    /// The watch came to no end.
    pub fn of_stopped(stopped: WatchStopped) -> Self {
        match stopped {
            WatchStopped::Signal(signal) => Self::of_signal(signal),
            WatchStopped::EngineLost => {
                Self::new(Code::EngineError, "the engine does not answer any more")
            }
        }
    }

    /// Compose or the engine said no.
    pub fn of_engine(code: Code, error: EngineError) -> Self {
        let complaint = Complaint::from(error);
        let first = complaint
            .details
            .iter()
            .rfind(|line| !line.trim().is_empty())
            .cloned();
        // Compose says it beside the container first, and at its own end once more.
        let is_told = |line: &String| {
            let first = first.as_deref().map(str::trim);
            first.is_some_and(|first| line.trim_end().ends_with(first))
        };
        let mut details = complaint.details;
        details.retain(|line| !is_told(line));
        let reason = match first {
            Some(line) => format!("{}: {}", complaint.text, line.trim()),
            None => complaint.text,
        };
        Self {
            details,
            ..Self::new(code, reason)
        }
    }

    /// The first bad verdict of a watch.
    pub fn of_verdicts(watch: &Watch) -> Option<Self> {
        let verdicts = watch.verdicts();
        let (service, verdict) = verdicts
            .into_iter()
            .find(|(_, verdict)| verdict.word == VerdictWord::Failed)?;
        let reason = verdict.reason.unwrap_or_else(|| "failed".to_owned());
        Some(Self {
            service: Some(service),
            ..Self::new(Code::Unhealthy, reason)
        })
    }

    /// The same with the service to blame that failed by itself: where another one lives in its network or
    /// needs it, that one's failure is a consequence.
    #[must_use]
    pub(crate) fn blaming(
        self,
        bonds: &BTreeMap<ServiceName, Bonds>,
        broken: &BTreeMap<ServiceName, String>,
    ) -> Self {
        let is_of_services = match (self.code, &self.service) {
            (Code::Unhealthy, Some(_)) => true,
            (code, None) => code == Code::StartFailed,
            (_, Some(_)) => false,
        };
        let found = is_of_services.then(|| culprit(self.service.as_ref(), bonds, broken));
        let Some(found) = found.flatten() else {
            return self;
        };
        Self {
            code: Code::Unhealthy,
            reason: found.reason,
            service: Some(found.service),
            consequence: Some(found.consequence),
            ..self
        }
    }

    /// In words, with the service.
    pub fn text(&self) -> String {
        match &self.service {
            Some(service) => format!("{service} {}", self.reason),
            None => self.reason.clone(),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::of_engine(Code::EngineError, error)
    }
}

impl From<Failure> for Complaint {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code, failure.text()).details(&failure.details.join("\n"))
    }
}

impl From<Complaint> for Failure {
    fn from(complaint: Complaint) -> Self {
        Self {
            details: complaint.details,
            ..Self::new(complaint.code, complaint.text)
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Complaint::from(error).into()
    }
}

/// A person or the system asked refit to end before anything was touched.
pub(crate) fn interrupted(signal: Signal) -> Complaint {
    let text = format!("interrupted by {}; nothing was touched", signal.name());
    Complaint::new(Code::Interrupted, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_told_once() {
        let said = "Error response from daemon: no such device";
        let error = EngineError::Compose {
            what: "docker compose up failed".to_owned(),
            message: format!(" Container web-1  Starting\n Container web-1  {said}\n{said}"),
        };
        let failure = Failure::of_engine(Code::StartFailed, error);
        assert_eq!(failure.reason, format!("docker compose up failed: {said}"));
        assert_eq!(failure.details, [" Container web-1  Starting"]);
    }
}

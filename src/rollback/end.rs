//! What a rollback came to, as a value: nobody has to guess it from what is printed, or from whether
//! the engine answers a moment later.

use std::collections::BTreeMap;

use crate::docker::EngineError;
use crate::event::{RunId, ServiceName, Times};
use crate::stack::snapshot::{About, Difference, Verified, limit_flag};

/// Whether to try again later may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A full disk, an engine that is gone, a person who would not wait.
    Passing,
    /// Anything else.
    Lasting,
}

/// Something that a rollback could not do.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// What, in a sentence without a full stop.
    pub text: String,
    /// What a person may type about it.
    pub todo: Option<String>,
    /// Whether it passes.
    pub cause: Cause,
}

impl Problem {
    pub(super) fn of_engine(error: &EngineError, text: String, todo: String) -> Self {
        Self {
            text,
            todo: Some(todo),
            cause: match error.is_passing() {
                true => Cause::Passing,
                false => Cause::Lasting,
            },
        }
    }

    pub(super) fn engine_lost() -> Self {
        Self {
            text: "the engine does not answer any more".to_owned(),
            todo: Some("systemctl start docker".to_owned()),
            cause: Cause::Passing,
        }
    }

    pub(super) fn lasting(text: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            todo: Some(todo.into()),
            cause: Cause::Lasting,
        }
    }

    /// Of a file: a disk that is full has space again some day.
    pub(super) fn of_file(error: &anyhow::Error, todo: String) -> Self {
        let io = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<std::io::Error>());
        let full = io.is_some_and(|error| {
            use std::io::ErrorKind::{QuotaExceeded, StorageFull};
            matches!(error.kind(), StorageFull | QuotaExceeded)
        });
        Self {
            text: format!("{error:#}"),
            todo: Some(todo),
            cause: match full {
                true => Cause::Passing,
                false => Cause::Lasting,
            },
        }
    }
}

/// How a rollback ended.
#[derive(Debug)]
pub(crate) enum RollbackEnd {
    /// The comparison found everything as it was.
    Back(Verified),
    /// Something that passes came between: the run stays open, and the next command goes on with it.
    Open(Vec<Problem>),
    /// It is not as it was, and a person is needed.
    Failed(Vec<Problem>),
}

/// What became of a rollback.
#[derive(Debug)]
pub(crate) struct Undone {
    /// How it ended.
    pub end: RollbackEnd,
    /// How long services were away while it lasted.
    pub times: BTreeMap<ServiceName, Times>,
}

impl RollbackEnd {
    pub(super) fn of(problems: Vec<Problem>, compared: Result<Verified, Vec<Problem>>) -> Self {
        let (mut all, compared) = (problems, compared);
        match compared {
            Ok(verified) if all.is_empty() => return Self::Back(verified),
            Ok(_) => {}
            Err(found) => all.extend(found),
        }
        match all.iter().any(|one| one.cause == Cause::Passing) {
            true => Self::Open(all),
            false => Self::Failed(all),
        }
    }

    /// What is not as it was, or could not be done.
    pub(crate) fn problems(&self) -> &[Problem] {
        match self {
            Self::Back(_) => &[],
            Self::Open(problems) | Self::Failed(problems) => problems,
        }
    }

    /// Where it failed, and new containers took what somebody had edited and not applied, that is the first
    /// thing to be looked at: the run and its way back both had it.
    pub(crate) fn blame(&mut self, pending: &[String]) {
        let Self::Failed(problems) = self else {
            return;
        };
        let Some(first) = pending.first() else {
            return;
        };
        let files = pending.join(", ");
        let text = format!(
            "what waited in {files} to be applied is in force with the old values as well, and may be the cause"
        );
        problems.insert(0, Problem::lasting(text, format!("refit edit {first}")));
    }

    /// Where it failed, what the new version wrote may be why, and no file or image cures that.
    pub(crate) fn doubt_data(&mut self, text: String, todo: String) {
        if let Self::Failed(problems) = self {
            problems.push(Problem::lasting(text, todo));
        }
    }

    /// What a person is to type, each command once.
    pub(crate) fn todo(&self) -> Vec<String> {
        let mut todo: Vec<String> = Vec::new();
        for one in self
            .problems()
            .iter()
            .filter_map(|problem| problem.todo.as_ref())
        {
            if !todo.contains(one) {
                todo.push(one.clone());
            }
        }
        todo
    }

    /// The last line that a person reads.
    pub(crate) fn text(&self, run: RunId) -> String {
        match self {
            Self::Back(verified) => format!("{} More: refit show {run}", verified.sentence(run)),
            Self::Open(_) => format!(
                "Not rolled back yet: run {run} is unfinished, and the next command that changes something (refit apply) goes on with it"
            ),
            Self::Failed(_) => format!(
                "Not rolled back to before run {run}: a person is needed. To do: {}",
                self.todo().join("; ")
            ),
        }
    }
}

/// A difference as a problem.
pub(super) fn differs(difference: &Difference) -> Problem {
    let todo = match &difference.about {
        About::Service(service) => of_service(service, difference),
        About::Network(_) => "refit apply".to_owned(),
        About::Volume(name) => format!("docker volume inspect {name}"),
        About::Image(name) => match &difference.was {
            Some(was) => format!("docker tag {was} {name}"),
            None => format!("docker image inspect {name}"),
        },
    };
    let text = format!("not as it was: {}", difference.sentence());
    Problem::lasting(text, todo)
}

/// A limit as `docker update` takes it: of CPUs the engine counts the billionth.
fn limit(setting: &str, value: &str) -> String {
    match (setting, value.parse::<f64>()) {
        ("NanoCpus", Ok(count)) => format!("{}", count / 1e9),
        (_, Ok(_) | Err(_)) => value.trim_matches('"').to_owned(),
    }
}

/// What was made of a container by hand is in no file, so `apply` does not make it again.
fn of_service(service: &ServiceName, difference: &Difference) -> String {
    let id = format!("$(docker compose ps -q {service})");
    match (difference.what.as_str(), &difference.was) {
        ("networks", _) => format!("docker network connect NETWORK {id}"),
        ("restart", Some(was)) => format!("docker update --restart={was} {id}"),
        (what, was) => match (
            what.strip_prefix("network "),
            limit_flag(what).zip(was.as_ref()),
        ) {
            (Some(name), _) => format!("docker network connect {name} {id}"),
            (None, Some((flag, was))) => format!("docker update {flag}={} {id}", limit(what, was)),
            (None, None) => format!("refit apply {service}"),
        },
    }
}

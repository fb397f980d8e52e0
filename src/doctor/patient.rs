//! Everything that was seen of a stack: what the rules judge. Data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::complaint::Complaint;
use crate::docker::container::{Health, State};
use crate::event::{Route, ServiceName};
use crate::health::aftermath::Aftermath;
use crate::host::http::Reply;
use crate::profile::Page;
use crate::secret::Secret;
use crate::stack::Resolved;
use crate::stack::application::Subject;
use crate::stack::drift::Drift;
use crate::stack::generated::GeneratedKey;
use crate::stack::stored::StoredValue;
use crate::stack::url::Address;
use crate::stack::variables::UnfilledKey;
use crate::text::shell_word;

/// Everything that was seen of a stack.
pub(crate) struct Patient<'a> {
    /// What its files say.
    pub resolved: &'a Resolved,
    /// Profiles of Compose that are on.
    pub profiles: &'a [String],
    /// The application, where it can be told which one is meant.
    pub subject: Option<&'a Subject>,
    /// Its env files, and those of its services.
    pub env: &'a [EnvText],
    /// Bind mounts of its services, and what lies at their sources.
    pub mounts: &'a [BindMount],
    /// Files of the application's settings beside the compose file, with whether a service gets them.
    pub config_files: &'a [(String, bool)],
    /// Services that end when their work is done.
    pub one_shots: &'a BTreeSet<ServiceName>,
    /// Its containers; none where no engine was asked.
    pub containers: Option<&'a [SeenContainer]>,
    /// What the application's containers show of the keys that it generates.
    pub generated: &'a [GeneratedKey],
    /// What its database has of the keys that it may keep there.
    pub stored: &'a BTreeMap<String, StoredValue>,
    /// Redis servers of nobody's stack that answer everybody.
    pub outside: &'a [Outside],
    /// What is not as the runs left it.
    pub aftermath: &'a [Aftermath],
    /// What differs from the files.
    pub drifts: &'a [Drift],
    /// What is said where no file names the project that runs.
    pub unnamed: Option<&'a str>,
    /// What is said where the files mean another project than the one that runs.
    pub other_project: Option<&'a Complaint>,
    /// The application's page of health, and what it answered.
    pub health: Option<&'a (Page, Answered)>,
    /// What `--url` names.
    pub visit: Option<&'a Visit>,
    /// Variables of the compose files that only an `env_file` has.
    pub unfilled: &'a [UnfilledKey],
    /// Names of files are told as seen from here.
    pub folder: &'a Path,
}

impl Patient<'_> {
    /// Whether what differs is a mounted file that is not there, which has a finding of its own.
    pub(super) fn tells_of_mount(&self, drift: &Drift) -> bool {
        let reason = &drift.reason;
        reason.route == Route::Bind
            && self.mounts.iter().any(|mount| {
                let is_told =
                    mount.lies == MountSource::Nothing && (mount.is_file || !mount.creates_source);
                is_told
                    && mount.service == drift.service
                    && reason.file.as_ref() == Some(&mount.source)
            })
    }

    /// The application, if refit knows it.
    pub(super) fn known(&self) -> Option<&Subject> {
        self.subject.filter(|subject| subject.profile.is_known)
    }
}

/// What lies at the source of a bind mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountSource {
    /// A file, or what is neither file nor folder.
    Something,
    /// A folder without anything in it.
    EmptyFolder,
    /// A folder with something in it.
    Folder,
    /// Nothing.
    Nothing,
}

/// A bind mount with what was seen of its source.
#[derive(Debug, Clone)]
pub(crate) struct BindMount {
    /// The service.
    pub service: ServiceName,
    /// The source, as it is shown.
    pub source: String,
    /// Whether its name is that of a file.
    pub is_file: bool,
    /// Whether it is a file of the application's settings.
    pub is_config: bool,
    /// Docker makes a folder where there is nothing (F13).
    pub creates_source: bool,
    /// What lies there.
    pub lies: MountSource,
}

/// An env file with the services that it reaches.
#[derive(Debug, Clone)]
pub(crate) struct EnvText {
    /// Its name, as it is shown.
    pub name: String,
    /// `set` without `-F` edits it.
    pub is_first: bool,
    /// Compose fills in `${KEY}` from it.
    pub fills_in: bool,
    /// Each key once, with the value that counts.
    pub lines: Vec<EnvLine>,
    /// Whom it reaches as a file.
    pub reaches: Vec<Reach>,
}

/// A key of an env file.
#[derive(Debug, Clone)]
pub(crate) struct EnvLine {
    /// The key.
    pub key: String,
    /// From 1.
    pub line: usize,
    /// The value as Compose reads it; empty counts as none.
    pub value: Secret,
    /// The sample beside it has the same one: nobody has chosen it.
    pub is_sample: bool,
}

/// A service that gets an env file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The service.
    pub service: ServiceName,
    /// `env_file` or `bind`.
    pub route: Route,
}

impl EnvText {
    /// Whether a service gets it as a file.
    pub(super) fn reaches(&self, service: &ServiceName) -> bool {
        self.reaches.iter().any(|reach| reach.service == *service)
    }

    pub(super) fn reaches_by(&self, service: &ServiceName, route: Route) -> bool {
        let wanted = |reach: &Reach| reach.service == *service && reach.route == route;
        self.reaches.iter().any(wanted)
    }

    /// Its lines with a value.
    pub(super) fn set(&self) -> impl Iterator<Item = &EnvLine> {
        self.lines
            .iter()
            .filter(|line| !line.value.expose().is_empty())
    }

    /// ` -F NAME`, where a command has to name it.
    pub(super) fn flag(&self) -> String {
        match self.is_first {
            true => String::new(),
            false => format!(" -F {}", shell_word(&self.name)),
        }
    }
}

/// What a page answered; the transport's reason where there was no answer.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// As it was asked for.
    pub url: String,
    /// The answer.
    pub reply: Result<Reply, String>,
}

/// The address that the person named.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Taken apart.
    pub address: Address,
    /// What the address itself answered.
    pub page: Answered,
    /// The application's page of health at this address, where one is known: below its root, and
    /// below its path where it has one.
    pub health: Vec<Answered>,
}

impl Visit {
    /// Where the answer sends browsers that is not this origin.
    pub(super) fn sent_to(&self) -> Option<Address> {
        let reply = self.page.reply.as_ref().ok()?;
        let location = reply.location.as_deref()?;
        let to = Address::parse(location).filter(|_| (300..400).contains(&reply.status))?;
        (to.origin() != self.address.origin()).then_some(to)
    }
}

/// A container as far as a diagnosis looks at it.
#[derive(Debug, Clone)]
pub(crate) struct SeenContainer {
    /// Its service.
    pub service: ServiceName,
    /// State now.
    pub state: State,
    /// Exit code of the last end.
    pub exit_code: i64,
    /// Health now.
    pub health: Health,
    /// What the last failed check printed, without secrets.
    pub health_output: Option<String>,
    /// The engine's message on a failed start, without secrets.
    pub error: String,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Restarts by the engine since it was made.
    pub restarts: u32,
    /// It runs, and the engine had to start it again some seconds ago.
    pub crashing: bool,
    /// Somebody stopped it.
    pub on_purpose: bool,
}

impl SeenContainer {
    pub(super) fn is_up(&self) -> bool {
        matches!(
            self.state,
            State::Running | State::Paused | State::Restarting
        )
    }
}

/// A Redis that a person started by hand: open to others, and without a password.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    /// The container.
    pub name: String,
    /// The port on the host.
    pub port: u16,
}

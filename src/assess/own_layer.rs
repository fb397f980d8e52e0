//! What lies in the containers themselves: files that a recreate discards, and keys that an
//! application has generated there because nobody gave it one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::assessment::Assessment;
use crate::docker::container::Container;
use crate::event::{Action, ServiceName};
use crate::hash::sha256;
use crate::host::files;
use crate::plan::own_layer::{self, DiscardedFile, DiscardedLayer};
use crate::profile::KEEPS_SECRETS;
use crate::request::Strategy;
use crate::secret::Secret;
use crate::stack::application::{self, Subject};
use crate::stack::generated::{self, GeneratedKey, ValueInUse};
use crate::stack::model::Service;
use crate::stack::side::FileEdit;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, routes};

/// So many files are named.
const NAMED: usize = 3;

/// The application of a stack, and its containers.
fn subject<'a>(place: &Place, assessment: &'a Assessment) -> Option<(Subject, Vec<&'a Container>)> {
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    let subject = application::of(&place.located.args.directory, model, None).ok()?;
    let own = assessment
        .containers
        .iter()
        .filter(|one| one.service == subject.service);
    let own = own.collect();
    Some((subject, own))
}

/// Keys that get a value, have none so far, and for which the application has generated one: with the
/// file that it lies in. One that becomes what was generated changes nothing.
pub(super) async fn generated_keys(
    place: &Place,
    assessment: &Assessment,
) -> Vec<(String, String)> {
    let Some((subject, containers)) = subject(place, assessment) else {
        return Vec::new();
    };
    let (profile, service) = (&subject.profile, &subject.service);
    let step = assessment.plan.step(service);
    let is_made = step.is_some_and(|step| step.action.makes_container());
    if profile.generated.is_empty() || assessment.edited.files.is_empty() && !is_made {
        return Vec::new();
    }
    let now = GivenKeys::of(assessment, &[]);
    let then = GivenKeys::of(assessment, &assessment.edited.files);
    let new: BTreeMap<&str, Secret> = profile
        .generated
        .keys()
        // Somebody may have written one since the container was made.
        .filter(|key| is_made || now.value(service, key).is_none())
        .filter_map(|key| Some((key.as_str(), then.value(service, key)?)))
        .collect();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for container in containers.iter().filter(|_| !new.is_empty()) {
        for own in generated::in_container(&place.docker, profile, container).await {
            if let (Some(then), ValueInUse::Generated(value)) =
                (new.get(own.key.as_str()), &own.value)
                && value.expose() != then.expose()
            {
                found.insert(own.key, own.file.display().to_string());
            }
        }
    }
    found.into_iter().collect()
}

/// What a recreate discards of each container that is replaced, and what the person should know of it.
pub(super) async fn discarded(
    place: &Place,
    assessment: &Assessment,
) -> (Vec<DiscardedLayer>, Vec<String>) {
    let (mut layers, mut notes) = (Vec::new(), Vec::new());
    for container in replaced(assessment) {
        let service = &container.service;
        let layer = |files| DiscardedLayer {
            container: container.id.clone(),
            service: service.clone(),
            files,
        };
        let written = match place.docker.written_in(&container.id).await {
            Ok(written) => written,
            Err(error) => {
                layers.push(layer(None));
                notes.push(format!("{service}: what its container has written outside of its volumes, and a recreate discards, is not known: {error}"));
                continue;
            }
        };
        let all = missed(assessment, container, &written);
        if all.is_empty() {
            continue;
        }
        layers.push(layer(Some(digests(place, container, &all).await)));
        let keys = keys_in(place, assessment, container).await;
        // What the files give from then on is not missed.
        let files = all.iter().filter(|file| !keys.is_kept(Path::new(file)));
        let mut files: Vec<&str> = files.copied().collect();
        // The engine lists them in no order, and only some are named.
        files.sort_by_key(|file| (!keys.is_lost(Path::new(file)), *file));
        notes.extend(told(service, &files, &keys));
    }
    (layers, notes)
}

/// The files among the paths of a container's layer that somebody may miss.
fn missed<'a>(
    assessment: &Assessment,
    container: &Container,
    written: &'a [String],
) -> Vec<&'a str> {
    let defined = [assessment.before.as_ref(), Some(&assessment.after)].into_iter();
    let defined = defined
        .flatten()
        .filter_map(|model| model.services.get(&container.service));
    // A `tmpfs` is empty after each stop as well.
    let places = |one: &Service| {
        let passing = one.tmpfs().map(PathBuf::from);
        let granted = routes::granted_targets(one).into_iter();
        granted.chain(passing).collect::<Vec<_>>()
    };
    let granted: Vec<PathBuf> = defined.flat_map(places).collect();
    let mounts = container.mounts.iter();
    let mounts = mounts.map(|mount| mount.destination.as_path());
    let mounted: Vec<&Path> = mounts.chain(granted.iter().map(PathBuf::as_path)).collect();
    own_layer::discarded(written, &mounted)
}

/// So many files are known by what is in them, and so many by name.
const READ: usize = 16;
const LISTED: usize = 1_000;

/// What is needed to know them again.
async fn digests(place: &Place, container: &Container, files: &[&str]) -> Vec<DiscardedFile> {
    let mut known = Vec::new();
    for (index, file) in files.iter().take(LISTED).enumerate() {
        // One that cannot be read is known by its name.
        let content = match index < READ {
            true => place.docker.file_in(&container.id, file).await,
            false => Ok(None),
        };
        known.push(DiscardedFile {
            path: (*file).to_owned(),
            digest: content.unwrap_or_default().map(|bytes| sha256(&bytes)),
        });
    }
    known
}

/// What the person should know of it, if anything.
fn told(service: &ServiceName, files: &[&str], keys: &LayerKeys) -> Option<String> {
    let (first, others) = files.split_first()?;
    let named = others.iter().take(NAMED - 1);
    let mut text = format!("recreating {service} discards {first}");
    named.for_each(|file| text.push_str(&format!(", {file}")));
    if files.len() > NAMED {
        text.push_str(&format!(" and {} more files", files.len() - NAMED));
    }
    text.push_str(&keys.what_is_lost());
    Some(text)
}

/// The containers that the plan replaces.
fn replaced(assessment: &Assessment) -> impl Iterator<Item = &Container> {
    assessment.containers.iter().filter(|container| {
        let step = assessment.plan.step(&container.service);
        step.is_some_and(|step| match step.action {
            Action::Recreate | Action::Rebuild | Action::Remove => true,
            Action::None | Action::Signal | Action::Start | Action::Restart => {
                assessment.strategy == Strategy::DownUp
            }
        })
    })
}

/// Keys that an application has generated in the own layer of a container.
#[derive(Debug, Default)]
pub(crate) struct LayerKeys {
    application: String,
    /// The next container has another value.
    lost: Vec<GeneratedKey>,
    /// The files give the value from now on.
    kept: Vec<GeneratedKey>,
    /// What another value of the lost ones brings with it.
    costs: Vec<String>,
}

impl LayerKeys {
    /// Whether nothing of it is lost.
    pub(crate) fn is_lossless(&self) -> bool {
        self.lost.is_empty()
    }

    fn is_kept(&self, file: &Path) -> bool {
        let lies = |keys: &[GeneratedKey]| keys.iter().any(|key| key.file == file);
        lies(&self.kept) && !self.is_lost(file)
    }

    fn is_lost(&self, file: &Path) -> bool {
        self.lost.iter().any(|key| key.file == file)
    }

    /// What becomes of it, behind a sentence on what is discarded.
    fn what_is_lost(&self) -> String {
        match self.is_lossless() {
            true => String::new(),
            false => format!(
                ": {} generated its {} there, and {}. To keep that, first: {KEEPS_SECRETS}",
                self.application,
                self.names(),
                self.costs.join(", and ")
            ),
        }
    }

    /// The same as a refusal of what is to keep people signed in.
    pub(crate) fn refusal(&self, service: &str) -> String {
        format!(
            "{} generated its {} in the container, and recreating {service} discards that: {}",
            self.application,
            self.names(),
            self.costs.join(", and ")
        )
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.lost.iter().map(|key| key.key.as_str()).collect();
        crate::text::listed(&names)
    }
}

/// The keys that the application generated in the own layer of one of its containers.
async fn keys_in(place: &Place, assessment: &Assessment, container: &Container) -> LayerKeys {
    let Some((subject, _)) = subject(place, assessment) else {
        return LayerKeys::default();
    };
    if container.service != subject.service {
        return LayerKeys::default();
    }
    let files = GivenKeys::of(assessment, &assessment.edited.files);
    let all = generated::in_container(&place.docker, &subject.profile, container).await;
    let own = all.into_iter().filter(GeneratedKey::is_lost_by_recreate);
    let (kept, lost): (Vec<_>, Vec<_>) = own.partition(|own| {
        let place = subject.profile.generated.get(&own.key);
        let others = place.into_iter().flat_map(|place| &place.instead);
        let mut keys = std::iter::once(&own.key).chain(others);
        keys.any(|key| files.value(&subject.service, key).is_some())
    });
    let mut costs: Vec<String> = Vec::new();
    for cost in lost
        .iter()
        .filter_map(|own| subject.profile.costs(&own.key))
    {
        if !costs.iter().any(|known| known == cost) {
            costs.push(cost.to_owned());
        }
    }
    LayerKeys {
        application: subject.profile.title,
        lost,
        kept,
        costs,
    }
}

/// The keys of the application that this change loses: its container is replaced, and nothing else has
/// what was generated in it.
pub(crate) async fn lost_keys(place: &Place, assessment: &Assessment) -> LayerKeys {
    for container in replaced(assessment) {
        let keys = keys_in(place, assessment, container).await;
        if !keys.is_lossless() {
            return keys;
        }
    }
    LayerKeys::default()
}

/// What the files give, with edits made.
struct GivenKeys<'a> {
    variables: StackVariables,
    directory: &'a Path,
    edits: &'a [FileEdit],
}

impl<'a> GivenKeys<'a> {
    fn of(assessment: &'a Assessment, edits: &'a [FileEdit]) -> Self {
        Self {
            variables: StackVariables::read_args(&assessment.args, edits),
            directory: &assessment.args.directory,
            edits,
        }
    }

    /// The value that they give a service's application for a key.
    fn value(&self, service: &ServiceName, key: &str) -> Option<Secret> {
        let read = |path: &Path| {
            let real = files::follow(path);
            let mut edits = self.edits.iter();
            match edits.find(|edit| files::follow(&edit.path) == real) {
                Some(edit) => edit.after.bytes().map(<[u8]>::to_vec),
                None => files::read_if_exists(path).ok().flatten(),
            }
        };
        let own = self.variables.service(service);
        let (_, value) = generated::given_by_files(own?, self.directory, key, &read)?;
        Some(value)
    }
}

/// Keys that the files give now and no longer would, so that the application generates others.
pub(super) async fn generated_anew(place: &Place, assessment: &Assessment) -> Vec<String> {
    let Some((subject, containers)) = subject(place, assessment) else {
        return Vec::new();
    };
    let (profile, service) = (&subject.profile, &subject.service);
    let now = GivenKeys::of(assessment, &[]);
    let then = GivenKeys::of(assessment, &assessment.edited.files);
    let goes =
        |key: &&String| now.value(service, key).is_some() && then.value(service, key).is_none();
    let gone: Vec<&String> = profile.generated.keys().filter(goes).collect();
    let Some(container) = containers.first().filter(|_| !gone.is_empty()) else {
        return Vec::new();
    };
    let seen = generated::in_container(&place.docker, profile, container).await;
    let told = seen
        .iter()
        .filter(|own| own.is_in_layer && gone.contains(&&own.key));
    told.map(|own| {
        format!(
            "{} is given no value then, and {} generates another one: {}",
            own.key,
            profile.title,
            profile
                .costs(&own.key)
                .unwrap_or("another value counts from then on")
        )
    })
    .collect()
}

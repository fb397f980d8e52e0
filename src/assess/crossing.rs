//! Which versions of the application a change passes: by its images, its files and the switches in them.
//! Reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::assessment::{Assessment, PinnedImage};
use crate::docker::EngineError;
use crate::docker::compose::ProjectArgs;
use crate::docker::container::Container;
use crate::edit::dotenv::{Dotenv, Format};
use crate::edit::yaml::{self, YamlPath};
use crate::event::ServiceName;
use crate::host::files;
use crate::plan::crossing::{Crossing, KeptBy, MissingSwitch, PassedStep, PassedSteps, WayBack};
use crate::profile::upgrades::{Heading, Passed};
use crate::profile::{Profile, UpgradeStep, WayBackSwitch, is_since, version};
use crate::stack::application::{self, Subject};
use crate::stack::model::{Model, Service};
use crate::stack::side::FileEdit;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, shown};

/// What is passed; `None` where the application gets no other version. `awaited`: services whose next
/// image is fetched or built first.
///
/// # Errors
/// The engine's: what a guard has not seen, it must not let pass.
pub(super) async fn of(
    place: &Place,
    assessment: &Assessment,
    awaited: &BTreeSet<ServiceName>,
) -> Result<Option<Crossing>, EngineError> {
    let directory = &place.located.args.directory;
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    let subject = application::of(directory, model, None);
    let Some(Subject {
        profile, service, ..
    }) = subject
        .ok()
        .filter(|subject| !subject.profile.upgrades.is_empty())
    else {
        return Ok(None);
    };
    let mut own = assessment.containers.iter();
    let Some(container) = own.find(|one| one.service == service) else {
        return Ok(None);
    };
    let step = assessment.plan.step(&service);
    if !step.is_some_and(|step| step.action.makes_container()) {
        return Ok(None);
    }
    let versions = Versions {
        place,
        assessment,
        profile: &profile,
        service: &service,
        container,
        is_awaited: awaited.contains(&service),
    };
    if versions.is_same_image().await? {
        return Ok(None);
    }
    let from = versions.present().await?;
    let to = versions.next(from.as_deref()).await?;
    let passed = match profile.passed(from.as_deref(), to.as_deref()) {
        Passed::Steps(_, steps) if steps.is_empty() => return Ok(None),
        Passed::NotKnown(steps) if steps.is_empty() => return Ok(None),
        Passed::Steps(heading, steps) => {
            let switches = Switches::of(place, assessment, &profile, &service);
            let steps = steps.into_iter();
            PassedSteps::Known(
                heading,
                steps.map(|step| switches.judge(heading, step)).collect(),
            )
        }
        Passed::NotKnown(steps) => PassedSteps::NotKnown {
            steps: steps.into_iter().cloned().collect(),
            is_awaited: versions.is_awaited,
        },
    };
    Ok(Some(Crossing {
        title: profile.title.clone(),
        service,
        from,
        to,
        passed,
    }))
}

/// Where the versions of the application are told.
struct Versions<'a> {
    place: &'a Place,
    assessment: &'a Assessment,
    profile: &'a Profile,
    service: &'a ServiceName,
    container: &'a Container,
    is_awaited: bool,
}

impl Versions<'_> {
    /// The next image's name or ID.
    fn next_image(&self) -> Option<String> {
        match self.pinned() {
            Some(image) => Some(image.id.clone()),
            None => self.assessment.after.image_of(self.service),
        }
    }

    async fn is_same_image(&self) -> Result<bool, EngineError> {
        let Some(next) = self.next_image().filter(|_| !self.is_awaited) else {
            return Ok(false);
        };
        let id = self.place.docker.image_id(&next).await?;
        Ok(id.as_ref() == Some(&self.container.image_id))
    }

    /// The version that runs: by the image, by a file in the container, by the checkout that it is built of.
    async fn present(&self) -> Result<Option<String>, EngineError> {
        let docker = &self.place.docker;
        let labels = docker.image(&self.container.image_id).await?;
        let labels = labels.map(|image| image.labels).unwrap_or_default();
        // The engine shows only an ID once the name belongs to another image.
        let name = Some(self.container.image.as_str()).filter(|name| !name.contains("sha256:"));
        if let Some(known) = version::of_image(&labels, name) {
            return Ok(Some(known));
        }
        if let Some(path) = &self.profile.version_file {
            // What cannot be read in it is not known.
            let bytes = docker.file_in(&self.container.id, path).await;
            if let Some(known) = bytes
                .ok()
                .flatten()
                .and_then(|bytes| version::of_package(&bytes))
            {
                return Ok(Some(known));
            }
        }
        let model = self.assessment.before.as_ref();
        let built = model.is_some_and(|model| self.is_built(model));
        let directory = &self.place.located.args.directory;
        Ok(built.then(|| of_folder(directory)).flatten())
    }

    /// The next version: by the image that is here, by what its registry says of it, by its tag, by the
    /// checkout that comes.
    async fn next(&self, from: Option<&str>) -> Result<Option<String>, EngineError> {
        let after = &self.assessment.after;
        let name = after.image_of(self.service);
        let image = match self.next_image().filter(|_| !self.is_awaited) {
            Some(next) => self.place.docker.image(&next).await?,
            None => None,
        };
        let labels = image.map(|image| image.labels).unwrap_or_default();
        let mut wanted = self.assessment.wanted().iter();
        let wanted = wanted.find(|wanted| Some(&wanted.name) == name.as_ref());
        let by_registry = wanted.and_then(|wanted| wanted.brought.as_ref());
        let by_registry =
            by_registry.and_then(|brought| version::of_image(&brought.labels, name.as_deref()));
        let by_image = by_registry.or_else(|| version::of_image(&labels, name.as_deref()));
        if by_image.is_some() {
            return Ok(by_image);
        }
        let by_image = self.next_file().await;
        if by_image.is_some() {
            return Ok(by_image);
        }
        let by_files = of_folder(&self.next_folder());
        Ok(match self.is_built(after) {
            // What is here and goes where the checkout stays was built of another commit.
            true if self.pinned().is_some() && self.assessment.moving().is_none() => None,
            true => by_files,
            // An image that comes from elsewhere may be ahead of the checkout, and not behind it.
            false if self.assessment.moving().is_some() => {
                by_files.filter(|to| from.is_some_and(|from| is_since(to, from)))
            }
            false => None,
        })
    }

    /// The image that is here already and that a way back gives to the service.
    fn pinned(&self) -> Option<&PinnedImage> {
        let mut images = self.assessment.images().iter();
        images.find(|image| image.service == *self.service)
    }

    /// As a file of the next image says it, once that is here. One that was built before says it as well: the
    /// checkout may have been moved by hand since.
    async fn next_file(&self) -> Option<String> {
        let path = self.profile.version_file.as_ref()?;
        let image = self.next_image().filter(|_| !self.is_awaited)?;
        // What cannot be read in it is not known.
        let bytes = self.place.docker.file_of_image(&image, path).await;
        version::of_package(&bytes.ok().flatten()?)
    }

    fn is_built(&self, model: &Model) -> bool {
        model
            .services
            .get(self.service)
            .is_some_and(Service::builds)
    }

    /// The stack's folder as it is to be.
    fn next_folder(&self) -> PathBuf {
        let directory = &self.place.located.args.directory;
        let moving = self.assessment.moving();
        let exported = moving.and_then(|moving| {
            let inside = moving.checkout.inside(directory)?;
            Some(moving.exported.path().join(inside))
        });
        exported.unwrap_or_else(|| directory.clone())
    }
}

fn of_folder(folder: &Path) -> Option<String> {
    let bytes = files::read_if_exists(&folder.join("package.json"))
        .ok()
        .flatten()?;
    version::of_package(&bytes)
}

/// The switches as files have them, on both sides of a change.
struct Switches<'a> {
    service: &'a ServiceName,
    before: Given<'a>,
    after: Given<'a>,
    /// Steps that the runs which are undone have passed with their way back kept.
    kept_until_now: &'a BTreeSet<String>,
}

impl<'a> Switches<'a> {
    fn of(
        place: &'a Place,
        assessment: &'a Assessment,
        profile: &'a Profile,
        service: &'a ServiceName,
    ) -> Self {
        let model = assessment.before.as_ref().unwrap_or(&assessment.after);
        let edits = assessment.edited.files.as_slice();
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        let undoing = assessment.undoing();
        Self {
            service,
            kept_until_now: undoing.map_or(NONE, |undoing| &undoing.kept_way_back),
            before: Given::of(
                place,
                (model, &assessment.args_before),
                &[],
                profile,
                service,
            ),
            after: Given::of(
                place,
                (&assessment.after, &assessment.args),
                edits,
                profile,
                service,
            ),
        }
    }

    fn judge(&self, heading: Heading, step: &UpgradeStep) -> PassedStep {
        PassedStep {
            step: step.clone(),
            way_back: self.way_back(heading, step),
            keys_missing: self.after.without(&step.needs_keys),
        }
    }

    /// Whoever goes back needs what was set as long as the newer version ran, and is set still.
    fn way_back(&self, heading: Heading, step: &UpgradeStep) -> WayBack {
        if step.way_back {
            return WayBack::Open;
        }
        let is_set = |switch: &WayBackSwitch| match heading {
            Heading::Up => self.after.has(switch),
            Heading::Down => {
                let was_set = self.kept_until_now.contains(&step.to) || self.after.has(switch);
                was_set && self.before.has(switch)
            }
        };
        let given = match heading {
            Heading::Up => &self.after,
            Heading::Down => &self.before,
        };
        let switches = step.keeps_way_back.iter();
        let missing: Vec<&WayBackSwitch> = switches.filter(|switch| !is_set(switch)).collect();
        match missing.is_empty() && !step.keeps_way_back.is_empty() {
            true => {
                let kept = step.keeps_way_back.iter();
                WayBack::Kept(kept.map(|switch| given.kept_by(switch)).collect())
            }
            false => {
                let missing = missing.into_iter();
                WayBack::Lost(
                    missing
                        .map(|one| given.missing(self.service, one))
                        .collect(),
                )
            }
        }
    }
}

/// What the application is given on one side of a change.
struct Given<'a> {
    directory: &'a Path,
    edits: &'a [FileEdit],
    profile: &'a Profile,
    service: Option<&'a Service>,
    /// Its environment, and what stands in a `.env` that it sees.
    environment: std::collections::BTreeMap<String, String>,
    /// A key of an env file reaches it.
    has_env_file: bool,
}

impl<'a> Given<'a> {
    fn of(
        place: &'a Place,
        (model, args): (&'a Model, &ProjectArgs),
        edits: &'a [FileEdit],
        profile: &'a Profile,
        name: &ServiceName,
    ) -> Self {
        let service = model.services.get(name);
        let variables = StackVariables::read_args(args, edits);
        let own = variables.service(name);
        let seen = own.into_iter().flat_map(|own| &own.env_binds);
        let mut given = Self {
            directory: &place.located.args.directory,
            edits,
            profile,
            service,
            environment: std::collections::BTreeMap::new(),
            has_env_file: own
                .is_some_and(|own| !own.env_binds.is_empty() || !own.env_files().is_empty()),
        };
        let files: Vec<_> = seen.flat_map(|path| given.env_file(path)).collect();
        given.environment.extend(files);
        // The environment of the process counts more than a file that the process reads.
        let resolved = service.into_iter().flat_map(|service| &service.environment);
        let resolved = resolved.filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
        given.environment.extend(resolved);
        given
    }

    fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let real = files::follow(path);
        let mut edits = self.edits.iter();
        let edit = edits.find(|edit| edit.path == path || files::follow(&edit.path) == real);
        match edit {
            Some(edit) => edit.after.bytes().map(<[u8]>::to_vec),
            None => files::read_if_exists(path).ok().flatten(),
        }
    }

    fn env_file(&self, path: &Path) -> Vec<(String, String)> {
        let bytes = self.bytes(path).unwrap_or_default();
        let read = Dotenv::parse(&bytes, Format::Compose);
        let values = read.ok().and_then(|tree| tree.read(&|_| None).ok());
        let values = values.unwrap_or_default().into_iter();
        values
            .filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }

    /// A file of the application's settings, where it is there and the application sees it.
    fn config(&self, file: &str) -> Option<String> {
        let path = self.directory.join(file);
        let target = Path::new(self.profile.config_files.get(file)?);
        let real = files::follow(&path);
        let mut binds = self.service?.binds.iter();
        binds.find(|bind| bind.target == target && files::follow(&bind.source) == real)?;
        String::from_utf8(self.bytes(&path)?).ok()
    }

    fn in_file(&self, switch: &WayBackSwitch) -> Option<String> {
        let text = self.config(switch.file.as_deref()?)?;
        let path = YamlPath::of_keys(switch.path.as_deref()?.split('.')).ok()?;
        let value = yaml::get(&text, &path).ok()??;
        Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    }

    fn has(&self, switch: &WayBackSwitch) -> bool {
        let is = |text: &str| text.trim().eq_ignore_ascii_case(&switch.value);
        if let Some(text) = self.in_file(switch) {
            return is(&text);
        }
        let key = switch.key.as_ref();
        key.and_then(|key| self.environment.get(key))
            .is_some_and(|text| is(text))
    }

    fn kept_by(&self, switch: &WayBackSwitch) -> KeptBy {
        let name = match (&switch.key, &switch.path) {
            (Some(key), _) if self.in_file(switch).is_none() => key,
            (_, Some(path)) => path,
            (Some(key), None) => key,
            (None, None) => &switch.value,
        };
        KeptBy {
            name: name.clone(),
            told: self.named(switch),
        }
    }

    fn named(&self, switch: &WayBackSwitch) -> String {
        let value = &switch.value;
        match (&switch.key, &switch.file, &switch.path) {
            (_, Some(file), Some(path)) if self.in_file(switch).is_some() => {
                format!("{path}: {value} in {file}")
            }
            (Some(key), ..) => format!("{key}={value}"),
            (None, file, path) => {
                let (file, path) = (file.as_deref(), path.as_deref());
                format!(
                    "{}: {value} in {}",
                    path.unwrap_or_default(),
                    file.unwrap_or_default()
                )
            }
        }
    }

    fn missing(&self, service: &ServiceName, switch: &WayBackSwitch) -> MissingSwitch {
        let WayBackSwitch {
            key,
            file,
            path,
            value,
        } = switch;
        let in_file = || {
            let (file, path) = (
                file.clone().unwrap_or_default(),
                path.clone().unwrap_or_default(),
            );
            match self.config(&file) {
                Some(_) => MissingSwitch::InFile {
                    file: shown(self.directory, &self.directory.join(&file)),
                    assignment: format!("{path}={value}"),
                },
                None => MissingSwitch::NoFile {
                    setting: format!("{path}: {value}"),
                    file,
                },
            }
        };
        match key {
            // What the file says counts more than the key.
            Some(key) if self.in_file(switch).is_none() => MissingSwitch::Key {
                assignment: format!("{key}={value}"),
                only_for: (!self.has_env_file).then(|| service.clone()),
            },
            Some(_) | None => in_file(),
        }
    }

    fn without(&self, keys: &[String]) -> Vec<String> {
        let has = |key: &&String| {
            self.environment
                .get(*key)
                .is_some_and(|value| !value.is_empty())
        };
        keys.iter().filter(|key| !has(key)).cloned().collect()
    }
}

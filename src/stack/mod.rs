//! What is there: which stack is meant, what Compose makes of its files, which containers run, and
//! where the two differ. Reads; changes nothing.

pub(crate) mod address;
pub(crate) mod application;
pub(crate) mod build;
pub(crate) mod build_inputs;
pub(crate) mod drift;
mod filled_paths;
pub(crate) mod generated;
pub(crate) mod identity;
pub(crate) mod locate;
pub(crate) mod misfit;
pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod sample;
pub(crate) mod side;
pub(crate) mod snapshot;
pub(crate) mod source;
pub(crate) mod staged;
pub(crate) mod stored;
pub(crate) mod suggested_path;
pub(crate) mod url;
pub(crate) mod variables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::compose::{Compose, ProjectArgs, parse_json};
use crate::docker::container::Container;
use crate::edit::dotenv::{Dotenv, Format};
use crate::event::ServiceName;
use crate::host::files;
use crate::host::process;
use crate::secret::Redactor;
use crate::settings::written::WrittenSettings;
use crate::settings::{Settings, WaitingAction};
pub(crate) use locate::shown;
use locate::{LocateRequest, Located, same_folder};
use model::Model;
use side::FileEdit;
use source::Source;
use staged::Staged;
use variables::{OwnVariables, StackVariables};

/// The engine, the Compose that belongs to it, and the stack that is meant.
#[derive(Clone)]
pub(crate) struct Place {
    /// The engine.
    pub docker: Docker,
    /// The plug-in.
    pub compose: Compose,
    /// The stack.
    pub located: Located,
    /// What of its `refit.yaml` counts: nothing is run or called for that nobody here has accepted.
    pub settings: Settings,
    /// All of its `refit.yaml`.
    pub written: WrittenSettings,
    /// What of it waits to be accepted, as far as that was looked up.
    pub waits: Vec<WaitingAction>,
    /// A folder of refit's own for what lives no longer than a command.
    pub scratch: PathBuf,
    /// Containers of every Compose project, as they were when the stack was looked for.
    pub containers: Vec<Container>,
}

impl Place {
    /// Whether a file is one that Compose reads the stack from: a compose file or an env file.
    pub(crate) fn is_config(&self, path: &Path) -> bool {
        let files = self.located.args.files.iter();
        files
            .chain(&self.located.env_files())
            .any(|file| file == path)
    }

    /// Finds the stack with the help of what runs. What its `refit.yaml` would do on this machine does not
    /// count yet: the room `trust` knows what of it may.
    ///
    /// # Errors
    /// No engine, no stack, or a `refit.yaml` that cannot be used.
    pub(crate) async fn find(
        docker: Docker,
        request: &LocateRequest,
        stamp: &Path,
        scratch: PathBuf,
    ) -> Result<Self, Complaint> {
        process::end_left_behind(&scratch).await;
        let containers = docker.compose_containers().await?;
        let located = locate::locate(request, &containers)?;
        let compose = Compose::find(Some(&docker.endpoint))?;
        // A disk that is full is no reason to say nothing.
        let compose = compose.clone().marked_in(&scratch).unwrap_or(compose);
        compose.require_version(stamp).await?;
        let written = WrittenSettings::load(&located.args.directory, &located.args.files)?;
        Ok(Self {
            docker,
            compose,
            located,
            settings: written.without_actions(),
            written,
            waits: Vec::new(),
            scratch,
            containers,
        })
    }

    /// The project's containers among those that were seen; `compose run`'s are left out.
    pub(crate) fn of_project(&self, project: &str) -> Vec<Container> {
        of_project(&self.containers, project)
    }

    /// Services that exit when their work is done; those of a known application are known.
    pub(crate) fn one_shots(&self, model: &Model) -> BTreeSet<ServiceName> {
        let known = application::of(&self.located.args.directory, model, None).ok();
        let known = known.map(|known| known.profile.one_shots);
        one_shots(model, &self.settings, &known.unwrap_or_default())
    }

    /// A path as it is shown: relative to the stack where it lies in it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        shown(&self.located.args.directory, path)
    }
}

/// The containers of one project, without those that `compose run` made.
pub(crate) fn of_project(containers: &[Container], project: &str) -> Vec<Container> {
    containers
        .iter()
        .filter(|c| c.project == project && !c.oneoff)
        .cloned()
        .collect()
}

/// What Compose makes of the files as they are.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// With every value in place.
    pub model: Model,
    /// With `${VAR}` in place.
    pub source: Source,
    /// The model as Compose printed it: JSON.
    pub json: String,
    /// What Compose warned of.
    pub warnings: Vec<String>,
}

/// Reads the stack as it is.
///
/// # Errors
/// Compose's own message.
pub(crate) async fn resolve(compose: &Compose, located: &Located) -> Result<Resolved, EngineError> {
    let (resolved, source) = tokio::join!(
        resolve_model(compose, located),
        compose.source_config(&located.args)
    );
    let resolved = resolved?;
    let own = OwnVariables::read(&located.args);
    let source = match source {
        Ok(source) => Some(source),
        // Without values Compose does not find files whose names have a `${…}` in them.
        Err(_) => filled_paths::source_config(compose, located, &own).await,
    };
    // Without it routes are told less exactly; the plan itself stands on the models.
    let source =
        source.map(|value| Source::of_json(&value).with_paths_filled(|text| own.fill_in(text)));
    let mut source = source.unwrap_or_default();
    learn_env_files(&mut source, &own);
    Ok(Resolved { source, ..resolved })
}

/// What variables become may stand in the stack's env files as well, and in those of services.
fn learn_env_files(source: &mut Source, own: &OwnVariables) {
    let of_services = source.services.values().flat_map(|one| &one.env_files);
    // In a raw one nothing is filled in.
    let of_services = of_services.filter(|file| !file.raw);
    let paths: BTreeSet<PathBuf> = of_services.map(|file| file.path.clone()).collect();
    for file in &own.files {
        source.learn_env_file(&file.tree);
    }
    for path in paths {
        let bytes = files::read_if_exists(&path).ok().flatten();
        if let Some(Ok(file)) = bytes.map(|bytes| Dotenv::parse(&bytes, Format::Compose)) {
            source.learn_env_file(&file);
        }
    }
}

/// What is said where the stack as it is cannot be read.
pub(crate) fn unreadable(error: EngineError) -> Complaint {
    if !matches!(error, EngineError::Compose { .. }) {
        return Complaint::from(error);
    }
    Complaint {
        code: Code::InvalidStack,
        text: "Compose cannot read this stack".to_owned(),
        ..Complaint::from(error)
    }
}

/// Reads the stack as it is, without where its values come from: one call of Compose.
///
/// # Errors
/// Compose's own message.
pub(crate) async fn resolve_model(
    compose: &Compose,
    located: &Located,
) -> Result<Resolved, EngineError> {
    let read = compose.config(&located.args).await;
    let read = read.map_err(|error| without_secrets(error, located, &[]))?;
    Ok(Resolved {
        model: Model::of_json(parse_json(&read.text)?),
        source: Source::default(),
        json: read.text,
        warnings: read.warnings,
    })
}

/// Compose repeats values that it cannot use, and lines that it cannot read; so of the env files and
/// compose files, of what they are to be, and of the files that it names, every line is taken as it stands.
fn without_secrets(error: EngineError, located: &Located, edits: &[FileEdit]) -> EngineError {
    let EngineError::Compose { what, message } = error else {
        return error;
    };
    let read = |file: PathBuf| files::read_if_exists(&file).ok().flatten();
    let files = located.env_files().into_iter();
    let files = files.chain(located.args.files.iter().cloned());
    let named = message.split_whitespace();
    let named = named.map(|word| Path::new(word.trim_matches([':', ',', '"', '\''])));
    let files = files.chain(named.filter(|word| word.is_absolute()).map(Path::to_owned));
    let before = files.filter_map(read);
    let after = edits
        .iter()
        .filter_map(|edit| Some(edit.after.bytes()?.to_owned()));
    let mut redactor = Redactor::default();
    for text in before.chain(after) {
        redactor.learn_lines(&String::from_utf8_lossy(&text));
    }
    let message = redactor.redact(&message);
    EngineError::Compose { what, message }
}

/// The stack as it is, and as it would be after the edits, read side by side (F27).
#[derive(Debug)]
pub(crate) struct BothSides {
    /// As it is; Compose's complaint where it cannot be read.
    pub before: Result<Resolved, EngineError>,
    /// As it would be.
    pub after: Result<Model, EngineError>,
    /// What Compose warns of only then.
    pub new_warnings: Vec<String>,
}

/// Reads both sides of a change. Nothing of the stack is written (F18).
///
/// `after` is the stack with the files that it will load then: an edit may add one.
///
/// # Errors
/// The staging folder cannot be written.
pub(crate) async fn resolve_both(
    place: &Place,
    after: &ProjectArgs,
    edits: &[FileEdit],
) -> anyhow::Result<BothSides> {
    let (compose, located) = (&place.compose, &place.located);
    if edits.iter().all(FileEdit::is_noop) && *after == located.args {
        // Both sides are one, and there is no route to tell: one call of Compose in place of three.
        let before = resolve_model(compose, located).await;
        let after = before.clone().map(|resolved| resolved.model);
        let new_warnings = Vec::new();
        return Ok(BothSides {
            before,
            after,
            new_warnings,
        });
    }
    let staged = Staged::new(after, edits, &place.scratch)?;
    let after = async {
        let (value, warnings) = read_staged(place, &staged, edits).await?;
        Ok((Model::of_json(value), warnings))
    };
    let (before, after) = tokio::join!(resolve(compose, located), after);
    let known = before.as_ref().map(|before| before.warnings.as_slice());
    let known = known.unwrap_or_default();
    let mut new_warnings = Vec::new();
    let after = after.map(|(model, warnings)| {
        let new = warnings.into_iter().filter(|text| !known.contains(text));
        new_warnings.extend(new);
        model
    });
    Ok(BothSides {
        before,
        after,
        new_warnings,
    })
}

async fn read_staged(
    place: &Place,
    staged: &Staged,
    edits: &[FileEdit],
) -> Result<(serde_json::Value, Vec<String>), EngineError> {
    let (compose, located) = (&place.compose, &place.located);
    let read = compose
        .config_of_staged(&staged.args, staged.prefix())
        .await;
    // The same words are taken out of both sides, which are compared.
    read.map_err(|error| without_secrets(error, located, edits))
}

/// The model as it would be with other texts. Inside: what Compose says of them.
///
/// # Errors
/// The staging folder cannot be written.
pub(crate) async fn resolve_staged(
    place: &Place,
    args: &ProjectArgs,
    edits: &[FileEdit],
) -> anyhow::Result<Result<serde_json::Value, EngineError>> {
    let staged = Staged::new(args, edits, &place.scratch)?;
    let read = read_staged(place, &staged, edits).await;
    Ok(read.map(|(value, _)| value))
}

/// What the staged model cannot show: an edited env file that a compose file names by its absolute
/// path is read from the stack itself. Its new values are put into the model here.
pub(crate) fn with_absolute_env_files(
    mut after: Model,
    variables: &StackVariables,
    edits: &[FileEdit],
) -> Model {
    let is_edited = |path: &Path| {
        let real = files::follow(path);
        edits.iter().any(|edit| files::follow(&edit.path) == real)
    };
    for (name, own) in variables.services() {
        let Some(new) = after.services.get_mut(name) else {
            continue;
        };
        for file in own.env_files().iter().filter(|file| is_edited(&file.path)) {
            for (key, value) in &file.values {
                let counts = own.environment.get(key) == Some(&Some(value.clone()));
                if counts && new.environment.get(key) != own.environment.get(key) {
                    new.set_variable(key, value);
                }
            }
        }
    }
    after
}

/// Keys and values of the stack's own env files, those of a later file behind those of an earlier one.
pub(crate) fn env_of(located: &Located) -> Vec<(String, String)> {
    let files = OwnVariables::read(&located.args).files.into_iter();
    files.flat_map(|file| file.values).collect()
}

/// Services that exit when their work is done: told so by the person, known of the application, or
/// waited for by others with `service_completed_successfully`.
fn one_shots(model: &Model, settings: &Settings, known: &[String]) -> BTreeSet<ServiceName> {
    let told = settings
        .services
        .iter()
        .filter(|(_, s)| s.one_shot)
        .map(|(name, _)| name.clone());
    let awaited = model.services.values().flat_map(|service| {
        service
            .depends_on
            .iter()
            .filter(|(_, d)| d.condition == model::Condition::CompletedSuccessfully)
            .map(|(name, _)| name.clone())
    });
    let known = known.iter().map(|name| name.as_str().into());
    told.chain(awaited).chain(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_when_the_work_is_done() {
        let model = Model::of_json(serde_json::json!({"services": {
            "web": {"depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "migrate": {}, "seed": {}, "index": {},
        }}));
        let settings = serde_saphyr::from_str("services: {seed: {one_shot: true}}").unwrap();
        let found = one_shots(&model, &settings, &["index".to_owned()]);
        let wanted = ["index", "migrate", "seed"].map(ServiceName::from);
        assert_eq!(found, BTreeSet::from(wanted));
    }
}

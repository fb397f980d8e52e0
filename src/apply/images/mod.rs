//! Images are fetched and built while the old containers serve (F9): what fails here has cost nobody
//! their service.

mod architecture;
pub(crate) mod build_file;
pub(crate) mod built;
pub(crate) mod fetch;
pub(crate) mod lost;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::assessment::Assessment;
use crate::assessment::PinnedImage;
use crate::assessment::supply::WantedImage;
use crate::complaint::{Code, Complaint};
use crate::docker::compose::{BuildOptions, ProjectArgs};
use crate::docker::credentials::Logins;
use crate::docker::reference::split_tag;
use crate::docker::registry::{PullProgress, RegistryError};
use crate::event::{Action, Emitter, Kind, ServiceName};
use crate::failure::Failure;
use crate::fault::fault;
use crate::stack::Place;
use crate::stack::model::Model;
use built::PassingNames;
use fetch::{FetchedImage, fetch};

/// Fetches and builds what the plan needs and the engine does not have, and gives the names that
/// the stack uses to what has come. `folder` is the run's.
///
/// # Errors
/// The registry's or the build's message.
pub(crate) async fn images(
    place: &Place,
    assessment: &Assessment,
    folder: &Path,
    emitter: &Emitter,
) -> Result<(), Failure> {
    for image in assessment.images() {
        let id = previous(place, image, emitter).await?;
        // F32: the old image gets its name back before Compose looks for it.
        let (repository, tag) = split_tag(&image.name);
        place.docker.tag(&id, repository, tag).await?;
    }
    let needs = needs(place, assessment).await?;
    let fetched = fetch_all(place, &needs.fetch, emitter).await?;
    architecture::check(place, assessment, &needs.fetch, &fetched).await?;
    for FetchedImage { name, image } in &fetched {
        let (repository, tag) = split_tag(name);
        place.docker.tag(&image.id, repository, tag).await?;
    }
    if needs.build.is_empty() {
        return Ok(());
    }
    let what = of_assessment(assessment);
    build(place, &what, &needs.build, folder, emitter).await
}

/// The image that a rollback returns a service to, by its ID; fetched again where it is gone since.
async fn previous(
    place: &Place,
    image: &PinnedImage,
    emitter: &Emitter,
) -> Result<String, Failure> {
    if place.docker.image_id(&image.id).await?.is_some() {
        return Ok(image.id.clone());
    }
    let told = |sum: &PullProgress| emitter.emit(pulling(&image.name, sum.done(), sum.total()));
    match lost::pull_again(&place.docker, image, told).await {
        Ok(Some(id)) => Ok(id),
        Ok(None) => {
            let text = format!("the previous image of {} is gone", image.service);
            Err(Failure::new(Code::CheckpointGone, text))
        }
        Err(error) => Err(pull_failed(error)),
    }
}

/// What is missing.
#[derive(Default)]
struct Needs {
    fetch: Vec<WantedImage>,
    build: Vec<ServiceName>,
}

async fn needs(place: &Place, assessment: &Assessment) -> Result<Needs, Failure> {
    let mut needs = Needs {
        fetch: assessment.wanted().to_vec(),
        build: Vec::new(),
    };
    let steps = assessment.plan.steps.iter();
    for step in steps.filter(|step| step.action.makes_container()) {
        let given = |image: &PinnedImage| image.service == step.service;
        if assessment.images().iter().any(given) {
            continue;
        }
        let (Some(service), Some(name)) = (
            assessment.after.services.get(&step.service),
            assessment.after.image_of(&step.service),
        ) else {
            continue;
        };
        let missing = place.docker.image_id(&name).await?.is_none();
        if service.builds() && (missing || step.action == Action::Rebuild) {
            needs.build.push(step.service.clone());
        } else if missing && needs.fetch.iter().all(|wanted| wanted.name != name) {
            let platform = service.raw.get("platform");
            needs.fetch.push(WantedImage {
                name,
                platform: platform.and_then(|p| p.as_str()).map(Into::into),
                digest: None,
                brought: None,
            });
        }
    }
    Ok(needs)
}

/// Fetches images, telling how much has come.
///
/// # Errors
/// `pull_failed`, with the registry's message.
pub(crate) async fn fetch_all(
    place: &Place,
    wanted: &[WantedImage],
    emitter: &Emitter,
) -> Result<Vec<FetchedImage>, Failure> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let progress = |name: &str, done: u64, total: u64| emitter.emit(pulling(name, done, total));
    let done = fetch(&place.docker, wanted, &Logins::of_cli(), progress).await;
    done.map_err(pull_failed)
}

fn pulling(name: &str, done: u64, total: u64) -> Kind {
    Kind::Progress {
        what: format!("pull {name}"),
        done,
        total: Some(total),
    }
}

fn pull_failed(error: RegistryError) -> Failure {
    let complaint = Complaint::from(error);
    let mut failure = Failure::new(Code::PullFailed, complaint.text);
    failure.details = complaint.details;
    failure.details.extend(complaint.hint);
    failure
}

/// What images are built of.
pub(crate) struct BuildSource<'a> {
    /// The services' definitions.
    pub model: &'a Model,
    /// The folder that the model has its paths below.
    pub from: PathBuf,
    /// Where its files are taken from.
    pub to: PathBuf,
    /// What Compose is told.
    pub args: ProjectArgs,
    /// Fetch the base images anew.
    pub pull: bool,
}

/// In place, or, where the checkout is about to move, from the new version's exported tree.
fn of_assessment(assessment: &Assessment) -> BuildSource<'_> {
    let args = &assessment.args;
    let (from, to) = match assessment.moving() {
        None => (args.directory.clone(), args.directory.clone()),
        Some(moving) => {
            let named = &moving.checkout.named;
            let to = moving.exported.path().join(&named.inside);
            (named.folder.clone(), to)
        }
    };
    // Secrets of a build may come from there. Of a new version they are not in place yet.
    let env_files = match assessment.moving() {
        None => args.env_files.clone(),
        Some(_) => Vec::new(),
    };
    BuildSource {
        model: &assessment.after,
        from,
        to,
        args: ProjectArgs {
            env_files,
            ..args.clone()
        },
        pull: assessment
            .supply()
            .is_some_and(|supply| supply.refresh_bases),
    }
}

/// Builds the images of some services, and gives them the names that the stack uses.
///
/// # Errors
/// `build_failed`, with the builder's message.
pub(crate) async fn build(
    place: &Place,
    what: &BuildSource<'_>,
    services: &[ServiceName],
    folder: &Path,
    emitter: &Emitter,
) -> Result<(), Failure> {
    let model = what.model;
    built::forget(&place.docker, &model.name).await;
    let all = build_file::with_contexts(model, services);
    let names = PassingNames::new(&model.name, folder, all);
    let json = build_file::build_file(model, &names, &what.from, &what.to);
    let document = written(place, &json)?;
    let args = ProjectArgs {
        files: vec![document.path().to_owned()],
        name: Some(model.name.clone()),
        profiles: Vec::new(),
        ..what.args.clone()
    };
    let line = |text: &str| {
        let what = text.trim().to_owned();
        if !what.is_empty() {
            emitter.emit(Kind::Progress {
                what,
                done: 0,
                total: None,
            });
        }
    };
    let options = BuildOptions { pull: what.pull };
    let done = place.compose.build(&args, services, options, line).await;
    done.map_err(|error| Failure::of_engine(Code::BuildFailed, error))?;
    fault!("supply.built");
    names.replace(&place.docker, model, services).await?;
    built::forget(&place.docker, &model.name).await;
    Ok(())
}

/// The document holds build arguments, which may be secret: it is this user's alone.
fn written(place: &Place, json: &serde_json::Value) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(&format!("{}-build-", std::process::id()))
        .suffix(".json")
        .tempfile_in(&place.scratch)
        .context("cannot write what is to be built")?;
    std::io::Write::write_all(&mut file, json.to_string().as_bytes())
        .context("cannot write what is to be built")?;
    Ok(file)
}

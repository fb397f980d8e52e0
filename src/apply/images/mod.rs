//! Images are fetched and built while the old containers serve (F9): what fails here has cost nobody
//! their service.

pub(crate) mod build_file;
pub(crate) mod built;
pub(crate) mod fetch;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::assessment::Assessment;
use crate::assessment::PinnedImage;
use crate::assessment::supply::WantedImage;
use crate::complaint::{Code, Complaint};
use crate::docker::compose::{BuildOptions, ProjectArgs};
use crate::docker::credentials::Logins;
use crate::docker::reference::split_tag;
use crate::event::{Action, Emitter, Kind, ServiceName};
use crate::failure::Failure;
use crate::fault::fault;
use crate::stack::Place;
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
        // F32: the old image gets its name back before Compose looks for it.
        let (repository, tag) = split_tag(&image.name);
        place.docker.tag(&image.id, repository, tag).await?;
    }
    let needs = needs(place, assessment).await?;
    let fetched = fetch_all(place, &needs.fetch, emitter).await?;
    for FetchedImage { name, image } in &fetched {
        let (repository, tag) = split_tag(name);
        place.docker.tag(&image.id, repository, tag).await?;
    }
    build(place, assessment, &needs.build, folder, emitter).await
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
    let progress = |name: &str, done: u64, total: u64| {
        emitter.emit(Kind::Progress {
            what: format!("pull {name}"),
            done,
            total: Some(total),
        });
    };
    let done = fetch(&place.docker, wanted, &Logins::of_cli(), progress).await;
    done.map_err(|error| {
        let complaint = Complaint::from(error);
        let mut failure = Failure::new(Code::PullFailed, complaint.text);
        failure.details = complaint.details;
        failure.details.extend(complaint.hint);
        failure
    })
}

/// Builds in place, or, where the checkout is about to move, from the new version's exported tree.
async fn build(
    place: &Place,
    assessment: &Assessment,
    services: &[ServiceName],
    folder: &Path,
    emitter: &Emitter,
) -> Result<(), Failure> {
    if services.is_empty() {
        return Ok(());
    }
    let (model, directory) = (&assessment.after, &assessment.args.directory);
    built::forget(&place.docker, &model.name).await;
    let all = build_file::with_contexts(model, services);
    let names = PassingNames::new(&model.name, folder, all);
    let (from, to) = match assessment.moving() {
        None => (directory.as_path(), directory.clone()),
        Some(moving) => {
            let named = &moving.checkout.named;
            let to = moving.exported.path().join(&named.inside);
            (named.folder.as_path(), to)
        }
    };
    let json = build_file::build_file(model, &names, from, &to);
    let document = written(place, &json)?;
    let args = args_of(assessment, document.path().to_owned());
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
    let options = BuildOptions {
        pull: assessment
            .supply()
            .is_some_and(|supply| supply.refresh_bases),
    };
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

fn args_of(assessment: &Assessment, file: PathBuf) -> ProjectArgs {
    ProjectArgs {
        files: vec![file],
        name: Some(assessment.after.name.clone()),
        // Secrets of a build may come from there. Of a new version they are not in place yet.
        env_files: match assessment.moving() {
            None => assessment.args.env_files.clone(),
            Some(_) => Vec::new(),
        },
        profiles: Vec::new(),
        directory: assessment.args.directory.clone(),
    }
}

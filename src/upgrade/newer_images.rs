//! Newer images of an upgrade: which of them are new to this machine and old enough, and into the plan.

use std::collections::BTreeSet;

use super::checkout;
use super::images::versions::ImageVersions;
use super::images::{self, NewerImage};
use crate::apply::images::fetch_all;
use crate::assessment::supply::WantedImage;
use crate::assessment::{Assessment, ImagesLook};
use crate::complaint::Complaint;
use crate::docker::credentials::Logins;
use crate::event::{Emitter, ImageNews, Phase, Unanswered};
use crate::profile::version;
use crate::request::Options;
use crate::stack::Place;

/// What registries told, and what they did not.
pub(super) struct ImagesFound {
    /// Newer images.
    pub(super) images: Vec<ImageNews>,
    /// Those of them that are fetched.
    pub(super) wanted: Vec<WantedImage>,
    /// What is not known.
    pub(super) unanswered: Vec<Unanswered>,
    /// In numbers.
    pub(super) look: ImagesLook,
}

/// Puts newer images into the plan.
pub(super) async fn put_into_plan(
    place: &Place,
    assessment: &mut Assessment,
    options: &Options,
    emitter: &Emitter,
    notes: &mut Vec<String>,
) -> Result<ImagesFound, Complaint> {
    let logins = Logins::of_cli();
    let found = images::news(
        &place.docker,
        &assessment.after,
        &assessment.containers,
        &logins,
    )
    .await?;
    // What is made here is left alone on every day: whoever only looks may want to know.
    let says = |note: &&images::ImageNote| {
        options.dry_run || !matches!(note, images::ImageNote::MadeHere { .. })
    };
    notes.extend(found.notes.iter().filter(says).map(images::ImageNote::text));
    let unanswered = found.unanswered();
    let min_age = place.settings.upgrade.min_age;
    let mut newer = found.images;
    if !options.dry_run {
        newer = new_to_this_machine(place, newer, emitter, notes).await;
    }
    let names: BTreeSet<&str> = newer.iter().map(|news| news.name.as_str()).collect();
    let names = names.len();
    if !min_age.is_zero() && !options.dry_run {
        newer = old_enough(place, newer, emitter, notes).await;
    }
    let mut told = Vec::new();
    let mut wanted = Vec::new();
    for image in &newer {
        let news = news_of(assessment, image);
        // The definition that names another image is a reason of its own.
        let takes_part = match &news.was {
            Some(_) => assessment.makes_anew(&image.service),
            None if assessment.plan.stack_is_down => false,
            None => assessment.recreate(&image.service, reason(image, &news)),
        };
        if takes_part && !assessment.plan.stack_is_down {
            wanted.push(WantedImage::from(image));
        }
        told.push(news);
    }
    let look = ImagesLook {
        asked: found.asked,
        silent: found.silent,
        unknown: found.unknown,
        newer: names,
    };
    Ok(ImagesFound {
        images: told,
        wanted,
        unanswered,
        look,
    })
}

fn reason(image: &NewerImage, news: &ImageNews) -> String {
    let name = &image.name;
    match (&image.remote, news.versions()) {
        (Some(_), Some(versions)) => {
            let versions = crate::text::line(&versions);
            let what = match goes_down(news) {
                true => "another image",
                false => "a newer image",
            };
            format!("{what} of {name} is available: {versions}")
        }
        (Some(_), None) => format!("a newer image of {name} is available"),
        (None, _) => format!(
            "its registry has something newer under {name}; not looked at: whether for this machine"
        ),
    }
}

/// Whether upstream has gone back: a newer push, and an older version.
fn goes_down(news: &ImageNews) -> bool {
    let from = news.from_version.as_deref();
    from.zip(news.to_version.as_deref())
        .is_some_and(|(from, to)| {
            let both = version::has_numbers(from) && version::has_numbers(to);
            both && !version::is_since(to, from)
        })
}

fn news_of(assessment: &Assessment, image: &NewerImage) -> ImageNews {
    let before = assessment.before.as_ref();
    let was = before.and_then(|model| model.image_of(&image.service));
    let versions = ImageVersions::of(&image.running, image.remote.as_ref());
    ImageNews {
        service: image.service.clone(),
        name: image.name.clone(),
        from: image.running.digests.first().cloned(),
        to: image.registry_digest.clone(),
        was: was.filter(|was| *was != image.name),
        from_version: versions.from,
        to_version: versions.to,
        release_notes: versions.release_notes,
    }
}

/// Leaves out what has come already: where nobody told what is behind a name for this machine, its image is
/// fetched, and compared with the one that runs, before anything is planned. By its digest no name moves.
async fn new_to_this_machine(
    place: &Place,
    news: Vec<NewerImage>,
    emitter: &Emitter,
    notes: &mut Vec<String>,
) -> Vec<NewerImage> {
    if news.iter().any(|one| one.remote.is_none()) {
        emitter.phase(Phase::Fetch);
    }
    let mut new = Vec::new();
    for mut one in news {
        if one.remote.is_some() {
            new.push(one);
            continue;
        }
        // What cannot be fetched fails the run, which says so.
        if let Ok(fetched) = fetch_all(place, &[WantedImage::from(&one)], emitter).await
            && let Some(fetched) = fetched.first()
        {
            if fetched.image.id == one.running.id {
                notes.push(format!(
                    "the registry's list of {} is another one, and names the image that runs already",
                    one.name
                ));
                continue;
            }
            one.remote = Some(fetched.as_remote());
        }
        new.push(one);
    }
    new
}

/// How old an image is, nobody tells before it is fetched. By its digest no name moves.
async fn old_enough(
    place: &Place,
    news: Vec<NewerImage>,
    emitter: &Emitter,
    notes: &mut Vec<String>,
) -> Vec<NewerImage> {
    if !news.is_empty() {
        emitter.phase(Phase::Fetch);
    }
    let min_age = place.settings.upgrade.min_age;
    let now = jiff::Timestamp::now();
    let mut old_enough = Vec::new();
    for one in news {
        let fetched = fetch_all(place, &[WantedImage::from(&one)], emitter).await;
        let created = match &fetched {
            Ok(fetched) => fetched.first().and_then(|fetched| fetched.image.created),
            // What else is new does not wait for this one.
            Err(failure) => {
                notes.push(format!("{} is not upgraded: {}", one.name, failure.text()));
                continue;
            }
        };
        match images::too_young(created, min_age, now) {
            None => old_enough.push(one),
            Some(left) => {
                let left = checkout::in_words(left);
                let text = format!(
                    "the new image of {} is eligible in {left} (min_age: {})",
                    one.name,
                    checkout::in_words(min_age)
                );
                if !notes.contains(&text) {
                    notes.push(text);
                }
            }
        }
    }
    old_enough
}

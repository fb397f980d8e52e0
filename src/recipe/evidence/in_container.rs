//! Looks into an application's image, and into its container for code. Nothing is run in there, and it
//! is bounded in bytes and time. Effects; decides nothing.

use crate::docker::EngineError;
use crate::docker::archive::Extent;
use crate::docker::container::{Container, Inspected};
use crate::recipe::evidence::image::{self, ImageEvidence};
use crate::stack::application::Subject;
use crate::stack::{Place, Resolved};
use crate::text;

/// What shows in the image and the container of the application that these keys are read, and which ones
/// it reads whose names hold one of these words.
pub(crate) async fn look(
    place: &Place,
    resolved: &Resolved,
    subject: &Subject,
    keys: &[&str],
    words: &[String],
) -> ImageEvidence {
    let service = &subject.service;
    let containers = place.of_project(&resolved.model.name);
    let own = containers.iter().find(|one| one.service == *service);
    let named = resolved.model.image_of(service).unwrap_or_default();
    let image = own.map_or(named.as_str(), |own| own.image_id.as_str());
    let mut found = ImageEvidence {
        image: named.clone(),
        ..ImageEvidence::default()
    };
    // An image that cannot be asked shows nothing; what is said of its code tells that the engine failed.
    if let Ok(Some(brought)) = place.docker.brought_by(image).await {
        found.env = brought.env.into_keys().collect();
        found.labels = brought.labels;
    }
    let Some(own) = own else {
        found.looked =
            format!("the code in its image was not looked at, for {service} has no container");
        return found;
    };
    found.looked = match code(place, own, keys, words, &mut found).await {
        Ok(looked) => looked,
        Err(error) => format!("the code in its container could not be looked at: {error}"),
    };
    found
}

/// Looks at the code in a container; says how far.
async fn code(
    place: &Place,
    container: &Container,
    keys: &[&str],
    words: &[String],
    found: &mut ImageEvidence,
) -> Result<String, EngineError> {
    let Some(inspected) = place.docker.inspect(&container.id).await? else {
        return Ok("the code in its container was not looked at, for it is gone".to_owned());
    };
    let folder = inspected.working_dir.to_string_lossy();
    let places = image::places(&folder, &inspected.entrypoint, &inspected.command);
    let (mut whole, mut begun, mut texts) = (Vec::new(), Vec::new(), 0);
    for at in &places {
        let below = |path: &str| {
            path.strip_prefix(at)
                .map(|rest| rest.trim_start_matches('/').to_owned())
        };
        let named = |path: &str| match below(path) {
            Some(below) if !below.is_empty() => below,
            Some(_) | None => path.rsplit('/').next().unwrap_or(path).to_owned(),
        };
        let wants =
            |path: &str, size| image::is_wanted(&named(path), size) && !is_data(&inspected, path);
        let see = |path: &str, bytes: &[u8]| {
            if image::is_text(bytes) {
                texts += 1;
                let text = String::from_utf8_lossy(bytes);
                found.look_at(path, &named(path), &text, keys, words);
            }
        };
        match place.docker.files_at(&container.id, at, wants, see).await? {
            Extent::Whole => whole.push(at.as_str()),
            Extent::Beginning => begun.push(at.as_str()),
            Extent::Nothing => {}
        }
    }
    Ok(match (texts, whole.is_empty(), begun.is_empty()) {
        (0, ..) => "the code in its container was not looked at, for none of it is seen to be text"
            .to_owned(),
        (_, _, true) => format!(
            "no text in {} of its container does, libraries aside",
            text::listed(&whole)
        ),
        (_, _, false) => format!(
            "of {} in its container, which is large, only the beginning was looked at",
            text::listed(&begun)
        ),
    })
}

/// Whether a path lies in a volume: what is in there is data.
fn is_data(inspected: &Inspected, path: &str) -> bool {
    let mut mounts = inspected.mounts.iter();
    mounts.any(|mount| {
        mount.kind == "volume" && std::path::Path::new(path).starts_with(&mount.destination)
    })
}

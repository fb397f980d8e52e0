//! Images that this machine cannot run: found when they have come, before the first container stops.

use super::fetch::FetchedImage;
use crate::assessment::Assessment;
use crate::assessment::supply::WantedImage;
use crate::complaint::Code;
use crate::docker::EngineError;
use crate::failure::Failure;
use crate::stack::Place;

/// Refuses an image of another architecture than the engine's, unless the files ask for one by `platform:`, or
/// the service runs one of it already, as with an emulator.
///
/// # Errors
/// `wrong_architecture`.
pub(super) async fn check(
    place: &Place,
    assessment: &Assessment,
    wanted: &[WantedImage],
    fetched: &[FetchedImage],
) -> Result<(), Failure> {
    if fetched.is_empty() {
        return Ok(());
    }
    let engine = place.docker.platform().await?;
    for one in fetched {
        let asked = wanted.iter().find(|wanted| wanted.name == one.name);
        let is_asked_for = asked.is_some_and(|wanted| wanted.platform.is_some());
        let is = &one.image.platform;
        if is_asked_for || runs_on(&engine, is) || is_run_already(place, assessment, one).await? {
            continue;
        }
        let text = format!(
            "the image {} is for {}/{}, and this engine runs {}/{}",
            one.name, is.0, is.1, engine.0, engine.1
        );
        let mut failure = Failure::new(Code::WrongArchitecture, text);
        let hint = "with an emulator: set platform: of the service to what the image is for";
        failure.details.push(hint.to_owned());
        return Err(failure);
    }
    Ok(())
}

async fn is_run_already(
    place: &Place,
    assessment: &Assessment,
    one: &FetchedImage,
) -> Result<bool, EngineError> {
    for container in &assessment.containers {
        let name = assessment.after.image_of(&container.service);
        if name.as_ref() != Some(&one.name) {
            continue;
        }
        let running = place.docker.image(&container.image_id).await?;
        if running.is_some_and(|running| running.platform == one.image.platform) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Processors that run another one's programs are few. What does not say what it is for is left to the engine.
fn runs_on(engine: &(String, String), image: &(String, String)) -> bool {
    let (os, architecture) = (image.0.as_str(), image.1.as_str());
    if os.is_empty() || architecture.is_empty() || engine.1.is_empty() {
        return true;
    }
    let also: &[&str] = match engine.1.as_str() {
        "amd64" => &["386"],
        "arm64" => &["arm"],
        _ => &[],
    };
    os == engine.0 && (architecture == engine.1 || also.contains(&architecture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_runs() {
        let platform = |text: &str| {
            let (os, architecture) = text.split_once('/').unwrap();
            (os.to_owned(), architecture.to_owned())
        };
        for (engine, image, expected) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/386", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/arm64", "linux/arm", true),
            ("linux/arm64", "linux/amd64", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/amd64", "/", true),
        ] {
            let found = runs_on(&platform(engine), &platform(image));
            assert_eq!(found, expected, "{image} on {engine}");
        }
    }
}

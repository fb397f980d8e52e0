//! The page on which a known application says that it is well, as a probe of a service that has no
//! healthcheck of its own, or one that calls it unhealthy. Asked only of what answered there before the run, and of no other version: a
//! rollback on a false alarm is the worst that can happen.

use std::time::Duration;

use crate::assessment::Assessment;
use crate::docker::container::{Container, Health};
use crate::event::{Action, ServiceName};
use crate::host::http::{self, Answer};
use crate::settings::Probe;
use crate::stack::model::Model;
use crate::stack::{Place, address, application};

/// How long the application may take to its answer before the run.
const PATIENCE: Duration = Duration::from_secs(2);

/// The service and what it answers now, where the same can be asked after the change.
pub(crate) async fn of(place: &Place, assessment: &Assessment) -> Option<(ServiceName, Probe)> {
    let before = assessment.before.as_ref()?;
    let subject = application::of(&place.located.args.directory, before, None).ok()?;
    let (service, profile) = (&subject.service, &subject.profile);
    let pages = profile.health_pages(subject.version.as_deref());
    let is_asked_otherwise = place.settings.service(service).probe.is_some();
    if pages.is_empty()
        || is_asked_otherwise
        || !place.docker.endpoint.is_local()
        || !is_same_version(assessment, service)
    {
        return None;
    }
    for page in pages {
        let url = |model: &Model| {
            let service = model.services.get(service)?;
            let base = address::on_this_host(service, profile.port)?;
            Some(format!("{base}{}", page.path))
        };
        let probe = Probe {
            url: url(before)
                .filter(|url_before| url(&assessment.after).as_ref() == Some(url_before))?,
            status: Some(page.status),
            body: page.body.clone(),
        };
        let answer = http::get(probe.url.clone(), PATIENCE).await;
        let lacks = match &answer {
            Answer::Http { status, body } => profile.lacks_page(&page, *status, body),
            Answer::None(_) => false,
        };
        if lacks {
            continue;
        }
        return probe
            .judge(&answer)
            .is_ok()
            .then(|| (service.clone(), probe));
    }
    None
}

/// Whether the container that runs is touched, has no healthcheck that calls it well, and is of the image that it is to have.
fn is_same_version(assessment: &Assessment, service: &ServiceName) -> bool {
    let touched = assessment.plan.step(service).is_some_and(|step| {
        matches!(
            step.action,
            Action::Signal | Action::Restart | Action::Recreate
        )
    });
    let image = assessment.after.image_of(service);
    let mut own = assessment
        .containers
        .iter()
        .filter(|c| c.service == *service);
    let is_same = |container: &Container| {
        container.is_up()
            && matches!(container.health, Health::None | Health::Unhealthy)
            && Some(&container.image) == image.as_ref()
    };
    touched
        && assessment.moving().is_none()
        && assessment.images().is_empty()
        && assessment.wanted().is_empty()
        && own.clone().next().is_some()
        && own.all(is_same)
}

//! Gathers what the rules of `doctor` judge: files, containers, pages. Decides nothing.

mod examination;
mod files;
mod pages;

use std::path::PathBuf;

use super::diagnosis::{Coverage, Diagnosis, RecognisedApplication};
use super::finding::{Finding, FindingCode, in_order};
use crate::complaint::Complaint;
use crate::docker::compose::Compose;
use crate::event::ServiceName;
use crate::request::StackRequest;
use crate::rollback::aftermath;
use crate::rollback::unfinished::{self, Ahead};
use crate::settings::written::WrittenSettings;
use crate::stack::application::{self, Subject};
use crate::stack::drift::{self, Comparison, PastWork};
use crate::stack::locate::{self, Located};
use crate::stack::url::Address;
use crate::stack::{self, Place, Resolved, resolve};
use crate::state::{StateHome, runs};
use crate::trust;
use examination::{Deployment, Examination};

/// Looks at the stack that is meant.
///
/// # Errors
/// There is no stack, or Compose and the engine do not let it be looked at.
pub(crate) async fn diagnose(
    stack: &StackRequest,
    url: Option<Address>,
) -> Result<Diagnosis, Complaint> {
    let mut looked = Coverage::default();
    let docker = stack.connect().await;
    let docker = docker
        .map_err(|complaint| looked.not.push(format!("services: {}", complaint.text)))
        .ok();
    let containers = match &docker {
        Some(docker) => docker.compose_containers().await?,
        None => Vec::new(),
    };
    let located = locate::locate(&stack.files, &containers)?;
    let compose = Compose::find(docker.as_ref().map(|docker| &docker.endpoint))?;
    let home = StateHome::find()?;
    compose.require_version(&home.compose_stamp()).await?;
    let directory = located.args.directory.clone();
    let state = home.of_stack(&directory);
    let ahead = unfinished::ahead(docker.as_ref(), &directory, &state).await;
    let mut findings: Vec<Finding> = ahead.iter().map(unfinished).collect();
    let read = WrittenSettings::load(&directory, &located.args.files);
    let written = read.unwrap_or_else(|complaint| {
        findings.push(complained(FindingCode::SettingsUnusable, complaint));
        WrittenSettings::default()
    });
    let (settings, waits) = match trust::judge(&written, &located, &state).await {
        Ok(judged) => (judged.settings, judged.waits),
        Err(error) => {
            let complaint = Complaint::from(error);
            findings.push(complained(FindingCode::SettingsUnusable, complaint));
            (written.without_actions(), Vec::new())
        }
    };
    findings.extend(waits.iter().map(|one| {
        let text = one.left_out();
        Finding::new(FindingCode::NotTrusted, text)
            .hint("refit trust --list shows it, refit trust accepts it")
    }));
    let mut diagnosis = Diagnosis {
        project: located.args.name.clone().unwrap_or_default(),
        directory,
        application: None,
        findings,
        looked,
    };
    match resolve(&compose, &located).await {
        Err(error) => diagnosis.unreadable(stack::unreadable(error)),
        Ok(resolved) => {
            let (own, files) = (&located.args.directory, &located.args.files);
            let known = resolved.model.services.keys().map(ServiceName::as_str);
            let unknown = written.settings.unknown_services(own, files, known);
            let missing = written.settings.missing_hooks(own, files);
            let wrong = unknown.into_iter().chain(missing);
            let wrong = wrong.map(|text| Finding::new(FindingCode::SettingsUnusable, text));
            diagnosis.findings.extend(wrong);
            let place = docker.map(|docker| Place {
                docker,
                compose,
                located: located.clone(),
                settings,
                written,
                waits,
                scratch: PathBuf::new(),
                containers,
            });
            diagnosis
                .of_model(&located, &resolved, place, &home, url)
                .await?;
        }
    }
    if let Some(ahead) = ahead.filter(|ahead| !ahead.leaves_the_stack()) {
        not_before(&ahead, &mut diagnosis.findings);
    }
    diagnosis.findings = in_order(diagnosis.findings);
    Ok(diagnosis)
}

/// A run that was cut off, or is at work.
fn unfinished(ahead: &Ahead) -> Finding {
    Finding::new(FindingCode::UnfinishedRun, ahead.sentence.clone()).hint("refit show")
}

/// What an `apply` would do is another thing by the time that it comes to do it.
fn not_before(ahead: &Ahead, findings: &mut [Finding]) {
    for finding in findings {
        let applies = |hint: &&mut String| hint.starts_with("refit apply");
        if let Some(hint) = finding.hint.as_mut().filter(applies) {
            *hint = format!("first comes {}; then refit doctor again", ahead.what);
        }
    }
}

/// What Compose, or a file of refit's own, says against the stack.
fn complained(code: FindingCode, complaint: Complaint) -> Finding {
    let finding = Finding::new(code, complaint.text);
    let finding = match complaint.details.as_slice() {
        [] => finding,
        details => finding.why(details.join("\n  ")),
    };
    match complaint.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

impl Diagnosis {
    fn unreadable(&mut self, complaint: Complaint) {
        let finding = complained(FindingCode::StackUnreadable, complaint);
        self.findings.push(finding);
        let why = "all else: Compose cannot read the stack";
        self.looked.not.push(why.to_owned());
    }

    async fn of_model(
        &mut self,
        located: &Located,
        resolved: &Resolved,
        place: Option<Place>,
        home: &StateHome,
        url: Option<Address>,
    ) -> Result<(), Complaint> {
        let subject = application::of(&self.directory, &resolved.model, None).ok();
        let env = files::env_texts(located, resolved, subject.as_ref());
        let running = match place {
            Some(place) => Some(running(place, home, resolved, &mut self.looked).await?),
            None => None,
        };
        let examination = Examination {
            located,
            resolved,
            subject: subject.as_ref(),
            running: running.as_ref(),
        };
        let found = examination.examine(&env, url, &mut self.looked).await;
        self.findings.extend(found);
        self.project = resolved.model.name.clone();
        self.application = subject.as_ref().and_then(of_subject);
        Ok(())
    }
}

fn of_subject(subject: &Subject) -> Option<RecognisedApplication> {
    subject.profile.is_known.then(|| RecognisedApplication {
        title: subject.profile.title.clone(),
        service: subject.service.to_string(),
        version: subject.version.clone(),
        because: subject.because.clone(),
    })
}

async fn running(
    mut place: Place,
    home: &StateHome,
    resolved: &Resolved,
    looked: &mut Coverage,
) -> Result<Deployment, Complaint> {
    place.scratch = home.scratch()?;
    let own = place.of_project(&resolved.model.name);
    let state = home.of_stack(&place.located.args.directory);
    let work = runs::past_work(&state).unwrap_or_else(|error| {
        looked.not.push(format!("the runs of this stack: {error}"));
        PastWork::default()
    });
    let found = drift::find(&place, resolved, &own, &work, &[]).await;
    let found = found.unwrap_or_else(|error| {
        let why = Complaint::from(error).text;
        looked
            .not
            .push(format!("what differs from the files: {why}"));
        Comparison::default()
    });
    looked.not.extend(found.not_known);
    let since = aftermath::look(&place.docker, &state).await;
    let aftermath = since.unwrap_or_else(|complaint| {
        let why = complaint.text;
        looked
            .not
            .push(format!("what became of the last runs: {why}"));
        Vec::new()
    });
    let mut containers = Vec::new();
    for container in own {
        let inspected = place.docker.inspect(&container.id).await?;
        containers.push((container, inspected));
    }
    Ok(Deployment {
        place,
        containers,
        drifts: found.drifts,
        other_project: found.other_project,
        unnamed: found.unnamed,
        aftermath,
    })
}

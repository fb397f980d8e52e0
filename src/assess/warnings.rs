//! What a person is told besides the plan: keys that reach nobody, what differed before, the price of
//! a `down`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::assess::edits::syntax_of;
use crate::assessment::edited::Edited;
use crate::assessment::{Assessment, Change};
use crate::docker::container::Container;
use crate::docker::running::Neighbour;
use crate::edit::is_yaml;
use crate::edit::syntax::FileSyntax;
use crate::event::{Action, Reason, Route, ServiceName};
use crate::plan::Plan;
use crate::stack::Place;
use crate::stack::application;
use crate::stack::build;
use crate::stack::drift::{Drift, ImageAge};
use crate::stack::model::Model;
use crate::stack::routes::{self, FileReach};
use crate::stack::side::Side;
use crate::stack::source::Source;
use crate::stack::variables::StackVariables;

/// A text takes the place of another one under the name that was given: what is known under a second
/// name (a hard link) keeps the old text there.
pub(crate) fn other_names(place: &Place, edited: &Edited) -> Vec<String> {
    let written = edited.changing().filter(|edit| !edit.is_in_place());
    written
        .filter(|edit| {
            std::fs::metadata(&edit.path).is_ok_and(|file| file.is_file() && file.nlink() > 1)
        })
        .map(|edit| {
            let file = place.shown(&edit.path);
            format!(
                "{file} is also known under another name (a hard link), which keeps the old text"
            )
        })
        .collect()
}

/// A service that only `refit.yaml` names: what it says there would never count.
pub(crate) fn unknown_services(place: &Place, model: &Model) -> Vec<String> {
    let known = model.services.keys().map(ServiceName::as_str);
    let args = &place.located.args;
    let settings = &place.settings;
    settings.unknown_services(&args.directory, &args.files, known)
}

/// A hook that could not be run: its program is not there.
pub(crate) fn missing_hooks(place: &Place) -> Vec<String> {
    let args = &place.located.args;
    place
        .written
        .settings
        .missing_hooks(&args.directory, &args.files)
}

/// A key that reaches nobody is said so before anything is written.
pub(crate) async fn unreached(
    place: &Place,
    plan: &Plan,
    reaches: &[(String, FileReach)],
    keys: &[(String, String)],
    model: &Model,
    source: &Source,
    variables: &StackVariables,
) -> Vec<String> {
    if !plan.is_empty() {
        return Vec::new();
    }
    let brought = brought_by_images(place, keys, model).await;
    let syntax = |file: &str| {
        let path = place.located.args.directory.join(file);
        syntax_of(&path, &Side::read(&path), &place.located)
    };
    let keys = keys
        .iter()
        .filter(|(file, _)| !is_yaml(Path::new(file)))
        .filter(|(file, key)| syntax(file) != FileSyntax::Env || !key.contains(['.', '[']))
        // Compose itself reads these.
        .filter(|(_, key)| !key.starts_with("COMPOSE_"));
    keys.filter_map(|(file, key)| {
        let in_file = reaches.iter().any(|(known, _)| known == file);
        match syntax(file) {
            FileSyntax::Env => {}
            FileSyntax::Yaml | FileSyntax::Paths(_) | FileSyntax::Other if in_file => return None,
            FileSyntax::Yaml | FileSyntax::Paths(_) | FileSyntax::Other => {
                return Some(format!("no service gets {file}"));
            }
        }
        let by_key = routes::of_key(model, source, key);
        if in_file || !by_key.is_empty() || variables.is_filled_in(key) {
            return None;
        }
        Some(not_used(
            place,
            (file, key),
            brought.get(key),
            model,
            variables,
        ))
    })
    .fold(Vec::new(), |mut told, text| {
        if !told.contains(&text) {
            told.push(text);
        }
        told
    })
}

/// A key of a file that the files hand to nobody, with a way to who may be meant: the service that has it
/// from its image, else one that has a file of its own.
fn not_used(
    place: &Place,
    (file, key): (&str, &str),
    brought: Option<&ServiceName>,
    model: &Model,
    variables: &StackVariables,
) -> String {
    let compose = place.located.args.files.first().map(|f| place.shown(f));
    let compose = compose.unwrap_or_else(|| "the compose file".into());
    let text = format!(
        "{key} is not used by any service: {compose} neither uses ${{{key}}} nor hands {file} to one"
    );
    if let Some(service) = brought {
        return format!("{text}; {service} has it from its image: --for {service} sets it there");
    }
    let mut handed = variables.services().filter_map(|(name, service)| {
        let file = service.env_files().last()?;
        Some(format!("-F {} reaches {name}", place.shown(&file.path)))
    });
    let handed = handed.next().map(|way| format!("{way}, "));
    let subject = application::of(&place.located.args.directory, model, None).ok();
    let likely = subject.map_or_else(|| "SERVICE".to_owned(), |one| one.service.to_string());
    format!(
        "{text}; {}--for {likely} adds it",
        handed.unwrap_or_default()
    )
}

/// Who has a key from its image.
async fn brought_by_images(
    place: &Place,
    keys: &[(String, String)],
    model: &Model,
) -> BTreeMap<String, ServiceName> {
    let mut brought = BTreeMap::new();
    if keys.is_empty() {
        return brought;
    }
    let services = model.services.keys();
    let images = services.filter_map(|name| Some((name, model.image_of(name)?)));
    for (name, image) in images {
        // Advice only: an image that cannot be looked at brings none.
        let Ok(Some(environment)) = place.docker.image_environment(&image).await else {
            continue;
        };
        let known = keys.iter().filter(|(_, key)| environment.contains_key(key));
        for (_, key) in known {
            brought.entry(key.clone()).or_insert_with(|| name.clone());
        }
    }
    brought
}

/// Cheap differences that a change leaves alone: what has no container, or crashed.
pub(crate) fn still_differing(
    model: &Model,
    place: &Place,
    containers: &[Container],
    plan: &Plan,
) -> Vec<Drift> {
    if plan.stack_is_down {
        return Vec::new();
    }
    let missing = model.services.keys().filter(|name| {
        model.is_active(name, &place.located.args.profiles)
            && !model.services[*name].has_provider()
            && plan.step(name).is_none()
            && !containers
                .iter()
                .any(|container| container.service == **name)
    });
    missing
        .map(|name| Drift {
            service: name.clone(),
            action: Action::Start,
            reason: Reason {
                route: Route::Definition,
                file: None,
                key: None,
                text: "has no container".into(),
            },
            keeps: None,
        })
        .collect()
}

/// A warning of Compose that was not there before the change. `dollar`: somebody typed a `$`, which may be
/// meant as one.
pub(crate) fn of_compose(text: &str, dollar: bool) -> String {
    let hint = match unset_variable(text) {
        Some(_) if dollar => {
            " A $ that is meant as one is written $$, as --string does.".to_owned()
        }
        Some(variable) => format!(" To set it: refit set {variable}=VALUE"),
        None => String::new(),
    };
    format!("Compose warns: {text}{hint}")
}

/// The variable of Compose's `The "KEY" variable is not set`.
pub(crate) fn unset_variable(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("The \"")?;
    let (variable, _) = rest.split_once("\" variable is not set")?;
    Some(variable)
}

/// Variables that something set before a new version of the files, and that nothing sets with it: what
/// compose files have as a default counts then.
pub(crate) fn now_by_default(
    (before, after): (&Model, &Model),
    source: &Source,
    is_lost: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, now) in &after.services {
        let (Some(was), Some(used)) = (before.services.get(name), source.services.get(name)) else {
            continue;
        };
        for reference in &used.references {
            let Some(key) = reference.place.strip_prefix("environment.") else {
                continue;
            };
            let value = now.environment.get(key).cloned().flatten();
            let is_default = value.is_some_and(|value| !value.is_empty());
            let is_other = now.environment.get(key) != was.environment.get(key);
            if is_default && is_other && is_lost(&reference.variable) {
                let variable = &reference.variable;
                notes.push(format!(
                    "{variable} was set here, and is set nowhere with this version: {name} would get the \
                     default of the compose file as {key}. To set it: refit set {variable}=VALUE"
                ));
            }
        }
    }
    notes
}

/// Who loses the network of a container that the plan replaces: others' containers are not touched
/// (F73).
pub(crate) async fn followers_of_others(place: &Place, assessment: &Assessment) -> Vec<String> {
    let steps = assessment.plan.steps.iter();
    let replaced: BTreeMap<&ServiceName, Action> = steps
        .filter(|step| step.action != Action::Signal && step.action != Action::Start)
        .map(|step| (&step.service, step.action))
        .collect();
    let own = assessment.containers.iter();
    let own = own.filter_map(|one| Some((one, *replaced.get(&one.service)?)));
    let ended: BTreeMap<&str, (&str, Action)> = own
        .map(|(one, action)| (one.id.as_str(), (one.name.as_str(), action)))
        .collect();
    if ended.is_empty() {
        return Vec::new();
    }
    let others = place.containers.iter();
    let others = others.filter(|one| one.project != assessment.after.name);
    let told = others.filter_map(|one| {
        let (host, _) = ended.get(one.network_of.as_deref()?)?;
        let (project, service) = (&one.project, &one.service);
        Some(format!(
            "{service} of the project {project} lives in the network of {host}, and loses it; afterwards: \
             docker compose -p {project} up -d --force-recreate {service}"
        ))
    });
    let mut told: Vec<String> = told.collect();
    match place.docker.running().await {
        Ok(running) => told.extend(of_no_project(&running, &ended)),
        Err(error) => told.push(format!(
            "not looked at: who else loses its network: {error}"
        )),
    }
    told
}

/// The same of containers that nobody made with Compose.
fn of_no_project(running: &[Neighbour], ended: &BTreeMap<&str, (&str, Action)>) -> Vec<String> {
    let alone = running.iter().filter(|one| one.project.is_none());
    let told = alone.filter_map(|one| {
        let (host, action) = ended.get(one.network_of.as_deref()?)?;
        let name = &one.name;
        let after = match action {
            Action::Restart => format!("docker restart {name}"),
            Action::None
            | Action::Signal
            | Action::Start
            | Action::Recreate
            | Action::Rebuild
            | Action::Remove => format!("make it anew with --network container:{host}"),
        };
        Some(format!(
            "the container {name} lives in the network of {host}, and loses it; afterwards: {after}"
        ))
    });
    told.collect()
}

/// Images that somebody has built or pulled since: a container that is made anew for another reason takes
/// them as well. `apply` and an upgrade tell of them themselves.
pub(crate) async fn newer_images(place: &Place, assessment: &Assessment) -> Vec<String> {
    match assessment.change {
        Change::Edit | Change::Recipe { .. } => {}
        Change::Apply(_)
        | Change::Restart { .. }
        | Change::Rollback(_)
        | Change::Upgrade { .. } => return Vec::new(),
    }
    let steps = assessment.plan.steps.iter();
    let made = steps.filter(|step| step.action == Action::Recreate);
    let mut told = Vec::new();
    for service in made.map(|step| &step.service) {
        let before = assessment.before.as_ref();
        let was = before.and_then(|model| model.image_of(service));
        let mut own = assessment.containers.iter();
        let own = own.find(|one| one.service == *service && !one.image_id.is_empty());
        let (Some(image), Some(own)) = (assessment.after.image_of(service), own) else {
            continue;
        };
        if was.as_ref() != Some(&image) {
            continue;
        }
        // What cannot be asked is told by the engine a moment later.
        if let Ok(Some(named)) = place.docker.image(&image).await
            && named.id != own.image_id
        {
            let running = place.docker.image(&own.image_id).await.ok().flatten();
            let running = running.and_then(|running| running.created);
            let runs = ImageAge::of(running, named.created).text(&image);
            told.push(format!(
                "{service} {runs}, and will take the present one as well"
            ));
        }
    }
    told
}

/// Who is built on an image that is built now, and keeps what is in the old one: Compose does not know of it
/// either.
pub(crate) fn built_on(assessment: &Assessment) -> Vec<String> {
    let model = &assessment.after;
    let steps = assessment.plan.steps.iter();
    let built = steps.filter(|step| step.action == Action::Rebuild);
    let built: Vec<&ServiceName> = built.map(|step| &step.service).collect();
    let mut told = Vec::new();
    for base in &built {
        let Some(image) = model.image_of(base) else {
            continue;
        };
        let others = model.services.iter().filter(|(name, service)| {
            let build = service.raw.get("build").filter(|build| !build.is_null());
            name != base && build.is_some_and(|build| build::starts_from(build, &image))
        });
        told.extend(others.map(|(name, _)| {
            format!(
                "{name} is built on {image}, which is built now, and keeps the old one; afterwards: docker \
                 compose build {name} && refit apply {name}"
            )
        }));
    }
    told
}

/// F15: the price of the note's own commands, before it is paid.
pub(crate) fn cost_of_down(containers: &[Container]) -> String {
    let running = containers
        .iter()
        .filter(|container| container.is_up())
        .count();
    let stops = format!(
        "down stops all {running} running containers, each within its grace period (10 s unless set), \
         and up -d --build starts them again"
    );
    let anonymous = containers.iter().filter(|one| one.has_anonymous_volume());
    let anonymous: BTreeSet<&str> = anonymous.map(|one| one.service.as_str()).collect();
    match anonymous.into_iter().collect::<Vec<_>>().as_slice() {
        [] => stops,
        names => format!(
            "{stops}; the anonymous volumes of {} come back empty",
            names.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_default_that_takes_the_place_of_what_was_set() {
        let model = |value: &str| {
            Model::of_json(json!({"services": {"web": {"environment": {"PW": value}}}}))
        };
        let source = json!({"services": {"web": {"environment": {"PW": "${DB_PW:-insecure}"}}}});
        let source = Source::of_json(&source);
        let (own, public) = (model("own"), model("insecure"));
        let said = |after: &Model, lost| now_by_default((&own, after), &source, |_| lost);
        let notes = said(&public, true);
        assert!(notes[0].starts_with("DB_PW was set here, and is set nowhere"));
        assert!(notes[0].contains("refit set DB_PW=VALUE"));
        assert!(said(&public, false).is_empty());
        assert!(said(&own, true).is_empty(), "the value is the same");
        assert!(said(&model(""), true).is_empty(), "Compose warns of that");
    }
}

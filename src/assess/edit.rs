//! The assessment of a change of files: both sides of it, read by Compose, and whom it reaches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::assess::validate::fence;
use crate::assess::{expected_effects, preflight, previous_images, warnings};
use crate::assessment::edited::Edited;
use crate::assessment::{Assessment, Change, Decision, Undoing};
use crate::assessment::{read_files, secrets};
use crate::complaint::{Code, Complaint};
use crate::docker::compose::ProjectArgs;
use crate::edit::is_yaml;
use crate::edit::yaml::{self, YamlPath};
use crate::event::{RunId, ServiceName};
use crate::health::before::SeenBefore;
use crate::host::files;
use crate::plan::guard::Guard;
use crate::plan::{self, Inputs};
use crate::request::Options;
use crate::rollback::history;
use crate::stack::identity::default_name;
use crate::stack::locate::Located;
use crate::stack::model::Model;
use crate::stack::routes::{self, FileReach};
use crate::stack::side::Side;
use crate::stack::source::Source;
use crate::stack::suggested_path;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, resolve_both, shown, with_absolute_env_files};
use crate::state::StackState;
use crate::state::runs;

/// Assesses an edit.
///
/// # Errors
/// Compose cannot read the stack with it.
pub(crate) async fn of_edit(
    place: &Place,
    edited: Edited,
    options: &Options,
) -> Result<Assessment, Complaint> {
    of_files(place, edited, options, &BTreeSet::new()).await
}

/// The same, without the services that never had what goes.
async fn of_files(
    place: &Place,
    edited: Edited,
    options: &Options,
    never_had: &BTreeSet<ServiceName>,
) -> Result<Assessment, Complaint> {
    let args = args_after(&place.located, &edited)?;
    let both = resolve_both(place, &args, &edited.files).await?;
    if let (Ok(before), Err(_)) = (&both.before, &both.after) {
        preflight::services_exist(&before.model, &edited.reach)?;
    }
    let env = secrets::env_of(place, &edited);
    let known = both.before.as_ref();
    let known = known
        .map(|before| before.source.redactor())
        .unwrap_or_default();
    let fenced = fence(both.before, both.after, options);
    let (before, source, after, mut notes) = fenced.map_err(|complaint| {
        // Compose may repeat what it cannot read.
        let mut redactor = known;
        secrets::learn(&mut redactor, &edited, &env);
        let changes = edited.changes.iter();
        let mut paths: Vec<&str> = changes
            .filter(|change| is_yaml(Path::new(&change.file)))
            .map(|change| change.key.as_str())
            .collect();
        // Of several the one that Compose names.
        paths.sort_by_key(|path| !is_named(&complaint, path));
        let hint = suggested_path::after_refusal(paths, &place.located);
        let hint = complaint.hint.clone().or(hint);
        Complaint { hint, ..complaint }.redacted(&redactor)
    })?;
    notes.extend(edited.notes.iter().cloned());
    let typed_dollar = !edited.comes_from_upstream() && edited.types_dollar();
    let warned = both.new_warnings.iter();
    notes.extend(warned.map(|text| warnings::of_compose(text, typed_dollar)));
    let unset: Vec<&str> = both
        .new_warnings
        .iter()
        .filter_map(|text| warnings::unset_variable(text))
        .collect();
    if let Some(name) = renamed_to(place, &edited, &after.name) {
        return Err(another_project(name.as_deref(), Some(&after.name)));
    }
    let variables = StackVariables::read_args(&args, &edited.files);
    let after = with_absolute_env_files(after, &variables, &edited.files);
    let containers = place.of_project(&after.name);
    let model = before.clone().unwrap_or_else(|| after.clone());
    let reaches = reaches_of(place, &after, &source, &edited);
    let keys: Vec<(String, String)> = edited
        .changes
        .iter()
        .filter(|change| change.before != change.after)
        .map(|change| (change.file.clone(), change.key.clone()))
        .collect();
    let shots = place.one_shots(&after);
    let reloads = reloads_of(place, &edited);
    let mut edited = edited;
    edited.read = read_files::of_stack(place, &source, &edited);
    let plan = plan::of_change(&Inputs {
        before: &model,
        source: &source,
        after: &after,
        containers: &containers,
        reaches: &reaches,
        keys: &keys,
        profiles_before: &place.located.args.profiles,
        profiles: &args.profiles,
        never_had,
        one_shots: &shots,
        reloads: &reloads,
    });
    // Nobody typed a key to go to another version.
    let typed = !edited.is_noop() && !edited.comes_from_upstream();
    if typed && before.is_some() && edited.reach.is_empty() {
        let told = warnings::unreached(place, &plan, &reaches, &keys, &model, &source, &variables);
        notes.extend(told.await);
    }
    if edited.comes_from_upstream() {
        let present = StackVariables::read_args(&place.located.args, &[]);
        let is_set = |variables: &StackVariables, key: &str| !variables.fills_in(key).is_empty();
        let is_lost = |key: &str| is_set(&present, key) && !is_set(&variables, key);
        notes.extend(warnings::now_by_default((&model, &after), &source, is_lost));
    }
    let shown = reaches_that_stay(&reaches, &edited);
    let mut effects = expected_effects::expected(&model, &after, &plan, &shown, &keys);
    notes.extend(expected_effects::without_unset(&mut effects, &unset));
    let differing = warnings::still_differing(&model, place, &containers, &plan);
    Ok(Assessment {
        edited,
        before,
        source,
        after,
        args_before: place.located.args.clone(),
        args,
        plan,
        effects,
        differing,
        notes,
        arriving: Vec::new(),
        env,
        containers,
        beside: None,
        change: Change::Edit,
        decision: Decision::Made,
        seen: SeenBefore::default(),
        discards: Vec::new(),
        crossing: None,
        one_shots: shots,
        strategy: options.strategy,
    })
}

/// What Compose is to be told after the edit: it may add or remove a compose file, and the stack's
/// `.env` may itself name files and profiles.
fn args_after(located: &Located, edited: &Edited) -> Result<ProjectArgs, Complaint> {
    let mut args = located.args.clone();
    args.files.extend(edited.new_compose_file.clone());
    let gone = |file: &PathBuf| {
        edited
            .files
            .iter()
            .any(|e| e.path == *file && e.after == Side::Absent)
    };
    args.files.retain(|file| !gone(file));
    // A stack that is not found by these rules is found by what runs, whatever the files say.
    let Ok(before) = located.by_rules(&[]) else {
        return Ok(args);
    };
    let after = match located.by_rules(&edited.files) {
        Ok(after) => after,
        Err(error) if edited.changes_file(&located.args.directory.join(".env")) => {
            return Err(error.into());
        }
        // What was named and goes is left out already.
        Err(_) => return Ok(args),
    };
    if before.directory != after.directory {
        return Ok(args);
    }
    // What the person gave on the command line or in the shell counts more: then both are the same.
    let is_other = before.name != after.name && after.name != args.name;
    if is_other && (before.name.is_some() || args.name.is_some()) {
        return Err(another_project(after.name.as_deref(), None));
    }
    if before.files == located.args.files && before.files != after.files {
        args.files = after.files;
    }
    if before.profiles == args.profiles {
        args.profiles = after.profiles;
    }
    if before.env_files == args.env_files {
        args.env_files = after.env_files;
    }
    Ok(args)
}

/// The `name:` that an edit gives the project, or takes away, where nothing else gives it another one.
fn renamed_to(place: &Place, edited: &Edited, project: &str) -> Option<Option<String>> {
    let located = &place.located;
    // What the person gave on the command line or in the shell, or what `.env` says, counts more.
    let is_given = located.by_rules(&[]);
    if is_given.is_ok_and(|rules| rules.name.is_some()) {
        return None;
    }
    let name_of = |side: &Side| -> Option<String> {
        let text = std::str::from_utf8(side.bytes()?).ok()?;
        let path = YamlPath::of_keys(["name"]).ok()?;
        yaml::get(text, &path).ok()??.as_str().map(str::to_owned)
    };
    let changing = edited.changing();
    let mut compose_files = changing.filter(|edit| located.args.files.contains(&edit.path));
    compose_files.find_map(|edit| {
        let (before, after) = (name_of(&edit.before), name_of(&edit.after));
        let is_other = match &after {
            // Compose fills it in.
            Some(name) => name != project && !name.contains('$'),
            None => before.is_some() && default_name(&located.args.directory) != project,
        };
        (before != after && is_other).then_some(after)
    })
}

/// The present containers would stay behind under the old name, holding ports and volumes. What `.env` says
/// counts more than a compose file, so that `present` is kept by it.
fn another_project(name: Option<&str>, present: Option<&str>) -> Complaint {
    let text = match name {
        Some(name) => format!("with the name {name} Compose would start another project: it would create new containers and volumes, and leave the present ones behind"),
        None => "without its name Compose would start another project, and leave the present containers behind".to_owned(),
    };
    let anew = "for another project with empty volumes: docker compose down first, set the name, then \
                docker compose up -d";
    Complaint::new(Code::GuardProject, text).hint(match present {
        Some(present) => format!(
            "to keep the present containers and volumes: refit set COMPOSE_PROJECT_NAME={present}; {anew}"
        ),
        None => anew.to_owned(),
    })
}

/// The way back as an edit like any other, with the images that were kept.
///
/// # Errors
/// There is nothing to undo, or files were edited since.
pub(super) async fn of_rollback(
    place: &Place,
    target: Option<RunId>,
    options: &Options,
    state: &StackState,
) -> Result<Assessment, Complaint> {
    let undo = history::undo(place, state, target, options.allow.contains(&Guard::Edited)).await?;
    let assessment = of_files(place, undo.edited, options, &undo.never_had).await;
    // A rollback does not write without applying.
    let mut assessment =
        assessment.map_err(|complaint| match complaint.code == Code::InvalidStack {
            true => complaint.hint("fix what it names first, then refit rollback"),
            false => complaint,
        })?;
    plan::without_starts(&mut assessment.plan, &undo.stopped);
    let built = runs::past_work(state)?.built;
    let kept_way_back = runs::kept_way_back(state, &undo.runs)?;
    let (moving, images) = (undo.moving.as_ref(), undo.images);
    let images =
        previous_images::put_into_plan(place, &mut assessment, images, moving, &built).await?;
    let fewer = previous_images::fewer_containers(&assessment, &undo.containers);
    assessment.notes.extend(fewer);
    Ok(Assessment {
        change: Change::Rollback(Undoing {
            runs: undo.runs,
            told: undo.told,
            again: undo.again,
            again_edited: undo.again_edited,
            further: undo.further,
            images,
            moving: undo.moving.map(Box::new),
            networks: undo.networks,
            volumes: undo.volumes,
            kept_way_back,
        }),
        ..assessment
    })
}

/// Whether Compose names the service, or the like, that a path leads to.
fn is_named(complaint: &Complaint, path: &str) -> bool {
    let mut steps = path.split('.');
    let (Some(section), Some(name)) = (steps.next(), steps.next()) else {
        return false;
    };
    let place = format!("{section}.{name}");
    complaint.details.iter().any(|line| line.contains(&place))
}

/// Whom the edited files reach.
fn reaches_of(
    place: &Place,
    after: &Model,
    source: &Source,
    edited: &Edited,
) -> Vec<(String, FileReach)> {
    let compose_files: BTreeSet<_> = place
        .located
        .args
        .files
        .iter()
        .map(|file| files::follow(file))
        .collect();
    edited
        .changing()
        // A compose file's own routes are what the models differ in.
        .filter(|edit| !compose_files.contains(&files::follow(&edit.path)))
        .flat_map(|edit| {
            let file = place.shown(&edit.path);
            routes::of_file(after, source, &edit.path)
                .into_iter()
                .map(move |r| (file.clone(), r))
        })
        .collect()
}

/// Without those of a file that goes, where another one comes to the same place: a symlink that led to it is
/// that other file then.
fn reaches_that_stay(reaches: &[(String, FileReach)], edited: &Edited) -> Vec<(String, FileReach)> {
    let goes = |reach: &FileReach| {
        let mut changing = edited.changing();
        changing.any(|edit| edit.path == reach.file && edit.after == Side::Absent)
    };
    let is_replaced = |gone: &FileReach| {
        reaches.iter().any(|(_, other)| {
            other.service == gone.service
                && other.target == gone.target
                && other.file != gone.file
                && !goes(other)
        })
    };
    let staying = reaches
        .iter()
        .filter(|(_, reach)| !(reach.target.is_some() && goes(reach) && is_replaced(reach)));
    staying.cloned().collect()
}

fn reloads_of(place: &Place, edited: &Edited) -> Vec<(ServiceName, String, String)> {
    let directory = &place.located.args.directory;
    let mut reloads = Vec::new();
    for (service, settings) in &place.settings.services {
        let Some(reload) = &settings.reload else {
            continue;
        };
        for edit in edited.changing() {
            let covered = |path: &Path| edit.path.starts_with(directory.join(path));
            if reload.files.iter().any(|path| covered(path)) {
                let file = shown(directory, &edit.path);
                reloads.push((service.clone(), file, reload.signal.clone()));
            }
        }
    }
    reloads
}

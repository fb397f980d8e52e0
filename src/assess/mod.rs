//! All that is known before anything is touched: the edits, both sides of the change, the plan, and
//! what must be seen afterwards. Refuses what cannot work.

pub(crate) mod before;
mod edit;
pub(crate) mod edit_target;
pub(crate) mod edits;
pub(crate) mod expected_effects;
mod other_stacks;
mod overridden;
pub(crate) mod own_layer;
pub(crate) mod preflight;
mod previous_images;
pub(crate) mod profile_probe;
mod slips;
mod stored;
pub(crate) mod text_diff;
mod unedited;
pub(crate) mod validate;
pub(crate) mod warnings;

pub(crate) use edit::of_edit;
pub(crate) use unedited::{BesideWhatRuns, compare, of_files_ahead};

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::assessment::edited::Edited;
use crate::assessment::key_diff;
use crate::assessment::{Assessment, Change, Decision};
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::container::Container;
use crate::event::{Action, ServiceName};
use crate::plan::guarded::Running;
use crate::plan::{self, guard, guarded};
use crate::request::{Options, Strategy, What};
use crate::stack::side::Side;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, application, identity};
use crate::state::StackState;

/// Makes the assessment.
///
/// # Errors
/// Everything that is refused before the first write.
pub(crate) async fn make(
    place: &Place,
    what: &What,
    options: &Options,
    state: &StackState,
) -> Result<Assessment, Complaint> {
    let assessment = match what {
        What::Edit(edit) => {
            let edited = edits::make(edit, &place.located)?;
            slips::of_places(edit, &place.located, &options.allow)?;
            slips::of_removals(edit, &edited, &options.allow)?;
            let mut assessment = edit::of_edit(place, edited, options).await?;
            let told = slips::of_keys(place, edit, &assessment, &options.allow)?;
            assessment.notes.extend(told);
            return Ok(that_counts(place, assessment, options).await);
        }
        What::Replace(edit) => {
            if !Side::read(&edit.path).is_same_file(&edit.before) {
                let text = format!(
                    "{} was changed meanwhile, and not by this edit",
                    place.shown(&edit.path)
                );
                return Err(Complaint::new(Code::Edited, text).hint("open it again: refit edit"));
            }
            edits::stays_readable(edit, &place.located)?;
            let mut edited = Edited::default();
            key_diff::describe(place, edit, &mut edited.changes);
            edited.files.push(edit.clone());
            let mut assessment = edit::of_edit(place, edited, options).await?;
            // What was typed in an editor is not thrown away.
            let found = stored::check(place, &assessment).await;
            let overridden = found.overridden.map(|complaint| complaint.text);
            assessment
                .notes
                .extend(found.notes.into_iter().chain(overridden));
            assessment
        }
        What::Apply(services) => unedited::of_apply(place, services, state).await?,
        What::Restart(services) => unedited::of_restart(place, services).await?,
        What::Rollback(target) => edit::of_rollback(place, *target, options, state).await?,
    };
    Ok(checked(place, assessment, options).await)
}

/// The assessment of edits that somebody else made in memory.
///
/// # Errors
/// As [`make`].
pub(crate) async fn of_edited(
    place: &Place,
    edited: Edited,
    options: &Options,
) -> Result<Assessment, Complaint> {
    let assessment = edit::of_edit(place, edited, options).await?;
    let mut assessment = checked(place, assessment, options).await;
    not_stored(place, &mut assessment, options).await;
    Ok(assessment)
}

/// Refuses what a value in the application's database overrides.
async fn not_stored(place: &Place, assessment: &mut Assessment, options: &Options) {
    let found = stored::check(place, assessment).await;
    assessment.notes.extend(found.notes);
    if let Some(complaint) = found.overridden {
        refuse_overridden(complaint, assessment, options);
    }
}

fn refuse_overridden(complaint: Complaint, assessment: &mut Assessment, options: &Options) {
    if options.allow.contains(&guard::Guard::Overridden) {
        assessment.notes.push(complaint.text);
    } else if matches!(assessment.decision, Decision::Made) {
        assessment.decision = Decision::Refused(complaint);
    }
}

/// The same of what a person typed, unless something else overrides it.
async fn that_counts(place: &Place, assessment: Assessment, options: &Options) -> Assessment {
    let mut assessment = checked(place, assessment, options).await;
    let variables = StackVariables::read_args(&assessment.args, &assessment.edited.files);
    let before = assessment.before.as_ref().unwrap_or(&assessment.after);
    let models = (before, &assessment.after);
    let found = overridden::find(&variables, &place.located, &assessment.edited, models);
    if let Some(complaint) = found {
        refuse_overridden(complaint, &mut assessment, options);
    }
    not_stored(place, &mut assessment, options).await;
    assessment
}

/// Puts the person's strategy in, and finds what speaks against the change: what cannot work or
/// cannot be undone.
pub(crate) async fn checked(
    place: &Place,
    mut assessment: Assessment,
    options: &Options,
) -> Assessment {
    if !options.no_apply {
        apply_strategy(&mut assessment, options.strategy);
    }
    assessment
        .notes
        .extend(warnings::other_names(place, &assessment.edited));
    let unknown = warnings::unknown_services(place, &assessment.after);
    // What a new version, an edit or a rollback leaves out was no slip.
    let is_slip = match &assessment.change {
        Change::Upgrade { .. } | Change::Rollback(_) => false,
        Change::Edit | Change::Apply(_) | Change::Restart { .. } | Change::Recipe { .. } => {
            let before = assessment.before.as_ref().unwrap_or(&assessment.after);
            !warnings::unknown_services(place, before).is_empty()
        }
    };
    if let Some(first) = unknown.first().filter(|_| is_slip) {
        let complaint = Complaint::new(Code::BadSettings, first);
        let complaint =
            complaint.hint("what stands there would never count: mend the name, or remove it");
        assessment.decision = Decision::Refused(complaint);
        return assessment;
    }
    assessment.notes.extend(unknown);
    let others = other_stacks::told(place, &assessment);
    assessment.notes.extend(others);
    if !options.no_apply {
        let others = warnings::followers_of_others(place, &assessment).await;
        assessment.notes.extend(others);
        let images = warnings::newer_images(place, &assessment).await;
        assessment.notes.extend(images);
        let (discards, notes) = own_layer::discarded(place, &assessment).await;
        assessment.discards = discards;
        assessment.notes.extend(notes);
        let generated = own_layer::generated_anew(place, &assessment).await;
        assessment.notes.extend(generated);
    }
    if let Err(complaint) = same_project(place, &mut assessment).await {
        assessment.decision = Decision::Refused(complaint);
        return assessment;
    }
    match refusals(place, &assessment, options).await {
        Ok(notes) => assessment.notes.extend(notes),
        // Told after the plan: whoever is refused wants to see what.
        Err(complaint) => assessment.decision = Decision::Refused(complaint),
    }
    assessment
}

/// What the files mean must be what runs, wherever their text comes from; a restart and a way back are of
/// what runs in any case.
///
/// # Errors
/// `guard_project`.
async fn same_project(place: &Place, assessment: &mut Assessment) -> Result<(), Complaint> {
    let edits = &assessment.edited.files;
    let other = identity::other_project(place, &assessment.after, edits).await?;
    match (&assessment.change, other) {
        (_, None) => Ok(()),
        (Change::Restart { .. } | Change::Rollback(_), Some(complaint)) => {
            assessment.notes.push(complaint.text);
            Ok(())
        }
        (
            Change::Edit | Change::Apply(_) | Change::Upgrade { .. } | Change::Recipe { .. },
            Some(complaint),
        ) => Err(complaint),
    }
}

async fn refusals(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
) -> Result<Vec<String>, Complaint> {
    // A way back is not barred by what guards the way there.
    // But data that was migrated in between cannot be read by the old version.
    let generated = match assessment.undoes().is_empty() {
        true => own_layer::generated_keys(place, assessment).await,
        false => Vec::new(),
    };
    let running = running(place, assessment).await?;
    let data = (generated.as_slice(), &running);
    match assessment.undoes().is_empty() {
        true => guards(place, assessment, options, data, guard::check)?,
        false => guards(place, assessment, options, data, guard::check_way_back)?,
    }
    if options.no_apply {
        return Ok(Vec::new());
    }
    preflight::providers(assessment)?;
    preflight::volumes(place, assessment).await?;
    let brings = |path: &Path| assessment.edited.brings(path);
    preflight::all(
        place,
        &assessment.after,
        &assessment.plan,
        &options.allow,
        brings,
    )
    .await
}

/// The containers that the plan makes anew, by their service.
///
/// # Errors
/// The engine's: what a guard has not seen, it must not let pass.
async fn running(
    place: &Place,
    assessment: &Assessment,
) -> Result<BTreeMap<ServiceName, Running>, EngineError> {
    let is_made = |container: &&Container| {
        let step = assessment.plan.step(&container.service);
        step.is_some_and(|step| step.action.makes_container())
    };
    let own = assessment.containers.iter().filter(is_made);
    let seen = own.map(|container| async {
        let service = &container.service;
        let image = assessment.after.image_of(service);
        let (inspected, brought) = tokio::join!(
            place.docker.inspect(&container.id),
            place
                .docker
                .brought_by(image.as_deref().unwrap_or_default())
        );
        // An image that is yet to be fetched or built mostly brings what the present one does.
        let brought = match brought {
            Ok(None) => place.docker.brought_by(&container.image_id).await,
            known => known,
        };
        let brought = brought?;
        // One that is gone by now has nothing to lose.
        let running = inspected?.map(|inspected| Running {
            env: inspected.env,
            brought,
        });
        Ok(running.map(|running| (service.clone(), running)))
    });
    let seen = futures_util::future::try_join_all(seen).await?;
    Ok(seen.into_iter().flatten().collect())
}

fn guards(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
    (generated, running): (&[(String, String)], &BTreeMap<ServiceName, Running>),
    check: impl FnOnce(&guarded::Guarded<'_>, &BTreeSet<guard::Guard>) -> Result<(), Complaint>,
) -> Result<(), Complaint> {
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    // `${KEY:-}` is a text, and gives a container no value.
    let comes_to_nothing = |text: &str, key: &str| {
        let mut services = model.services.values();
        let has = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
        text.contains('$') && !services.any(|one| one.environment.get(key).is_some_and(has))
    };
    let keys: Vec<guarded::ChangedKey<'_>> = assessment
        .edited
        .changes
        .iter()
        .filter(|change| change.before != change.after)
        .map(|change| guarded::ChangedKey {
            key: &change.name,
            had_value: change
                .before
                .as_ref()
                .is_some_and(|value| !value.is_empty() && !comes_to_nothing(value, &change.name)),
        })
        .collect();
    let binds = assessment
        .after
        .services
        .values()
        .flat_map(|service| &service.binds);
    let missing: Vec<_> = match place.docker.endpoint.is_local() {
        true => binds
            .map(|b| b.source.clone())
            .filter(|source| !assessment.edited.brings(source))
            .collect(),
        false => Vec::new(),
    };
    let mut own_keys = place.settings.guard.keys.clone();
    if (!assessment.plan.is_empty() || !keys.is_empty())
        && let Ok(known) = application::of(&place.located.args.directory, model, None)
    {
        own_keys.extend(known.profile.guarded);
    }
    check(
        &guarded::Guarded {
            before: assessment.before.as_ref().unwrap_or(&assessment.after),
            after: &assessment.after,
            plan: &assessment.plan,
            containers: &assessment.containers,
            running,
            keys: &keys,
            own_keys: &own_keys,
            missing_sources: &missing,
            generated,
            down: assessment.strategy == Strategy::DownUp,
        },
        &options.allow,
    )
}

/// `--strategy` in place of the cheapest action.
fn apply_strategy(assessment: &mut Assessment, strategy: Strategy) {
    assessment.strategy = strategy;
    let plan = std::mem::take(&mut assessment.plan);
    assessment.plan = match strategy {
        Strategy::Auto => plan,
        Strategy::Restart => {
            if plan
                .steps
                .iter()
                .any(|step| step.action == Action::Recreate)
            {
                let text = "a restart does not change a container's environment; the value is checked at the end";
                assessment.notes.push(text.to_owned());
            }
            plan::with_action(plan, Action::Restart)
        }
        Strategy::Recreate => plan::with_action(plan, Action::Recreate),
        Strategy::DownUp => {
            assessment
                .notes
                .push(warnings::cost_of_down(&assessment.containers));
            plan::of_down_up(&assessment.after, &assessment.args.profiles)
        }
    };
}

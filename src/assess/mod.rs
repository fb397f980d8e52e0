//! All that is known before anything is touched: the edits, both sides of the change, the plan, and
//! what must be seen afterwards. Refuses what cannot work.

pub(crate) mod before;
mod crossing;
mod edit;
pub(crate) mod edit_target;
pub(crate) mod edits;
pub(crate) mod expected_effects;
pub(crate) mod guarding;
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

use crate::assessment::edited::Edited;
use crate::assessment::key_diff;
use crate::assessment::{Assessment, Change, Decision};
use crate::complaint::{Code, Complaint};
use crate::event::Action;
use crate::plan::{self, guard};
use crate::request::{Options, Strategy, What};
use crate::stack::side::Side;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, identity};
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
    let built_on = warnings::built_on(&assessment);
    assessment.notes.extend(built_on);
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
    if !options.no_apply {
        match guarding::crossing(place, &assessment).await {
            Ok(crossing) => assessment.crossing = crossing,
            Err(complaint) => {
                assessment.decision = Decision::Refused(complaint);
                return assessment;
            }
        }
        let runs_once = assessment.undoing().is_none();
        let crossing = assessment.crossing.iter();
        let told: Vec<String> = crossing.flat_map(|one| one.told(runs_once)).collect();
        assessment.notes.extend(told);
    }
    match guarding::refusals(place, &assessment, options).await {
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

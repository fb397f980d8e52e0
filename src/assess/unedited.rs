//! Assessments without an edit: `apply`, where files and containers differ and what was edited by
//! hand, and `restart`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::assess::{expected_effects, preflight};
use crate::assessment::edited::Edited;
use crate::assessment::{
    Assessment, Change, Decision, FilesCompared, key_diff, read_files, secrets,
};
use crate::complaint::Complaint;
use crate::docker::container::Container;
use crate::event::{Action, Route, ServiceName};
use crate::git::{Checkout, Git};
use crate::health::before::SeenBefore;
use crate::plan;
use crate::plan::{Inputs, Plan};
use crate::request::Strategy;
use crate::rollback::baseline::{self, Baseline};
use crate::stack::drift::{self, Comparison, Drift};
use crate::stack::routes::{self, FileReach};
use crate::stack::side::{FileEdit, Origin, Side};
use crate::stack::unreadable;
use crate::stack::{Place, Resolved, resolve};
use crate::state::StackState;
use crate::state::runs;

/// The stack's files and what runs, side by side.
pub(crate) struct BesideWhatRuns {
    /// The files.
    pub resolved: Resolved,
    /// The project's containers.
    pub containers: Vec<Container>,
    /// In what they differ.
    pub found: Comparison,
}

/// Compares them; these services must exist.
///
/// # Errors
/// Compose cannot read the stack, or there is no such service.
pub(crate) async fn compare(
    place: &Place,
    services: &[ServiceName],
    state: &StackState,
) -> Result<BesideWhatRuns, Complaint> {
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(unreadable)?;
    preflight::services_exist(&resolved.model, services)?;
    let containers = place.of_project(&resolved.model.name);
    let work = runs::past_work(state)?;
    let found = drift::find(place, &resolved, &containers, &work, services).await?;
    Ok(BesideWhatRuns {
        resolved,
        containers,
        found,
    })
}

/// Assesses the differences.
///
/// # Errors
/// As [`compare`].
pub(super) async fn of_apply(
    place: &Place,
    services: &[ServiceName],
    state: &StackState,
) -> Result<Assessment, Complaint> {
    let mut beside = compare(place, services, state).await?;
    let not_run = &beside.found.not_run;
    for drift in &mut beside.found.drifts {
        let is_run = services.contains(&drift.service) && not_run.contains(&drift.service);
        if is_run && drift.action == Action::None && drift.reason.route == Route::Definition {
            drift.action = Action::Start;
        }
    }
    let is_asked = |drift: &Drift| services.is_empty() || services.contains(&drift.service);
    of_differences(place, beside, (state, &[]), plan::of_drift, is_asked).await
}

/// Assesses the differences that other files of the checkout have left, but for these services and the
/// files that somebody typed: both are left alone. Who was stopped stays so.
///
/// # Errors
/// What refit keeps cannot be read.
pub(crate) async fn of_files_ahead(
    place: &Place,
    beside: BesideWhatRuns,
    state: &StackState,
    left: (&BTreeSet<ServiceName>, &[PathBuf]),
) -> Result<Assessment, Complaint> {
    let plan = plan::of_drift_of_running;
    let (services, files) = left;
    let is_taken = |drift: &Drift| !services.contains(&drift.service);
    let mut assessment = of_differences(place, beside, (state, files), plan, is_taken).await?;
    let is_left = assessment.leaves_drift();
    if let Change::Apply(compared) = &mut assessment.change {
        compared.in_line &= !is_left;
    }
    Ok(assessment)
}

async fn of_differences(
    place: &Place,
    beside: BesideWhatRuns,
    (state, left): (&StackState, &[PathBuf]),
    plan: impl Fn(&Inputs<'_>, &[Drift]) -> Plan,
    is_asked: impl Fn(&Drift) -> bool,
) -> Result<Assessment, Complaint> {
    let BesideWhatRuns {
        resolved,
        containers,
        found,
    } = beside;
    let mut drifts = found.drifts;
    let is_left = |drift: &Drift| !is_asked(drift) || !drift.is_mended_by_apply();
    let differing: Vec<Drift> = drifts.extract_if(.., |drift| is_left(drift)).collect();
    let reaches: Vec<(String, FileReach)> = drifts
        .iter()
        .filter_map(|drift| drift.reason.file.clone())
        .flat_map(|file| {
            let path = place.located.args.directory.join(&file);
            let found = routes::of_file(&resolved.model, &resolved.source, &path);
            found
                .into_iter()
                .filter(|r| r.target.is_some())
                .map(move |r| (file.clone(), r))
        })
        .collect();
    let reloads: Vec<_> = drifts
        .iter()
        .filter_map(|drift| reload_of(place, drift))
        .collect();
    let assessment = quiet(place, resolved, containers, |inputs| {
        let inputs = Inputs {
            reloads: &reloads,
            ..*inputs
        };
        plan(&inputs, &drifts)
    });
    let in_line = drifts.is_empty() && assessment.plan.is_empty() && found.other_project.is_none();
    let mut assessment = Assessment {
        notes: found.unnamed.into_iter().collect(),
        differing,
        change: Change::Apply(FilesCompared {
            in_line,
            not_known: found.not_known,
        }),
        ..assessment
    };
    if !assessment.plan.is_empty() {
        by_hand(place, &mut assessment, state, left).await?;
    }
    let model = assessment.after.clone();
    assessment.effects =
        expected_effects::expected(&model, &model, &assessment.plan, &reaches, &[]);
    Ok(assessment)
}

/// Service, file and signal, where a service is to be told to read a file anew.
fn reload_of(place: &Place, drift: &Drift) -> Option<(ServiceName, String, String)> {
    let is_told = drift.action == Action::Signal;
    let file = drift.reason.file.clone().filter(|_| is_told)?;
    let reload = place.settings.service(&drift.service).reload?;
    Some((drift.service.clone(), file, reload.signal))
}

/// What was edited by hand since files and containers were last seen to agree: it is in place
/// already, and is what a failed `apply` takes back.
async fn by_hand(
    place: &Place,
    assessment: &mut Assessment,
    state: &StackState,
    left: &[PathBuf],
) -> anyhow::Result<()> {
    let Some(baseline) = baseline::read(state)? else {
        assessment.notes.push(
            "no earlier version of this stack's files is known; if this fails, the files stay as they are"
                .to_owned(),
        );
        return Ok(());
    };
    let mut edits = baseline.edits(place, &assessment.after, &assessment.source, state);
    edits.retain(|edit| !left.contains(&edit.path));
    edits = since_what_runs(place, assessment, &baseline, edits, state).await?;
    let committed = committed(place, &edits).await;
    for edit in edits
        .iter_mut()
        .filter(|edit| committed.contains(&edit.path))
    {
        edit.origin = Origin::Checkout;
    }
    for edit in &edits {
        match &edit.before {
            // What is not known has no difference to be told.
            Side::Unknown(why) => {
                let file = place.shown(&edit.path);
                let text = format!(
                    "the earlier version of {file} is not known ({why}); if this fails, it stays as it is"
                );
                assessment.notes.push(text);
            }
            Side::Absent | Side::Text(_) => {
                key_diff::describe(place, edit, &mut assessment.edited.changes);
            }
        }
    }
    for edit in &edits {
        assessment.edited.read.remove(&edit.path);
    }
    assessment.edited.files = edits;
    assessment.edited.is_by_hand = true;
    // Another project of the same folder has other arguments.
    if baseline.args.name == assessment.args.name {
        assessment.args_before = baseline.args;
    }
    Ok(())
}

/// The files among them that hold what the commit that is checked out has: whoever pulled it has not typed it.
async fn committed(place: &Place, edits: &[FileEdit]) -> BTreeSet<PathBuf> {
    let directory = &place.located.args.directory;
    let files: Vec<&Path> = edits.iter().map(|edit| edit.path.as_path()).collect();
    let found = match Checkout::find(&Git::at(directory, true), directory).await {
        Ok(Some(checkout)) => checkout.as_committed(&files).await,
        Ok(None) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    };
    // Where git does not answer, every text is taken for one that only a person has.
    found.unwrap_or_default()
}

/// What refit knows of a file's earlier text counts only where the containers were created of it: after an
/// edit that somebody put in force with Compose alone, to go back to it would be another change.
async fn since_what_runs(
    place: &Place,
    assessment: &Assessment,
    baseline: &Baseline,
    mut edits: Vec<FileEdit>,
    state: &StackState,
) -> anyhow::Result<Vec<FileEdit>> {
    let defining: BTreeSet<PathBuf> = read_files::of_all(place)
        .chain(baseline.args.files.iter().cloned())
        .chain(read_files::env_files_of(&assessment.source))
        .collect();
    if !edits.iter().any(|edit| defining.contains(&edit.path)) {
        return Ok(edits);
    }
    let containers = &assessment.containers;
    let other = baseline.is_not_of(place, &edits, containers).await?;
    if other.is_empty() {
        return Ok(edits);
    }
    let mut since = Baseline::since_last_run(&edits, state);
    if baseline
        .is_not_of(place, &since, containers)
        .await?
        .is_empty()
    {
        since.retain(|edit| !edit.is_noop());
        return Ok(since);
    }
    let names: Vec<&str> = other.iter().map(ServiceName::as_str).collect();
    let why = format!(
        "{} was not created of the one that refit keeps",
        names.join(", ")
    );
    for edit in &mut edits {
        if defining.contains(&edit.path) && !matches!(edit.before, Side::Unknown(_)) {
            edit.before = Side::Unknown(why.clone());
        }
    }
    Ok(edits)
}

/// Assesses a restart of these services, or of all that run.
///
/// # Errors
/// Compose cannot read the stack, or there is no such service.
pub(super) async fn of_restart(
    place: &Place,
    services: &[ServiceName],
) -> Result<Assessment, Complaint> {
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(unreadable)?;
    preflight::services_exist(&resolved.model, services)?;
    let containers = place.of_project(&resolved.model.name);
    let assessment = quiet(place, resolved, containers, |inputs| {
        plan::of_restart(inputs, services)
    });
    Ok(Assessment {
        change: Change::Restart {
            all: services.is_empty(),
        },
        ..assessment
    })
}

/// An assessment without edits.
fn quiet(
    place: &Place,
    resolved: Resolved,
    containers: Vec<Container>,
    plan: impl FnOnce(&Inputs<'_>) -> Plan,
) -> Assessment {
    let shots = place.one_shots(&resolved.model);
    let plan = plan(&Inputs {
        before: &resolved.model,
        source: &resolved.source,
        after: &resolved.model,
        containers: &containers,
        reaches: &[],
        keys: &[],
        profiles_before: &place.located.args.profiles,
        profiles: &place.located.args.profiles,
        never_had: &BTreeSet::new(),
        one_shots: &shots,
        reloads: &[],
    });
    let edited = Edited {
        read: read_files::of_stack(place, &resolved.source, &Edited::default()),
        ..Edited::default()
    };
    Assessment {
        edited,
        before: Some(resolved.model.clone()),
        source: resolved.source,
        after: resolved.model,
        args_before: place.located.args.clone(),
        args: place.located.args.clone(),
        plan,
        effects: Vec::new(),
        differing: Vec::new(),
        notes: Vec::new(),
        arriving: Vec::new(),
        env: secrets::env_of(place, &Edited::default()),
        containers,
        beside: None,
        change: Change::Edit,
        decision: Decision::Made,
        seen: SeenBefore::default(),
        discards: Vec::new(),
        crossing: None,
        one_shots: shots,
        strategy: Strategy::Auto,
    }
}

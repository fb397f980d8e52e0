//! A checkout that is where it is wanted, while containers are not: somebody has pulled by hand, another
//! stack of the same checkout was upgraded, or an upgrade was left half done. What came with the checkout
//! is put in force; what a person typed is left to `apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::versions_read::VersionsRead;
use crate::assess::{self, BesideWhatRuns};
use crate::assessment::{Assessment, read_files};
use crate::complaint::Complaint;
use crate::event::{Action, Outcome, Reason, Route, RunId, ServiceName};
use crate::git::{Checkout, GitError};
use crate::plan::Plan;
use crate::rollback::baseline;
use crate::stack::Place;
use crate::stack::build;
use crate::stack::drift::{Drift, not_known_whether_built};
use crate::stack::routes;
use crate::stack::side::Side;
use crate::state::StackState;
use crate::state::runs::{self, Record};
use crate::text::shell_word;

/// Compares files and containers.
///
/// # Errors
/// Compose cannot read the stack; git fails.
pub(super) async fn read(
    place: &Place,
    checkout: &Checkout,
    state: &StackState,
) -> Result<VersionsRead, Complaint> {
    let mut beside = assess::compare(place, &[], state).await?;
    built_since(checkout, &mut beside).await?;
    let typed = typed_since(place, checkout, &beside, state).await?;
    let mut left = BTreeSet::new();
    let mut notes = Vec::new();
    for file in &typed {
        let reached = reached(place, &beside, file);
        let drifts = beside.found.drifts.iter();
        let differing: BTreeSet<&str> = drifts
            .filter(|drift| drift.is_mended_by_apply() && reached.contains(&drift.service))
            .map(|drift| drift.service.as_str())
            .collect();
        if !differing.is_empty() {
            let differing: Vec<&str> = differing.into_iter().collect();
            notes.push(format!(
                "{} was edited here since the container of {} was created: what differs there may be that, \
                 and is left to refit apply",
                place.shown(file),
                differing.join(", ")
            ));
        }
        left.extend(reached);
    }
    let records = runs::all(state)?.known;
    if let Some(run) = given_back(&records) {
        left.extend(beside.resolved.model.services.keys().cloned());
        let files = super::given_back::of(checkout, state).await?;
        notes.push(told_given_back(place, checkout, run, &files, &records));
    }
    let assessment = assess::of_files_ahead(place, beside, state, (&left, &typed)).await?;
    Ok(VersionsRead {
        notes,
        ..assessment.into()
    })
}

/// What a rollback has left in the files, and the way on.
fn told_given_back(
    place: &Place,
    checkout: &Checkout,
    run: RunId,
    files: &[(PathBuf, RunId)],
    records: &[Record],
) -> String {
    let Some((_, by)) = files.first() else {
        return format!(
            "run {run} was rolled back: what differs from the files that are checked out is left to refit apply"
        );
    };
    let names: Vec<String> = files
        .iter()
        .map(|(path, _)| place.shown(&checkout.named(path)))
        .collect();
    let is_rollback = |record: &Record| record.run == *by && !record.undoes.is_empty();
    let again = match records.iter().any(is_rollback) {
        true => format!("refit rollback {by} puts run {run} in force again"),
        false => {
            let top = shell_word(&checkout.git.top().to_string_lossy());
            let paths = files
                .iter()
                .map(|(path, _)| shell_word(&path.to_string_lossy()));
            let paths: Vec<String> = paths.collect();
            format!(
                "git -C {top} checkout HEAD -- {}, then refit apply, tries it again",
                paths.join(" ")
            )
        }
    };
    let are = match names.as_slice() {
        [one] => format!("{one} is"),
        all => format!("{} are", all.join(", ")),
    };
    format!(
        "run {run} was rolled back: {are} as before it, and not as in {}; a newer version takes its place, and {again}",
        checkout.head.short()
    )
}

/// The run, where the last thing that came of an upgrade or an `apply` is that it was rolled back: what the
/// checkout has beside what runs is then just what did not work, or was not wanted.
fn given_back(runs: &[Record]) -> Option<RunId> {
    let changed = |record: &&Record| match record.outcome {
        Some(Outcome::Applied | Outcome::NotProven | Outcome::RolledBack) => true,
        Some(Outcome::RollbackFailed) | None => true,
        Some(Outcome::NothingToDo | Outcome::Refused | Outcome::FailedBefore) => false,
    };
    let last = runs.iter().rfind(changed)?;
    let brings_files = |record: &Record| {
        let mut words = record.typed().split_whitespace();
        words.any(|word| word == "upgrade" || word == "apply")
    };
    let was_undone = |record: &&Record| match record.undoes.is_empty() {
        true => {
            record.outcome != Some(Outcome::Applied) && record.outcome != Some(Outcome::NotProven)
        }
        false => true,
    };
    let last = Some(last).filter(was_undone)?;
    let undone = runs.iter().filter(|one| last.undoes.contains(&one.run));
    undone
        .chain(last.undoes.is_empty().then_some(last))
        .find(|one| brings_files(one))
        .map(|one| one.run)
}

/// The services that a file may reach: all of them of a compose file, those with a variable of an env file.
fn reached(place: &Place, beside: &BesideWhatRuns, file: &Path) -> BTreeSet<ServiceName> {
    let (model, source) = (&beside.resolved.model, &beside.resolved.source);
    let located = &place.located;
    let is_one_of = |paths: Vec<PathBuf>| paths.iter().any(|path| path == file);
    let mut compose_files = located.args.files.clone();
    compose_files.extend(located.default_overrides());
    if is_one_of(compose_files) {
        return model.services.keys().cloned().collect();
    }
    let reaches = routes::of_file(model, source, file).into_iter();
    let mut reached: BTreeSet<ServiceName> = reaches.map(|reach| reach.service).collect();
    if is_one_of(located.env_files()) {
        let filled = source.services.iter();
        let filled =
            filled.filter(|(_, one)| !one.references.is_empty() || !one.inherited.is_empty());
        reached.extend(filled.map(|(name, _)| name.clone()));
    }
    reached
}

/// Of images that refit did not build it is not known what they were built from; but where another commit
/// was checked out when their containers were created, whose build context differs, they are older.
async fn built_since(checkout: &Checkout, beside: &mut BesideWhatRuns) -> Result<(), GitError> {
    for name in std::mem::take(&mut beside.found.built_unseen) {
        let build = beside.resolved.model.services.get(&name);
        let build = build.and_then(|service| service.raw.get("build"));
        let context = build.and_then(build::context);
        let own = beside.containers.iter().filter(|one| one.service == name);
        let (Some(context), Some(created)) = (context, own.map(|one| one.created).min()) else {
            continue;
        };
        let Some(inside) = checkout.inside(context) else {
            continue;
        };
        let Some(then) = checkout.git.head_then(created).await? else {
            continue;
        };
        if checkout
            .git
            .differ_in(&then, &checkout.head, &inside)
            .await?
        {
            let not_known = not_known_whether_built(&name);
            beside.found.not_known.retain(|text| *text != not_known);
            let reason = Reason {
                route: Route::Build,
                file: None,
                key: None,
                text: format!(
                    "its build context has changed since {}, which was checked out when its container was created",
                    then.short()
                ),
            };
            beside.found.drifts.push(Drift {
                keeps: None,
                service: name,
                action: Action::Rebuild,
                reason,
            });
        }
    }
    Ok(())
}

/// Beside a newer version: what differs already, and takes effect with it where it makes a container anew
/// or starts one, and stays as it is elsewhere.
///
/// # Errors
/// As [`read`].
pub(super) async fn tell_differing(
    place: &Place,
    assessment: &mut Assessment,
    state: &StackState,
) -> Result<(), Complaint> {
    // What cannot be read as it is has been told, and a stack that is down differs in everything.
    if assessment.before.is_none() || assessment.plan.stack_is_down {
        return Ok(());
    }
    let beside = assess::compare(place, &[], state).await?;
    let known: BTreeSet<&ServiceName> = assessment
        .differing
        .iter()
        .map(|one| &one.service)
        .collect();
    let stays = |drift: &Drift| {
        !known.contains(&drift.service) && assessment.after.services.contains_key(&drift.service)
    };
    let (taken, left): (Vec<Drift>, Vec<Drift>) = beside
        .found
        .drifts
        .into_iter()
        .filter(stays)
        .partition(|drift| is_taken(&assessment.plan, drift));
    // Of a service that is recreated, what is not of files is gone with the old container.
    let left = left.into_iter().filter(|drift| {
        let step = assessment.plan.step(&drift.service);
        step.is_none_or(|step| !step.action.makes_container())
    });
    assessment.differing.extend(left);
    let mut waiting: BTreeMap<ServiceName, Vec<String>> = BTreeMap::new();
    for drift in taken {
        let texts = waiting.entry(drift.service).or_default();
        texts.push(drift.reason.text);
    }
    let told = waiting.into_iter().map(|(service, what)| {
        format!(
            "what waited in the files takes effect with this run: {service}: {}",
            what.join(", ")
        )
    });
    assessment.notes.extend(told);
    Ok(())
}

/// Whether a difference of files is none any more once the plan is carried out.
fn is_taken(plan: &Plan, drift: &Drift) -> bool {
    let Some(step) = plan.step(&drift.service) else {
        return false;
    };
    let is_read_anew = matches!(drift.action, Action::Restart | Action::Signal);
    drift.is_of_files()
        && (step.action.makes_container() || is_read_anew && step.action == Action::Restart)
}

/// Files of the stack that git does not have as they are, that were written after the first of the
/// containers that differ was created, and whose text was not seen in force since. Who copies an older
/// file there changes it at that moment as well.
async fn typed_since(
    place: &Place,
    checkout: &Checkout,
    beside: &BesideWhatRuns,
    state: &StackState,
) -> Result<Vec<PathBuf>, Complaint> {
    let drifts = beside.found.drifts.iter();
    let differing: BTreeSet<&ServiceName> = drifts.map(|drift| &drift.service).collect();
    let own = beside.containers.iter();
    let own = own.filter(|one| differing.contains(&one.service));
    let Some(first) = own.map(|one| one.created).min() else {
        return Ok(Vec::new());
    };
    let edited = checkout.local_edits().await?.edited;
    let edited: BTreeSet<PathBuf> = edited.iter().map(|path| checkout.named(path)).collect();
    let mut files: BTreeSet<PathBuf> = read_files::of_all(place)
        .chain(read_files::env_files_of(&beside.resolved.source))
        .collect();
    files.extend(edited.iter().cloned());
    let baseline = baseline::read(state)?;
    let was_in_force = |file: &PathBuf| {
        let known = baseline.as_ref().map(|baseline| baseline.side(file, state));
        known.is_some_and(|known| match known {
            Side::Unknown(_) => false,
            known @ (Side::Absent | Side::Text(_)) => known.is_same_text(&Side::read(file)),
        })
    };
    let mut typed = Vec::new();
    for file in files {
        let is_later = match file.symlink_metadata() {
            Ok(metadata) => metadata.ctime() > first,
            // A tracked file that somebody removed has no date.
            Err(_) => edited.contains(&file),
        };
        if is_later
            && !was_in_force(&file)
            && (edited.contains(&file) || !checkout.is_tracked(&file).await?)
        {
            typed.push(file);
        }
    }
    Ok(typed)
}

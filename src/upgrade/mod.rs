//! An upgrade: which commit and which images it goes to, and what the new version says about
//! settings. This page surveys it; the run itself is that of every change.

mod checkout;
mod contexts;
pub(crate) mod env;
mod files_ahead;
mod given_back;
pub(crate) mod images;
mod kept_files;
mod memory;
mod newer_images;
pub(crate) mod outlook;
mod remote_files;
mod required;
pub(crate) mod sample_diff;
pub(crate) mod source;
mod upgrade_request;
mod versions_read;

pub(crate) use upgrade_request::UpgradeRequest;

use crate::assess;
use crate::assessment::edited::Edited;
use crate::assessment::hooks::{Around, HookEnvironment};
use crate::assessment::moving::Moving;
use crate::assessment::supply::Supply;
use crate::assessment::{Assessment, Change, CheckoutLook, Decision, LookedAt};
use crate::complaint::{Code, Complaint};
use crate::event::{Emitter, Kind, News, NoteCode, Unanswered};
use crate::request::{Options, Request};
use crate::run::Runner;
use crate::run::run_report::{Refused, RunReport};
use crate::stack::Place;
use crate::stack::locate::LocateRequest;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::trust::{self, VersionFiles};
use checkout::{Destination, Newer};
use memory::{Attempt, Memory};
use outlook::Outlook;
use versions_read::VersionsRead;

/// Carries out an upgrade, and remembers what came of what it went to.
pub(crate) async fn execute(
    runner: &Runner,
    located: &LocateRequest,
    request: &Request,
    upgrade: &UpgradeRequest,
) -> RunReport {
    let assessment = async |place: &Place, state: &StackState| {
        assessed(place, state, &request.options, upgrade, &runner.emitter).await
    };
    let report = runner.execute_assessed(located, request, assessment).await;
    if let Some(stack) = &report.stack {
        let state = runner.home.of_stack(&stack.located.args.directory);
        if let Err(error) = Memory::of(&state).take(&report) {
            let text = format!("cannot record the result of this version: {error:#}");
            runner.emitter.note(NoteCode::NotRemembered, text);
        }
    }
    report
}

async fn assessed(
    place: &Place,
    state: &StackState,
    options: &Options,
    upgrade: &UpgradeRequest,
    emitter: &Emitter,
) -> Result<Assessment, Refused> {
    let found = match upgrade.images_only {
        true => Destination::None("the checkout was left out, as asked").into(),
        false => checkout::find(place, state, options, upgrade, emitter).await?,
    };
    let (mut notes, mut remarks) = (found.notes, found.remarks);
    let (read, moving, checkout) = match found.target {
        Destination::Newer(newer) => {
            let (mut read, moving) =
                newer_version(place, *newer, options, upgrade, emitter).await?;
            files_ahead::tell_differing(place, &mut read.assessment, state).await?;
            let (files, version) = (&read.assessment.args.files, VersionFiles::after(&moving));
            let keeps = !options.dry_run;
            read.assessment.arriving =
                trust::arriving(place, files, &version, state, keeps).await?;
            read.notes.extend(trust::lost(place, files, &version));
            (read, Some(moving), CheckoutLook::Newer)
        }
        Destination::Here(checkout, said) => {
            let read = files_ahead::read(place, &checkout, state).await?;
            (read, None, CheckoutLook::NothingNewer(said))
        }
        Destination::None(why) => {
            let read = assess::of_edit(place, Edited::default(), options).await?;
            (read.into(), None, CheckoutLook::Not(why))
        }
    };
    if moving.is_none() && upgrade.merge_env {
        remarks.push("no new version, so --merge-env has no new keys".to_owned());
    }
    let VersionsRead {
        mut assessment,
        mut news,
        notes: told,
    } = read;
    notes.extend(told);
    let compared = match &assessment.change {
        Change::Apply(compared) => Some(compared.clone()),
        Change::Edit
        | Change::Restart { .. }
        | Change::Rollback(_)
        | Change::Upgrade { .. }
        | Change::Recipe { .. } => None,
    };
    let found =
        newer_images::put_into_plan(place, &mut assessment, options, emitter, &mut notes).await?;
    assessment.edited.remarks.splice(0..0, remarks);
    news.images = found.images;
    news.unanswered = found.unanswered;
    let attempt = Attempt::of(&news);
    emitter.emit(Kind::News(Box::new(news.clone())));
    assessment.notes.splice(0..0, notes);
    let hooks = around(place, &assessment, moving.as_ref());
    if let Some(moving) = &moving {
        contexts::without_new_submodules(&assessment.after, moving)?;
        contexts::complete(&assessment.after, moving, &assessment.plan)?;
    }
    let supply = Supply {
        wanted: found.wanted,
        refresh_bases: upgrade.refresh_bases,
        prune_build_cache: upgrade.prune_build_cache,
    };
    let looked_at = LookedAt {
        checkout,
        images: found.look,
        compared,
    };
    let unanswered = news.unanswered.clone();
    let assessment = assessment.upgrade(moving, supply, hooks, news, looked_at);
    let mut assessment = assess::checked(place, assessment, options).await;
    if !upgrade.retry && !attempt.is_nothing_new() && !assessment.is_nothing() {
        let memory = Memory::of(state);
        not_again(
            &mut assessment,
            &memory,
            &attempt,
            upgrade,
            options.dry_run,
            emitter,
        )
        .map_err(Complaint::from)?;
    }
    if upgrade.unattended && assessment.is_nothing() {
        refuse_what_is_not_well(&mut assessment, &unanswered, &upgrade.outlook);
    } else if upgrade.unattended {
        assessment.beside = outlook::denied(&unanswered);
    }
    Ok(assessment)
}

/// Where nobody watches, what is no more than a note to a person is a failure.
fn refuse_what_is_not_well(
    assessment: &mut Assessment,
    unanswered: &[Unanswered],
    outlook: &Outlook,
) {
    let skipped = match &assessment.decision {
        Decision::CalledOff { code, .. } => Some(*code),
        Decision::Made => None,
        Decision::Refused(_) => return,
    };
    if let Some(complaint) = outlook::refusal(unanswered, skipped, outlook) {
        let is_told = |note: &String| unanswered.iter().any(|one| one.text == *note);
        let is_denied = complaint.code == Code::RegistryDenied;
        assessment
            .notes
            .retain(|note| !(is_denied && is_told(note)));
        assessment.decision = Decision::Refused(complaint);
    }
}

/// What the person wants to run around it, and what is told to that.
fn around(place: &Place, assessment: &Assessment, moving: Option<&Moving>) -> Around {
    let movement = moving.map(|moving| &moving.movement);
    Around {
        hooks: place.settings.hooks.clone(),
        environment: HookEnvironment {
            from: movement.map(|movement| movement.from.to_string()),
            to: movement.map(|movement| movement.to.to_string()),
            project: Some(assessment.after.name.clone()),
            ..HookEnvironment::default()
        },
    }
}

/// A newer version, beside the one that is checked out; and the move there, which keeps what is in use.
///
/// # Errors
/// As [`both_versions`]; a file that was edited here has no use any more.
async fn newer_version(
    place: &Place,
    mut newer: Newer,
    options: &Options,
    upgrade: &UpgradeRequest,
    emitter: &Emitter,
) -> Result<(VersionsRead, Moving), Refused> {
    remote_files::refuse_new(place, &newer.moving)?;
    let mut read = both_versions(place, &newer, options, upgrade, emitter).await?;
    if newer.without_needless(place, &read.assessment).await? {
        read = both_versions(place, &newer, options, upgrade, emitter).await?;
    }
    read.notes.extend(newer.kept.notes(place));
    Ok((read, newer.moving))
}

/// Reads both.
///
/// # Errors
/// Compose cannot read the new version; a file cannot be read.
async fn both_versions(
    place: &Place,
    found: &Newer,
    options: &Options,
    upgrade: &UpgradeRequest,
    emitter: &Emitter,
) -> Result<VersionsRead, Refused> {
    let mut edited = Edited {
        files: found.moving.file_edits(),
        changes: vec![found.moving.described()],
        ..Edited::default()
    };
    let told = sample_diff::read(place, &found.moving, upgrade, &mut edited).await?;
    let news = News {
        checkout: Some(found.news.clone()),
        env: told.news,
        ..News::default()
    };
    let mut assessment = match assess::of_edit(place, edited, options).await {
        Ok(assessment) => assessment,
        Err(complaint) => {
            // Whoever is refused wants to see what is new all the more.
            emitter.emit(Kind::News(Box::new(news.clone())));
            let sample = news.env.as_ref();
            return Err(Refused {
                complaint: required::hinted_by_present(place, complaint, sample).await,
                news: Some(Box::new(news)),
            });
        }
    };
    required::of_sample(&mut assessment.notes, news.env.as_ref());
    Ok(VersionsRead {
        assessment,
        news,
        notes: told.notes,
    })
}

/// What has failed, or was given back by somebody, waits for something newer.
fn not_again(
    assessment: &mut Assessment,
    memory: &Memory<'_>,
    attempt: &Attempt,
    upgrade: &UpgradeRequest,
    dry_run: bool,
    emitter: &Emitter,
) -> Result<(), StateError> {
    let (code, text) = match (memory.failed(attempt)?, memory.undone(attempt)?) {
        (Some(failed), _) if dry_run => {
            emitter.note(NoteCode::FailedBefore, failed.text());
            return Ok(());
        }
        (Some(failed), _) if !upgrade.unattended && failed.is_left_to_guards() => return Ok(()),
        (Some(failed), _) if !upgrade.unattended => {
            assessment.decision = Decision::Refused(failed.refusal());
            return Ok(());
        }
        (Some(failed), _) => (NoteCode::FailedBefore, failed.text()),
        // Whoever asks by hand has changed his mind.
        (None, Some(text)) if upgrade.unattended => (NoteCode::UndoneBefore, text),
        (None, Some(text)) if dry_run => {
            emitter.note(NoteCode::UndoneBefore, text);
            return Ok(());
        }
        (None, _) => return Ok(()),
    };
    emitter.note(code, text);
    let text = match code == NoteCode::UndoneBefore {
        true => "Skipped: this version was rolled back (--retry applies it again)",
        false => "Skipped: this version failed before (--retry tries it again)",
    };
    let text = text.to_owned();
    assessment.decision = Decision::CalledOff { code, text };
    Ok(())
}

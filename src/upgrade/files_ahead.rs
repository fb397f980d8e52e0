//! A checkout that is where it is wanted, while containers are not: somebody has pulled by hand, another
//! stack of the same checkout was upgraded, or an upgrade was left half done. What came with the checkout
//! is put in force; what a person typed is left to `apply`.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::versions_read::VersionsRead;
use crate::assess::{self, BesideWhatRuns};
use crate::assessment::read_files;
use crate::complaint::Complaint;
use crate::event::ServiceName;
use crate::git::Checkout;
use crate::rollback::baseline;
use crate::stack::Place;
use crate::stack::side::Side;
use crate::state::StackState;

/// Compares files and containers.
///
/// # Errors
/// Compose cannot read the stack; git fails.
pub(super) async fn read(
    place: &Place,
    checkout: &Checkout,
    state: &StackState,
) -> Result<VersionsRead, Complaint> {
    let beside = assess::compare(place, &[], state).await?;
    let typed = typed_since(place, checkout, &beside, state).await?;
    let assessment = assess::of_files_ahead(place, beside, state, typed.is_empty()).await?;
    let mut read = VersionsRead::from(assessment);
    if let Some(first) = typed.first().filter(|_| read.assessment.leaves_drift()) {
        let text = format!(
            "{} was edited here since these containers were created: what differs may be that, and is left \
             to refit apply",
            place.shown(first)
        );
        read.notes.push(text);
    }
    Ok(read)
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

//! Which of what the settings make refit do on this machine counts: what a person here wrote or accepted.
//! What upstream brings - a hook, a receiver, a probe of another server, the text of a program that one of
//! them names - waits until somebody accepts it. Runs nothing, and calls nothing but git.

mod files_named;
mod part;
mod upstream;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::complaint::Complaint;
use crate::hash::sha256;
use crate::settings::written::WrittenSettings;
use crate::settings::{ActionAt, HookName, HostAction, Settings, WaitingAction, words_of_text};
use crate::stack::locate::Located;
use crate::stack::{Place, shown};
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::trust_record::TrustRecord;
pub(crate) use files_named::VersionFiles;
use part::{Part, PartOf};
use upstream::{CheckedOutCommit, WrittenBy};

/// An action with all that has to be accepted of it.
struct Weighed {
    action: HostAction,
    parts: Vec<Part>,
}

/// The settings as far as they count, and what of them does not.
#[derive(Debug)]
pub(crate) struct JudgedSettings {
    /// Without what waits.
    pub settings: Settings,
    /// What waits.
    pub waits: Vec<WaitingAction>,
    record: Option<TrustRecord>,
    is_changed: bool,
}

/// Judges the settings of a stack as they are.
///
/// # Errors
/// What was accepted cannot be read.
pub(crate) async fn judge(
    written: &WrittenSettings,
    located: &Located,
    state: &StackState,
) -> Result<JudgedSettings, StateError> {
    let directory = &located.args.directory;
    let actions = written.settings.host_actions();
    // Where nothing can come from upstream, nothing has to be looked up or kept.
    let Some(top) = files_named::top(directory, written.file.as_deref()) else {
        return Ok(JudgedSettings {
            settings: written.settings.clone(),
            waits: Vec::new(),
            record: None,
            is_changed: false,
        });
    };
    // Without one - as in a second clone, or a moved folder - nothing is known, and nothing was accepted.
    let mut record = TrustRecord::read(state)?.unwrap_or_default();
    let before = record.clone();
    let commit = CheckedOutCommit::new(written, directory);
    let weighed = weigh(actions, located, &VersionFiles::checked_out(&top));
    let weighed = noted(weighed, &mut record, commit, |_| true).await;
    let waits = weighed.into_iter();
    let waits: Vec<WaitingAction> = waits
        .filter_map(|one| one.waiting(&record, written, directory))
        .collect();
    Ok(JudgedSettings {
        settings: without(written, &waits),
        waits,
        is_changed: record != before,
        record: Some(record),
    })
}

/// Notes the parts that were never seen: those that are here wait unless somebody here wrote them, and all
/// others wait. Gives the actions back.
async fn noted(
    all: Vec<Weighed>,
    record: &mut TrustRecord,
    mut commit: CheckedOutCommit<'_>,
    is_here: impl Fn(&Part) -> bool,
) -> Vec<Weighed> {
    for weighed in &all {
        for part in &weighed.parts {
            if record.knows(&part.hash).is_some() {
                continue;
            }
            // What cannot be known is not taken for somebody's own.
            let waits =
                !is_here(part) || commit.wrote(&weighed.action, part).await != WrittenBy::Here;
            record.note(&part.hash, &weighed.action.key, waits);
        }
    }
    all
}

/// What a version that is about to be checked out brings: all of it that does not count yet.
///
/// # Errors
/// What was accepted cannot be read, or what was found not be kept.
pub(crate) async fn arriving(
    place: &Place,
    files: &[PathBuf],
    version: &VersionFiles,
    state: &StackState,
    keeps: bool,
) -> Result<Vec<WaitingAction>, Complaint> {
    let directory = &place.located.args.directory;
    let read = |path: &Path| version.read(path);
    let own = version.settings_file(directory);
    // With settings that cannot be used no command works, the rollback neither.
    let written = WrittenSettings::read(&own, files, &read).map_err(|error| {
        error.hint(
            "a newer refit may know it; else it waits for a version whose settings can be read",
        )
    })?;
    let mut now = judge(&place.written, &place.located, state).await?;
    let record = now.record.get_or_insert_default();
    let here = VersionFiles::checked_out(version.top());
    let commit = CheckedOutCommit::new(&place.written, directory);
    let weighed = weigh(written.settings.host_actions(), &place.located, version);
    // A person's own program stays so, whoever names it.
    let is_here = |part: &Part| part.is_in(&here, directory);
    let weighed = noted(weighed, record, commit, is_here).await;
    let waits = weighed.into_iter();
    let waits = waits
        .filter_map(|one| one.waiting(record, &written, directory))
        .collect();
    if keeps {
        now.is_changed = true;
        now.keep(state)?;
    }
    Ok(waits)
}

/// That a version that is about to be checked out has no `before_upgrade` any more where one counts now, or
/// settings that hide the person's own.
pub(crate) fn lost(place: &Place, files: &[PathBuf], version: &VersionFiles) -> Option<String> {
    let read = |path: &Path| version.read(path);
    let own = version.settings_file(&place.located.args.directory);
    // One whose settings cannot be read has been refused by `arriving`.
    let written = WrittenSettings::read(&own, files, &read).ok()?;
    let before = place.written.file.as_deref();
    if before.is_some_and(|before| before != own && before.ends_with("refit.yml"))
        && version.read(&own).is_ok_and(|bytes| bytes.is_some())
    {
        let text = "the new version brings a refit.yaml: it counts, and the refit.yml here does not any more; \
                    put into refit.yaml what is to stay";
        return Some(text.to_owned());
    }
    let is_lost = place.settings.hooks.get(HookName::BeforeUpgrade).is_some()
        && written
            .settings
            .hooks
            .get(HookName::BeforeUpgrade)
            .is_none();
    is_lost.then(|| {
        "the new version removes hooks.before_upgrade: upgrades after this one make no backup by it"
            .to_owned()
    })
}

/// Lets of a stack's settings count what may, as long as nothing is written down.
///
/// # Errors
/// What was accepted cannot be read.
pub(crate) async fn admit(place: &mut Place, state: &StackState) -> Result<(), StateError> {
    judge(&place.written, &place.located, state)
        .await?
        .apply_to(place);
    Ok(())
}

/// The same, and keeps what was found, for whoever holds the stack's lock.
///
/// # Errors
/// What was accepted cannot be read or written.
pub(crate) async fn admit_and_keep(place: &mut Place, state: &StackState) -> Result<(), Complaint> {
    let judged = judge(&place.written, &place.located, state).await?;
    judged.keep(state)?;
    judged.apply_to(place);
    Ok(())
}

impl JudgedSettings {
    fn apply_to(self, place: &mut Place) {
        place.settings = self.settings;
        place.waits = self.waits;
    }

    fn keep(&self, state: &StackState) -> Result<(), Complaint> {
        match &self.record {
            Some(record) if self.is_changed => Ok(record.write(state)?),
            Some(_) | None => Ok(()),
        }
    }

    /// Accepts what was shown of what waits, just as it was when it was judged.
    ///
    /// # Errors
    /// It cannot be written down.
    pub(crate) fn accept(mut self, ids: &[String], state: &StackState) -> Result<(), Complaint> {
        let Some(record) = &mut self.record else {
            return Ok(());
        };
        let meant = |one: &&WaitingAction| ids.contains(&one.id);
        for one in self.waits.iter().filter(meant) {
            for hash in &one.hashes {
                record.accept(hash);
            }
        }
        self.is_changed = true;
        self.keep(state)
    }
}

impl Weighed {
    fn waiting(
        self,
        record: &TrustRecord,
        written: &WrittenSettings,
        directory: &Path,
    ) -> Option<WaitingAction> {
        let waits = |part: &&Part| record.knows(&part.hash) != Some(true);
        let waiting: Vec<&Part> = self.parts.iter().filter(waits).collect();
        if waiting.is_empty() {
            return None;
        }
        let hashes: Vec<String> = waiting.iter().map(|part| part.hash.clone()).collect();
        let file = written.file.as_ref();
        let file = file.map_or_else(|| "refit.yaml".to_owned(), |file| shown(directory, file));
        Some(WaitingAction {
            file,
            programs: waiting.iter().filter_map(|part| part.file()).collect(),
            variables: waiting.iter().filter_map(|part| part.variable()).collect(),
            is_text_accepted: waiting
                .iter()
                .all(|part| !matches!(part.of, PartOf::Setting)),
            id: sha256(hashes.join(" ").as_bytes())
                .chars()
                .take(10)
                .collect(),
            hashes,
            action: self.action,
        })
    }
}

fn without(written: &WrittenSettings, waits: &[WaitingAction]) -> Settings {
    let waiting: BTreeSet<&ActionAt> = waits.iter().map(|one| &one.action.at).collect();
    written.only(|at| !waiting.contains(at))
}

fn weigh(actions: Vec<HostAction>, located: &Located, version: &VersionFiles) -> Vec<Weighed> {
    let directory = &located.args.directory;
    let mut sets_up = located.args.files.clone();
    sets_up.extend(located.env_files());
    let read = |path: &Path| version.read(path);
    let weighed = |action: HostAction| {
        let text = Part::of_setting(&action.identity);
        let (mut named, words) = (action.files.clone(), action.words.clone());
        let mut variables = Vec::new();
        for (name, definition) in values::of_variables(&action.variables, located, &read) {
            // The program of `sendmail:` can stand in the env file.
            named.extend(words_of_text(&definition.1));
            variables.push(Part::of_variable(name, definition));
        }
        let files = version.files_named((&named, &words), directory, &sets_up);
        let files = files.into_iter();
        let files = files.map(|(file, bytes)| Part::of_file(file, &bytes));
        let parts = std::iter::once(text).chain(variables);
        Weighed {
            parts: parts.chain(files).collect(),
            action,
        }
    };
    actions.into_iter().map(weighed).collect()
}

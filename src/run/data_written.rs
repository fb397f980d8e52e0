//! What a way back does not give back: data that the new version writes.

use std::collections::BTreeSet;

use super::transaction::Transaction;
use crate::docker::container::{Container, Mount};
use crate::event::{NoteCode, ServiceName};
use crate::settings::HookName;

impl Transaction<'_> {
    /// Says, of an upgrade that gave services another image, where these write.
    pub(super) fn tell_data(&self, with_other_image: &BTreeSet<ServiceName>) {
        if self.assessment.supply().is_none() {
            return;
        }
        let Some(data) = places(&self.assessment.containers, with_other_image) else {
            return;
        };
        let text = format!(
            "refit rollback restores files, images and containers, not what the new version writes to: {data}"
        );
        self.emitter.note(NoteCode::Remark, text);
    }

    /// Of an upgrade whose way back did not work: what the new version may have written to, and what to do
    /// about it.
    pub(super) fn changed_data(&self, touched: &BTreeSet<ServiceName>) -> Option<(String, String)> {
        self.assessment.supply()?;
        let data = places(&self.assessment.containers, touched)?;
        let name = format!("hook-{}.log", HookName::BeforeUpgrade.key());
        let log = self.folder.join(name);
        let todo = match log.exists() {
            true => format!(
                "if the log says so, give the data back from what before_upgrade saved: {}",
                log.display()
            ),
            false => "if the log says so, give the data back from a backup".to_owned(),
        };
        let text = format!(
            "the new version may have changed the data that the old one is to read: {data}"
        );
        Some((text, todo))
    }
}

/// The volumes and folders that containers of these services write to.
fn places(containers: &[Container], services: &BTreeSet<ServiceName>) -> Option<String> {
    let own = containers
        .iter()
        .filter(|one| services.contains(&one.service));
    let mounts: Vec<&Mount> = own
        .flat_map(|one| &one.mounts)
        .filter(|one| one.rw)
        .collect();
    let volumes: BTreeSet<&str> = mounts
        .iter()
        .filter(|one| one.kind == "volume" && !one.is_anonymous())
        .filter_map(|one| one.name.as_deref())
        .collect();
    let binds = mounts.iter().filter(|one| one.kind == "bind");
    let folders: BTreeSet<String> = binds
        .filter(|one| one.source.is_dir())
        .map(|one| one.source.display().to_string())
        .collect();
    let of = |word: &str, names: Vec<String>| match names.as_slice() {
        [] => None,
        [one] => Some(format!("{word} {one}")),
        all => Some(format!("{word}s {}", all.join(", "))),
    };
    let volumes = of("volume", volumes.into_iter().map(str::to_owned).collect());
    let folders = of("folder", folders.into_iter().collect());
    let found: Vec<String> = [volumes, folders].into_iter().flatten().collect();
    (!found.is_empty()).then(|| found.join(" and "))
}

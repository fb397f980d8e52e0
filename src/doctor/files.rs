//! Files of settings: mounted but not there, or there but mounted nowhere. Pure.

use super::finding::{Finding, FindingCode};
use super::patient::{BindMount, MountSource, Patient};

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let is_active = |mount: &&BindMount| {
        let model = &patient.resolved.model;
        model.is_active(&mount.service, patient.profiles)
    };
    let mounts = patient.mounts.iter().filter(is_active);
    let mut found: Vec<Finding> = mounts.filter_map(of_mount).collect();
    let Some(subject) = patient.known() else {
        return found;
    };
    for (file, is_used) in patient.config_files {
        let place = subject.profile.config_files.get(file);
        let Some(place) = place.filter(|_| !is_used) else {
            continue;
        };
        let service = &subject.service;
        let text = format!("{file} is mounted into no service: {service} does not read it");
        let item = format!("services.{service}.volumes[+]=./{file}:{place}");
        found.push(
            Finding::new(FindingCode::ConfigUnused, text)
                .of(service)
                .file(file)
                .hint(format!("refit set {}", crate::text::shell_word(&item))),
        );
    }
    found
}

fn of_mount(mount: &BindMount) -> Option<Finding> {
    let BindMount {
        service, source, ..
    } = mount;
    let finding = match mount.lies {
        MountSource::Something => return None,
        // Docker's own folder is empty; one with files in it is meant.
        MountSource::Folder if !mount.is_config => return None,
        MountSource::EmptyFolder if !mount.is_file => return None,
        MountSource::Folder | MountSource::EmptyFolder => {
            let text = format!("{source} is a folder, and {service} mounts it as a file");
            Finding::new(FindingCode::MountFolder, text)
                .why("Docker makes one where a file is missing, and the application cannot read it")
                .hint(format!(
                    "rmdir {}, put the file there, then refit apply",
                    crate::text::shell_word(source)
                ))
        }
        // A folder for data is made by Docker, as it is meant.
        MountSource::Nothing if mount.creates_source && !mount.is_file => return None,
        MountSource::Nothing => {
            let then = match mount.creates_source {
                true => "Docker would create a folder in its place",
                false => "it would not start, or find an empty folder there",
            };
            let text = format!("{service} mounts {source}, which does not exist");
            Finding::new(FindingCode::MountMissing, text)
                .why(then)
                .hint("put the file there, then refit apply")
        }
    };
    Some(finding.of(service).file(source))
}

//! Texts of keys that the application cannot read, or reads in another unit than is meant. Pure.

use super::finding::{Finding, FindingCode};
use super::given::{Environment, GivenValue};
use super::keys::at;
use super::patient::Patient;
use crate::profile::Key;
use crate::stack::misfit::{self, Misfit, MisfitKind};

pub(super) fn findings(patient: &Patient<'_>, environment: &Environment<'_>) -> Vec<Finding> {
    let Some(subject) = patient.known() else {
        return Vec::new();
    };
    let version = subject.version.as_deref();
    environment
        .iter()
        .filter_map(|(key, given)| {
            let known = subject.profile.knows(key, version)?;
            let misfit = misfit::of(known, given.value)?;
            let finding = tell(key, given, known, &misfit)
                .of(&subject.service)
                .key(key);
            Some(at(finding, given))
        })
        .collect()
}

fn tell(key: &str, given: &GivenValue<'_>, known: &Key, misfit: &Misfit) -> Finding {
    // An address without its scheme may hold a password all the same.
    let hidden = crate::secret::is_secret(key, given.value) || given.value.contains('@');
    let text = match hidden {
        true => format!("{key} ({}): its value {}", given.place(), misfit.what),
        false => format!("{key}={} ({}) {}", given.value, given.place(), misfit.what),
    };
    let code = match misfit.kind {
        MisfitKind::Unfit => FindingCode::ValueUnfit,
        MisfitKind::Unit => FindingCode::ValueUnit,
    };
    let finding = Finding::new(code, text);
    let hint = match (&misfit.meant, hidden) {
        (Some(meant), false) => given.set(key, meant),
        _ => format!("refit why {key}"),
    };
    match misfit.kind {
        MisfitKind::Unfit => finding.why(misfit::consequence(known)).hint(hint),
        MisfitKind::Unit => finding.hint(hint),
    }
}

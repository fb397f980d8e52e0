//! What is wrong with a stack: `gather` looks at it, and rules on settings, files, stores, services, pages
//! and cookies judge what it saw. The rules are pure, and nothing here changes anything.

pub(crate) mod cookie;
mod diagnosis;
mod files;
mod finding;
pub(crate) mod gather;
mod given;
mod keys;
mod pages;
mod patient;
mod secrets;
mod services;
mod stores;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use diagnosis::{Coverage, Diagnosis, RecognisedApplication};
pub use finding::FindingCode;
pub(crate) use finding::{Finding, Level, in_order};
pub(crate) use patient::{
    Answered, BindMount, EnvLine, EnvText, MountSource, Outside, Patient, Reach, SeenContainer,
    Visit,
};
pub(crate) use stores::REDIS;

/// Everything that is to be said of it, the worst first.
pub(crate) fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let given = given::of(patient);
    let mut found = keys::findings(patient, &given);
    found.extend(value::findings(patient, &given));
    found.extend(secrets::findings(patient));
    found.extend(files::findings(patient));
    found.extend(stores::findings(patient, &given));
    found.extend(stores::outside(patient));
    found.extend(services::findings(patient));
    found.extend(pages::findings(patient, &given));
    found.extend(cookie::findings(patient, &given));
    if patient.known().is_none() {
        found.push(Finding::new(
            FindingCode::ApplicationUnknown,
            "refit does not know this application: what it makes of its keys, and its page of health, were \
             not looked at",
        ));
    }
    unfit_first(&mut found);
    in_order(found)
}

/// A value that its application cannot read is mended before anybody applies it: to advise `refit apply`
/// beside it would be to advise the failure.
fn unfit_first(found: &mut [Finding]) {
    let unfit = found
        .iter()
        .filter(|finding| finding.code == FindingCode::ValueUnfit);
    let keys: Vec<&str> = unfit
        .flat_map(|finding| finding.keys.iter().map(String::as_str))
        .collect();
    if keys.is_empty() {
        return;
    }
    let first = format!("mend {} first, then ", keys.join(", "));
    for finding in found {
        let applies = |hint: &&mut String| hint.starts_with("refit apply");
        if let Some(hint) = finding.hint.as_mut().filter(applies) {
            hint.insert_str(0, &first);
        }
    }
}

//! Where a key is set that is typed without a file: the place that counts for the services that get it.
//! What `set` writes is what `get` prints. Pure.

use std::path::{Path, PathBuf};

use crate::complaint::{Code, Complaint};
use crate::event::{ServiceName, Shown};
use crate::host::files;
use crate::secret::HIDDEN;
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::variables::{KeySetting, ServiceVariables, SettingPlace, StackVariables};

/// A place that sets a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyTarget {
    /// A line of an env file.
    File(PathBuf),
    /// `environment` of a service.
    Definition(ServiceName),
}

/// What a key is for those who get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyInForce {
    /// The places where it is set, as a rule one.
    pub targets: Vec<KeyTarget>,
    /// The value that counts.
    pub value: Option<String>,
    /// Where that stands, as it is shown; none where it is not set.
    pub at: Option<String>,
    /// Who has a value of its own all the same.
    pub others: Vec<String>,
    /// Why it is not written there unasked.
    pub refused: Option<Complaint>,
}

/// What one service, or all that is filled in, has of the key.
struct KeyCandidate {
    service: Option<ServiceName>,
    target: KeyTarget,
    value: Option<String>,
    at: String,
    /// Its whole value is that of this other variable.
    stands_for: Option<String>,
}

/// Finds the place: for these services where they have the key, else for all of the stack.
///
/// # Errors
/// `which_service`: several places have different values.
pub(crate) fn in_force(
    variables: &StackVariables,
    located: &Located,
    key: &str,
    reach: &[ServiceName],
) -> Result<KeyInForce, Complaint> {
    let own = own_file(variables, located, key);
    let mut found = candidates(variables, located, key, reach, &own);
    let is_own = |target: &KeyTarget| matches!(target, KeyTarget::File(path) if same(path, &own));
    if found.iter().any(|one| is_own(&one.target)) {
        let others = found.iter().filter(|one| !is_own(&one.target));
        let others = others.filter_map(|one| {
            let service = one.service.as_ref()?;
            Some(format!("{service} has its own {key} ({})", one.at))
        });
        let others = others.collect();
        found.retain(|one| is_own(&one.target));
        // What is set counts before what a definition falls back to.
        found.sort_by_key(|one| one.value.is_none());
        let first = found.first();
        return Ok(KeyInForce {
            value: first.and_then(|one| one.value.clone()),
            at: first
                .filter(|one| one.value.is_some())
                .map(|one| one.at.clone()),
            targets: vec![KeyTarget::File(own)],
            others,
            refused: None,
        });
    }
    let Some(first) = found.first() else {
        let setting = variables.fills_in(key).pop();
        return Ok(KeyInForce {
            value: setting.as_ref().and_then(|one| one.value.clone()),
            at: setting.map(|one| one.at(&located.args.directory)),
            targets: vec![KeyTarget::File(own)],
            others: Vec::new(),
            refused: None,
        });
    };
    if found.iter().any(|one| one.value != first.value) {
        return Err(which(key, &found));
    }
    let refused = match (&first.stands_for, &first.service) {
        (Some(other), Some(service)) => Some(stands_for(key, other, service, &first.at)),
        (_, _) => None,
    };
    let mut targets: Vec<KeyTarget> = Vec::new();
    for one in &found {
        if !targets.contains(&one.target) {
            targets.push(one.target.clone());
        }
    }
    Ok(KeyInForce {
        value: first.value.clone(),
        at: Some(first.at.clone()),
        targets,
        others: Vec::new(),
        refused,
    })
}

fn candidates(
    variables: &StackVariables,
    located: &Located,
    key: &str,
    reach: &[ServiceName],
    own: &Path,
) -> Vec<KeyCandidate> {
    let directory = &located.args.directory;
    let of_own = variables.fills_in(key).pop();
    let is_asked = |name: &ServiceName| reach.is_empty() || reach.contains(name);
    let mut found: Vec<KeyCandidate> = Vec::new();
    for (name, service) in variables.services().filter(|(name, _)| is_asked(name)) {
        let Some(setting) = service.counts(key) else {
            let hands_on = reads_own(service, own) && of_own.is_some();
            found.extend(
                of_own
                    .as_ref()
                    .filter(|_| hands_on)
                    .map(|setting| KeyCandidate {
                        service: Some(name.clone()),
                        target: KeyTarget::File(own.to_owned()),
                        value: setting.value.clone(),
                        at: setting.at(directory),
                        stands_for: None,
                    }),
            );
            continue;
        };
        let target = target_of(&setting, key, name, own);
        // What is handed on stands where it is taken from.
        let from = of_own.as_ref().filter(|_| setting.hands_on(key));
        found.push(KeyCandidate {
            service: Some(name.clone()),
            target,
            value: setting.value.clone(),
            at: from.unwrap_or(&setting).at(directory),
            stands_for: setting.stands_for(key),
        });
    }
    if reach.is_empty() && variables.is_filled_in(key) {
        let setting = of_own.as_ref();
        found.push(KeyCandidate {
            service: None,
            target: KeyTarget::File(own.to_owned()),
            value: setting.and_then(|one| one.value.clone()),
            at: setting.map(|one| one.at(directory)).unwrap_or_default(),
            stands_for: None,
        });
    }
    found
}

/// Whether a service gets what an env file says without naming it.
fn reads_own(service: &ServiceVariables, own: &Path) -> bool {
    service.mounts(own) || service.reads(own)
}

fn target_of(setting: &KeySetting, key: &str, service: &ServiceName, own: &Path) -> KeyTarget {
    match &setting.place {
        SettingPlace::ServiceFile { path, .. } => KeyTarget::File(path.clone()),
        SettingPlace::Definition { .. } if setting.hands_on(key) => KeyTarget::File(own.to_owned()),
        SettingPlace::Definition { .. } => KeyTarget::Definition(service.clone()),
        // No service has these by itself.
        SettingPlace::EnvFile { .. } | SettingPlace::Shell => KeyTarget::File(own.to_owned()),
    }
}

/// The env file that fills in `${KEY}`: the strongest that sets it, else the stack's first.
pub(crate) fn own_file(variables: &StackVariables, located: &Located, key: &str) -> PathBuf {
    let settings = variables.fills_in(key);
    let file = settings.iter().rev().find_map(|setting| setting.file());
    file.map_or_else(|| located.first_env_file(), Path::to_owned)
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || files::follow(one) == files::follow(other)
}

/// Several services have different values, and nothing says which is meant.
fn which(key: &str, found: &[KeyCandidate]) -> Complaint {
    let text = format!("{key} has different values in this stack");
    let told = found.iter().map(|one| {
        let service = one.service.as_ref().map_or("${…}", ServiceName::as_str);
        let value = match Shown::of(key, one.value.as_deref()) {
            Shown::Plain(value) => value,
            Shown::Secret => HIDDEN.to_owned(),
            Shown::Absent => "not set".to_owned(),
        };
        format!("{service}: {value} ({})", one.at)
    });
    let services = found.iter().filter_map(|one| one.service.as_ref());
    let first = services
        .map(ServiceName::as_str)
        .next()
        .unwrap_or("SERVICE");
    Complaint {
        details: told.collect(),
        ..Complaint::new(Code::WhichService, text).hint(format!("name the service: --for {first}"))
    }
}

fn stands_for(key: &str, other: &str, service: &ServiceName, at: &str) -> Complaint {
    let text = format!("{key} of {service} is the value of ${{{other}}} ({at})");
    let hint = format!(
        "refit set {other}=VALUE changes that one, \
         refit set services.{service}.environment.{key}=VALUE this one alone"
    );
    Complaint::new(Code::Overridden, text).hint(hint)
}

/// The name of a place as it is shown.
pub(crate) fn target_name(target: &KeyTarget, located: &Located) -> String {
    match target {
        KeyTarget::File(path) => shown(&located.args.directory, path),
        KeyTarget::Definition(service) => format!("environment of {service}"),
    }
}

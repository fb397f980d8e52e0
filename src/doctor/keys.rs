//! Keys that do nothing: the application does not read them, they do not reach it, something else
//! wins over them. Pure.

use super::finding::{Finding, FindingCode};
use super::given::{self, Environment, GivenValue};
use super::patient::{EnvLine, EnvText, Patient};
use crate::event::ServiceName;
use crate::profile::key_facts::{Here, KeyFact};
use crate::stack::application::Subject;
use crate::stack::shown;
use crate::stack::stored::{self, StoredValue};
use crate::stack::url::Address;
use crate::stack::variables::UnfilledKey;

pub(super) fn findings(patient: &Patient<'_>, given: &Environment<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = patient
        .unfilled
        .iter()
        .map(|one| not_filled_in(patient, one))
        .collect();
    if let Some(subject) = patient.known() {
        found.extend(not_read(patient, given, subject));
        found.extend(unreached(patient, subject));
        found.extend(stored(patient, given, subject));
    }
    if let Some(subject) = patient.subject {
        found.extend(
            patient
                .env
                .iter()
                .filter_map(|file| overridden(patient, file, &subject.service)),
        );
    }
    found
}

/// `${KEY}` of the compose files, of which somebody thought that an `env_file` fills it in.
fn not_filled_in(patient: &Patient<'_>, one: &UnfilledKey) -> Finding {
    let (key, service, value) = (&one.key, &one.service, one.value.expose());
    let file = shown(patient.folder, &one.path);
    let text = format!(
        "${{{key}}} of the compose files is not filled in from {file}:{}, an env_file of {service}",
        one.line
    );
    let word = match crate::secret::is_secret(key, value) {
        true => key.clone(),
        false => format!("{key}={value}"),
    };
    let first = patient.env.iter().find(|file| file.is_first);
    let first = first.map_or(".env", |file| file.name.as_str());
    let mut finding = Finding::new(FindingCode::KeyNotFilledIn, text)
        .of(service)
        .file(&file)
        .key(key)
        .why("Compose hands an env_file to its containers, and fills in ${…} from .env or the shell alone")
        .hint(format!(
            "refit set -F {} {}",
            crate::text::shell_word(first),
            crate::text::shell_word(&word)
        ));
    finding.line = Some(one.line);
    finding
}

/// Keys that the application, or this version of it, does not read.
fn not_read(
    patient: &Patient<'_>,
    environment: &Environment<'_>,
    subject: &Subject,
) -> Vec<Finding> {
    let version = subject.version.as_deref();
    let lacks = |key: &str| -> Option<String> {
        let told = subject.profile.tells(key, version)?;
        let is_read = match told {
            KeyFact::Lacks { .. } => false,
            KeyFact::Reads { here, .. } => !matches!(here, Here::TooOld(_)),
        };
        let sentence = told.warns(key, version).into_iter().next();
        sentence.filter(|_| !is_read)
    };
    let tell = |key: &str, given: &GivenValue<'_>| {
        let sentence = lacks(key)?;
        let text = format!("{key} ({}) does nothing: {sentence}", given.place());
        let finding = Finding::new(FindingCode::KeyNotRead, text)
            .of(&subject.service)
            .key(key)
            .hint(given.unset(key));
        Some(at(finding, given))
    };
    let mut found: Vec<Finding> = environment
        .iter()
        .filter(|(key, _)| !given::is_used_otherwise(patient, key))
        .filter_map(|(key, given)| tell(key, given))
        .collect();
    // What reaches nobody is meant for the application all the same.
    for (file, line) in not_handed_on(patient, subject) {
        if !environment.contains_key(line.key.as_str())
            && !given::is_used_otherwise(patient, &line.key)
        {
            found.extend(tell(&line.key, &of_line(file, line)));
        }
    }
    found
}

/// Lines of the stack's own env files that the application does not get as a file.
fn not_handed_on<'a>(
    patient: &'a Patient<'_>,
    subject: &'a Subject,
) -> impl Iterator<Item = (&'a EnvText, &'a EnvLine)> {
    patient
        .env
        .iter()
        .filter(|file| file.fills_in && !file.reaches(&subject.service))
        .flat_map(|file| file.set().map(move |line| (file, line)))
}

fn of_line<'a>(file: &'a EnvText, line: &'a EnvLine) -> GivenValue<'a> {
    GivenValue {
        value: line.value.expose(),
        at: given::ValueSource::File(file, line.line),
    }
}

/// The place of a value, put into a finding.
pub(super) fn at(mut finding: Finding, given: &GivenValue<'_>) -> Finding {
    if let given::ValueSource::File(file, line) = given.at {
        finding.file = Some(file.name.clone());
        finding.line = Some(line);
    }
    finding
}

/// Keys that the application reads, in a file that nobody hands on to it.
fn unreached(patient: &Patient<'_>, subject: &Subject) -> Vec<Finding> {
    let service = &subject.service;
    let definition = patient.resolved.model.services.get(service);
    let named = patient.resolved.source.services.get(service);
    let mut found = Vec::new();
    for (file, line) in not_handed_on(patient, subject) {
        let key = line.key.as_str();
        let reads = subject
            .profile
            .knows(key, subject.version.as_deref())
            .is_some();
        let used = given::is_used_otherwise(patient, key)
            || file.reaches.iter().any(|reach| reach.service != *service);
        let has = definition.and_then(|definition| definition.environment.get(key));
        let is_named = named.is_some_and(|named| named.environment.contains(key));
        if !reads || has.is_some_and(|value| value.as_deref() == Some(line.value.expose())) {
            continue;
        }
        let place = format!("{}:{}", file.name, line.line);
        let finding = if is_named {
            let text = format!(
                "{key} ({place}) does nothing: it is overridden by `environment:` of {service}"
            );
            Finding::new(FindingCode::KeyOverridden, text)
                .why("the compose file's value counts")
                .hint(format!("refit why {key}"))
        } else if used {
            continue;
        } else {
            let text = format!("{key} ({place}) is not used by {service}");
            let value = line.value.expose();
            // What would be wrong inside of the container is not handed on as it is.
            let known = subject.profile.keys.get(key).filter(|known| known.inside);
            let here = known.and_then(|_| Address::parse(value));
            let is_here = here.is_some_and(|address| address.is_loopback());
            let word = match is_here || value.contains('@') || crate::secret::is_secret(key, value)
            {
                true => key.to_owned(),
                false => format!("{key}={value}"),
            };
            // What the database has would override it there as well.
            let hint = match overriding(patient, key, value) {
                Some(_) => stored::ways(&subject.profile, service),
                None => format!(
                    "refit set {} --for {service}",
                    crate::text::shell_word(&word)
                ),
            };
            Finding::new(FindingCode::KeyUnreached, text)
                .why("Compose fills in ${…} from this file, and passes nothing else to containers")
                .hint(hint)
        };
        found.push(at(finding.of(service).key(key), &of_line(file, line)));
    }
    found
}

/// Keys of a file that reaches the application, over which `environment` has another value.
fn overridden(patient: &Patient<'_>, file: &EnvText, service: &ServiceName) -> Option<Finding> {
    if !file.reaches(service) {
        return None;
    }
    let definition = patient.resolved.model.services.get(service)?;
    let named = patient.resolved.source.services.get(service)?;
    // What the sample has as well is nobody's choice: the application's own files are written so.
    let other = |line: &&EnvLine| {
        let has = definition.environment.get(&line.key).cloned().flatten();
        !line.is_sample
            && named.environment.contains(&line.key)
            && has.is_some_and(|value| value != line.value.expose())
    };
    let lines: Vec<&EnvLine> = file.set().filter(other).collect();
    let first = lines.first()?;
    let keys: Vec<&str> = lines.iter().map(|line| line.key.as_str()).collect();
    let text = format!(
        "{} in {} {} overridden by `environment:` of {service}",
        crate::text::listed(&keys),
        file.name,
        if keys.len() == 1 { "is" } else { "are" },
    );
    let mut finding = Finding::new(FindingCode::KeyOverridden, text)
        .of(service)
        .file(&file.name)
        .hint(format!("refit why {}", first.key));
    finding.keys = keys.into_iter().map(str::to_owned).collect();
    finding.line = (lines.len() == 1).then_some(first.line);
    Some(finding)
}

/// Values over which the application's database wins.
fn stored(patient: &Patient<'_>, environment: &Environment<'_>, subject: &Subject) -> Vec<Finding> {
    let tell = |(key, given): (&&str, &GivenValue<'_>)| {
        let stored = overriding(patient, key, given.value)?;
        let known = subject.profile.knows(key, subject.version.as_deref())?;
        let shown = match crate::secret::is_secret(key, stored) {
            true => crate::secret::HIDDEN,
            false => stored,
        };
        let text = format!(
            "{key} ({}) does nothing: {} has {} = {shown} in its database, which overrides it",
            given.place(),
            subject.profile.title,
            known.in_database.as_deref()?
        );
        let finding = Finding::new(FindingCode::ValueStored, text)
            .of(&subject.service)
            .key(key)
            .hint(stored::ways(&subject.profile, &subject.service));
        Some(at(finding, given))
    };
    let wins = stored::environment_wins(&subject.profile, |key| {
        environment.get(key).map(|given| given.value)
    });
    match wins {
        true => Vec::new(),
        false => environment.iter().filter_map(tell).collect(),
    }
}

/// The stored value of a key, where it is another one than this.
fn overriding<'p>(patient: &'p Patient<'_>, key: &str, value: &str) -> Option<&'p str> {
    match patient.stored.get(key)? {
        stored if stored.is(value) => None,
        StoredValue::Is(stored) => Some(stored),
        StoredValue::Absent | StoredValue::Unknown(_) => None,
    }
}

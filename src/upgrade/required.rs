//! A variable that the new version's compose file cannot do without, and where it may come from.

use crate::assess::warnings::unset_variable;
use crate::complaint::Complaint;
use crate::docker::container::Container;
use crate::event::{EnvNews, SampleKey, ServiceName};
use crate::plan::guard;
use crate::stack::source::Source;
use crate::stack::{Place, resolve};

/// The same where the present version gives it a value by itself: with another one a database would lock
/// its application out, for one.
pub(super) async fn hinted_by_present(
    place: &Place,
    complaint: Complaint,
    sample: Option<&EnvNews>,
) -> Complaint {
    let Some(variable) = complaint.details.iter().find_map(|line| missing(line)) else {
        return complaint;
    };
    let Ok(present) = resolve(&place.compose, &place.located).await else {
        return hinted(complaint, sample);
    };
    let containers = place.of_project(&present.model.name);
    let has = |service: &ServiceName, key: &str| {
        let mut own = containers.iter().filter(|one| one.service == *service);
        let value = present.model.services.get(service);
        let value = value.and_then(|service| service.environment.get(key)?.as_deref());
        own.any(Container::is_up) && value.is_some_and(|value| !value.is_empty())
    };
    match whose(&present.source, &variable, has) {
        Some((service, key)) => complaint.hint(guard::kept_by(&service, &key, &variable)),
        None => hinted(complaint, sample),
    }
}

/// A service, and its key, that get a variable and have a value.
fn whose(
    source: &Source,
    variable: &str,
    has: impl Fn(&ServiceName, &str) -> bool,
) -> Option<(ServiceName, String)> {
    let services = source.services.iter();
    let mut used = services.flat_map(|(name, service)| {
        let own = service.references.iter();
        let own = own.filter(|reference| reference.variable == variable);
        own.filter_map(move |reference| {
            let key = reference.place.strip_prefix("environment.")?;
            Some((name.clone(), key.to_owned()))
        })
    });
    used.find(|(service, key)| has(service, key))
}

/// Says what to do about a variable that Compose misses in the new version.
fn hinted(complaint: Complaint, sample: Option<&EnvNews>) -> Complaint {
    let Some(key) = complaint.details.iter().find_map(|line| missing(line)) else {
        return complaint;
    };
    let appended = sample.filter(|sample| {
        let mut added = sample.added.iter();
        added.any(|new| new.key == key && has_value(new))
    });
    let hint = match appended {
        Some(sample) => format!(
            "refit upgrade --merge-env appends {key} to the env file as {} has it; or: refit set {key}=VALUE",
            sample.sample
        ),
        None => format!("set it first: refit set {key}=VALUE"),
    };
    complaint.hint(hint)
}

/// Adds to what Compose warns of that the sample has the variable.
pub(super) fn of_sample(notes: &mut [String], sample: Option<&EnvNews>) {
    let Some(sample) = sample else { return };
    for note in notes {
        let variable = unset_variable(note).map(str::to_owned);
        let mut added = sample.added.iter();
        let is_added =
            variable.is_some_and(|key| added.any(|new| new.key == key && has_value(new)));
        if is_added {
            note.push_str("; refit upgrade --merge-env appends it as ");
            note.push_str(&sample.sample);
            note.push_str(" has it");
        }
    }
}

/// A secret is not told, and is one.
fn has_value(new: &SampleKey) -> bool {
    new.default.as_deref() != Some("")
}

/// The variable of Compose's `required variable KEY is missing a value`.
fn missing(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("required variable ")?;
    let (key, _) = rest.split_once(" is missing a value")?;
    Some(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complaint::Code;

    #[test]
    fn a_variable_of_the_sample_and_one_that_is_nowhere() {
        let said = |key: &str| {
            let text = format!("error: required variable {key} is missing a value: say it");
            Complaint::new(Code::InvalidAfter, "no").details(&text)
        };
        let added = |key: &str, default: Option<&str>| SampleKey {
            key: key.to_owned(),
            default: default.map(str::to_owned),
            comment: Vec::new(),
        };
        let sample = EnvNews {
            sample: ".env.example".to_owned(),
            added: vec![
                added("A", Some("1")),
                added("B", None),
                added("C", Some("")),
            ],
            ..EnvNews::default()
        };
        let hint = |key: &str| hinted(said(key), Some(&sample)).hint.unwrap();
        assert!(hint("A").contains("--merge-env"));
        assert!(
            hint("B").contains("--merge-env"),
            "a secret has a default too"
        );
        assert!(!hint("C").contains("--merge-env") && hint("C").contains("refit set C=VALUE"));
        assert!(!hint("D").contains("--merge-env"));
        let present = serde_json::json!({"services": {"rel": {"environment": {
            "POSTGRES_PASSWORD": "${DB_PW:-root_pw}", "MODE": "1",
        }}}});
        let source = Source::of_json(&present);
        let found = whose(&source, "DB_PW", |_, key| key == "POSTGRES_PASSWORD");
        assert_eq!(found, Some(("rel".into(), "POSTGRES_PASSWORD".to_owned())));
        assert_eq!(whose(&source, "DB_PW", |_, _| false), None);
        let warned = |key: &str| format!("Compose warns: The \"{key}\" variable is not set.");
        let mut notes = [warned("A"), warned("D"), "other".to_owned()];
        of_sample(&mut notes, Some(&sample));
        assert!(notes[0].ends_with("--merge-env appends it as .env.example has it"));
        assert_eq!(notes[1..], [warned("D"), "other".to_owned()]);
        let other = Complaint::new(Code::InvalidAfter, "no").details("yaml: line 3");
        assert_eq!(hinted(other.clone(), Some(&sample)), other);
    }
}

//! A variable that the new version's compose file cannot do without, and where it may come from.

use crate::complaint::Complaint;
use crate::event::EnvNews;

/// Says what to do about a variable that Compose misses in the new version.
pub(super) fn hinted(complaint: Complaint, sample: Option<&EnvNews>) -> Complaint {
    let Some(key) = complaint.details.iter().find_map(|line| missing(line)) else {
        return complaint;
    };
    let appended = sample.filter(|sample| {
        let mut added = sample.added.iter();
        added.any(|new| new.key == key && new.default.as_deref() != Some(""))
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
    use crate::event::SampleKey;

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
        let other = Complaint::new(Code::InvalidAfter, "no").details("yaml: line 3");
        assert_eq!(hinted(other.clone(), Some(&sample)), other);
    }
}

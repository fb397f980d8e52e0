//! What is wrong with `refit.yaml`, in words: the parser's are those of its own grammar.

use std::path::Path;

use crate::complaint::{Code, Complaint};
use crate::suggest::nearest;

/// The lines around the error are shown, unless they may hold what others must not see: addresses
/// of `notify` are as good as passwords.
pub(super) fn wrong(file: &Path, text: &str, error: &serde_saphyr::Error) -> Complaint {
    let said = error.to_string();
    let first = said.lines().next().unwrap_or_default();
    let (place, what) = place_and_what(first);
    let (what, hint) = in_words(what);
    let place = place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
    let complaint = Complaint::new(
        Code::BadSettings,
        format!("cannot use {}{place}: {what}", file.display()),
    );
    let excerpt: Vec<&str> = said
        .lines()
        .skip(1)
        .filter(|line| !line.trim_start().starts_with("-->"))
        .map(|line| line.split_once('^').map_or(line, |(before, _)| before))
        .map(str::trim_end)
        .filter(|line| !line.trim_matches([' ', '|']).is_empty())
        .collect();
    let shown = !text.contains("notify");
    complaint
        .details(&if shown {
            excerpt.join("\n")
        } else {
            String::new()
        })
        .hint(hint)
}

/// Of `error: line 3 column 5: unknown field …`.
fn place_and_what(line: &str) -> (Option<(&str, &str)>, &str) {
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let place = line
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
        .and_then(|(place, what)| Some((place.split_once(" column ")?, what)));
    match place {
        Some((place, what)) => (Some(place), what),
        None => (None, line),
    }
}

/// The same for a person, and what to type.
fn in_words(what: &str) -> (String, String) {
    let fields = || "docs/refit.yaml.md lists the fields".to_owned();
    for (begin, noun) in [("unknown field `", "field"), ("unknown variant `", "value")] {
        let Some((word, rest)) = what
            .strip_prefix(begin)
            .and_then(|rest| rest.split_once('`'))
        else {
            continue;
        };
        let known = rest.split_once("expected ").map(|(_, known)| known);
        let known = known.unwrap_or_default().trim_start_matches("one of ");
        let words: Vec<&str> = known
            .split([',', ' '])
            .map(|one| one.trim_matches('`'))
            .filter(|one| !one.is_empty() && *one != "or")
            .collect();
        let hint = match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if words.is_empty() => fields(),
            None => format!("it takes {}", words.join(", ")),
        };
        return (format!("unknown {noun} {word}"), hint);
    }
    let what = match what {
        "expected mapping start" => "fields belong here, as in {name: value}".to_owned(),
        "expected sequence start" => "a list belongs here, as in [first, second]".to_owned(),
        other => other.to_owned(),
    };
    (what, fields())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn told(text: &str) -> (String, Option<String>) {
        let error = serde_saphyr::from_str::<Settings>(text).unwrap_err();
        let complaint = wrong(Path::new("refit.yaml"), text, &error);
        (complaint.text, complaint.hint)
    }

    #[test]
    fn a_slip_is_told_with_its_place_and_what_was_meant() {
        let (text, hint) = told("services:\n  web:\n    setle: 5s\n");
        assert_eq!(text, "cannot use refit.yaml:3:5: unknown field setle");
        assert_eq!(hint.unwrap(), "did you mean settle?");
        let (text, hint) = told("upgrade: {track: hourly}\n");
        assert_eq!(text, "cannot use refit.yaml:1:18: unknown value hourly");
        assert_eq!(hint.unwrap(), "it takes branch, tags");
        let (text, _) = told("keep: 3\n");
        assert!(
            text.ends_with("1:7: fields belong here, as in {name: value}"),
            "{text}"
        );
    }

    #[test]
    fn an_address_is_not_shown() {
        let text = "notify: [{ntfy: 'https://secret.example/x', onn: [failure]}]\n";
        let error = serde_saphyr::from_str::<Settings>(text).unwrap_err();
        let complaint = wrong(Path::new("refit.yaml"), text, &error);
        let all = format!("{} {:?}", complaint.text, complaint.details);
        assert!(!all.contains("secret.example"), "{all}");
    }
}

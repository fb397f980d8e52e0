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
    let field = place.and_then(|(line, column)| nearest_field(text, line, column));
    let (what, hint) = in_words(what, field);
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
fn in_words(what: &str, field: Option<&str>) -> (String, String) {
    let form = field.and_then(|field| FORMS.iter().find(|(name, _)| *name == field));
    let fields = || match form {
        Some((field, form)) => format!("as in {field}: {form}"),
        None => "docs/refit.yaml.md lists the fields".to_owned(),
    };
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
    let of = field.map(|field| format!("{field}: ")).unwrap_or_default();
    let what = match what {
        "expected mapping start" => format!("{of}fields belong here, as in {{name: value}}"),
        "expected sequence start" => format!("{of}a list belongs here, as in [first, second]"),
        text if text.starts_with("expected ") && text.ends_with("scalar") => {
            format!("{of}one value belongs here")
        }
        "invalid boolean" => format!("{of}true or false belongs here"),
        null if null.starts_with("cannot deserialize null") => format!("{of}the value is missing"),
        number if number.starts_with("invalid u") || number.starts_with("invalid i64") => {
            format!("{of}a whole number belongs here")
        }
        kind if kind.starts_with("invalid type: ") => match kind.split_once(", expected ") {
            Some((found, wanted)) => {
                let found = found.trim_start_matches("invalid type: ");
                let found = match found {
                    "sequence" => "a list".to_owned(),
                    "map" => "fields".to_owned(),
                    "unit value" => "nothing".to_owned(),
                    value => value.replace('`', ""),
                };
                format!("{of}here belongs {wanted}, not {found}")
            }
            None => kind.to_owned(),
        },
        other => match other.strip_prefix("missing field `") {
            Some(rest) => format!("{of}the field {} is missing", rest.trim_end_matches('`')),
            None => other.to_owned(),
        },
    };
    (what, fields())
}

/// What belongs behind the fields that are not just a word.
const FORMS: &[(&str, &str)] = &[
    ("services", "{web: {settle: 10s}}"),
    ("probe", "http://127.0.0.1:3080/health"),
    ("status", "200"),
    ("settle", "10s"),
    ("timeout", "3m"),
    ("one_shot", "true"),
    ("reload", "{signal: HUP, for: [./nginx], check: nginx -t}"),
    ("check", "nginx -t"),
    ("for", "[./nginx]"),
    ("guard", "{keys: [MY_SIGNING_KEY]}"),
    ("keys", "[MY_SIGNING_KEY]"),
    ("upgrade", "{track: tags, min_age: 3d}"),
    ("min_age", "3d"),
    ("window", "\"02:00-05:00\""),
    ("max_failures", "3"),
    ("stale_after", "7d"),
    ("hooks", "{before_upgrade: ./backup.sh}"),
    ("before_upgrade", "./backup.sh"),
    ("after_success", "./tell.sh"),
    ("after_failure", "./tell.sh"),
    ("notify", "[{ntfy: https://ntfy.sh/my-topic}]"),
    ("on", "[failure, rollback]"),
    ("keep", "{runs: 50, age: 90d}"),
    ("runs", "50"),
    ("age", "90d"),
];

/// The field whose value stands at a place: the last one before it.
fn nearest_field<'a>(text: &'a str, line: &str, column: &str) -> Option<&'a str> {
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let before = text.lines().nth(line.checked_sub(1)?)?;
    let before = match before.char_indices().nth(column.saturating_sub(1)) {
        Some((at, _)) => &before[..at],
        None => before,
    };
    let colon = before.rfind(':')?;
    let name = before[..colon].trim_end();
    let begin = name.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    let name = &name[begin.map_or(0, |at| at + 1)..];
    (!name.is_empty()).then_some(name)
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
            text.ends_with("1:7: keep: fields belong here, as in {name: value}"),
            "{text}"
        );
    }

    #[test]
    fn what_is_wrong_is_told_in_the_words_of_the_file() {
        for (text, wrong, hint) in [
            (
                "keep: {runs: many}\n",
                "1:14: runs: a whole number belongs here",
                "as in runs: 50",
            ),
            (
                "services: {web: {one_shot: yes please}}\n",
                "1:28: one_shot: true or false belongs here",
                "as in one_shot: true",
            ),
            (
                "hooks: {before_upgrade: [1]}\n",
                "hooks: here belongs a command line, or {run: COMMAND, timeout: 30s}, not a list",
                "as in hooks: {before_upgrade: ./backup.sh}",
            ),
            (
                "hooks:\n  before_upgrade: {}\n",
                "before_upgrade: the field run is missing",
                "as in before_upgrade: ./backup.sh",
            ),
            (
                "services: {web: {probe: [a]}}\n",
                "web: here belongs a URL, or {url: URL, status: 200, body: TEXT}, not a list",
                "docs/refit.yaml.md lists the fields",
            ),
            (
                "hooks: {after_success: {rum: a}}\n",
                "unknown field rum",
                "did you mean run?",
            ),
            (
                "keep: 50\n",
                "1:7: keep: fields belong here, as in {name: value}",
                "as in keep: {runs: 50, age: 90d}",
            ),
        ] {
            let (said, hinted) = told(text);
            assert!(said.ends_with(wrong), "{text}: {said}");
            assert_eq!(hinted.as_deref(), Some(hint), "{said}");
        }
        // Never a word of the parser's own.
        for text in [
            "services:\n  web:\n",
            "services:\n",
            "upgrade: {max_failures: x}\n",
            "keep: {runs:}\n",
            "guard: {keys: A}\n",
            "upgrade: {track: }\n",
            "hooks: {after_failure: 5}\n",
            "upgrade: {window: [1]}\n",
            "services: {web: {settle: }}\n",
            "services: {web: {reload: {signal: [a], for: [b]}}}\n",
            "services: {web: {probe: {url: http://x, status: ok}}}\n",
            "hooks: {before_upgrade: }\n",
        ] {
            let Err(error) = serde_saphyr::from_str::<Settings>(text) else {
                continue;
            };
            let said = super::wrong(Path::new("refit.yaml"), text, &error).text;
            for word in [
                "u64",
                "u32",
                "u16",
                "untagged",
                "Form",
                "deserialize",
                "expected",
                "invalid",
                "scalar",
            ] {
                assert!(!said.contains(word), "{text}: {said}");
            }
        }
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

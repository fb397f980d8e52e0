//! What is typed behind `refit set`: KEY=VALUE, or KEY alone. What is written in another form is refused
//! with the form that was meant, before anything is read or asked for.

use std::ops::Range;

use crate::complaint::{Code, Complaint};
use crate::edit::yaml::YamlPath;
use crate::request::TypedCommand;
use crate::secret::is_secret;
use crate::text::shell_word;

/// A key, and its value where one was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// A key of an env file, or a path.
    pub key: String,
    /// Without one it comes from elsewhere.
    pub value: Option<String>,
}

/// How the words are to be read.
#[derive(Clone, Copy)]
pub(super) struct AssignmentForm<'a> {
    /// The command that they are from.
    pub typed: &'a TypedCommand,
    /// Whether a word names a file, where none is named by `-F`.
    pub is_file: &'a dyn Fn(&str) -> bool,
    /// As paths into a file.
    pub paths: bool,
    /// Every key that has no value is given one, so that none is asked for.
    pub generates: bool,
    /// Whether the stack knows a key; asked only where it decides what a word is.
    pub knows: &'a dyn Fn(&str) -> bool,
}

/// Reads the words.
///
/// # Errors
/// `usage`, `key_invalid`, `yaml_path`: what is no assignment, with the one that was meant.
pub(super) fn read(
    words: &[String],
    how: AssignmentForm<'_>,
) -> Result<Vec<Assignment>, Complaint> {
    let mut found: Vec<Assignment> = Vec::new();
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        let at = words.len() - rest.len();
        let wrong = nameless(at, word, how).or_else(|| file_for_key(at, word, behind, how));
        if let Some(complaint) = wrong.or_else(|| with_colon(at, word, behind, how)) {
            return Err(complaint);
        }
        let one = split(word, how.paths)?;
        let strays = behind.iter().take_while(|next| is_stray(&one, next, how));
        let strays: Vec<&str> = strays.map(String::as_str).collect();
        if !strays.is_empty() {
            return Err(in_one_word(at, &one, &strays, how));
        }
        found.push(one);
        rest = behind;
    }
    Ok(found)
}

/// Whether a key may be a part of a value that was typed as a word of its own: there are two without a
/// value in a row.
pub(super) fn is_doubtful(words: &[String]) -> bool {
    words.iter().skip(1).any(|word| !word.contains('='))
}

/// A word that names nothing.
fn nameless(at: usize, word: &str, how: AssignmentForm<'_>) -> Option<Complaint> {
    let rest = word.trim_start();
    let named = match rest.strip_prefix('=') {
        Some("") => "NAME=VALUE".to_owned(),
        Some(value) => format!("NAME={value}"),
        None if rest.is_empty() => "NAME=VALUE".to_owned(),
        None => return None,
    };
    let hint = format!("name it: {}", how.typed.with(at..at + 1, &[&named]));
    Some(Complaint::new(Code::KeyInvalid, "a variable needs a name").hint(hint))
}

/// `.env KEY=VALUE`: a file in the place of a key.
fn file_for_key(
    at: usize,
    word: &str,
    behind: &[String],
    how: AssignmentForm<'_>,
) -> Option<Complaint> {
    let is_alone = at == 0 && behind.is_empty();
    if word.contains('=') || how.generates && is_alone || !(how.is_file)(word) {
        return None;
    }
    let rest: &[&str] = if is_alone { &["KEY=VALUE"] } else { &[] };
    let command = how.typed.with(at..at + 1, rest);
    let text = format!("{word} is a file, and no key");
    let hint = format!("did you mean {command} -F {}?", shell_word(word));
    Some(Complaint::new(Code::Usage, text).hint(hint))
}

/// Keys that were typed with a value for a verb that takes none.
///
/// # Errors
/// `usage`, with the command that was meant.
pub(super) fn refuse_values(words: &[String], typed: &TypedCommand) -> Result<(), Complaint> {
    for (at, word) in words.iter().enumerate() {
        let key = match YamlPath::parse_assignment(word) {
            Ok((_, None)) => continue,
            Ok((path, Some(_))) => path.to_string(),
            Err(_) => match word.split_once('=') {
                Some((key, _)) if !key.is_empty() => key.trim().to_owned(),
                _ => continue,
            },
        };
        let text = format!("refit {} takes a key without a value", typed.verb);
        let hint = format!("did you mean {}?", typed.with(at..at + 1, &[&key]));
        return Err(Complaint::new(Code::Usage, text).hint(hint));
    }
    Ok(())
}

/// `KEY: VALUE` as in YAML and JSON: no name has a colon, and no path outside of brackets.
fn with_colon(
    at: usize,
    word: &str,
    behind: &[String],
    how: AssignmentForm<'_>,
) -> Option<Complaint> {
    let end = word
        .find([':', '=', '['])
        .filter(|at| word[*at..].starts_with(':'))?;
    let unquoted = |text: &str| {
        let text = text.trim().trim_end_matches(',');
        let inner = ['"', '\''].iter().find_map(|quote| {
            let inner = text.strip_prefix(*quote)?;
            inner.strip_suffix(*quote)
        });
        inner.unwrap_or(text).to_owned()
    };
    let key = unquoted(&word[..end]);
    let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if key.is_empty() || !key.chars().all(is_name) {
        return None;
    }
    // As make and some shells write it: `KEY:=VALUE`.
    let value = &word[end + 1..];
    // `section:key=value`: the parts of a path are separated by dots.
    if let Some((name, value)) = value.split_once('=')
        && how.paths
        && !name.is_empty()
        && name.chars().all(is_name)
    {
        let path = format!("{key}.{name}");
        let text = format!("{key}:{name} is no path: its parts are separated by dots");
        let hint = meant(at..at + 1, &path, value, how);
        return Some(Complaint::new(Code::KeyInvalid, text).hint(hint));
    }
    let value = unquoted(value.strip_prefix('=').unwrap_or(value));
    let text = format!("{key} and its value are separated by a colon, not by =");
    if !value.is_empty() {
        let hint = meant(at..at + 1, &key, &value, how);
        return Some(Complaint::new(Code::KeyInvalid, text).hint(hint));
    }
    let one = Assignment { key, value: None };
    let strays = behind.iter().take_while(|next| is_stray(&one, next, how));
    let strays: Vec<&str> = strays.map(String::as_str).collect();
    let value = match strays.is_empty() {
        true => "VALUE".to_owned(),
        false => unquoted(&strays.join(" ")),
    };
    let hint = meant(at..at + 1 + strays.len(), &one.key, &value, how);
    Some(Complaint::new(Code::KeyInvalid, text).hint(hint))
}

/// Whether a word behind a key is no key itself, but belongs to the value.
fn is_stray(before: &Assignment, word: &str, how: AssignmentForm<'_>) -> bool {
    // `KEY = VALUE`, `KEY =VALUE`.
    if word.starts_with('=') {
        return before.value.is_none();
    }
    if word.contains('=') || how.generates && before.value.is_none() {
        return false;
    }
    let is_key = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|c| c.is_ascii_uppercase())
            && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    if (how.knows)(word) {
        return false;
    }
    // Two keys that are new: both are asked for. A key that is known would be given its value.
    !(is_key(word) && (before.value.is_some() || !(how.knows)(&before.key)))
}

fn in_one_word(at: usize, one: &Assignment, strays: &[&str], how: AssignmentForm<'_>) -> Complaint {
    let first = one.value.as_deref().unwrap_or_default();
    let mut value: Vec<&str> = strays.to_vec();
    if !first.is_empty() {
        value.insert(0, first);
    }
    let value = value.join(" ");
    let value = match &one.value {
        Some(_) => value.as_str(),
        // `KEY = VALUE`
        None => value.strip_prefix('=').unwrap_or(&value).trim_start(),
    };
    let key = &one.key;
    let text = match &one.value {
        Some(_) => format!("the value of {key} goes on behind a space"),
        None => format!("{key} has no value: a key and its value are one word, KEY=VALUE"),
    };
    let hint = meant(at..at + 1 + strays.len(), &one.key, value, how);
    Complaint::new(Code::Usage, text).hint(hint)
}

/// The command that was meant. A secret is not told again.
fn meant(mended: Range<usize>, key: &str, value: &str, how: AssignmentForm<'_>) -> String {
    let value = match is_secret(key, value) {
        true => "VALUE",
        false => value,
    };
    let command = how.typed.with(mended, &[&format!("{key}={value}")]);
    format!("did you mean {command}?")
}

fn split(word: &str, paths: bool) -> Result<Assignment, Complaint> {
    if paths {
        let (path, value) = YamlPath::parse_assignment(word)
            .map_err(|error| Complaint::new(error.code(), error.to_string()).hint(error.hint()))?;
        return Ok(Assignment {
            key: path.to_string(),
            value: value.map(str::to_owned),
        });
    }
    Ok(match word.split_once('=') {
        Some((key, value)) => Assignment {
            key: key.to_owned(),
            value: Some(value.to_owned()),
        },
        None => Assignment {
            key: word.to_owned(),
            value: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::TypedWord;

    fn command(words: &[String], option: Option<&str>) -> TypedCommand {
        let plain = words.iter().map(|word| TypedWord::Plain(word.clone()));
        let option = option.map(|option| TypedWord::Option(option.to_owned()));
        TypedCommand {
            verb: "set".to_owned(),
            words: plain.chain(option).collect(),
        }
    }

    fn told(typed: &[&str], paths: bool) -> Result<usize, (String, String)> {
        let words: Vec<String> = typed.iter().map(|&word| word.to_owned()).collect();
        let how = AssignmentForm {
            typed: &command(&words, None),
            is_file: &|word| word == "web.env",
            paths,
            generates: false,
            knows: &|key| ["SITE_TITLE", "PORT", "LEVEL", "services.web.image"].contains(&key),
        };
        let read = read(&words, how).map(|found| found.len());
        read.map_err(|refused| (refused.code.word().to_owned(), refused.hint.unwrap()))
    }

    #[track_caller]
    fn meant(typed: &[&str], code: &str, command: &str) {
        let paths = typed[0].starts_with("services.");
        let told = told(typed, paths).unwrap_err();
        let hint = format!("did you mean refit set {command}?");
        assert_eq!(told, (code.to_owned(), hint), "{typed:?}");
    }

    #[test]
    fn a_value_behind_a_space_is_one_word_with_its_key() {
        for typed in [
            &["SITE_TITLE", "Neuer"][..],
            &["SITE_TITLE", "=", "Neuer"],
            &["SITE_TITLE", "=Neuer"],
            &["SITE_TITLE=", "Neuer"],
        ] {
            meant(typed, "usage", "SITE_TITLE=Neuer");
        }
        meant(&["SITE_TITLE", "my", "own"], "usage", "'SITE_TITLE=my own'");
        meant(&["SITE_TITLE=my", "own"], "usage", "'SITE_TITLE=my own'");
        meant(&["PORT", "8080"], "usage", "PORT=8080");
        meant(&["LEVEL", "DEBUG"], "usage", "LEVEL=DEBUG");
        meant(&["NEW_NAME", "some"], "usage", "NEW_NAME=some");
        let path = "services.web.image=nginx:1";
        meant(&["services.web.image", "nginx:1"], "usage", path);
        // What was typed is not shown to whoever looks over the shoulder.
        meant(&["API_KEY", "hunter2"], "usage", "API_KEY=VALUE");
    }

    #[test]
    fn a_colon_is_no_equals_sign() {
        for typed in [
            &["SITE_TITLE: x"][..],
            &["SITE_TITLE:x"],
            &["SITE_TITLE:", "x"],
            &["\"SITE_TITLE\": \"x\","],
            &["SITE_TITLE:=x"],
            &["SITE_TITLE:=", "x"],
        ] {
            meant(typed, "key_invalid", "SITE_TITLE=x");
        }
        meant(&["SITE_TITLE:"], "key_invalid", "SITE_TITLE=VALUE");
        meant(
            &["URL: http://a/?b=c"],
            "key_invalid",
            "'URL=http://a/?b=c'",
        );
        let path = "services.web.image=nginx:1";
        meant(&["services.web.image: nginx:1"], "key_invalid", path);
        let path = "services.web.environment.PORT=5";
        meant(&["services.web:environment.PORT=5"], "key_invalid", path);
    }

    #[test]
    fn a_file_is_no_key_and_a_key_without_a_value_has_none() {
        meant(&["web.env", "PORT=1"], "usage", "PORT=1 -F web.env");
        meant(&["web.env"], "usage", "KEY=VALUE -F web.env");
        let refused = |typed: &[&str]| {
            let words: Vec<String> = typed.iter().map(|&word| word.to_owned()).collect();
            refuse_values(&words, &command(&words, Some("--no-apply")))
                .map_err(|it| it.hint.unwrap())
        };
        let hint = "did you mean refit set A PORT --no-apply?".to_owned();
        assert_eq!(refused(&["A", "PORT=80"]), Err(hint));
        let hint = "did you mean refit set a.b --no-apply?".to_owned();
        assert_eq!(refused(&["a.b=x=y"]), Err(hint));
        assert_eq!(refused(&["A", "a[\"b=c\"]"]), Ok(()));
    }

    #[test]
    fn what_is_meant_so_is_taken() {
        for (typed, paths, count) in [
            (&["SITE_TITLE=a b: c", "PORT=1"][..], false, 2),
            (&["SITE_TITLE", "PORT"], false, 2),
            (&["NEW_KEY", "NEW_SECRET"], false, 2),
            (&["PORT=1", "NEW_SECRET"], false, 2),
            (&["PORT=", "SITE_TITLE"], false, 2),
            (&["URL=http://x:1/"], false, 1),
            (&["services.web.labels[\"a:b\"]=c: d"], true, 1),
        ] {
            assert_eq!(told(typed, paths), Ok(count), "{typed:?}");
        }
        let nameless = |word: &str| told(&[word], false).unwrap_err().1;
        assert_eq!(nameless(""), "name it: refit set NAME=VALUE");
        assert_eq!(nameless("=x"), "name it: refit set NAME=x");
    }

    #[test]
    fn keys_without_a_value_are_generated_in_a_row() {
        let words: Vec<String> = ["A_KEY", "b_key"].iter().map(|&w| w.to_owned()).collect();
        let how = AssignmentForm {
            typed: &command(&words, None),
            is_file: &|_| false,
            paths: false,
            generates: true,
            knows: &|_| false,
        };
        assert_eq!(read(&words, how).unwrap().len(), 2);
    }
}

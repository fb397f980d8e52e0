//! In which keys two texts of a file differ, for a person and for the record.

use std::collections::{BTreeMap, BTreeSet};

use similar::{DiffTag, TextDiff};

use crate::assessment::edited::KeyChange;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::edit::paths::PathSyntax;
use crate::edit::syntax::FileSyntax;
use crate::edit::value_text;
use crate::edit::yaml::{self, Segment, YamlPath};
use crate::stack::Place;
use crate::stack::side::FileEdit;

/// The value as Compose reads it; none where the file cannot be read.
pub(crate) fn value_of(tree: &Dotenv, key: &EnvKey) -> Option<String> {
    tree.get(key, &|name| std::env::var(name).ok())
        .ok()
        .flatten()
}

/// The keys in which two texts of a file differ; for other files the file itself.
pub(crate) fn describe(place: &Place, edit: &FileEdit, changes: &mut Vec<KeyChange>) {
    let file = place.shown(&edit.path);
    let (before, after) = (edit.before.bytes(), edit.after.bytes());
    if edit.is_noop() {
        return;
    }
    let known = changes.len();
    match FileSyntax::of(&edit.path, after.or(before), false) {
        FileSyntax::Yaml => describe_yaml(&file, before, after, changes),
        FileSyntax::Env => describe_env(&file, before, after, changes),
        FileSyntax::Paths(syntax) => describe_paths(syntax, &file, before, after, changes),
        FileSyntax::Other => {}
    }
    if changes.len() == known {
        changes.push(KeyChange {
            file,
            key: "the file".into(),
            name: String::new(),
            before: before.map(size),
            after: after.map(|after| match before {
                Some(before) => format!("{}: {}", size(after), changed_lines(before, after)),
                None => size(after),
            }),
        });
    }
}

/// `12 lines`, or bytes of what is no text.
fn size(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes).map(|text| text.lines().count()) {
        Ok(1) => "1 line".to_owned(),
        Ok(lines) => format!("{lines} lines"),
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

/// The lines in which a text differs from the one before it.
fn changed_lines(before: &[u8], after: &[u8]) -> String {
    let (Ok(old), Ok(new)) = (std::str::from_utf8(before), std::str::from_utf8(after)) else {
        return "changed".to_owned();
    };
    let (mut changed, mut added, mut removed) = (0, 0, 0);
    for op in TextDiff::from_lines(old, new).ops() {
        let (old, new) = (op.old_range().len(), op.new_range().len());
        match op.tag() {
            DiffTag::Equal => {}
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                changed += old.min(new);
                added += new.saturating_sub(old);
                removed += old.saturating_sub(new);
            }
        }
    }
    let told = [(changed, "changed"), (added, "added"), (removed, "removed")];
    let mut told = told.into_iter().filter(|(count, _)| *count > 0);
    let Some((count, word)) = told.next() else {
        return "changed".to_owned();
    };
    let lines = if count == 1 { "line" } else { "lines" };
    let first = format!("{count} {lines} {word}");
    told.fold(first, |text, (count, word)| {
        format!("{text}, {count} {word}")
    })
}

fn describe_env(
    file: &str,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    changes: &mut Vec<KeyChange>,
) {
    let tree =
        |bytes: Option<&[u8]>| Dotenv::parse(bytes.unwrap_or_default(), Format::Compose).ok();
    let (Some(old), Some(new)) = (tree(before), tree(after)) else {
        return;
    };
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in old.keys().chain(new.keys()) {
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    for key in keys {
        let Ok(name) = key.parse() else { continue };
        let (before, after) = (value_of(&old, &name), value_of(&new, &name));
        if before != after {
            changes.push(KeyChange {
                file: file.to_owned(),
                name: key.clone(),
                key,
                before,
                after,
            });
        }
    }
}

fn describe_paths(
    syntax: PathSyntax,
    file: &str,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    changes: &mut Vec<KeyChange>,
) {
    let scalars = |bytes: Option<&[u8]>| -> Scalars {
        let text = String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        syntax.scalars(&text).into_iter().collect()
    };
    let (old, new) = (scalars(before), scalars(after));
    let paths: BTreeSet<&YamlPath> = old.keys().chain(new.keys()).collect();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if before != after {
            changes.push(change_at(file, path, before.cloned(), after.cloned()));
        }
    }
}

fn describe_yaml(
    file: &str,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    changes: &mut Vec<KeyChange>,
) {
    let scalars = |bytes: Option<&[u8]>| -> Scalars {
        let text = String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let found = yaml::scalars(&text).unwrap_or_default();
        found.into_iter().map(|s| (s.path, s.value)).collect()
    };
    let (mut old, mut new) = (scalars(before), scalars(after));
    for (path, fields) in whole_ones(&old, &new) {
        let is_gone = old.keys().any(|known| is_below(known, &path));
        old.retain(|known, _| !is_below(known, &path));
        new.retain(|known, _| !is_below(known, &path));
        let fields = Some(format!("{{{}}}", fields.join(", ")));
        let (before, after) = if is_gone {
            (fields, None)
        } else {
            (None, fields)
        };
        changes.push(change_at(file, &path, before, after));
    }
    let paths: BTreeSet<&YamlPath> = old.keys().chain(new.keys()).collect();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if before != after {
            let text = |value: Option<&String>| value.map(|text| value_text(&text.as_str().into()));
            changes.push(change_at(file, path, text(before), text(after)));
        }
    }
}

/// Every value of a file with its place.
type Scalars = BTreeMap<YamlPath, String>;

fn change_at(
    file: &str,
    path: &YamlPath,
    before: Option<String>,
    after: Option<String>,
) -> KeyChange {
    KeyChange {
        file: file.to_owned(),
        name: path.last_key().unwrap_or_default().to_owned(),
        key: path.to_string(),
        before,
        after,
    }
}

/// The parts of a section, such as `services.redis`, that only one of two texts has, with the names of
/// their fields: nobody wants to read each of those.
fn whole_ones(old: &Scalars, new: &Scalars) -> Vec<(YamlPath, Vec<String>)> {
    let (old, new) = (parts(old), parts(new));
    let alone = |(whole, fields): (&YamlPath, &Vec<String>)| (whole.clone(), fields.clone());
    let gone = old.iter().filter(|(whole, _)| !new.contains_key(whole));
    let come = new.iter().filter(|(whole, _)| !old.contains_key(whole));
    gone.chain(come).map(alone).collect()
}

fn parts(scalars: &Scalars) -> BTreeMap<YamlPath, Vec<String>> {
    let mut found: BTreeMap<YamlPath, (Vec<String>, usize)> = BTreeMap::new();
    for path in scalars.keys() {
        let [Segment::Key(section), Segment::Key(name), rest @ ..] = path.segments() else {
            continue;
        };
        let Ok(whole) = YamlPath::of_keys([section, name]) else {
            continue;
        };
        let (fields, values) = found.entry(whole).or_default();
        *values += 1;
        if let Some(Segment::Key(field)) = rest.first()
            && !fields.contains(field)
        {
            fields.push(field.clone());
        }
    }
    // One value is told as such.
    let several = found.into_iter().filter(|(_, (_, values))| *values > 1);
    let fields = several.map(|(whole, (fields, _))| (whole, fields));
    fields.filter(|(_, fields)| !fields.is_empty()).collect()
}

/// Whether a path leads to a place or to a part of it.
fn is_below(path: &YamlPath, whole: &YamlPath) -> bool {
    path.segments().starts_with(whole.segments())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_same_size_is_another_one() {
        assert_eq!(size(b"a\nb\n"), "2 lines");
        for (before, after, told) in [
            ("a\nb\n", "a\nc\n", "1 line changed"),
            ("a\nb\n", "b\na\n", "1 line added, 1 removed"),
            ("a\nb\n", "c\nd\ne\n", "2 lines changed, 1 added"),
            ("a\nb\nc\n", "a\n", "2 lines removed"),
            ("a\n", "a", "1 line changed"),
        ] {
            assert_eq!(changed_lines(before.as_bytes(), after.as_bytes()), told);
        }
        assert_eq!(changed_lines(b"\xff", b"\xfe"), "changed");
    }

    #[test]
    fn a_service_that_comes_or_goes_is_told_in_one_line() {
        let with = "services:\n  web:\n    image: a\n  redis:\n    image: r\n    command: [x, y]\n";
        let without = "services:\n  web:\n    image: b\nvolumes:\n  data:\n";
        let told = |before: &str, after: &str| -> Vec<String> {
            let mut changes = Vec::new();
            let bytes = |text: &str| text.as_bytes().to_owned();
            describe_yaml("f", Some(&bytes(before)), Some(&bytes(after)), &mut changes);
            let told = changes.iter().map(|change| {
                let text = |value: &Option<String>| value.clone().unwrap_or_default();
                format!(
                    "{}: {} > {}",
                    change.key,
                    text(&change.before),
                    text(&change.after)
                )
            });
            told.collect()
        };
        assert_eq!(
            told(with, without),
            [
                "services.redis: {command, image} > ",
                "services.web.image: a > b",
                "volumes.data:  > "
            ]
        );
        assert_eq!(
            told(without, with)[0],
            "services.redis:  > {command, image}"
        );
        let one = "services:\n  web:\n    environment: {A: 1}\n";
        assert_eq!(told("x-a: 1\n", one)[0], "services.web.environment.A:  > 1");
        let item = |n: u8| format!("services:\n  web:\n    ports: [1, 2, {n}]\n");
        assert_eq!(told(&item(3), &item(4)), ["services.web.ports[2]: 3 > 4"]);
    }
}

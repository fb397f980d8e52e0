//! Edits of real compose files: every scalar is set to a new value, deleted and set back, and
//! everything else must stay as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use refit::tested::yaml::{self, NewValue, ScalarAt, Segment, YamlError, YamlNote, YamlPath};
use serde_json::Value;

/// Values that a plain word, quotes or a block must carry.
const VALUES: [&str; 12] = [
    "a-new-value",
    "a: b # c",
    "it's \"quoted\" \\ and $HOME",
    "two\nlines\n",
    "",
    "0123",
    "true",
    " blank around ",
    "ünï→✓",
    "{{ .Name }}",
    "tab\there",
    "- no list, [not] {a: map}",
];

#[derive(Default)]
struct Tally {
    files: usize,
    edits: usize,
    set_back: usize,
    set_back_by_word: usize,
    wrapping_lost: usize,
    refused: BTreeMap<String, usize>,
}

impl Tally {
    fn refuse(&mut self, file: &str, path: &YamlPath, failure: &YamlError) {
        *self
            .refused
            .entry(failure.code().word().to_owned())
            .or_default() += 1;
        println!("refused: {file}: {path}: {failure}");
    }
}

fn corpus() -> Option<Vec<(String, String)>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/compose");
    let Ok(entries) = std::fs::read_dir(&dir) else {
        skipped!("there is no {}", dir.display());
        return None;
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let text = std::fs::read_to_string(entry.path()).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), text))
        })
        .collect();
    files.sort();
    Some(files)
}

fn is_edited(scalar: &ScalarAt) -> bool {
    match &scalar.path.segments()[0] {
        Segment::Key(root) => {
            matches!(root.as_str(), "services" | "volumes" | "networks") || root.starts_with("x-")
        }
        Segment::Index(_) | Segment::Append => false,
    }
}

fn at<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, step| match step {
        Segment::Key(key) => value.get_mut(key.as_str()),
        Segment::Index(index) => value.get_mut(*index),
        Segment::Append => None,
    })
}

/// The resolved tree with one value changed or removed; `None` where the path leads through a
/// merge key, whose content stands elsewhere in the resolved tree.
fn patched(before: &Value, path: &YamlPath, new: Option<&Value>) -> Option<Value> {
    let mut tree = before.clone();
    let (last, parents) = path.segments().split_last()?;
    match (new, at(&mut tree, parents)?, last) {
        (Some(new), Value::Object(map), Segment::Key(key)) => {
            *map.get_mut(key)? = new.clone();
        }
        (Some(new), Value::Array(items), Segment::Index(index)) => {
            *items.get_mut(*index)? = new.clone();
        }
        (None, Value::Object(map), Segment::Key(key)) => {
            map.remove(key)?;
        }
        (None, Value::Array(items), Segment::Index(index)) => {
            items.remove(*index);
        }
        _ => return None,
    }
    Some(tree)
}

fn seen_elsewhere(edited: &yaml::YamlEdit) -> bool {
    edited.notes.iter().any(|note| {
        matches!(
            note,
            YamlNote::SeenThroughAlias { .. } | YamlNote::InheritsAgain { .. }
        )
    })
}

fn check_set(file: &str, text: &str, before: &Value, scalar: &ScalarAt, word: &str, t: &mut Tally) {
    let new = NewValue::String(word.to_owned());
    t.edits += 1;
    let edited = match yaml::set(text, &scalar.path, &new) {
        Ok(edited) => edited,
        Err(failure) => return t.refuse(file, &scalar.path, &failure),
    };
    let place = format!("{file}: {} = {word:?}", scalar.path);
    let wanted = Value::String(word.to_owned());
    let after = yaml::read(&edited.text).expect(&place);
    assert_eq!(
        yaml::get(&edited.text, &scalar.path)
            .expect(&place)
            .as_ref(),
        Some(&wanted),
        "{place}"
    );
    if !seen_elsewhere(&edited)
        && let Some(expected) = patched(before, &scalar.path, Some(&wanted))
    {
        assert_eq!(after, expected, "{place}");
    }
    only_those_lines_differ(text, &edited.text, scalar, &place);
    check_set_back(text, &edited, scalar, word == VALUES[0], &place, t);
}

/// The lines before the scalar and everything after its last line are the same bytes.
fn only_those_lines_differ(before: &str, after: &str, scalar: &ScalarAt, place: &str) {
    let offset: usize = before
        .split_inclusive('\n')
        .take(scalar.line.saturating_sub(2))
        .map(str::len)
        .sum();
    assert_eq!(
        before.get(..offset),
        after.get(..offset),
        "{place}: bytes before it changed"
    );
    let lines = scalar.value.lines().count().max(1) + blank_or_folded(before, scalar);
    let end: usize = before
        .split_inclusive('\n')
        .take(scalar.line + lines)
        .map(str::len)
        .sum();
    assert!(
        after.ends_with(&before[end..]),
        "{place}: bytes after it changed"
    );
}

/// Lines that a folded scalar takes beyond those of its value.
fn blank_or_folded(text: &str, scalar: &ScalarAt) -> usize {
    let rest = text.lines().skip(scalar.line - 1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = text.lines().nth(scalar.line - 1).map_or(0, indent);
    rest.skip(1)
        .take_while(|line| line.trim().is_empty() || indent(line) >= own)
        .count()
}

fn check_set_back(
    text: &str,
    edited: &yaml::YamlEdit,
    scalar: &ScalarAt,
    carried: bool,
    place: &str,
    t: &mut Tally,
) {
    let old = edited.before.clone().expect(place);
    let back = yaml::set(&edited.text, &scalar.path, &NewValue::Json(old)).expect(place);
    if back.text != text && !seen_elsewhere(edited) {
        assert_eq!(
            yaml::read(&back.text).expect(place),
            yaml::read(text).expect(place),
            "{place}"
        );
    }
    if !carried {
        return;
    }
    if back.text == text {
        t.set_back += 1;
        return;
    }
    let word = NewValue::Auto(scalar.value.clone());
    let by_word = yaml::set(&edited.text, &scalar.path, &word).expect(place);
    if by_word.text == text {
        t.set_back_by_word += 1;
        return;
    }
    // A value tells nothing of the lines on which it was folded; everything else must come back.
    let lines = text.lines().count() > edited.text.lines().count();
    assert!(lines, "{place} was not set back byte for byte");
    t.wrapping_lost += 1;
}

fn check_delete(file: &str, text: &str, before: &Value, path: &YamlPath, t: &mut Tally) {
    t.edits += 1;
    let edited = match yaml::delete(text, path) {
        Ok(edited) => edited,
        Err(failure) => return t.refuse(file, path, &failure),
    };
    let place = format!("{file}: unset {path}");
    let after = yaml::read(&edited.text).expect(&place);
    if !seen_elsewhere(&edited)
        && let Some(expected) = patched(before, path, None)
    {
        assert_eq!(after, expected, "{place}");
    }
    let (old, new): (Vec<_>, Vec<_>) = (text.lines().collect(), edited.text.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(a, b)| a == b);
    let rest = new.len() - head - tail.count();
    assert!(
        rest <= 2,
        "{place}: {rest} lines are new from line {} on",
        head + 1
    );
}

/// `- KEY=VALUE` by its key.
fn check_pair(file: &str, text: &str, scalar: &ScalarAt, t: &mut Tally) {
    let [parents @ .., Segment::Key(list), Segment::Index(_)] = scalar.path.segments() else {
        return;
    };
    let Some((key, old)) = scalar.value.split_once('=') else {
        return;
    };
    if !matches!(list.as_str(), "environment" | "labels" | "args") || parents.len() < 2 {
        return;
    }
    let steps = scalar.path.segments()[..parents.len() + 1].iter().cloned();
    let path = YamlPath::from_segments(steps.chain([Segment::Key(key.to_owned())]).collect());
    let path = path.expect(file);
    let place = format!("{file}: {path}");
    t.edits += 2;
    for (word, expected) in [("new value: 1", "new value: 1"), ("", "")] {
        let edited = yaml::set(text, &path, &NewValue::Auto(word.into())).expect(&place);
        let repeated = edited
            .notes
            .iter()
            .any(|note| matches!(note, YamlNote::RepeatedKey { .. }));
        let found = yaml::get(&edited.text, &path).expect(&place);
        assert_eq!(
            found.as_ref().and_then(Value::as_str),
            Some(expected),
            "{place}"
        );
        let back = yaml::set(&edited.text, &path, &NewValue::Auto(old.into())).expect(&place);
        assert!(
            repeated || word.contains(':') || back.text == text,
            "{place}: {}",
            back.text
        );
    }
    t.edits += 1;
    let edited = yaml::delete(text, &path).expect(&place);
    assert_eq!(yaml::get(&edited.text, &path), Ok(None), "{place}");
}

/// New keys, items and services, and their removal.
fn check_new(file: &str, text: &str, before: &Value, t: &mut Tally) {
    let names = |root: &str| -> Vec<String> {
        let map = before.get(root).and_then(Value::as_object);
        map.into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect()
    };
    let service =
        serde_json::json!({"image": "redis:7", "command": ["a", "b c"], "environment": {"A": "1"}});
    let mut new = vec![
        (vec!["services", "refit-new"], service.clone()),
        (vec!["volumes", "refit-new"], Value::Null),
        (
            vec!["networks", "refit-new"],
            serde_json::json!({"external": true}),
        ),
    ];
    let services = names("services");
    for service in &services {
        new.push((
            vec!["services", service, "environment", "REFIT_NEW"],
            "1".into(),
        ));
        new.push((
            vec!["services", service, "labels", "refit.new"],
            "a: b".into(),
        ));
        new.push((vec!["services", service, "x-refit", "deep", "er"], 5.into()));
    }
    for (keys, value) in new {
        let path = YamlPath::of_keys(keys).expect(file);
        let place = format!("{file}: {path}");
        t.edits += 1;
        let edited = match yaml::set(text, &path, &NewValue::Json(value.clone())) {
            Ok(edited) => edited,
            Err(failure) => {
                t.refuse(file, &path, &failure);
                continue;
            }
        };
        assert_eq!(yaml::get(&edited.text, &path), Ok(Some(value)), "{place}");
        let lines: Vec<_> = edited.text.lines().collect();
        let kept = text.lines().filter(|line| lines.contains(line)).count();
        assert!(
            text.lines().count() <= kept + 1,
            "{place}: more than one line of the file changed"
        );
        t.edits += 1;
        let back = yaml::delete(&edited.text, &path).expect(&place);
        assert_eq!(yaml::get(&back.text, &path), Ok(None), "{place}");
    }
}

/// Up to `most` scalars of every file, evenly spread, with each of the values.
fn run(most: usize, values: &[&str], new_keys: bool) {
    let Some(files) = corpus() else { return };
    let mut t = Tally::default();
    for (file, text) in &files {
        let before = match yaml::read(text) {
            Ok(before) => before,
            Err(failure) => {
                println!("not read: {file}: {failure}");
                *t.refused
                    .entry(format!("file: {}", failure.code()))
                    .or_default() += 1;
                continue;
            }
        };
        t.files += 1;
        let scalars = yaml::scalars(text).expect(file);
        let scalars: Vec<_> = scalars.iter().filter(|scalar| is_edited(scalar)).collect();
        for scalar in scalars.iter().step_by(scalars.len().div_ceil(most).max(1)) {
            for word in values {
                check_set(file, text, &before, scalar, word, &mut t);
            }
            check_delete(file, text, &before, &scalar.path, &mut t);
            check_pair(file, text, scalar, &mut t);
        }
        if new_keys {
            check_new(file, text, &before, &mut t);
        }
    }
    println!(
        "{} files, {} edits; set back byte for byte: {} by value, {} by word, {} not; refused: {:?}",
        t.files, t.edits, t.set_back, t.set_back_by_word, t.wrapping_lost, t.refused
    );
    let refused: usize = t.refused.values().sum();
    assert!(
        refused * 100 <= t.edits,
        "{refused} of {} edits were refused",
        t.edits
    );
}

#[test]
fn a_sample_of_real_files_keeps_its_meaning() {
    run(3, &VALUES[..2], false);
}

#[test]
#[ignore = "minutes; part of `make soak`"]
fn every_scalar_of_every_real_file_keeps_its_meaning() {
    run(usize::MAX, &VALUES, false);
}

#[test]
#[ignore = "part of `make soak`"]
fn every_scalar_is_set_back_byte_for_byte_and_every_service_takes_new_keys() {
    run(usize::MAX, &VALUES[..1], true);
}

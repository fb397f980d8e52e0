//! Which values of real env and compose files are hidden, and which are shown: names and counts alone,
//! as a list to be looked at.

use std::collections::BTreeMap;
use std::path::Path;

use refit::tested::{is_secret, yaml};

/// How often a name's value is hidden, and how often it is shown.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    hidden: usize,
    shown: usize,
}

#[derive(Default)]
struct Names(BTreeMap<String, Seen>);

impl Names {
    fn add(&mut self, name: &str, value: &str) {
        // What is only referred to is judged where it stands.
        if value.is_empty() || value.starts_with('$') && !value.contains('-') {
            return;
        }
        let seen = self.0.entry(name.to_owned()).or_default();
        match is_secret(name, value) {
            true => seen.hidden += 1,
            false => seen.shown += 1,
        }
    }

    fn of_env(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim_start_matches(['#', ' ']);
            let line = line.strip_prefix("export ").unwrap_or(line);
            let named = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            if let Some((name, value)) = line.split_once('=')
                && named(name)
            {
                let value = value.split(" #").next().unwrap_or_default();
                self.add(name, value.trim().trim_matches(['"', '\'']));
            }
        }
    }

    /// Values of environments, arguments of builds, and labels.
    fn of_yaml(&mut self, text: &str) {
        for scalar in yaml::scalars(text).unwrap_or_default() {
            let path = scalar.path.to_string();
            let is_setting = ["environment", "args", "labels"];
            if !is_setting
                .iter()
                .any(|part| path.contains(&format!(".{part}")))
            {
                continue;
            }
            let pair = scalar
                .value
                .split_once('=')
                .filter(|_| path.ends_with(']') && !path.ends_with("\"]"));
            match pair {
                Some((name, value)) => self.add(name, value),
                None => self.add(scalar.path.last_key().unwrap_or_default(), &scalar.value),
            }
        }
    }

    fn listed(&self, what: &str, is: impl Fn(&Seen) -> bool) -> String {
        let named = self.0.iter().filter(|(_, seen)| is(seen));
        let names: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
        let mut lines = vec![format!("{what}: {}", names.len()), String::new()];
        for name in names {
            let line = lines.last_mut().unwrap();
            if line.len() + name.len() > 110 {
                lines.push(format!("  {name}"));
            } else {
                line.push_str(&format!(" {name}"));
            }
        }
        lines.join("\n") + "\n"
    }
}

#[test]
fn what_is_hidden_and_what_is_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !folder.is_dir() {
        skipped!("no {}", folder.display());
        return;
    }
    let mut names = Names::default();
    for (kind, add) in [
        ("env", Names::of_env as fn(&mut Names, &str)),
        ("compose", Names::of_yaml),
    ] {
        for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
            add(
                &mut names,
                &std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default(),
            );
        }
    }
    let list = [
        names.listed("hidden", |seen| seen.shown == 0),
        names.listed("hidden or shown, by what they hold", |seen| {
            seen.hidden > 0 && seen.shown > 0
        }),
        names.listed("shown", |seen| seen.hidden == 0),
    ];
    insta::assert_snapshot!("corpus", list.concat());
}

//! What refit said beside what was seen: each difference in a sentence.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::exceptions::Of;
use super::model::{Asking, Counted};
use super::snapshot::{Seen, Snapshot};
use super::words::{Claim, Said, has_word};

/// Something that is not as refit says.
pub(super) struct Objection {
    pub(super) of: Of,
    pub(super) text: String,
}

pub(super) struct Case<'a> {
    pub(super) said: &'a Said<'a>,
    pub(super) before: &'a Snapshot,
    pub(super) after: &'a Snapshot,
    pub(super) asking: &'a Asking,
    /// No other call of refit was at work on this stack meanwhile.
    pub(super) alone: bool,
}

impl Case<'_> {
    pub(super) fn objections(&self) -> Vec<Objection> {
        let mut found = Vec::new();
        let mut say = |of: Of, text: String| found.push(Objection { of, text });
        if let Err(text) = self.said.code_fits() {
            say(Of::Code, text);
        }
        if let Some(line) = self.said.raw_controls() {
            say(
                Of::Words,
                format!("control characters are printed raw: {line}"),
            );
        }
        if self.alone {
            self.state(&mut say);
        }
        found
    }

    fn state(&self, say: &mut impl FnMut(Of, String)) {
        let claim = self.said.claim();
        // A question may find what a run left that was cut off.
        if self.said.code == 0 && claim != Claim::None && !self.said.is_question() {
            self.leftovers(say);
        }
        if !self.said.recovered() {
            match claim {
                Claim::Untouched => self.same(true, say),
                Claim::AsItWas => self.same(false, say),
                Claim::Written => self.containers(true, say),
                Claim::Applied => self.neighbours(say),
                Claim::None => {}
            }
            if claim != Claim::None {
                self.new_volumes(say);
            }
        }
        if self.after.containers.is_none() {
            return;
        }
        match claim {
            Claim::Applied => self.applied(say),
            Claim::Untouched if self.said.last().contains("what runs is what the files say") => {
                self.in_line(say)
            }
            Claim::Untouched | Claim::AsItWas | Claim::Written | Claim::None => {}
        }
        if matches!(claim, Claim::Applied | Claim::Written) {
            self.typed_values(say);
        }
    }

    /// Of a run that is over, nothing is left lying about.
    fn leftovers(&self, say: &mut impl FnMut(Of, String)) {
        for (_, seen) in self.after.all() {
            let stands_in = seen.name.split_once('_').is_some_and(|(hash, _)| {
                hash.len() == 12 && hash.chars().all(|c| c.is_ascii_hexdigit())
            });
            if stands_in {
                say(
                    Of::Leftovers,
                    format!("the container {} is left behind", seen.name),
                );
            }
        }
        for name in self
            .after
            .files
            .keys()
            .filter(|name| name.contains(".refit-tmp-"))
        {
            say(Of::Leftovers, format!("the file {name} is left behind"));
        }
    }

    /// Everything is as before; `untouched`: the containers are the very same.
    fn same(&self, untouched: bool, say: &mut impl FnMut(Of, String)) {
        let (before, after) = (self.before, self.after);
        // A hand-made text that went is no loss where it is kept, and where that is said.
        let is_kept = |name: &String| {
            let text = before.files.get(name).and_then(|text| text.split_once(' '));
            let text = text.and_then(|(_, rest)| rest.split_once(' '));
            !untouched && text.is_some_and(|(_, text)| self.said.kept(text.as_bytes()))
        };
        let of = |all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let others = all.iter().filter(|(name, _)| !is_kept(name));
            others
                .map(|(name, text)| (name.clone(), text.clone()))
                .collect()
        };
        maps(
            "the file",
            &of(&before.files),
            &of(&after.files),
            Of::Files,
            say,
        );
        let git = |all: &BTreeMap<&'static str, String>| -> BTreeMap<String, String> {
            all.iter()
                .map(|(name, text)| ((*name).to_owned(), text.clone()))
                .collect()
        };
        maps("of git:", &git(&before.git), &git(&after.git), Of::Git, say);
        if before.containers.is_none() || after.containers.is_none() {
            return;
        }
        values(
            "the network",
            &before.networks,
            &after.networks,
            Of::Networks,
            say,
        );
        // A new volume that the last line excepts is no more than what it says.
        let mut volumes = after.volumes.clone();
        let last = self.said.last();
        let excepted = last.split_once("except for").map_or("", |(_, names)| names);
        volumes.retain(|name, _| before.volumes.contains_key(name) || !excepted.contains(&**name));
        values("the volume", &before.volumes, &volumes, Of::Volumes, say);
        let project = &self.asking.project;
        maps(
            "the image",
            &before.names(project),
            &after.names(project),
            Of::Images,
            say,
        );
        self.containers(untouched, say);
    }

    fn containers(&self, untouched: bool, say: &mut impl FnMut(Of, String)) {
        let text = self.said.all();
        for (key, then) in self.before.all() {
            // What an earlier `up` left half made goes, and is told.
            let left = format!("{}, never started", then.name);
            if then.face["state"] == "created" && text.contains(&left) {
                continue;
            }
            let mut all = self.after.all();
            let Some(now) = all.find(|(other, now)| *other == key || now.name == then.name) else {
                if self.renumbered(&then.service) {
                    continue;
                }
                say(
                    Of::Containers,
                    format!("the container {} ({key}) is gone", then.name),
                );
                continue;
            };
            self.container(then, now.1, untouched, say);
        }
        for (key, seen) in self.after.all() {
            let mut all = self.before.all();
            let was = all.any(|(other, then)| other == key || then.name == seen.name);
            if !was && !self.renumbered(&seen.service) {
                say(
                    Of::Containers,
                    format!("the container {} ({key}) is new", seen.name),
                );
            }
        }
    }

    fn container(
        &self,
        then: &Seen,
        now: &Seen,
        untouched: bool,
        say: &mut impl FnMut(Of, String),
    ) {
        // One that starts again by itself, or ends by itself, is another one each time.
        // The engine counts a restart when it decides on it, and waits before the start.
        let was_due = then.raw["State"]["Status"] == "restarting";
        let by_itself = then.id == now.id
            && (was_due || then.restarts != now.restarts || ended_by_itself(then, now));
        let last = self.said.last();
        let excepted = last.split_once("except for").map_or("", |(_, names)| names);
        let not_run_again = excepted.contains("not run again") && has_word(excepted, &then.service);
        let by_itself = by_itself || not_run_again;
        let mut differences = Vec::new();
        // What was out of sync before is as its files say, no more and no less.
        let pending = [
            "which now runs with what waited ",
            "which does not run, and whose container was recreated with what waited ",
        ];
        let is_pending = |how| excepted.contains(&format!("{}, {how}", then.service));
        match pending
            .into_iter()
            .any(is_pending)
            .then(|| self.asking.model(self.after))
        {
            Some(Ok(model)) => {
                differences = model.differences(&then.service, self.after, Counted::Up);
            }
            Some(Err(text)) => say(Of::Model, format!("Compose cannot read the files: {text}")),
            None => differ(&then.face, &now.face, "", &mut differences),
        }
        for text in differences {
            if !(by_itself && text.starts_with("state")) {
                let of = match text.starts_with("labels/com.docker.compose.depends_on") {
                    true => Of::Order,
                    false => Of::Containers,
                };
                say(of, format!("{}: {text}", then.name));
            }
        }
        let is_named = !untouched && self.said.names(&then.service);
        if is_named || by_itself {
            return;
        }
        if then.id != now.id {
            say(
                Of::Touched,
                format!("{} was made anew, and nothing says so", then.name),
            );
        } else if then.started_at != now.started_at {
            say(
                Of::Touched,
                format!("{} was started again, and nothing says so", then.name),
            );
        }
    }

    /// It says so itself, and there are as many as before.
    fn renumbered(&self, service: &str) -> bool {
        let excepted = format!("{service}, whose containers have other numbers");
        let count = |side: &Snapshot| side.of_service(service).count();
        self.said.last().contains(&excepted) && count(self.before) == count(self.after)
    }

    /// Services of which nothing is said are the very same.
    fn neighbours(&self, say: &mut impl FnMut(Of, String)) {
        for (key, then) in self.before.all() {
            if self.said.names(&then.service) {
                continue;
            }
            match self
                .after
                .containers
                .iter()
                .flatten()
                .find(|(other, _)| *other == key)
            {
                Some((_, now)) => self.container(then, now, true, say),
                None => say(
                    Of::Touched,
                    format!("{} is gone, and nothing says so", then.name),
                ),
            }
        }
        for (key, now) in self.after.all() {
            let is_new = !self
                .before
                .containers
                .iter()
                .flatten()
                .any(|(other, _)| other == key);
            if is_new && !self.said.names(&now.service) {
                say(
                    Of::Touched,
                    format!("{} is new, and nothing says so", now.name),
                );
            }
        }
    }

    fn new_volumes(&self, say: &mut impl FnMut(Of, String)) {
        let text = self.said.all();
        let new = self
            .after
            .volumes
            .keys()
            .filter(|name| !self.before.volumes.contains_key(*name));
        for name in new {
            let key = self.after.volumes[name]["Labels"]["com.docker.compose.volume"]
                .as_str()
                .unwrap_or(name);
            if !has_word(&text, key) && !text.contains(name.as_str()) {
                say(
                    Of::Volumes,
                    format!("the volume {name} is new, and nothing says so"),
                );
            }
        }
    }

    /// The services of which it says that they were changed are as the files say.
    fn applied(&self, say: &mut impl FnMut(Of, String)) {
        let model = match self.asking.model(self.after) {
            Ok(model) => model,
            Err(text) => return say(Of::Model, format!("Compose cannot read the files: {text}")),
        };
        let named: Vec<&String> = model
            .services()
            .filter(|service| self.said.changed(service))
            .collect();
        for service in named {
            if self.after.of_service(service).next().is_none() {
                continue;
            }
            for text in model.differences(service, self.after, Counted::Up) {
                say(Of::Model, text);
            }
        }
    }

    /// `docker compose up -d` has nothing to do.
    fn in_line(&self, say: &mut impl FnMut(Of, String)) {
        let model = match self.asking.model(self.after) {
            Ok(model) => model,
            Err(text) => return say(Of::Model, format!("Compose cannot read the files: {text}")),
        };
        if !self.after.all().any(|(_, seen)| seen.face["state"] == "up") {
            say(Of::Model, "nothing runs".to_owned());
        }
        for service in model.services() {
            // What `up -d` would start counts for `apply`; else it is stopped on purpose, and stays so.
            let counted = match self.said.verb() {
                "apply" => Counted::All,
                _ => Counted::Up,
            };
            for text in model.differences(service, self.after, counted) {
                say(Of::Model, text);
            }
            for seen in self.after.of_service(service) {
                let told = self.said.last().contains("Created and not run: ");
                if seen.face["state"] == "created" && !told {
                    say(Of::Model, format!("{} was never started", seen.name));
                }
            }
        }
    }

    /// `set KEY=VALUE` of an env file: the key reads so.
    fn typed_values(&self, say: &mut impl FnMut(Of, String)) {
        let words = self.said.args;
        // Such a file is read otherwise, which only the definition says.
        if self
            .before
            .files
            .values()
            .any(|text| text.contains("format: raw"))
        {
            return;
        }
        let Some(at) = words.iter().position(|word| word == "set") else {
            return;
        };
        let pairs = words
            .iter()
            .skip(at + 1)
            .take_while(|word| !word.starts_with('-'));
        let pairs: Vec<(&str, &str)> = pairs.filter_map(|word| word.split_once('=')).collect();
        for (key, value) in pairs.into_iter().filter(|(key, _)| !key.contains('.')) {
            let Some(file) = self.file_of(key) else {
                continue;
            };
            match self.asking.env_file(&file) {
                Ok(read) if read.get(key).map(String::as_str) == Some(value) => {}
                Ok(read) => {
                    let read = read.get(key);
                    say(
                        Of::Files,
                        format!("{} has {key}={read:?}, {value:?} was typed", file.display()),
                    );
                }
                // It says so itself.
                Err(_) if self.said.all().contains("Compose cannot read this stack") => {}
                Err(text) => say(
                    Of::Files,
                    format!("Compose cannot read {}: {text}", file.display()),
                ),
            }
        }
    }

    /// The env file that it says the key is in.
    fn file_of(&self, key: &str) -> Option<std::path::PathBuf> {
        let name = match self.said.is_json() {
            true => {
                let changes = self.said.events("change");
                let change = changes.iter().find(|change| change["key"] == key)?;
                change["file"].as_str()?.to_owned()
            }
            false => {
                let mut lines = self.said.stdout?.lines();
                let line = lines.find(|line| {
                    line.starts_with("  ") && line.split_whitespace().nth(1) == Some(key)
                })?;
                line.split_whitespace().next()?.to_owned()
            }
        };
        let path = self.asking.directory().join(name);
        let ending = path.extension().and_then(|end| end.to_str());
        // Kinds of files whose values have paths.
        let others = ["yaml", "yml", "toml", "json", "ini", "conf"];
        let is_other = ending.is_some_and(|end| others.contains(&end));
        (path.is_file() && !is_other).then_some(path)
    }
}

/// It ran, and ran out, with nobody's help: not by a signal that asks a process to end.
fn ended_by_itself(then: &Seen, now: &Seen) -> bool {
    let was_up = then.face["state"] == "up";
    let code = now.raw["State"]["ExitCode"].as_i64().unwrap_or_default();
    let ended = now.face["state"] == "exited" && ![137, 143].contains(&code);
    was_up && ended && then.started_at == now.started_at
}

fn maps(
    what: &str,
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    of: Of,
    say: &mut impl FnMut(Of, String),
) {
    for (name, text) in then {
        match now.get(name) {
            None => say(of, format!("{what} {name} is gone")),
            Some(other) if other != text => {
                say(
                    of,
                    format!(
                        "{what} {name} is another: {:?} → {:?}",
                        short(text),
                        short(other)
                    ),
                );
            }
            Some(_) => {}
        }
    }
    for name in now.keys().filter(|name| !then.contains_key(*name)) {
        say(of, format!("{what} {name} is new: {:?}", short(&now[name])));
    }
}

fn values(
    what: &str,
    then: &BTreeMap<String, Value>,
    now: &BTreeMap<String, Value>,
    of: Of,
    say: &mut impl FnMut(Of, String),
) {
    let texts = |all: &BTreeMap<String, Value>| -> BTreeMap<String, String> {
        all.iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    };
    maps(what, &texts(then), &texts(now), of, say);
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

fn differ(then: &Value, now: &Value, path: &str, found: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = Path::new(path).join(key).display().to_string();
                differ(&then[key], &now[key], &path, found);
            }
        }
        (a, b) if a != b => found.push(format!(
            "{path} was {}, is {}",
            short(&a.to_string()),
            short(&b.to_string())
        )),
        _ => {}
    }
}

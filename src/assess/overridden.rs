//! Whether what is written counts: a value that something else overrides is refused, with what does and
//! with the command that works. Pure over what was read.

use std::path::Path;

use crate::assess::edits::syntax_of;
use crate::assessment::edited::{Edited, KeyChange};
use crate::complaint::{Code, Complaint};
use crate::edit::is_yaml;
use crate::edit::syntax::FileSyntax;
use crate::edit::yaml::{self, Segment, YamlPath};
use crate::host::files;
use crate::stack::locate::Located;
use crate::stack::model::Model;
use crate::stack::shown;
use crate::stack::variables::{KeySetting, ServiceVariables, SettingPlace, StackVariables};

/// The first change that counts nowhere, because something else overrides it.
pub(crate) fn find(
    variables: &StackVariables,
    located: &Located,
    edited: &Edited,
    models: (&Model, &Model),
) -> Option<Complaint> {
    let sets = |change: &&KeyChange| change.after.is_some() && change.before != change.after;
    edited.changes.iter().filter(sets).find_map(|change| {
        let directory = &located.args.directory;
        let mut files = edited.files.iter();
        let file = files.find(|edit| shown(directory, &edit.path) == change.file)?;
        match syntax_of(&file.path, &file.after, located) {
            FileSyntax::Yaml => of_path(variables, located, &file.path, change, models),
            FileSyntax::Env => of_key(variables, located, &file.path, change),
            FileSyntax::Paths(_) | FileSyntax::Other => None,
        }
    })
}

/// A key of an env file: by each way in which the file reaches somebody.
fn of_key(
    variables: &StackVariables,
    located: &Located,
    file: &Path,
    change: &KeyChange,
) -> Option<Complaint> {
    let key = change.key.as_str();
    let is_here = |setting: &KeySetting| setting.file().is_some_and(|path| same(path, file));
    let mut winner: Option<(KeySetting, bool)> = None;
    let filled = variables.fills_in(key);
    let fills_in = filled.iter().any(is_here) && is_used(variables, key);
    if fills_in {
        match filled.last() {
            Some(last) if !is_here(last) => winner = Some((last.clone(), true)),
            _ => return None,
        }
    }
    for (_, service) in variables.services() {
        if service.mounts(file) {
            return None;
        }
        if !service.reads(file) {
            continue;
        }
        match service.counts(key) {
            Some(last) if !is_here(&last) && !last.hands_on(key) => {
                winner = Some((last, false));
            }
            Some(last) if last.hands_on(key) && !fills_in => winner = Some((last, false)),
            Some(last) if last.hands_on(key) => {}
            Some(_) | None => return None,
        }
    }
    let (by, by_own) = winner?;
    Some(refused(change, &by, by_own, located))
}

/// Whether a definition takes the key from what Compose fills in, or Compose itself reads it.
fn is_used(variables: &StackVariables, key: &str) -> bool {
    let hands_on = |service: &ServiceVariables| {
        let last = service.counts(key);
        last.is_some_and(|last| last.hands_on(key))
    };
    variables.is_filled_in(key)
        || key.starts_with("COMPOSE_")
        || variables.services().any(|(_, service)| hands_on(service))
}

fn refused(change: &KeyChange, by: &KeySetting, by_own: bool, located: &Located) -> Complaint {
    let directory = &located.args.directory;
    let key = &change.key;
    let text = format!(
        "{key} in {} is overridden by {}",
        change.file,
        by.named(directory)
    );
    let hint = match (&by.place, by.file()) {
        (SettingPlace::Shell, _) => format!("unset {key} in this shell, then again"),
        (_, Some(file)) if !by_own && !is_yaml(file) => {
            format!("refit set {key}=VALUE -F {}", shown(directory, file))
        }
        (SettingPlace::EnvFile { path, .. }, _) => {
            format!("refit set {key}=VALUE -F {}", shown(directory, path))
        }
        _ => format!("refit set {key}=VALUE changes the value that counts"),
    };
    let hint = format!("{hint}; --allow overridden writes it anyway");
    Complaint::new(Code::Overridden, text).hint(hint)
}

/// A path of a compose file: what a later file says of it.
fn of_path(
    variables: &StackVariables,
    located: &Located,
    file: &Path,
    change: &KeyChange,
    (before, after): (&Model, &Model),
) -> Option<Complaint> {
    let path: YamlPath = change.key.parse().ok()?;
    let [Segment::Key(section), Segment::Key(service), rest @ ..] = path.segments() else {
        return None;
    };
    if let [Segment::Key(field), Segment::Key(key)] = rest
        && section == "services"
        && field == "environment"
        && let Some(last) = variables.service(&service.as_str().into())?.counts(key)
    {
        let is_here = last.file().is_some_and(|path| same(path, file));
        return (!is_here)
            .then(|| later(change, &last.at(&located.args.directory), &last, located));
    }
    if before != after {
        return None;
    }
    let files = located.args.files.iter();
    let behind = files.skip_while(|known| !same(known, file)).skip(1);
    let over = behind.filter(|later| overrides(later, &path)).last()?;
    let text = format!(
        "{path} in {} is overridden by {}",
        change.file,
        shown(&located.args.directory, over)
    );
    let hint = format!(
        "refit set {path}=VALUE -F {}; --allow overridden writes it anyway",
        shown(&located.args.directory, over)
    );
    Some(Complaint::new(Code::Overridden, text).hint(hint))
}

fn later(change: &KeyChange, at: &str, by: &KeySetting, located: &Located) -> Complaint {
    let file = by.file().map(|file| shown(&located.args.directory, file));
    let text = format!("{} in {} is overridden by {at}", change.key, change.file);
    let hint = format!(
        "refit set {}=VALUE -F {}; --allow overridden writes it anyway",
        change.key,
        file.unwrap_or_default()
    );
    Complaint::new(Code::Overridden, text).hint(hint)
}

/// Whether a file has a value of a path, or one around it that takes the place of what came before.
fn overrides(file: &Path, path: &YamlPath) -> bool {
    let text = files::text_if_readable(file).unwrap_or_default();
    if matches!(yaml::get(&text, path), Ok(Some(_))) {
        return true;
    }
    let steps = path.segments();
    let around =
        (1..steps.len()).filter_map(|depth| YamlPath::from_segments(steps[..depth].to_vec()).ok());
    let around: Vec<YamlPath> = around.collect();
    let found = yaml::entries(&text, &around).unwrap_or_default();
    found.iter().flatten().any(|entries| entries.replaces)
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || files::follow(one) == files::follow(other)
}

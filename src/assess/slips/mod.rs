//! Slips of the hand in what a person typed: a key or a service that is new while one is known that was
//! probably meant, and a value that the application is known not to take. Refused before anything is
//! touched.

mod place;

use std::collections::BTreeSet;
use std::path::Path;

use crate::assess::edits::{is_hidden, with_key, with_word};
use crate::assess::{edit_target, edits};
use crate::assessment::Assessment;
use crate::assessment::edited::{Edited, NotThere};
use crate::complaint::{Code, Complaint};
use crate::edit::dotenv::{Dotenv, Format};
use crate::edit::syntax::FileSyntax;
use crate::edit::yaml::{self, Segment, YamlPath};
use crate::host::files;
use crate::plan::guard::Guard;
use crate::profile::Key;
use crate::request::{Edit, EditRequest, To};
use crate::stack::application::{self, Subject};
use crate::stack::locate::Located;
use crate::stack::misfit::{self, Misfit, MisfitKind};
use crate::stack::side::Side;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, sample, shown};
use crate::suggest;
use place::{new_path, new_service, path_for_key};

/// What Compose itself reads.
const OF_COMPOSE: [&str; 11] = [
    "COMPOSE_ANSI",
    "COMPOSE_ENV_FILES",
    "COMPOSE_FILE",
    "COMPOSE_IGNORE_ORPHANS",
    "COMPOSE_PARALLEL_LIMIT",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROFILES",
    "COMPOSE_PROGRESS",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_REMOVE_ORPHANS",
    "DOCKER_HOST",
];

/// Keys that read like paths, and services that only a slip would make: known from the files alone.
///
/// # Errors
/// `new_key`, `new_service`, with what was probably meant.
pub(super) fn of_places(
    request: &EditRequest,
    located: &Located,
    allow: &BTreeSet<Guard>,
) -> Result<(), Complaint> {
    let variables = StackVariables::read(located, &[]);
    // Services of a file that cannot be read are not known.
    let mut files = located.args.files.iter().chain(variables.read_besides());
    let services_are_known = files.all(|file| {
        let text = files::text_if_readable(file);
        text.is_some_and(|text| yaml::read(&text).is_ok())
    });
    for edit in sets(request) {
        let may_be_new = allow.contains(&Guard::NewKey);
        match syntax(request, edit, located) {
            FileSyntax::Yaml => {
                let is_checked = services_are_known && !allow.contains(&Guard::NewService);
                match is_of_stack(request, located, &variables) {
                    true if is_checked => new_service(edit, request, &variables, located)?,
                    false if !may_be_new => new_path(request, edit, None, located)?,
                    true | false => {}
                }
            }
            FileSyntax::Env if !may_be_new && !knows(&variables, &edit.key) => {
                path_for_key(edit, request, located)?;
            }
            FileSyntax::Paths(syntax) if !may_be_new => {
                new_path(request, edit, Some(syntax), located)?;
            }
            FileSyntax::Env | FileSyntax::Paths(_) | FileSyntax::Other => {}
        }
    }
    Ok(())
}

/// Keys to be removed that are not there, while others are that were probably meant.
///
/// # Errors
/// `new_key`, with the command that was meant.
pub(super) fn of_removals(
    request: &EditRequest,
    edited: &Edited,
    allow: &BTreeSet<Guard>,
) -> Result<(), Complaint> {
    if allow.contains(&Guard::NewKey) {
        return Ok(());
    }
    let slips = edited.not_there.iter();
    let mut slips = slips.filter_map(|slip| {
        let mut edits = request.edits.iter();
        Some((slip, edits.find(|edit| edit.key == slip.key)?))
    });
    let Some((NotThere { key, meant, at }, edit)) = slips.next() else {
        return Ok(());
    };
    let text = format!("{key} is not set, and {at} has {meant}");
    let command = with_key(meant, edit, request);
    let hint = format!("did you mean {command}? --allow new-key takes it for removed");
    Err(Complaint::new(Code::NewKey, text).hint(hint))
}

/// Keys that are a slip away from a known one, and values that the application cannot take. Tells what
/// it takes in another way than is meant.
///
/// # Errors
/// `new_key`, `value_unfit`, with what was probably meant.
pub(super) fn of_keys(
    place: &Place,
    request: &EditRequest,
    assessment: &Assessment,
    allow: &BTreeSet<Guard>,
) -> Result<Vec<String>, Complaint> {
    let located = &place.located;
    let directory = &located.args.directory;
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    let subject = application::of(directory, model, None).ok();
    let before = StackVariables::read(located, &[]);
    let known = KnownKeys::of(request, located, &before, subject.as_ref());
    let mut told = Vec::new();
    for edit in sets(request) {
        let Some(key) = variable(syntax(request, edit, located), edit) else {
            continue;
        };
        if !allow.contains(&Guard::NewKey)
            && let Some((meant, at)) = known.meant(&key)
        {
            return Err(slip(edit, request, &key, meant, at));
        }
        let Some(subject) = &subject else { continue };
        let Some((known, misfit)) = misfit_of(subject, &key, edit, assessment) else {
            continue;
        };
        let complaint = unfit(&key, edit, request, known, &misfit);
        let stops = misfit.kind == MisfitKind::Unfit && known.must_fit;
        match stops && !allow.contains(&Guard::UnfitValue) {
            true => return Err(complaint),
            false => told.push(complaint.text),
        }
    }
    Ok(told)
}

fn sets(request: &EditRequest) -> impl Iterator<Item = &Edit> {
    let edits = request.edits.iter();
    edits.filter(|edit| matches!(edit.to, To::Set(..)))
}

/// What an edit is of.
fn syntax(request: &EditRequest, edit: &Edit, located: &Located) -> FileSyntax {
    match &request.file {
        Some(file) => match edits::named(located, file) {
            Some(path) => edits::syntax_of(&path, &Side::read(&path), located),
            None => FileSyntax::of(file, None, false),
        },
        None if edit_target::is_compose_path(&edit.key) => FileSyntax::Yaml,
        None => FileSyntax::Env,
    }
}

/// Whether a path is one of the stack's definition.
fn is_of_stack(request: &EditRequest, located: &Located, variables: &StackVariables) -> bool {
    let Some(file) = &request.file else {
        return true;
    };
    let path = edits::named(located, file);
    path.is_some_and(|path| edits::is_of_stack(&path, located, variables))
}

/// The variable that an edit sets, in an env file or under `environment`.
fn variable(syntax: FileSyntax, edit: &Edit) -> Option<String> {
    match syntax {
        FileSyntax::Env => return Some(edit.key.clone()),
        FileSyntax::Paths(_) | FileSyntax::Other => return None,
        FileSyntax::Yaml => {}
    }
    let path: YamlPath = edit.key.parse().ok()?;
    match path.segments() {
        [
            Segment::Key(top),
            Segment::Key(_),
            Segment::Key(field),
            Segment::Key(key),
        ] if top == "services" && field == "environment" => Some(key.clone()),
        _ => None,
    }
}

fn knows(variables: &StackVariables, key: &str) -> bool {
    variables.known_keys().any(|known| known == key)
}

/// Every key that is known, with where.
struct KnownKeys(Vec<(String, String)>);

impl KnownKeys {
    fn of(
        request: &EditRequest,
        located: &Located,
        variables: &StackVariables,
        subject: Option<&Subject>,
    ) -> Self {
        let directory = &located.args.directory;
        let own = variables
            .known_keys()
            .map(|key| (key.to_owned(), at(variables, directory, key)));
        let mut known: Vec<(String, String)> = own.collect();
        let named = request.file.as_ref();
        let named = named.and_then(|file| edits::named(located, file));
        if let Some(path) = named
            && edits::syntax_of(&path, &Side::read(&path), located) == FileSyntax::Env
            && let Some(text) = files::text_if_readable(&path)
            && let Ok(file) = Dotenv::parse(text.as_bytes(), Format::Compose)
        {
            let name = shown(directory, &path);
            let keys = file.keys();
            known.extend(keys.map(|(key, line)| (key.to_owned(), format!("{name}:{line}"))));
        }
        let of_sample = sample::keys(directory).into_iter();
        known.extend(of_sample.map(|(key, file)| (key, file.to_owned())));
        let profile = subject.map(|subject| &subject.profile);
        if let Some(profile) = profile.filter(|profile| profile.is_known) {
            let keys = profile.keys.keys();
            known.extend(keys.map(|key| (key.clone(), profile.title.clone())));
        }
        let of_compose = OF_COMPOSE.iter();
        known.extend(of_compose.map(|key| ((*key).to_owned(), "Compose".to_owned())));
        Self(known)
    }

    /// The key that was probably meant, and who has it; nothing where this one is known.
    fn meant(&self, key: &str) -> Option<(&str, &str)> {
        if self.0.iter().any(|(known, _)| known == key) {
            return None;
        }
        let keys = self.0.iter().map(|(known, _)| known.as_str());
        let meant = suggest::slip_of(key, keys)?;
        let mut all = self.0.iter();
        let (_, at) = all.find(|(known, _)| known == meant)?;
        Some((meant, at))
    }
}

/// Where a key stands.
fn at(variables: &StackVariables, directory: &Path, key: &str) -> String {
    let filled = variables.fills_in(key).pop();
    let mut services = variables.services();
    let setting = filled.or_else(|| services.find_map(|(_, service)| service.counts(key)));
    match setting {
        Some(setting) => setting.at(directory),
        None => "the compose file".to_owned(),
    }
}

fn slip(edit: &Edit, request: &EditRequest, key: &str, meant: &str, at: &str) -> Complaint {
    let text = format!("{key} is new, and {at} has {meant}");
    let typed = edit.key.strip_suffix(key);
    let word = format!("{}{meant}", typed.unwrap_or_default());
    let hint = format!(
        "did you mean {}? --allow new-key writes {key}",
        with_key(&word, edit, request)
    );
    Complaint::new(Code::NewKey, text).hint(hint)
}

/// What the application makes of a value that reaches it.
fn misfit_of<'a>(
    subject: &'a Subject,
    key: &str,
    edit: &Edit,
    assessment: &Assessment,
) -> Option<(&'a Key, Misfit)> {
    let known = subject.profile.knows(key, subject.version.as_deref())?;
    let To::Set(value, _) = &edit.to else {
        return None;
    };
    let text = value.expose();
    let misfit = misfit::of(known, text)?;
    let after = assessment.after.services.get(&subject.service)?;
    let given = after.environment.get(key).and_then(Option::as_deref);
    let is_given = given == Some(text);
    // An application may read a mounted env file itself.
    let variables = StackVariables::read_args(&assessment.args, &assessment.edited.files);
    let own = variables.service(&subject.service);
    let is_mounted = || {
        let mut changed = assessment.edited.changing();
        changed.any(|file| own.is_some_and(|own| own.mounts(&file.path)))
    };
    (is_given || given.is_none() && is_mounted()).then_some((known, misfit))
}

fn unfit(key: &str, edit: &Edit, request: &EditRequest, known: &Key, misfit: &Misfit) -> Complaint {
    let what = &misfit.what;
    let said = match &edit.to {
        To::Set(value, _) if !is_hidden(key, value.expose()) => {
            format!("{key}={} {what}", value.expose())
        }
        To::Set(..) | To::Unset => format!("the value of {key} {what}"),
    };
    let said = match misfit.kind {
        MisfitKind::Unfit => format!("{said}: {}", misfit::consequence(known)),
        MisfitKind::Unit => said,
    };
    let meant = misfit
        .meant
        .as_ref()
        .filter(|_| !said.starts_with("the value"));
    let form = match meant {
        Some(meant) => {
            let command = with_word(&format!("{}={meant}", edit.key), edit, request);
            format!("did you mean {command}?")
        }
        None => format!("{key} takes {}", known.kind.words()),
    };
    match known.must_fit && misfit.kind == MisfitKind::Unfit {
        true => Complaint::new(Code::ValueUnfit, said)
            .hint(format!("{form} --allow unfit-value writes it anyway")),
        false => Complaint::new(Code::ValueUnfit, format!("{said}; {form}")),
    }
}

//! `refit get`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::assignment;
use super::global::Global;
use super::located_stack::LocatedStack;
use crate::assess::edit_target;
use crate::assess::edit_target::key::KeyTarget;
use crate::assess::edits;
use crate::complaint::{Code, Complaint};
use crate::docker::container::Container;
use crate::edit::dotenv::{Dotenv, EnvKey, EnvKeyError, Format};
use crate::edit::paths::{self, PathSyntax};
use crate::edit::syntax::FileSyntax;
use crate::edit::value_text;
use crate::edit::yaml::{self, YamlPath};
use crate::event::ServiceName;
use crate::exit::Exit;
use crate::host::files;
use crate::report::{self, page};
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::side::Side;
use crate::stack::suggested_path;
use crate::stack::variables::StackVariables;
use crate::suggest;

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Key, or path in a file
    key: String,
    /// Env, YAML, TOML, JSON or INI file [default: where the key belongs]
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The value that this service gets
    #[arg(long = "for", value_name = "SERVICE", conflicts_with = "in")]
    service: Option<String>,
}

pub(super) async fn get(global: &Global, args: &GetArgs) -> Result<Exit, Complaint> {
    assignment::refuse_values(std::slice::from_ref(&args.key), &global.typed.typed())?;
    let found = LocatedStack::of(global).await?;
    let of_key = args.file.is_none() && !edit_target::is_compose_path(&args.key);
    let got = match (of_key, &args.service) {
        (true, Some(service)) => of_service(&found, &args.key, &service.as_str().into()).await?,
        (true, None) => in_force(&found, &args.key)?,
        (false, Some(_)) => {
            let text = "--for is for keys, and a path or -F says by itself where to look";
            return Err(Complaint::new(Code::Usage, text).hint("leave --for out"));
        }
        (false, None) => in_file(&found.located, args)?,
    };
    if global.json {
        page::value_document(&json!({"file": got.file, "key": args.key, "value": got.value}));
    } else if let Some(value) = &got.value {
        let text = got.word.unwrap_or_else(|| value_text(value));
        // A script gets every byte of it; a terminal must not obey it.
        match std::io::stdout().is_terminal() {
            true => report::value(&text),
            false => report::print(&format!("{text}\n")),
        }
    } else if !global.quiet {
        report::err(&format!("✗ {} is not set in {}", args.key, got.at));
        if let Some(hint) = got.hint {
            report::err(&format!("  → {hint}"));
        }
    }
    Ok(match got.value {
        Some(_) => Exit::Done,
        None => Exit::Refused,
    })
}

/// What was found.
struct GotValue {
    /// The file, or the service.
    at: String,
    /// The file where it stands, or would stand; none of what an image brings.
    file: Option<String>,
    value: Option<Value>,
    /// A number as it stands in the file.
    word: Option<String>,
    /// Where there is none: what may help.
    hint: Option<String>,
}

/// The value that counts in the stack.
fn in_force(found: &LocatedStack, key: &str) -> Result<GotValue, Complaint> {
    let located = &found.located;
    let name: EnvKey = key
        .parse()
        .map_err(|error: EnvKeyError| Complaint::new(error.code(), error.to_string()))?;
    let variables = StackVariables::read(located, &[]);
    let got = edit_target::key::in_force(&variables, located, name.as_str(), &[])?;
    let file = got.targets.iter().find_map(|target| match target {
        KeyTarget::File(path) => Some(path),
        KeyTarget::Definition(_) => None,
    });
    let read = variables.env_files();
    let read = file.and_then(|file| read.into_iter().find(|one| one.path == *file));
    if let (None, Some(file)) = (&got.value, file) {
        let shown = shown(&located.args.directory, file);
        edits::check_is_file(&shown, file)?;
    }
    if let Some((read, error)) = read.and_then(|read| Some((read, read.refused.as_ref()?))) {
        let shown = shown(&located.args.directory, &read.path);
        return Err(Complaint::new(error.code(), format!("{shown}: {error}")));
    }
    let at = got
        .targets
        .first()
        .map(|target| edit_target::key::target_name(target, located));
    let meant = suggest::meant(key, variables.known_keys()).map(str::to_owned);
    let meant = meant.or_else(|| suggested_path::for_key(key, located));
    let at = match (&got.value, got.at) {
        (Some(_), Some(at)) => file_of(&at),
        _ => at.unwrap_or_default(),
    };
    Ok(GotValue {
        file: Some(at.clone()),
        at,
        value: got.value.map(Value::String),
        word: None,
        hint: meant.map(|meant| format!("did you mean {meant}?")),
    })
}

/// Without the line.
fn file_of(at: &str) -> String {
    at.rsplit_once(':').map_or(at, |(file, _)| file).to_owned()
}

/// The value that a service gets: from the files, from an env file that it mounts, or from its image.
async fn of_service(
    found: &LocatedStack,
    key: &str,
    service: &ServiceName,
) -> Result<GotValue, Complaint> {
    let located = &found.located;
    let variables = StackVariables::read(located, &[]);
    let Some(own) = variables.service(service) else {
        let known = variables.services().map(|(name, _)| name.as_str());
        let text = format!("there is no service {service}");
        let meant = suggest::nearest(service.as_str(), known);
        let hint = match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => "refit status lists them".to_owned(),
        };
        return Err(Complaint::new(Code::NoService, text).hint(hint));
    };
    let at = format!("{service}");
    let filled = variables.fills_in(key).pop();
    let (value, setting) = match own.environment.get(key) {
        Some(value) => {
            let own = own.counts(key);
            // What the definition only hands on stands elsewhere.
            let handed = own.as_ref().is_none_or(|own| own.hands_on(key));
            (value.clone(), filled.filter(|_| handed).or(own))
        }
        None => {
            let is_mounted = |file: &Path| own.mounts(file);
            match filled.filter(|one| one.file().is_some_and(is_mounted)) {
                Some(one) if one.value.is_some() => (one.value.clone(), Some(one)),
                _ => (image_value(found, &variables, service, key).await, None),
            }
        }
    };
    let meant = suggest::meant(key, variables.known_keys());
    Ok(GotValue {
        file: setting.map(|one| file_of(&one.at(&located.args.directory))),
        at,
        value: value.map(Value::String),
        word: None,
        hint: meant.map(|meant| format!("did you mean {meant}?")),
    })
}

/// What the image of a service brings.
async fn image_value(
    found: &LocatedStack,
    variables: &StackVariables,
    service: &ServiceName,
    key: &str,
) -> Option<String> {
    let docker = found.docker.as_ref()?;
    let image = match &variables.service(service)?.image {
        Some(image) => image.clone(),
        None => {
            let of_project =
                |one: &&Container| Some(&one.project) == found.located.args.name.as_ref();
            let mut own = found.containers.iter().filter(of_project);
            own.find(|one| one.service == *service)?.image_id.clone()
        }
    };
    let environment = docker.image_environment(&image).await.ok()??;
    environment.get(key).cloned()
}

/// The value in the file that is meant: the one named, else for a path the compose file whose value
/// counts.
fn in_file(located: &Located, args: &GetArgs) -> Result<GotValue, Complaint> {
    let path = asked_file(located, args)?;
    let name = shown(&located.args.directory, &path);
    edits::check_is_file(&name, &path)?;
    let Some(bytes) = files::read_if_exists(&path)? else {
        return Err(edits::no_file(Path::new(&name)));
    };
    let side = Side::read(&path);
    let read = match edits::syntax_of(&path, &side, located) {
        FileSyntax::Yaml => in_yaml(&name, &bytes, &args.key, located)?,
        FileSyntax::Paths(syntax) => in_paths(syntax, &name, &bytes, &args.key)?,
        FileSyntax::Env => {
            let format = edits::format_of(&path, located);
            in_env(&name, &bytes, format, &args.key)?
        }
        FileSyntax::Other => return Err(edits::not_editable(&name)),
    };
    Ok(GotValue {
        file: Some(name.clone()),
        at: name,
        value: read.value,
        word: read.word,
        hint: read.meant.map(|meant| format!("did you mean {meant}?")),
    })
}

fn asked_file(located: &Located, args: &GetArgs) -> Result<PathBuf, Complaint> {
    if let Some(file) = &args.file {
        return edits::named(located, file).ok_or_else(|| edits::no_file(file));
    }
    let path: YamlPath = args.key.parse().map_err(|error: yaml::YamlError| {
        Complaint::new(error.code(), error.to_string()).hint(error.hint())
    })?;
    let found = edit_target::defining(&path, located)
        .pop()
        .or_else(|| located.args.files.first().cloned());
    Ok(found.unwrap_or_else(|| located.first_env_file()))
}

/// What a file says.
struct ReadValue {
    value: Option<Value>,
    word: Option<String>,
    /// What was probably meant where there is none.
    meant: Option<String>,
}

fn in_env(name: &str, bytes: &[u8], format: Format, key: &str) -> Result<ReadValue, Complaint> {
    let key: EnvKey = key
        .parse()
        .map_err(|error: crate::edit::dotenv::EnvKeyError| {
            Complaint::new(error.code(), error.to_string())
        })?;
    let told = |error: crate::edit::dotenv::DotenvError| {
        Complaint::new(error.code(), format!("{name}: {error}"))
    };
    let file = Dotenv::parse(bytes, format).map_err(told)?;
    let value = file
        .get(&key, &|name| std::env::var(name).ok())
        .map_err(told)?;
    let meant = suggest::meant(key.as_str(), file.keys().map(|(known, _)| known));
    Ok(ReadValue {
        value: value.map(Value::String),
        word: None,
        meant: meant.map(str::to_owned),
    })
}

fn in_paths(
    syntax: PathSyntax,
    name: &str,
    bytes: &[u8],
    path: &str,
) -> Result<ReadValue, Complaint> {
    let text = edits::text_of(name, bytes)?;
    let path: YamlPath = path
        .parse()
        .map_err(|error| edits::refused_yaml(name, &error))?;
    let value = syntax.get(&text, &path);
    let value = value.map_err(|error| edits::refused_paths(name, &error))?;
    Ok(ReadValue {
        value,
        word: syntax.number_word(&text, &path),
        meant: syntax.sibling(&text, &path),
    })
}

fn in_yaml(
    name: &str,
    bytes: &[u8],
    path: &str,
    located: &Located,
) -> Result<ReadValue, Complaint> {
    let text = edits::text_of(name, bytes)?;
    let told = |error: yaml::YamlError| edits::refused_yaml(name, &error);
    let path: YamlPath = path.parse().map_err(told)?;
    let value = yaml::get(&text, &path).map_err(told)?;
    let sibling = || paths::sibling_in_yaml(&text, &path);
    Ok(ReadValue {
        value,
        word: yaml::number_word(&text, &path),
        meant: suggested_path::of(&path, located).or_else(sibling),
    })
}

//! `refit get`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::global::Global;
use super::located_stack::LocatedStack;
use crate::assess::edit_target;
use crate::assess::edits;
use crate::complaint::Complaint;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::edit::is_yaml;
use crate::edit::value_text;
use crate::edit::yaml::{self, YamlPath};
use crate::exit::Exit;
use crate::host::files;
use crate::report::{self, page};
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::suggested_path;
use crate::suggest;

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Key, or path in a YAML file
    key: String,
    /// Env or YAML file [default: where the key belongs]
    #[arg(id = "in", short = 'F', long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) async fn get(global: &Global, args: &GetArgs) -> Result<Exit, Complaint> {
    let found = LocatedStack::of(global).await?;
    let path = asked_file(&found.located, args)?;
    let name = shown(&found.located.args.directory, &path);
    edits::check_is_file(&name, &path)?;
    let Some(bytes) = files::read_if_exists(&path)? else {
        return Err(edits::no_file(Path::new(&name)));
    };
    let (value, meant) = if is_yaml(&path) {
        in_yaml(&name, &bytes, &args.key, &found.located)?
    } else {
        let format = edits::format_of(&path, &found.located);
        in_env(&name, &bytes, format, &args.key)?
    };
    if global.json {
        page::value_document(&json!({"file": name, "key": args.key, "value": value}));
    } else if let Some(value) = &value {
        let text = value_text(value);
        // A script gets every byte of it; a terminal must not obey it.
        match std::io::stdout().is_terminal() {
            true => report::value(&text),
            false => report::print(&format!("{text}\n")),
        }
    } else if !global.quiet {
        report::err(&format!("✗ {} is not set in {name}", args.key));
        if let Some(meant) = meant {
            report::err(&format!("  → did you mean {meant}?"));
        }
    }
    Ok(if value.is_some() {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// The file that is meant: the one named, else for a path the compose file whose value counts, else
/// the stack's first env file.
fn asked_file(located: &Located, args: &GetArgs) -> Result<PathBuf, Complaint> {
    if let Some(file) = &args.file {
        return edits::named(located, file).ok_or_else(|| edits::no_file(file));
    }
    if !edit_target::is_compose_path(&args.key) {
        return Ok(located.first_env_file());
    }
    let path: YamlPath = args.key.parse().map_err(|error: yaml::YamlError| {
        Complaint::new(error.code(), error.to_string()).hint(error.hint())
    })?;
    let found = edit_target::defining(&path, located)
        .pop()
        .or_else(|| located.args.files.first().cloned());
    Ok(found.unwrap_or_else(|| located.first_env_file()))
}

/// A value, and what was probably meant where there is none.
type GotValue = (Option<Value>, Option<String>);

fn in_env(name: &str, bytes: &[u8], format: Format, key: &str) -> Result<GotValue, Complaint> {
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
    let meant = suggest::nearest(key.as_str(), file.keys().map(|(known, _)| known));
    Ok((value.map(Value::String), meant.map(str::to_owned)))
}

fn in_yaml(name: &str, bytes: &[u8], path: &str, located: &Located) -> Result<GotValue, Complaint> {
    let text = edits::text_of(name, bytes)?;
    let told = |error: yaml::YamlError| edits::refused_yaml(name, &error);
    let path: YamlPath = path.parse().map_err(told)?;
    let value = yaml::get(&text, &path).map_err(told)?;
    Ok((value, suggested_path::of(&path, located)))
}

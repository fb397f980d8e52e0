//! `refit why`: where a key is set, whom it reaches, and what runs now.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::global::Global;
use super::located_stack::LocatedStack;
use crate::assess::edit_target;
use crate::assessment::key_diff::value_of;
use crate::complaint::{Code, Complaint};
use crate::docker::compose::Compose;
use crate::docker::container::Container;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::edit::yaml::{self};
use crate::event::{Action, Route, ServiceName, Shown};
use crate::exit::Exit;
use crate::host::files;
use crate::profile::Profile;
use crate::report::{self, page};
use crate::stack::application::Subject;
use crate::stack::locate::Located;
use crate::stack::stored::{self, StoredValue};
use crate::stack::variables::StackVariables;
use crate::stack::{self, Resolved, application, drift, of_project, resolve, routes, shown};

mod definitions;
mod lines;

use definitions::{Reached, SetAt};
use lines::{document, print, print_counting, print_known, print_reached};

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// Key of the env files
    key: String,
}

pub(super) async fn why(global: &Global, args: &WhyArgs) -> Result<Exit, Complaint> {
    if edit_target::is_compose_path(&args.key) {
        let text = format!(
            "{} is a path, and why takes a key of the env files",
            args.key
        );
        let hint = format!("its value: refit get {}", args.key);
        return Err(Complaint::new(Code::Usage, text).hint(hint));
    }
    let key: EnvKey = args
        .key
        .parse()
        .map_err(|error: crate::edit::dotenv::EnvKeyError| {
            Complaint::new(error.code(), error.to_string()).hint("why takes a key of the env files")
        })?;
    let asked = LocatedStack::of(global).await?;
    let endpoint = asked.docker.as_ref().map(|docker| &docker.endpoint);
    let compose = Compose::find(endpoint)?;
    let resolved = resolve(&compose, &asked.located)
        .await
        .map_err(stack::unreadable)?;
    let variables = StackVariables::read(&asked.located, &[]);
    let mut set = definitions::set_at(&asked.located, &variables, &key);
    let documented = documented_at(&asked.located, &key);
    let mut reached = reached(&asked.located, &resolved, &variables, &key, &set);
    if let Some(docker) = &asked.docker {
        set.extend(definitions::of_images(docker, &resolved, &variables, &key).await);
    }
    let mut counting = definitions::counting(&asked.located, &variables, &key, &set);
    for one in &mut reached {
        one.runs = running_value(&asked, &resolved, one, &key).await;
    }
    let redactor = resolved.source.redactor();
    let values = set.iter_mut().map(|one| &mut one.value);
    let values = values.chain(counting.iter_mut().map(|one| &mut one.value));
    for value in values.chain(reached.iter_mut().filter_map(|one| one.runs.as_mut())) {
        *value = std::mem::replace(value, Shown::Secret).hiding(key.as_str(), &redactor);
    }
    // A stack whose application cannot be told has all the rest to say.
    let subject = application::of(&asked.located.args.directory, &resolved.model, None).ok();
    let published = subject.as_ref().and_then(|subject| {
        let profile = &subject.profile;
        let is = is_published(&resolved, &variables, &key, profile);
        is.then_some(profile.title.as_str())
    });
    let told = subject.as_ref().and_then(|subject| {
        let version = subject.version.as_deref();
        Some((subject.profile.tells(key.as_str(), version)?, version))
    });
    let stored = stored_value(&asked, &resolved, subject.as_ref(), &key).await;
    if global.json {
        let mut document = document(&key, &set, &counting, &reached, documented.as_deref());
        document["published"] = published.is_some().into();
        let stored = stored.as_ref();
        document["stored"] = stored.map_or(Value::Null, |one| lines::stored_document(&key, one));
        document["known"] = told.map_or(Value::Null, |(told, _)| told.document());
        page::document(&document);
    } else {
        report::out(key.as_str());
        if let Some((told, version)) = &told {
            print_known(&key, told, *version);
        }
        if let Some(stored) = &stored {
            lines::print_stored(&key, stored);
        }
        if let Some(title) = published {
            report::out(&format!(
                "  {:<8}  this is the public default of {title}: everybody can read it",
                "!"
            ));
        }
        print(&key, &set, documented.as_deref());
        print_counting(&key, &counting);
        let likely = subject.as_ref().map(|subject| &subject.service);
        print_reached(&key, &reached, &set, likely);
        let is_known = !set.is_empty() || documented.is_some();
        if !is_known && let Some(meant) = definitions::meant(&variables, &key) {
            report::out(&format!("  →         did you mean {meant}?"));
        }
    }
    Ok(Exit::Done)
}

/// What the application's database has of a key that it may keep there.
async fn stored_value(
    asked: &LocatedStack,
    resolved: &Resolved,
    subject: Option<&Subject>,
    key: &EnvKey,
) -> Option<StoredValue> {
    let (docker, subject) = (asked.docker.as_ref()?, subject?);
    let all = of_project(&asked.containers, &resolved.model.name);
    let own: Vec<&Container> = all
        .iter()
        .filter(|one| one.service == subject.service)
        .collect();
    let mut found = stored::of(docker, &subject.profile, &own, &[key.as_str()]).await;
    found.remove(key.as_str())
}

/// Whether a value of the key, in a file or in a definition, came with the application.
fn is_published(
    resolved: &Resolved,
    variables: &StackVariables,
    key: &EnvKey,
    profile: &Profile,
) -> bool {
    let read = variables.env_files().into_iter();
    let of_files = read.filter_map(|file| file.values.get(key.as_str()).cloned());
    let services = resolved.model.services.values();
    let given = services.filter_map(|service| service.environment.get(key.as_str())?.clone());
    of_files
        .chain(given)
        .any(|value| profile.has_published(key.as_str(), &value))
}

/// The commented example of an env file or its sample.
fn documented_at(located: &Located, key: &EnvKey) -> Option<String> {
    let first = located.first_env_file();
    let sample = located.args.directory.join(".env.example");
    [first, sample].iter().find_map(|path| {
        let bytes = files::read_if_exists(path).ok()??;
        let tree = Dotenv::parse(&bytes, Format::Compose).ok()?;
        let line = tree.line_of(key).or_else(|| tree.is_documented(key))?;
        Some(format!("{}:{line}", shown(&located.args.directory, path)))
    })
}

fn reached(
    located: &Located,
    resolved: &Resolved,
    variables: &StackVariables,
    key: &EnvKey,
    set: &[SetAt],
) -> Vec<Reached> {
    let mut found = Vec::new();
    // A key that is not set yet would be set in the first env file.
    let first = located.first_env_file();
    let files = set.iter().filter(|at| !at.is_definition);
    let mut paths: Vec<&Path> = files.filter_map(|at| at.path.as_deref()).collect();
    if set.is_empty() {
        paths.push(&first);
    }
    for path in paths {
        let file = shown(&located.args.directory, path);
        for reach in routes::of_file(&resolved.model, &resolved.source, path) {
            let over = match reach.route == Route::EnvFile {
                true => definitions::over(located, variables, &reach.service, path, key),
                false => None,
            };
            let (text, action) = match over {
                Some(by) => {
                    let text = format!("{file} is its env_file, overridden by {by}");
                    (text, Action::None)
                }
                None => (format!("{file} {}", reach.text), action_of(reach.route)),
            };
            let (service, route) = (reach.service, reach.route);
            found.push(Reached {
                service,
                route,
                text,
                action,
                runs: None,
            });
        }
    }
    found.extend(by_definition(located, variables, key, set));
    for reach in routes::of_key(&resolved.model, &resolved.source, key.as_str()) {
        let mut places = lines_of(located, key.as_str(), &reach);
        if places.is_empty() && reach.route == Route::Environment {
            places = definitions::places(located, variables, &reach.service, key);
        }
        let text = match (reach.route, places.is_empty()) {
            (Route::Environment, true) => format!("environment names {key}"),
            (Route::Environment, false) => format!("environment names {key} ({places})"),
            (_, true) => format!("{} uses ${{{key}}}", reach.place),
            (_, false) => format!("{} uses ${{{key}}} ({places})", reach.place),
        };
        let (service, route, action) = (reach.service, reach.route, action_of_key(reach.route));
        found.push(Reached {
            service,
            route,
            text,
            action,
            runs: None,
        });
    }
    found.sort_by(|a, b| a.service.cmp(&b.service));
    found
}

/// Services whose own `environment` gives the key a value.
fn by_definition(
    located: &Located,
    variables: &StackVariables,
    key: &EnvKey,
    set: &[SetAt],
) -> Vec<Reached> {
    let services = set
        .iter()
        .filter(|at| at.is_definition)
        .flat_map(|at| &at.of);
    let mut services: Vec<&ServiceName> = services.collect();
    services.sort();
    services.dedup();
    let literal = |name: &&&ServiceName| {
        let last = variables
            .service(name)
            .and_then(|own| own.counts(key.as_str()));
        last.is_some_and(|last| !last.hands_on(key.as_str()))
    };
    let own = services.iter().filter(literal);
    own.map(|name| Reached {
        service: (*name).clone(),
        route: Route::Environment,
        text: format!(
            "environment sets {key} ({})",
            definitions::places(located, variables, name, key)
        ),
        action: action_of_key(Route::Environment),
        runs: None,
    })
    .collect()
}

/// Where a reference stands: `compose.yaml:12`.
fn lines_of(located: &Located, key: &str, reach: &routes::KeyReach) -> String {
    let mut places = Vec::new();
    for file in &located.args.files {
        let Some(text) = files::text_if_readable(file) else {
            continue;
        };
        let Ok(scalars) = yaml::scalars(&text) else {
            continue;
        };
        for scalar in scalars {
            let uses = crate::stack::source::variables(&scalar.value)
                .iter()
                .any(|name| name == key)
                || scalar.value == key;
            let path = scalar.path.to_string();
            // Anchors and extensions stand elsewhere, and count for whoever merges them.
            let of_other = path.starts_with("services.")
                && !path.starts_with(&format!("services.{}.", reach.service));
            if uses && !of_other {
                places.push(format!(
                    "{}:{}",
                    shown(&located.args.directory, file),
                    scalar.line
                ));
            }
        }
    }
    places.dedup();
    places.join(", ")
}

fn action_of(route: Route) -> Action {
    match route {
        Route::Bind | Route::Config | Route::Secret => Action::Restart,
        Route::Build => Action::Rebuild,
        Route::Interpolation
        | Route::EnvFile
        | Route::Environment
        | Route::Follows
        | Route::Definition
        | Route::Asked => Action::Recreate,
    }
}

/// Configs and secrets made from a variable are copied into the container when it is made.
fn action_of_key(route: Route) -> Action {
    if route == Route::Build {
        Action::Rebuild
    } else {
        Action::Recreate
    }
}

/// What the service runs with now.
async fn running_value(
    asked: &LocatedStack,
    resolved: &Resolved,
    reached: &Reached,
    key: &EnvKey,
) -> Option<Shown> {
    let docker = asked.docker.as_ref()?;
    let containers = of_project(&asked.containers, &resolved.model.name);
    let container = containers
        .iter()
        .find(|c| c.service == reached.service && c.is_up())?;
    let inspected = docker.inspect(&container.id).await.ok()??;
    let value = match reached.route {
        Route::Environment | Route::EnvFile => inspected.env.get(key.as_str()).cloned(),
        Route::Bind if docker.endpoint.is_local() => {
            let target = reached.text.rsplit(" at ").next()?;
            let seen =
                std::fs::read(drift::seen_by_process(inspected.pid, Path::new(target))).ok()?;
            value_of(&Dotenv::parse(&seen, Format::Compose).ok()?, key)
        }
        Route::Interpolation
        | Route::Bind
        | Route::Config
        | Route::Secret
        | Route::Build
        | Route::Follows
        | Route::Definition
        | Route::Asked => return None,
    };
    Some(Shown::of(key.as_str(), value.as_deref()))
}

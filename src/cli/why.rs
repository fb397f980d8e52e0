//! `refit why`: where a key is set, whom it reaches, and what runs now.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::global::Global;
use super::located_stack::LocatedStack;
use crate::assess::edit_target;
use crate::assessment::key_diff::value_of;
use crate::complaint::{Code, Complaint};
use crate::docker::compose::Compose;
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::edit::yaml::{self};
use crate::event::{Action, Route, ServiceName, Shown};
use crate::exit::Exit;
use crate::host::files;
use crate::profile::Profile;
use crate::profile::key_facts::KeyFact;
use crate::report::{self, page};
use crate::secret::HIDDEN;
use crate::stack::locate::Located;
use crate::stack::{self, Resolved, application, drift, of_project, resolve, routes, shown};

mod definitions;

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    /// Key of the env files
    key: String,
}

/// Where a key is set.
struct SetAt {
    path: PathBuf,
    file: String,
    line: usize,
    value: Shown,
}

/// Whom it reaches.
struct Reached {
    service: ServiceName,
    route: Route,
    text: String,
    action: Action,
    runs: Option<Shown>,
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
    let set = set_at(&asked.located, &resolved, &key);
    let documented = documented_at(&asked.located, &key);
    let mut reached = reached(&asked.located, &resolved, &key, &set);
    for one in &mut reached {
        one.runs = running_value(&asked, &resolved, one, &key).await;
    }
    // A stack whose application cannot be told has all the rest to say.
    let subject = application::of(&asked.located.args.directory, &resolved.model, None).ok();
    let published = subject.as_ref().and_then(|subject| {
        let profile = &subject.profile;
        let is = is_published(&asked.located, &resolved, &key, profile);
        is.then_some(profile.title.as_str())
    });
    let told = subject.as_ref().and_then(|subject| {
        let version = subject.version.as_deref();
        Some((subject.profile.tells(key.as_str(), version)?, version))
    });
    if global.json {
        let mut document = document(&key, &set, &reached, documented.as_deref());
        document["published"] = published.is_some().into();
        document["known"] = told.map_or(Value::Null, |(told, _)| told.document());
        page::document(&document);
    } else {
        report::out(key.as_str());
        if let Some((told, version)) = &told {
            print_known(&key, told, *version);
        }
        if let Some(title) = published {
            report::out(&format!(
                "  {:<8}  this is the public default of {title}: everybody can read it",
                "!"
            ));
        }
        let given = definitions::given(&asked.located, &resolved, &key);
        print(&key, &set, &given, documented.as_deref());
        print_reached(&key, &reached);
        let is_known = !set.is_empty() || !given.is_empty() || documented.is_some();
        if !is_known && let Some(meant) = definitions::meant(&asked.located, &resolved, &key) {
            report::out(&format!("  →         did you mean {meant}?"));
        }
    }
    Ok(Exit::Done)
}

/// Every env file that sets the key.
fn set_at(located: &Located, resolved: &Resolved, key: &EnvKey) -> Vec<SetAt> {
    definitions::env_files(located, resolved)
        .into_iter()
        .filter_map(|path| {
            let tree = definitions::tree_of(&path, located)?;
            let line = tree.line_of(key)?;
            let value = Shown::of(key.as_str(), value_of(&tree, key).as_deref());
            Some(SetAt {
                file: shown(&located.args.directory, &path),
                path,
                line,
                value,
            })
        })
        .collect()
}

/// Whether a value of the key, in a file or in a definition, came with the application.
fn is_published(located: &Located, resolved: &Resolved, key: &EnvKey, profile: &Profile) -> bool {
    let paths = definitions::env_files(located, resolved).into_iter();
    let of_files = paths.filter_map(|path| value_of(&definitions::tree_of(&path, located)?, key));
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

fn reached(located: &Located, resolved: &Resolved, key: &EnvKey, set: &[SetAt]) -> Vec<Reached> {
    let mut found = Vec::new();
    // A key that is not set yet would be set in the first env file.
    let first = located.first_env_file();
    let mut paths: Vec<&Path> = set.iter().map(|at| at.path.as_path()).collect();
    if paths.is_empty() {
        paths.push(&first);
    }
    for path in paths {
        let file = shown(&located.args.directory, path);
        for reach in routes::of_file(&resolved.model, &resolved.source, path) {
            let over = match reach.route == Route::EnvFile {
                true => definitions::over(located, resolved, &reach.service, path, key),
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
    for reach in routes::of_key(&resolved.model, &resolved.source, key.as_str()) {
        let mut places = lines_of(located, key.as_str(), &reach);
        if places.is_empty() && reach.route == Route::Environment {
            places = definitions::places(located, &reach.service, key);
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

fn words(value: &Shown) -> String {
    match value {
        Shown::Absent => "not set".to_owned(),
        Shown::Secret => HIDDEN.to_owned(),
        Shown::Plain(text) => text.clone(),
    }
}

/// What the application is known to make of the key.
fn print_known(key: &EnvKey, told: &KeyFact<'_>, version: Option<&str>) {
    for (index, line) in told.means().iter().enumerate() {
        let head = if index == 0 { "means" } else { "" };
        report::out(&format!("  {head:<8}  {line}"));
    }
    for line in told.warns(key.as_str(), version) {
        report::out(&format!("  {:<8}  {line}", "!"));
    }
}

fn print(
    key: &EnvKey,
    set: &[SetAt],
    given: &[definitions::DefinedValue],
    documented: Option<&str>,
) {
    let of_files = set
        .iter()
        .map(|at| format!("{}:{}  {}", at.file, at.line, words(&at.value)));
    let of_environments = given.iter().map(|one| {
        let place = match one.places.is_empty() {
            true => String::new(),
            false => format!("{}  ", one.places),
        };
        let (value, service) = (words(&one.value), &one.service);
        format!("{place}{value}  (environment of {service})")
    });
    let mut lines: Vec<String> = of_files.chain(of_environments).collect();
    if lines.is_empty() {
        let place = documented.map(|place| format!("; documented in {place}"));
        lines.push(format!("no env file{}", place.unwrap_or_default()));
    }
    for (index, line) in lines.iter().enumerate() {
        let head = if index == 0 { "set in" } else { "" };
        report::out(&format!("  {head:<8}  {line}"));
    }
    if std::env::var_os(key.as_str()).is_some() {
        report::out("  !         overridden by this shell's own value wherever ${…} is used");
    }
}

fn print_reached(key: &EnvKey, reached: &[Reached]) {
    if reached.is_empty() {
        report::out("  reaches   no service");
        page::advice(&format!(
            "  →         refit set {key}=VALUE --for SERVICE makes it reach one"
        ));
    }
    let width = reached
        .iter()
        .map(|r| r.service.as_str().chars().count())
        .max()
        .unwrap_or_default();
    for (index, one) in reached.iter().enumerate() {
        let head = if index == 0 { "reaches" } else { "" };
        let then = match one.action == Action::None {
            true => "nothing",
            false => one.action.word(),
        };
        let runs = one.runs.as_ref().map(|value| match value {
            Shown::Absent => "; not set in what runs".to_owned(),
            Shown::Secret | Shown::Plain(_) => format!("; runs with {}", words(value)),
        });
        report::out(&format!(
            "  {head:<8}  {:<width$}  {:<13}  {}; a change means: {then}{}",
            one.service,
            one.route.word(),
            one.text,
            runs.unwrap_or_default(),
        ));
    }
}

fn document(key: &EnvKey, set: &[SetAt], reached: &[Reached], documented: Option<&str>) -> Value {
    let value = |value: &Shown| match value {
        Shown::Plain(text) => json!({"value": text}),
        Shown::Absent => json!({"value": null}),
        Shown::Secret => json!({"value": null, "secret": true}),
    };
    let set: Vec<Value> = set
        .iter()
        .map(|at| {
            let mut one = json!({"file": at.file, "line": at.line});
            if let (Some(one), Value::Object(more)) = (one.as_object_mut(), value(&at.value)) {
                one.extend(more);
            }
            one
        })
        .collect();
    let reached: Vec<Value> = reached
        .iter()
        .map(|one| {
            json!({
                "service": one.service,
                "route": one.route.word(),
                "text": one.text,
                "action": one.action.word(),
                "runs_with": one.runs.as_ref().map(value),
            })
        })
        .collect();
    json!({"key": key.as_str(), "set": set, "documented": documented, "reaches": reached})
}

//! What the form of a recipe does not say: whether its names are names, whether what it refers to is
//! there, whether texts without a template are what they stand for. Pure.

use std::path::{Component, Path};

use serde_json::Value;

use crate::edit::dotenv::EnvKey;
use crate::edit::yaml::YamlPath;
use crate::recipe::format::fields::{
    AddedService, LABEL, Recipe, RecipeChange, RecipeCheck, Type, is_name,
};
use crate::secret::is_secret_key;
use crate::suggest::nearest;

/// Names that templates know besides the parameters. `url` may be a parameter: it takes the place of a
/// service.
const TAKEN: [&str; 4] = ["service", "configured", "secret", "account"];

/// Checks all of it.
///
/// # Errors
/// In a sentence.
pub(crate) fn check(recipe: &Recipe, profiles: &[&str]) -> Result<(), String> {
    if recipe.applications.is_empty() {
        return Err("applications is empty, so it does nothing".to_owned());
    }
    for name in recipe.applications.keys() {
        if !profiles.contains(&name.as_str()) {
            let near = nearest(name, profiles.iter().copied())
                .map(|near| format!("; did you mean {near}?"));
            let near = near.unwrap_or_else(|| format!("; there are {}", profiles.join(", ")));
            return Err(format!("refit knows no application {name}{near}"));
        }
    }
    let mut all = recipe.applications.values();
    let adds = all.any(|application| !application.services.is_empty());
    for parameter in &recipe.parameters {
        let name = parameter.name.as_str();
        if TAKEN.contains(&name) || (name == "host" && adds) {
            return Err(format!(
                "a parameter cannot be called {name}: templates have that name"
            ));
        }
    }
    for application in recipe.applications.values() {
        for change in &application.changes {
            of_change(change, recipe)?;
        }
        for service in &application.services {
            of_service(service, recipe)?;
        }
        for check in &application.checks {
            of_check(check)?;
        }
        let account = application.account.iter();
        for key in account.flat_map(|account| [&account.keep, &account.keep_name]) {
            is_key(key)?;
        }
    }
    Ok(())
}

fn is_key(key: &str) -> Result<(), String> {
    let read: Result<EnvKey, _> = key.parse();
    read.map(|_| ())
        .map_err(|_| format!("{key:?} is not a key of an env file"))
}

fn of_change(change: &RecipeChange, recipe: &Recipe) -> Result<(), String> {
    if let Some(key) = &change.env {
        is_key(key)?;
        let value = change.value.as_deref().unwrap_or_default();
        let secret = recipe.parameters.iter().find(|parameter| {
            // An address is hidden where there is a password in it.
            parameter.kind == Type::Secret
                && parameter.name != "url"
                && names(value, &parameter.name.replace('-', "_"))
        });
        if let Some(parameter) = secret.filter(|_| !is_secret_key(key)) {
            return Err(format!(
                "{key} would be shown, and {} is secret: give the key a name that says so, such as \
                 {key}_SECRET",
                parameter.name
            ));
        }
    }
    if let Some(path) = &change.path {
        let read: Result<YamlPath, _> = path.parse();
        read.map_err(|error| format!("{path:?} is not a path: {error}"))?;
    }
    if let Some(file) = &change.file {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if file.is_empty() || !Path::new(file).components().all(inside) {
            return Err(format!(
                "{file:?} is not a file of the stack; give a path relative to its folder"
            ));
        }
    }
    Ok(())
}

fn of_service(service: &AddedService, recipe: &Recipe) -> Result<(), String> {
    let name = &service.name;
    if !is_name(name) {
        return Err(format!("{name:?} is not a service name"));
    }
    let labels = service.definition.get("labels");
    let label = match labels {
        Some(Value::Array(labels)) => {
            let written = format!("{LABEL}={}", recipe.name);
            labels.iter().any(|label| label.as_str() == Some(&written))
        }
        labels => labels.and_then(|labels| labels.get(LABEL)?.as_str()) == Some(&recipe.name),
    };
    if !label {
        return Err(format!(
            "the service {name} needs labels: {{{LABEL}: {}}} in its definition, by which it is known \
             again",
            recipe.name
        ));
    }
    for key in &service.secrets {
        is_key(key)?;
    }
    for (at, _) in service.url.match_indices("secret.") {
        let rest = &service.url[at + "secret.".len()..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let key = &rest[..end.unwrap_or(rest.len())];
        if !service.secrets.iter().any(|known| known == key) {
            return Err(format!("{key} is not among the secrets of {name}"));
        }
    }
    Ok(())
}

/// Texts without a template are read as they will be read.
fn of_check(check: &RecipeCheck) -> Result<(), String> {
    let plain = |text: &Option<String>| text.clone().filter(|text| !text.contains('{'));
    if let Some(text) = plain(&check.seconds)
        && text.trim().parse::<u64>().is_err()
    {
        return Err(format!("seconds: {text:?} is not a whole number"));
    }
    if let Some(text) = plain(&check.secure)
        && text.trim().parse::<bool>().is_err()
    {
        return Err(format!("secure: {text:?} is neither true nor false"));
    }
    Ok(())
}

/// Whether a template names a variable.
fn names(template: &str, variable: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    template.contains('{')
        && template
            .split(|c: char| !goes_on(c))
            .any(|word| word == variable)
}

#[cfg(test)]
mod tests {
    use crate::recipe::format::fields::Recipe;

    /// What is said of a recipe with these parameters and this application.
    fn said(parameters: &str, application: &str) -> String {
        let text = format!(
            "name: mine\ntitle: T\naim: A\nparameters: [{parameters}]\napplications: {{{application}}}\n"
        );
        match Recipe::parse(&text, "mine.yaml") {
            Ok(_) => String::new(),
            Err(error) => error.text,
        }
    }

    #[test]
    fn what_would_fail_only_when_it_is_used_is_told_before() {
        let plain = "generic: {changes: [{env: A, value: b}]}";
        let service = |of: &str| format!("generic: {{services: [{{name: s, {of}}}]}}");
        let text = |name: &str| format!("{{name: {name}, type: text, about: a}}");
        for (parameters, application, wanted) in [
            ("", plain.to_owned(), ""),
            ("", String::new(), "applications is empty"),
            (
                "",
                plain.replace("generic", "libre-chat"),
                "did you mean librechat?",
            ),
            ("", plain.replace("A,", "'A B',"), "\"A B\" is not a key"),
            (
                &text("service"),
                plain.to_owned(),
                "cannot be called service",
            ),
            (
                "{name: n, type: text, about: a, min: '3'}",
                plain.to_owned(),
                "min and max are for",
            ),
            (
                "{name: n, type: text, about: a, default: x, required: true}",
                plain.to_owned(),
                "a value of its own",
            ),
            (
                "{name: pin, type: secret, about: a}",
                "generic: {changes: [{env: A, value: '{{ pin }}'}]}".to_owned(),
                "pin is secret",
            ),
            (
                "{name: pin, type: secret, about: a}",
                "generic: {changes: [{env: A_PIN_SECRET, value: '{{ pin }}'}]}".to_owned(),
                "",
            ),
            (
                "",
                "generic: {changes: [{file: a.yaml, path: 'a..b', value: c}]}".to_owned(),
                "is not a path",
            ),
            (
                "",
                "generic: {changes: [{file: ../a.yaml, path: a, value: c}]}".to_owned(),
                "is not a file of the stack",
            ),
            (
                "",
                service("url: 'a://b', definition: {image: a}"),
                "needs labels",
            ),
            (
                "",
                service("url: 'a://{{ secret.P }}', definition: {labels: [refit.recipe=mine]}"),
                "P is not among the secrets",
            ),
            (
                "",
                service(
                    "secrets: [P], url: 'a://{{ secret.P }}', definition: {labels: {refit.recipe: mine}}",
                ),
                "",
            ),
            (
                "",
                "generic: {checks: [{proves: session_lasts, seconds: soon}]}".to_owned(),
                "not a whole number",
            ),
            (
                "",
                "generic: {checks: [{proves: cookie_fits, secure: maybe}]}".to_owned(),
                "neither true nor false",
            ),
        ] {
            let said = said(parameters, &application);
            assert_eq!(said.is_empty(), wanted.is_empty(), "{application}: {said}");
            assert!(said.contains(wanted), "{application}: {said}");
        }
    }
}

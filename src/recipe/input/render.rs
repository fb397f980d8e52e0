//! From a recipe and its values to what is to be done: templates filled in, conditions decided.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde_json::Value as Json;

use super::params::{ParameterValue, Values, short};
use crate::complaint::{Code, Complaint};
use crate::recipe::format::fields::{Application, Recipe};

/// Names that templates know besides the parameters.
const KNOWN: [&str; 6] = ["service", "host", "url", "secret", "configured", "account"];

/// What templates are filled in with.
#[derive(Debug, Clone)]
pub(crate) struct Filling {
    texts: Environment<'static>,
    conditions: Environment<'static>,
    names: BTreeMap<String, Value>,
}

impl Filling {
    /// The values of a recipe's parameters.
    pub(crate) fn of(values: &Values) -> Self {
        let names = values
            .iter()
            .map(|(name, given)| (variable(name), value_of(given)))
            .collect();
        Self {
            texts: environment(UndefinedBehavior::Strict),
            // A condition may ask for what was not given: that is equal to nothing.
            conditions: environment(UndefinedBehavior::Lenient),
            names,
        }
    }

    /// Adds a text.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.names.insert(name.to_owned(), Value::from(text));
    }

    /// Adds a group of texts, such as `secret`.
    pub(crate) fn set_group(&mut self, name: &str, group: &BTreeMap<String, String>) {
        self.names
            .insert(name.to_owned(), Value::from_pairs(group.clone()));
    }

    /// Adds a size, as a parameter of that kind has it.
    pub(crate) fn set_size(&mut self, name: &str, bytes: u64) {
        self.names
            .insert(name.to_owned(), value_of(&ParameterValue::Size(bytes)));
    }

    /// Takes the value of a name from another filling.
    pub(crate) fn take(&mut self, name: &str, from: &Self) {
        if let Some(value) = from.names.get(name) {
            self.names.insert(name.to_owned(), value.clone());
        }
    }

    /// Fills in a text.
    ///
    /// # Errors
    /// `bad_recipe`: a name has no value.
    pub(crate) fn text(&self, template: &str) -> Result<String, Complaint> {
        self.texts
            .render_str(template, &self.names)
            .map_err(|error| {
                // The template, not what it was filled in with: that may be secret.
                let text = format!("cannot fill in {template:?}: {}", error.kind());
                Complaint::new(Code::BadRecipe, text)
            })
    }

    /// Decides a condition; none is true.
    ///
    /// # Errors
    /// `bad_recipe`.
    pub(crate) fn holds(&self, when: &Option<String>) -> Result<bool, Complaint> {
        let Some(when) = when else { return Ok(true) };
        let decided = self
            .conditions
            .compile_expression(when)
            .and_then(|expression| expression.eval(&self.names));
        decided.map(|value| value.is_true()).map_err(|error| {
            let text = format!("cannot decide {when:?}: {}", error.kind());
            Complaint::new(Code::BadRecipe, text)
        })
    }

    /// Fills in every text of a definition.
    ///
    /// # Errors
    /// As [`Filling::text`].
    pub(crate) fn json(&self, value: &Json) -> Result<Json, Complaint> {
        Ok(match value {
            Json::String(text) => Json::String(self.text(text)?),
            Json::Array(items) => Json::Array(
                items
                    .iter()
                    .map(|item| self.json(item))
                    .collect::<Result<_, _>>()?,
            ),
            Json::Object(map) => {
                let entries = map
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.json(value)?)));
                Json::Object(entries.collect::<Result<_, Complaint>>()?)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
        })
    }
}

fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    // `true`, as env files and YAML have it.
    environment.set_formatter(|out, state, value| match bool::try_from(value.clone()) {
        Ok(on) => out
            .write_str(if on { "true" } else { "false" })
            .map_err(Into::into),
        Err(_) => minijinja::escape_formatter(out, state, value),
    });
    // Env files and YAML, not HTML.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
}

/// `same-site` is no name in an expression.
fn variable(name: &str) -> String {
    name.replace('-', "_")
}

fn value_of(given: &ParameterValue) -> Value {
    match given {
        ParameterValue::Duration(duration) => context! {
            seconds => duration.as_secs().max(1),
            ms => u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            text => short(*duration),
        },
        ParameterValue::Size(bytes) => context! {
            bytes => bytes,
            mib => bytes >> 20,
        },
        ParameterValue::Bool(on) => Value::from(*on),
        ParameterValue::Word(word) => Value::from(word.as_str()),
        ParameterValue::Secret(secret) => Value::from(secret.expose()),
    }
}

/// Compiles all of a recipe, and checks that it names nothing that will have no value.
///
/// # Errors
/// In a sentence.
pub(crate) fn check(recipe: &Recipe) -> Result<(), String> {
    let environment = environment(UndefinedBehavior::Strict);
    let known: BTreeSet<String> = recipe
        .parameters
        .iter()
        .map(|parameter| variable(&parameter.name))
        .chain(KNOWN.map(str::to_owned))
        .collect();
    let unknown = |names: std::collections::HashSet<String>, text: &str| {
        let mut names: Vec<String> = names.into_iter().filter(|n| !known.contains(n)).collect();
        names.sort();
        match names.first() {
            Some(name) => Err(format!("{name} is not a parameter, in {text:?}")),
            None => Ok(()),
        }
    };
    let (expressions, templates) = texts_of(recipe);
    for text in expressions {
        let compiled = environment
            .compile_expression(text)
            .map_err(|error| format!("{text:?}: {error}"))?;
        unknown(compiled.undeclared_variables(false), text)?;
    }
    for text in templates {
        let compiled = environment
            .template_from_str(text)
            .map_err(|error| format!("{text:?}: {error}"))?;
        unknown(compiled.undeclared_variables(false), text)?;
    }
    Ok(())
}

/// Every expression and every template of a recipe.
fn texts_of(recipe: &Recipe) -> (Vec<&str>, Vec<&str>) {
    let (mut expressions, mut templates): (Vec<&str>, Vec<&str>) = Default::default();
    let refusals = recipe.applications.values().flat_map(|a| &a.refuse);
    for refusal in recipe.refuse.iter().chain(refusals) {
        expressions.extend(refusal.when.as_deref());
        templates.push(&refusal.text);
        templates.extend(refusal.hint.as_deref());
    }
    for warning in &recipe.warnings {
        expressions.extend(warning.when.as_deref());
        templates.push(&warning.text);
    }
    for application in recipe.applications.values() {
        of_application(application, &mut expressions, &mut templates);
    }
    (expressions, templates)
}

fn of_application<'a>(
    application: &'a Application,
    expressions: &mut Vec<&'a str>,
    templates: &mut Vec<&'a str>,
) {
    for change in &application.changes {
        expressions.extend(change.when.as_deref());
        templates.extend(change.value.as_deref());
    }
    for service in &application.services {
        expressions.extend(service.when.as_deref());
        templates.push(&service.url);
        texts_in(&service.definition, templates);
    }
    for check in &application.checks {
        expressions.extend(check.when.as_deref());
        let texts = [&check.seconds, &check.secure, &check.same_site];
        templates.extend(texts.into_iter().filter_map(Option::as_deref));
    }
    for note in &application.notes {
        expressions.extend(note.when.as_deref());
        templates.push(&note.text);
    }
    if let Some(account) = &application.account {
        expressions.extend(account.when.as_deref());
        templates.extend(account.command.iter().map(String::as_str));
    }
}

fn texts_in<'a>(value: &'a Json, templates: &mut Vec<&'a str>) {
    match value {
        Json::String(text) => templates.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts_in(item, templates)),
        Json::Object(map) => map.values().for_each(|item| texts_in(item, templates)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn conditions_see_what_was_not_given() {
        let values = [
            (
                "for".to_owned(),
                ParameterValue::Duration(Duration::from_secs(90)),
            ),
            (
                "same-site".to_owned(),
                ParameterValue::Word("none".to_owned()),
            ),
        ];
        let filling = Filling::of(&values.into());
        assert_eq!(
            filling.text("{{ for.ms }} {{ for.text }}").unwrap(),
            "90000 90s"
        );
        assert_eq!(filling.text("{{ same_site == 'none' }}").unwrap(), "true");
        let holds = |when: &str| filling.holds(&Some(when.to_owned())).unwrap();
        assert!(holds("same_site == 'none'"));
        assert!(!holds("domain is defined"));
        assert!(!holds("domain == 'a'") && holds("domain != 'a'"));
        assert!(filling.text("{{ domain }}").is_err());
    }
}

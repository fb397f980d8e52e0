//! The form of a recipe: advice as data. Read from YAML; an unknown field is an error with line and
//! column, and every template in it is compiled before it is used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::params::Parameter;
use super::render;
use crate::complaint::Complaint;

/// A named group of changes for one aim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What is typed.
    pub name: String,
    /// In a few words.
    pub title: String,
    /// What a person wants who uses it.
    pub aim: String,
    /// What can be said with it.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What it may do to whom, refused without a flag.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// What is refused whatever the application.
    #[serde(default)]
    pub refuse: Vec<Refusal>,
    /// What is done, by the name of the application's profile. `generic` is for all others.
    pub applications: BTreeMap<String, Application>,
    /// What the person should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What it cannot do.
    #[serde(default)]
    pub cannot: Vec<String>,
}

/// A guard that a recipe asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The application, or what stands in front of it, is published where others can reach it.
    Public,
    /// The application has users already.
    ExistingUsers,
}

/// What one application needs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Application {
    /// In a sentence: what changes.
    pub about: String,
    /// What this application cannot do.
    pub refuse: Vec<Refusal>,
    /// What is written.
    pub changes: Vec<Change>,
    /// Services that are added; one that was added before and is not wanted any more goes.
    pub services: Vec<AddedService>,
    /// The account that is made once it runs.
    pub account: Option<MakeAccount>,
    /// What must be seen afterwards.
    pub checks: Vec<Check>,
    /// What is said when it is used.
    pub notes: Vec<Note>,
    /// Words in the names of keys that serve the same aim, for whoever is told that a key is not
    /// read.
    pub similar: Vec<String>,
}

/// Something that is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Expression; always without one.
    pub when: Option<String>,
    /// Stable, `snake_case`.
    pub code: Code,
    /// Template: what, and why.
    pub text: String,
    /// Template: what to do instead.
    pub hint: Option<String>,
}

/// The stable codes of refusals that recipes may raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the codes themselves; docs/refusals.md explains them"
)]
pub enum Code {
    NoSuchMode,
    KeyNotRead,
    RefusedByBrowsers,
    LocalhostInContainer,
    NotSupported,
    NeedsProvider,
}

impl Code {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoSuchMode => "no_such_mode",
            Self::KeyNotRead => "key_not_read",
            Self::RefusedByBrowsers => "refused_by_browsers",
            Self::LocalhostInContainer => "localhost_in_container",
            Self::NotSupported => "not_supported",
            Self::NeedsProvider => "needs_provider",
        }
    }
}

/// One key or path that changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// A key of the application's environment.
    pub env: Option<String>,
    /// A path in a YAML file, with `file`.
    pub path: Option<String>,
    /// The YAML file of `path`, relative to the stack.
    pub file: Option<String>,
    /// Template of the value.
    pub value: Option<String>,
    /// It goes, in place of getting a value.
    #[serde(default)]
    pub remove: bool,
    /// Expression; always without one.
    pub when: Option<String>,
}

/// A service of the stack's own files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedService {
    /// Its name; another one is taken where it is in use.
    pub name: String,
    /// Expression; always without one.
    pub when: Option<String>,
    /// Names of images of a Redis, without the tag: a service with one of them is used instead.
    #[serde(default)]
    pub reuse: Vec<String>,
    /// Keys of an env file that it needs, made once.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Its definition; texts in it are templates.
    pub definition: Value,
    /// Top-level volumes that it needs.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// Template: where the application finds it.
    pub url: String,
}

/// An account that is made by the application's own script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeAccount {
    /// Expression; always without one.
    pub when: Option<String>,
    /// The command in the container; texts in it are templates. The password comes on its standard
    /// input.
    pub command: Vec<String>,
    /// Key of the env file that keeps a password that was made up: nobody could sign in otherwise.
    pub keep: String,
}

/// A check after the change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Expression; always without one.
    pub when: Option<String>,
    /// What is looked at.
    pub proves: Proves,
    /// Template: seconds, for `session_lasts`.
    pub seconds: Option<String>,
    /// Template: `true` or `false`, for `cookie_fits`.
    pub secure: Option<String>,
    /// Template: `lax`, `strict`, `none` or nothing, for `cookie_fits`.
    pub same_site: Option<String>,
}

impl Check {
    /// Each kind of check has fields of its own.
    fn check(&self) -> Result<(), &'static str> {
        let wanted = match self.proves {
            Proves::SessionLasts => (true, false),
            Proves::CookieFits => (false, true),
            Proves::OpenWithoutLogin | Proves::SessionSurvives => (false, false),
        };
        let stray = self.same_site.is_some() && self.proves != Proves::CookieFits;
        match (self.seconds.is_some(), self.secure.is_some()) == wanted && !stray {
            true => Ok(()),
            false => Err(
                "a check has seconds for session_lasts, secure and same_site for cookie_fits, and \
                 neither for the others",
            ),
        }
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proves {
    /// Whoever has no cookie gets the page.
    OpenWithoutLogin,
    /// A new login's cookie lives so long.
    SessionLasts,
    /// Who is signed in stays so when the application is restarted.
    SessionSurvives,
    /// A new login's cookie has the attributes that were asked for.
    CookieFits,
}

impl Proves {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpenWithoutLogin => "a visitor without a cookie gets the page",
            Self::SessionLasts => "the cookie of a new login lives as long as asked",
            Self::CookieFits => "the cookie of a new login is sent as asked",
            Self::SessionSurvives => {
                "who signs in is still signed in after the application was restarted"
            }
        }
    }
}

/// Something that is said when the recipe is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Expression; always without one.
    pub when: Option<String>,
    /// Template.
    pub text: String,
}

impl Recipe {
    /// Reads a recipe and checks all of it; `from` names its file.
    ///
    /// # Errors
    /// `bad_recipe`, with line and column where the form is wrong.
    pub fn parse(text: &str, from: &str) -> Result<Self, Complaint> {
        let recipe: Self = serde_saphyr::from_str(text).map_err(|error| {
            Complaint::new("bad_recipe", format!("cannot use {from}"))
                .details(&error.to_string())
                .hint("refit recipes NAME shows what a recipe says; the README lists the fields")
        })?;
        recipe.check(from)?;
        Ok(recipe)
    }

    /// Checks what the form alone does not say: names, defaults, templates.
    ///
    /// # Errors
    /// `bad_recipe`.
    pub fn check(&self, from: &str) -> Result<(), Complaint> {
        let wrong =
            |text: String| Complaint::new("bad_recipe", format!("cannot use {from}: {text}"));
        if !is_name(&self.name) {
            return Err(wrong(format!("{:?} is no name", self.name)));
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            parameter.check().map_err(&wrong)?;
            let twice = self.parameters[..index].iter();
            if twice.clone().any(|other| other.name == parameter.name) {
                return Err(wrong(format!(
                    "the parameter {} is there twice",
                    parameter.name
                )));
            }
        }
        for change in self.applications.values().flat_map(|a| &a.changes) {
            let place = match (&change.env, &change.path, &change.file) {
                (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
                _ => Err("a change has either env, or path and file"),
            };
            place.map_err(|text| wrong(text.to_owned()))?;
            if change.value.is_some() == change.remove {
                return Err(wrong(
                    "a change has either value, or remove: true".to_owned(),
                ));
            }
        }
        for check in self.applications.values().flat_map(|a| &a.checks) {
            check.check().map_err(|text| wrong(text.to_owned()))?;
        }
        render::check(self).map_err(wrong)
    }

    /// What is done for an application: its own part, or the one for all that are not known.
    pub fn of(&self, profile: &str) -> Option<&Application> {
        let own = self.applications.get(profile);
        own.or_else(|| self.applications.get(crate::profile::GENERIC))
    }
}

/// Lower-case words with hyphens.
pub fn is_name(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(ok) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "name: x\ntitle: T\naim: A\napplications:\n  generic:\n    changes:\n      - {env: A, value: \"{{ n }}\"}\n";

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = Recipe::parse("name: x\ntitel: T\n", "x.yaml").unwrap_err();
        let details = error.details.join("\n");
        assert!(
            details.contains("titel") && details.contains("line 2"),
            "{details}"
        );
        let error = Recipe::parse(SMALL, "x.yaml").unwrap_err();
        assert!(error.text.contains("n is no parameter"), "{error}");
        let with = format!("{SMALL}parameters: [{{name: n, type: bool, about: a}}]\n");
        assert!(Recipe::parse(&with, "x.yaml").is_ok());
        let broken = with.replace("{{ n }}", "{{ n");
        let error = Recipe::parse(&broken, "x.yaml").unwrap_err();
        assert!(error.text.contains("{{ n"), "{error}");
        let both = with.replace("{env: A,", "{env: A, path: b,");
        assert!(Recipe::parse(&both, "x.yaml").is_err());
        let check = |check: &str| {
            let with = with.replace(
                "    changes:",
                &format!("    checks: [{{{check}}}]\n    changes:"),
            );
            Recipe::parse(&with, "x.yaml").is_ok()
        };
        assert!(check("proves: session_lasts, seconds: 5"));
        assert!(check("proves: cookie_fits, secure: 'true'"));
        assert!(!check("proves: session_lasts"));
        assert!(!check("proves: cookie_fits, same_site: lax"));
        assert!(!check("proves: session_survives, seconds: 5"));
    }
}

//! The form of a recipe: advice as data. Types alone, which also `build.rs` reads: a recipe of the
//! program's own that has another form does not build.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The label by which a recipe knows its own service again.
pub(crate) const LABEL: &str = "refit.recipe";

/// Lower-case words with hyphens.
pub(crate) fn is_name(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(ok) && !text.starts_with('-')
}

/// A named group of changes for one aim.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
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
    pub guards: Vec<RecipeGuard>,
    /// What is refused whatever the application.
    #[serde(default)]
    pub refuse: Vec<Refusal>,
    /// What is done, by the name of the application's profile. `generic` is for all others.
    pub applications: BTreeMap<String, Application>,
    /// What the person should know.
    #[serde(default)]
    pub warnings: Vec<RecipeNote>,
    /// What it cannot do.
    #[serde(default)]
    pub cannot: Vec<String>,
}

/// A parameter of a recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    /// What is typed before the `=`.
    pub name: String,
    /// What its text means.
    #[serde(rename = "type")]
    pub kind: Type,
    /// In a sentence.
    pub about: String,
    /// The value without one.
    pub default: Option<String>,
    /// Whether a value must be given.
    #[serde(default)]
    pub required: bool,
    /// The words of a choice.
    #[serde(default)]
    pub of: Vec<String>,
    /// The smallest duration or size.
    pub min: Option<String>,
    /// The largest duration or size.
    pub max: Option<String>,
}

/// What a parameter's text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the words of the format")]
pub(crate) enum Type {
    Duration,
    Size,
    Bool,
    Choice,
    Secret,
    Domain,
    Port,
    Text,
}

impl Type {
    /// In words, for a page.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Duration => "duration such as 12h or 7d",
            Self::Size => "size such as 256m",
            Self::Bool => "true or false",
            Self::Choice => "one of",
            Self::Secret => "secret, from standard input with NAME alone",
            Self::Domain => "host's name, without scheme and port",
            Self::Port => "number of a port",
            Self::Text => "text",
        }
    }
}

/// A guard that a recipe asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecipeGuard {
    /// The application, or what stands in front of it, is published where others can reach it.
    Public,
    /// The application has users already.
    ExistingUsers,
}

/// What one application needs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Application {
    /// In a sentence: what changes.
    pub about: String,
    /// What this application cannot do.
    pub refuse: Vec<Refusal>,
    /// What is written.
    pub changes: Vec<RecipeChange>,
    /// Services that are added; one that was added before and is not wanted any more goes.
    pub services: Vec<AddedService>,
    /// The account that is made once it runs.
    pub account: Option<MakeAccount>,
    /// What must be seen afterwards.
    pub checks: Vec<RecipeCheck>,
    /// What is said when it is used.
    pub notes: Vec<RecipeNote>,
    /// Words in the names of keys that serve the same aim, for whoever is told that a key is not
    /// read.
    pub similar: Vec<String>,
}

/// Something that is refused.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refusal {
    /// Expression; always without one.
    pub when: Option<String>,
    /// Stable, `snake_case`.
    pub code: RefusalCode,
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
pub(crate) enum RefusalCode {
    NoSuchMode,
    KeyNotRead,
    RefusedByBrowsers,
    LocalhostInContainer,
    NotSupported,
    NeedsProvider,
}

/// One key or path that changes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipeChange {
    /// A key of the application's environment.
    pub env: Option<String>,
    /// A path in a YAML file, with `file`.
    pub path: Option<String>,
    /// The YAML file of `path`, relative to the stack.
    pub file: Option<String>,
    /// Template of the value.
    pub value: Option<String>,
    /// The value on the recipe's page, where the template is not for reading.
    pub shown: Option<String>,
    /// The value is the one that the application has generated, where it has no other.
    #[serde(default)]
    pub generated: bool,
    /// It goes, in place of getting a value.
    #[serde(default)]
    pub remove: bool,
    /// Expression; always without one.
    pub when: Option<String>,
}

/// A service of the stack's own files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedService {
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

impl AddedService {
    /// What kind of store it is: the scheme of its URL, which is written out in the template.
    pub(crate) fn kind(&self) -> &str {
        self.url.split("://").next().unwrap_or_default()
    }
}

/// An account that is made by the application's own script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeAccount {
    /// Expression; always without one.
    pub when: Option<String>,
    /// The command in the container; texts in it are templates. The password comes on its standard
    /// input.
    pub command: Vec<String>,
    /// Key of the env file that keeps a password that was made up: nobody could sign in otherwise.
    pub keep: String,
    /// Key of the env file that keeps the account's name beside it.
    pub keep_name: String,
    /// What the script says of an account that is there already, which is as good as a new one.
    pub exists: String,
}

/// A check after the change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipeCheck {
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

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proves {
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
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::OpenWithoutLogin => "a visitor without a cookie gets the page",
            Self::SessionLasts => "the cookie of a new login lives as long as asked",
            Self::CookieFits => "the cookie of a new login is sent as asked",
            Self::SessionSurvives => {
                "who signs in is still signed in after the application was restarted, or recreated where the run recreates it"
            }
        }
    }
}

/// Something that is said when the recipe is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecipeNote {
    /// Expression; always without one.
    pub when: Option<String>,
    /// Template.
    pub text: String,
}

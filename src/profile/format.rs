//! The form of a profile. Types alone, which also `build.rs` reads: a profile of the program's own that
//! has another form does not build.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is known of one application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// How recipes name it.
    pub name: String,
    /// Its own name.
    pub title: String,
    /// How a stack that runs it is known.
    #[serde(default)]
    pub recognise: Signs,
    /// Whether the keys below are known to be read; else each one needs evidence in the stack.
    #[serde(default)]
    pub is_known: bool,
    /// Files of its settings, relative to the stack, with the path in the container where it looks.
    #[serde(default)]
    pub config_files: BTreeMap<String, String>,
    /// The keys of its environment.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
    /// Keys that people are told to set and that it does not read, with what is to be known.
    #[serde(default)]
    pub not_read: BTreeMap<String, String>,
    /// Keys that sign or encrypt what is stored.
    #[serde(default)]
    pub guarded: Vec<String>,
    /// Keys for which it generates a value where they have none.
    #[serde(default)]
    pub generated: BTreeMap<String, GeneratedIn>,
    /// SHA-256 of secret values that were published with the application, by key.
    #[serde(default)]
    pub published_secrets: BTreeMap<String, Vec<String>>,
    /// Services that keep data, by their image's name.
    #[serde(default)]
    pub stores: Vec<String>,
    /// Where it says that it is well.
    pub health: Option<Page>,
    /// Where it says that it is ready, which may be later, since the version that has such a page.
    pub ready: Option<ReadyPage>,
    /// Keys that make browsers use https alone.
    #[serde(default)]
    pub https_alone: Vec<String>,
    /// Services that end when their work is done.
    #[serde(default)]
    pub one_shots: Vec<String>,
    /// The folder in the container in which it keeps its data.
    pub data: Option<String>,
    /// A command in the container that prints how many users there are.
    #[serde(default)]
    pub counts_users: Vec<String>,
    /// A command in the container that prints a JSON object of what its database has: the names are given
    /// to it as further words, and one that is not there is `null`.
    #[serde(default)]
    pub reads_stored: Vec<String>,
    /// Where a person sets what its database has.
    pub panel: Option<String>,
    /// Port inside the container that the pages below are on.
    pub port: Option<u16>,
    /// What a visitor without a cookie gets where no login is asked for, and not otherwise.
    pub open: Option<Page>,
    /// How a person signs in.
    pub sign_in: Option<SignIn>,
    /// Keys and values with which the environment wins over its database after all.
    #[serde(default)]
    pub environment_wins: BTreeMap<String, String>,
    /// By which keys its cookies are made.
    #[serde(default)]
    pub cookies: CookieKeys,
    /// A file in its container that says its version, as `package.json` does.
    pub version_file: Option<String>,
    /// Versions from which on something is otherwise, the oldest first.
    #[serde(default)]
    pub upgrades: Vec<UpgradeStep>,
}

/// A step from one version to a later one that is more than other files. Whoever goes further passes it
/// as well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpgradeStep {
    /// The last version before it.
    pub from: String,
    /// The first one after it.
    pub to: String,
    /// What a person has to do first, each in a sentence without a full stop.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Keys of its environment that need a value first.
    #[serde(default)]
    pub needs_keys: Vec<String>,
    /// What is run once, between the two.
    pub once: Option<RunOnce>,
    /// Whether the version before reads what the one after has written.
    #[serde(default = "yes")]
    pub way_back: bool,
    /// What it does not read; reads on from "cannot read".
    pub lost: Option<String>,
    /// What keeps the one after from writing that: all of them together.
    #[serde(default)]
    pub keeps_way_back: Vec<WayBackSwitch>,
    /// Where this is told.
    pub source: String,
}

/// A command that is run once in a container of the new image, with the old container stopped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunOnce {
    /// The command. It may be run again where it was cut off.
    pub command: Vec<String>,
    /// The folder in the container to run it in; the image's without one.
    pub folder: Option<String>,
    /// The same that only says what it would do.
    #[serde(default)]
    pub dry_run: Vec<String>,
    /// What for, in a sentence without a full stop.
    pub about: String,
}

/// A setting that keeps older versions able to read what a new one writes, by a key of the environment or by
/// a path in a file. Where there are both, either will do, and the file counts more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WayBackSwitch {
    /// The key and its value.
    pub key: Option<String>,
    /// One of `config_files`.
    pub file: Option<String>,
    /// A path in it.
    pub path: Option<String>,
    /// The value of either.
    pub value: String,
}

fn yes() -> bool {
    true
}

/// The keys that decide on an application's cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CookieKeys {
    /// Keys that hold the address in the browser; a login from another one may be refused.
    pub address: Vec<String>,
    /// The first version that refuses it where it cannot see otherwise that the page was its own.
    pub refuses_others_since: Option<String>,
    /// Where the key of `secure` is not set: cookies are sent over https only unless the address in
    /// this key is this very machine's.
    pub secure_unless_local: Option<String>,
    /// Its kinds of cookies; what the keys of one leave open is as with the kind before.
    pub kinds: Vec<CookieKind>,
}

/// The keys of one kind of cookie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the attributes of a cookie")]
pub(crate) struct CookieKind {
    pub secure: Option<String>,
    pub same_site: Option<String>,
    pub domain: Option<String>,
}

/// What tells an application from others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Signs {
    /// The last part of image names, without the tag.
    pub images: Vec<String>,
    /// Files that its checkout holds beside the compose file.
    pub files: Vec<String>,
    /// Labels of the service and their values.
    pub labels: BTreeMap<String, String>,
    /// Names of the service that is the application, where only the files tell.
    pub services: Vec<String>,
}

/// One key of the environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// What its text means.
    #[serde(rename = "type")]
    pub kind: KeyType,
    /// The value without one.
    pub default: Option<String>,
    /// The first version that reads it; all do without one.
    pub since: Option<String>,
    /// Where the application keeps it in its database, which then wins over the environment.
    pub in_database: Option<String>,
    /// What comes of a text that does not fit; reads on from the text.
    pub misfit: Option<String>,
    /// Such a text keeps it from its work: it does not start, or nobody can sign in.
    #[serde(default)]
    pub must_fit: bool,
    /// It names a server that the application asks from inside its container.
    #[serde(default)]
    pub inside: bool,
    /// What another value brings with it.
    pub change: Option<SecretChange>,
    /// In a sentence.
    pub about: String,
}

/// Where an application keeps a value that it has generated.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeneratedIn {
    /// The file in the container; without a leading `/` it lies in the image's working directory.
    pub file: String,
    /// The file holds nothing but the value; else lines of `KEY=value`.
    #[serde(default)]
    pub alone: bool,
    /// A key that names another file.
    pub named_by: Option<String>,
    /// Other keys that count in its place: with one of them it generates nothing.
    #[serde(default)]
    pub instead: Vec<String>,
}

/// What another value of a secret brings with it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretChange {
    /// In a sentence that begins with "another value".
    pub costs: String,
    /// What it costs cannot be had back by anything but the old value.
    #[serde(default)]
    pub lost: bool,
    /// The form of a new value, as `--generate` takes it.
    pub generate: String,
}

/// What a key's text means to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyType {
    /// `true` or `false`.
    Bool,
    /// A whole number of seconds.
    Seconds,
    /// A whole number of milliseconds.
    Milliseconds,
    /// A duration with units, such as `7d`.
    Duration,
    /// A number.
    Number,
    /// One of some words.
    Choice,
    /// A URL.
    Url,
    /// A host's name.
    Domain,
    /// A value that must not be shown.
    Secret,
    /// Any text.
    Text,
}

impl KeyType {
    /// In words, with the unit.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds, a plain whole number",
            Self::Duration => "a duration such as 7d",
            Self::Number => "a number",
            Self::Choice => "one of some words",
            Self::Url => "a URL",
            Self::Domain => "a host's name",
            Self::Secret => "a secret",
            Self::Text => "text",
        }
    }
}

/// A page and what it is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Path on the application's port.
    pub path: String,
    /// Asked with POST in place of GET.
    #[serde(default)]
    pub post: bool,
    /// Wanted status; 200 without it.
    #[serde(default = "ok")]
    pub status: u16,
    /// Text that the body must hold.
    pub body: Option<String>,
}

fn ok() -> u16 {
    200
}

/// The page on which an application says that it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadyPage {
    /// The first version that has it. An older one may answer with its page for browsers.
    pub since: String,
    /// Path on the application's port.
    pub path: String,
    /// Text of the body once it is ready.
    pub body: String,
    /// Text of the body until then.
    pub not_yet: String,
}

/// How a person signs in, and how one sees that it worked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// Where name and password are sent to.
    pub path: String,
    /// In which form.
    pub sends: Sends,
    /// Field of the name.
    pub user_field: String,
    /// Field of the password.
    pub password_field: String,
    /// The cookie that keeps a person signed in.
    pub cookie: String,
    /// What a person sees who is signed in, and nobody else.
    pub page: Page,
    /// The stack's own keys that hold an account, where the application has such.
    pub account: Option<AccountKeys>,
}

/// The form of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sends {
    /// As an HTML form does.
    Form,
    /// As a JSON object.
    Json,
}

/// Keys of an env file that hold an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountKeys {
    /// Key of the name.
    pub user: String,
    /// The name where the key is not set.
    pub default_user: Option<String>,
    /// Key of the password.
    pub password: String,
}

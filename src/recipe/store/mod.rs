//! A store as a service of the stack's own files: added, or taken out again. Never a container beside
//! the project: the next `up --remove-orphans` would take it away (F11).

pub(crate) mod added;
pub(crate) mod other_projects;
pub(crate) mod reuse;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::profile::image::image_name;
use crate::recipe::format::fields::{AddedService, Application, LABEL, Recipe};
use crate::recipe::input::render::Filling;
use crate::recipe::key_target::{Edits, below};
use crate::request::{To, ValueType};
use crate::secret::Secret;
use crate::stack::Place;
use crate::stack::model::{Model, Section, Service};
use crate::stack::url::Address;

/// What a store is added for.
pub(crate) struct StoreRequest<'a> {
    /// The stack.
    pub place: &'a Place,
    /// As it is.
    pub model: &'a Model,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Its part for the application.
    pub application: &'a Application,
    /// The service that uses the store.
    pub service: &'a ServiceName,
    /// Keys that are set already.
    pub configured: &'a BTreeMap<String, String>,
    /// What the person gave as `url`.
    pub url: Option<String>,
    /// Names of the parameters that the person gave.
    pub typed: Vec<&'a str>,
    /// What the person typed but for secrets, for what is to be typed next.
    pub words: String,
    /// A store without a password may be used.
    pub allow_open: bool,
}

impl StoreRequest<'_> {
    /// Adds or finds the store that is asked for, tells templates where it is, and takes out what the
    /// recipe had added for another answer. `true`: something goes.
    ///
    /// # Errors
    /// `localhost_in_container`, `store_unprotected`, `store_open`, `store_password_unknown`.
    pub(crate) async fn arrange(
        &self,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<bool, Complaint> {
        let mut added = Edits::default();
        let kept = self.add(filling, &mut added, notes).await?;
        let removes = self.remove(&kept, edits, notes);
        edits.append(added);
        Ok(removes)
    }

    /// The recipe's own services that are wanted.
    async fn add(
        &self,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<Vec<ServiceName>, Complaint> {
        let mut own = Vec::new();
        for added in &self.application.services {
            if !filling.holds(&added.when)? {
                continue;
            }
            if let Some(url) = &self.url {
                own.extend(self.given(added, url, notes)?);
                filling.set("url", url);
                continue;
            }
            if let Some(found) = self.existing(added, filling, notes).await? {
                notes.push(found.note);
                filling.set("host", &found.host);
                filling.set("url", &found.url);
                continue;
            }
            own.push(self.add_own(added, filling, edits, notes)?);
        }
        Ok(own)
    }

    /// A store that the person names; the recipe's own service, where it is that.
    fn given(
        &self,
        added: &AddedService,
        url: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<ServiceName>, Complaint> {
        let wanted = added.kind();
        let wrong = |what: String| {
            let text = format!("url names {what}, and not a {wanted}");
            Complaint::new(Code::StoreOtherKind, text).hint(format!(
                "url=… begins with {wanted}://, and names the host behind it"
            ))
        };
        let Some(address) = Address::parse(url) else {
            return Err(wrong("no server".to_owned()));
        };
        if address.kind() != wanted {
            return Err(wrong(format!("a {}", address.kind())));
        }
        not_localhost(&address)?;
        let named = self.model.service_called(&address.host);
        let own = named.filter(|name| self.is_own(&self.model.services[*name]));
        if own.is_none() {
            notes.push("the store at url is used as it is: refit adds no service".to_owned());
        }
        Ok(own.cloned())
    }

    pub(super) fn is_own(&self, service: &Service) -> bool {
        label_of(service) == Some(self.recipe.name.as_str())
    }

    /// Takes the recipe's other services out of the files, and whoever waits for them no longer does.
    fn remove(&self, kept: &[ServiceName], edits: &mut Edits, notes: &mut Vec<String>) -> bool {
        let own = self.model.services.iter();
        let mut others = own
            .filter(|(name, service)| self.is_own(service) && !kept.contains(name))
            .peekable();
        let removes = others.peek().is_some();
        for (name, service) in others {
            for (other, waiting) in &self.model.services {
                if !waiting.depends_on.contains_key(name) {
                    continue;
                }
                match waiting.depends_on.len() {
                    1 => edits.add(None, below(other, &["depends_on"]), To::Unset),
                    _ => {
                        edits.add(
                            None,
                            below(other, &["depends_on", name.as_str()]),
                            To::Unset,
                        );
                    }
                }
            }
            edits.add(None, below(name, &[]), To::Unset);
            for volume in service.uses(Section::Volumes) {
                let real = self.model.engine_name(Section::Volumes, &volume);
                notes.push(format!(
                    "the volume {real} and the password in the env file stay; docker volume rm removes \
                     what lies in the volume"
                ));
            }
        }
        removes
    }
}

pub(super) fn json_value(value: &Value) -> To {
    To::Set(Secret::new(value.to_string()), ValueType::Json)
}

fn label_of(service: &Service) -> Option<&str> {
    service.raw.get("labels")?.get(LABEL)?.as_str()
}

/// Inside of a container `localhost` is the container itself.
///
/// # Errors
/// `localhost_in_container`.
fn not_localhost(address: &Address) -> Result<(), Complaint> {
    if !address.is_loopback() {
        return Ok(());
    }
    let text = format!(
        "{} inside of a container is the container itself: the application would look for the store \
         in its own container and find none",
        address.host
    );
    Err(Complaint::new(Code::LocalhostInContainer, text).hint(
        "leave url out, and refit adds a store to this stack; host.docker.internal is this machine",
    ))
}

/// A store that is there already, and can be used.
pub(crate) struct ExistingStore {
    /// Its name in the application's network.
    pub(crate) host: String,
    /// Where the application finds it.
    pub(crate) url: String,
    /// What is said of it.
    pub(crate) note: String,
}

/// What a Redis answers to whoever gives no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It wants a password.
    Refused,
    /// Whatever is asked.
    Answered,
    /// It does not run, or cannot be asked.
    Unknown,
}

impl Stranger {
    /// Whether others are kept out; of one that cannot be asked a password that is known tells it.
    pub(crate) fn is_kept_out(self, has_password: bool) -> bool {
        match self {
            Self::Refused => true,
            Self::Answered => false,
            Self::Unknown => has_password,
        }
    }
}

pub(crate) fn is_one_of(known: &[String], image: Option<&str>) -> bool {
    let image = image.map(image_name).unwrap_or_default();
    known.iter().any(|known| known == image)
}

/// The password that a Redis is started with: behind `--requirepass`, also in a line for a shell, or in
/// the variable of images that take it from there.
pub(crate) fn password_of(
    command: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    // As an argument it is one word; in a line for a shell it may be quoted, or a variable.
    let at = command.iter().position(|word| word == "--requirepass");
    let argument = at.and_then(|at| command.get(at + 1)).cloned();
    let in_line = || {
        let line = command
            .iter()
            .find(|word| word.contains("--requirepass "))?;
        let (_, rest) = line.split_once("--requirepass ")?;
        let word = rest.split([' ', ';', '&']).find(|word| !word.is_empty())?;
        let word = word.trim_matches(['"', '\'']);
        match word.strip_prefix('$') {
            Some(name) => variable(name.trim_matches(['{', '}'])),
            None => Some(word.to_owned()),
        }
    };
    argument
        .or_else(in_line)
        .or_else(|| variable("REDIS_PASSWORD"))
        .filter(|word| !word.is_empty())
}

//! The logins that `docker login` has stored, found as the docker CLI finds them: a helper of the
//! registry, else the store of all registries, else the CLI's `config.json` itself. Never asks a
//! person, and never prints what it finds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::{Deserialize, Deserializer};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::endpoint;
use super::reference::HUB;
use crate::host::programs;
use crate::secret::Secret;

/// The name under which logins for [`HUB`] are stored.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// A helper that takes longer waits for somebody to unlock something.
const HELPER_PATIENCE: Duration = Duration::from_secs(20);

/// The user name by which a helper says that the secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// A login for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    server: String,
    login: RegistrySecret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RegistrySecret {
    Password { user: String, password: Secret },
    IdentityToken(Secret),
    RegistryToken(Secret),
}

impl RegistryLogin {
    /// The form in which the API takes them.
    pub(crate) fn to_api(&self) -> DockerCredentials {
        let mut api = DockerCredentials {
            serveraddress: Some(self.server.clone()),
            ..DockerCredentials::default()
        };
        match &self.login {
            RegistrySecret::Password { user, password } => {
                api.username = Some(user.clone());
                api.password = Some(password.expose().to_owned());
            }
            RegistrySecret::IdentityToken(token) => {
                api.identitytoken = Some(token.expose().to_owned())
            }
            RegistrySecret::RegistryToken(token) => {
                api.registrytoken = Some(token.expose().to_owned())
            }
        }
        api
    }
}

/// Where the docker CLI keeps its logins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Logins {
    auths: BTreeMap<String, Stored>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: String,
    /// Where it was read.
    #[serde(skip)]
    file: PathBuf,
    /// Why nothing of it could be read.
    #[serde(skip)]
    damage: Option<String>,
}

/// A program that knows logins, as `config.json` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginHelper {
    /// `docker-credential-…`.
    pub(crate) program: String,
    /// For which registry; `None`: for all that are named nowhere else.
    pub(crate) registry: Option<String>,
}

/// One entry of `auths`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Stored {
    #[serde(deserialize_with = "secret")]
    auth: Option<Secret>,
    username: String,
    #[serde(deserialize_with = "secret")]
    password: Option<Secret>,
    #[serde(rename = "identitytoken", deserialize_with = "secret")]
    identity_token: Option<Secret>,
    #[serde(rename = "registrytoken", deserialize_with = "secret")]
    registry_token: Option<Secret>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    #[serde(default)]
    username: String,
    #[serde(default, deserialize_with = "secret")]
    secret: Option<Secret>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()).map(Secret::new))
}

impl Logins {
    /// Those of this user's docker CLI.
    pub fn of_cli() -> Self {
        endpoint::docker_config()
            .map(|folder| Self::read(&folder))
            .unwrap_or_default()
    }

    /// Those that the `config.json` of a folder knows; one that is missing or damaged knows none,
    /// as it does to the CLI.
    pub fn read(folder: &Path) -> Self {
        let file = folder.join("config.json");
        let read = match std::fs::read(&file) {
            // What it says of a value may be the value.
            Ok(bytes) => serde_json::from_slice::<Self>(&bytes)
                .map_err(|error| format!("line {}, column {}", error.line(), error.column())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(logins) => Self { file, ..logins },
            Err(damage) => Self {
                file,
                damage: Some(damage),
                ..Self::default()
            },
        }
    }

    /// The programs that are asked for logins.
    pub(crate) fn helpers(&self) -> impl Iterator<Item = LoginHelper> {
        let of_one = self.helpers.iter().map(|(registry, name)| LoginHelper {
            program: helper_program(name),
            registry: Some(registry.clone()),
        });
        let store = Some(&self.store).filter(|name| !name.is_empty());
        of_one.chain(store.map(|name| LoginHelper {
            program: helper_program(name),
            registry: None,
        }))
    }

    /// The registries that it has a login for itself.
    pub(crate) fn registries(&self) -> impl Iterator<Item = &str> {
        let own = self.auths.iter();
        own.filter(|(_, stored)| stored.login().is_some())
            .map(|(server, _)| host_of(server))
    }

    /// Where it was read.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// That it could not be read, in a sentence.
    pub(crate) fn damage(&self) -> Option<String> {
        let damage = self.damage.as_ref()?;
        Some(format!("{} cannot be read: {damage}", self.file.display()))
    }

    /// Why it has no login for a registry, where something is in the way.
    pub(crate) fn why_none(&self, registry: &str) -> Option<String> {
        if self.damage.is_some() {
            return self.damage();
        }
        let server = if registry == HUB { HUB_KEY } else { registry };
        let program = helper_program(self.helper(server, registry)?);
        let what = match programs::program(&program) {
            Some(_) => "gave no login",
            None => "is not on PATH",
        };
        let file = self.file.display();
        Some(format!("{program}, which {file} names, {what}"))
    }

    fn helper(&self, server: &str, registry: &str) -> Option<&str> {
        let named = self.helpers.get(server);
        let named = named.or_else(|| self.helpers.get(registry));
        let name = named.unwrap_or(&self.store).as_str();
        (!name.is_empty()).then_some(name)
    }

    /// The login for a registry, as [`super::reference::Reference`] names it.
    ///
    /// A helper that fails leaves us without one, as it does the docker CLI: many images need none.
    pub async fn of_registry(&self, registry: &str) -> Option<RegistryLogin> {
        let server = if registry == HUB { HUB_KEY } else { registry };
        let login = match self.helper(server, registry) {
            None => self.stored(server)?.login(),
            Some(name) => ask_helper(&helper_program(name), server).await,
        };
        login.map(|login| RegistryLogin {
            server: server.to_owned(),
            login,
        })
    }

    fn stored(&self, server: &str) -> Option<&Stored> {
        let named = self.auths.get(server);
        named.or_else(|| {
            let host = host_of(server);
            let mut all = self.auths.iter();
            all.find_map(|(name, stored)| (host_of(name) == host).then_some(stored))
        })
    }
}

fn helper_program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// The host of `https://host/v1/`.
fn host_of(server: &str) -> &str {
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    bare.split('/').next().unwrap_or(bare)
}

impl Stored {
    fn login(&self) -> Option<RegistrySecret> {
        if let Some(token) = &self.identity_token {
            return Some(RegistrySecret::IdentityToken(token.clone()));
        }
        if let Some(token) = &self.registry_token {
            return Some(RegistrySecret::RegistryToken(token.clone()));
        }
        if let Some((user, password)) = self.auth.as_ref().and_then(decoded) {
            return Some(RegistrySecret::Password { user, password });
        }
        let password = self.password.clone()?;
        let user = self.username.clone();
        Some(RegistrySecret::Password { user, password })
    }
}

/// User and password of a base64 `user:password`.
fn decoded(auth: &Secret) -> Option<(String, Secret)> {
    let bytes = zeroize::Zeroizing::new(STANDARD.decode(auth.expose().trim()).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    // Old versions of the CLI padded it.
    let password = password.trim_end_matches('\0');
    (!user.is_empty()).then(|| (user.to_owned(), Secret::new(password.to_owned())))
}

/// Asks a credential helper, which must not ask anybody in turn: it has no terminal to read
/// from, being in a process group of its own, and not for ever.
async fn ask_helper(program: &str, server: &str) -> Option<RegistrySecret> {
    let asked = tokio::time::timeout(HELPER_PATIENCE, run_helper(program, server));
    let Ok(Some(output)) = asked.await else {
        tracing::debug!(program, server, "no answer of a credential helper");
        return None;
    };
    let helped: Helped = serde_json::from_slice(&output).ok()?;
    let secret = helped.secret?;
    if helped.username == TOKEN_USER {
        return Some(RegistrySecret::IdentityToken(secret));
    }
    Some(RegistrySecret::Password {
        user: helped.username,
        password: secret,
    })
}

async fn run_helper(program: &str, server: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .ok()?;
    let mut input = child.stdin.take()?;
    // One that does not read what it is asked ends the pipe: what it answers counts.
    if let Err(error) = input.write_all(server.as_bytes()).await
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return None;
    }
    drop(input);
    let output = child.wait_with_output().await.ok()?;
    let text = zeroize::Zeroizing::new(output.stdout);
    output.status.success().then_some(text)
}

#[cfg(test)]
mod tests;

//! Where the Docker engine is, decided as the docker CLI decides it: `-H`, then `-c`, then
//! `DOCKER_HOST`, then `DOCKER_CONTEXT`, then the current context of the CLI's configuration.
//! bollard knows nothing of contexts, so this is ours.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::EngineError;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket: the engine is on this host.
    Unix(PathBuf),
    /// Plain HTTP over TCP, `host:port`.
    Tcp(String),
}

impl Endpoint {
    /// The address in the form of `DOCKER_HOST`.
    pub fn address(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(host) => format!("tcp://{host}"),
        }
    }

    /// Whether paths and processes of the engine are those of this host.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    fn parse(address: &str) -> Result<Self, EngineError> {
        let unsupported = |why| EngineError::Unsupported {
            address: address.to_owned(),
            why,
        };
        match address.split_once("://") {
            Some(("unix", path)) => Ok(Self::Unix(PathBuf::from(path))),
            Some(("tcp" | "http", _)) if std::env::var_os("DOCKER_TLS_VERIFY").is_some() => {
                Err(unsupported("TLS endpoints are not supported"))
            }
            Some(("tcp" | "http", host)) => Ok(Self::Tcp(host.trim_end_matches('/').to_owned())),
            Some(("ssh", _)) => Err(unsupported("ssh endpoints are not supported")),
            _ => Err(unsupported("it is neither unix:// nor tcp://")),
        }
    }
}

/// What the person and the environment say about the engine.
#[derive(Debug, Clone, Default)]
pub struct EndpointRequest {
    /// `-H`.
    pub host: Option<String>,
    /// `-c`.
    pub context: Option<String>,
}

/// Finds the engine's address.
///
/// # Errors
/// An unknown context, or an address of a kind that refit cannot use.
pub fn resolve(request: &EndpointRequest) -> Result<Endpoint, EngineError> {
    if let Some(host) = &request.host {
        return Endpoint::parse(host);
    }
    if let Some(context) = &request.context {
        return of_context(context);
    }
    if let Some(host) = env_text("DOCKER_HOST") {
        return Endpoint::parse(&host);
    }
    if let Some(context) = env_text("DOCKER_CONTEXT") {
        return of_context(&context);
    }
    match current_context() {
        Some(context) => of_context(&context),
        None => Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET))),
    }
}

/// The folder of the docker CLI's configuration.
pub(crate) fn docker_config() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("DOCKER_CONFIG").filter(|dir| !dir.is_empty()) {
        return Some(PathBuf::from(dir));
    }
    std::env::home_dir().map(|home| home.join(".docker"))
}

/// The parts of the CLI's `config.json` that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CliConfig {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
    /// Further folders in which the CLI looks for plug-ins.
    #[serde(rename = "cliPluginsExtraDirs")]
    pub plugin_dirs: Vec<PathBuf>,
}

/// Reads the CLI's `config.json`; one that is missing or damaged counts as empty, as it does there.
pub(crate) fn cli_config() -> CliConfig {
    docker_config()
        .and_then(|dir| std::fs::read(dir.join("config.json")).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

fn env_text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn current_context() -> Option<String> {
    cli_config().current_context.filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextMeta {
    name: String,
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEndpoint {
    host: Option<String>,
}

/// Reads the context from the CLI's own store, which saves the start of a docker CLI.
fn of_context(name: &str) -> Result<Endpoint, EngineError> {
    if name == "default" {
        return match env_text("DOCKER_HOST") {
            Some(host) => Endpoint::parse(&host),
            None => Ok(Endpoint::Unix(PathBuf::from(DEFAULT_SOCKET))),
        };
    }
    let unknown = || EngineError::UnknownContext {
        name: name.to_owned(),
    };
    let store = docker_config().ok_or_else(unknown)?.join("contexts/meta");
    let host = std::fs::read_dir(store)
        .map_err(|_| unknown())?
        .flatten()
        .find_map(|entry| host_of(&entry.path(), name))
        .ok_or_else(unknown)?;
    Endpoint::parse(&host)
}

fn host_of(folder: &Path, name: &str) -> Option<String> {
    let bytes = std::fs::read(folder.join("meta.json")).ok()?;
    let meta: ContextMeta = serde_json::from_slice(&bytes).ok()?;
    if meta.name != name {
        return None;
    }
    meta.endpoints.docker?.host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            Endpoint::parse("unix:///run/x.sock").unwrap(),
            Endpoint::Unix("/run/x.sock".into())
        );
        assert_eq!(
            Endpoint::parse("tcp://localhost:2375/").unwrap(),
            Endpoint::Tcp("localhost:2375".into())
        );
        assert_eq!(
            Endpoint::parse("ssh://me@host").unwrap_err().code().word(),
            "endpoint_unsupported"
        );
        assert_eq!(
            Endpoint::parse("nonsense").unwrap_err().code().word(),
            "endpoint_unsupported"
        );
    }
}

//! Why the engine or Compose could not do what was asked.

use std::path::PathBuf;

use thiserror::Error;

use crate::complaint::{Code, Complaint};
use crate::text::shell_word;

/// What is said of a call that did not end by itself, as by an out-of-memory killer.
pub(super) const KILLED: &str = "a signal ended it";

/// Why the engine or the Compose plug-in could not do what was asked.
#[derive(Debug, Clone, Error)]
pub enum EngineError {
    /// The Unix socket does not exist.
    #[error("no Docker engine: {path} does not exist")]
    NoSocket {
        /// The socket.
        path: PathBuf,
    },
    /// The Unix socket exists and may not be used by this user.
    #[error("not permitted to use the Docker engine at {path}")]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// The address does not answer.
    #[error("the Docker engine at {address} does not answer: {cause}")]
    NotAnswering {
        /// The address, as in `DOCKER_HOST`.
        address: String,
        /// The transport's error.
        cause: String,
    },
    /// It took the question, and does not answer.
    #[error("the Docker engine does not answer: cannot {what}")]
    Silent {
        /// What was asked of it.
        what: &'static str,
    },
    /// A kind of address that refit cannot use.
    #[error("cannot use the Docker engine at {address}: {why}")]
    Unsupported {
        /// The address, as in `DOCKER_HOST`.
        address: String,
        /// What about it.
        why: &'static str,
    },
    /// `-c` or the configuration names a context that does not exist.
    #[error("no Docker context named {name}")]
    UnknownContext {
        /// The name.
        name: String,
    },
    /// The engine answered with an error.
    #[error("{what}: {cause}")]
    Api {
        /// What was asked of it.
        what: String,
        /// HTTP status of its answer, if there was one.
        status: Option<u16>,
        /// Its own message.
        cause: String,
    },
    /// Neither the plug-in nor a docker CLI with it was found.
    #[error("the Docker Compose plug-in was not found")]
    NoCompose,
    /// The plug-in is older than refit can work with.
    #[error("Docker Compose {found} is too old: refit needs {wanted} or newer")]
    OldCompose {
        /// What `version --short` says.
        found: String,
        /// The oldest that is supported.
        wanted: &'static str,
    },
    /// Compose ended with an error.
    #[error("{what}")]
    Compose {
        /// What failed, in words.
        what: String,
        /// Compose's own message.
        message: String,
    },
}

impl EngineError {
    /// The stable code of each case.
    pub fn code(&self) -> Code {
        match self {
            Self::NoSocket { .. } | Self::NotAnswering { .. } | Self::Silent { .. } => {
                Code::NoEngine
            }
            Self::Permission { .. } => Code::EnginePermission,
            Self::Unsupported { .. } => Code::EndpointUnsupported,
            Self::UnknownContext { .. } => Code::UnknownContext,
            Self::Api { .. } => Code::EngineError,
            Self::NoCompose => Code::NoCompose,
            Self::OldCompose { .. } => Code::ComposeTooOld,
            Self::Compose { .. } => Code::ComposeFailed,
        }
    }

    /// What was asked about is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Api {
                status: Some(404),
                ..
            }
        )
    }

    /// Whether a container was not, or no longer, what the caller had seen: the engine still does what
    /// a Compose that is dead by now had asked for, or Compose itself was killed. To look again helps.
    pub fn is_race(&self) -> bool {
        const SAID: [&str; 5] = [
            KILLED,
            "No such container",
            "is already in use by container",
            "is already in progress",
            "is marked for removal",
        ];
        match self {
            Self::Api { status, .. } => matches!(status, Some(404 | 409)),
            Self::Compose { message, .. } => SAID.iter().any(|said| message.contains(said)),
            Self::NoSocket { .. }
            | Self::Permission { .. }
            | Self::NotAnswering { .. }
            | Self::Silent { .. }
            | Self::Unsupported { .. }
            | Self::UnknownContext { .. }
            | Self::NoCompose
            | Self::OldCompose { .. } => false,
        }
    }

    /// Whether the reason passes by itself, or with space on a disk: to try again later may work.
    pub fn is_passing(&self) -> bool {
        const SAID: [&str; 5] = [
            KILLED,
            "Cannot connect to the Docker daemon",
            "error during connect",
            "no space left on device",
            "No space left on device",
        ];
        match self {
            Self::NoSocket { .. } | Self::NotAnswering { .. } | Self::Silent { .. } => true,
            Self::Api { status, cause, .. } => {
                status.is_none() || SAID.iter().any(|said| cause.contains(said))
            }
            Self::Compose { message, .. } => SAID.iter().any(|said| message.contains(said)),
            Self::Permission { .. }
            | Self::Unsupported { .. }
            | Self::UnknownContext { .. }
            | Self::NoCompose
            | Self::OldCompose { .. } => false,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoSocket { .. } | Self::NotAnswering { .. } => {
                "start it (systemctl start docker), or name another with -H or DOCKER_HOST"
            }
            Self::Permission { .. } => {
                "use sudo, or join the group of the socket: sudo usermod -aG docker $USER, then log in again"
            }
            Self::Silent { .. } => {
                "see whether it hangs (docker version), and start it again: systemctl restart docker"
            }
            Self::Unsupported { .. } => {
                "forward its socket (ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST) and use -H unix:///tmp/docker.sock"
            }
            Self::UnknownContext { .. } => "docker context ls lists them",
            Self::NoCompose => {
                "install it: apt-get install docker-compose-plugin (Docker's packages) or docker-compose (Debian's)"
            }
            Self::OldCompose { .. } => {
                "upgrade the package docker-compose-plugin or docker-compose"
            }
            Self::Api { .. } | Self::Compose { .. } => return None,
        })
    }
}

/// What to do about an env file that Compose was told to read and that is not there.
fn missing_env_file(message: &str) -> Option<String> {
    let (_, named) = message.split_once("env file ")?;
    let (path, _) = named.split_once(" not found: stat")?;
    if path.is_empty() {
        let text = "an env_file has no name: what a ${…} in it is filled in from is not set";
        return Some(text.to_owned());
    }
    let path = shell_word(path);
    Some(format!(
        "make it (touch {path}), or take it out of env_file; {{path: …, required: false}} lets it be missing"
    ))
}

impl From<EngineError> for Complaint {
    fn from(error: EngineError) -> Self {
        let mut complaint = Self::new(error.code(), error.to_string());
        complaint.hint = error.hint().map(Into::into);
        if let EngineError::Compose { message, .. } = &error {
            complaint = complaint.details(message);
            complaint.hint = missing_env_file(message);
        }
        complaint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_an_env_file_that_is_missing() {
        let hint = |path: &str| {
            let error = EngineError::Compose {
                what: "config".to_owned(),
                message: format!(
                    "env file {path} not found: stat {path}: no such file or directory"
                ),
            };
            Complaint::from(error).hint.unwrap_or_default()
        };
        assert!(hint("/s/app.env").starts_with("make it (touch /s/app.env), or take it out"));
        assert!(hint("/s/it's my.env").starts_with(r"make it (touch '/s/it'\''s my.env'),"));
        assert!(hint("").starts_with("an env_file has no name"));
    }
}

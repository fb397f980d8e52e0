//! The Docker API, over bollard. One connection per command; the API version is negotiated.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::ExecConfig;
use bollard::query_parameters as query;
use futures_util::StreamExt as _;
use jiff::Timestamp;

use super::container::{Container, Inspected, is_young, label};
use super::endpoint::Endpoint;
use super::error::EngineError;
use bollard::BollardRequest;

/// How long the engine may take to begin an answer to a question. One that is stopped or hangs still
/// takes connections, and would be waited for without an end.
const ANSWER: Duration = Duration::from_secs(15);
/// The same where it has work to do first: to mount, to unpack, to delete.
const WORK: Duration = Duration::from_secs(300);
/// What a container without a grace period of its own gets between its stop signal and its end.
const DEFAULT_GRACE: i64 = 10;

/// A connection to an engine.
#[derive(Clone)]
pub struct Docker {
    pub(crate) api: bollard::Docker,
    /// Where it is.
    pub endpoint: Endpoint,
}

impl Docker {
    /// Connects and negotiates the API version.
    ///
    /// # Errors
    /// No socket, no permission, or no answer; each its own case.
    pub async fn connect(endpoint: Endpoint) -> Result<Self, EngineError> {
        let api = match &endpoint {
            Endpoint::Unix(path) => {
                check_socket(path)?;
                bollard::Docker::connect_with_unix(
                    &path.to_string_lossy(),
                    ANSWER.as_secs(),
                    bollard::API_DEFAULT_VERSION,
                )
            }
            Endpoint::Tcp(host) => {
                let version = bollard::API_DEFAULT_VERSION;
                bollard::Docker::connect_with_http(host, ANSWER.as_secs(), version)
            }
        };
        let silent = |error: ApiError| EngineError::NotAnswering {
            address: endpoint.address(),
            cause: if matches!(error, ApiError::RequestTimeoutError) {
                format!("waited {} s", ANSWER.as_secs())
            } else {
                root_cause(&error)
            },
        };
        let api = api
            .map_err(silent)?
            .with_request_modifier(url_safe_login)
            .negotiate_version()
            .await
            .map_err(silent)?;
        Ok(Self { api, endpoint })
    }

    /// The same connection for a call after which the engine has work to do before it answers.
    pub(crate) fn patient(&self, limit: Duration) -> bollard::Docker {
        self.api.clone().with_timeout(limit)
    }

    /// For what the engine deletes or unpacks.
    pub(crate) fn at_work(&self) -> bollard::Docker {
        self.patient(WORK)
    }

    /// For a stop: the container's own grace period, and what a busy engine takes besides.
    async fn stopping(&self, id: &str) -> Result<bollard::Docker, EngineError> {
        let found = self.inspect(id).await?;
        let grace = found.and_then(|inspected| inspected.stop_timeout);
        let grace = u64::try_from(grace.unwrap_or(DEFAULT_GRACE)).unwrap_or(u64::from(u32::MAX));
        Ok(self.patient(Duration::from_secs(grace) + WORK))
    }

    /// All containers that Compose made, of every project, stopped ones included.
    ///
    /// # Errors
    /// The engine's.
    pub async fn compose_containers(&self) -> Result<Vec<Container>, EngineError> {
        let filters = HashMap::from([("label", vec![label::PROJECT])]);
        let options = query::ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = self
            .api
            .list_containers(Some(options))
            .await
            .map_err(failed("list containers"))?;
        let known = found.into_iter().filter_map(|summary| {
            let young = is_young(summary.status.as_deref().unwrap_or_default());
            Some((young, Container::of_summary(summary)?))
        });
        let asked = known.map(async |(young, container)| {
            // The list does not tell whether it crashed just before.
            let inspected = match young {
                true => self.inspect(&container.id).await?,
                false => None,
            };
            let start = inspected.and_then(|inspected| inspected.start());
            let crashing = self.is_crashing(&container.id, start).await?;
            Ok::<_, EngineError>(Container {
                crashing,
                ..container
            })
        });
        futures_util::future::try_join_all(asked).await
    }

    /// One container in full; `None` when it does not exist (any more).
    ///
    /// # Errors
    /// The engine's.
    pub async fn inspect(&self, id: &str) -> Result<Option<Inspected>, EngineError> {
        let none = None::<query::InspectContainerOptions>;
        match self.api.inspect_container(id, none).await {
            Ok(found) => Ok(Some(Inspected::of_model(found))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed("inspect a container")(error)),
        }
    }

    /// One container as the engine's own JSON, for the record of a failure.
    pub async fn inspect_json(&self, id: &str) -> Option<serde_json::Value> {
        let none = None::<query::InspectContainerOptions>;
        let found = self.api.inspect_container(id, none).await.ok()?;
        serde_json::to_value(&found).ok()
    }

    /// Whether the engine still answers.
    pub async fn answers(&self) -> bool {
        self.api.ping().await.is_ok()
    }

    /// Stops and starts a container; bind mounts are resolved again (F2).
    ///
    /// # Errors
    /// The engine's, such as a mount whose source is gone.
    pub async fn restart(&self, id: &str) -> Result<(), EngineError> {
        // The engine's default is the container's own grace period.
        self.stopping(id)
            .await?
            .restart_container(id, None::<query::RestartContainerOptions>)
            .await
            .map_err(failed("restart a container"))
    }

    /// Starts a container that exists.
    ///
    /// # Errors
    /// The engine's.
    pub async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.at_work()
            .start_container(id, None::<query::StartContainerOptions>)
            .await
            .map_err(failed("start a container"))
    }

    /// Stops a container within its own grace period.
    ///
    /// # Errors
    /// The engine's.
    pub async fn stop(&self, id: &str) -> Result<(), EngineError> {
        self.stopping(id)
            .await?
            .stop_container(id, None::<query::StopContainerOptions>)
            .await
            .map_err(failed("stop a container"))
    }

    /// Sends a signal to a container's first process.
    ///
    /// # Errors
    /// The engine's, such as an unknown signal.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let options = query::KillContainerOptionsBuilder::new()
            .signal(signal)
            .build();
        self.api
            .kill_container(id, Some(options))
            .await
            .map_err(failed("signal a container"))
    }

    /// Removes a stopped container; anonymous volumes stay.
    ///
    /// # Errors
    /// The engine's; a container that is gone already is none.
    pub async fn remove(&self, id: &str) -> Result<(), EngineError> {
        match self
            .at_work()
            .remove_container(id, None::<query::RemoveContainerOptions>)
            .await
        {
            Err(error) if !is_missing(&error) => Err(failed("remove a container")(error)),
            _ => Ok(()),
        }
    }

    /// Ends a container at once and removes it; one that is gone is none.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn remove_by_force(&self, name: &str) -> Result<(), EngineError> {
        let options = query::RemoveContainerOptionsBuilder::new()
            .force(true)
            .build();
        match self.at_work().remove_container(name, Some(options)).await {
            // The engine may be at it already.
            Err(error) if !is_missing(&error) && !is_conflict(&error) => {
                Err(failed("remove a container")(error))
            }
            _ => Ok(()),
        }
    }

    /// The last lines of a container's log since a moment.
    ///
    /// # Errors
    /// The engine's, such as a log driver that cannot be read.
    pub async fn logs(
        &self,
        id: &str,
        since: Timestamp,
        tail: u32,
    ) -> Result<Vec<String>, EngineError> {
        let options = log_options(since).tail(&tail.to_string()).build();
        let lines = self.log_lines(id, options).await?;
        let lines = lines
            .iter()
            .filter_map(|line| line_within(line, since, None));
        Ok(lines.map(str::to_owned).collect())
    }

    /// What a container said in some time from a moment on.
    ///
    /// # Errors
    /// The engine's, such as a log driver that cannot be read.
    pub(crate) async fn first_log(
        &self,
        id: &str,
        since: Timestamp,
        time: Duration,
    ) -> Result<Vec<String>, EngineError> {
        let until = since.saturating_add(time).unwrap_or(Timestamp::MAX);
        let end = i32::try_from(until.as_second().saturating_add(1)).unwrap_or(i32::MAX);
        let options = log_options(since).until(end).build();
        let lines = self.log_lines(id, options).await?;
        let lines = lines
            .iter()
            .filter_map(|line| line_within(line, since, Some(until)));
        Ok(lines.map(str::to_owned).collect())
    }

    async fn log_lines(
        &self,
        id: &str,
        options: query::LogsOptions,
    ) -> Result<Vec<String>, EngineError> {
        let mut stream = Box::pin(self.api.logs(id, Some(options)));
        let mut text = String::new();
        let read = async {
            while let Some(part) = stream.next().await {
                let part = part.map_err(failed("read a container's log"))?;
                text.push_str(&String::from_utf8_lossy(part.as_ref()));
            }
            Ok(())
        };
        within(ANSWER, "read a container's log", read).await?;
        let lines = text.lines();
        Ok(lines
            .map(|line| crate::text::taken(line).trim_end().to_owned())
            .collect())
    }

    /// Output of a command run inside a container; `None` when it cannot be run there, fails, or does
    /// not end.
    pub async fn exec_output(&self, id: &str, command: &[&str]) -> Option<Vec<u8>> {
        let read = self.exec_to_end(id, command);
        tokio::time::timeout(ANSWER, read).await.ok().flatten()
    }

    async fn exec_to_end(&self, id: &str, command: &[&str]) -> Option<Vec<u8>> {
        use bollard::exec::{StartExecOptions, StartExecResults};
        let config = ExecConfig {
            attach_stdout: Some(true),
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            ..ExecConfig::default()
        };
        let exec = self.api.create_exec(id, config).await.ok()?.id;
        let started = self
            .api
            .start_exec(&exec, None::<StartExecOptions>)
            .await
            .ok()?;
        let StartExecResults::Attached { mut output, .. } = started else {
            return None;
        };
        let mut bytes = Vec::new();
        while let Some(part) = output.next().await {
            bytes.extend_from_slice(part.ok()?.as_ref());
        }
        let done = self.api.inspect_exec(&exec).await.ok()?;
        (done.exit_code == Some(0)).then_some(bytes)
    }

    /// Runs a command inside a container with something on its standard input; gives its exit code
    /// and all that it printed.
    ///
    /// # Errors
    /// The engine's, or it does not end.
    pub async fn exec_with_input(
        &self,
        id: &str,
        command: &[String],
        stdin: &str,
    ) -> Result<(i64, String), EngineError> {
        let done = self.exec_fed(id, command, stdin);
        within(WORK, "run a command in a container", done).await
    }

    async fn exec_fed(
        &self,
        id: &str,
        command: &[String],
        stdin: &str,
    ) -> Result<(i64, String), EngineError> {
        use bollard::exec::{StartExecOptions, StartExecResults};
        use tokio::io::AsyncWriteExt as _;
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..ExecConfig::default()
        };
        let created = self.api.create_exec(id, config).await;
        let exec = created.map_err(failed("run a command in a container"))?.id;
        let started = self.api.start_exec(&exec, None::<StartExecOptions>).await;
        let started = started.map_err(failed("run a command in a container"))?;
        let mut text = String::new();
        if let StartExecResults::Attached {
            mut output,
            mut input,
        } = started
        {
            // A command that ends before it has read its input closes it; its exit code tells more.
            let _ = input.write_all(stdin.as_bytes()).await;
            let _ = input.shutdown().await;
            while let Some(Ok(part)) = output.next().await {
                text.push_str(&String::from_utf8_lossy(part.as_ref()));
            }
        }
        let done = self.api.inspect_exec(&exec).await;
        let done = done.map_err(failed("run a command in a container"))?;
        Ok((done.exit_code.unwrap_or(-1), text))
    }

    /// The folder in which the engine keeps its data; `None` when it is not told.
    pub async fn data_root(&self) -> Option<std::path::PathBuf> {
        self.api.info().await.ok()?.docker_root_dir.map(Into::into)
    }
}

/// Gives up what comes to no end.
async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or(Err(EngineError::Silent { what }))
}

/// Both streams, each line with its time, from a moment on.
fn log_options(since: Timestamp) -> query::LogsOptionsBuilder {
    query::LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        // Whole seconds only: the rest is left out of the lines.
        .since(i32::try_from(since.as_second()).unwrap_or(0))
}

/// The text of a log line with a timestamp, unless it is older or later than asked for.
fn line_within(line: &str, since: Timestamp, until: Option<Timestamp>) -> Option<&str> {
    let (at, text) = line.split_once(' ').unwrap_or((line, ""));
    match at.parse::<Timestamp>() {
        Ok(at) => (at >= since && until.is_none_or(|until| at <= until)).then_some(text),
        Err(_) => Some(line),
    }
}

/// Tells the missing socket and the missing permission apart before bollard makes one error of both.
fn check_socket(path: &std::path::Path) -> Result<(), EngineError> {
    use rustix::fs::{Access, access};
    match access(path, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => Err(EngineError::Permission {
            path: path.to_owned(),
        }),
        Err(_) => Err(EngineError::NoSocket {
            path: path.to_owned(),
        }),
    }
}

pub(crate) fn is_missing(error: &ApiError) -> bool {
    status(error) == Some(404)
}

pub(crate) fn is_bad_request(error: &ApiError) -> bool {
    status(error) == Some(400)
}

pub(crate) fn is_conflict(error: &ApiError) -> bool {
    status(error) == Some(409)
}

fn status(error: &ApiError) -> Option<u16> {
    let ApiError::DockerResponseServerError { status_code, .. } = error else {
        return None;
    };
    Some(*status_code)
}

pub(crate) fn failed(what: &'static str) -> impl Fn(ApiError) -> EngineError {
    move |error| {
        if matches!(error, ApiError::RequestTimeoutError) {
            return EngineError::Silent { what };
        }
        EngineError::Api {
            what: format!("cannot {what}"),
            status: status(&error),
            cause: if let ApiError::DockerResponseServerError { message, .. } = error {
                message
            } else {
                root_cause(&error)
            },
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Gives the header with the login the alphabet that the engine reads. bollard writes the one with
/// `+` and `/`, which passwords with `?`, `>` or `~` in some places need; the engine then takes the
/// request for one without a login (F70).
fn url_safe_login(mut request: BollardRequest) -> BollardRequest {
    if let Some(header) = request.headers_mut().get_mut("x-registry-auth")
        && let Ok(text) = header.to_str()
        && let Ok(mut safe) = url_safe(text).parse()
    {
        std::mem::swap(header, &mut safe);
        header.set_sensitive(true);
    }
    request
}

fn url_safe(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_older_than_the_change_is_left_out() {
        let since: Timestamp = "2026-08-01T10:00:00.5Z".parse().unwrap();
        let line = |text| line_within(text, since, None);
        assert_eq!(line("2026-08-01T10:00:00.400000000Z old"), None);
        assert_eq!(line("2026-08-01T10:00:00.500000000Z a b"), Some("a b"));
        assert_eq!(line("2026-08-01T10:00:01Z"), Some(""));
        assert_eq!(line("no timestamp here"), Some("no timestamp here"));
    }

    /// What bollard's alphabet and the engine's differ in.
    #[test]
    fn a_login_is_written_in_the_alphabet_of_urls() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE};
        for text in ["~~~", "???", ">>>", "{\"password\":\"a?b~c>d\"}"] {
            assert_eq!(url_safe(&STANDARD.encode(text)), URL_SAFE.encode(text));
        }
    }
}

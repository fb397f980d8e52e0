//! The Compose plug-in: where it is, and its command lines, built by pure functions. It is called
//! directly where it is found, which saves the start of a docker CLI on each call (F26).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::endpoint::Endpoint;
use super::error::{EngineError, KILLED};
use super::plugin;
use crate::event::ServiceName;
use crate::host::process::{self, Call, Ended, run};

/// How long Compose may read a stack's files; it takes less than a second for hundreds of services.
const READING: Duration = Duration::from_secs(60);

/// How to call Compose.
#[derive(Clone)]
pub(crate) struct Compose {
    mark: Option<PathBuf>,
    /// The mark of what is started outside of runs; the file goes when nobody uses it any more.
    own_mark: Option<Arc<tempfile::TempPath>>,
    program: PathBuf,
    /// `compose` where the program is the docker CLI.
    first: Option<&'static str>,
    address: Option<String>,
}

/// What Compose needs to find a project: the same words as its own global options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProjectArgs {
    /// `-f`, absolute, in order.
    pub files: Vec<PathBuf>,
    /// `-p`.
    pub name: Option<String>,
    /// `--env-file`, absolute, in order; empty: Compose's own `.env`.
    pub env_files: Vec<PathBuf>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// `--project-directory`, absolute.
    pub directory: PathBuf,
}

/// What `docker compose config` printed.
#[derive(Debug, Clone)]
pub(crate) struct ConfigRead {
    /// The model.
    pub text: String,
    /// What it warned of.
    pub warnings: Vec<String>,
}

impl ProjectArgs {
    /// The command as a person may type it, with this behind it.
    pub(crate) fn typed(&self, project: &str, rest: &[&str]) -> String {
        let named = Self {
            name: Some(project.to_owned()),
            ..self.clone()
        };
        let words = named.to_args(false).into_iter();
        let words = words.map(|word| word.to_string_lossy().into_owned());
        let rest = rest.iter().map(|word| (*word).to_owned());
        let quoted: Vec<String> = words.chain(rest).map(|word| quoted(&word)).collect();
        format!("docker compose {}", quoted.join(" "))
    }

    fn to_args(&self, all_profiles: bool) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut flag = |name: &str, value: OsString| args.extend([name.into(), value]);
        flag("--project-directory", self.directory.clone().into());
        for file in &self.files {
            flag("--file", file.clone().into());
        }
        for file in &self.env_files {
            flag("--env-file", file.clone().into());
        }
        if let Some(name) = &self.name {
            flag("--project-name", name.into());
        }
        if all_profiles {
            flag("--profile", "*".into());
        } else {
            for profile in &self.profiles {
                flag("--profile", profile.into());
            }
        }
        args
    }
}

/// How `up` is to treat the services that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpMode {
    /// Make a new container even where Compose sees no difference: files that its hash leaves out
    /// (F5) have changed.
    ForceRecreate,
    /// Make a container only where there is none, or where the definition differs.
    AsNeeded,
    /// The same as [`Self::ForceRecreate`], without starting what is made.
    Unstarted,
}

/// Containers of a service, where their number is not that of the files.
pub(crate) type Scale = (ServiceName, usize);

/// How images are built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BuildOptions {
    /// Fetch base images anew.
    pub pull: bool,
}

impl Compose {
    /// Finds the plug-in as the docker CLI does; else the docker CLI itself.
    ///
    /// # Errors
    /// Neither is there.
    pub(crate) fn find(address: Option<&Endpoint>) -> Result<Self, EngineError> {
        let address = address.map(Endpoint::address);
        let (program, first) = plugin::find().ok_or(EngineError::NoCompose)?;
        Ok(Self {
            program,
            first,
            address,
            mark: None,
            own_mark: None,
        })
    }

    /// The same, with a mark in this folder on each process that is started before a run has one of its
    /// own: the folder's next user ends those whose refit was killed.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(crate) fn marked_in(self, scratch: &Path) -> std::io::Result<Self> {
        let mark = tempfile::Builder::new()
            .prefix(&process::name_of_mark())
            .tempfile_in(scratch)?;
        Ok(Self {
            own_mark: Some(Arc::new(mark.into_temp_path())),
            ..self
        })
    }

    /// The same, with a mark on each process that it starts: one that outlives refit must be found.
    #[must_use]
    pub(crate) fn marked(&self, mark: PathBuf) -> Self {
        Self {
            mark: Some(mark),
            ..self.clone()
        }
    }

    /// The mark that its processes have now.
    pub(crate) fn mark(&self) -> Option<PathBuf> {
        let own = self.own_mark.as_ref().map(|path| path.to_path_buf());
        self.mark.clone().or(own)
    }

    /// What `version --short` says.
    ///
    /// # Errors
    /// There is no such plug-in, or it cannot be started.
    pub(crate) async fn version(&self) -> Result<String, EngineError> {
        let call = self.call(vec!["version".into(), "--short".into()], Path::new("/"));
        let ended = run(&call, |_| ())
            .await
            .map_err(|_| EngineError::NoCompose)?;
        let text = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        if !ended.ok() || plugin::parse_version(&text).is_none() {
            return Err(EngineError::NoCompose);
        }
        Ok(text)
    }

    /// Refuses a plug-in that is too old. The answer is kept in `stamp` for as long as the binary
    /// stays the same: to ask costs as much as a whole `config` (F26).
    ///
    /// # Errors
    /// It is too old, or does not answer.
    pub(crate) async fn require_version(&self, stamp: &Path) -> Result<(), EngineError> {
        let identity =
            plugin::identity(&self.program).map(|id| format!("{id} {}\n", plugin::OLDEST));
        if identity.is_some() && std::fs::read_to_string(stamp).ok() == identity {
            return Ok(());
        }
        Self::check_version(&self.version().await?)?;
        if let Some(identity) = identity {
            // No stamp costs time only.
            let _ = write_private(stamp, &identity);
        }
        Ok(())
    }

    /// Refuses a version that is older than [`plugin::OLDEST`].
    ///
    /// # Errors
    /// It is.
    pub(crate) fn check_version(found: &str) -> Result<(), EngineError> {
        if plugin::parse_version(found) >= plugin::parse_version(plugin::OLDEST) {
            return Ok(());
        }
        Err(EngineError::OldCompose {
            found: found.to_owned(),
            wanted: plugin::OLDEST,
        })
    }

    /// The resolved model of every service, whatever its profile, as the JSON that Compose printed.
    ///
    /// # Errors
    /// Compose's own message on files that it cannot read.
    pub(crate) async fn config(&self, project: &ProjectArgs) -> Result<ConfigRead, EngineError> {
        self.config_output(project, &["config", "--format", "json"])
            .await
    }

    /// The model with `${VAR}` left in place and `env_file` not read: where a value comes from.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn source_config(&self, project: &ProjectArgs) -> Result<Value, EngineError> {
        let args = ["config", "--no-interpolate", "--format", "json"];
        parse_json(&self.config_output(project, &args).await?.text)
    }

    /// The same of a staged stack; `prefix` is taken off every path.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn source_config_of_staged(
        &self,
        project: &ProjectArgs,
        prefix: &Path,
    ) -> Result<Value, EngineError> {
        let args = ["config", "--no-interpolate", "--format", "json"];
        let text = self.config_output(project, &args).await?.text;
        parse_json(&text.replace(&*prefix.to_string_lossy(), ""))
    }

    /// The resolved model of a staged stack; `prefix` is taken off every path, so that the model
    /// reads as if it were that of the stack itself.
    ///
    /// # Errors
    /// Compose's own message, with the prefix taken off as well.
    pub(crate) async fn config_of_staged(
        &self,
        project: &ProjectArgs,
        prefix: &Path,
    ) -> Result<(Value, Vec<String>), EngineError> {
        let prefix = prefix.to_string_lossy();
        match self
            .config_output(project, &["config", "--format", "json"])
            .await
        {
            Ok(read) => {
                let warnings = read.warnings.iter();
                let warnings = warnings.map(|text| text.replace(&*prefix, "")).collect();
                Ok((parse_json(&read.text.replace(&*prefix, ""))?, warnings))
            }
            Err(EngineError::Compose { what, message }) => Err(EngineError::Compose {
                what,
                message: message.replace(&*prefix, ""),
            }),
            Err(other) => Err(other),
        }
    }

    /// Every profile is on, so that services of all of them are known; a stack that can be read
    /// only with its own profiles is read with those.
    async fn config_output(
        &self,
        project: &ProjectArgs,
        args: &[&str],
    ) -> Result<ConfigRead, EngineError> {
        let ended = match self.read(project, true, args).await? {
            Ok(ended) => ended,
            Err(error) => match self.read(project, false, args).await? {
                Ok(ended) => ended,
                // Without the plug-in the docker CLI calls the first option unknown.
                Err(_) if self.first.is_some() => {
                    self.version().await?;
                    return Err(error);
                }
                Err(_) => return Err(error),
            },
        };
        Ok(ConfigRead {
            text: String::from_utf8_lossy(&ended.stdout).into_owned(),
            warnings: warnings(&ended.stderr),
        })
    }

    /// A call that only reads. Outside: it does not come to an end, and was ended; inside: what Compose
    /// says.
    async fn read(
        &self,
        project: &ProjectArgs,
        all_profiles: bool,
        args: &[&str],
    ) -> Result<Result<Ended, EngineError>, EngineError> {
        let call = self.project_call(project, all_profiles, args, |_| ());
        let ended = tokio::time::timeout(READING, call).await;
        ended.map_err(|_| {
            let verb = args.first().unwrap_or(&"");
            let seconds = READING.as_secs();
            EngineError::Compose {
                what: format!("docker compose {verb} did not end within {seconds} s"),
                message: "look for an env_file that is a pipe, or for aliases in the YAML that \
                          hold each other many times"
                    .into(),
            }
        })
    }

    /// Compose's hash of each service's definition, as in the label of its containers.
    ///
    /// `config --hash` of the files leaves out what `env_file` brings, but the label does not;
    /// of the resolved model it is the label's, in 2.26 and 2.40 (a test holds this).
    ///
    /// # Errors
    /// Compose's own message, or the temporary file cannot be written.
    pub(crate) async fn hashes(
        &self,
        project: &ProjectArgs,
        resolved: &str,
        scratch: &Path,
    ) -> Result<Vec<(ServiceName, String)>, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Compose {
            what: "cannot stage the resolved model".into(),
            message: error.to_string(),
        };
        // It holds secrets; tempfile makes it 0600.
        let mut file = tempfile::Builder::new()
            .prefix(&format!("{}-resolved-", std::process::id()))
            .suffix(".json")
            .tempfile_in(scratch)
            .map_err(|error| failed(&error))?;
        std::io::Write::write_all(&mut file, resolved.as_bytes())
            .map_err(|error| failed(&error))?;
        let args = ProjectArgs {
            files: vec![file.path().to_owned()],
            env_files: Vec::new(),
            ..project.clone()
        };
        let ended = self.read(&args, true, &["config", "--hash", "*"]).await??;
        Ok(String::from_utf8_lossy(&ended.stdout)
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(service, hash)| (service.into(), hash.trim().to_owned()))
            .collect())
    }

    /// `up -d --no-deps` of just these services.
    ///
    /// Never removes orphans (F11); images are not pulled or built here, that has been done before.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn up(
        &self,
        project: &ProjectArgs,
        services: &[ServiceName],
        mode: UpMode,
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        self.up_scaled(project, services, mode, &[], line).await
    }

    /// The same with other numbers of containers than the files give.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn up_scaled(
        &self,
        project: &ProjectArgs,
        services: &[ServiceName],
        mode: UpMode,
        scales: &[Scale],
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let scales: Vec<String> = scales
            .iter()
            .map(|(service, number)| format!("--scale={service}={number}"))
            .collect();
        let args = up_args(services, mode, &scales);
        self.project_call(project, false, &args, line)
            .await
            .map(drop)
    }

    /// Restarts services as `docker compose restart` does: with their hooks.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn restart(
        &self,
        project: &ProjectArgs,
        services: &[ServiceName],
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let names = services.iter().map(ServiceName::as_str);
        let args: Vec<&str> = ["restart", "--no-deps"].into_iter().chain(names).collect();
        self.project_call(project, false, &args, line)
            .await
            .map(drop)
    }

    /// The literal `down` of the note.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn down(
        &self,
        project: &ProjectArgs,
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        self.project_call(project, false, &["down"], line)
            .await
            .map(drop)
    }

    /// The literal `up -d --build` of the note.
    ///
    /// # Errors
    /// Compose's own message.
    pub(crate) async fn up_build(
        &self,
        project: &ProjectArgs,
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        self.project_call(project, false, &["up", "--detach", "--build"], line)
            .await
            .map(drop)
    }

    /// Runs a command in a container of a service that is made for it and goes with it; gives what both
    /// streams said, and the exit code.
    ///
    /// # Errors
    /// Compose cannot be started.
    pub(crate) async fn run_in_new(
        &self,
        project: &ProjectArgs,
        run: &OneOffRun<'_>,
    ) -> anyhow::Result<(Option<i32>, Vec<String>)> {
        let mut args = project.to_args(false);
        args.extend(run.args().into_iter().map(OsString::from));
        let ended = crate::host::process::run(&self.call(args, &project.directory), |_| ()).await?;
        let said = String::from_utf8_lossy(&ended.stdout);
        // Compose tells there what it makes.
        let of_compose = |line: &&str| line.trim_start().starts_with("Container ");
        let stderr = ended.stderr.lines().filter(|line| !of_compose(line));
        let lines = said.lines().chain(stderr).map(crate::text::taken);
        Ok((ended.code, lines.collect()))
    }

    /// Builds these services' images while the old containers run on (F9).
    ///
    /// # Errors
    /// The build's own output.
    pub(crate) async fn build(
        &self,
        project: &ProjectArgs,
        services: &[ServiceName],
        options: BuildOptions,
        line: impl FnMut(&str),
    ) -> Result<(), EngineError> {
        let verb: &[&str] = match options.pull {
            true => &["build", "--pull"],
            false => &["build"],
        };
        let args = with_services(verb, services);
        self.project_call(project, false, &args, line)
            .await
            .map(drop)
    }

    async fn project_call(
        &self,
        project: &ProjectArgs,
        all_profiles: bool,
        args: &[&str],
        line: impl FnMut(&str),
    ) -> Result<Ended, EngineError> {
        let mut all = project.to_args(all_profiles);
        all.extend(args.iter().map(OsString::from));
        let call = self.call(all, &project.directory);
        let failed = |message: String| EngineError::Compose {
            what: format!("docker compose {} failed", args.first().unwrap_or(&"")),
            message,
        };
        let ended = run(&call, line)
            .await
            .map_err(|error| failed(format!("{error:#}")))?;
        if ended.ok() {
            return Ok(ended);
        }
        let said = own_message(&ended.stderr);
        Err(failed(match ended.code {
            Some(_) => said,
            // It had no time to say why.
            None => format!("{said}\n{KILLED}").trim_start().to_owned(),
        }))
    }

    fn call(&self, args: Vec<OsString>, directory: &Path) -> Call {
        let mut all: Vec<OsString> = self.first.map(Into::into).into_iter().collect();
        all.extend(args);
        let mut env: Vec<(OsString, Option<OsString>)> = [
            // Everything that these could say is on the command line; some would change what `up` does.
            ("COMPOSE_FILE", None),
            ("COMPOSE_ENV_FILES", None),
            ("COMPOSE_PROFILES", None),
            ("COMPOSE_REMOVE_ORPHANS", Some("false")),
            ("COMPOSE_IGNORE_ORPHANS", Some("true")),
            ("COMPOSE_ANSI", Some("never")),
            ("COMPOSE_PROGRESS", Some("plain")),
            ("COMPOSE_MENU", Some("false")),
            ("BUILDKIT_PROGRESS", Some("plain")),
            ("DOCKER_CLI_HINTS", Some("false")),
        ]
        .into_iter()
        .map(|(key, value)| (key.into(), value.map(Into::into)))
        .collect();
        if let Some(address) = &self.address {
            env.push(("DOCKER_HOST".into(), Some(address.into())));
            env.push(("DOCKER_CONTEXT".into(), None));
        }
        let mark = self.mark();
        if let Some(real) = mark.as_ref().and_then(|mark| mark.canonicalize().ok()) {
            env.push((process::MARK_VARIABLE.into(), Some(real.into())));
        }
        Call {
            program: self.program.clone(),
            args: all,
            env,
            directory: directory.to_owned(),
            mark,
        }
    }
}

/// A command in a container of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOffRun<'a> {
    /// The service whose image and settings it has.
    pub(crate) service: &'a ServiceName,
    /// The container's name, by which it is found again.
    pub(crate) name: &'a str,
    /// The folder in it; the image's without one.
    pub(crate) folder: Option<&'a str>,
    /// The command.
    pub(crate) command: &'a [String],
}

impl<'a> OneOffRun<'a> {
    fn args(&self) -> Vec<&'a str> {
        let mut args = vec!["run", "--rm", "--no-deps", "-T", "--name", self.name];
        args.extend(
            self.folder
                .into_iter()
                .flat_map(|folder| ["--workdir", folder]),
        );
        args.push(self.service.as_str());
        args.extend(self.command.iter().map(String::as_str));
        args
    }
}

/// Reads what `config` printed.
///
/// # Errors
/// It is no JSON.
pub(crate) fn parse_json(text: &str) -> Result<Value, EngineError> {
    serde_json::from_str(text).map_err(|error| EngineError::Compose {
        what: "docker compose config printed something that is not JSON".into(),
        message: error.to_string(),
    })
}

/// Writes a file that is this user's alone.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn up_args<'a>(services: &'a [ServiceName], mode: UpMode, scales: &'a [String]) -> Vec<&'a str> {
    let how: &[&str] = match mode {
        UpMode::ForceRecreate => &["--detach", "--force-recreate"],
        UpMode::AsNeeded => &["--detach"],
        UpMode::Unstarted => &["--no-start", "--force-recreate"],
    };
    let mut args = vec!["up", "--no-deps", "--no-build", "--pull", "never"];
    args.extend(how);
    args.extend(scales.iter().map(String::as_str));
    with_services(&args, services)
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn with_services<'a>(args: &[&'a str], services: &'a [ServiceName]) -> Vec<&'a str> {
    args.iter()
        .copied()
        .chain(services.iter().map(ServiceName::as_str))
        .collect()
}

/// Compose's complaint without its log lines of level `warning` and `info`.
/// What it warns of, in its own words.
fn warnings(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter(|line| line.contains("level=warning"));
    let messages = lines.filter_map(|line| {
        let (_, text) = line.split_once("msg=")?;
        // A word with quotes is quoted as in JSON.
        Some(serde_json::from_str(text).unwrap_or_else(|_| text.trim_matches('"').to_owned()))
    });
    messages.collect()
}

fn own_message(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.contains("level=warning"))
        .collect();
    let from = lines.len().saturating_sub(25);
    lines[from..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> ProjectArgs {
        ProjectArgs {
            files: vec!["/s/compose.yaml".into()],
            name: Some("shop".into()),
            env_files: vec!["/s/prod.env".into()],
            profiles: vec!["extra".into()],
            directory: "/s".into(),
        }
    }

    #[test]
    fn a_warning_is_told_in_the_words_of_compose() {
        let said = "time=\"x\" level=warning msg=\"The \\\"A\\\" variable is not set.\"\nelse\n";
        assert_eq!(warnings(said), ["The \"A\" variable is not set."]);
    }

    #[test]
    fn options_are_those_of_compose() {
        let args = project().to_args(false);
        let text: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        assert_eq!(
            text.join(" "),
            "--project-directory /s --file /s/compose.yaml --env-file /s/prod.env \
             --project-name shop --profile extra"
        );
        assert!(project().to_args(true).contains(&"*".into()));
    }

    #[test]
    fn a_command_to_type_is_one_that_a_shell_reads() {
        let mut project = project();
        project.directory = "/my stack's".into();
        let typed = project.typed("shop", &["up", "-d"]);
        assert_eq!(
            typed,
            "docker compose --project-directory '/my stack'\\''s' --file /s/compose.yaml \
             --env-file /s/prod.env --project-name shop --profile extra up -d"
        );
    }

    #[test]
    fn up_never_touches_neighbours() {
        let services = ["web".into()];
        assert_eq!(
            up_args(&services, UpMode::ForceRecreate, &[]).join(" "),
            "up --no-deps --no-build --pull never --detach --force-recreate web"
        );
        let scales = ["--scale=web=3".to_owned()];
        assert_eq!(
            up_args(&services, UpMode::Unstarted, &scales).join(" "),
            "up --no-deps --no-build --pull never --no-start --force-recreate --scale=web=3 web"
        );
        for mode in [UpMode::ForceRecreate, UpMode::AsNeeded, UpMode::Unstarted] {
            let args = up_args(&services, mode, &[]).join(" ");
            assert!(!args.contains("orphans") && !args.contains("-v") && !args.contains("volumes"));
        }
    }

    #[test]
    fn versions() {
        assert!(Compose::check_version("2.40.3").is_ok());
        assert!(Compose::check_version("v2.20.0-1").is_ok());
        assert!(Compose::check_version("5.0.1").is_ok());
        assert_eq!(
            Compose::check_version("2.6.1").unwrap_err().code().word(),
            "compose_too_old"
        );
        assert_eq!(
            Compose::check_version("1.29.2").unwrap_err().code().word(),
            "compose_too_old"
        );
    }

    #[test]
    fn warnings_are_no_message() {
        assert_eq!(
            own_message("time=\"x\" level=warning msg=\"y\"\nservice \"a\": bad\n"),
            "service \"a\": bad"
        );
    }
}

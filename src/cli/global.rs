//! The options of every command, and what they come to: the stack, the engine, how it is printed.

use std::path::PathBuf;
use std::rc::Rc;

use clap::{ArgAction, Args};

use super::command_line::CommandLine;
use crate::complaint::Complaint;
use crate::docker::client::Docker;
use crate::docker::endpoint::EndpointRequest;
use crate::event::Tell;
use crate::report::called::Called;
use crate::report::{self, Color};
use crate::request::{Invocation, StackRequest};
use crate::secret::Redactor;
use crate::stack::Place;
use crate::stack::locate::LocateRequest;
use crate::state::StateHome;
use crate::text::shell_word;
use crate::trust;

/// The options that mean what they mean in docker and docker compose.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
    /// The folder in which refit was started, under the name by which the person went there.
    #[arg(skip = logical_directory())]
    pub(super) came_from: PathBuf,
    /// The whole command line, for the record.
    #[arg(skip)]
    pub(super) typed: CommandLine,
    /// Compose file; repeatable
    #[arg(short = 'f', long, global = true, value_name = "FILE")]
    pub(super) file: Vec<PathBuf>,
    /// Project name
    #[arg(short = 'p', long, global = true, value_name = "NAME")]
    pub(super) project_name: Option<String>,
    /// Env file in place of .env; repeatable
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(super) env_file: Vec<PathBuf>,
    /// Profile to enable; repeatable
    #[arg(long, global = true, value_name = "PROFILE", hide_short_help = true)]
    pub(super) profile: Vec<String>,
    /// Folder that relative paths in the compose file start from
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub(super) project_directory: Option<PathBuf>,
    /// Docker context
    #[arg(
        short = 'c',
        long,
        global = true,
        value_name = "NAME",
        hide_short_help = true
    )]
    pub(super) context: Option<String>,
    /// Docker engine, such as unix:///run/docker.sock
    #[arg(
        short = 'H',
        long,
        global = true,
        value_name = "ADDRESS",
        hide_short_help = true
    )]
    pub(super) host: Option<String>,
    /// JSON on standard output
    ///
    /// A run prints one event a line, a question one document.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print only failures
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Verbose (-vv: also show commands)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Colour of the output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true
    )]
    pub(super) color: Color,
    /// Print help; --help says more, with examples
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
}

impl Global {
    /// The command line as it may be recorded, for all but recipes.
    pub(super) fn command_line(&self) -> String {
        self.typed.line(|_| false)
    }

    pub(super) fn locate_request(&self) -> LocateRequest {
        LocateRequest {
            directory: self.directory.as_ref().map(|dir| self.came_from.join(dir)),
            files: self.file.clone(),
            project_name: self.project_name.clone(),
            env_files: self.env_file.clone(),
            profiles: self.profile.clone(),
            project_directory: self.project_directory.clone(),
        }
    }

    pub(super) fn stack_request(&self) -> StackRequest {
        StackRequest {
            files: self.locate_request(),
            came_from: self.came_from.clone(),
            engine: EndpointRequest {
                host: self.host.clone(),
                context: self.context.clone(),
            },
        }
    }

    /// What commands that a person is told to type have to say as well.
    pub(super) fn called(&self, verbs: Vec<String>) -> Called {
        let words = |flag: &str, value: &str| [flag.to_owned(), shell_word(value)];
        let paths = |flag: &'static str, paths: &[PathBuf], to: Option<&PathBuf>| {
            let path = |path: &PathBuf| to.map_or(path.clone(), |to| to.join(path));
            let all = paths.iter().map(path);
            let all = all.flat_map(move |path| words(flag, &path.display().to_string()));
            all.collect::<Vec<_>>()
        };
        // Compose has no -C: it reads its files from where it is called.
        let of_stack = |to: Option<&PathBuf>| {
            let mut options = paths("-f", &self.file, to);
            let project = self.project_name.iter();
            options.extend(project.flat_map(|name| words("-p", name)));
            options.extend(paths("--env-file", &self.env_file, to));
            let profiles = self.profile.iter();
            options.extend(profiles.flat_map(|name| words("--profile", name)));
            options
        };
        let of_engine = [("-c", &self.context), ("-H", &self.host)];
        let of_engine = of_engine.into_iter().flat_map(|(flag, value)| {
            let value = value
                .as_deref()
                .map(|value| Redactor::default().redact(value));
            value.into_iter().flat_map(move |value| words(flag, &value))
        });
        let of_engine: Vec<String> = of_engine.collect();
        let folder =
            |folder: &Option<PathBuf>, flag: &'static str| paths(flag, folder.as_slice(), None);
        let project = folder(&self.project_directory, "--project-directory");
        let in_folder = match (&self.project_directory, &self.directory) {
            (Some(project), Some(directory)) => Some(directory.join(project)),
            (Some(project), None) => Some(project.clone()),
            (None, directory) => directory.clone(),
        };
        let mut refit = folder(&self.directory, "-C");
        refit.extend(of_stack(None));
        refit.extend(project);
        refit.extend(of_engine.clone());
        let mut compose = folder(&in_folder, "--project-directory");
        compose.extend(of_stack(self.directory.as_ref()));
        Called {
            refit,
            compose,
            docker: of_engine,
            verbs,
        }
    }

    pub(super) async fn connect(&self) -> Result<Docker, Complaint> {
        self.stack_request().connect().await
    }

    pub(super) fn invocation(&self) -> Invocation {
        Invocation {
            stack: self.stack_request(),
            output: report::PrintOptions {
                json: self.json,
                quiet: self.quiet,
                verbose: self.verbose > 0,
                color: self.color,
            },
        }
    }

    pub(super) fn renderer(&self) -> Rc<dyn Tell> {
        report::renderer(self.invocation().output)
    }

    /// The stack, of which the engine must tell.
    pub(super) async fn place(&self) -> Result<Place, Complaint> {
        let home = StateHome::find()?;
        let (stamp, scratch) = (home.compose_stamp(), home.scratch()?);
        let docker = self.connect().await?;
        let mut place = Place::find(docker, &self.locate_request(), &stamp, scratch).await?;
        let state = home.of_stack(&place.located.args.directory);
        trust::admit(&mut place, &state).await?;
        Ok(place)
    }

    /// `-vv`: what is called, on standard error.
    pub(super) fn log(&self) {
        if self.verbose < 2 {
            return;
        }
        let filter = tracing_subscriber::EnvFilter::new("refit=debug");
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(|| report::Traces)
            .without_time()
            // A terminal that is gone is no reason to stop a run: it would print that it cannot print.
            .log_internal_errors(false)
            .try_init();
    }
}

fn logical_directory() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let named = std::env::var_os("PWD")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let same = |path: &PathBuf| path.canonicalize().ok() == here.canonicalize().ok();
    named.filter(same).unwrap_or(here)
}

//! What a person types, turned into requests. Parses, calls, and gives the exit code; decides nothing
//! about stacks.

mod doctor;
mod edit;
mod get;
mod look;
mod notify;
mod packaging;
mod past;
mod recipes;
mod runs;
mod schedule;
mod typed;
mod upgrade;
mod values;
mod why;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::docker::endpoint::{self, EndpointRequest};
use crate::event::{Emitter, ServiceName, Tell};
use crate::exit::{self, Exit};
use crate::host::signals::Signals;
use crate::report::{self, Color, page};
use crate::run::Runner;
use crate::settings::parse_duration;
use crate::stack::locate::LocateRequest;
use crate::state::StateHome;
use typed::Typed;

/// Change a running Docker Compose stack in one command, and get it back when the change was wrong.
#[derive(Debug, Parser)]
#[command(name = "refit", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 done or nothing to do; 1 refused or failed before anything was touched; 2 usage;
3 failed and rolled back; 4 failed and not rolled back: a person is needed; 5 another run holds the lock;
10 with --exit-code: something to do; 130, 143, 129 ended by a signal, after the rollback.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options that mean what they mean in docker and docker compose.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The folder in which refit was started, under the name by which the person went there.
    #[arg(skip = logical_directory())]
    came_from: PathBuf,
    /// The whole command line, for the record.
    #[arg(skip)]
    typed: Typed,
    /// Compose file; may be given several times
    #[arg(short = 'f', long, global = true, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Project name
    #[arg(short = 'p', long, global = true, value_name = "NAME")]
    project_name: Option<String>,
    /// Env file in place of .env; may be given several times
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Profile to turn on; may be given several times
    #[arg(long, global = true, value_name = "PROFILE")]
    profile: Vec<String>,
    /// Folder that relative paths of the compose file start from
    #[arg(long, global = true, value_name = "DIR")]
    project_directory: Option<PathBuf>,
    /// Docker context
    #[arg(short = 'c', long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Docker engine, such as unix:///run/docker.sock
    #[arg(short = 'H', long, global = true, value_name = "ADDRESS")]
    host: Option<String>,
    /// JSON on standard output: lines of events for runs, one document for questions
    #[arg(long, global = true)]
    json: bool,
    /// Print only what failed
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Verbose (-vv: also show commands)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Whether output is coloured
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set keys, apply the change, watch it, prove it, or roll it back
    Set(values::SetArgs),
    /// Remove keys, in the same way
    Unset(values::UnsetArgs),
    /// Open a file in an editor, then do the same with what was changed
    Edit(edit::EditArgs),
    /// Print a value as Compose reads it
    Get(get::GetArgs),
    /// Make the engine match the files as they are now
    Apply(runs::ApplyArgs),
    /// Restart services in the order of their dependencies, and watch them
    Restart(runs::RestartArgs),
    /// Use a recipe: a named group of changes, with its checks
    Use(recipes::UseArgs),
    /// List recipes, or explain one
    Recipes(recipes::RecipesArgs),
    /// Bring the stack to a newer version: its git checkout and its images, as one run
    Upgrade(upgrade::UpgradeArgs),
    /// Show what apply would do
    Plan(runs::PlanArgs),
    /// Show services, their state, and what differs from the files
    Status(look::StatusArgs),
    /// Follow health until it is settled; the exit code is the verdict
    Watch(look::WatchArgs),
    /// Undo the last run, or go back to before one; itself a run
    #[command(visible_alias = "undo")]
    Rollback(past::RollbackArgs),
    /// List the runs
    History(past::HistoryArgs),
    /// Show one run whole, with what failed
    Show(past::ShowArgs),
    /// Unattended upgrades: a timer of systemd or cron
    Schedule(schedule::ScheduleArgs),
    /// Send a test to those whom refit.yaml names under notify
    Notify(notify::NotifyArgs),
    /// Show where a key is set, whom it reaches, and what a change of it would touch
    Why(why::WhyArgs),
    /// Find what is wrong with the stack, its settings, cookies and pages; changes nothing
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(packaging::CompletionsArgs),
    /// Write man pages to a folder
    Man(packaging::ManArgs),
}

impl Command {
    /// Whether it is told as a run: JSON Lines of events.
    fn is_run(&self) -> bool {
        match self {
            Self::Set(_)
            | Self::Unset(_)
            | Self::Edit(_)
            | Self::Apply(_)
            | Self::Restart(_)
            | Self::Use(_)
            | Self::Upgrade(_)
            | Self::Plan(_)
            | Self::Rollback(_)
            | Self::Watch(_) => true,
            Self::Get(_)
            | Self::Recipes(_)
            | Self::Status(_)
            | Self::History(_)
            | Self::Show(_)
            | Self::Notify(_)
            | Self::Why(_)
            | Self::Doctor(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
            Self::Schedule(args) => args.is_run(),
        }
    }

    /// Whether it is what a timer runs, run by a person who watches.
    fn is_tried_out(&self) -> bool {
        matches!(self, Self::Schedule(args) if args.is_tried_out())
    }

    /// Whether it can do something about a folder that is not there any more.
    fn takes_a_missing_folder(&self) -> bool {
        matches!(self, Self::Schedule(args) if args.is_about_a_timer())
    }
}

/// Parses the command line, does what it says, gives the exit code.
pub fn main() -> ExitCode {
    let mut cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
                && let Some(meant) = recipes::meant_by_option(option)
            {
                report::err(&format!("\n  → {meant}"));
            }
            // Help and version are no errors.
            return ExitCode::from(match (error.use_stderr(), printed) {
                (true, _) => Exit::Usage.code(),
                (false, Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    not_told(&error).code()
                }
                (false, _) => Exit::Done.code(),
            });
        }
    };
    // The timer's command says little; who tries it out wants to see.
    cli.global.quiet &= !cli.command.is_tried_out();
    let json = cli.global.json;
    let is_run = cli.command.is_run();
    let run_of = is_run.then(|| cli.global.renderer());
    let done = run(cli).unwrap_or_else(|complaint| {
        let exit = exit::of_complaint(&complaint);
        match run_of {
            Some(to) => Emitter::new(to).refused(complaint, exit.code(), Duration::ZERO),
            None => page::complaint(&complaint, json),
        }
        exit
    });
    // A run's exit code says how it ended; a question has no other result than its answer.
    let done = match report::unwritten() {
        Some(error) if !is_run => not_told(error),
        _ => done,
    };
    ExitCode::from(done.code())
}

/// An answer that could not be written, as on a full disk.
fn not_told(error: &std::io::Error) -> Exit {
    let text = format!("cannot write the answer to standard output: {error}");
    page::complaint(&Complaint::new(Code::Io, text), false);
    Exit::Refused
}

/// So many files may have to be open at a time: the engine's socket, signals, programs that are
/// called, the lock and the journal.
const FILES_WANTED: u64 = 64;

/// # Errors
/// Fewer files may be open than any command needs.
fn enough_files() -> Result<(), Complaint> {
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(limit) if limit < FILES_WANTED => {
            let text = format!("only {limit} files may be open at a time, and refit needs more");
            Err(Complaint::new(Code::Io, text).hint(format!("ulimit -n {}", 16 * FILES_WANTED)))
        }
        _ => Ok(()),
    }
}

fn parse() -> Result<Cli, clap::Error> {
    let command = Cli::command();
    let matches = command.clone().try_get_matches().map_err(with_hint)?;
    let mut cli =
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command.clone()))?;
    cli.global.typed = Typed::of(&command, &matches);
    Ok(cli)
}

/// Whoever types a verb of Compose is told what does it here, or that Compose does.
fn with_hint(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let hint = match word.as_str() {
        "up" | "start" | "create" => "refit apply makes what runs match the files",
        "down" | "stop" | "kill" | "rm" => "refit stops no stack: docker compose down",
        "pull" | "build" => "refit upgrade pulls, builds and applies",
        "ps" | "ls" => "refit status shows the services",
        "logs" => "docker compose logs; refit show has those of a run that failed",
        "config" => "refit plan shows what apply would do; refit why KEY where a value comes from",
        "exec" | "run" => "docker compose exec",
        _ => return error,
    };
    error.remove(ContextKind::SuggestedSubcommand);
    let hint = ContextValue::StyledStrs(vec![hint.into()]);
    error.insert(ContextKind::Suggested, hint);
    error
}

fn run(cli: Cli) -> Result<Exit, Complaint> {
    log(cli.global.verbose);
    if let Some(dir) = &cli.global.directory
        && (dir.exists() || !cli.command.takes_a_missing_folder())
    {
        go_to(dir)?;
    }
    if let Command::Completions(args) = &cli.command {
        return Ok(packaging::completions(args, &mut Cli::command()));
    }
    if let Command::Man(args) = &cli.command {
        return packaging::man(args, Cli::command());
    }
    enough_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(heard(&cli.global, cli.command))
}

/// A question ends at once by a signal, and with it what it has started. What changes something hears
/// signals by itself: where it is decides what has to be done first.
async fn heard(global: &Global, command: Command) -> Result<Exit, Complaint> {
    if command.is_run() || matches!(command, Command::Schedule(_)) {
        return dispatch(global, command).await;
    }
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    tokio::select! {
        biased;
        done = dispatch(global, command) => done,
        signal = signals.wait() => Ok(Exit::Signal(signal)),
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

/// `-C`: everything else is relative to this folder, as in git and make.
fn go_to(directory: &Path) -> Result<(), Complaint> {
    std::env::set_current_dir(directory).map_err(|error| {
        let text = format!("cannot go to {}: {error}", directory.display());
        Complaint::new(Code::NoDirectory, text).hint("check what -C names")
    })
}

async fn dispatch(global: &Global, command: Command) -> Result<Exit, Complaint> {
    match command {
        Command::Set(args) => values::set(global, args).await,
        Command::Unset(args) => values::unset(global, args).await,
        Command::Edit(args) => edit::edit(global, args).await,
        Command::Get(args) => get::get(global, &args).await,
        Command::Why(args) => why::why(global, &args).await,
        Command::Doctor(args) => doctor::doctor(global, &args).await,
        Command::Apply(args) => runs::apply(global, args).await,
        Command::Restart(args) => runs::restart(global, args).await,
        Command::Use(args) => recipes::use_recipe(global, args).await,
        Command::Recipes(args) => recipes::recipes(global, &args).await,
        Command::Upgrade(args) => upgrade::upgrade(global, args).await,
        Command::Plan(args) => runs::plan(global, args).await,
        Command::Rollback(args) => past::rollback(global, args).await,
        Command::History(args) => past::history(global, &args).await,
        Command::Show(args) => past::show(global, &args).await,
        Command::Notify(args) => notify::notify(global, &args).await,
        Command::Schedule(args) => schedule::schedule(global, args).await,
        Command::Status(args) => look::status(global, &args).await,
        Command::Watch(args) => look::watch(global, &args).await,
        Command::Completions(_) | Command::Man(_) => Ok(Exit::Done),
    }
}

impl Global {
    /// The command line as it may be recorded, for all but recipes.
    fn command_line(&self) -> String {
        self.typed.line(|_| false)
    }

    fn locate_request(&self) -> LocateRequest {
        LocateRequest {
            directory: self.directory.as_ref().map(|dir| self.came_from.join(dir)),
            files: self.file.clone(),
            project_name: self.project_name.clone(),
            env_files: self.env_file.clone(),
            profiles: self.profile.clone(),
            project_directory: self.project_directory.clone(),
        }
    }

    async fn connect(&self) -> Result<Docker, Complaint> {
        let request = EndpointRequest {
            host: self.host.clone(),
            context: self.context.clone(),
        };
        Ok(Docker::connect(endpoint::resolve(&request)?).await?)
    }

    fn renderer(&self) -> Rc<dyn Tell> {
        report::renderer(report::Options {
            json: self.json,
            quiet: self.quiet,
            verbose: self.verbose > 0,
            color: self.color,
        })
    }

    /// A runner whose events go to the renderer.
    async fn runner(&self) -> Result<Runner, Complaint> {
        Ok(Runner {
            docker: self.connect().await?,
            home: StateHome::find()?,
            emitter: Emitter::new(self.renderer()),
            signals: Signals::listen().map_err(anyhow::Error::from)?,
        })
    }
}

/// `-vv`: what is called, on standard error.
fn log(verbose: u8) {
    if verbose < 2 {
        return;
    }
    let filter = tracing_subscriber::EnvFilter::new("refit=debug");
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        // A terminal that is gone is no reason to stop a run: it would print that it cannot print.
        .log_internal_errors(false)
        .try_init();
}

/// Reads a duration option.
fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
}

fn service_names(names: &[String]) -> Vec<ServiceName> {
    names.iter().map(|name| name.as_str().into()).collect()
}

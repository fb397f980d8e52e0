//! What a person types, turned into requests. Parses, calls, and gives the exit code; decides nothing
//! about stacks.

mod apply;
mod argument;
mod assignment;
mod command_line;
mod completions;
mod doctor;
mod edit;
mod examples;
mod forget;
mod get;
mod global;
mod history;
mod located_stack;
mod man;
mod notify;
mod plan;
mod recipes;
mod restart;
mod rollback;
mod run_options;
mod schedule;
mod set;
mod show;
mod standard_input;
mod status;
mod trust;
mod unset;
mod upgrade;
mod use_recipe;
mod watch;
mod why;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::complaint::{Code, Complaint};
use crate::event::Emitter;
use crate::exit::{self, Exit};
use crate::host::signals::Signals;
use crate::report::{self, called, page};
use command_line::CommandLine;
use global::Global;

/// What follows `refit --help`.
const EXIT_CODES: &str = "\
Exit codes:
  0    done, or nothing to do
  1    refused, or stopped before anything was changed
  2    wrong command line
  3    failed and rolled back
  4    failed and not rolled back: a person is needed
  5    another run holds the lock
  10   with --exit-code: there is something to do
  129, 130, 143  ended by a signal, after the rollback

Examples:
  refit set SESSION_EXPIRY=604800  change a setting, and watch what it does
  refit rollback                   undo it";

/// Change a running Docker Compose stack in one command, with rollback
#[derive(Debug, Parser)]
#[command(name = "refit", version, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_long_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    /// Print version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Global options")]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set keys, apply the change, and roll back if it fails
    Set(set::SetArgs),
    /// Remove keys, in the same way
    Unset(unset::UnsetArgs),
    /// Edit a file in your editor, in the same way
    Edit(edit::EditArgs),
    /// Print a value as Compose reads it
    Get(get::GetArgs),
    /// Make containers match the files, as docker compose up -d does
    Apply(apply::ApplyArgs),
    /// Restart services in dependency order, and watch them
    Restart(restart::RestartArgs),
    /// Use a recipe: a named group of changes, with its checks
    Use(use_recipe::UseArgs),
    /// List recipes, or explain one
    Recipes(recipes::RecipesArgs),
    /// Upgrade the git checkout and the images, as one run
    Upgrade(upgrade::UpgradeArgs),
    /// Show what apply would do
    Plan(plan::PlanArgs),
    /// Show services, health, and what is out of sync with the files
    Status(status::StatusArgs),
    /// Watch health until it settles; the exit code is the verdict
    Watch(watch::WatchArgs),
    /// Undo the last change, or all since a run
    #[command(visible_alias = "undo")]
    Rollback(rollback::RollbackArgs),
    /// List runs
    History(history::HistoryArgs),
    /// Remove what refit keeps of a stack: its runs, images, commits
    Forget(forget::ForgetArgs),
    /// Show one run in full, with the logs of what failed
    Show(show::ShowArgs),
    /// Unattended upgrades, by a timer of systemd or cron
    Schedule(schedule::ScheduleArgs),
    /// Test the notifications of refit.yaml
    Notify(notify::NotifyArgs),
    /// Show and accept what upstream would run or call from this machine
    Trust(trust::TrustArgs),
    /// Show where a key is set, what it reaches, and what runs now
    Why(why::WhyArgs),
    /// Find problems of services, settings, cookies and pages
    Doctor(doctor::DoctorArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write man pages to a folder
    Man(man::ManArgs),
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
            | Self::Forget(_)
            | Self::Show(_)
            | Self::Notify(_)
            | Self::Trust(_)
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
        matches!(self, Self::Forget(_))
            || matches!(self, Self::Schedule(args) if args.is_about_a_timer())
    }
}

/// Parses the command line, does what it says, gives the exit code.
pub fn main() -> ExitCode {
    let mut cli = match parse() {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
                && FORCES.contains(&option.as_str())
            {
                report::err("\n  → refit never asks; what it refuses, --allow GUARD allows");
            }
            if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
                && let Some(meant) = use_recipe::meant_by_option(option)
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
    called::remember(cli.global.called(verbs()));
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

/// What other programs have for "do it all the same".
const FORCES: [&str; 4] = ["--force", "--yes", "-y", "--assume-yes"];

/// What a command line may begin with.
fn verbs() -> Vec<String> {
    let command = Cli::command();
    let verbs = command.get_subcommands().flat_map(|verb| {
        let others = verb.get_all_aliases().map(str::to_owned);
        others
            .chain([verb.get_name().to_owned()])
            .collect::<Vec<_>>()
    });
    verbs.collect()
}

/// All that can be typed.
fn command_line() -> clap::Command {
    examples::add(Cli::command())
}

fn parse() -> Result<Cli, clap::Error> {
    let command = command_line();
    let matches = command.clone().try_get_matches().map_err(with_hint)?;
    let mut cli =
        Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command.clone()))?;
    cli.global.typed = CommandLine::of(&command, &matches);
    Ok(cli)
}

/// Verbs of Compose that have nothing to do with a change.
const OF_COMPOSE: [&str; 21] = [
    "attach", "commit", "cp", "events", "exec", "export", "images", "kill", "pause", "port",
    "publish", "push", "rm", "run", "scale", "stats", "stop", "top", "unpause", "volumes", "wait",
];

/// Whoever types a verb of Compose is told what does it here, or that Compose does.
fn with_hint(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && FORCES.contains(&option.as_str())
    {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
        return error;
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && option
            .strip_prefix('-')
            .is_some_and(|rest| rest.parse::<u64>().is_ok())
    {
        // As in `git log -1`: a number of runs back, which no run is called by.
        let hint = "runs are named by their numbers: refit history lists them, refit rollback undoes \
                    the last change";
        let hint = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hint);
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let hint = match word.as_str() {
        "up" | "start" | "create" => "refit apply does what up -d does, and watches".to_owned(),
        "down" => "refit stops no stack: docker compose down".to_owned(),
        "pull" | "build" => "refit upgrade pulls, builds and applies".to_owned(),
        "ps" | "ls" | "list" => "refit status shows the services".to_owned(),
        "logs" | "log" => {
            "docker compose logs; refit show has those of a run that failed".to_owned()
        }
        "config" | "convert" | "diff" => {
            "refit plan shows what apply would do; refit why KEY where a value comes from"
                .to_owned()
        }
        "validate" | "check" => {
            "refit doctor finds problems; refit plan shows what apply would do".to_owned()
        }
        "env" => "refit get KEY prints a value; refit why KEY shows where it comes from".to_owned(),
        "version" => "refit --version".to_owned(),
        word if OF_COMPOSE.contains(&word) => format!("docker compose {word} does that"),
        _ => return error,
    };
    error.remove(ContextKind::SuggestedSubcommand);
    let hint = ContextValue::StyledStrs(vec![hint.into()]);
    error.insert(ContextKind::Suggested, hint);
    error
}

fn run(cli: Cli) -> Result<Exit, Complaint> {
    cli.global.log();
    if let Some(dir) = &cli.global.directory
        && (dir.exists() || !cli.command.takes_a_missing_folder())
    {
        go_to(dir)?;
    }
    if let Command::Completions(args) = &cli.command {
        return Ok(completions::completions(args, &mut command_line()));
    }
    if let Command::Man(args) = &cli.command {
        return man::man(args, command_line());
    }
    enough_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(heard(&cli.global, cli.command))
}

/// A question ends at once by a signal, and with it what it has started. What changes something hears
/// signals by itself: where it is decides what has to be done first; `watch` says how far it came.
async fn heard(global: &Global, command: Command) -> Result<Exit, Complaint> {
    if command.is_run() || matches!(command, Command::Schedule(_) | Command::Watch(_)) {
        return dispatch(global, command).await;
    }
    let signals = Signals::listen().map_err(anyhow::Error::from)?;
    tokio::select! {
        biased;
        done = dispatch(global, command) => done,
        signal = signals.wait() => Ok(Exit::Signal(signal)),
    }
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
        Command::Set(args) => set::set(global, args).await,
        Command::Unset(args) => unset::unset(global, args).await,
        Command::Edit(args) => edit::edit(global, args).await,
        Command::Get(args) => get::get(global, &args).await,
        Command::Why(args) => why::why(global, &args).await,
        Command::Doctor(args) => doctor::doctor(global, &args).await,
        Command::Apply(args) => apply::apply(global, args).await,
        Command::Restart(args) => restart::restart(global, args).await,
        Command::Use(args) => use_recipe::use_recipe(global, args).await,
        Command::Recipes(args) => recipes::recipes(global, &args).await,
        Command::Upgrade(args) => upgrade::upgrade(global, args).await,
        Command::Plan(args) => plan::plan(global, args).await,
        Command::Rollback(args) => rollback::rollback(global, args).await,
        Command::History(args) => history::history(global, &args).await,
        Command::Forget(args) => forget::forget(global, &args).await,
        Command::Show(args) => show::show(global, &args).await,
        Command::Trust(args) => trust::trust(global, &args).await,
        Command::Notify(args) => notify::notify(global, &args).await,
        Command::Schedule(args) => schedule::schedule(global, args).await,
        Command::Status(args) => status::status(global, &args).await,
        Command::Watch(args) => watch::watch(global, &args).await,
        Command::Completions(_) | Command::Man(_) => Ok(Exit::Done),
    }
}

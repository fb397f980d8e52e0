//! `refit forget`: removes what refit remembers of a stack.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::argument::duration;
use super::global::Global;
use super::located_stack::LocatedStack;
use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::exit::Exit;
use crate::report::{self, page};
use crate::rollback::forget::{self, Existence, Remembered};
use crate::state::StateHome;
use crate::state::lock::{Lock, LockSubject};

#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    /// Forget the stacks whose folder is gone
    #[arg(long)]
    all_gone: bool,
    /// Show what would be forgotten, and forget nothing
    #[arg(long)]
    dry_run: bool,
    /// Wait so long for another run
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    wait_lock: Duration,
}

pub(super) async fn forget(global: &Global, args: &ForgetArgs) -> Result<Exit, Complaint> {
    let home = StateHome::find()?;
    let docker = global.connect().await?;
    match args.all_gone {
        true => all_gone(global, args, &home, &docker).await,
        false => this_one(global, args, &home, &docker).await,
    }
}

async fn this_one(
    global: &Global,
    args: &ForgetArgs,
    home: &StateHome,
    docker: &Docker,
) -> Result<Exit, Complaint> {
    let directory = folder_of(global, home).await?;
    let _lock = locked(&directory, args, docker).await?;
    let remembered = Remembered::of(docker, home.of_stack(&directory), !directory.is_dir()).await?;
    if remembered.is_nothing()? {
        match global.json {
            true => page::document(&json!({"dry_run": args.dry_run, "forgotten": [], "left": []})),
            false => report::out("Nothing to do: nothing is remembered of this stack"),
        }
        return Ok(Exit::Done);
    }
    if let Some(project) = &global.project_name
        && let Some(other) = remembered.projects.iter().find(|one| *one != project)
    {
        return Err(of_both(project, other));
    }
    if !args.dry_run {
        remembered.forget(docker).await?;
    }
    if global.json {
        let row = row(&directory, &remembered);
        page::document(&json!({"dry_run": args.dry_run, "forgotten": [row], "left": []}));
        return Ok(Exit::Done);
    }
    let verb = verb(args);
    report::out(&format!("{verb}: {}", summary(&remembered)));
    tell_kept(&remembered);
    report::out(match args.dry_run {
        true => "What runs stays as it is. refit rollback would have nothing to go back to",
        false => "What runs is as it was. refit rollback has nothing to go back to",
    });
    Ok(Exit::Done)
}

fn of_both(project: &str, other: &str) -> Complaint {
    let text = format!(
        "the runs of {project} cannot be forgotten alone: {other} runs from the same folder, and its runs are in the same \
         history"
    );
    Complaint::new(Code::AmbiguousProject, text)
        .hint("refit forget, without -p, forgets those of both")
}

/// The stack's folder; one that is gone, or that has no compose file any more, is meant by its name.
async fn folder_of(global: &Global, home: &StateHome) -> Result<PathBuf, Complaint> {
    match LocatedStack::of(global).await {
        Ok(found) => Ok(found.located.args.directory),
        Err(complaint) => {
            let named = global.directory.as_deref().unwrap_or(Path::new(""));
            let folder = global.came_from.join(named);
            match home.of_stack(&folder).folder().is_dir() {
                true => Ok(folder),
                false => Err(complaint),
            }
        }
    }
}

/// Also for a look: a run that is at work is none that was cut off.
async fn locked(directory: &Path, args: &ForgetArgs, docker: &Docker) -> Result<Lock, Complaint> {
    let stack = LockSubject::Stack(directory.to_owned());
    Lock::take([stack], &docker.endpoint, args.wait_lock).await
}

/// Stacks that were not forgotten, and why.
type LeftAlone = Vec<(PathBuf, String)>;

async fn all_gone(
    global: &Global,
    args: &ForgetArgs,
    home: &StateHome,
    docker: &Docker,
) -> Result<Exit, Complaint> {
    let containers = docker.compose_containers().await?;
    let (mut forgotten, mut left) = (Vec::new(), LeftAlone::new());
    let mut is_failed = false;
    for state in home.stacks()? {
        let own = state.folder().to_owned();
        let directory = match forget::look(home, &state, &containers) {
            Existence::Present => continue,
            Existence::Left(directory, why) => {
                left.push((directory, why));
                continue;
            }
            Existence::Unnamed(why) => {
                left.push((own, why));
                continue;
            }
            Existence::Gone(directory) => directory,
        };
        let done = async {
            let _lock = locked(&directory, args, docker).await?;
            let remembered = Remembered::of(docker, state, true).await?;
            if !args.dry_run {
                remembered.forget(docker).await?;
            }
            Ok::<_, Complaint>(remembered)
        };
        match done.await {
            Ok(remembered) => forgotten.push((directory, remembered)),
            Err(complaint) => {
                is_failed = true;
                left.push((directory, complaint.to_string()));
            }
        }
    }
    let unknown = forget::unknown_images(docker, home).await?;
    match global.json {
        true => {
            let rows: Vec<Value> = forgotten.iter().map(|(at, one)| row(at, one)).collect();
            let why = |(at, why): &(PathBuf, String)| json!({"directory": at, "reason": why});
            let left: Vec<Value> = left.iter().map(why).collect();
            page::document(
                &json!({"dry_run": args.dry_run, "forgotten": rows, "left": left, "unknown_images": unknown}),
            );
        }
        false => {
            print_all(args, &forgotten, &left);
            tell_unknown(&unknown);
        }
    }
    Ok(match is_failed {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

fn print_all(args: &ForgetArgs, forgotten: &[(PathBuf, Remembered)], left: &LeftAlone) {
    if forgotten.is_empty() {
        report::out(
            "Nothing to do: of no stack that is remembered here it is sure that it is gone",
        );
    }
    for (directory, remembered) in forgotten {
        let (verb, at) = (verb(args), directory.display());
        report::out(&format!("{verb}: {at}: {}", summary(remembered)));
        tell_kept(remembered);
    }
    for (directory, why) in left {
        report::out(&format!("Left: {}: {why}", directory.display()));
    }
}

fn tell_unknown(images: &[String]) {
    if images.is_empty() {
        return;
    }
    report::out(
        "Not known here: images that another user's runs keep, or whose runs somebody removed:",
    );
    for name in images {
        report::out(&format!("  docker image rm {name}"));
    }
}

fn verb(args: &ForgetArgs) -> &'static str {
    match args.dry_run {
        true => "Would be forgotten",
        false => "Forgotten",
    }
}

fn summary(remembered: &Remembered) -> String {
    let count = |number: usize, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    };
    let runs = count(remembered.runs.len(), "run", "runs");
    let projects: Vec<&str> = remembered.projects.iter().map(String::as_str).collect();
    let mut parts = vec![match projects.as_slice() {
        [] | [_] => runs,
        all => format!("{runs} of {}", all.join(" and ")),
    }];
    if !remembered.images.is_empty() {
        parts.push(count(remembered.images.len(), "kept image", "kept images"));
    }
    if remembered.commits > 0 {
        parts.push(count(
            remembered.commits,
            "commit kept in git",
            "commits kept in git",
        ));
    }
    parts.join(", ")
}

fn tell_kept(remembered: &Remembered) {
    for folder in &remembered.typed {
        report::out(&format!(
            "Not removed, since somebody typed it: {}",
            folder.display()
        ));
    }
}

fn row(directory: &Path, remembered: &Remembered) -> Value {
    json!({
        "directory": directory,
        "runs": remembered.runs,
        "projects": remembered.projects,
        "images": remembered.images,
        "commits": remembered.commits,
        "not_removed": remembered.typed,
    })
}

//! `refit trust`: shows what upstream would have refit do on this machine, and accepts it.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::exit::Exit;
use crate::host::files;
use crate::report::{self, page};
use crate::secret::Redactor;
use crate::settings::WaitingAction;
use crate::stack::{Place, env_of};
use crate::state::StateHome;
use crate::state::lock::{Lock, LockSubject};
use crate::trust;

#[derive(Debug, Args)]
pub(super) struct TrustArgs {
    /// Accept just these, as --list names them [default: all that wait]
    id: Vec<String>,
    /// Only show what waits
    #[arg(long, conflicts_with = "id")]
    list: bool,
}

pub(super) async fn trust(global: &Global, args: &TrustArgs) -> Result<Exit, Complaint> {
    let mut place = global.place().await?;
    let state = StateHome::find()?.of_stack(&place.located.args.directory);
    let mut accepted = Vec::new();
    if !args.list {
        let stack = LockSubject::Stack(place.located.args.directory.clone());
        let project = place.located.args.name.clone().map(LockSubject::Project);
        let subjects = std::iter::once(stack).chain(project);
        // Held until what was shown is what is accepted.
        let _lock = Lock::take(subjects, &place.docker.endpoint, Duration::ZERO).await?;
        let judged = trust::judge(&place.written, &place.located, &state).await?;
        let ids = chosen(&args.id, &judged.waits)?;
        let is_chosen = |one: &WaitingAction| ids.contains(&one.id);
        (accepted, place.waits) = judged.waits.iter().cloned().partition(is_chosen);
        if !ids.is_empty() {
            judged.accept(&ids, &state)?;
        }
    }
    if global.json {
        let rows = |all: &[WaitingAction]| all.iter().map(row).collect::<Vec<Value>>();
        page::document(&json!({"accepted": rows(&accepted), "waits": rows(&place.waits)}));
    } else if !global.quiet {
        print(&place, &accepted, args);
    }
    Ok(Exit::Done)
}

/// What is accepted: all that waits, or just what was named by what it was then.
fn chosen(named: &[String], waits: &[WaitingAction]) -> Result<Vec<String>, Complaint> {
    let all = || waits.iter().map(|one| one.id.clone());
    let unknown = |id: &&String| waits.iter().all(|one| one.id != **id);
    match named.iter().find(unknown) {
        Some(id) => {
            let text = format!("nothing that waits is called {id}: it has changed, or is accepted");
            Err(Complaint::new(Code::NotWaiting, text).hint("refit trust --list shows what waits"))
        }
        None if named.is_empty() => Ok(all().collect()),
        None => Ok(named.to_vec()),
    }
}

fn row(one: &WaitingAction) -> Value {
    json!({
        "id": one.id,
        "key": one.action.key,
        "file": one.file,
        "text": one.action.shown,
        "programs": one.programs,
        "variables": one.variables,
    })
}

fn print(place: &Place, accepted: &[WaitingAction], args: &TrustArgs) {
    let mut redactor = Redactor::default();
    for (key, value) in env_of(&place.located) {
        redactor.learn(&key, &value);
    }
    let directory = &place.located.args.directory;
    for one in accepted.iter().chain(&place.waits) {
        show(one, directory, &redactor);
    }
    match (accepted.len(), place.waits.len()) {
        (0, 0) => report::out("Nothing to do: nothing waits to be accepted"),
        (0, _) if args.list => {
            page::advice("→ refit trust accepts all of it, refit trust ID just that");
        }
        (_, 0) => report::out("✓ accepted: from the next run on it counts"),
        (_, left) => report::out(&format!("✓ accepted; {left} more wait: refit trust --list")),
    }
}

/// Where it stands, what it says, and the programs that it runs.
fn show(one: &WaitingAction, directory: &Path, redactor: &Redactor) {
    report::out(&format!("{}  {} in {}", one.id, one.action.key, one.file));
    // All of it: what is not shown is not accepted.
    let lines = |text: &str| {
        for line in redactor.redact(text).split_terminator('\n') {
            report::out(&format!("  │ {}", visible(line)));
        }
    };
    lines(&one.action.shown);
    for address in &one.action.addresses {
        lines(&format!("whole address: {address}"));
    }
    for name in &one.variables {
        report::out(&format!("  {name}, new or changed in the env file"));
    }
    for file in &one.programs {
        report::out(&format!("  {}, new or changed:", file.display()));
        match files::read_if_exists(&directory.join(file)) {
            Ok(bytes) => lines(&String::from_utf8_lossy(&bytes.unwrap_or_default())),
            Err(error) => report::out(&format!("  ! {error:#}")),
        }
    }
}

/// A line in which nothing hides: a control character would overwrite what stands before it, and those that
/// turn the direction of writing show another order.
fn visible(line: &str) -> String {
    let hides = |c: char| {
        let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        turns || (c.is_control() && c != '\t')
    };
    line.chars()
        .map(|c| match hides(c) {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        })
        .collect()
}

//! A stack as far as a timer has to know it, also where hardly anything of it is left.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::complaint::{Code, Complaint};
use crate::host::accounts::Account;
use crate::host::{accounts, files};
use crate::request::StackRequest;
use crate::settings::written::WrittenSettings;
use crate::settings::{HookName, Settings, WaitingAction};
use crate::stack::env_of;
use crate::stack::locate::{self, LocateError};
use crate::state::{StackState, StateHome};
use crate::trust;

/// A stack as far as a timer has to know it.
pub(crate) struct ScheduledStack {
    /// Names its timer. Of what was typed and of its folder alone: it is the same when the engine is
    /// down and when the compose file is gone.
    pub id: String,
    /// What refit keeps of it.
    pub state: StackState,
    /// What of its `refit.yaml` counts, or why nothing can be done with this stack.
    pub settings: Result<Settings, Complaint>,
    /// As whom its timer runs.
    pub account: Account,
    /// A folder of refit's own for files that are not to stay.
    pub scratch: PathBuf,
    /// Its folder.
    pub directory: PathBuf,
    /// What its env files set.
    pub env: Vec<(String, String)>,
    /// Whether it has hooks, accepted or not: what is written around a timer outlives the answer.
    pub has_hooks: bool,
    /// Whether somebody is told by mail, accepted or not.
    pub mails: bool,
    /// What of its `refit.yaml` waits to be accepted.
    pub waits: Vec<WaitingAction>,
    /// Its name, for people.
    pub project: String,
    home: StateHome,
}

impl ScheduledStack {
    /// Found with the engine's help where that answers, and as far as it is there: a timer is removed
    /// without engine and compose file too.
    ///
    /// # Errors
    /// What was typed names no folder, or more than one stack.
    pub(crate) async fn find(request: &StackRequest) -> Result<Self, Complaint> {
        let containers = request.containers_if_any().await;
        let mut env = Vec::new();
        let home = StateHome::find()?;
        let (mut has_hooks, mut mails, mut waits) = (false, false, Vec::new());
        let (directory, name, settings) = match locate::locate(&request.files, &containers) {
            Ok(located) => {
                env = env_of(&located);
                let state = home.of_stack(&located.args.directory);
                let settings =
                    match WrittenSettings::load(&located.args.directory, &located.args.files) {
                        Ok(written) => {
                            let judged = trust::judge(&written, &located, &state).await;
                            let judged = judged.map_err(Complaint::from);
                            judged.map(|judged| {
                                // What waits loosens no wall.
                                (has_hooks, mails) = calls_programs(&judged.settings);
                                waits = judged.waits;
                                judged.settings
                            })
                        }
                        Err(complaint) => Err(complaint),
                    };
                (located.args.directory, located.args.name, settings)
            }
            Err(error @ (LocateError::Ambiguous { .. } | LocateError::Stdin)) => {
                return Err(error.into());
            }
            Err(error) => (typed_folder(request), None, Err(error.into())),
        };
        let state = home.of_stack(&directory);
        let folder = directory.file_name().unwrap_or_default().to_string_lossy();
        let folder = folder.to_lowercase();
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let typed = request.files.project_name.clone();
        let typed = typed.or_else(|| set("COMPOSE_PROJECT_NAME"));
        let state_name = state.folder().file_name().unwrap_or_default();
        let (account, settings) = match account(&directory).await {
            Ok(account) => (account, settings),
            Err((account, error)) => (account, settings.and(Err(error))),
        };
        Ok(Self {
            id: super::id(
                typed.as_ref().unwrap_or(&folder),
                &state_name.to_string_lossy(),
            ),
            account,
            scratch: home.scratch()?,
            state,
            settings,
            env,
            has_hooks,
            mails,
            waits,
            project: name.unwrap_or(folder),
            directory,
            home,
        })
    }

    /// Its settings, where it can be used.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn usable(&self) -> Result<&Settings, Complaint> {
        self.settings.as_ref().map_err(Complaint::clone)
    }

    /// Whether its timer runs as whoever asks.
    pub(crate) fn is_own(&self) -> bool {
        rustix::process::geteuid().as_raw() == self.account.uid
    }

    /// Where the account of the timer keeps refit's state.
    fn state_home(&self) -> PathBuf {
        match self.is_own() {
            true => self.home.folder().to_path_buf(),
            false => StateHome::of_account(&self.account.home)
                .folder()
                .to_path_buf(),
        }
    }

    /// What the account of the timer remembers of the stack.
    pub(crate) fn state_of_timer(&self) -> StackState {
        match self.is_own() {
            true => self.state.clone(),
            false => StateHome::of_account(&self.account.home).of_stack(&self.directory),
        }
    }

    /// refit's own folder, and docker's for builds.
    pub(crate) fn own_folders(&self) -> [PathBuf; 2] {
        [self.state_home(), self.account.home.join(".docker")]
    }
}

/// Whether there are hooks, and whether mail is sent.
fn calls_programs(settings: &Settings) -> (bool, bool) {
    let has_hook = |name| settings.hooks.get(name).is_some();
    let mut receivers = settings.notify.iter();
    (
        HookName::ALL.into_iter().any(has_hook),
        receivers.any(|one| one.target.kind() == "email"),
    )
}

/// Where the owner of a stack keeps what they remember of it, if that is another account.
pub(crate) async fn state_of_owner(directory: &Path) -> Option<StackState> {
    let owner = account(directory).await.ok()?;
    let other = rustix::process::geteuid().as_raw() != owner.uid;
    other.then(|| StateHome::of_account(&owner.home).of_stack(directory))
}

/// The folder that is meant, where no stack is in it.
fn typed_folder(request: &StackRequest) -> PathBuf {
    let StackRequest {
        files: typed,
        came_from,
        ..
    } = request;
    let here = typed.directory.as_ref().unwrap_or(came_from);
    let beside = typed.files.first().and_then(|file| file.parent());
    let named = typed.project_directory.as_deref().or(beside);
    files::follow(&named.map_or_else(|| here.clone(), |named| here.join(named)))
}

/// Who owns the stack, for root; else whoever asks. A stack of nobody who is known goes with a name
/// that is a number.
async fn account(directory: &Path) -> Result<Account, (Account, Complaint)> {
    let me = rustix::process::geteuid();
    let uid = match me.is_root() {
        true => std::fs::metadata(directory).map_or(0, |found| found.uid()),
        false => me.as_raw(),
    };
    match accounts::account(uid).await {
        Ok(found) => Ok(found),
        Err(error) => {
            let nobody = Account {
                name: uid.to_string(),
                uid,
                gid: uid,
                home: PathBuf::from("/"),
            };
            let text = format!("{} belongs to nobody: {error}", directory.display());
            let hint = "give it to an account that is there: chown -R NAME FOLDER";
            Err((nobody, Complaint::new(Code::NoAccount, text).hint(hint)))
        }
    }
}

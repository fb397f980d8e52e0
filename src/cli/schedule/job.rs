//! The stack, and what a timer of it is told.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::Time;

use super::super::Global;
use super::InstallArgs;
use crate::complaint::Complaint;
use crate::engine::timekeeper;
use crate::run::state::{StackState, StateHome};
use crate::schedule::calendar::When;
use crate::schedule::{self, Account, Job, Via};
use crate::stack::locate;
use crate::stack::settings::Settings;
use crate::stack::settings::window::Window;

/// When there is no window and nobody says a time.
const AT: (i8, i8) = (4, 0);

/// Variables that decide which stack and which engine are meant.
const KEPT: [&str; 13] = [
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "COMPOSE_FILE",
    "COMPOSE_PATH_SEPARATOR",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_PROFILES",
    "COMPOSE_ENV_FILES",
    "REFIT_STATE_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "TZ",
];

/// A stack as far as a timer has to know it.
pub(super) struct Stack {
    pub(super) id: String,
    pub(super) state: StackState,
    pub(super) settings: Settings,
    pub(super) account: Account,
    pub(super) scratch: PathBuf,
    pub(super) has_hooks: bool,
    project: String,
    directory: PathBuf,
    home: StateHome,
}

impl Stack {
    /// Found with the engine's help where that answers; a timer is removed without it too.
    pub(super) async fn find(global: &Global) -> Result<Self, Complaint> {
        let containers = match global.connect().await {
            Ok(docker) => docker.compose_containers().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let located = locate::locate(&global.locate_request(), &containers)?;
        let directory = located.args.directory.clone();
        let settings = Settings::load(&directory, &located.args.files)?;
        let home = StateHome::find()?;
        let state = home.of_stack(&directory);
        let folder = directory.file_name().unwrap_or_default().to_string_lossy();
        let project = located.args.name.clone();
        let project = project.unwrap_or_else(|| folder.to_lowercase());
        let state_name = state.folder().file_name().unwrap_or_default();
        let id = schedule::id(&project, &state_name.to_string_lossy());
        let hooks = &settings.hooks;
        let has_hooks = [
            &hooks.before_upgrade,
            &hooks.after_success,
            &hooks.after_failure,
        ]
        .into_iter()
        .any(Option::is_some);
        Ok(Self {
            id,
            account: account(&directory).await?,
            scratch: home.scratch()?,
            state,
            settings,
            has_hooks,
            project,
            directory,
            home,
        })
    }

    /// What a timer is told.
    pub(super) async fn job(
        &self,
        global: &Global,
        args: &InstallArgs,
        via: Via,
    ) -> Result<Job, Complaint> {
        let window = args.window.or(self.settings.upgrade.window);
        let when = when(args, window)?;
        if let When::Calendar(text) = &when
            && let Some(wrong) = timekeeper::calendar(text).await
        {
            return Err(bad(format!("systemd cannot read {text:?}")).details(&wrong));
        }
        let here = std::env::current_dir().map_err(anyhow::Error::from)?;
        let program = std::env::current_exe().map_err(anyhow::Error::from)?;
        let mut words = vec!["-q".to_owned(), "-C".to_owned(), here.display().to_string()];
        words.extend(global_words(global));
        words.extend(["schedule", "run", "--action", args.action.word()].map(str::to_owned));
        if let Some(window) = args.window {
            words.extend(["--window".to_owned(), window.to_string()]);
        }
        let env = self.environment(via, &program);
        if let Some(odd) = words
            .iter()
            .chain(env.iter().map(|(_, value)| value))
            .find(|word| word.contains(|c: char| c.is_control()))
        {
            return Err(bad(format!(
                "no timer can be told {odd:?}: it is not one line"
            )));
        }
        let action = args.action.word();
        Ok(Job {
            id: self.id.clone(),
            title: format!(
                "refit {action} of {} in {}",
                self.project,
                self.directory.display()
            ),
            account: self.account.clone(),
            directory: here,
            program,
            args: words,
            env,
            when,
            delay: args.random_delay,
            writes: self.writes(&args.writable),
        })
    }

    /// All of it: a timer inherits nothing.
    fn environment(&self, via: Via, program: &Path) -> Vec<(String, String)> {
        let mut path: Vec<String> = Vec::new();
        let programs = ["docker", "git"]
            .map(timekeeper::program)
            .into_iter()
            .flatten();
        let folders = programs.chain([program.to_owned()]);
        let folders = folders.filter_map(|one| Some(one.parent()?.display().to_string()));
        let usual = ["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned);
        for folder in folders.chain(usual) {
            if !path.contains(&folder) {
                path.push(folder);
            }
        }
        let mut env = vec![
            ("HOME".to_owned(), self.account.home.display().to_string()),
            ("PATH".to_owned(), path.join(":")),
        ];
        // What this user's shell says of their own folders is not true of another one's.
        let is_own = rustix::process::geteuid().as_raw() == self.account.uid;
        let set = KEPT
            .iter()
            .filter(|name| is_own || !name.starts_with("XDG_"));
        let set = set.filter(|name| via != Via::User || **name != "XDG_RUNTIME_DIR");
        env.extend(set.filter_map(|name| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
            Some(((*name).to_owned(), value))
        }));
        env
    }

    /// The stack, the repository that it lies in, refit's own folder, and docker's for builds.
    fn writes(&self, more: &[PathBuf]) -> Vec<PathBuf> {
        let mut writes = vec![self.directory.clone()];
        let repository = self
            .directory
            .ancestors()
            .find(|folder| folder.join(".git").exists());
        writes.extend(repository.map(Path::to_path_buf));
        let own = rustix::process::geteuid().as_raw() == self.account.uid;
        writes.push(match own {
            true => self.home.folder().to_path_buf(),
            false => self.account.home.join(".local/state/refit"),
        });
        writes.push(self.account.home.join(".docker"));
        writes.extend(std::env::var_os("DOCKER_CONFIG").map(PathBuf::from));
        writes.extend(more.iter().cloned());
        writes.sort();
        writes.dedup();
        writes
    }
}

/// Who owns the stack, for root; else whoever asks.
async fn account(directory: &Path) -> Result<Account, Complaint> {
    let me = rustix::process::geteuid();
    let uid = match me.is_root() {
        true => std::fs::metadata(directory).map_or(0, |found| found.uid()),
        false => me.as_raw(),
    };
    let found = timekeeper::account(uid).await?;
    Ok(Account {
        name: found.name,
        uid: found.uid,
        gid: found.gid,
        home: found.home,
    })
}

/// The global options as they were typed: the timer begins in the same folder.
fn global_words(global: &Global) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    let shown = |path: &PathBuf| path.display().to_string();
    global.file.iter().for_each(|file| add("-f", shown(file)));
    global
        .project_name
        .iter()
        .for_each(|name| add("-p", name.clone()));
    global
        .env_file
        .iter()
        .for_each(|file| add("--env-file", shown(file)));
    global
        .profile
        .iter()
        .for_each(|name| add("--profile", name.clone()));
    global
        .project_directory
        .iter()
        .for_each(|dir| add("--project-directory", shown(dir)));
    global
        .context
        .iter()
        .for_each(|name| add("-c", name.clone()));
    global.host.iter().for_each(|host| add("-H", host.clone()));
    words
}

fn bad(text: impl Into<String>) -> Complaint {
    Complaint::new("bad_schedule", text).hint("refit schedule install --help shows the forms")
}

fn when(args: &InstallArgs, window: Option<Window>) -> Result<When, Complaint> {
    let usual = Time::new(AT.0, AT.1, 0, 0).unwrap_or_default();
    let or_at = window.map_or(usual, Window::from);
    let when = When::read(&args.every, args.at, or_at).map_err(bad)?;
    if let (Some(window), Some(time)) = (window, when.time()) {
        let after = time
            .duration_since(window.from())
            .as_secs()
            .rem_euclid(86_400);
        let latest = std::time::Duration::from_secs(after.unsigned_abs()) + args.random_delay;
        if !window.holds(time) || latest >= window.length() {
            return Err(bad(format!(
                "it would fire at {:02}:{:02} or up to {} s later, and the window {window} is not \
                 open all that time",
                time.hour(),
                time.minute(),
                args.random_delay.as_secs()
            )));
        }
    }
    Ok(when)
}

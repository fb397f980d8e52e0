//! The stack, and what a timer of it is told.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::Time;

use super::super::Global;
use super::super::notify::env_of;
use super::InstallArgs;
use crate::complaint::Complaint;
use crate::engine::{files, timekeeper};
use crate::run::state::{StackState, StateHome};
use crate::schedule::calendar::When;
use crate::schedule::{self, Account, Job, Via};
use crate::secret::is_secret;
use crate::stack::locate::{self, LocateError};
use crate::stack::settings::Settings;
use crate::stack::settings::window::Window;

/// When there is no window and nobody says a time.
const AT: (i8, i8) = (4, 0);

/// Variables that decide which stack and which engine are meant, and how the network is reached.
const KEPT: [&str; 21] = [
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
    "GIT_SSH_COMMAND",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A stack as far as a timer has to know it.
pub(super) struct Stack {
    /// Names its timer. Of what was typed and of its folder alone: it is the same when the engine is
    /// down and when the compose file is gone.
    pub(super) id: String,
    pub(super) state: StackState,
    /// What its `refit.yaml` says, or why nothing can be done with this stack.
    pub(super) settings: Result<Settings, Complaint>,
    pub(super) account: Account,
    pub(super) scratch: PathBuf,
    pub(super) directory: PathBuf,
    /// What its env files set.
    pub(super) env: Vec<(String, String)>,
    project: String,
    home: StateHome,
}

impl Stack {
    /// Found with the engine's help where that answers, and as far as it is there: a timer is removed
    /// without engine and compose file too.
    ///
    /// # Errors
    /// What was typed names no folder, or more than one stack.
    pub(super) async fn find(global: &Global) -> Result<Self, Complaint> {
        let containers = match global.connect().await {
            Ok(docker) => docker.compose_containers().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let mut env = Vec::new();
        let (directory, name, settings) =
            match locate::locate(&global.locate_request(), &containers) {
                Ok(located) => {
                    env = env_of(&located);
                    let args = located.args;
                    let settings = Settings::load(&args.directory, &args.files);
                    (args.directory, args.name, settings)
                }
                Err(error @ (LocateError::Ambiguous { .. } | LocateError::Stdin)) => {
                    return Err(error.into());
                }
                Err(error) => (typed_folder(global), None, Err(error.into())),
            };
        let home = StateHome::find()?;
        let state = home.of_stack(&directory);
        let folder = directory.file_name().unwrap_or_default().to_string_lossy();
        let folder = folder.to_lowercase();
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let typed = global.project_name.clone();
        let typed = typed.or_else(|| set("COMPOSE_PROJECT_NAME"));
        let state_name = state.folder().file_name().unwrap_or_default();
        let (account, settings) = match account(&directory).await {
            Ok(account) => (account, settings),
            Err((account, error)) => (account, settings.and(Err(error))),
        };
        Ok(Self {
            id: schedule::id(
                typed.as_ref().unwrap_or(&folder),
                &state_name.to_string_lossy(),
            ),
            account,
            scratch: home.scratch()?,
            state,
            settings,
            env,
            project: name.unwrap_or(folder),
            directory,
            home,
        })
    }

    /// Its settings, where it can be used.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn usable(&self) -> Result<&Settings, Complaint> {
        self.settings.as_ref().map_err(Complaint::clone)
    }

    /// Whether its hooks are called.
    pub(super) fn has_hooks(&self) -> bool {
        let Ok(Settings { hooks, .. }) = &self.settings else {
            return false;
        };
        let all = [
            &hooks.before_upgrade,
            &hooks.after_success,
            &hooks.after_failure,
        ];
        all.into_iter().any(Option::is_some)
    }

    /// Whether somebody is told by mail.
    pub(super) fn mails(&self) -> bool {
        let Ok(settings) = &self.settings else {
            return false;
        };
        let mut all = settings.notify.iter();
        all.any(|one| one.target.kind() == "email")
    }

    /// What a timer is told.
    pub(super) async fn job(
        &self,
        global: &Global,
        args: &InstallArgs,
        via: Via,
    ) -> Result<Job, Complaint> {
        let window = args.window.or(self.usable()?.upgrade.window);
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
        if let Some(wait) = args.wait_lock {
            let wait = match wait.subsec_millis() {
                0 => format!("{}s", wait.as_secs()),
                _ => format!("{}ms", wait.as_millis()),
            };
            words.extend(["--wait-lock".to_owned(), wait]);
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
            writes: self.writes(&here, &args.writable),
            directory: here,
            program,
            args: words,
            env,
            when,
            delay: args.random_delay,
            mails: self.mails(),
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
        let set = KEPT.iter().filter(|name| self.is_for_timer(via, name));
        env.extend(set.filter_map(|name| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
            Some(((*name).to_owned(), value))
        }));
        env
    }

    /// What this user's shell says of their own folders is not true of another one's, and everybody can
    /// read what a timer is told.
    fn is_for_timer(&self, via: Via, name: &str) -> bool {
        let value = std::env::var(name).unwrap_or_default();
        let home = std::env::home_dir().unwrap_or_default();
        let is_own = self.is_own();
        match name {
            _ if is_secret(name, &value) => false,
            "XDG_RUNTIME_DIR" => is_own && via != Via::User,
            "REFIT_STATE_HOME" => is_own,
            "DOCKER_CONFIG" => is_own || !Path::new(&value).starts_with(home),
            name => is_own || !name.starts_with("XDG_"),
        }
    }

    /// Variables that a timer is not told of, because they hold a secret.
    pub(super) fn withheld() -> Vec<&'static str> {
        let holds = |name: &&&str| std::env::var(name).is_ok_and(|value| is_secret(name, &value));
        KEPT.iter().filter(holds).copied().collect()
    }

    fn is_own(&self) -> bool {
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
    pub(super) fn state_of_timer(&self) -> StackState {
        match self.is_own() {
            true => self.state.clone(),
            false => StateHome::of_account(&self.account.home).of_stack(&self.directory),
        }
    }

    /// refit's own folder, and docker's for builds.
    pub(super) fn own_folders(&self) -> [PathBuf; 2] {
        [self.state_home(), self.account.home.join(".docker")]
    }

    /// The stack, the repository that it lies in, refit's own folder, and docker's for builds.
    fn writes(&self, here: &Path, more: &[PathBuf]) -> Vec<PathBuf> {
        let mut writes = vec![self.directory.clone()];
        writes.extend(repository(&self.directory));
        writes.extend(self.own_folders());
        let config = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        writes.extend(config.filter(|_| self.is_for_timer(Via::Systemd, "DOCKER_CONFIG")));
        writes.extend(more.iter().map(|path| locate::lexical(&here.join(path))));
        writes.sort();
        writes.dedup();
        writes
    }
}

/// Where the owner of a stack keeps what they remember of it, if that is another account.
pub(super) async fn state_of_owner(directory: &Path) -> Option<StackState> {
    let owner = account(directory).await.ok()?;
    let other = rustix::process::geteuid().as_raw() != owner.uid;
    other.then(|| StateHome::of_account(&owner.home).of_stack(directory))
}

/// The work tree that a folder lies in, and where its git folder is kept, if that is elsewhere.
fn repository(directory: &Path) -> Vec<PathBuf> {
    let mut folders = directory.ancestors();
    let Some(top) = folders.find(|folder| folder.join(".git").exists()) else {
        return Vec::new();
    };
    let mut all = vec![top.to_path_buf()];
    // A further work tree, or a submodule: `.git` is a file that says where.
    let text = std::fs::read_to_string(top.join(".git")).unwrap_or_default();
    if let Some(named) = text.strip_prefix("gitdir:") {
        let git = top.join(named.trim());
        let common = std::fs::read_to_string(git.join("commondir"));
        let common = common.map_or_else(|_| git.clone(), |common| git.join(common.trim()));
        all.push(files::follow(&common));
    }
    all
}

/// The folder that is meant, where no stack is in it.
fn typed_folder(global: &Global) -> PathBuf {
    let here = match &global.directory {
        Some(directory) => global.came_from.join(directory),
        None => global.came_from.clone(),
    };
    let beside = global.file.first().and_then(|file| file.parent());
    let named = global.project_directory.as_deref().or(beside);
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
    match timekeeper::account(uid).await {
        Ok(found) => Ok(Account {
            name: found.name,
            uid: found.uid,
            gid: found.gid,
            home: found.home,
        }),
        Err(error) => {
            let nobody = Account {
                name: uid.to_string(),
                uid,
                gid: uid,
                home: PathBuf::from("/"),
            };
            let text = format!("{} belongs to nobody: {error}", directory.display());
            let hint = "give it to an account that is there: chown -R NAME FOLDER";
            Err((nobody, Complaint::new("no_account", text).hint(hint)))
        }
    }
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
    let Some((window, times)) = window.zip(when.times()) else {
        return Ok(when);
    };
    let fits = |time: &Time| {
        let after = time.duration_since(window.from()).as_secs();
        let after = after.rem_euclid(86_400).unsigned_abs();
        let latest = std::time::Duration::from_secs(after) + args.random_delay;
        window.holds(*time) && latest < window.length()
    };
    // One that fires more often does nothing the other times.
    match times.first() {
        Some(first) if !times.iter().any(fits) => Err(bad(format!(
            "it would fire at {:02}:{:02} or up to {} s later, and the window {window} is not open \
             all that time",
            first.hour(),
            first.minute(),
            args.random_delay.as_secs()
        ))),
        _ => Ok(when),
    }
}

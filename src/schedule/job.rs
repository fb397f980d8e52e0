//! What a timer of a stack is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Time;

use super::calendar::When;
use super::login_programs::{self, LoginProgram};
use super::stack::ScheduledStack;
use super::{Job, TimerAction, Via};
use crate::complaint::{Code, Complaint};
use crate::docker::credentials::Logins;
use crate::docker::endpoint::docker_config;
use crate::host::{files, programs, systemd};
use crate::request::StackRequest;
use crate::secret::is_secret;
use crate::settings::window::Window;
use crate::stack::locate;

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

/// What a timer is asked for.
#[derive(Debug)]
pub(crate) struct InstallRequest {
    /// `day`, `week`, or an expression of systemd or cron.
    pub every: String,
    /// The time of the day.
    pub at: Option<Time>,
    /// The hours in which it may begin; else those of `refit.yaml`.
    pub window: Option<Window>,
    /// By how much it may be later.
    pub random_delay: Duration,
    /// What is done.
    pub action: TimerAction,
    /// Who keeps the time; `None`: who can.
    pub via: Option<Via>,
    /// How long it waits for another run.
    pub wait_lock: Option<Duration>,
    /// Further folders that it writes to.
    pub writable: Vec<PathBuf>,
    /// Its files are only wanted to be seen, maybe for another machine.
    pub only_print: bool,
}

impl ScheduledStack {
    /// What a timer is told.
    pub(super) async fn job(
        &self,
        request: &StackRequest,
        wanted: &InstallRequest,
        via: Via,
    ) -> Result<Job, Complaint> {
        let window = wanted.window.or(self.usable()?.upgrade.window);
        let when = when(wanted, window)?;
        if let When::Calendar(text) = &when
            && let Some(wrong) = systemd::calendar(text).await
        {
            return Err(bad(format!("systemd cannot read {text:?}")).details(&wrong));
        }
        let here = std::env::current_dir().map_err(anyhow::Error::from)?;
        let program = own_program()?;
        let mut words = vec!["-q".to_owned(), "-C".to_owned(), here.display().to_string()];
        words.extend(global_words(request));
        words.extend(["schedule", "run", "--action", wanted.action.word()].map(str::to_owned));
        if let Some(window) = wanted.window {
            words.extend(["--window".to_owned(), window.to_string()]);
        }
        if let Some(wait) = wanted.wait_lock {
            let wait = match wait.subsec_millis() {
                0 => format!("{}s", wait.as_secs()),
                _ => format!("{}ms", wait.as_millis()),
            };
            words.extend(["--wait-lock".to_owned(), wait]);
        }
        let logins = self.login_programs(None).await;
        let env = self.environment(via, &program, &logins);
        if let Some(odd) = words
            .iter()
            .chain(env.iter().map(|(_, value)| value))
            .find(|word| word.contains(|c: char| c.is_control()))
        {
            return Err(bad(format!(
                "no timer can be told {odd:?}: it is not one line"
            )));
        }
        let action = wanted.action.word();
        Ok(Job {
            id: self.id.clone(),
            title: format!(
                "refit {action} of {} in {}",
                self.project,
                self.directory.display()
            ),
            account: self.account.clone(),
            writes: self.writes(&here, &wanted.writable),
            directory: here,
            program,
            args: words,
            env,
            when,
            delay: wanted.random_delay,
            mails: self.mails,
        })
    }

    /// The programs that its timer asks for logins; `config`: the folder of docker's settings, where that is
    /// known of the timer.
    pub(super) async fn login_programs(&self, config: Option<&Path>) -> Vec<LoginProgram> {
        let own = self.account.home.join(".docker");
        let here = docker_config().filter(|_| self.is_own());
        let config = config.map(Path::to_owned).or(here).unwrap_or(own);
        let mut all = login_programs::of_docker(&Logins::read(&config));
        // What another account's git is told, only that account is asked.
        if self.is_own() {
            all.extend(login_programs::of_git(&self.directory).await);
        }
        all
    }

    /// All of it: a timer inherits nothing.
    fn environment(
        &self,
        via: Via,
        program: &Path,
        logins: &[LoginProgram],
    ) -> Vec<(String, String)> {
        let mut path: Vec<String> = Vec::new();
        let programs = ["docker", "git"]
            .map(programs::program)
            .into_iter()
            .flatten();
        let here = std::env::var_os("PATH").unwrap_or_default();
        let logins = logins.iter().filter_map(|one| one.found_in(&here));
        let folders = programs.chain([program.to_owned()]).chain(logins);
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

/// Variables that a timer is not told of, because they hold a secret.
pub(crate) fn withheld() -> Vec<&'static str> {
    let holds = |name: &&&str| std::env::var(name).is_ok_and(|value| is_secret(name, &value));
    KEPT.iter().filter(holds).copied().collect()
}

/// refit itself, by the name under which a shell finds it where that is the same: an update may put
/// another file behind it.
fn own_program() -> Result<PathBuf, Complaint> {
    let program = std::env::current_exe().map_err(anyhow::Error::from)?;
    let is_it = |named: &PathBuf| files::follow(named) == files::follow(&program);
    let named = programs::program("refit").filter(is_it);
    Ok(named.unwrap_or(program))
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

/// The global options as they were typed: the timer begins in the same folder.
fn global_words(request: &StackRequest) -> Vec<String> {
    let StackRequest { files, engine, .. } = request;
    let mut words = Vec::new();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    let shown = |path: &PathBuf| path.display().to_string();
    files.files.iter().for_each(|file| add("-f", shown(file)));
    files
        .project_name
        .iter()
        .for_each(|name| add("-p", name.clone()));
    files
        .env_files
        .iter()
        .for_each(|file| add("--env-file", shown(file)));
    files
        .profiles
        .iter()
        .for_each(|name| add("--profile", name.clone()));
    files
        .project_directory
        .iter()
        .for_each(|dir| add("--project-directory", shown(dir)));
    engine
        .context
        .iter()
        .for_each(|name| add("-c", name.clone()));
    engine.host.iter().for_each(|host| add("-H", host.clone()));
    words
}

fn bad(text: impl Into<String>) -> Complaint {
    Complaint::new(Code::BadSchedule, text).hint("refit schedule install --help shows the forms")
}

fn when(wanted: &InstallRequest, window: Option<Window>) -> Result<When, Complaint> {
    let usual = Time::new(AT.0, AT.1, 0, 0).unwrap_or_default();
    let or_at = window.map_or(usual, Window::from);
    let when = When::read(&wanted.every, wanted.at, or_at).map_err(bad)?;
    let Some((window, times)) = window.zip(when.times()) else {
        return Ok(when);
    };
    let fits = |time: &Time| {
        let after = time.duration_since(window.from()).as_secs();
        let after = after.rem_euclid(86_400).unsigned_abs();
        let latest = Duration::from_secs(after) + wanted.random_delay;
        window.holds(*time) && latest < window.length()
    };
    // One that fires more often does nothing the other times.
    match times.first() {
        Some(first) if !times.iter().any(fits) => Err(bad(format!(
            "it would fire at {:02}:{:02} or up to {} s later, and the window {window} is not open \
             all that time",
            first.hour(),
            first.minute(),
            wanted.random_delay.as_secs()
        ))),
        _ => Ok(when),
    }
}

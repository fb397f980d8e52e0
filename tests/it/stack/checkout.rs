//! A stack that is a clone: a bare remote, a developer's clone to push from, and the stack's folder,
//! all of them below the test's own folder. git knows nothing there of the person who runs the tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::answer::Answer;
use super::engine::{self, Container};
use super::refit::Refit;
use super::{BUSYBOX, TestStack, healthcheck, idle, service};

/// What git is told of who works with it.
const GIT_CONFIG: &str = "[user]\n\tname = Somebody\n\temail = somebody@example.org\n\
    [init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n\
    [advice]\n\tdetachedHead = false\n[commit]\n\tgpgSign = false\n";

/// Name, mode and content of a file, or where a symlink points.
pub(crate) type Tree = BTreeMap<String, (u32, Vec<u8>)>;

pub(crate) struct Cloned {
    pub(crate) stack: TestStack,
    /// Where the repository of the stack is; the stack itself may be in a folder of it.
    pub(crate) top: PathBuf,
    pub(crate) remote: PathBuf,
    pub(crate) developer: PathBuf,
}

/// Everything that a failed upgrade gives back.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Side {
    head: String,
    branches: String,
    index: Vec<u8>,
    entries: String,
    files: Tree,
    /// What the names of the services' images mean.
    images: BTreeMap<String, String>,
    /// What the containers run.
    running: BTreeMap<String, String>,
}

/// `web` is built from the checkout, which has `/app/run.sh` and `/app/version` in the image and
/// `web.conf` mounted; a neighbour has nothing of it.
pub(crate) fn compose() -> String {
    format!(
        "services:\n  web: {}\n  neighbour: {}\n",
        web(""),
        idle("environment: {MINE: '1'}")
    )
}

/// The service that is built.
pub(crate) fn web(more: &str) -> String {
    let more = format!(
        "volumes: ['./web.conf:/etc/web.conf:ro'], {}, {more}",
        healthcheck("! grep -q sick /app/version")
    );
    let built = service("exec sh /app/run.sh", &more);
    built.replace(&format!("image: {BUSYBOX}"), "build: .")
}

/// The files of a version. `crash` ends at once, `sick` never gets healthy.
pub(crate) fn version(text: &str) -> Vec<(&'static str, String)> {
    let run = "grep -q bad /etc/web.conf && { echo the config is bad; exit 7; }\n\
               grep -q crash /app/version && { echo this version cannot run; exit 3; }\n\
               exec sleep infinity\n";
    vec![
        ("compose.yaml", compose()),
        ("Dockerfile", format!("FROM {BUSYBOX}\nCOPY . /app/\n")),
        (".dockerignore", ".git\ncompose.yaml\n".to_owned()),
        (".gitignore", ".env\ndata/\n".to_owned()),
        ("run.sh", run.to_owned()),
        ("version", format!("{text}\n")),
        ("web.conf", config("one", "two")),
        ("README", "read me\n".to_owned()),
    ]
}

/// A config file with room for edits of two people.
pub(crate) fn config(first: &str, last: &str) -> String {
    format!("first = {first}\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nlast = {last}\n")
}

/// Tracked files of a stack whose only service mounts `web.conf`: upgraded by a restart.
pub(crate) fn mounted() -> Vec<(&'static str, String)> {
    let web = service(
        "grep -q bad /etc/web.conf && exit 7; exec sleep infinity",
        "volumes: ['./web.conf:/etc/web.conf:ro']",
    );
    vec![
        ("compose.yaml", format!("services:\n  web: {web}\n")),
        (".gitignore", ".env\n".to_owned()),
        ("web.conf", config("one", "two")),
        ("README", "read me\n".to_owned()),
    ]
}

impl Side {
    /// The same without the bytes of the index: it holds the dates of files that a later run writes.
    pub(crate) fn content(&self) -> Self {
        Self {
            index: Vec::new(),
            ..self.clone()
        }
    }
}

/// As a person compares it.
impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}{}\n{}", self.head, self.branches, self.entries)?;
        let sum: u64 = self.index.iter().map(|byte| u64::from(*byte)).sum();
        writeln!(f, "index: {} bytes, sum {sum}", self.index.len())?;
        for (name, (mode, bytes)) in &self.files {
            writeln!(f, "{name} {mode:o} {:?}", String::from_utf8_lossy(bytes))?;
        }
        writeln!(f, "{:#?} {:#?}", self.images, self.running)
    }
}

impl Cloned {
    /// A clone of a remote with one commit; nothing is started. `None`, with a word about it, where
    /// there is no engine.
    pub(crate) fn new(files: &[(&str, String)]) -> Option<Self> {
        Self::with(TestStack::new(&[])?, files)
    }

    /// The same in the folder of a stack.
    pub(crate) fn with(stack: TestStack, files: &[(&str, String)]) -> Option<Self> {
        fs::create_dir(stack.beside("home")).unwrap();
        fs::create_dir(stack.beside("tmp")).unwrap();
        fs::write(stack.beside("home/.gitconfig"), GIT_CONFIG).unwrap();
        let clone = Self {
            top: stack.folder(),
            remote: stack.beside("remote.git"),
            developer: stack.beside("developer"),
            stack,
        };
        let beside = clone.stack.beside("");
        clone.git_in(&beside, &["init", "-q", "--bare", "remote.git"]);
        clone.git_in(&beside, &["clone", "-q", "remote.git", "developer"]);
        clone.push(files);
        clone.anew(&[]);
        Some(clone)
    }

    /// Clones the stack anew, with options for `git clone`.
    pub(crate) fn anew(&self, options: &[&str]) {
        fs::remove_dir_all(&self.top).unwrap();
        let remote = format!("file://{}", self.remote.display());
        let target = self.top.display().to_string();
        let words = [&["clone", "-q"], options, &[&remote, &target]].concat();
        self.git_in(&self.stack.beside(""), &words);
    }

    /// The same, started and healthy.
    pub(crate) fn started(files: &[(&str, String)]) -> Option<Self> {
        let clone = Self::new(files)?;
        clone.stack.up_healthy();
        Some(clone)
    }

    /// Sets what keeps git away from the person's own settings.
    pub(crate) fn isolated(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command.env_remove("XDG_CONFIG_HOME");
        command.env("HOME", self.stack.beside("home"));
        command.env("TMPDIR", self.stack.beside("tmp"));
        command.env("GIT_CONFIG_NOSYSTEM", "1");
    }

    /// git in a folder; it must succeed. Looks do not write the index.
    #[track_caller]
    pub(crate) fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let answer = self.try_git(folder, args, &[]);
        assert_eq!(answer.code, 0, "{answer}");
        answer.stdout.trim_end().to_owned()
    }

    pub(crate) fn try_git(&self, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Answer {
        let mut command = Command::new("git");
        command.args(args).current_dir(folder);
        self.isolated(&mut command);
        command.env("GIT_OPTIONAL_LOCKS", "0");
        command.envs(env.iter().copied());
        Answer::of(command, b"")
    }

    /// git in the stack's checkout.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.top, args)
    }

    /// The commit that is checked out.
    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// What `git status` has to say.
    pub(crate) fn status(&self) -> String {
        self.git(&["status", "--porcelain"])
    }

    /// The developer writes files, commits and pushes; gives the commit.
    #[track_caller]
    pub(crate) fn push(&self, files: &[(&str, String)]) -> String {
        for (name, text) in files {
            let path = self.developer.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let subject = files.first().map_or("a change", |(name, _)| name);
        self.commit(subject, &[])
    }

    /// Commits and pushes what the developer's folder holds, with this environment.
    #[track_caller]
    pub(crate) fn commit(&self, subject: &str, env: &[(&str, &str)]) -> String {
        self.git_in(&self.developer, &["add", "-A"]);
        let answer = self.try_git(
            &self.developer,
            &["commit", "-q", "--allow-empty", "-m", subject],
            env,
        );
        assert_eq!(answer.code, 0, "{answer}");
        self.develop(&["push", "-q", "--force", "origin", "HEAD"]);
        self.develop(&["rev-parse", "HEAD"])
    }

    /// git as the developer.
    #[track_caller]
    pub(crate) fn develop(&self, args: &[&str]) -> String {
        self.git_in(&self.developer, args)
    }

    /// refit as a person types it in the stack's folder.
    #[track_caller]
    pub(crate) fn refit(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args), b"")
    }

    /// The same with a fail point set.
    #[track_caller]
    pub(crate) fn refit_failing(&self, fault: &str, args: &[&str]) -> Answer {
        let mut command = self.command(args);
        command.env("FAILPOINTS", fault);
        Answer::of(command, b"")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Refit {
        let mut command = self.stack.command(args);
        let waits = ["upgrade", "rollback"]
            .iter()
            .any(|verb| args.contains(verb));
        if waits && !args.contains(&"--settle") {
            command.args(["--settle", "300ms"]);
        }
        command.change(|command| self.isolated(command));
        command
    }

    /// What a file inside `web` says.
    #[track_caller]
    pub(crate) fn inside(&self, path: &str) -> String {
        let text = self.stack.exec("web", &["cat", path]);
        text.trim_end().to_owned()
    }

    /// Everything that a failed upgrade has to give back.
    pub(crate) fn side(&self) -> Side {
        let mut images = BTreeMap::new();
        let mut running = BTreeMap::new();
        for (service, container) in self.stack.containers() {
            let name = container.raw["Config"]["Image"].as_str().unwrap();
            images.insert(name.to_owned(), image_id(name).unwrap_or_default());
            running.insert(service, container.image().to_owned());
        }
        Side {
            head: fs::read_to_string(self.git_dir().join("HEAD")).unwrap(),
            branches: self.git(&["for-each-ref", "refs/heads", "refs/stash"]),
            index: fs::read(self.git_dir().join("index")).unwrap(),
            entries: self.git(&["ls-files", "--stage"]),
            files: self.files(),
            images,
            running,
        }
    }

    /// Every file of the work tree.
    pub(crate) fn files(&self) -> Tree {
        let mut files = Tree::new();
        collect(&self.top, &self.top, &mut files);
        files
    }

    /// The git folder of the checkout.
    pub(crate) fn git_dir(&self) -> PathBuf {
        PathBuf::from(self.git(&["rev-parse", "--absolute-git-dir"]))
    }

    /// Nothing of ours lies where somebody else would find it.
    #[track_caller]
    pub(crate) fn is_tidy(&self, context: &str) {
        let mut stray: Vec<String> = Vec::new();
        for folder in [self.git_dir(), self.stack.beside("tmp")] {
            let names = fs::read_dir(&folder).unwrap().flatten();
            let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            stray.extend(names.filter(|name| name.ends_with(".lock") || name.contains("refit-")));
        }
        stray.extend(
            self.files()
                .into_keys()
                .filter(|name| name.contains("refit-tmp")),
        );
        let scratch = fs::read_dir(self.stack.state().join("scratch"));
        let scratch = scratch.into_iter().flatten().flatten();
        stray.extend(scratch.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        assert!(stray.is_empty(), "{context}: left behind: {stray:?}");
    }

    /// Date of change of every file of the work tree, and of the index.
    pub(crate) fn dates(&self) -> BTreeMap<String, (i64, i64)> {
        let date = |path: &Path| {
            let metadata = path.symlink_metadata().unwrap();
            (metadata.mtime(), metadata.mtime_nsec())
        };
        let names = self.files().into_keys();
        let mut dates: BTreeMap<_, _> = names
            .map(|name| (name.clone(), date(&self.top.join(&name))))
            .collect();
        dates.insert(".git/index".into(), date(&self.git_dir().join("index")));
        dates
    }

    /// The neighbour that no upgrade has any business with.
    #[track_caller]
    pub(crate) fn neighbour(&self) -> Container {
        self.stack.container("neighbour")
    }
}

fn collect(top: &Path, folder: &Path, files: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(top).unwrap().display().to_string();
        let metadata = path.symlink_metadata().unwrap();
        if entry.file_name() == ".git" {
            continue;
        } else if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            files.insert(name, (0, target.as_os_str().as_encoded_bytes().to_vec()));
        } else if metadata.is_dir() {
            collect(top, &path, files);
        } else {
            let mode = metadata.permissions().mode() & 0o7777;
            files.insert(name, (mode, fs::read(&path).unwrap()));
        }
    }
}

/// What a name of an image means.
pub(crate) fn image_id(name: &str) -> Option<String> {
    let mut command = engine::docker_command();
    command.args(["image", "inspect", "--format", "{{.Id}}", name]);
    let answer = Answer::of(command, b"");
    (answer.code == 0).then(|| answer.stdout.trim().to_owned())
}

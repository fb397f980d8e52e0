//! git as it is: real repositories in temporary folders, remotes by the file protocol.

mod back;
mod files;
mod forward;
mod look;
mod refuse;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Checkout, Git, GitError, GitState, Move, Oid, Prediction, TreeEdit, TreeEntry};

/// An upstream repository, a clone of it, and a home without the user's settings.
struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// Upstream with one commit: `compose.yaml`, `app/settings` of ten lines, a script, a symlink;
    /// `here` is a clone of it.
    fn new() -> Self {
        let lab = Self::empty();
        lab.clone("here", &[]);
        lab
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = Self { dir };
        fs::create_dir(lab.path("home")).unwrap();
        fs::create_dir(lab.path("up")).unwrap();
        lab.git("up", "init -q -b main");
        lab.write("up/compose.yaml", "services: {}\n");
        lab.write("up/app/settings", &lines(&[]));
        lab.write("up/run.sh", "#!/bin/sh\n");
        lab.mode("up/run.sh", 0o755);
        std::os::unix::fs::symlink("compose.yaml", lab.path("up/link")).unwrap();
        lab.commit("first");
        lab
    }

    fn clone(&self, name: &str, options: &[&str]) {
        let url = format!("file://{}", self.path("up").display());
        let mut command = self.command("home");
        command.args(["clone", "-q"]).args(options).arg(url);
        assert!(command.arg(self.path(name)).status().unwrap().success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn env(&self) -> [(&'static str, String); 9] {
        [
            ("HOME", self.path("home").display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "a".into()),
            ("GIT_AUTHOR_EMAIL", "a@example.org".into()),
            ("GIT_COMMITTER_NAME", "a".into()),
            ("GIT_COMMITTER_EMAIL", "a@example.org".into()),
            ("GIT_CONFIG_COUNT", "1".into()),
            ("GIT_CONFIG_KEY_0", "protocol.file.allow".into()),
            ("GIT_CONFIG_VALUE_0", "always".into()),
        ]
    }

    fn command(&self, folder: &str) -> Command {
        let mut command = Command::new("git");
        command.current_dir(self.path(folder)).envs(self.env());
        command
    }

    /// `git ARGS` in a folder; what it prints.
    fn git(&self, folder: &str, args: &str) -> String {
        let args: Vec<&str> = args.split_whitespace().collect();
        let output = self.command(folder).args(&args).output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?} in {folder}: {output:?}"
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Commits all of upstream.
    fn commit(&self, subject: &str) -> Oid {
        self.commit_in("up", subject)
    }

    fn commit_in(&self, folder: &str, subject: &str) -> Oid {
        self.git(folder, "add -A");
        let mut command = self.command(folder);
        let status = command
            .args(["commit", "-q", "--allow-empty", "-m", subject])
            .status();
        assert!(status.unwrap().success());
        self.git(folder, "rev-parse HEAD").parse().unwrap()
    }

    fn here(&self) -> Git {
        self.caller("here")
    }

    fn caller(&self, folder: &str) -> Git {
        self.env()
            .into_iter()
            .fold(Git::at(self.path(folder), true), |git, (key, value)| {
                git.with_env(key, value)
            })
    }

    async fn checkout(&self) -> Checkout {
        self.checkout_of("here").await
    }

    async fn checkout_of(&self, folder: &str) -> Checkout {
        let git = self.caller(folder);
        let found = Checkout::find(&git, &self.path(folder)).await.unwrap();
        found.unwrap()
    }

    /// Fetches, predicts, exports; nothing of it may touch work tree, index or refs.
    async fn plan(&self, folder: &str, to: &Oid) -> Planned {
        self.plan_keeping(folder, to, &[]).await
    }

    async fn plan_keeping(&self, folder: &str, to: &Oid, kept: &[PathBuf]) -> Planned {
        let checkout = self.checkout_of(folder).await;
        checkout
            .git
            .fetch("origin", super::Tags::Following, |_| ())
            .await
            .unwrap();
        let before = self.picture(folder);
        let prediction = checkout.predict(to, kept, &[]).await.unwrap();
        checkout
            .fetch_submodules(&prediction, |_| ())
            .await
            .unwrap();
        let export = self.path(&format!("export-{to}"));
        let mut edits = Vec::new();
        if prediction.refuse_loss().is_ok() {
            checkout.export(&prediction.tree, &export).await.unwrap();
            edits = checkout.edits(&prediction, &export).await.unwrap();
        }
        assert_eq!(self.picture(folder), before, "a look changes nothing");
        let saved = self.path("saved");
        fs::create_dir_all(&saved).unwrap();
        let state = checkout.state(&prediction, &saved).await.unwrap();
        Planned {
            to: Move {
                from: checkout.head.clone(),
                to: to.clone(),
                prediction,
            },
            checkout,
            edits,
            state,
            saved,
            export,
        }
    }

    /// All that must be the same again: every file of the work tree with its kind, the index file's
    /// bytes, HEAD and every ref but the remote-tracking ones.
    fn picture(&self, folder: &str) -> Picture {
        let git_dir = self.git(folder, "rev-parse --absolute-git-dir");
        let mut files = BTreeMap::new();
        let mut open = vec![self.path(folder)];
        while let Some(one) = open.pop() {
            for entry in fs::read_dir(&one).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if entry.file_name() == ".git" {
                    continue;
                }
                if entry.file_type().unwrap().is_dir() {
                    open.push(path.clone());
                }
                let name = path.strip_prefix(self.path(folder)).unwrap().to_owned();
                files.insert(name, TreeEntry::read(&self.path(folder), &path).unwrap());
            }
        }
        Picture {
            files,
            index: fs::read(Path::new(&git_dir).join("index")).unwrap(),
            head: fs::read_to_string(Path::new(&git_dir).join("HEAD")).unwrap(),
            refs: self.git(
                folder,
                "for-each-ref --format=%(refname)=%(objectname) refs/heads refs/tags refs/refit",
            ),
            locks: Path::new(&git_dir).join("index.lock").exists(),
        }
    }
}

#[derive(Debug, PartialEq)]
struct Picture {
    files: BTreeMap<PathBuf, Option<TreeEntry>>,
    index: Vec<u8>,
    head: String,
    refs: String,
    locks: bool,
}

/// An upgrade that is ready to be made.
struct Planned {
    checkout: Checkout,
    to: Move,
    edits: Vec<TreeEdit>,
    state: GitState,
    saved: PathBuf,
    export: PathBuf,
}

impl Planned {
    async fn advance(&self) -> Result<(), GitError> {
        self.checkout.advance(&self.to).await
    }

    async fn back(&self) {
        TreeEdit::put_back_all(&self.edits, self.checkout.git.top()).unwrap();
        let git = &self.checkout.git;
        let restored = self.state.restore(git, &self.to.to, &self.saved).await;
        restored.unwrap();
    }

    fn prediction(&self) -> &Prediction {
        &self.to.prediction
    }

    /// The exported files are what lies in the work tree after the move.
    fn assert_as_exported(&self) {
        for edit in &self.edits {
            let there = TreeEntry::read(self.checkout.git.top(), &edit.path).unwrap();
            assert_eq!(there, edit.after, "{}", edit.path.display());
        }
    }
}

/// Ten lines, with some replaced.
fn lines(other: &[(usize, &str)]) -> String {
    (1..=10)
        .map(|number| {
            let line = other.iter().find(|(at, _)| *at == number);
            line.map_or(format!("line {number}\n"), |(_, text)| format!("{text}\n"))
        })
        .collect()
}

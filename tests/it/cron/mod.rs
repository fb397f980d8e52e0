//! A real cron for a test.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::stack::TestStack;
use crate::stack::answer::Answer;

/// A Debian cron of this test's own: its spool, `/etc/cron.d`, `/etc/passwd` and `/run` are those of the
/// test, seen by nobody outside of its mount namespace. Its start is the start of a machine.
pub(crate) struct Cron {
    daemon: Child,
    programs: PathBuf,
    folder: PathBuf,
}

/// An account that only this test knows.
pub(crate) const ANN: &str = "refit-ann";
pub(crate) const ANN_ID: u32 = 54321;

impl Cron {
    /// `None`, with a word about it, where this user or this machine cannot.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let programs = std::env::var_os("REFIT_TEST_CRON").map(PathBuf::from)?;
        if !programs.join("usr/sbin/cron").is_file() || !rustix::process::geteuid().is_root() {
            skipped!("a cron of one's own needs root and Debian's packages");
            return None;
        }
        let setup = "set -e
            mount --make-rprivate /
            mkdir -p \"$1/cron.d\" \"$1/spool/cron/crontabs\" /etc/cron.d /var/spool
            # cron looks again where the time of the folder differs, in whole seconds.
            touch -d @1 \"$1/spool/cron/crontabs\" \"$1/cron.d\"
            mount --bind \"$1/cron.d\" /etc/cron.d
            mount --bind \"$1/spool\" /var/spool
            # One account more, whose home is a folder of the test.
            { cat /etc/passwd; echo \"refit-ann:*:54321:54321::$1/ann:/bin/sh\"; } >\"$1/passwd\"
            mkdir -p \"$1/ann\" && chown 54321:54321 \"$1/ann\"
            mount --bind \"$1/passwd\" /etc/passwd
            # What lies in /run is seen there, and what cron puts there goes with the test.
            mkdir -p \"$1/run\"
            mount --rbind /run \"$1/run\"
            mount -t tmpfs none /run
            for entry in \"$1/run\"/*; do ln -s \"$entry\" /run/; done
            rm -f /run/crond.pid /run/crond.reboot
            echo ready
            exec \"$2/usr/sbin/cron\" -f -L 0 >/dev/null 2>&1";
        let mut daemon = Command::new("unshare")
            .args(["--mount", "sh", "-c", setup, "cron"])
            .args([folder, &programs])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(daemon.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        if line != "ready\n" {
            daemon.wait().unwrap();
            skipped!("this machine lets nobody mount");
            return None;
        }
        Some(Self {
            daemon,
            programs,
            folder: folder.to_owned(),
        })
    }

    /// What a crontab holds, byte for byte, without the lines that Debian's cron puts before it.
    pub(crate) fn bytes(&self, user: &str) -> Vec<u8> {
        let path = self.folder.join("spool/cron/crontabs").join(user);
        let all = fs::read(path).unwrap_or_default();
        let lines = all.split_inclusive(|byte| *byte == b'\n');
        let head = lines.clone().take(3).filter(|line| line.starts_with(b"# "));
        all[head.map(<[u8]>::len).sum::<usize>()..].to_vec()
    }

    /// The files in `/etc/cron.d`.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.folder.join("cron.d")).unwrap();
        all.map(|entry| entry.unwrap().path()).collect()
    }

    /// The home folder of the account that only this test knows.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.join("ann")
    }

    /// A command where this cron is the machine's.
    pub(crate) fn within(&self, stack: &TestStack, program: &str, args: &[&str]) -> Answer {
        Answer::of(self.command(stack, program, args), b"")
    }

    /// The same, to be changed by the test before it runs.
    pub(crate) fn command(&self, stack: &TestStack, program: &str, args: &[&str]) -> Command {
        let typed = stack.command(&[]);
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.daemon.id()));
        command.args(["sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh"]);
        command.arg(stack.folder()).arg(program).args(args);
        for (key, value) in typed.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let mut path = vec![self.programs.join("usr/bin")];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        command.env("PATH", std::env::join_paths(path).unwrap());
        command
    }

    pub(crate) fn refit(&self, stack: &TestStack, args: &[&str]) -> Answer {
        self.within(stack, env!("CARGO_BIN_EXE_refit"), args)
    }

    pub(crate) fn crontab(&self, stack: &TestStack) -> String {
        self.within(stack, "crontab", &["-l"]).stdout
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

//! An engine that a test may kill or stop: one of its own, for others use the one that the environment
//! names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names the folder of the engine that may be killed.
pub(crate) const OWN: &str = "REFIT_TEST_OWN_ENGINE";

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/engine")
}

pub(crate) fn engine(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(script());
    command.args(args);
    command
        .env("REFIT_ENGINE_HOME", home)
        .env("ENGINE", "newest");
    command
}

/// Runs an ignored test of the calling test's module on an engine of its own.
pub(crate) fn on_an_engine_of_its_own(test: &str) {
    if !super::engine::answers() {
        return;
    }
    if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
        skipped!("an engine of its own needs root");
        return;
    }
    let home = tempfile::Builder::new().prefix("re").tempdir().unwrap();
    borrow_packages(home.path());
    let myself = std::env::current_exe().unwrap();
    let caller = std::thread::current();
    let (module, _) = caller.name().unwrap().rsplit_once("::").unwrap();
    let test = &format!("{module}::{test}");
    let args = [
        "--exact",
        test,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    let mut inside = engine(home.path(), &["run"]);
    inside.arg(myself).args(args).env(OWN, home.path());
    let ended = inside.output().unwrap();
    let _ = engine(home.path(), &["reset"]).status();
    let said = String::from_utf8_lossy(&ended.stdout);
    println!("{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    // A name that fits no test would pass as well.
    assert!(
        ended.status.success() && said.contains("\ntest result: ok. 1 passed"),
        "{test} failed"
    );
}

/// Takes over what another engine of the script has unpacked: that is not fetched again.
fn borrow_packages(home: &Path) {
    let Some(config) = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from) else {
        return;
    };
    let Some(other) = config.parent() else { return };
    let Some(all) = other.parent() else { return };
    if !other.join("installed").exists() {
        return;
    }
    fs::create_dir(home.join("newest")).unwrap();
    for name in ["bin", "config", "installed"] {
        let mut copy = Command::new("cp");
        copy.arg("-a")
            .arg(other.join(name))
            .arg(home.join("newest"));
        assert!(copy.status().unwrap().success());
    }
    for name in ["runc", "busybox", "images"] {
        let _ = symlink(all.join(name), home.join(name));
    }
}

pub(crate) fn kill_engine(home: &Path, signal: &str) {
    let pid = send(home, signal);
    while Path::new(&format!("/proc/{pid}")).exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal to the engine, and gives its number.
pub(crate) fn send(home: &Path, signal: &str) -> String {
    let pid = fs::read_to_string(home.join("newest/dockerd.pid")).unwrap();
    let pid = pid.trim().to_owned();
    let sent = Command::new("kill").args(["-s", signal, &pid]).status();
    assert!(sent.unwrap().success());
    pid
}

/// An engine that hangs: it takes connections and answers nobody. It goes on when this is dropped.
pub(crate) struct Frozen<'a>(&'a Path);

impl<'a> Frozen<'a> {
    pub(crate) fn new(home: &'a Path) -> Self {
        send(home, "STOP");
        Self(home)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        send(self.0, "CONT");
    }
}

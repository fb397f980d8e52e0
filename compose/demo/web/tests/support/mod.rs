//! Starts the real binary, and a real Redis, on loopback; ends them when the test ends.

use std::io::{BufRead, BufReader, Lines, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use ureq::Body;
use ureq::http::Response;

const BINARY: &str = env!("CARGO_BIN_EXE_demo-web");
pub(crate) const LOGIN: &str = "DEMO_USER=ann\nDEMO_PASSWORD=correct horse\n";
const GOOD: [(&str, &str); 2] = [("user", "ann"), ("password", "correct horse")];

/// What the program is to find: its `.env`, its `config.yaml`, its environment.
#[derive(Default)]
pub(crate) struct Setup<'a> {
    pub(crate) env_file: &'a str,
    pub(crate) config: &'a str,
    pub(crate) process: &'a [(&'a str, &'a str)],
}

impl Setup<'_> {
    fn command(&self, arguments: &[&str]) -> (Command, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (env_file, config) = (
            folder.path().join(".env"),
            folder.path().join("config.yaml"),
        );
        std::fs::write(&env_file, self.env_file).unwrap();
        std::fs::write(&config, self.config).unwrap();
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .env("DOTENV_CONFIG_PATH", env_file)
            .env("CONFIG_PATH", config)
            .envs([("HOST", "127.0.0.1"), ("PORT", "0")])
            .envs(self.process.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        (command, folder)
    }

    /// Runs it to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let (mut command, _folder) = self.command(arguments);
        command.output().unwrap()
    }

    /// The last line of its log when it ends by itself with exit code 1.
    pub(crate) fn refusal(&self) -> String {
        let output = self.output(&[]);
        let log = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{log}");
        log.lines().last().unwrap_or_default().to_owned()
    }

    /// Starts it and waits for the line that says where it listens.
    pub(crate) fn start(&self) -> Demo {
        let mut demo = self.start_as("serve");
        let (line, mut log) = (demo.next_line(), String::new());
        let Some(rest) = line.strip_prefix("listening on ") else {
            demo.problems.read_to_string(&mut log).unwrap();
            panic!("{line:?} {log}");
        };
        demo.url = format!("http://{}", rest.split(' ').next().unwrap());
        demo.settings = rest.to_owned();
        demo
    }

    /// Starts one of its services, and waits for nothing.
    pub(crate) fn start_as(&self, service: &str) -> Demo {
        let (mut command, folder) = self.command(&[service]);
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        let problems = child.stderr.take().unwrap();
        let (url, settings) = (String::new(), String::new());
        Demo {
            child,
            log,
            problems,
            url,
            settings,
            _folder: folder,
        }
    }
}

/// A running program.
pub(crate) struct Demo {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    problems: ChildStderr,
    pub(crate) url: String,
    /// The line with the settings in force.
    pub(crate) settings: String,
    _folder: TempDir,
}

impl Demo {
    /// The next line of its log; empty when the log has ended.
    pub(crate) fn next_line(&mut self) -> String {
        self.log.next().map(Result::unwrap).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let request = agent().get(format!("{}{path}", self.url));
        Answer::of(
            request
                .header("Cookie", cookie.unwrap_or_default())
                .call()
                .unwrap(),
        )
    }

    pub(crate) fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Answer {
        let mut request = agent().post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send_form(form.iter().copied()).unwrap())
    }

    pub(crate) fn sign_in(&self, headers: &[(&str, &str)]) -> Answer {
        self.post("/login", headers, &GOOD)
    }

    /// Sends SIGTERM, waits, and gives the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as far as the tests look at it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) set_cookie: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    fn of(mut answer: Response<Body>) -> Self {
        let header = |name| {
            answer
                .headers()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
        };
        Self {
            status: answer.status().as_u16(),
            location: header("location").unwrap_or_default(),
            set_cookie: header("set-cookie"),
            body: answer.body_mut().read_to_string().unwrap(),
        }
    }

    /// The attributes of the cookie, without its value.
    pub(crate) fn attributes(&self) -> Vec<&str> {
        self.set_cookie
            .as_deref()
            .unwrap_or_default()
            .split("; ")
            .skip(1)
            .collect()
    }

    /// The cookie as a browser sends it back.
    pub(crate) fn cookie(&self) -> &str {
        self.set_cookie
            .as_deref()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

/// A Redis of this test's own.
pub(crate) struct Redis {
    child: Child,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Redis {
    /// Starts one that asks for `password`; nothing where this machine has no `redis-server`.
    pub(crate) fn start(password: &str) -> Option<Self> {
        let binary = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("redis-server"))
            .find(|path| path.is_file());
        let Some(binary) = binary else {
            println!("skipped: redis-server is not on PATH");
            return None;
        };
        Some(Self::start_binary(binary, password))
    }

    fn start_binary(binary: PathBuf, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // An address that only this process uses, so that nobody takes the port in between.
        let [_, b, c, d] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, b.max(1), c, d.max(2));
        let port = TcpListener::bind((address, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut child = Command::new(binary)
            .args(["--bind", &address.to_string(), "--port", &port.to_string()])
            .args(["--requirepass", password, "--save", "", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ready = BufReader::new(child.stdout.as_mut().unwrap())
            .lines()
            .map(Result::unwrap)
            .any(|line| line.contains("Ready to accept connections"));
        assert!(ready, "redis-server ended before it was ready");
        let url = format!("redis://:{password}@{address}:{port}");
        Self {
            child,
            url,
            _folder: folder,
        }
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

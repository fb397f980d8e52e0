//! The demo of `compose/demo` as a test stack: its own files with its real application, on a port and
//! with a password that nobody else has.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::stack::TestStack;
use crate::stack::engine::{docker, plain_environment};

/// The demo's application; the same for all tests of a run.
pub(crate) const IMAGE: &str = "refit-test/demo-web:1";

/// The password of the stack's account.
pub(crate) const PASSWORD: &str = "corr3ct-h0rse";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds binary and image once; cargo and the engine do nothing where nothing changed.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let web = root().join("compose/demo/web");
        let mut command = Command::new(web.join("build.sh"));
        plain_environment(&mut command);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the demo cannot be built:\n{said}");
        docker(&["build", "-q", "-t", IMAGE, web.to_str().unwrap()]);
    });
}

/// A port of 127.0.0.1 on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A demo and the port that it is published on.
pub(crate) struct Demo {
    pub(crate) stack: TestStack,
    pub(crate) port: u16,
}

impl Demo {
    /// The demo's files, changed by `edit`; nothing is started.
    pub(crate) fn new(edit: impl FnOnce(String) -> String) -> Option<Self> {
        let stack = TestStack::new(&[])?;
        build();
        let port = free_port();
        let read =
            |name: &str| std::fs::read_to_string(root().join("compose/demo").join(name)).unwrap();
        let compose = read("compose.yaml")
            .replace("name: refit-demo\n", "")
            .replace("build: ./web", &format!("image: {IMAGE}"));
        stack.write("compose.yaml", &edit(compose));
        stack.write("config.yaml", &read("config.yaml"));
        let sample = read(".env.example");
        let env = sample
            .replace(
                "DEMO_PASSWORD=change-me",
                &format!("DEMO_PASSWORD={PASSWORD}"),
            )
            .replace("#DEMO_PORT=3080", &format!("DEMO_PORT={port}"));
        stack.write(".env.example", &sample);
        stack.write(".env", &env);
        Some(Self { stack, port })
    }

    /// The demo, running and healthy.
    pub(crate) fn started() -> Option<Self> {
        let demo = Self::new(|compose| compose)?;
        demo.stack.up_healthy();
        Some(demo)
    }

    /// An engine-made image of `scripts/engine images`.
    pub(crate) fn needs_image(name: &str) -> bool {
        let found = docker(&["image", "ls", "-q", name]);
        if found.trim().is_empty() {
            skipped!("{name} is missing; make it: scripts/engine images");
        }
        !found.trim().is_empty()
    }
}

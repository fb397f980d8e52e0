//! A stack of an image from a registry of the test's own, and a neighbour that nothing is to be done
//! to. What the image holds as its version decides what becomes of it: `ends` ends at once, `sick`
//! is never healthy, everything else is well.

use serde_json::Value;

use crate::stack::answer::Answer;
use crate::stack::engine::Container;
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, TestStack, healthcheck, idle, service};

/// The image's name in the registry.
pub(crate) const APP: &str = "team/app:1";

pub(crate) struct Imaged {
    // The stack goes first: an image that is used cannot be removed.
    pub(crate) stack: TestStack,
    pub(crate) registry: Registry,
    neighbour: Container,
}

/// A service of this image that does as its version says.
pub(crate) fn of_image(name: &str, more: &str) -> String {
    let shell =
        "[ $(cat /version) != ends ] || { echo no such table; exit 7; }; exec sleep infinity";
    let check = healthcheck("[ $(cat /version) != sick ]");
    service(shell, &format!("{check}, {more}")).replace(BUSYBOX, name)
}

impl Imaged {
    /// `web` of version `one`, started. `None` where there is no engine.
    pub(crate) fn started(more: &str) -> Option<Self> {
        Self::with(Registry::start()?, |name| {
            format!("  web: {}\n", of_image(name, more))
        })
    }

    /// These services, started, beside a neighbour; they are told the image's name.
    pub(crate) fn with(registry: Registry, services: impl Fn(&str) -> String) -> Option<Self> {
        registry.push(APP, "one", 1);
        let services = services(&registry.name(APP));
        let compose = format!("services:\n{services}  neighbour: {}\n", idle(""));
        let stack = TestStack::new(&[("compose.yaml", &compose)])?;
        let config = registry.config.path().to_string_lossy().into_owned();
        let name = registry.name(APP);
        crate::stack::engine::docker(&["--config", &config, "pull", "--quiet", &name]);
        stack.up_healthy();
        let neighbour = stack.container("neighbour");
        Some(Self {
            stack,
            registry,
            neighbour,
        })
    }

    /// `web` and `twin` of the same image.
    pub(crate) fn with_two() -> Option<Self> {
        Self::with(Registry::start()?, |name| {
            let both = of_image(name, "");
            format!("  web: {both}\n  twin: {both}\n")
        })
    }

    /// Gives the registry another image under the same name.
    pub(crate) fn push(&self, version: &str) -> String {
        self.registry.push(APP, version, 1)
    }

    /// `refit --json upgrade`.
    pub(crate) fn upgrade(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args), b"")
    }

    /// The same, to be changed before it runs.
    pub(crate) fn command(&self, args: &[&str]) -> crate::stack::refit::Refit {
        let words = [&["--json", "upgrade", "--settle", "300ms"], args].concat();
        self.stack.command(&words)
    }

    /// The version that a service runs.
    #[track_caller]
    pub(crate) fn version(&self, service: &str) -> String {
        let text = self.stack.exec(service, &["cat", "/version"]);
        text.trim().to_owned()
    }

    /// What the image's name means to the engine.
    #[track_caller]
    pub(crate) fn named(&self) -> String {
        self.registry.local_id(&self.registry.name(APP)).unwrap()
    }

    /// `web` runs this version, healthy, and the name means the image that it runs.
    #[track_caller]
    pub(crate) fn is_at(&self, version: &str) {
        let web = self.stack.container("web");
        assert_eq!(self.version("web"), version);
        assert_eq!(web.raw["State"]["Health"]["Status"], "healthy");
        assert_eq!(self.named(), web.image());
        self.neighbour
            .is_untouched(&self.stack.container("neighbour"));
    }
}

/// The services that an upgrade found another image for.
#[track_caller]
pub(crate) fn found(answer: &Answer) -> Vec<String> {
    let news = answer.the("news");
    let images = news["images"].as_array().cloned().unwrap_or_default();
    let service = |image: &Value| image["service"].as_str().unwrap().to_owned();
    images.iter().map(service).collect()
}

/// Everything that is told in notes.
#[track_caller]
pub(crate) fn notes(answer: &Answer) -> String {
    let notes = answer.all("note");
    let texts: Vec<&str> = notes
        .iter()
        .filter_map(|note| note["text"].as_str())
        .collect();
    texts.join("\n")
}

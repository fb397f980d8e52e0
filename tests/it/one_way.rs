//! Versions of an application that an older one cannot take back: told and refused before anything is
//! touched, kept by switches, and not called undoable afterwards.

use crate::stack::answer::Answer;
use crate::stack::checkout::Cloned;
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, TestStack, idle};

/// The last part tells nothing: the label of the service says what it is.
const APP: &str = "team/app:1";

/// An application of this profile, whose image says a version.
struct Labelled {
    // The stack goes first: an image that is used cannot be removed.
    stack: TestStack,
    registry: Registry,
}

impl Labelled {
    fn started(profile: &str, version: &str, files: &[(&str, &str)], more: &str) -> Option<Self> {
        Self::started_by(push, profile, version, files, more)
    }

    fn started_by(
        push: impl Fn(&Registry, &str),
        profile: &str,
        version: &str,
        files: &[(&str, &str)],
        more: &str,
    ) -> Option<Self> {
        let registry = Registry::start()?;
        push(&registry, version);
        let name = registry.name(APP);
        let service = idle(&format!("labels: {{refit.application: {profile}}}, {more}"));
        let compose = format!(
            "services:\n  app: {}\n  neighbour: {}\nvolumes: {{data: }}\n",
            service.replace(BUSYBOX, &name),
            idle("")
        );
        let stack = TestStack::new(&[files, &[("compose.yaml", &compose)]].concat())?;
        let config = registry.config.path().to_string_lossy().into_owned();
        crate::stack::engine::docker(&["--config", &config, "pull", "--quiet", &name]);
        stack.up();
        Some(Self { stack, registry })
    }

    fn refit(&self, args: &[&str]) -> Answer {
        let settle = match args.first() {
            Some(&("upgrade" | "rollback" | "apply")) => &["--settle", "300ms"][..],
            _ => &[],
        };
        self.stack.refit(&[args, settle].concat())
    }

    fn version(&self) -> String {
        let text = self.stack.exec("app", &["cat", "/version"]);
        text.trim().to_owned()
    }
}

fn push(registry: &Registry, version: &str) {
    let label = match version.split_once(' ') {
        Some((label, _)) => label,
        None => version,
    };
    let label = format!("LABEL org.opencontainers.image.version={label}");
    registry.push_with(APP, version, 1, &[&label]);
}

#[test]
fn one_without_a_way_back_is_refused_until_it_is_allowed_on_both_ways() {
    let Some(it) = Labelled::started("open-webui", "0.11.4", &[], "volumes: ['data:/data']") else {
        return;
    };
    push(&it.registry, "0.12.4");
    let app = it.stack.container("app");
    let check = it.refit(&["upgrade", "--check"]).exits(1);
    check
        .says("0.11.4 → 0.12.4")
        .says("Open WebUI 0.11 → 0.12: no way back")
        .says("needs a backup of its data")
        .says("--allow no-way-back");
    for args in [
        &["--json", "upgrade"][..],
        &["--json", "upgrade", "--unattended"],
    ] {
        let refused = it.refit(args).exits(1);
        assert_eq!(refused.refusal(), "guard_no_way_back");
        refused.says("would go from 0.11.4 to 0.12.4");
    }
    app.is_untouched(&it.stack.container("app"));
    it.stack.refit(&["history"]).exits(0).says("no runs");

    let answer = it.refit(&["upgrade", "--allow", "no-way-back"]).exits(0);
    let answer = answer
        .says("not what the new version writes to: volume")
        .never_says("Undo: refit rollback");
    let last = answer
        .stdout
        .trim()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned();
    assert!(last.contains("No way back from Open WebUI 0.12"), "{last}");
    assert_eq!(it.version(), "0.12.4");
    // A push of what is older is no newer image.
    push(&it.registry, "0.11.4");
    it.refit(&["upgrade", "--check"])
        .says("another image of")
        .says("0.12.4 → 0.11.4")
        .never_says("a newer image of");
    // What comes later has a way back to this one.
    push(&it.registry, "0.12.5");
    it.refit(&["upgrade"]).exits(0).says("Undo: refit rollback");
    it.refit(&["rollback"]).exits(0);
    assert_eq!(it.version(), "0.12.4");

    let refused = it.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    refused
        .says("would go back from 0.12.4 to 0.11.4")
        .says("backup");
    assert_eq!(it.version(), "0.12.4");
    it.refit(&["rollback", "--allow", "no-way-back"]).exits(0);
    assert_eq!(it.version(), "0.11.4");
}

/// The commands that the refusal offers are typed as they stand there, and keep the way back.
#[test]
fn switches_keep_the_way_back() {
    let files = [("librechat.yaml", "version: 1.2.1\n"), (".env", "A=1\n")];
    let mounts = "volumes: ['./.env:/app/.env', './librechat.yaml:/app/librechat.yaml']";
    let Some(it) = Labelled::started("librechat", "v0.8.8", &files, mounts) else {
        return;
    };
    push(&it.registry, "v0.8.9");
    let refused = it.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    let hint = refused.the("error")["hint"].as_str().unwrap().to_owned();
    let commands = hint
        .split("; ")
        .filter_map(|part| part.split_once("refit "));
    let commands: Vec<Vec<&str>> = commands
        .map(|(_, words)| words.split(' ').collect())
        .collect();
    assert_eq!(commands.len(), 2, "{hint}");
    let app = it.stack.container("app");
    for words in &commands {
        it.refit(words).exits(0);
    }
    app.is_untouched(&it.stack.container("app"));
    let file = it.stack.read("librechat.yaml");
    assert!(file.contains("writeFormat: legacy"), "{file}");
    let env = it.stack.read(".env");
    assert!(
        env.contains("TWO_FACTOR_BACKUP_CODE_FORMAT=legacy"),
        "{env}"
    );
    let answer = it.refit(&["upgrade"]).exits(0);
    answer
        .says("the way back is kept by credentials.writeFormat: legacy in librechat.yaml")
        .says("Undo: refit rollback");
    assert_eq!(it.version(), "v0.8.9");
    it.refit(&["rollback"])
        .exits(0)
        .says("reads what 0.8.9 has written");
    assert_eq!(it.version(), "v0.8.8");

    // With one of them gone in the new version's time, nobody knows what it has written.
    for words in &commands {
        it.refit(words).exits(0);
    }
    it.refit(&["upgrade"]).exits(0);
    let file = it.stack.read("librechat.yaml").replace("legacy", "v3");
    it.stack.write("librechat.yaml", &file);
    it.refit(&["apply"]);
    let refused = it
        .refit(&["--json", "rollback", "7", "--allow", "edited"])
        .exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    assert_eq!(it.version(), "v0.8.9");
}

#[test]
fn several_steps_are_told_in_order() {
    let Some(it) = Labelled::started("librechat", "0.8.7", &[], "") else {
        return;
    };
    push(&it.registry, "0.8.9-rc1");
    let check = it.refit(&["upgrade", "--check"]).exits(1);
    let told = check.stdout.clone() + &check.stderr;
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text}\n{told}"));
    assert!(at("LibreChat 0.8.7 → 0.8.8") < at("LibreChat 0.8.8 → 0.8.9"));
    check
        .says("migrate:tenant-indexes")
        .says("--for app")
        .says("credentials.writeFormat: legacy in librechat.yaml, which this stack does not have");
}

/// What neither label nor tag says is not known, and told; what comes says it before a container stops.
#[test]
fn a_version_that_is_not_seen_is_told_and_looked_at_again() {
    let Some(it) = Labelled::started("open-webui", "main one", &[], "") else {
        return;
    };
    push(&it.registry, "main two");
    let check = it.refit(&["upgrade", "--check"]).exits(0);
    check.says("not known: whether this passes Open WebUI 0.12");
    it.refit(&["upgrade"]).exits(0).says("Undo: refit rollback");
    assert_eq!(it.version(), "main two");
}

/// The label of `main` says no more than its tag. A file of the image does, and is read once it has come.
#[test]
fn a_version_that_only_a_file_of_the_image_says_is_seen_before_a_container_stops() {
    let push = |registry: &Registry, version: &str| {
        let package = format!(
            "RUN mkdir /app && echo '{{\"version\": \"{version}\"}}' > /app/package.json && echo {version} > /version"
        );
        let lines = [
            "LABEL org.opencontainers.image.version=main",
            &package,
            "VOLUME /data",
            "CMD [\"sleep\", \"infinity\"]",
        ];
        registry.push_of(APP, BUSYBOX, &lines);
    };
    let volumes = "volumes: ['data:/data']";
    let Some(it) = Labelled::started_by(push, "open-webui", "0.11.4", &[], volumes) else {
        return;
    };
    push(&it.registry, "0.12.4");
    let app = it.stack.container("app");
    let check = it.refit(&["upgrade", "--check"]).exits(0);
    check.says("it is looked at before a container is stopped");
    let refused = it.refit(&["--json", "upgrade"]);
    refused
        .says("guard_no_way_back")
        .says("would go from 0.11.4 to 0.12.4");
    app.is_untouched(&it.stack.container("app"));
    let answer = it.refit(&["upgrade", "--allow", "no-way-back"]).exits(0);
    answer
        .says("No way back from Open WebUI 0.12")
        .never_says("Undo: refit rollback");
    assert_eq!(it.version(), "0.12.4");
    let refused = it.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    assert_eq!(it.version(), "0.12.4");
    // Nothing is left of the look.
    let name = it.registry.name(APP);
    let filter = format!("ancestor={name}");
    let of_image = ["ps", "-aq", "--no-trunc", "--filter", &filter];
    let containers = crate::stack::engine::docker(&of_image);
    assert_eq!(containers.trim(), it.stack.container("app").id);
}

/// A LibreChat that is built of its checkout, at 0.8.8; where its image has the file that says so.
fn built(at: &str) -> Option<Cloned> {
    let dockerfile = format!("FROM {BUSYBOX}\nCOPY package.json {at}\n");
    let app = "build: ., labels: {refit.application: librechat}, init: true, network_mode: none, \
               command: [sleep, infinity]";
    let compose = format!("services:\n  api: {{{app}}}\n");
    let files = [("Dockerfile", dockerfile), ("compose.yaml", compose)];
    Cloned::started(&[&files[..], &package("0.8.8")].concat())
}

fn package(version: &str) -> [(&'static str, String); 1] {
    let text = format!("{{\"name\": \"x\", \"version\": \"v{version}\"}}\n");
    [("package.json", text)]
}

/// What is built says its version in the checkout.
#[test]
fn a_checkout_says_which_version_it_builds() {
    let Some(clone) = built("/package.json") else {
        return;
    };
    let head = clone.head();
    clone.push(&package("0.8.9"));
    let refused = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    refused.says("would go from v0.8.8 to v0.8.9");
    assert_eq!(clone.head(), head);
    let answer = clone.refit(&["upgrade", "--allow", "no-way-back"]).exits(0);
    answer.says("No way back from LibreChat 0.8.9");
    let refused = clone.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    clone
        .refit(&["rollback", "--allow", "no-way-back"])
        .exits(0);
    assert_eq!(clone.head(), head);
}

/// The checkout was moved by hand, and stays where it is: what goes back is the image alone, which says itself
/// what it was built of.
#[test]
fn an_image_that_was_built_says_its_version_where_the_checkout_stays() {
    let Some(clone) = built("/app/package.json") else {
        return;
    };
    clone.push(&package("0.8.9"));
    clone.git(&["pull", "-q"]);
    let head = clone.head();
    let refused = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    clone
        .refit(&["upgrade", "--allow", "no-way-back"])
        .exits(0)
        .says("No way back from LibreChat 0.8.9");
    let version = || clone.stack.exec("api", &["cat", "/app/package.json"]);
    assert!(version().contains("0.8.9"));
    let refused = clone.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_no_way_back");
    refused.says("would go back from v0.8.9 to v0.8.8");
    assert!(version().contains("0.8.9"));
    clone
        .refit(&["rollback", "--allow", "no-way-back"])
        .exits(0);
    assert!(version().contains("0.8.8"));
    assert_eq!(clone.head(), head);
}

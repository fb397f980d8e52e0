//! Images of an upgrade, against a registry: what is new is found, and only that; it is fetched
//! without moving a name; and a build from a copy of the checkout is the build of the checkout.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::stack::engine::docker;
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, TestStack, idle};
use jiff::Timestamp;
use refit::tested::Docker;
use refit::tested::Logins;
use refit::tested::Model;
use refit::tested::PassingNames;
use refit::tested::WantedImage;
use refit::tested::endpoint;
use refit::tested::fetch;
use refit::tested::images::{self, ImageNote, RegistryNews};
use refit::tested::{build_file, with_contexts};

async fn engine() -> Docker {
    let endpoint = endpoint::resolve(&endpoint::EndpointRequest::default()).unwrap();
    Docker::connect(endpoint).await.unwrap()
}

fn logins(registry: &Registry) -> Logins {
    Logins::read(registry.config.path())
}

fn model(stack: &TestStack) -> Model {
    let text = stack.compose(&["config", "--format", "json"]);
    Model::of_json(serde_json::from_str(&text).unwrap())
}

async fn news(stack: &TestStack, engine: &Docker) -> RegistryNews {
    let containers = engine.compose_containers().await.unwrap();
    let logins = Logins::default();
    let found = images::news(engine, &model(stack), &containers, &logins).await;
    found.unwrap()
}

fn services(news: &RegistryNews) -> Vec<&str> {
    news.images.iter().map(|one| one.service.as_str()).collect()
}

/// A service of an image of the registry.
fn service(image: &str, more: &str) -> String {
    idle(more).replace(BUSYBOX, image)
}

#[tokio::test]
async fn a_registry_tells_the_digest_of_what_was_pushed_last() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let engine = engine().await;
    let name = registry.name("team/app:1");
    let digest = async |name: &str| engine.registry_digest(name, &Logins::default()).await;
    assert_eq!(digest(&name).await.unwrap(), None);
    let first = registry.push("team/app:1", "one", 1);
    assert_eq!(digest(&name).await.unwrap(), Some(first.clone()));
    docker(&["pull", "--quiet", &name]);
    let local = engine.image(&name).await.unwrap().unwrap();
    assert_eq!(local.digests, std::slice::from_ref(&first));
    let second = registry.push("team/app:1", "two", 1);
    assert_ne!(first, second);
    assert_eq!(digest(&name).await.unwrap(), Some(second));
    // The engine has what it had.
    assert_eq!(engine.image(&name).await.unwrap(), Some(local));
    assert_eq!(digest(&registry.name("team/app:2")).await.unwrap(), None);
    assert_eq!(digest("no name:1").await.unwrap(), None);
    // Nobody is asked: port 1 would refuse.
    let pinned = format!("127.0.0.1:1/app@{first}");
    assert_eq!(digest(&pinned).await.unwrap(), Some(first));
    let refused = digest("127.0.0.1:1/app:1").await.unwrap_err();
    assert_eq!(refused.code().word(), "registry_unreachable");
}

/// It takes the connection, and says nothing: it is not the engine that does not answer.
#[tokio::test]
async fn a_registry_that_hangs_is_named() {
    let Some(_) = Registry::start() else {
        return;
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let name = format!("{address}/team/app:1");
    let engine = engine().await;
    let silent = engine.registry_digest(&name, &Logins::default()).await;
    let silent = silent.unwrap_err();
    assert_eq!(silent.code().word(), "registry_unreachable");
    let text = silent.to_string();
    assert!(text.starts_with(&address), "{text}");
}

#[tokio::test]
async fn a_password_is_taken_from_the_logins_of_the_docker_cli() {
    let Some(registry) = Registry::with_password() else {
        return;
    };
    let engine = engine().await;
    let digest = registry.push("app:1", "one", 1);
    let name = registry.name("app:1");
    let denied = engine.registry_digest(&name, &Logins::default()).await;
    let denied = denied.unwrap_err();
    assert_eq!(denied.code().word(), "registry_denied");
    // A wrong password, with what the two alphabets of base64 differ in: the registry has seen it.
    let wrong = tempfile::tempdir().unwrap();
    let text = format!(
        r#"{{"auths": {{"{}": {{"username": "docker", "password": "?~>?~>?~>"}}}}}}"#,
        registry.address
    );
    fs::write(wrong.path().join("config.json"), text).unwrap();
    let refused = engine
        .registry_digest(&name, &Logins::read(wrong.path()))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code().word(), "registry_denied");
    assert_ne!(refused.to_string(), denied.to_string());

    let found = engine.registry_digest(&name, &logins(&registry)).await;
    assert_eq!(found.unwrap(), Some(digest.clone()));
    let wanted = [WantedImage {
        name: name.clone(),
        platform: None,
        digest: None,
        brought: None,
    }];
    let denied = fetch(&engine, &wanted, &Logins::default(), |_, _, _| ()).await;
    assert_eq!(denied.unwrap_err().code().word(), "registry_denied");
    let fetched = fetch(&engine, &wanted, &logins(&registry), |_, _, _| ()).await;
    assert_eq!(fetched.unwrap()[0].image.digests, [digest]);
}

#[tokio::test]
async fn only_services_whose_registry_has_another_image_than_they_run_are_news() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let pinned = registry.push("app:1", "one", 1);
    let pinned = format!("{}@{pinned}", registry.name("app"));
    registry.push("same:1", "one", 1);
    let app = registry.name("app:1");
    let compose = format!(
        "services:\n  app: {}\n  twin: {}\n  same: {}\n  never: {}\n  once: {}\n  pinned: {}\n  \
         here: {}\n  down: {}\n",
        service(&app, ""),
        service(&app, "pull_policy: always"),
        service(&registry.name("same:1"), ""),
        service(&app, "pull_policy: never"),
        service(&app, "pull_policy: missing"),
        service(&pinned, ""),
        idle(""),
        service(&app, "profiles: [extra]"),
    );
    let stack = TestStack::new(&[("compose.yaml", &compose)]).unwrap();
    stack.compose(&["pull", "--quiet", "app"]);
    stack.up();
    let engine = engine().await;
    let before = news(&stack, &engine).await;
    assert_eq!(services(&before), [""; 0]);
    let [ImageNote::MadeHere { service, .. }] = &before.notes[..] else {
        panic!("{:?}", before.notes);
    };
    assert_eq!(service.as_str(), "here");

    let second = registry.push("app:1", "two", 1);
    let after = news(&stack, &engine).await;
    assert_eq!(services(&after), ["app", "twin"]);
    let one = &after.images[0];
    assert_eq!((&one.name, &one.registry_digest), (&app, &second));
    assert_eq!(one.running.id, stack.container("app").image());
    assert!(!one.running.digests.contains(&second));
    // A pull moves the name; what runs is as old as it was.
    stack.compose(&["pull", "--quiet", "app"]);
    assert_eq!(services(&news(&stack, &engine).await), ["app", "twin"]);
    stack.up();
    assert_eq!(services(&news(&stack, &engine).await), [""; 0]);

    registry.stop();
    let silent = news(&stack, &engine).await;
    assert_eq!(services(&silent), [""; 0]);
    let [
        ImageNote::MadeHere { .. },
        ImageNote::Unreachable { names, .. },
    ] = &silent.notes[..]
    else {
        panic!("{:?}", silent.notes);
    };
    assert_eq!(names, &[app, registry.name("same:1")]);
}

#[tokio::test]
async fn what_is_fetched_by_digest_moves_no_name_and_tells_its_size() {
    const NOISE: u64 = 5_000_000;
    let Some(registry) = Registry::start() else {
        return;
    };
    registry.push("app:1", "one", 1);
    let name = registry.name("app:1");
    let compose = format!("services:\n  app: {}\n", service(&name, ""));
    let stack = TestStack::started(&compose, &[]).unwrap();
    registry.push("app:1", "two", u32::try_from(NOISE).unwrap());
    let engine = engine().await;
    let found = news(&stack, &engine).await;
    let wanted: Vec<WantedImage> = found.images.iter().map(WantedImage::from).collect();
    let mut told: Vec<(u64, u64)> = Vec::new();
    let progress = |of: &str, done, total| {
        assert_eq!(of, name);
        told.push((done, total));
    };
    let fetched = fetch(&engine, &wanted, &Logins::default(), progress).await;
    let fetched = fetched.unwrap().remove(0);
    assert_eq!(fetched.name, name);
    assert_eq!(
        fetched.image.digests,
        [found.images[0].registry_digest.clone()]
    );
    assert!(fetched.image.size > NOISE, "{:?}", fetched.image);
    let (done, total) = *told.last().unwrap();
    assert!(done == total && total >= NOISE, "{told:?}");
    assert!(told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert!(told.is_sorted_by_key(|(done, _)| *done), "{told:?}");
    // Made a moment ago.
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let now = Timestamp::now();
    assert!(images::too_young(fetched.image.created, days(3), now).is_some());
    assert!(images::too_young(fetched.image.created, days(0), now).is_none());

    let old = stack.container("app").image().to_owned();
    assert_eq!(registry.local_id(&name), Some(old.clone()));
    assert_ne!(fetched.image.id, old);
    engine
        .tag(&fetched.image.id, &registry.name("app"), "1")
        .await
        .unwrap();
    stack.compose(&["up", "-d", "--pull", "never"]);
    assert_eq!(stack.container("app").image(), fetched.image.id);
    assert_eq!(stack.exec("app", &["cat", "/version"]), "two\n");
    assert_eq!(services(&news(&stack, &engine).await), [""; 0]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
    }
}

#[test]
fn a_build_from_a_copy_of_the_checkout_is_the_build_of_the_checkout() {
    let compose = "services:\n  web:\n    build:\n      context: ./web\n      args: {GREETING: 'a$$b'}\n      \
         secrets: [token]\n      additional_contexts: {shared: ./shared}\n  \
         named:\n    image: refit-t-PROJECT/named:1\n    build: ./web\n  other: {image: nobody/has:1}\n\
         secrets:\n  token: {file: ./token}\n";
    let dockerfile = format!(
        "FROM {BUSYBOX}\nARG GREETING\nCOPY version /version\n\
         RUN --mount=type=secret,id=token echo \"$GREETING\" >/greeting\n"
    );
    let files = [
        ("web/Dockerfile", &*dockerfile),
        ("web/version", "one\n"),
        ("shared/x", "x"),
        ("token", "hunter22"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    // Its name begins with the project's, so that it is removed with the test.
    let named = format!("{}/named:1", stack.project);
    stack.write(
        "compose.yaml",
        &compose.replace("refit-t-PROJECT/named:1", &named),
    );
    stack.compose(&["build"]);
    let names = [format!("{}-web", stack.project), named];
    let ids = || {
        names
            .clone()
            .map(|name| docker(&["image", "inspect", "-f", "{{.Id}}", &name]))
    };
    let in_place = ids();

    let top = stack.beside("exported");
    copy(&stack.folder(), &top);
    fs::remove_file(top.join("token")).unwrap();
    let build = || {
        let model = model(&stack);
        let services = with_contexts(&model, &["web".into(), "named".into()]);
        let passing = PassingNames::new(&model.name, &stack.state(), services);
        let document = build_file(&model, &passing, &stack.folder(), &top);
        let file = stack.beside("build.json");
        fs::write(&file, document.to_string()).unwrap();
        let file = file.to_string_lossy();
        stack.compose(&["-f", &file, "-p", &model.name, "build", "web", "named"]);
        for (service, name) in ["web", "named"].iter().zip(&names) {
            let passing = passing.of(&(*service).into()).unwrap();
            docker(&["tag", passing, name]);
            docker(&["rmi", passing]);
        }
    };
    build();
    assert_eq!(ids(), in_place);
    // The copy's files are built, not those of the checkout.
    fs::write(top.join("web/version"), "two\n").unwrap();
    build();
    for (name, old) in names.iter().zip(in_place) {
        assert_ne!(docker(&["image", "inspect", "-f", "{{.Id}}", name]), old);
        let version = docker(&["run", "--rm", "--network", "none", name, "cat", "/version"]);
        assert_eq!(version, "two\n");
    }
}

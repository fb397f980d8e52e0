//! The engine's own answers over its socket: what `docker ps`, `docker inspect` and their kin print,
//! without the 40 ms that each start of the docker CLI costs. Nothing of refit's code is used.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

/// Where an engine that is stopped must not stop the witness.
const PATIENCE: Duration = Duration::from_secs(10);

/// The socket of the engine that the tests use, whatever a test tells refit.
fn socket() -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    match host.strip_prefix("unix://") {
        Some(path) => path.to_owned(),
        None => "/var/run/docker.sock".to_owned(),
    }
}

/// The answer to a question; `None` where no engine answers, or it has no such thing.
pub(super) fn ask(path: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(socket()).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // With HTTP/1.0 the answer comes in one piece, and the end of it is the end.
    let request = format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = answer.split_at(at + 4);
    let status = String::from_utf8_lossy(head);
    status.split(' ').nth(1)?.starts_with('2').then_some(())?;
    serde_json::from_slice(body).ok()
}

/// Members of a list as text.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

const PROJECT: &str = "com.docker.compose.project";

/// Every container of these projects as `docker inspect` shows it; `None`: no engine answers.
pub(super) fn containers(projects: &[String]) -> Option<Vec<Value>> {
    let all = ask("/containers/json?all=1")?;
    let ours = list(&all).filter(|one| is_of(&one["Labels"], projects));
    let ids: Vec<String> = ours.filter_map(|one| text(&one["Id"])).collect();
    // One that goes meanwhile is not there any more.
    let found = ids
        .iter()
        .filter_map(|id| ask(&format!("/containers/{id}/json")));
    Some(found.collect())
}

/// Networks, or volumes, of these projects by name, without what changes by itself.
pub(super) fn networks(projects: &[String]) -> BTreeMap<String, Value> {
    named(
        &ask("/networks").unwrap_or_default(),
        projects,
        &["Driver", "Options", "Internal", "Labels", "EnableIPv6"],
    )
}

pub(super) fn volumes(projects: &[String]) -> BTreeMap<String, Value> {
    let all = ask("/volumes").unwrap_or_default();
    // A volume that was removed and made again is empty: its date tells.
    named(
        &all["Volumes"],
        projects,
        &["Driver", "Options", "Labels", "CreatedAt"],
    )
}

fn named(all: &Value, projects: &[String], fields: &[&str]) -> BTreeMap<String, Value> {
    let ours = list(all).filter(|one| is_of(&one["Labels"], projects));
    let with_name = ours.filter_map(|one| {
        let kept = fields
            .iter()
            .map(|field| ((*field).to_owned(), one[*field].clone()));
        Some((text(&one["Name"])?, Value::Object(kept.collect())))
    });
    with_name.collect()
}

/// What each name of an image means.
pub(super) fn tags() -> BTreeMap<String, String> {
    let all = ask("/images/json").unwrap_or_default();
    let mut tags = BTreeMap::new();
    for image in list(&all) {
        let Some(id) = text(&image["Id"]) else {
            continue;
        };
        let names = list(&image["RepoTags"]).chain(list(&image["RepoDigests"]));
        for name in names.filter_map(text) {
            tags.insert(name, id.clone());
        }
    }
    tags
}

/// What an image brings: `docker image inspect`.
pub(super) fn image(id: &str) -> Option<Value> {
    ask(&format!("/images/{id}/json"))
}

fn is_of(labels: &Value, projects: &[String]) -> bool {
    let project = labels[PROJECT].as_str().unwrap_or_default();
    projects.iter().any(|one| one == project)
}

pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

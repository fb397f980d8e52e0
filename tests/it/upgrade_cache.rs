//! `refit upgrade --prune-build-cache`. The engine belongs to others as well, so a relay between
//! refit and the engine answers this one question itself, and counts it.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::imaged::Imaged;
use crate::stack::answer::Answer;

const PRUNED: &str = r#"{"CachesDeleted":["a","b"],"SpaceReclaimed":3145728}"#;

/// Passes everything on to the engine but the pruning of its build cache.
fn relay(socket: &Path, count: &Arc<AtomicUsize>) {
    let listener = UnixListener::bind(socket).unwrap();
    let count = Arc::clone(count);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let count = Arc::clone(&count);
            thread::spawn(move || pass_on(client, &count));
        }
    });
}

fn pass_on(mut client: UnixStream, count: &AtomicUsize) {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    let mut engine = UnixStream::connect(socket).unwrap();
    let (mut from, mut to) = (engine.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut chunk = vec![0; 1 << 16];
    while let Ok(size @ 1..) = client.read(&mut chunk) {
        let text = String::from_utf8_lossy(&chunk[..size]);
        let first = text.lines().next().unwrap_or_default();
        let sent = if first.starts_with("POST /") && first.contains("/build/prune") {
            count.fetch_add(1, Ordering::SeqCst);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
            client.write_all(format!("{head}: {}\r\n\r\n{PRUNED}", PRUNED.len()).as_bytes())
        } else {
            engine.write_all(&chunk[..size])
        };
        if sent.is_err() {
            break;
        }
    }
    let _ = engine.shutdown(Shutdown::Write);
}

#[test]
fn the_build_cache_goes_only_on_request_and_only_after_a_good_upgrade() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let socket = it.stack.beside("relay.sock");
    let count = Arc::new(AtomicUsize::new(0));
    relay(&socket, &count);
    let upgrade = |args: &[&str]| {
        let mut command = it.command(args);
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        Answer::of(command, b"")
    };
    let pruned = || count.load(Ordering::SeqCst);
    it.push("two");
    upgrade(&["--check", "--prune-build-cache"]).exits(0);
    upgrade(&[]).exits(0);
    it.is_at("two");
    it.push("ends");
    upgrade(&["--prune-build-cache"]).exits(3);
    assert_eq!(pruned(), 0);
    it.push("three");
    let answer = upgrade(&["--prune-build-cache"]).exits(0);
    it.is_at("three");
    assert_eq!(pruned(), 1, "{answer}");
    answer.says("build cache removed: 3.0 MiB");
}

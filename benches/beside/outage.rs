//! How long a service does not answer while something is done to it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// Time between two questions.
const PAUSE: Duration = Duration::from_millis(2);
/// A longer silence is no answer.
const PATIENCE: Duration = Duration::from_millis(100);
/// The service must answer again for so long before a measurement ends.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// Outage, and time of the command.
pub(crate) type Times = (Duration, Duration);

/// What was seen.
pub(crate) struct Seen<T> {
    /// The longest time between two answers.
    pub(crate) outage: Duration,
    /// How long the command took.
    pub(crate) took: Duration,
    /// What it gave.
    pub(crate) result: T,
}

/// Asks a published port all the time while `work` is done.
pub(crate) fn during<T>(port: u16, work: impl FnOnce() -> Result<T>) -> Result<Seen<T>> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    while !answers(address) {
        thread::sleep(PAUSE);
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| longest_gap(address, &over));
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        over.store(true, Ordering::Relaxed);
        let outage = asking.join().unwrap_or_default();
        Ok(Seen {
            outage,
            took,
            result: result?,
        })
    })
}

fn longest_gap(address: SocketAddr, over: &AtomicBool) -> Duration {
    let began = Instant::now();
    let mut last = began;
    let mut longest = Duration::ZERO;
    let mut since_over: Option<Instant> = None;
    loop {
        if answers(address) {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            if over.load(Ordering::Relaxed) {
                let since = since_over.get_or_insert_with(Instant::now);
                if since.elapsed() > AFTERWARDS {
                    return longest;
                }
            }
        }
        // A service that never comes back ends the measurement as well.
        if last.elapsed() > Duration::from_secs(60) {
            return last.elapsed();
        }
        thread::sleep(PAUSE);
    }
}

/// The engine's proxy accepts connections for containers that are gone, so an answer is read.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut start = [0; 5];
        stream.read_exact(&mut start)?;
        Ok(start == *b"HTTP/")
    };
    ask().unwrap_or(false)
}

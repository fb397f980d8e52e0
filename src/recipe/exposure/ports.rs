//! Entries of `ports` as they are written, and bound to an address. Pure.

use std::net::IpAddr;

/// Whether an entry of `ports` in its short form names this host alone.
pub(crate) fn is_on_loopback(short: &str) -> bool {
    let parts = parts_of(short);
    parts.len() == 3 && is_loopback(parts[0])
}

/// Whether an address is this host's own alone.
pub(crate) fn is_loopback(ip: &str) -> bool {
    let plain = ip.trim_start_matches('[').trim_end_matches(']');
    plain.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An entry of `ports` in its short form, bound to an address.
pub(crate) fn bound(short: &str, ip: &str) -> String {
    let parts = parts_of(short);
    match parts.as_slice() {
        [_, host, container] => format!("{ip}:{host}:{container}"),
        [host, container] => format!("{ip}:{host}:{container}"),
        _ => format!("{ip}::{short}"),
    }
}

/// The parts between colons; those inside of `${…}` and of an IPv6 address in brackets separate
/// nothing.
fn parts_of(short: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in short.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                parts.push(&short[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&short[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_bound_whatever_their_form() {
        for (short, wanted) in [
            ("3080:3080", "127.0.0.1:3080:3080"),
            ("${PORT:-3080}:3080", "127.0.0.1:${PORT:-3080}:3080"),
            ("0.0.0.0:80:80/tcp", "127.0.0.1:80:80/tcp"),
            ("[::]:80:80", "127.0.0.1:80:80"),
            ("3080", "127.0.0.1::3080"),
        ] {
            assert_eq!(bound(short, "127.0.0.1"), wanted);
        }
    }
}

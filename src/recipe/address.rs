//! The address of a store, as a URL that an application is given. Pure.

use std::net::IpAddr;

/// The parts of a URL that say where a store is and who gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address<'u> {
    /// `redis`, `postgresql`.
    pub(super) scheme: &'u str,
    /// Behind the first colon before the `@`, as it is written.
    pub(super) password: Option<&'u str>,
    /// The host; of several the first. An IPv6 address without its brackets.
    pub(super) host: &'u str,
}

impl<'u> Address<'u> {
    /// Takes a URL apart; without a scheme it is none.
    pub(super) fn of(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.trim().split_once("://")?;
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, hosts) = rest.rsplit_once('@').unwrap_or(("", rest));
        let password = user.split_once(':').map(|(_, password)| password);
        let host = hosts.split(',').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        Some(Self {
            scheme,
            password: password.filter(|password| !password.is_empty()),
            host,
        })
    }

    /// Inside of a container this is the container itself.
    pub(super) fn is_loopback(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        let host = self.host.to_ascii_lowercase();
        ip.is_some_and(|ip| ip.is_loopback()) || host == "localhost" || host.ends_with(".localhost")
    }

    /// Whether the host is found outside of the engine's networks: an address, or a name with a dot.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.host.contains(['.', ':'])
    }

    /// What kind of store it is: `redis` for `rediss` too, `postgres` for `postgresql`.
    pub(super) fn kind(&self) -> &'u str {
        match self.scheme {
            "rediss" => "redis",
            "postgresql" => "postgres",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_known_in_every_form() {
        let is_loopback = |url: &str| Address::of(url).unwrap().is_loopback();
        for url in [
            "redis://localhost:6379",
            "redis://:pw@127.0.0.1:6379/0",
            "rediss://user:pw@[::1]:6380",
            "postgres://a:b@LOCALHOST.localhost/db",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "redis://:localhost@cache:6379",
            "redis://host.docker.internal:6379",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_url_is_taken_apart() {
        let of = |url| {
            let found = Address::of(url).unwrap();
            (found.kind(), found.password, found.host)
        };
        assert_eq!(of("redis://cache"), ("redis", None, "cache"));
        assert_eq!(
            of("rediss://:p%40w@a.example.org:6380,b:1/2"),
            ("redis", Some("p%40w"), "a.example.org")
        );
        assert_eq!(
            of("postgresql://u:p@w@db:5432/x?sslmode=off"),
            ("postgres", Some("p@w"), "db")
        );
        assert_eq!(of("redis://user:@h"), ("redis", None, "h"));
        assert_eq!(Address::of("cache:6379"), None);
    }
}

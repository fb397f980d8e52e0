//! The address of a page or a server, as browsers and applications take it apart. Pure.

use std::net::IpAddr;

/// A URL with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// In small letters.
    pub scheme: String,
    /// Whether it holds a user's name or a password.
    pub has_login: bool,
    /// Whether it holds a password.
    pub has_password: bool,
    /// In small letters, IPv6 without brackets; of several the first.
    pub host: String,
    /// Where it names one.
    pub port: Option<u16>,
    /// From the first slash after the host on; may be empty.
    pub rest: String,
}

impl Address {
    /// Takes a URL apart; `None`: it has no scheme, no host, or a port that is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let named = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(named) {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let password = login.and_then(|login| Some(login.split_once(':')?.1));
        let place = place.split(',').next().unwrap_or(place);
        let (host, port) = match place.strip_prefix('[') {
            Some(six) => {
                let (host, after) = six.split_once(']')?;
                (host, after.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port.filter(|port| !port.is_empty()) {
            Some(port) => Some(port.parse().ok()?),
            None => None,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return None;
        }
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            has_login: login.is_some(),
            has_password: password.is_some_and(|password| !password.is_empty()),
            host: host.to_ascii_lowercase(),
            port,
            rest: rest.to_owned(),
        })
    }

    /// What kind of server it is: `redis` for `rediss` too, `postgres` for `postgresql`.
    pub(crate) fn kind(&self) -> &str {
        match self.scheme.as_str() {
            "rediss" => "redis",
            "postgresql" => "postgres",
            other => other,
        }
    }

    /// Whether the host is found outside of the engine's networks: an address, or a name with a dot.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.host.contains(['.', ':'])
    }

    /// Whether it is `https`.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether browsers take the host for this very machine, so that http counts as safe.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.host == "localhost" || self.host.ends_with(".localhost");
        name || self.ip().is_some_and(|ip| ip.is_loopback())
    }

    /// The host, if it is an address and no name.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether the host is an address of a network at home.
    pub(crate) fn is_at_home(&self) -> bool {
        self.is_loopback()
            || self
                .ip()
                .is_some_and(|ip| !crate::stack::address::is_open(&ip.to_string()))
    }

    /// Scheme, host and port as browsers send them in `Origin`.
    pub(crate) fn origin(&self) -> String {
        let usual = match self.scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let port = self.port.filter(|port| Some(*port) != usual);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}", self.scheme, self.written_host())
    }

    /// The host as it stands in a URL.
    pub(crate) fn written_host(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_an_address() {
        for (text, origin) in [
            ("HTTP://Chat.Example.org:80/a?b", "http://chat.example.org"),
            ("https://u:p@[::1]:3080/", "https://[::1]:3080"),
            ("http://192.168.1.5:3080", "http://192.168.1.5:3080"),
        ] {
            let read = Address::parse(text).map(|address| address.origin());
            assert_eq!(read.as_deref(), Some(origin), "{text}");
        }
        for bad in [
            "chat.example.org",
            "localhost:3080",
            "://x",
            "http://",
            "http://a:b",
            "http://a b",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_address_of_a_store() {
        let of = |url: &str| {
            let found = Address::parse(url).unwrap();
            (found.kind().to_owned(), found.has_password, found.host)
        };
        let told =
            |kind: &str, has_password, host: &str| (kind.to_owned(), has_password, host.to_owned());
        assert_eq!(of("redis://cache"), told("redis", false, "cache"));
        assert_eq!(
            of("rediss://:p%40w@a.example.org:6380,b:1/2"),
            told("redis", true, "a.example.org")
        );
        assert_eq!(
            of("postgresql://u:p@w@db:5432/x?a=b"),
            told("postgres", true, "db")
        );
        assert_eq!(of("redis://user:@h"), told("redis", false, "h"));
        for near in [
            "redis://:pw@127.0.0.1:6379/0",
            "rediss://user:pw@[::1]:6380",
            "postgres://a:b@LOCALHOST.localhost/db",
        ] {
            assert!(Address::parse(near).unwrap().is_loopback(), "{near}");
        }
        for far in [
            "redis://:localhost@cache:6379",
            "redis://host.docker.internal:6379",
        ] {
            assert!(!Address::parse(far).unwrap().is_loopback(), "{far}");
        }
    }

    #[test]
    fn this_very_machine() {
        let of = |text| Address::parse(text).unwrap();
        for near in [
            "http://localhost:1",
            "http://a.localhost",
            "http://127.1.2.3",
            "http://[::1]",
        ] {
            assert!(of(near).is_loopback(), "{near}");
        }
        for far in [
            "http://192.168.1.5",
            "http://localhost.example.org",
            "http://notlocalhost",
        ] {
            assert!(!of(far).is_loopback(), "{far}");
        }
        assert!(of("http://192.168.1.5").is_at_home() && !of("http://example.org").is_at_home());
        assert!(of("http://u@h").has_login && !of("http://h/@").has_login);
    }
}

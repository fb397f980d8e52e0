//! Who asks, and over what: what a proxy says counts only where it is believed. Pure.

use std::net::IpAddr;

/// The other end of a request, as far as the application believes to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visitor {
    pub(crate) address: IpAddr,
    pub(crate) https: bool,
}

/// What a proxy adds to a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Forwarded<'a> {
    /// `X-Forwarded-For`: the visitor first, then the proxies.
    pub(crate) client: Option<&'a str>,
    /// `X-Forwarded-Proto`.
    pub(crate) proto: Option<&'a str>,
}

impl Visitor {
    /// The visitor behind a connection from `peer`. The application itself speaks only http.
    pub(crate) fn new(peer: IpAddr, forwarded: Forwarded<'_>, trust_proxy: bool) -> Self {
        if !trust_proxy {
            return Self {
                address: peer,
                https: false,
            };
        }
        Self {
            address: first(forwarded.client)
                .and_then(|at| at.parse().ok())
                .unwrap_or(peer),
            https: first(forwarded.proto).is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
        }
    }
}

fn first(list: Option<&str>) -> Option<&str> {
    list?.split(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 18, 0, 1));

    fn visitor(client: Option<&str>, proto: Option<&str>, trust_proxy: bool) -> (String, bool) {
        let seen = Visitor::new(PEER, Forwarded { client, proto }, trust_proxy);
        (seen.address.to_string(), seen.https)
    }

    #[test]
    fn a_proxy_counts_only_when_trusted() {
        let peer = PEER.to_string();
        let said = (Some("203.0.113.7, 10.0.0.1"), Some("https, http"));
        assert_eq!(visitor(said.0, said.1, false), (peer.clone(), false));
        assert_eq!(
            visitor(said.0, said.1, true),
            ("203.0.113.7".to_owned(), true)
        );
        assert_eq!(
            visitor(Some("2001:db8::1"), Some("HTTPS"), true),
            ("2001:db8::1".into(), true)
        );
        assert_eq!(
            visitor(Some("<script>"), Some("http"), true),
            (peer.clone(), false)
        );
        assert_eq!(visitor(None, None, true), (peer, false));
    }
}

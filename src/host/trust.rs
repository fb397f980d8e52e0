//! Whom TLS trusts: the authorities in this machine's own list, where a person adds theirs, as curl, git
//! and docker do; Mozilla's where there is no such list.

use std::path::PathBuf;
use std::sync::OnceLock;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Where distributions keep the list.
const PLACES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// For a request to this URL.
pub(crate) fn tls(url: &str) -> TlsConfig {
    if !url.starts_with("https:") {
        return TlsConfig::default();
    }
    static ROOTS: OnceLock<RootCerts> = OnceLock::new();
    let roots = ROOTS.get_or_init(roots).clone();
    TlsConfig::builder().root_certs(roots).build()
}

fn roots() -> RootCerts {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let places = named.into_iter().chain(PLACES.iter().map(PathBuf::from));
    let mut lists = places
        .filter_map(|place| std::fs::read(place).ok())
        .map(|text| certificates(&text));
    match lists.find(|list| !list.is_empty()) {
        Some(list) => list.into(),
        None => RootCerts::WebPki,
    }
}

fn certificates(text: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(text).filter_map(Result::ok);
    let certificates = items.filter_map(|item| {
        let PemItem::Certificate(certificate) = item else {
            return None;
        };
        Some(certificate)
    });
    certificates.collect()
}

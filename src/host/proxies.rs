//! Proxies and tunnels of this machine, outside of the engine: where their settings hand requests on to a
//! port. Reads; decides nothing.

use std::path::{Path, PathBuf};

/// Where distributions keep the settings of those that stand in front of others.
const SETTINGS: [&str; 9] = [
    "/etc/nginx",
    "/etc/apache2",
    "/etc/httpd",
    "/etc/caddy",
    "/etc/haproxy",
    "/etc/traefik",
    "/etc/lighttpd",
    "/etc/cloudflared",
    "/root/.cloudflared",
];

/// Nobody's settings are deeper, more or larger.
const DEEPEST: usize = 4;
const MOST_FILES: usize = 2_000;
const LARGEST: u64 = 1 << 20;

/// Files and lines, from 1, that hand requests on to a port of this machine.
pub(crate) fn of_port(port: u16) -> Vec<(PathBuf, usize)> {
    let roots: Vec<PathBuf> = SETTINGS.iter().map(PathBuf::from).collect();
    below(&roots, port)
}

fn below(roots: &[PathBuf], port: u16) -> Vec<(PathBuf, usize)> {
    let mut open: Vec<(PathBuf, usize)> = roots.iter().map(|root| (root.clone(), 0)).collect();
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some((path, depth)) = open.pop() {
        let Ok(data) = std::fs::metadata(&path) else {
            continue;
        };
        if data.is_dir() && depth < DEEPEST && is_in_force(&path) {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| (entry.path(), depth + 1)));
        }
        if !data.is_file() || data.len() > LARGEST || !is_in_force(&path) || seen >= MOST_FILES {
            continue;
        }
        seen += 1;
        let text = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines().enumerate();
        if let Some((index, _)) = lines.find(|(_, line)| hands_on(line, port)) {
            found.push((path, index + 1));
        }
    }
    found.sort();
    found
}

/// What is kept aside is not read by the proxy.
fn is_in_force(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = [
        ".bak",
        ".old",
        ".orig",
        ".disabled",
        ".save",
        "~",
        "-available",
    ];
    !aside.iter().any(|ending| name.ends_with(ending)) && !name.contains(".dpkg-")
}

/// Whether a line that is no comment names a port of this machine as a place to hand requests on to.
fn hands_on(line: &str, port: u16) -> bool {
    let line = line.trim_start();
    if line.starts_with(['#', ';']) {
        return false;
    }
    ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"]
        .iter()
        .any(|host| {
            let wanted = format!("{host}:{port}");
            line.match_indices(&wanted).any(|(at, _)| {
                let after = line[at + wanted.len()..].chars().next();
                let before = line[..at].chars().next_back();
                let ends = !after.is_some_and(|c| c.is_ascii_digit());
                ends && !before.is_some_and(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_names_the_port_in_its_own_words() {
        for line in [
            "    proxy_pass http://127.0.0.1:3080;",
            "  proxy_pass http://localhost:3080/;",
            "ProxyPass / http://localhost:3080/",
            "reverse_proxy localhost:3080",
            "  server chat 127.0.0.1:3080 check",
            "  - service: http://localhost:3080",
            "upstream chat { server [::1]:3080; }",
        ] {
            assert!(hands_on(line, 3080), "{line}");
        }
        for line in [
            "# proxy_pass http://127.0.0.1:3080;",
            "proxy_pass http://127.0.0.1:30800;",
            "proxy_pass http://10.127.0.0.1:3080;",
            "proxy_pass http://chat:3080;",
            "listen 3080;",
        ] {
            assert!(!hands_on(line, 3080), "{line}");
        }
    }

    #[test]
    fn what_is_kept_aside_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "# chat\nproxy_pass http://localhost:3080;\n").unwrap();
            path
        };
        for aside in ["sites-available/chat", "conf.d/chat.conf.bak", "chat.conf~"] {
            write(aside);
        }
        let roots = [root.path().to_owned()];
        assert_eq!(below(&roots, 3080), []);
        let own = write("sites-enabled/chat");
        assert_eq!(below(&roots, 3080), [(own, 2)]);
        assert_eq!(below(&roots, 3081), []);
    }
}

//! Passwords that stand behind the name of who signs in: `name:password` under a key that lists users, in a
//! line of libpq's password file, and what commands are told (`curl -u`, `mysqladmin -p`). Pure.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::nothing::{is_placeholder, says_nothing};
use super::words::words_of;

/// Names that end so have logins, though `users` alone is only about them.
const LISTS: [&str; 6] = ["users", "basic", "basicauth", "auth", "htpasswd", "logins"];

/// A program, the flag, and the password as the only group. What stands between two items of a list in JSON
/// or YAML counts as a space.
const COMMANDS: [&str; 5] = [
    r#"(?:^|[\s"'\[(=])(?:-u|--user|--proxy-user)(?:[=\s]\\?["']?|["'],\s*["'])[\w.@+${}-]+:([^\s"',\]\\]+)"#,
    r#"\bcurl\b[^\n;|]*?[\s"']-u[\w.@+${}-]+:([^\s"',\]\\]+)"#,
    r#"\b(?:mysql|mariadb)[a-z_-]*\b[^\n;|]*?[\s"',]-p\\?["']?([^\s"'\\,\]]+)"#,
    r#"\b(?:redis|valkey)-cli\b[^\n;|]*?[\s"',]-a(?:\s+|["'],\s*["'])\\?["']?([^\s"'\\,\]]+)"#,
    r#"\bmongo[a-z]*\b[^\n;|]*?[\s"',]-p(?:\s+|["'],\s*["'])\\?["']?([^\s"'\\,\]]+)"#,
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    // Constants: a test uses each of them.
    let compiled = COMMANDS.iter().map(|pattern| Regex::new(pattern));
    compiled.collect::<Result<_, _>>().unwrap_or_default()
});

/// Programs whose `-u` is an account with its group, or a switch.
const OTHER_PROGRAMS: [&str; 7] = [
    "docker", "podman", "chown", "gosu", "su-exec", "python", "setpriv",
];

/// Those in the value of a key, as far as its name says that it has some.
pub(super) fn of_key(name: &str, value: &str) -> Vec<Range<usize>> {
    if name.to_ascii_lowercase().contains("pgpass") {
        return parts(value, &['\n'])
            .filter_map(|line| moved(behind_colons(&value[line.clone()], 4), &line))
            .collect();
    }
    let words = words_of(name);
    if !words
        .last()
        .is_some_and(|last| LISTS.contains(&last.as_str()))
    {
        return Vec::new();
    }
    let listed = parts(value, &[',', ';', ' ', '\n']);
    let logins = listed.map(|part| Some(moved(login(&value[part.clone()])?, &part)));
    // One that is none says that the others are none either.
    let logins: Option<Vec<Option<Range<usize>>>> = logins.collect();
    logins.unwrap_or_default().into_iter().flatten().collect()
}

/// Those that commands in a text are given.
pub(super) fn in_commands(text: &str) -> Vec<Range<usize>> {
    if !text.contains('-') {
        return Vec::new();
    }
    let found = COMPILED.iter().flat_map(|one| one.captures_iter(text));
    let passwords = found.filter_map(|found| {
        let (whole, password) = (found.get(0)?, found.get(1)?);
        let start = text[..whole.start()].rfind('\n').map_or(0, |at| at + 1);
        let line = &text[start..whole.end()];
        let given = password.as_str();
        let user = whole.as_str().strip_suffix(given)?.strip_suffix(':');
        let is_other = OTHER_PROGRAMS.iter().any(|other| line.contains(other));
        let is_group = user.is_some_and(|user| is_other || user.ends_with(given));
        let is_one = is_password(given) && (!is_group || line.contains("curl"));
        is_one.then(|| password.range())
    });
    passwords.collect()
}

/// The password of `name:password`, if what stands there is one; nothing where the text is no such pair.
fn login(text: &str) -> Option<Option<Range<usize>>> {
    let (user, password) = text.split_once(':')?;
    let is_user = |c: char| c.is_alphanumeric() || "._@+-${}".contains(c);
    let is_name = !user.is_empty() && user.chars().all(is_user) && !password.starts_with('/');
    is_name.then(|| is_password(password).then(|| user.len() + 1..text.len()))
}

fn behind_colons(line: &str, count: usize) -> Option<Range<usize>> {
    let (at, _) = line.match_indices(':').nth(count - 1)?;
    is_password(&line[at + 1..]).then(|| at + 1..line.len())
}

/// Not a port, a group's number, a time, a path, or what only stands for one.
fn is_password(text: &str) -> bool {
    let is_number = text.chars().all(|c| c.is_ascii_digit() || ".:".contains(c));
    // In a compose file `$$NAME` is the shell's own variable.
    let refers = text.strip_prefix('$').is_some_and(says_nothing);
    !(is_number || refers || says_nothing(text) || is_placeholder(text) || text.starts_with('/'))
}

fn parts(text: &str, separators: &'static [char]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let pieces = text.split_inclusive(separators).map(move |piece| {
        let start = at;
        at += piece.len();
        let own = piece.trim_end_matches(separators).trim_end();
        let lead = own.len() - own.trim_start().len();
        start + lead..start + own.len()
    });
    pieces.filter(|range| !range.is_empty())
}

fn moved(range: Option<Range<usize>>, by: &Range<usize>) -> Option<Range<usize>> {
    range.map(|range| range.start + by.start..range.end + by.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn logins_under_a_key_that_lists_them() {
        for (name, value, passwords) in [
            ("USERS", "admin:pw,bob:pw2", &["pw", "pw2"][..]),
            ("BASIC", "bob:pw", &["pw"]),
            (
                "traefik.http.middlewares.a.basicauth.users",
                "u:${V}x",
                &["${V}x"],
            ),
            ("auth_users", "a:b:c; d:e", &["b:c", "e"]),
            ("PGPASSFILE_CONTENT", "h:5432:d:u:pw", &["pw"]),
            (
                "PGPASS_LINES",
                "h:5432:d:u:pw:1\nh:*:*:u:qq",
                &["pw:1", "qq"],
            ),
            ("PGPASSFILE", "/run/secrets/pgpass", &[]),
            ("USERS", "a:b,c:${P}", &["b"]),
            ("USERS", "${U}:${P}", &[]),
            ("USERS", "alice,bob", &[]),
            ("USERS", "1000:1000", &[]),
            ("USER", "app:staff", &[]),
            ("IMAGE", "redis:latest", &[]),
            ("AUTH", "auth:9000", &[]),
            ("AUTH", "12:30", &[]),
            ("AUTH", "https://id.example.com", &[]),
            ("AUTH_SERVER", "auth:main", &[]),
            ("BASIC_IMAGE", "busybox:glibc", &[]),
        ] {
            assert_eq!(of(value, of_key(name, value)), passwords, "{name}={value}");
        }
    }

    #[test]
    fn passwords_that_commands_are_told() {
        for (text, passwords) in [
            ("-u admin:pw", &["pw"][..]),
            ("curl -fsS -u admin:pw http://x", &["pw"]),
            ("curl -uadmin:pw http://x", &["pw"]),
            ("wget; curl --user \"me:p:w\" x", &["p:w"]),
            (r#"["CMD", "curl", "-u", "admin:pw", "x"]"#, &["pw"]),
            ("mysqladmin -phealthsecret ping", &["healthsecret"]),
            (r#"["CMD","mariadb-admin","ping","-pPW1"]"#, &["PW1"]),
            ("mysql -h db -P3306 -p'PW 2'", &["PW"]),
            ("redis-cli -a swordfish ping", &["swordfish"]),
            ("mongosh -u root -p sesame --eval 1", &["sesame"]),
            ("curl -u ${U}:${P} x", &[]),
            ("mysqladmin ping -h db -p$$MYSQL_ROOT_PASSWORD", &[]),
            ("mysqladmin ping -p\"$${PW}\" --silent", &[]),
            ("mysql -h db -p", &[]),
            ("docker exec x curl -u admin:admin y", &["admin"]),
            ("docker run -u app:staff x", &[]),
            ("docker run --name mysql -p3306:3306 x", &[]),
            ("su -u app:app", &[]),
            ("python -u main:app", &[]),
            ("--user 1000:1000", &[]),
            ("curl -u redis://host", &[]),
            ("date -u +%H:%M", &[]),
            ("nginx:1.27 at 12:30", &[]),
        ] {
            assert_eq!(of(text, in_commands(text)), passwords, "{text}");
        }
    }
}

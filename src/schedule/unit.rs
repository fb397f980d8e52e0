//! The files of a systemd timer. A service of the system is walled in: it writes to the folders of the
//! stack and of refit alone.

use std::path::PathBuf;

use super::Job;
use crate::schedule::crontab::ENGINE_PATIENCE;

/// Service and timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Units {
    /// Text of the `.service`.
    pub service: String,
    /// Text of the `.timer`.
    pub timer: String,
}

const SERVICE: &str = include_str!("../../templates/schedule/refit.service");
const TIMER: &str = include_str!("../../templates/schedule/refit.timer");

/// No program that it calls may do more than itself: none with the setuid or setgid bit.
const NO_PRIVILEGES: &str = "NoNewPrivileges=true\n";

/// Where the `sendmail` of Postfix, Exim and their kin leaves what it was given.
const MAIL: [&str; 3] = ["/var/spool", "/var/mail", "/var/log/exim4"];

/// Whether a service of ours could not call a `sendmail` that needs more rights than its caller has.
pub(crate) fn forbids_mail(service: &str) -> bool {
    service.contains(NO_PRIVILEGES)
}

/// The account that a service of the system runs as.
pub(crate) fn user(service: &str) -> Option<&str> {
    service.lines().find_map(|line| line.strip_prefix("User="))
}

/// Renders both.
///
/// # Errors
/// The time is in cron's words.
pub(crate) fn render(job: &Job, is_system: bool) -> Result<Units, String> {
    let environment: String = job
        .env
        .iter()
        .map(|(key, value)| format!("Environment={}\n", quoted(&format!("{key}={value}"), false)))
        .collect();
    let mut words = vec![quoted(&job.program.display().to_string(), true)];
    words.extend(job.args.iter().map(|arg| quoted(arg, true)));
    if !is_system {
        // A user's systemd cannot be told to wait for the engine of the system.
        words.push(format!("--wait-engine {ENGINE_PATIENCE}"));
    }
    let privileges = if job.mails { "" } else { NO_PRIVILEGES };
    let wall = if is_system { wall(job) } else { String::new() };
    let delay = match job.delay.as_secs() {
        0 => String::new(),
        seconds => format!("RandomizedDelaySec={seconds}s\n"),
    };
    let user = match is_system {
        true => format!("User={}\n", job.account.name),
        false => String::new(),
    };
    let service = SERVICE
        .replace("{title}", &ended(&job.title))
        .replace("{user}\n", &user)
        .replace("{directory}", &ended(&job.directory.display().to_string()))
        .replace("{environment}\n", &environment)
        .replace("{command}", &words.join(" "))
        .replace("{privileges}\n", privileges)
        .replace("{wall}\n", &wall);
    let timer = TIMER
        .replace("{title}", &ended(&job.title))
        .replace("{calendar}", &percent(&job.when.for_systemd()?))
        .replace("{delay}\n", &delay);
    Ok(Units { service, timer })
}

/// What a service of ours runs, as a line for the shell: with its environment and nothing else.
pub(crate) fn command(service: &str) -> Option<String> {
    let line = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))?;
    let mut words = vec!["env".to_owned(), "-i".to_owned()];
    for line in service.lines() {
        words.extend(
            line.strip_prefix("Environment=")
                .map(|word| unquoted(word, false))
                .into_iter()
                .flatten(),
        );
    }
    words.extend(unquoted(line, true));
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    Some(words.join(" "))
}

/// The words that were put in `quoted` form, one behind the other.
fn unquoted(text: &str, in_command: bool) -> Vec<String> {
    let (mut words, mut word, mut chars) = (Vec::new(), String::new(), text.chars().peekable());
    let (mut within, mut begun) = (false, false);
    while let Some(c) = chars.next() {
        begun |= c != ' ' || within;
        match c {
            '"' => within = !within,
            '\\' if within => word.extend(chars.next()),
            ' ' if !within => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            '%' => word.extend(chars.next()),
            '$' if in_command => word.extend(chars.next()),
            c => word.push(c),
        }
    }
    if begun {
        words.push(word);
    }
    words
}

fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn wall(job: &Job) -> String {
    // A socket of the engine may lie there as well.
    let named = |top: &str| {
        let mut parts = job.env.iter().flat_map(|(_, value)| value.split(':'));
        parts.any(|part| part.trim_start_matches("//").starts_with(top))
    };
    let below = |top: &str| job.writes.iter().any(|path| path.starts_with(top)) || named(top);
    let mut lines = vec![
        "ProtectSystem=strict".to_owned(),
        "ProtectHome=read-only".to_owned(),
        "ProtectControlGroups=true".to_owned(),
    ];
    if !job.mails {
        // For a user other than root each of these means NoNewPrivileges as well.
        let more = [
            "ProtectKernelTunables=true",
            "ProtectKernelModules=true",
            "LockPersonality=true",
            "RestrictRealtime=true",
        ];
        lines.extend(more.map(str::to_owned));
    }
    // A temporary folder of its own would hide a stack that lies there.
    let shared = below("/tmp") || below("/var/tmp");
    let temporary = match shared {
        true => &["/tmp", "/var/tmp"][..],
        false => &[],
    };
    if !shared {
        lines.push("PrivateTmp=true".to_owned());
    }
    let mail = MAIL.iter().filter(|_| job.mails).map(PathBuf::from);
    let temporary = temporary.iter().map(PathBuf::from);
    for path in job.writes.iter().cloned().chain(temporary).chain(mail) {
        let path = path.display().to_string();
        lines.push(format!(
            "ReadWritePaths={}",
            quoted(&format!("-{path}"), false)
        ));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// systemd puts something else in place of what follows a `%`.
fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

/// A folder at the end of a line, which goes on in the next one after a `\` (F89).
fn ended(text: &str) -> String {
    let slash = if text.ends_with('\\') { "/" } else { "" };
    percent(text) + slash
}

/// One word of a list; in a command a `$` would name a variable.
fn quoted(word: &str, in_command: bool) -> String {
    let mut text = percent(word);
    if in_command {
        text = text.replace('$', "$$");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,$".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::crontab::tests::job;

    #[test]
    fn words_keep_their_meaning() {
        assert_eq!(quoted("/a b/50%", true), "\"/a b/50%%\"");
        assert_eq!(quoted("$HOME", true), "$$HOME");
        assert_eq!(quoted("$HOME", false), "$HOME");
        assert_eq!(quoted("a\"b\\c", true), "\"a\\\"b\\\\c\"");
        assert_eq!(quoted("", true), "\"\"");
    }

    #[test]
    fn a_command_reads_back() {
        let mut job = job();
        job.args = ["-C", "/a b/50%", "$x", "it's", "a\"b\\c", ""]
            .map(str::to_owned)
            .to_vec();
        let service = render(&job, true).unwrap().service;
        let wanted = "'env' '-i' 'HOME=/home/ann' '/usr/local/bin/refit' '-C' '/a b/50%' '$x' \
                      'it'\\''s' 'a\"b\\c' ''";
        assert_eq!(command(&service).unwrap(), wanted);
    }

    #[test]
    fn a_service_of_the_system_writes_to_its_folders_alone() {
        let units = render(&job(), true).unwrap();
        for line in [
            "User=ann",
            "ProtectSystem=strict",
            "ReadWritePaths=\"-/srv/my chat\"",
            "WorkingDirectory=/srv/my chat",
            "Environment=HOME=/home/ann",
            "ExecStart=/usr/local/bin/refit -C \"/srv/my chat\" schedule run",
        ] {
            assert!(
                units.service.lines().any(|l| l == line),
                "{line}\n{}",
                units.service
            );
        }
        for line in [
            "OnCalendar=*-*-* 04:00:00",
            "Persistent=true",
            "RandomizedDelaySec=1800s",
        ] {
            assert!(
                units.timer.lines().any(|l| l == line),
                "{line}\n{}",
                units.timer
            );
        }
        assert!(forbids_mail(&units.service) && user(&units.service) == Some("ann"));
        let own = render(&job(), false).unwrap().service;
        assert!(own.contains("schedule run --wait-engine 3m\n"), "{own}");
        assert!(
            !own.contains("User=") && !own.contains("ProtectSystem"),
            "{own}"
        );
        assert!(!own.contains('{') && !units.service.contains('{') && !units.timer.contains('{'));
    }

    #[test]
    fn a_temporary_folder_of_its_own_hides_nothing_that_it_needs() {
        let service = |job: &Job| render(job, true).unwrap().service;
        assert!(service(&job()).contains("\nPrivateTmp=true\n"));
        let mut there = job();
        there.writes = vec!["/tmp/chat".into()];
        let mut socket = job();
        let host = "unix:///tmp/docker.sock".to_owned();
        socket.env.push(("DOCKER_HOST".to_owned(), host));
        for job in [there, socket] {
            let service = service(&job);
            assert!(!service.contains("PrivateTmp"), "{service}");
            assert!(service.contains("\nReadWritePaths=-/tmp\n"), "{service}");
        }
    }

    #[test]
    fn a_service_that_sends_mail_may_call_programs_with_more_rights() {
        let job = Job {
            mails: true,
            ..job()
        };
        let service = render(&job, true).unwrap().service;
        for word in [
            "NoNewPrivileges",
            "ProtectKernel",
            "LockPersonality",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "{",
        ] {
            assert!(!service.contains(word), "{word}\n{service}");
        }
        assert!(!forbids_mail(&service));
        assert!(service.contains("\nProtectSystem=strict\n"), "{service}");
        assert!(
            service.contains("\nReadWritePaths=-/var/spool\n"),
            "{service}"
        );
        assert!(!forbids_mail(&render(&job, false).unwrap().service));
    }
}

//! The lines of a crontab. cron knows neither a delay nor missed runs: refit waits itself, and a second
//! line makes up for a missed run after the machine was started.

use super::Job;
use super::fields::Fields;

/// How long a run at the start of the machine waits for the engine.
pub(crate) const ENGINE_PATIENCE: &str = "3m";

/// What a crontab of refit's own lines looks like; `user` names the account, as `/etc/cron.d` wants it.
///
/// # Errors
/// The time is in systemd's words.
pub(crate) fn lines(job: &Job, with_user: bool) -> Result<Vec<String>, String> {
    let when = job.when.for_cron()?;
    let user = match with_user {
        true => format!("{} ", job.account.name),
        false => String::new(),
    };
    let mut line = vec!["env".to_owned(), "-i".to_owned()];
    for (key, value) in &job.env {
        line.push(quoted(&format!("{key}={value}")));
    }
    line.push(quoted(&job.program.display().to_string()));
    line.extend(job.args.iter().map(|arg| quoted(arg)));
    // At the start of the machine the engine may be later than cron.
    let late = |fields: &str| {
        let fields = quoted(fields);
        format!(
            "{} --missed {fields} --wait-engine {ENGINE_PATIENCE}",
            line.join(" ")
        )
    };
    let late = Fields::read(&when).map(|_| late(&when));
    if !job.delay.is_zero() {
        line.push("--random-delay".to_owned());
        line.push(format!("{}s", job.delay.as_secs()));
    }
    let mut lines = vec![
        begin(&job.id),
        format!("# {}", job.title),
        format!("{when} {user}{}", line.join(" ")),
    ];
    lines.extend(late.map(|late| format!("@reboot {user}{late}")));
    lines.push(end(&job.id));
    Ok(lines)
}

fn begin(id: &str) -> String {
    format!("# BEGIN refit {id} (made by refit schedule install; refit schedule remove removes it)")
}

fn end(id: &str) -> String {
    format!("# END refit {id}")
}

/// A crontab without the lines of this id; every other byte as it was.
pub(crate) fn without(crontab: &[u8], id: &str) -> Vec<u8> {
    let begins = format!("# BEGIN refit {id} ");
    let mut rest: Vec<&[u8]> = crontab.split_inclusive(|byte| *byte == b'\n').collect();
    let mut kept = Vec::new();
    while let Some(at) = rest
        .iter()
        .position(|line| line.starts_with(begins.as_bytes()))
    {
        kept.extend(rest.drain(..at));
        let is_end = |line: &&[u8]| line.trim_ascii_end() == end(id).as_bytes();
        let is_begin = |line: &&[u8]| line.starts_with(b"# BEGIN refit ");
        let length = rest.iter().position(is_end);
        let whole = length.filter(|length| !rest[1..*length].iter().any(is_begin));
        match whole {
            Some(length) => drop(rest.drain(..=length)),
            // Somebody took its end away: what follows may be theirs.
            None => {
                let ours = rest[1..].iter().take_while(|line| is_ours(line)).count();
                drop(rest.drain(..=ours));
            }
        }
    }
    kept.extend(rest);
    kept.concat()
}

/// A line as refit writes it between the first and the last.
fn is_ours(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    text.starts_with("# refit ") || text.contains(" env -i ") && text.contains(" schedule run")
}

/// A crontab with these lines in place of those of the same id.
pub(crate) fn with(crontab: &[u8], id: &str, lines: &[String]) -> Vec<u8> {
    let mut text = without(crontab, id);
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for line in lines {
        text.extend(line.as_bytes());
        text.push(b'\n');
    }
    text
}

fn line<'a>(crontab: &'a str, id: &str) -> Option<&'a str> {
    let begins = format!("# BEGIN refit {id} ");
    let ends = end(id);
    let lines = crontab.lines();
    let lines = lines.skip_while(|line| !line.starts_with(&begins));
    // Behind the end are the lines of others.
    let mut lines = lines.take_while(|line| line.trim_end() != ends);
    lines.find(|line| !line.starts_with('#'))
}

/// Whether there are lines of this id, also where somebody has changed them.
pub(crate) fn is_in(crontab: &str, id: &str) -> bool {
    let begins = format!("# BEGIN refit {id} ");
    crontab.lines().any(|line| line.starts_with(&begins))
}

/// The five fields of the line of this id.
pub(crate) fn fields(crontab: &str, id: &str) -> Option<String> {
    let fields: Vec<&str> = line(crontab, id)?.split_whitespace().take(5).collect();
    Some(fields.join(" "))
}

/// The account that a line of `/etc/cron.d` names.
pub(crate) fn user<'a>(crontab: &'a str, id: &str) -> Option<&'a str> {
    line(crontab, id)?.split_whitespace().nth(5)
}

/// The command of the line of this id, for the shell, as cron gives it.
pub(crate) fn command(crontab: &str, id: &str, with_user: bool) -> Option<String> {
    let fields = if with_user { 6 } else { 5 };
    let rest = line(crontab, id)?.splitn(fields + 1, ' ').nth(fields)?;
    Some(rest.replace("\\%", "%"))
}

/// One word for the shell; cron makes a line's end of a `%` without a backslash.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    let text = match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    text.replace('%', "\\%")
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use jiff::civil::time;

    use super::super::calendar::When;
    use super::*;
    use crate::host::accounts::Account;

    pub(in crate::schedule) fn job() -> Job {
        Job {
            id: "chat-0123456789ab".to_owned(),
            title: "refit upgrade of chat".to_owned(),
            account: Account {
                name: "ann".to_owned(),
                uid: 1000,
                gid: 1000,
                home: "/home/ann".into(),
            },
            directory: "/srv/my chat".into(),
            program: "/usr/local/bin/refit".into(),
            args: ["-C", "/srv/my chat", "schedule", "run"]
                .map(str::to_owned)
                .to_vec(),
            env: vec![("HOME".to_owned(), "/home/ann".to_owned())],
            when: When::Daily(time(4, 0, 0, 0)),
            delay: Duration::from_secs(1800),
            writes: vec!["/srv/my chat".into()],
            mails: false,
        }
    }

    #[test]
    fn lines_come_and_go_and_leave_the_others_alone() {
        let job = job();
        let theirs = "MAILTO=ann\n# mine\n0 1 * * * echo 100\\%";
        let lines = lines(&job, false).unwrap();
        let once = with(theirs.as_bytes(), &job.id, &lines);
        assert_eq!(with(&once, &job.id, &lines), once, "twice is once");
        let left = without(&once, &job.id);
        assert_eq!(left, format!("{theirs}\n").into_bytes());
        let text = String::from_utf8(once).unwrap();
        assert_eq!(fields(&text, &job.id).as_deref(), Some("0 4 * * *"));
        assert_eq!(fields(theirs, &job.id), None);
    }

    #[test]
    fn bytes_of_others_stay_whatever_they_are() {
        let job = job();
        let lines = lines(&job, false).unwrap();
        let theirs = b"# Gr\xfc\xdfe\r\n0 1 * * * echo \xff\r\n";
        let with = with(theirs, &job.id, &lines);
        assert!(with.starts_with(theirs));
        assert_eq!(without(&with, &job.id), theirs);
    }

    #[test]
    fn where_the_last_line_is_gone_what_follows_is_left_alone() {
        let job = job();
        let other = Job {
            id: "other-ba9876543210".to_owned(),
            ..job.clone()
        };
        let ours = lines(&job, false).unwrap();
        let cut = ours[..ours.len() - 1].join("\n");
        let others = lines(&other, false).unwrap().join("\n");
        for follows in ["5 5 * * * theirs\n".to_owned(), format!("{others}\n")] {
            let text = format!("1 1 * * * first\n{cut}\n{follows}");
            let left = String::from_utf8(without(text.as_bytes(), &job.id)).unwrap();
            assert_eq!(left, format!("1 1 * * * first\n{follows}"));
        }
    }

    #[test]
    fn a_line_of_others_is_never_taken_for_ours() {
        let (first, last) = (begin("x"), end("x"));
        let text = format!("{first}\n#0 4 * * * env -i /refit\n{last}\n0 1 * * * env -i /theirs\n");
        assert!(is_in(&text, "x") && !is_in(&text, "y"));
        assert_eq!(command(&text, "x", false), None);
        assert_eq!(fields(&text, "x"), None);
    }

    #[test]
    fn words_keep_their_meaning() {
        let mut job = job();
        job.args = vec!["-C".to_owned(), "/srv/it's 50%".to_owned()];
        let lines = lines(&job, true).unwrap();
        assert_eq!(
            lines[2],
            "0 4 * * * ann env -i HOME=/home/ann /usr/local/bin/refit -C '/srv/it'\\''s 50\\%' --random-delay 1800s"
        );
        let text = String::from_utf8(with(b"", &job.id, &lines)).unwrap();
        assert_eq!(user(&text, &job.id), Some("ann"));
        let command = command(&text, &job.id, true).unwrap();
        assert!(
            command.starts_with("env -i HOME") && command.contains("it'\\''s 50%'"),
            "{command}"
        );
        assert!(
            lines[3].starts_with("@reboot ann ")
                && lines[3].ends_with(" --missed '0 4 * * *' --wait-engine 3m")
        );
    }
}

//! The lines of a crontab. cron knows neither a delay nor missed runs: refit waits itself, and a second
//! line makes up for a missed run after the machine was started.

use super::Job;

/// What a crontab of refit's own lines looks like; `user` names the account, as `/etc/cron.d` wants it.
///
/// # Errors
/// The time is in systemd's words.
pub fn lines(job: &Job, with_user: bool) -> Result<Vec<String>, String> {
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
    let late = |hours: i64| format!("{} --missed {hours}h", line.join(" "));
    let late = job.when.period().map(|period| late(period.as_hours()));
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
    format!(
        "# BEGIN refit {id} (made by refit schedule install; refit schedule remove takes it out)"
    )
}

fn end(id: &str) -> String {
    format!("# END refit {id}")
}

/// A crontab without the lines of this id; every other byte as it was.
pub fn without(crontab: &str, id: &str) -> String {
    let (mut kept, mut ours) = (String::new(), false);
    let begins = format!("# BEGIN refit {id} ");
    for line in crontab.split_inclusive('\n') {
        ours |= line.starts_with(&begins);
        if !ours {
            kept.push_str(line);
        }
        ours &= line.trim_end() != end(id);
    }
    kept
}

/// A crontab with these lines in place of those of the same id.
pub fn with(crontab: &str, id: &str, lines: &[String]) -> String {
    let mut text = without(crontab, id);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The five fields of the line of this id.
pub fn fields(crontab: &str, id: &str) -> Option<String> {
    let begins = format!("# BEGIN refit {id} ");
    let mut lines = crontab
        .lines()
        .skip_while(|line| !line.starts_with(&begins));
    let line = lines.find(|line| !line.starts_with('#'))?;
    let fields: Vec<&str> = line.split_whitespace().take(5).collect();
    Some(fields.join(" "))
}

/// The command of the line of this id, for the shell, as cron gives it.
pub fn command(crontab: &str, id: &str, with_user: bool) -> Option<String> {
    let begins = format!("# BEGIN refit {id} ");
    let mut lines = crontab
        .lines()
        .skip_while(|line| !line.starts_with(&begins));
    let line = lines.find(|line| !line.starts_with('#'))?;
    let fields = if with_user { 6 } else { 5 };
    let rest = line.splitn(fields + 1, ' ').nth(fields)?;
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

    use super::super::Account;
    use super::super::calendar::When;
    use super::*;

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
        }
    }

    #[test]
    fn lines_come_and_go_and_leave_the_others_alone() {
        let job = job();
        let theirs = "MAILTO=ann\n# mine\n0 1 * * * echo 100\\%";
        let lines = lines(&job, false).unwrap();
        let once = with(theirs, &job.id, &lines);
        assert_eq!(with(&once, &job.id, &lines), once, "twice is once");
        assert_eq!(without(&once, &job.id), format!("{theirs}\n"));
        assert_eq!(fields(&once, &job.id).as_deref(), Some("0 4 * * *"));
        assert_eq!(fields(theirs, &job.id), None);
        let other = with(
            &once,
            "other-ba9876543210",
            &["# END refit other-ba9876543210".to_owned()],
        );
        assert!(without(&other, &job.id).contains("other-"));
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
        let command = command(&with("", &job.id, &lines), &job.id, true).unwrap();
        assert!(
            command.starts_with("env -i HOME") && command.contains("it'\\''s 50%'"),
            "{command}"
        );
        assert!(lines[3].starts_with("@reboot ann ") && lines[3].ends_with(" --missed 24h"));
    }
}

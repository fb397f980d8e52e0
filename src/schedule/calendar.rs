//! When a timer fires, in the words of the two programs that keep time.

use jiff::civil::Time;

use super::fields::Fields;

/// When a timer fires, by the machine's own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// Every day.
    Daily(Time),
    /// Every Monday.
    Weekly(Time),
    /// In systemd's words (`systemd.time(7)`).
    Calendar(String),
    /// In the five fields of a crontab.
    Fields(String),
}

impl When {
    /// `day`, `week`, or an expression of either program.
    ///
    /// # Errors
    /// A sentence on what is wrong with it.
    pub(crate) fn read(every: &str, at: Option<Time>, or_at: Time) -> Result<Self, String> {
        let every = every.trim();
        let time = at.unwrap_or(or_at);
        let expression = match every {
            "day" | "daily" => return Ok(Self::Daily(time)),
            "week" | "weekly" => return Ok(Self::Weekly(time)),
            "" => return Err("--every takes day, week, or a calendar expression".to_owned()),
            other => other.to_owned(),
        };
        if expression.contains(|c: char| c.is_control()) {
            return Err("a calendar expression is one line".to_owned());
        }
        if at.is_some() {
            return Err(format!(
                "--at goes with --every day or week; {expression:?} says its time itself"
            ));
        }
        match expression.split_whitespace().count() {
            5 if is_fields(&expression) => Ok(Self::Fields(expression)),
            5.. => Err(format!(
                "{expression:?} is not a time; write day, week, 'Tue 04:00' (systemd) or '0 4 * * 2' (cron)"
            )),
            _ => Ok(Self::Calendar(expression)),
        }
    }

    /// For `OnCalendar=`.
    ///
    /// # Errors
    /// It is in cron's words.
    pub(crate) fn for_systemd(&self) -> Result<String, String> {
        let clock = |time: &Time| format!("{:02}:{:02}:00", time.hour(), time.minute());
        match self {
            Self::Daily(time) => Ok(format!("*-*-* {}", clock(time))),
            Self::Weekly(time) => Ok(format!("Mon *-*-* {}", clock(time))),
            Self::Calendar(text) => Ok(text.clone()),
            Self::Fields(text) => Err(format!(
                "{text:?} is a time of cron; a systemd timer takes an expression such as \"Mon..Fri 04:00\""
            )),
        }
    }

    /// For a crontab.
    ///
    /// # Errors
    /// It is in systemd's words.
    pub(crate) fn for_cron(&self) -> Result<String, String> {
        match self {
            Self::Daily(time) => Ok(format!("{} {} * * *", time.minute(), time.hour())),
            Self::Weekly(time) => Ok(format!("{} {} * * 1", time.minute(), time.hour())),
            Self::Fields(text) => Ok(text.split_whitespace().collect::<Vec<_>>().join(" ")),
            Self::Calendar(text) => Err(format!(
                "{text:?} is a time of systemd; cron takes five fields such as \"0 4 * * 1-5\""
            )),
        }
    }

    /// Times of the day at which it may fire; `None` where only systemd knows.
    pub(crate) fn times(&self) -> Option<Vec<Time>> {
        Some(Fields::read(&self.for_cron().ok()?)?.times().collect())
    }
}

/// Whether these are fields of a crontab: what is wrong in them is for cron to say.
fn is_fields(text: &str) -> bool {
    text.split_whitespace().all(|field| {
        let known = |c: char| c.is_ascii_alphanumeric() || "*,-/".contains(c);
        field.chars().all(known)
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use jiff::ZonedDateTime;

    use super::*;

    fn read(every: &str, at: Option<&str>) -> Result<When, String> {
        let at = at.map(|at| crate::settings::window::time_of_day(at).unwrap());
        When::read(every, at, time(4, 0, 0, 0))
    }

    #[test]
    fn the_words_of_both_programs() {
        let of = |every, at| {
            let when = read(every, at).unwrap();
            (when.for_systemd().ok(), when.for_cron().ok())
        };
        let both = |a: &str, b: &str| (Some(a.to_owned()), Some(b.to_owned()));
        assert_eq!(of("day", None), both("*-*-* 04:00:00", "0 4 * * *"));
        assert_eq!(
            of("week", Some("3:30")),
            both("Mon *-*-* 03:30:00", "30 3 * * 1")
        );
        let one = |text: &str| Some(text.to_owned());
        assert_eq!(of("Mon..Fri 04:00", None), (one("Mon..Fri 04:00"), None));
        assert_eq!(of("*/5 * * * *", None), (None, one("*/5 * * * *")));
        for (every, at) in [
            ("", None),
            ("Mon 04:00", Some("05:00")),
            ("a\nb", None),
            ("a b c d e f", None),
        ] {
            assert!(read(every, at).is_err(), "{every}");
        }
    }

    #[test]
    fn the_next_time_is_after_now_also_where_the_clock_is_changed() {
        let next = |when: When, now| Fields::read(&when.for_cron().unwrap()).unwrap().next(now);
        let now: ZonedDateTime = "2026-03-29T01:30[Europe/Berlin]".parse().unwrap();
        // 02:30 is no time on that day: the clock goes from two to three.
        let next_one = next(When::Daily(time(2, 30, 0, 0)), &now).unwrap();
        assert_eq!(
            next_one.to_string(),
            "2026-03-29T03:30:00+02:00[Europe/Berlin]"
        );
        let next_one = next(When::Weekly(time(1, 30, 0, 0)), &now).unwrap();
        assert_eq!(
            next_one.to_string(),
            "2026-03-30T01:30:00+02:00[Europe/Berlin]"
        );
        let next_one = next(When::Daily(time(1, 30, 0, 0)), &now).unwrap();
        assert_eq!(
            next_one.to_string(),
            "2026-03-30T01:30:00+02:00[Europe/Berlin]"
        );
    }
}

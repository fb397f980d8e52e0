//! The five fields of a crontab, read as cron reads them: when they are due next. What cron would not
//! take is none of ours to say; here it is just never due.

use jiff::ZonedDateTime;
use jiff::civil::{Date, Time};

/// So far ahead is looked: every date that there is comes within eight years (29 February).
const DAYS: i64 = 8 * 366;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS_OF_WEEK: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Five fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both kinds of day are restricted, and cron takes either.
    either_day: bool,
}

impl Fields {
    /// `None`: cron knows what they mean, or refuses them.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return None;
        };
        let weekdays = set(weekday, 0, 7, &DAYS_OF_WEEK, 0)?;
        Some(Self {
            minutes: set(minute, 0, 59, &[], 0)?,
            hours: set(hour, 0, 23, &[], 0)?,
            days: set(day, 1, 31, &[], 0)?,
            months: set(month, 1, 12, &MONTHS, 1)?,
            // 7 is Sunday as well.
            weekdays: weekdays | (weekdays >> 7 & 1),
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }

    /// The first time after a moment.
    pub(crate) fn next(&self, now: &ZonedDateTime) -> Option<ZonedDateTime> {
        (0..=DAYS)
            .filter_map(|days| now.date().checked_add(jiff::Span::new().days(days)).ok())
            .filter(|date| self.has_day(*date))
            .flat_map(|date| self.times().map(move |time| date.to_datetime(time)))
            .filter_map(|at| at.to_zoned_datetime(now.time_zone().clone()).ok())
            .find(|at| at > now)
    }

    /// Every time of a day at which they are due.
    pub(crate) fn times(&self) -> impl Iterator<Item = Time> {
        let of = |hour: i8| (0..60).filter_map(move |minute| Time::new(hour, minute, 0, 0).ok());
        let all = (0..24).flat_map(of);
        let has = |bits: u64, number: i8| bits >> number.unsigned_abs() & 1 == 1;
        let (hours, minutes) = (self.hours, self.minutes);
        all.filter(move |time| has(hours, time.hour()) && has(minutes, time.minute()))
    }

    fn has_day(&self, date: Date) -> bool {
        let has = |bits: u64, number: i8| bits >> number.unsigned_abs() & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month())
            && match self.either_day {
                true => day || weekday,
                false => day && weekday,
            }
    }
}

/// The numbers that a field names, as bits.
fn set(field: &str, least: u32, most: u32, names: &[&str], first: u32) -> Option<u64> {
    let number = |text: &str| {
        let low = text.to_ascii_lowercase();
        let named = (0..).zip(names).find(|(_, name)| **name == low);
        named.map_or_else(|| text.parse::<u32>().ok(), |(at, _)| Some(at + first))
    };
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|n| *n > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (number(from)?, number(to)?),
            // cron knows no step behind a single number.
            (one, None) if step.is_none() => (number(one)?, number(one)?),
            _ => return None,
        };
        if from < least || to > most || from > to {
            return None;
        }
        for number in (from..=to).step_by(step.unwrap_or(1)) {
            bits |= 1 << number;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(fields: &str, now: &str) -> Option<String> {
        let now: ZonedDateTime = now.parse().unwrap();
        let next = Fields::read(fields)?.next(&now)?;
        Some(next.strftime("%a %F %H:%M").to_string())
    }

    #[test]
    fn the_next_time_as_cron_reads_the_fields() {
        let now = "2026-11-25T10:20[Europe/Berlin]"; // a Wednesday
        for (fields, wanted) in [
            ("0 4 * * *", "Thu 2026-11-26 04:00"),
            ("*/15 * * * *", "Wed 2026-11-25 10:30"),
            ("20 10 * * *", "Thu 2026-11-26 10:20"),
            ("0 4 * * 1-5", "Thu 2026-11-26 04:00"),
            ("0 4 * * 7", "Sun 2026-11-29 04:00"),
            ("0 4 * * sun", "Sun 2026-11-29 04:00"),
            ("5,10 0-2/2 1 JAN *", "Fri 2027-01-01 00:05"),
            // Either day, where both are named.
            ("0 4 1 * mon", "Mon 2026-11-30 04:00"),
            ("0 4 29 2 *", "Tue 2028-02-29 04:00"),
        ] {
            assert_eq!(next(fields, now).as_deref(), Some(wanted), "{fields}");
        }
        for none in [
            "",
            "0 4 * *",
            "60 * * * *",
            "0 4 * * 8",
            "5/2 * * * *",
            "9-3 * * * *",
            "*/0 * * * *",
            "0 4 30 2 *",
            "@daily",
            "x * * * *",
        ] {
            assert_eq!(next(none, now), None, "{none}");
        }
        // 02:30 is no time on that day: the clock goes from two to three.
        let spring = next("30 2 * * *", "2026-03-29T01:00[Europe/Berlin]");
        assert_eq!(spring.as_deref(), Some("Sun 2026-03-29 03:30"));
    }
}

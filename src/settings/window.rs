//! The hours of the day in which an unattended change may begin. By the clock on the wall: where that
//! is put forward or back, the window moves with it.

use std::fmt;
use std::str::FromStr;

use jiff::ZonedDateTime;
use jiff::civil::Time;
use serde::de::{self, Deserialize, Deserializer};

/// From one time of the day to another, the second left out; across midnight where the second is the
/// earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// When it opens.
    pub fn from(self) -> Time {
        self.from
    }

    /// Whether it is open at a time of the day.
    pub fn holds(self, time: Time) -> bool {
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }

    /// Whether it is open at a moment, by the clock of the moment's zone.
    pub fn is_open(self, at: &ZonedDateTime) -> bool {
        self.holds(at.time())
    }

    /// How long it is open on a day without a change of the clock.
    pub fn length(self) -> std::time::Duration {
        let seconds = |time: Time| {
            i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
        };
        let length = (seconds(self.to) - seconds(self.from)).rem_euclid(86_400);
        std::time::Duration::from_secs(length.unsigned_abs())
    }
}

/// Reads `04:00`, and `4:00` as well.
///
/// # Errors
/// A sentence on what is wrong with it.
pub(crate) fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || format!("{text:?} is not a time of day; write 04:00");
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |text: &str| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = (number(hour), number(minute).filter(|_| minute.len() == 2));
    match (hour, minute) {
        (Some(hour), Some(minute)) => Time::new(hour, minute, 0, 0).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text
            .split_once('-')
            .ok_or_else(|| format!("{text:?} is not a window; write 02:00-05:00"))?;
        let (from, to) = (time_of_day(from)?, time_of_day(to)?);
        if from == to {
            return Err(format!("the window {text} is never open, or always"));
        }
        Ok(Self { from, to })
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(
            f,
            "{:02}:{:02}-{:02}:{:02}",
            from.hour(),
            from.minute(),
            to.hour(),
            to.minute()
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;
    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_window_is_told() {
        for text in [
            "",
            "02:00",
            "02:00-",
            "2-5",
            "25:00-03:00",
            "02:0-03:00",
            "02:00-02:00",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        let window: Window = "22:30-5:00".parse().unwrap();
        assert_eq!(window.to_string(), "22:30-05:00");
        assert!(window.holds(time(23, 0, 0, 0)) && window.holds(time(4, 59, 59, 0)));
        assert!(!window.holds(time(5, 0, 0, 0)) && !window.holds(time(22, 29, 59, 0)));
    }

    proptest! {
        /// Every moment of a year, in zones that change their clocks in the window: it is open exactly
        /// when the clock on the wall says so, and beginning and end are where the clock passes them.
        #[test]
        fn the_clock_on_the_wall_decides(
            second in 1_767_225_600_i64..1_798_761_600,
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
            from in 0_i8..24, to in 0_i8..24, minute in 0_i8..60,
        ) {
            prop_assume!(from != to);
            let window = Window { from: time(from, minute, 0, 0), to: time(to, minute, 0, 0) };
            let zone = TimeZone::get(zone).unwrap();
            let at = Timestamp::from_second(second).unwrap().to_zoned_datetime(zone);
            let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
            let (start, end) = (format!("{from:02}:{minute:02}:00"), format!("{to:02}:{minute:02}:00"));
            let wanted = match start < end {
                true => start <= clock && clock < end,
                false => !(end <= clock && clock < start),
            };
            prop_assert_eq!(window.is_open(&at), wanted, "{} at {}", window, at);
        }

        /// Across a whole day it is open for its length, but for the hour that a change of the clock
        /// takes or gives.
        #[test]
        fn it_is_open_once_a_day(
            day in 0_i64..365, from in 0_i8..24, to in 0_i8..24,
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "UTC"]),
        ) {
            prop_assume!(from != to);
            let window = Window { from: time(from, 0, 0, 0), to: time(to, 0, 0, 0) };
            let zone = TimeZone::get(zone).unwrap();
            let midnight = Timestamp::from_second(1_767_225_600 + day * 86_400).unwrap();
            let first = midnight.to_zoned_datetime(zone).start_of_day().unwrap();
            let next = first.tomorrow().unwrap().start_of_day().unwrap();
            let mut open = 0;
            let mut at = first.clone();
            while at < next {
                open += i64::from(window.is_open(&at));
                at = at.checked_add(SignedDuration::from_mins(1)).unwrap();
            }
            let length = i64::try_from(window.length().as_secs() / 60).unwrap();
            prop_assert!((open - length).abs() <= 60, "{} open for {} min on {}", window, open, first);
            let is_plain = next.duration_since(&first).as_hours() == 24;
            prop_assert!(!is_plain || open == length, "{} open for {} min on {}", window, open, first);
        }
    }
}

//! When a `cron` is due: five fields, with names of months and days, lists, ranges and steps (`execution-semantics` 2.3), `?` for `*`, a word such as `@daily`,
//! or `@every 1h30m`, which Gitea and Forgejo take too. Called by `schedule`.

use domain::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Zoned};
use std::time::Duration;

/// A cron that comes never within so many days (a 31st of February) is never due.
const DAYS: usize = 366 * 9;
/// As long for a time between two.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 9);
/// What is to come more often comes as often as five fields can say.
const MOST_OFTEN: Duration = Duration::from_mins(1);

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cron {
    /// By the clocks.
    At(Fields),
    /// So long after it was due before, or after it was written.
    Every(Duration),
}

/// The fields, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days of the month and days of the week are both said: then one of them is enough.
    either: Days,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Both,
    Either,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Words, with the fields that they stand for.
const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Cron {
    /// Reads five fields, a word for them, or `@every` and how long; `None` for what is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix("@every ") {
            Some(time) => every(time.trim()).map(Self::Every),
            None => Fields::read(text).map(Self::At),
        }
    }

    /// The first time after a moment, by the clocks of a zone.
    pub(super) fn after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::At(fields) => fields.after(now, zone),
            Self::Every(time) => Some(now.after(*time)),
        }
    }
}

/// A time as Go writes one (`1h30m`, `1.5h`), in whole seconds.
fn every(text: &str) -> Option<Duration> {
    let is_go = text.chars().all(|letter| letter.is_ascii_digit() || ".hmsun".contains(letter));
    let time: SignedDuration = if is_go { text.parse().ok()? } else { return None };
    let time = Duration::from_secs(u64::try_from(time.as_secs()).ok()?);
    (!time.is_zero() && time <= LONGEST).then(|| time.max(MOST_OFTEN))
}

impl Fields {
    fn read(text: &str) -> Option<Self> {
        let text = WORDS.iter().find(|(word, _)| *word == text).map_or(text, |(_, fields)| fields);
        let mut fields = text.split_whitespace();
        let mut next = |low, high, names: &[&str]| field(fields.next()?, low, high, names);
        let (minutes, _) = next(0, 59, &[])?;
        let (hours, _) = next(0, 23, &[])?;
        let (days, any_day) = next(1, 31, &[])?;
        let (months, _) = next(1, 12, &MONTHS)?;
        let (weekdays, any_weekday) = next(0, 7, &WEEKDAYS)?;
        if fields.next().is_some() {
            return None;
        }
        // 7 is Sunday too.
        let weekdays = weekdays | weekdays >> 7 & 1;
        let either = if any_day || any_weekday { Days::Both } else { Days::Either };
        Some(Self { minutes, hours, days, months, weekdays, either })
    }

    /// As of [`Cron`]. A time that a change of clocks leaves out is due when they have changed; one that comes
    /// twice is due the first time.
    fn after(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let millis = i64::try_from(now.0).ok()?;
        let start = Zoned::new(jiff::Timestamp::from_millisecond(millis).ok()?, zone.clone());
        let mut date = start.date();
        for _ in 0..DAYS {
            if self.has(date)
                && let Some(found) = self.on(date, &start, zone)
            {
                return Some(Timestamp(u64::try_from(found).ok()?));
            }
            date = date.checked_add(Span::new().days(1)).ok()?;
        }
        None
    }

    fn has(&self, date: Date) -> bool {
        let bit = |bits: u64, at: i8| bits >> at & 1 == 1;
        let day = bit(self.days, date.day());
        let weekday = bit(self.weekdays, date.weekday().to_sunday_zero_offset());
        let is_day = match self.either {
            Days::Both => day && weekday,
            Days::Either => day || weekday,
        };
        bit(self.months, date.month()) && is_day
    }

    /// The first time of a day that is later than the start, milliseconds.
    fn on(&self, date: Date, start: &Zoned, zone: &TimeZone) -> Option<i64> {
        let hours = (0..24_i8).filter(|hour| self.hours >> hour & 1 == 1);
        hours
            .flat_map(|hour| {
                (0..60_i8).filter(|minute| self.minutes >> minute & 1 == 1).map(move |minute| (hour, minute))
            })
            .filter_map(|(hour, minute)| {
                DateTime::from_parts(date, jiff::civil::time(hour, minute, 0, 0)).to_zoned(zone.clone()).ok()
            })
            .find(|time| time > start)
            .map(|time| time.timestamp().as_millisecond())
    }
}

/// One field: its bits, and whether it is `*` or `?`.
fn field(text: &str, low: u32, high: u32, names: &[&str]) -> Option<(u64, bool)> {
    let value = |text: &str| -> Option<u32> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            // Months count from 1, days of the week from 0, as their fields do.
            Some(at) => u32::try_from(at).ok()? + low,
            None => text.parse().ok()?,
        };
        (low..=high).contains(&number).then_some(number)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (low, high),
            (_, Some((from, to))) => (value(from)?, value(to)?),
            (one, None) => (value(one)?, if step.is_some() { high } else { value(one)? }),
        };
        if from > to {
            return None;
        }
        let steps = (from..=to).step_by(usize::try_from(step.unwrap_or(1)).ok()?);
        bits = steps.fold(bits, |bits, at| bits | 1_u64 << at);
    }
    Some((bits, text.starts_with(['*', '?'])))
}

#[cfg(test)]
mod tests {
    use super::Cron;
    use domain::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn after(cron: &str, now: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let now: jiff::Timestamp = now.parse().unwrap();
        let now = Timestamp(u64::try_from(now.as_millisecond()).unwrap());
        let next = Cron::read(cron).unwrap().after(now, &zone);
        next.map_or("never".to_owned(), |next| {
            jiff::Timestamp::from_millisecond(i64::try_from(next.0).unwrap()).unwrap().to_string()
        })
    }

    #[test]
    fn the_next_time_is_found() {
        let now = "2026-11-22T08:30:00Z";
        let cases = [
            ("* * * * *", "2026-11-22T08:31:00Z"),
            ("30 8 * * *", "2026-11-23T08:30:00Z"),
            ("*/15 * * * *", "2026-11-22T08:45:00Z"),
            ("5/20 9-10 * * *", "2026-11-22T09:05:00Z"),
            ("0 0 1 JAN *", "2027-01-01T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 0 31 2 *", "never"),
            ("0 12 * * mon-fri", "2026-11-23T12:00:00Z"),
            ("0 12 * * 7", "2026-11-22T12:00:00Z"),
            // One of both days is enough, when both are said.
            ("0 0 30 * 2", "2026-11-24T00:00:00Z"),
            ("0 0 */10 * 2", "2026-12-01T00:00:00Z"),
            ("0 0 ? * TUE", "2026-11-24T00:00:00Z"),
            ("0 0 1 * ?", "2026-12-01T00:00:00Z"),
            ("@hourly", "2026-11-22T09:00:00Z"),
            (" @daily ", "2026-11-23T00:00:00Z"),
            ("@midnight", "2026-11-23T00:00:00Z"),
            ("@weekly", "2026-11-29T00:00:00Z"),
            ("@monthly", "2026-12-01T00:00:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z"),
            ("@annually", "2027-01-01T00:00:00Z"),
            ("@every 1h30m", "2026-11-22T10:00:00Z"),
            ("@every 1.5h", "2026-11-22T10:00:00Z"),
            ("@every  72h", "2026-11-25T08:30:00Z"),
            ("@every 90s", "2026-11-22T08:31:30Z"),
            ("@every 5s", "2026-11-22T08:31:00Z"),
        ];
        for (cron, expected) in cases {
            assert_eq!(after(cron, now, "UTC"), expected, "{cron}");
        }
    }

    #[test]
    fn clocks_that_change_are_followed() {
        // 2026-03-29 02:00 is 03:00 in Berlin: 02:30 is left out. 2026-10-25 03:00 is 02:00 again.
        assert_eq!(after("30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin"), "2026-03-29T01:30:00Z");
        assert_eq!(after("30 2 * * *", "2026-10-24T12:00:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z");
        assert_eq!(after("30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn what_is_none_is_not_read() {
        for wrong in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "x * * * *",
            "* * * foo *",
            "@often",
            "@daily 1",
            "@every",
            "@every day",
            "@every 0s",
            "@every -5m",
            "@every 5",
            "@every 1d",
            "@every PT1H",
            "@every 99999999999999999999h",
            "@every 2000000h",
        ] {
            assert_eq!(Cron::read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_whole_minutes(
            minute in 0_u32..60, hour in 0_u32..24, now in 0_u64..4_000_000_000_000,
        ) {
            let cron = Cron::read(&format!("{minute} {hour} * * *")).unwrap();
            let next = cron.after(Timestamp(now), &TimeZone::UTC).unwrap();
            prop_assert!(next.0 > now && next.0 - now <= 86_400_000);
            prop_assert_eq!(next.0 % 60_000, 0);
            prop_assert_eq!(next.0 / 60_000 % 60, u64::from(minute));
        }
    }
}

//! What a `cron` says: five fields, with names of months and days, lists, ranges and steps (`execution-semantics` 2.3), and what Gitea and Forgejo take beside them:
//! `?` for `*`, a word such as `@daily`, `@every 1h30m`, a zone before it all. Called by the linter, and by the server, which knows clocks and zones.

use std::time::Duration;

/// A time between two runs is not longer.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 9);
/// What is to come more often comes as often as five fields can say.
const MOST_OFTEN: Duration = Duration::from_mins(1);

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
const DAY: Field = Field { name: "day of month", low: 1, high: 31, names: &[] };
const MONTH: Field = Field { name: "month", low: 1, high: 12, names: MONTHS };
const WEEKDAY: Field = Field { name: "day of week", low: 0, high: 7, names: WEEKDAYS };

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

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cron {
    /// By the clocks.
    At(CronFields),
    /// So long after it was due before, or after it was written; a minute at least.
    Every(Duration),
}

/// The fields, as bits: minute 5 is bit 5, day 1 is bit 1, Sunday is bit 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronFields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Where days of the month and days of the week are both said, one of them is enough.
    days_meet: DaysMeet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DaysMeet {
    Both,
    Either,
}

/// Why a cron is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("a cron line has five fields (minute hour day-of-month month day-of-week), this one has {0}")]
    Fields(usize),
    /// A word that stands for nothing.
    #[error("'{0}' is no word for a schedule, such as @hourly, @daily, @weekly, @monthly, @yearly")]
    Word(String),
    /// No time after `@every`.
    #[error("'{0}' is no time between two runs, such as 1h30m")]
    Every(String),
    /// One field is wrong.
    #[error("'{text}' is not a valid {field}: {reason}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// As written.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
}

struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    names: &'static [&'static str],
}

/// The zone that stands before the fields, where one does, and what is behind it.
#[must_use]
pub fn split_zone(line: &str) -> (Option<&str>, &str) {
    let line = line.trim();
    match line.split_once(char::is_whitespace) {
        Some((first, rest)) if first.starts_with("TZ=") || first.starts_with("CRON_TZ=") => {
            (first.split_once('=').map(|(_, zone)| zone), rest)
        }
        _ => (None, line),
    }
}

/// The fields that a word stands for.
#[must_use]
pub fn fields_of(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, fields)| *fields)
}

impl Cron {
    /// Reads what is behind a zone.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(line: &str) -> Result<Self, CronError> {
        let line = line.trim();
        if let Some(time) = line.strip_prefix("@every").filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
        {
            return every(time.trim()).map(Self::Every).ok_or_else(|| CronError::Every(time.trim().to_owned()));
        }
        let fields = fields_of(line).unwrap_or(line);
        if fields.starts_with('@') {
            return Err(CronError::Word(line.to_owned()));
        }
        CronFields::parse(fields).map(Self::At)
    }
}

impl CronFields {
    fn parse(line: &str) -> Result<Self, CronError> {
        let texts: Vec<&str> = line.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = *texts else { return Err(CronError::Fields(texts.len())) };
        let weekdays = WEEKDAY.parse(weekday)?;
        let is_any = |text: &str| text.starts_with(['*', '?']);
        Ok(Self {
            minutes: MINUTE.parse(minute)?,
            hours: HOUR.parse(hour)?,
            days: DAY.parse(day)?,
            months: MONTH.parse(month)?,
            // 7 is Sunday too.
            weekdays: weekdays | weekdays >> 7 & 1,
            days_meet: if is_any(day) || is_any(weekday) { DaysMeet::Both } else { DaysMeet::Either },
        })
    }

    /// The minutes of a day at which it is due, in order, each as hour and minute.
    pub fn times(&self) -> impl Iterator<Item = (i8, i8)> + use<> {
        let (hours, minutes) = (self.hours, self.minutes);
        let set = |bits: u64, high: i8| (0..high).filter(move |at| bits >> at & 1 == 1);
        set(hours, 24).flat_map(move |hour| set(minutes, 60).map(move |minute| (hour, minute)))
    }

    /// Whether it is due on a day: of the month from 1, the month from 1, of the week from Sunday as 0.
    #[must_use]
    pub fn has_day(&self, day: i8, month: i8, weekday: i8) -> bool {
        let bit = |bits: u64, at: i8| bits >> at & 1 == 1;
        let (day, weekday) = (bit(self.days, day), bit(self.weekdays, weekday));
        let is_day = match self.days_meet {
            DaysMeet::Both => day && weekday,
            DaysMeet::Either => day || weekday,
        };
        bit(self.months, month) && is_day
    }
}

impl Field {
    /// The values that a field names, as bits.
    fn parse(&self, text: &str) -> Result<u64, CronError> {
        let mut bits = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => {
                    (range, Some(step.parse::<u8>().map_err(|_| self.wrong(text, "a step is a number"))?))
                }
                None => (part, None),
            };
            if step == Some(0) {
                return Err(self.wrong(text, "a step cannot be 0"));
            }
            let (low, high) = match (range, range.split_once('-')) {
                ("*" | "?", _) => (self.low, self.high),
                (_, Some((low, high))) => (self.value(low, text)?, self.value(high, text)?),
                (one, None) => {
                    let low = self.value(one, text)?;
                    (low, if step.is_some() { self.high } else { low })
                }
            };
            if low > high {
                return Err(self.wrong(text, "a range must not run backwards"));
            }
            bits = (low..=high).step_by(usize::from(step.unwrap_or(1))).fold(bits, |bits, at| bits | 1_u64 << at);
        }
        Ok(bits)
    }

    fn value(&self, word: &str, text: &str) -> Result<u8, CronError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let value = match named.and_then(|at| u8::try_from(at).ok()) {
            // Months count from 1, days of the week from 0, as their fields do.
            Some(at) => at + self.low,
            None if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(self.wrong(text, "only numbers, names, '*', ',', '-' and '/' are allowed"));
            }
            None => word.parse().map_err(|_| self.wrong(text, "the number is out of range"))?,
        };
        if value < self.low || value > self.high {
            return Err(self.wrong(text, "the number is out of range"));
        }
        Ok(value)
    }

    fn wrong(&self, text: &str, reason: &'static str) -> CronError {
        CronError::Field { field: self.name, text: text.to_owned(), reason }
    }
}

/// A time as Go writes one (`1h30m`, `1.5h`), in whole seconds.
fn every(text: &str) -> Option<Duration> {
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?);
        let (unit, behind) = behind
            .split_at(behind.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(behind.len()));
        let unit = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = behind;
    }
    let time = Duration::try_from_secs_f64(seconds.trunc()).ok().filter(|time| *time <= LONGEST)?;
    (seconds > 0.0).then(|| time.max(MOST_OFTEN))
}

#[cfg(test)]
mod tests {
    use super::{Cron, CronError, CronFields, every, split_zone};
    use proptest::prelude::*;
    use std::time::Duration;

    fn fields(line: &str) -> CronFields {
        match Cron::parse(line) {
            Ok(Cron::At(fields)) => fields,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn minutes(line: &str) -> Vec<u32> {
        fields(line)
            .times()
            .map(|(hour, minute)| u32::from(hour.unsigned_abs()) * 60 + u32::from(minute.unsigned_abs()))
            .collect()
    }

    #[test]
    fn minutes_and_hours() {
        assert_eq!(minutes("*/15 3 * * *"), [180, 195, 210, 225]);
        assert_eq!(minutes("5/20 9-10 * * *"), [545, 565, 585, 605, 625, 645]);
        assert_eq!(minutes("7,7,3-4 0 * * *"), [3, 4, 7]);
        assert_eq!(minutes("@hourly").len(), 24);
        assert_eq!(minutes(" @daily "), [0]);
    }

    #[test]
    fn days() {
        // 2026-11-23 is a Monday.
        let has = |line: &str, day, month, weekday| fields(line).has_day(day, month, weekday);
        assert!(has("0 0 * * mon-FRI", 23, 11, 1) && !has("0 0 * * mon-FRI", 22, 11, 0));
        assert!(has("0 0 * * 7", 22, 11, 0) && has("0 0 * * 0", 22, 11, 0) && !has("0 0 * * 1-7/2", 24, 11, 2));
        assert!(has("0 0 1 JAN *", 1, 1, 4) && !has("0 0 1 JAN *", 1, 2, 0));
        // One of both days is enough where both are said.
        assert!(has("0 0 30 * 2", 24, 11, 2) && has("0 0 30 * 2", 30, 11, 1) && !has("0 0 30 * 2", 29, 11, 0));
        assert!(!has("0 0 */10 * 2", 24, 11, 2) && has("0 0 ? * TUE", 24, 11, 2) && has("0 0 1 * ?", 1, 12, 2));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let field = |field, text: &str, reason| CronError::Field { field, text: text.to_owned(), reason };
        for (line, error) in [
            ("", CronError::Fields(0)),
            ("* * * *", CronError::Fields(4)),
            ("* * * * * *", CronError::Fields(6)),
            ("60 * * * *", field("minute", "60", "the number is out of range")),
            ("* 24 * * *", field("hour", "24", "the number is out of range")),
            ("* * 0 * *", field("day of month", "0", "the number is out of range")),
            ("* * * 999 *", field("month", "999", "the number is out of range")),
            ("* * * * 8", field("day of week", "8", "the number is out of range")),
            ("5-1 * * * *", field("minute", "5-1", "a range must not run backwards")),
            ("*/0 * * * *", field("minute", "*/0", "a step cannot be 0")),
            ("*/x * * * *", field("minute", "*/x", "a step is a number")),
            ("* * * foo *", field("month", "foo", "only numbers, names, '*', ',', '-' and '/' are allowed")),
            ("@often", CronError::Word("@often".to_owned())),
            ("@daily 1", CronError::Word("@daily 1".to_owned())),
            ("@everyday", CronError::Word("@everyday".to_owned())),
            ("@every day", CronError::Every("day".to_owned())),
        ] {
            assert_eq!(Cron::parse(line), Err(error), "{line}");
        }
    }

    #[test]
    fn times_between_two() {
        for (text, seconds) in
            [("1h30m", 5_400), ("1.5h", 5_400), (".5h", 1_800), ("72h", 259_200), ("90s", 90), ("5s", 60), ("1ms", 60)]
        {
            assert_eq!(every(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in [
            "",
            "day",
            "0s",
            "-5m",
            "5",
            "1d",
            "PT1H",
            "1h 30m",
            "h",
            ".h",
            "1..5h",
            "99999999999999999999h",
            "2000000h",
        ] {
            assert_eq!(every(wrong), None, "{wrong}");
        }
        assert_eq!(Cron::parse("@every  72h"), Ok(Cron::Every(Duration::from_hours(72))));
    }

    #[test]
    fn a_zone_may_come_first() {
        assert_eq!(split_zone(" CRON_TZ=Asia/Tokyo  0 9 * * *"), (Some("Asia/Tokyo"), " 0 9 * * *"));
        assert_eq!(split_zone("TZ=UTC @daily"), (Some("UTC"), "@daily"));
        assert_eq!(split_zone("0 9 * * * "), (None, "0 9 * * *"));
    }

    proptest! {
        #[test]
        fn no_text_is_trouble(line in "[@A-Za-z0-9*?,/. \\-]{0,40}") {
            if let Ok(Cron::At(fields)) = Cron::parse(&line) {
                prop_assert!(fields.times().next().is_some());
            }
        }
    }
}

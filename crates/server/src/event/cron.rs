//! When a [`Cron`] is due next, by the clocks of a zone. Called by `schedule`.

use domain::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use workflow::cron::{Cron, CronFields};

/// A cron that comes never within so many days (a 31st of February) is never due.
const DAYS: usize = 366 * 9;

/// The first time after a moment, by the clocks of a zone. A time that a change of clocks leaves out is due when they have changed; one that comes twice is due the
/// first time.
pub(super) fn after(cron: &Cron, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let fields = match cron {
        Cron::At(fields) => fields,
        Cron::Every(time) => return Some(now.after(*time)),
    };
    let millis = i64::try_from(now.0).ok()?;
    let start = Zoned::new(jiff::Timestamp::from_millisecond(millis).ok()?, zone.clone());
    let mut date = start.date();
    for _ in 0..DAYS {
        if fields.has_day(date.day(), date.month(), date.weekday().to_sunday_zero_offset())
            && let Some(found) = on(fields, date, &start, zone)
        {
            return Some(Timestamp(u64::try_from(found).ok()?));
        }
        date = date.checked_add(Span::new().days(1)).ok()?;
    }
    None
}

/// The first time of a day that is later than the start, milliseconds.
fn on(fields: &CronFields, date: Date, start: &Zoned, zone: &TimeZone) -> Option<i64> {
    let mut times = fields.times().filter_map(|(hour, minute)| {
        DateTime::from_parts(date, jiff::civil::time(hour, minute, 0, 0)).to_zoned(zone.clone()).ok()
    });
    times.find(|time| time > start).map(|time| time.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use workflow::cron::Cron;

    fn next(cron: &str, now: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let now: jiff::Timestamp = now.parse().unwrap();
        let now = Timestamp(u64::try_from(now.as_millisecond()).unwrap());
        let next = super::after(&Cron::parse(cron).unwrap(), now, &zone);
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
            assert_eq!(next(cron, now, "UTC"), expected, "{cron}");
        }
    }

    #[test]
    fn clocks_that_change_are_followed() {
        // 2026-03-29 02:00 is 03:00 in Berlin: 02:30 is left out. 2026-10-25 03:00 is 02:00 again.
        assert_eq!(next("30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin"), "2026-03-29T01:30:00Z");
        assert_eq!(next("30 2 * * *", "2026-10-24T12:00:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z");
        assert_eq!(next("30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-26T01:30:00Z");
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_whole_minutes(
            minute in 0_u32..60, hour in 0_u32..24, now in 0_u64..4_000_000_000_000,
        ) {
            let cron = Cron::parse(&format!("{minute} {hour} * * *")).unwrap();
            let next = super::after(&cron, Timestamp(now), &TimeZone::UTC).unwrap();
            prop_assert!(next.0 > now && next.0 - now <= 86_400_000);
            prop_assert_eq!(next.0 % 60_000, 0);
            prop_assert_eq!(next.0 / 60_000 % 60, u64::from(minute));
        }
    }
}

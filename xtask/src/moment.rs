//! Moments as a server says them. Called by `bench` and `stress`.

use std::time::Duration;

/// `2026-11-22T14:26:19.123Z` since 1970.
pub(crate) fn since_1970(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let of_day = time.next()?? * 3600.0 + time.next()?? * 60.0 + time.next()??;
    // Years begin in March, so that the day that not every year has is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let leap = year / 4 - year / 100 + year / 400;
    let days = (year * 365 + leap + (month * 153 + 2) / 5 + day).checked_sub(EPOCH)?;
    Some(Duration::from_secs(days * 24 * 3600) + Duration::try_from_secs_f64(of_day).ok()?)
}

/// The first day of 1970, counted so.
const EPOCH: u64 = 719_469;

#[cfg(test)]
mod tests {
    use super::since_1970;
    use std::time::Duration;

    #[test]
    fn moments_are_read() {
        let seconds = |text: &str| since_1970(text).unwrap().as_secs();
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2000-02-29T23:59:59Z"), 951_868_799);
        assert_eq!(seconds("2000-03-01T00:00:00Z"), 951_868_800);
        assert_eq!(seconds("2001-09-09T01:46:40Z"), 1_000_000_000);
        assert_eq!(seconds("2026-12-31T23:59:59Z"), 1_798_761_599);
        assert_eq!(since_1970("1970-01-01T00:00:01.250Z"), Some(Duration::from_millis(1250)));
        assert_eq!((since_1970("yesterday"), since_1970("1969-12-31T23:59:59Z")), (None, None));
    }
}

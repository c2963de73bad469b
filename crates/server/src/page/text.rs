//! Words, moments and lengths of time as pages say them. Called by the handlers that fill the views.

use std::borrow::Borrow;
use std::fmt;

/// A text in one line is no longer than this.
const LONGEST: usize = 300;

/// A text that somebody else chose, for one line: control characters and those that turn the direction of what follows are shown as such, and what
/// is very long is cut. Templates escape it.
pub(crate) fn line(text: &str) -> String {
    let mut out: String = shown(text).take(LONGEST).map(|(_, shown)| shown).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// As [`line`], of a text that may have many lines, which stay.
pub(crate) fn paragraph(text: &str) -> String {
    shown(text).take(20 * LONGEST).map(|(one, shown)| if one == '\n' { one } else { shown }).collect()
}

/// The characters of a text, each with what is shown of it.
pub(crate) fn shown(text: &str) -> impl Iterator<Item = (char, char)> {
    let mut chars = text.chars().peekable();
    let mut before = None;
    std::iter::from_fn(move || {
        let one = chars.next()?;
        // Pictures that are one of several are joined by what is not seen.
        let joins =
            one == '\u{200d}' && before.is_some_and(is_picture) && chars.peek().copied().is_some_and(is_picture);
        before = Some(one);
        Some((one, if joins { one } else { seen(one) }))
    })
}

const fn is_picture(one: char) -> bool {
    matches!(one, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// A character as it can be seen: not one without width, by which two texts that look alike differ.
fn seen(one: char) -> char {
    match one {
        '\t' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(one)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        other => other,
    }
}

/// A number with its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    fn time(self) -> jiff::Timestamp {
        i64::try_from(self.0).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok()).unwrap_or_default()
    }

    /// For `datetime`: `2026-11-22T08:20:58.123Z`.
    pub(crate) fn iso(self) -> String {
        self.time().to_string()
    }

    /// For people who have no script: `2026-11-22 08:20:58 UTC`.
    pub(crate) fn utc(self) -> String {
        self.time().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    /// How long ago, in one unit.
    pub(crate) fn ago(self, now: impl Borrow<Self>) -> String {
        let seconds = now.borrow().0.saturating_sub(self.0) / 1000;
        match seconds {
            0..10 => "now".to_owned(),
            10..60 => format!("{seconds} s ago"),
            60..3_600 => format!("{} min ago", seconds / 60),
            3_600..86_400 => format!("{} h ago", seconds / 3_600),
            86_400..172_800 => "yesterday".to_owned(),
            _ => format!("{} days ago", seconds / 86_400),
        }
    }

    /// How long until another moment; nothing where the clock went back.
    pub(crate) fn until(self, other: impl Borrow<Self>) -> Span {
        Span(other.borrow().0.saturating_sub(self.0))
    }
}

/// A length of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    /// For `datetime`: `PT83.5S`.
    pub(crate) fn iso(self) -> String {
        format!("PT{}.{:03}S", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        match seconds {
            0 if self.0 < 100 => write!(f, "{} ms", self.0),
            0..10 => write!(f, "{}.{} s", seconds, self.0 % 1000 / 100),
            10..60 => write!(f, "{seconds} s"),
            60..3_600 => write!(f, "{} m {:02} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Span, line, number, paragraph};

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(line("a\u{1b}[31m\0\u{202e}b\tc\u{7f}"), "a␛[31m␀\u{fffd}b c␡");
        assert_eq!(line(&"é".repeat(301)).chars().count(), 301);
        assert_eq!(paragraph("a\nb\r"), "a\nb␍");
    }

    #[test]
    fn times_are_short() {
        let spans = [0, 99, 150, 9_950, 10_000, 83_500, 7_260_000].map(|span| Span(span).to_string());
        assert_eq!(spans, ["0 ms", "99 ms", "0.1 s", "9.9 s", "10 s", "1 m 23 s", "2 h 01 m"]);
        assert_eq!(Span(83_500).iso(), "PT83.500S");
        let now = Moment(1_000_000_000);
        let agos = [0, 11, 61, 7_300, 90_000, 200_000].map(|ago| Moment(now.0 - ago * 1000).ago(now));
        assert_eq!(agos, ["now", "11 s ago", "1 min ago", "2 h ago", "yesterday", "2 days ago"]);
        assert_eq!(Moment(now.0 + 5).ago(now), "now");
        assert_eq!(Moment(1_136_214_245_678).iso(), "2006-01-02T15:04:05.678Z");
        assert_eq!(Moment(1_136_214_245_678).utc(), "2006-01-02 15:04:05 UTC");
        assert_eq!(Moment(u64::MAX).iso(), "1970-01-01T00:00:00Z");
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}

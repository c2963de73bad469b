//! Five-field POSIX cron: is it valid, and how often does it fire at most?

/// Why a cron line is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronError {
    /// Not five fields.
    #[error("a cron line has five fields (minute hour day-of-month month day-of-week), this one has {0}")]
    Fields(usize),
    /// A word that forges of one kind take.
    #[error("'{word}' is taken by Gitea, Forgejo and ekiden's server, not by GitHub; '{fields}' is the same for all")]
    Word {
        /// As written.
        word: String,
        /// The fields that it stands for.
        fields: &'static str,
    },
    /// A time between two runs, which forges of one kind take.
    #[error("'{0}' is taken by Gitea, Forgejo and ekiden's server, not by GitHub, which wants five fields")]
    Every(String),
    /// `?`, which forges of one kind take.
    #[error("'?' is taken by Gitea, Forgejo and ekiden's server, not by GitHub; '*' is the same for all")]
    Question,
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

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, names: &[] },
    Field { name: "hour", low: 0, high: 23, names: &[] },
    Field { name: "day of month", low: 1, high: 31, names: &[] },
    Field { name: "month", low: 1, high: 12, names: MONTHS },
    Field { name: "day of week", low: 0, high: 7, names: DAYS },
];

const WORDS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// Checks a line and gives the shortest time in minutes between two firings on one day.
///
/// # Errors
/// When the line is not valid.
pub(crate) fn shortest_interval(line: &str) -> Result<u32, CronError> {
    if let Some((word, fields)) = WORDS.iter().find(|(word, _)| *word == line.trim()) {
        return Err(CronError::Word { word: (*word).to_owned(), fields });
    }
    let texts: Vec<&str> = line.split_whitespace().collect();
    if let ["@every", time] = texts.as_slice()
        && time.starts_with(|first: char| first.is_ascii_digit())
    {
        return Err(CronError::Every(texts.join(" ")));
    }
    let [minute, hour, ..] = texts.as_slice() else { return Err(CronError::Fields(texts.len())) };
    if texts.len() != FIELDS.len() {
        return Err(CronError::Fields(texts.len()));
    }
    for (field, text) in FIELDS.iter().zip(&texts) {
        field.parse(text)?;
    }
    if line.contains('?') {
        return Err(CronError::Question);
    }
    let (minutes, hours) = (FIELDS[0].parse(minute)?, FIELDS[1].parse(hour)?);
    let firings: Vec<u32> =
        hours.iter().flat_map(|h| minutes.iter().map(move |m| u32::from(*h) * 60 + u32::from(*m))).collect();
    let across_midnight = match (firings.first(), firings.last()) {
        (Some(first), Some(last)) => first + 24 * 60 - last,
        _ => u32::MAX,
    };
    Ok(firings.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(u32::MAX).min(across_midnight))
}

impl Field {
    /// The values that a field names, in order, each once.
    fn parse(&self, text: &str) -> Result<Vec<u8>, CronError> {
        let mut values = Vec::new();
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, step.parse::<u8>().map_err(|_| self.wrong(text, "a step is a number"))?),
                None => (part, 1),
            };
            if step == 0 {
                return Err(self.wrong(text, "a step cannot be 0"));
            }
            let (low, high) = match (range, range.split_once('-')) {
                ("*" | "?", _) => (self.low, self.high),
                (_, Some((low, high))) => (self.value(low, text)?, self.value(high, text)?),
                (one, None) => {
                    let low = self.value(one, text)?;
                    (low, if part.contains('/') { self.high } else { low })
                }
            };
            if low > high {
                return Err(self.wrong(text, "a range must not run backwards"));
            }
            values.extend((low..=high).step_by(usize::from(step)));
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }

    fn value(&self, word: &str, text: &str) -> Result<u8, CronError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(word));
        let value = match named.and_then(|at| u8::try_from(at).ok()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (line, minutes) in [
            ("* * * * *", 1),
            ("*/4 * * * *", 4),
            ("*/5 * * * *", 5),
            ("0 0 * * *", 24 * 60),
            ("0,58 * * * *", 2),
            ("30 5 * * MON-FRI", 24 * 60),
            ("0 */2 1 jan,dec 7", 120),
        ] {
            assert_eq!(shortest_interval(line), Ok(minutes), "{line}");
        }
    }

    #[test]
    fn wrong_lines() {
        for line in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "@often",
            "0 0 ? * ?/0",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
        ] {
            assert!(shortest_interval(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_github_alone_does_not_take_is_said_so() {
        let cases = [
            ("@daily", "'0 0 * * *' is"),
            ("@annually", "'0 0 1 1 *' is"),
            ("0 0 ? * MON", "'*' is"),
            ("@every  2h", "'@every 2h' is"),
        ];
        for (line, same) in cases {
            let told = shortest_interval(line).unwrap_err().to_string();
            assert!(told.contains("not by GitHub") && told.contains(same), "{told}");
        }
    }
}

//! Whether GitHub takes a `cron` too, and how often it fires at most.

use crate::cron::{Cron, CronError, fields_of, split_zone};

/// What is to be said of a cron.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CronFinding {
    /// It is none.
    #[error(transparent)]
    Wrong(#[from] CronError),
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
    /// A zone before the fields, which forges of one kind take.
    #[error(
        "a zone before the fields is taken by Gitea, Forgejo and ekiden's server, not by GitHub; 'timezone: {0}' beside 'cron' is GitHub's"
    )]
    Zone(String),
    /// `?`, which forges of one kind take.
    #[error("'?' is taken by Gitea, Forgejo and ekiden's server, not by GitHub; '*' is the same for all")]
    Question,
}

/// Checks a line and gives the shortest time in minutes between two firings on one day.
///
/// # Errors
/// When there is something to be said of the line.
pub(crate) fn shortest_interval(line: &str) -> Result<u32, CronFinding> {
    let (zone, line) = split_zone(line);
    let line = line.trim();
    let fields = match Cron::parse(line)? {
        Cron::At(fields) => fields,
        Cron::Every(_) => {
            let words: Vec<&str> = line.split_whitespace().collect();
            return Err(CronFinding::Every(words.join(" ")));
        }
    };
    if let Some(zone) = zone {
        return Err(CronFinding::Zone(zone.to_owned()));
    }
    if let Some(fields) = fields_of(line) {
        return Err(CronFinding::Word { word: line.to_owned(), fields });
    }
    if line.contains('?') {
        return Err(CronFinding::Question);
    }
    let firings: Vec<u32> = fields
        .times()
        .map(|(hour, minute)| u32::from(hour.unsigned_abs()) * 60 + u32::from(minute.unsigned_abs()))
        .collect();
    let across_midnight = match (firings.first(), firings.last()) {
        (Some(first), Some(last)) => first + 24 * 60 - last,
        _ => u32::MAX,
    };
    Ok(firings.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(u32::MAX).min(across_midnight))
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
    fn what_is_wrong_for_all_comes_first() {
        for line in ["", "* * * *", "0 0 ? * ?/0", "TZ=UTC 60 * * * *", "@every day", "@often"] {
            let told = shortest_interval(line).unwrap_err();
            assert!(matches!(told, CronFinding::Wrong(_)), "{line}: {told}");
        }
    }

    #[test]
    fn what_github_alone_does_not_take_is_said_so() {
        let cases = [
            ("@daily", "'0 0 * * *' is"),
            ("@annually", "'0 0 1 1 *' is"),
            ("0 0 ? * MON", "'*' is"),
            ("@every  2h", "'@every 2h' is"),
            ("TZ=Asia/Tokyo 0 9 * * *", "'timezone: Asia/Tokyo'"),
        ];
        for (line, same) in cases {
            let told = shortest_interval(line).unwrap_err().to_string();
            assert!(told.contains("not by GitHub") && told.contains(same), "{told}");
        }
    }
}

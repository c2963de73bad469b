//! Whether a log is empty because it was removed. Called by the pages and by REST.

use crate::logs::LogFacts;
use crate::plane::Plane;
use std::time::Duration;
use store::{Logs, StoreError, StoredJob};

/// Whether the log of a job that a runner had was removed after its time; else one that is empty is that of a job that said nothing. A job that is kept for a later
/// try has the log of the try before, which may have gone before the later try began, and with it what the run says of its logs.
pub(crate) async fn is_removed(plane: &Plane, job: &StoredJob, facts: LogFacts) -> Result<bool, StoreError> {
    if facts.rows > 0 || job.phase.end().is_none() {
        return Ok(false);
    }
    Ok(job.kept_from.is_some() || plane.store.run(job.run).await?.logs == Logs::Gone)
}

/// `The log was removed after 30 days.`
pub(crate) fn removed(kept: Option<Duration>) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let Some(seconds) = kept.map(|kept| kept.as_secs()) else {
        return "The log was removed after its time.".to_owned();
    };
    let fits = UNITS.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    let (unit, name) = fits.unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("The log was removed after {count} {name}{}.", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::removed;
    use std::time::Duration;

    #[test]
    fn how_long_it_was_kept() {
        let of = |seconds| removed(Some(Duration::from_secs(seconds)));
        assert_eq!(of(30 * 86_400), "The log was removed after 30 days.");
        assert_eq!(of(3_600), "The log was removed after 1 hour.");
        assert_eq!(
            [of(90), of(2)].map(|text| text.replace("The log was removed after ", "")),
            ["90 seconds.", "2 seconds."]
        );
        assert_eq!(removed(None), "The log was removed after its time.");
    }
}

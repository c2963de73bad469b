//! Times, as they are told: the median, the slowest hundredth, the slowest.

use crate::say;
use std::time::Duration;

/// Tells how long something took, many times over.
pub(super) fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else {
        say(&format!("{what}: nothing was measured"));
        return;
    };
    let at = |hundredths: usize| milliseconds(times[(times.len() * hundredths / 100).min(last)]);
    say(&format!(
        "{what}: p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms of {}",
        at(50),
        at(99),
        milliseconds(times[last]),
        times.len()
    ));
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

//! What an agent does, as people read it. Pure.

use agent::{Status, Stop};
use domain::Timestamp;
use std::fmt::Write as _;

/// A few lines on the agent, then a line for each attempt in hand.
pub(super) fn table(status: &Status, now: Timestamp) -> String {
    let mut out = String::new();
    let stop = match status.stop {
        Stop::No => "takes jobs",
        Stop::Drain => "drains: takes no more jobs",
        Stop::Cancel => "ends: its jobs are being cancelled",
        Stop::Kill => "ends: its jobs were killed",
    };
    let work = &status.work;
    let _never = writeln!(out, "{} on {}", status.runner, status.instance);
    let counts = &work.counts;
    let rows = [
        ("state", format!("{stop}; {} of {} free", work.free, work.capacity)),
        ("labels", status.labels.join(", ")),
        ("process", format!("{} for {}, version {}", status.pid, ago(status.since, now), status.version)),
        (
            "jobs",
            format!(
                "{} taken: {} succeeded, {} failed, {} cancelled, {} skipped, {} failed by the platform",
                counts.taken, counts.success, counts.failure, counts.cancelled, counts.skipped, counts.fault
            ),
        ),
        ("forge", forge(status, now)),
    ];
    for (name, value) in rows {
        let _never = writeln!(out, "  {name:8} {value}");
    }
    if !work.attempts.is_empty() {
        let _never = writeln!(out, "\n  {:>8}  {:>8}  {:28}  JOB", "TASK", "FOR", "REPOSITORY");
    }
    for attempt in &work.attempts {
        let repository = attempt.repository.as_deref().unwrap_or("-");
        let time = ago(attempt.taken, now);
        let _never = writeln!(out, "  {:>8}  {time:>8}  {repository:28}  {}", attempt.task, attempt.job);
    }
    out
}

fn forge(status: &Status, now: Timestamp) -> String {
    let last = match status.forge.last {
        Some(last) => format!("answered {} ago", ago(last, now)),
        None => "has not answered yet".to_owned(),
    };
    match &status.forge.trouble {
        Some(trouble) => format!("{last}; for {} in trouble: {}", ago(trouble.since, now), trouble.reason),
        None => last,
    }
}

fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.0.saturating_sub(then.0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::table;
    use agent::{Contact, Counts, Status, Stop, Trouble, Work};
    use domain::Timestamp;

    #[test]
    fn people_see_what_it_does() {
        let status = Status {
            version: "0.1.0".to_owned(),
            pid: 7,
            instance: "https://forge.example.org".to_owned(),
            runner: "r1".to_owned(),
            labels: vec!["linux".to_owned(), "gpu:host".to_owned()],
            since: Timestamp(0),
            stop: Stop::No,
            work: Work {
                capacity: 4,
                free: 4,
                attempts: Vec::new(),
                counts: Counts { taken: 2, success: 2, ..Counts::default() },
            },
            forge: Contact {
                last: Some(Timestamp(90_000_000)),
                trouble: Some(Trouble { since: Timestamp(90_061_000), failures: 2, reason: "no answer".to_owned() }),
                ..Contact::default()
            },
        };
        insta::assert_snapshot!(table(&status, Timestamp(90_122_000)), @r"
        r1 on https://forge.example.org
          state    takes jobs; 4 of 4 free
          labels   linux, gpu:host
          process  7 for 1d01h, version 0.1.0
          jobs     2 taken: 2 succeeded, 0 failed, 0 cancelled, 0 skipped, 0 failed by the platform
          forge    answered 2m02s ago; for 1m01s in trouble: no answer
        ");
    }
}

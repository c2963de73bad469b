//! What must hold at the end.

use super::super::witness::{Seen, Span, Witness};
use super::chaos::Kills;
use super::load::{KINDS, Load, PROJECT, ROWS};
use super::plant::Plant;
use super::reasons::Tally;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use testkit::{Job, Run};

/// Faults, and how jobs ended.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) faults: Vec<String>,
    pub(super) ends: BTreeMap<String, usize>,
    pub(super) runs: usize,
    pub(super) jobs: usize,
}

/// Looks at every run and every job.
pub(super) fn judge(plant: &Plant, load: &Load, witness: &Witness, kills: &Kills) -> Result<Verdict> {
    let (mut verdict, mut tally) = (Verdict::default(), Tally::default());
    let (seen, spans) = (witness.seen(), witness.spans());
    let mut known: BTreeSet<String> = BTreeSet::new();
    let runs = plant.rest.runs(PROJECT, usize::MAX)?;
    verdict.runs = runs.len();
    for run in &runs {
        let jobs = plant.rest.jobs(PROJECT, run.id)?;
        verdict.jobs += jobs.len();
        verdict.faults.extend(
            faults_of(run, &jobs, load.cancelled.contains(&run.id))
                .into_iter()
                .map(|fault| format!("run {} of {} {fault}", run.id, run.workflow)),
        );
        for job in &jobs {
            let key = format!("{}-1-{}", run.id, job.name.replace(" (", "-").replace(')', ""));
            let seen = seen.get(&key).copied().unwrap_or_default();
            let log = if seen.begun > 0 || job.conclusion == "failure" {
                plant.rest.log(PROJECT, job.id).unwrap_or_default()
            } else {
                String::new()
            };
            known.insert(key);
            *verdict.ends.entry(end_of(job, seen, &log)).or_default() += 1;
            match job.conclusion.as_str() {
                "success" => tally.succeeded(),
                "failure" => tally.failed(job.id, last_error(&log)),
                _ => {}
            }
            verdict.faults.extend(
                fault_of(job, seen, &log)
                    .map(|fault| format!("job {} ({}) of run {} {fault}", job.id, job.name, run.id)),
            );
        }
        if run.workflow.ends_with("two.yml") {
            let most = most_at_once(spans.iter().filter(|(key, _)| key.starts_with(&format!("{}-", run.id))));
            if most > 2 {
                verdict.faults.push(format!("{most} jobs of run {} ran at once, and 2 may", run.id));
            }
        }
    }
    verdict.faults.extend(tally.faults(kills));
    let of = |file: &str| -> BTreeSet<i64> {
        runs.iter().filter(|run| run.workflow.ends_with(file)).map(|run| run.id).collect()
    };
    for file in ["runs.yml", "jobs.yml"] {
        let runs = of(file);
        let of_these =
            |key: &str| key.split('-').next().and_then(|run| run.parse().ok()).is_some_and(|run| runs.contains(&run));
        let most = most_at_once(spans.iter().filter(|(key, _)| of_these(key)));
        if most > 1 {
            verdict.faults.push(format!("{most} jobs of the group of {file} ran at once"));
        }
    }
    // Who came last to a group waits for it, whatever else happens.
    if let Some(last) = runs.iter().filter(|run| run.workflow.ends_with("runs.yml")).max_by_key(|run| run.id)
        && last.conclusion == "cancelled"
    {
        verdict.faults.push(format!("run {}, the newest of its group, was cancelled", last.id));
    }
    verdict
        .faults
        .extend(seen.keys().filter(|key| !known.contains(*key)).map(|key| format!("{key} ran and is no job")));
    let ids: BTreeSet<i64> = runs.iter().map(|run| run.id).collect();
    verdict.faults.extend(load.known.iter().filter(|run| !ids.contains(run)).map(|run| format!("run {run} is lost")));
    for commit in &load.commits {
        let count = runs.iter().filter(|run| run.commit == *commit && run.workflow.ends_with("push.yml")).count();
        if count != 1 {
            verdict.faults.push(format!("the push of {commit} made {count} runs"));
        }
    }
    Ok(verdict)
}

fn faults_of(run: &Run, jobs: &[Job], is_cancelled: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let count = |end: &str| jobs.iter().filter(|job| job.conclusion == end).count();
    let (failed, cancelled, skipped) = (count("failure"), count("cancelled"), count("skipped"));
    let is_group = ["runs.yml", "jobs.yml"].iter().any(|file| run.workflow.ends_with(file));
    match (run.status.as_str(), run.conclusion.as_str()) {
        ("completed", "success") if failed + cancelled > 0 => {
            faults.push(format!("is a success with {failed} jobs that failed and {cancelled} that were cancelled"));
        }
        ("completed", "failure") if failed == 0 => faults.push("is a failure without a job that failed".to_owned()),
        ("completed", "cancelled") if cancelled == 0 && !is_cancelled => {
            faults.push("is cancelled without a job that was".to_owned());
        }
        ("completed", "success" | "failure" | "cancelled") => {}
        (status, conclusion) => faults.push(format!("is {status} {conclusion}")),
    }
    if cancelled > 0 && !is_cancelled && !is_group {
        faults.push(format!("has {cancelled} cancelled jobs, and nobody cancelled it"));
    }
    if skipped > 0 && failed + cancelled == 0 {
        faults.push(format!("has {skipped} skipped jobs, and nothing failed before them"));
    }
    let wanted = KINDS.iter().find(|kind| run.workflow.ends_with(kind.file)).map_or(0, |kind| kind.jobs);
    if !is_cancelled && run.conclusion != "cancelled" && jobs.len() != wanted {
        faults.push(format!("has {} jobs instead of {wanted}", jobs.len()));
    }
    faults
}

fn fault_of(job: &Job, seen: Seen, log: &str) -> Option<String> {
    match (job.status.as_str(), job.conclusion.as_str()) {
        (_, _) if seen.begun > 1 || seen.ended > 1 => Some(format!("ran more than once: {seen:?}")),
        ("completed", "success") if seen != (Seen { begun: 1, ended: 1 }) => {
            Some(format!("is told as a success and did not run whole: {seen:?}"))
        }
        ("completed", "success") => whole(log),
        ("completed", "skipped") if seen.begun > 0 => Some("is told as skipped and ran".to_owned()),
        ("completed", "failure" | "cancelled" | "skipped") => None,
        (status, conclusion) => Some(format!("is {status} {conclusion}")),
    }
}

/// What is missing in the log of a success.
fn whole(log: &str) -> Option<String> {
    let contents = || log.lines().map(|line| line.split_once(' ').map_or("", |(_, content)| content));
    let rows: Vec<&str> = contents().filter(|line| line.starts_with("row ")).collect();
    let wanted: Vec<String> = (1..=ROWS).map(|row| format!("row {row}")).collect();
    if rows != wanted {
        return Some(format!("has {} of {ROWS} rows in its log, or not in their order", rows.len()));
    }
    let last = contents().filter(|line| *line == "the-last-word").count();
    (last != 1).then(|| format!("has its last word {last} times in its log"))
}

/// The most that ran at the same time. Those that were killed count at the moment of their begin.
fn most_at_once<'a>(spans: impl Iterator<Item = (&'a String, &'a Span)>) -> usize {
    let spans: Vec<Span> = spans.map(|(_, span)| *span).collect();
    let ran_at = |at: Instant, span: &&Span| span.begun <= at && span.ended.is_some_and(|ended| ended > at);
    // The most run where one begins.
    let beside = |(number, one): (usize, &Span)| {
        let others = spans.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, span)| span);
        1 + others.filter(|span| ran_at(one.begun, span)).count()
    };
    spans.iter().enumerate().map(beside).max().unwrap_or(0)
}

/// The last error that a log tells.
fn last_error(log: &str) -> &str {
    log.lines().rev().find_map(|line| line.split_once("##[error]")).map_or("", |(_, why)| why)
}

/// How a job ended, in the words of the table.
fn end_of(job: &Job, seen: Seen, log: &str) -> String {
    let ran = match (seen.begun, seen.ended) {
        (0, _) => "did not begin",
        (_, 0) => "began",
        _ => "ran whole",
    };
    let why: String =
        last_error(log).chars().map(|letter| if letter.is_ascii_digit() { 'N' } else { letter }).take(90).collect();
    let colon = if why.is_empty() { "" } else { ": " };
    format!("{} {}, {ran}{colon}{why}", job.status, job.conclusion)
}

#[cfg(test)]
mod tests {
    use super::{Span, most_at_once};
    use std::time::{Duration, Instant};

    fn most(spans: &[(u64, Option<u64>)]) -> usize {
        let zero = Instant::now();
        let at = |moment: u64| zero + Duration::from_secs(moment);
        let name = String::new();
        let spans: Vec<Span> =
            spans.iter().map(|(begun, ended)| Span { begun: at(*begun), ended: ended.map(at) }).collect();
        most_at_once(spans.iter().map(|span| (&name, span)))
    }

    #[test]
    fn jobs_that_ended_run_from_begin_to_end() {
        assert_eq!(most(&[]), 0);
        assert_eq!(most(&[(1, Some(3)), (3, Some(5))]), 1);
        assert_eq!(most(&[(1, Some(4)), (3, Some(5))]), 2);
        assert_eq!(most(&[(1, Some(9)), (2, Some(3)), (4, Some(6)), (5, Some(7))]), 3);
    }

    #[test]
    fn one_that_was_killed_counts_where_it_began() {
        assert_eq!(most(&[(1, Some(4)), (2, None)]), 2, "it began while another ran");
        assert_eq!(most(&[(1, None), (2, Some(4))]), 1, "it may have been dead by then");
        assert_eq!(most(&[(1, None), (2, None)]), 1);
    }
}

//! What must hold at the end, and the table of what was done.

use super::points::{POINTS, Point, STOPS};
use super::witness::{Seen, Witness};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use testkit::{Gitea, Job};

/// How often each point must have been hit.
const LEAST: usize = 3;

/// What was done, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: BTreeMap<Point, Row>,
    ends: BTreeMap<String, usize>,
}

#[derive(Debug, Default)]
struct Row {
    hits: usize,
    misses: usize,
    /// Attempts that were in a state when something was killed.
    states: BTreeMap<&'static str, usize>,
}

impl Table {
    pub(super) fn note(&mut self, point: Point, is_hit: bool, states: BTreeMap<&'static str, usize>) {
        let row = self.rows.entry(point).or_default();
        if !is_hit {
            row.misses += 1;
            return;
        }
        row.hits += 1;
        for (state, count) in states {
            *row.states.entry(state).or_default() += count;
        }
    }

    pub(super) fn kills(&self) -> usize {
        self.rows.values().map(|row| row.hits).sum()
    }

    /// A fault for each point that was not hit often enough.
    pub(super) fn never_hit(&self) -> Vec<String> {
        let hits = |point: &Point| self.rows.get(point).map_or(0, |row| row.hits);
        let all = STOPS.iter().chain(&POINTS);
        all.filter(|point| hits(point) < LEAST)
            .map(|point| format!("only {} kills of the {} at '{}'", hits(point), point.victim(), point.name))
            .collect()
    }

    pub(super) fn markdown(&self) -> String {
        let states = ["taken", "running", "stopping", "ended"];
        let mut text = String::from(
            "\n| state | moment | killed | times | attempts taken / running / stopping / ended in the journal then |\n|---|---|---|---|---|\n",
        );
        for point in POINTS.iter().chain(&STOPS) {
            let Some(row) = self.rows.get(point) else { continue };
            let counts = states.map(|state| row.states.get(state).copied().unwrap_or(0).to_string()).join(" / ");
            let _ =
                writeln!(text, "| {} | {} | {} | {} | {counts} |", point.state, point.name, point.victim(), row.hits);
        }
        text.push_str("\n| what the forge shows | jobs |\n|---|---|\n");
        for (end, count) in &self.ends {
            let _ = writeln!(text, "| {end} | {count} |");
        }
        text
    }
}

/// Compares what the forge shows with what the witness saw.
pub(super) fn judge(
    forge: &Gitea,
    repository: &str,
    runs: &[i64],
    witness: &Witness,
    expected: usize,
    table: &mut Table,
) -> Result<Vec<String>> {
    let (mut faults, mut count) = (Vec::new(), 0);
    let seen = witness.seen();
    for run in runs {
        for job in forge.jobs(repository, *run)? {
            count += 1;
            let number = job.name.rsplit_once('(').map_or("", |(_, number)| number.trim_end_matches(')'));
            let seen = seen.get(&format!("{run}-{number}")).copied().unwrap_or_default();
            let log = forge.log(repository, job.id).unwrap_or_default();
            *table.ends.entry(end_of(&job, seen, &log)).or_default() += 1;
            faults.extend(fault_of(&job, seen).map(|fault| format!("job {} ({}) {fault}: {seen:?}", job.id, job.name)));
        }
    }
    if count != expected {
        faults.push(format!("the forge shows {count} jobs instead of {expected}"));
    }
    Ok(faults)
}

fn fault_of(job: &Job, seen: Seen) -> Option<String> {
    match (job.status.as_str(), job.conclusion.as_str()) {
        (_, _) if seen.begun > 1 || seen.ended > 1 => Some("ran more than once".to_owned()),
        ("completed", "success") if seen != (Seen { begun: 1, ended: 1 }) => {
            Some("is told as a success and did not run whole".to_owned())
        }
        ("completed", "success" | "failure" | "cancelled") => None,
        (status, conclusion) => Some(format!("is {status} {conclusion}")),
    }
}

/// How a job ended, in the words of the table.
fn end_of(job: &Job, seen: Seen, log: &str) -> String {
    let says = |text: &str| log.contains(text);
    let why = match job.conclusion.as_str() {
        "failure" if says("killed before the job began") => ", told: the agent was killed before it began",
        "failure" if says("killed while the job ran") => ", told: the agent was killed while it ran",
        "failure" if says("but the agent was killed before") => {
            ", told: it ended, and the agent was killed before the forge knew"
        }
        "failure" if says("the job's process ended") => ", told: its process was killed",
        "failure" if log.is_empty() => ", without a log: swept by the forge",
        "failure" => ", otherwise: swept by the forge, or failed by itself",
        _ => "",
    };
    let ran = match (seen.begun, seen.ended) {
        (0, _) => "did not begin",
        (_, 0) => "began",
        _ => "ran whole",
    };
    format!("{} {}{why}; {ran}", job.status, job.conclusion)
}

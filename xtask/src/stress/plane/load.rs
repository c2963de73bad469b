//! The jobs: workflows of every kind that the server has to keep together, started by hand, by pushes, and some of them cancelled.

use super::super::witness::Witness;
use super::plant::Plant;
use super::random::Random;
use anyhow::{Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use testkit::TempRepository;

/// The project that all is of.
pub(super) const PROJECT: &str = "lab/stress";
/// Rows that a job writes between its first and its last word.
pub(super) const ROWS: usize = 300;
/// How long something that shall happen is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// A workflow, and how many jobs its run has when nobody cancels it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) file: &'static str,
    pub(super) jobs: usize,
}

/// What a push starts.
const PUSH: &str = "push.yml";

/// Needs and matrices; at most two at a time; a group of runs; a group of jobs; those that are cancelled; by push.
pub(super) const KINDS: [Kind; 6] = [
    Kind { file: "matrix.yml", jobs: 13 },
    Kind { file: "two.yml", jobs: 8 },
    Kind { file: "runs.yml", jobs: 2 },
    Kind { file: "jobs.yml", jobs: 3 },
    Kind { file: "long.yml", jobs: 4 },
    Kind { file: PUSH, jobs: 2 },
];

/// What marks a job's own processes.
pub(super) fn nap() -> String {
    format!("sleep 300.{}", std::process::id())
}

fn steps(witness: &Witness, job: &str, work: &str) -> String {
    let key = format!("${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}-{job}");
    let (begin, end) = (witness.step_of("begin", &key), witness.step_of("end", &key));
    format!(
        "    defaults: {{run: {{shell: bash}}}}\n    steps:\n      - run: |\n          {begin}\n      - run: {work}\n      - run: |\n          {end}\n      - run: echo the-last-word\n"
    )
}

/// The repository with the workflows.
pub(super) fn repository(witness: &Witness) -> TempRepository {
    let work = format!("seq -f 'row %.0f' {ROWS}; sleep 0.1");
    let job = |name: &str, head: &str| {
        let key = if head.contains("matrix") { format!("{name}-${{{{ matrix.n }}}}") } else { name.to_owned() };
        format!("  {name}:\n    runs-on: lab\n{head}{}", steps(witness, &key, &work))
    };
    let matrix = |cells: usize, more: &str| {
        let cells: Vec<String> = (0..cells).map(|cell| cell.to_string()).collect();
        format!("    strategy: {{fail-fast: false, {more}matrix: {{n: [{}]}}}}\n", cells.join(", "))
    };
    let hand = "on: workflow_dispatch\n";
    let files = [
        format!(
            "{hand}jobs:\n{}{}{}",
            job("a", &matrix(8, "")),
            job("b", &format!("    needs: a\n    if: ${{{{ !cancelled() }}}}\n{}", matrix(4, ""))),
            job("c", "    needs: b\n")
        ),
        format!("{hand}jobs:\n{}", job("two", &matrix(8, "max-parallel: 2, "))),
        format!("{hand}concurrency: one run\njobs:\n{}{}", job("first", ""), job("second", "    needs: first\n")),
        format!("{hand}jobs:\n{}", job("alone", &format!("{}    concurrency: one job\n", matrix(3, "")))),
        format!(
            "{hand}jobs:\n  long:\n    runs-on: lab\n{}{}",
            matrix(4, ""),
            steps(witness, "long-${{ matrix.n }}", &nap())
        ),
        format!("on: push\njobs:\n{}{}", job("x", ""), job("y", "    needs: x\n")),
    ];
    let paths: Vec<String> = KINDS.iter().map(|kind| format!(".github/workflows/{}", kind.file)).collect();
    let files: Vec<(&str, &str)> =
        paths.iter().zip(&files).map(|(path, text)| (path.as_str(), text.as_str())).collect();
    TempRepository::with(&files)
}

/// What was started.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Runs whose making was acknowledged.
    pub(super) known: Vec<i64>,
    /// Runs that were asked to end, and said yes to it.
    pub(super) cancelled: BTreeSet<i64>,
    /// Commits that were pushed, each of which was seen before the next one came.
    pub(super) commits: Vec<String>,
    /// Long runs, when they are to be cancelled.
    long: Vec<(i64, Instant)>,
    pub(super) jobs: usize,
    /// The newest run at some moments.
    moments: Vec<(Instant, i64)>,
}

impl Load {
    /// Starts one of each kind, in an order that chance gives; the runs of those that a person starts.
    pub(super) fn round(&mut self, plant: &Plant, random: &mut Random) -> Result<Vec<i64>> {
        let before = self.known.len();
        let mut kinds = KINDS.to_vec();
        while !kinds.is_empty() {
            let kind = kinds.swap_remove(random.index(kinds.len()));
            self.start(kind, plant, random)?;
        }
        Ok(self.known[before..].to_vec())
    }

    fn start(&mut self, kind: Kind, plant: &Plant, random: &mut Random) -> Result<()> {
        match kind.file {
            PUSH => self.push(plant)?,
            file => {
                let run = dispatch(plant, file)?;
                self.known.push(run);
                if file == "long.yml" {
                    self.long.push((run, Instant::now() + random.millis(200, 6000)));
                }
            }
        }
        self.jobs += kind.jobs;
        self.cancel_due(plant);
        Ok(())
    }

    /// Cancels long runs whose time has come.
    pub(super) fn cancel_due(&mut self, plant: &Plant) {
        let now = Instant::now();
        self.long.retain(|(run, due)| {
            if *due > now {
                return true;
            }
            let path = format!("/repos/{PROJECT}/actions/runs/{run}/cancel");
            match plant.rest.call("POST", &path, None) {
                Ok(_) => {
                    self.cancelled.insert(*run);
                    false
                }
                // One whose jobs were all killed before is over. A server that is away is asked again.
                Err(error) => !error.to_string().contains(": HTTP/1.1 4"),
            }
        });
    }

    /// The newest run of so long ago.
    pub(super) fn old_until(&mut self, age: Duration) -> i64 {
        let now = Instant::now();
        self.moments.push((now, self.known.last().copied().unwrap_or(0)));
        self.moments.iter().rev().find(|(at, _)| now.duration_since(*at) >= age).map_or(0, |(_, run)| *run)
    }

    pub(super) fn has_long(&self) -> bool {
        !self.long.is_empty()
    }

    /// Pushes a commit, and waits until a run of it is there: a branch that moves twice between two looks has moved once.
    fn push(&mut self, plant: &Plant) -> Result<()> {
        let number = self.commits.len().to_string();
        let commit = plant.repository.commit("another", &[("number", &number)]);
        let end = Instant::now() + PATIENCE;
        loop {
            if plant
                .rest
                .runs(PROJECT, 1)
                .is_ok_and(|runs| runs.iter().any(|run| run.commit == commit && run.workflow.ends_with("push.yml")))
            {
                self.commits.push(commit);
                return Ok(());
            }
            ensure!(Instant::now() < end, "the push of {commit} started no run");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Starts a workflow. An answer that is lost may have made a run; another is asked for.
fn dispatch(plant: &Plant, file: &str) -> Result<i64> {
    let path = format!("/repos/{PROJECT}/actions/workflows/{file}/dispatches?return_run_details=true");
    let end = Instant::now() + PATIENCE;
    loop {
        match plant.rest.call("POST", &path, Some(&json!({"ref": "main"}))) {
            Ok(answer) => {
                let run = answer["workflow_run_id"].as_i64().or_else(|| answer["id"].as_i64());
                return run.ok_or_else(|| anyhow::anyhow!("a dispatch answers {answer}"));
            }
            Err(error) => ensure!(Instant::now() < end, "{file} cannot be started: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// When a run was made, as the server says it.
pub(super) fn made(plant: &Plant, run: i64) -> Result<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        match plant.rest.call("GET", &format!("/repos/{PROJECT}/actions/runs/{run}"), None) {
            Ok(run) => return Ok(run["created_at"].as_str().unwrap_or_default().to_owned()),
            Err(error) => ensure!(Instant::now() < end, "run {run} cannot be looked at: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

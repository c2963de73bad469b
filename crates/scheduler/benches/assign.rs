//! What an assignment, an event and a `why` cost behind queues of different lengths, and what a job that waits weighs. `cargo bench -p ekiden-scheduler`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its figures and may stop on a fault")]

use domain::RunnerId;
use domain::control::{JobNumber, OwnerId, ProjectId, Scope};
use scheduler::{JobSpec, Labels, Life, OwnerSpec, Priority, ProjectSpec, Queue, RunnerDoor, RunnerSpec, Settings};
use std::time::{Duration, Instant};

const RUNNERS: i64 = 1_000;
const ROUNDS: usize = 20_000;

/// How the jobs of a queue differ.
struct Mix {
    name: &'static str,
    projects: i64,
    labels: usize,
    priorities: i16,
    /// So many jobs of each owner run.
    quota: Option<u32>,
}

const MIXES: [Mix; 4] = [
    Mix {
        name: "200 projects, 10 sets of labels, 3 priorities",
        projects: 200,
        labels: 10,
        priorities: 3,
        quota: None,
    },
    Mix { name: "one project, one set of labels", projects: 1, labels: 1, priorities: 1, quota: None },
    Mix { name: "20,000 projects", projects: 20_000, labels: 3, priorities: 1, quota: None },
    Mix {
        name: "2,000 projects of 20 owners, each at its limit",
        projects: 2_000,
        labels: 3,
        priorities: 1,
        quota: Some(20),
    },
];

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn labels(n: usize) -> Labels {
    Labels::new([format!("label-{n}"), "linux".to_owned()])
}

fn job(mix: &Mix, dice: &mut Dice) -> JobSpec {
    let project = ProjectId(dice.below(mix.projects.unsigned_abs()).cast_signed());
    let mut spec = JobSpec::new(project, labels(dice.below(mix.labels as u64) as usize));
    spec.priority = Priority(dice.below(mix.priorities.unsigned_abs().into()) as i16);
    spec
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

fn show(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_nanos() as f64 / 1e3;
    format!("p50 {:>7.2}  p99 {:>7.2}  max {:>8.1} us", at(0.5), at(0.99), at(1.0))
}

fn bench(mix: &Mix, jobs: i64) {
    let (mut queue, mut dice) = (Queue::new(Settings::default()), Dice(7));
    for project in 0..mix.projects {
        queue.put_project(ProjectId(project), ProjectSpec::new(OwnerId(project % 20)));
    }
    for id in 0..20 {
        queue.put_owner(OwnerId(id), OwnerSpec { name: "owner".into(), max_running: mix.quota });
    }
    for id in 0..RUNNERS {
        let all = (0..mix.labels).flat_map(|n| labels(n).iter().cloned().collect::<Vec<_>>());
        let (labels, scope) = (Labels::new(all), Scope::Instance);
        let (life, door) = (Life::Lasting, RunnerDoor::Open);
        queue.put_runner(
            RunnerId(id),
            RunnerSpec { name: "runner".into(), labels, scope, pool: None, capacity: 1, life, door },
        );
    }
    let (before, start) = (resident(), Instant::now());
    for number in 0..jobs {
        queue.put_job(JobNumber(number), job(mix, &mut dice)).unwrap();
    }
    let (put, bytes) = (start.elapsed(), resident().saturating_sub(before));
    for id in 0..RUNNERS {
        queue.ask(RunnerId(id), 1);
    }
    let start = Instant::now();
    let mut running: Vec<_> = queue.assign().assignments;
    let first = start.elapsed();
    let (mut assigns, mut cycles, mut whys, mut next) = (Vec::new(), Vec::new(), Vec::new(), jobs);
    for _ in 0..ROUNDS.min(jobs as usize) {
        // A job ends, another one comes, the runner asks again.
        let at = dice.below(running.len() as u64) as usize;
        let spec = job(mix, &mut dice);
        let start = Instant::now();
        queue.drop_job(running[at].job);
        queue.put_job(JobNumber(next), spec).unwrap();
        queue.ask(running[at].runner, 1);
        let middle = Instant::now();
        let decisions = queue.assign();
        assigns.push(middle.elapsed());
        cycles.push(start.elapsed());
        match decisions.assignments[..] {
            [assignment] => running[at] = assignment,
            // Its owner has nothing else that waits.
            _ => drop(running.swap_remove(at)),
        }
        next += 1;
        let asked = JobNumber(dice.below(next.unsigned_abs()).cast_signed());
        let start = Instant::now();
        std::hint::black_box(queue.why(asked));
        whys.push(start.elapsed());
    }
    println!(
        "{jobs:>9} queued  put {:>5.2} us/job, {:>4} bytes/job; first {} assignments {:.2} ms",
        put.as_secs_f64() * 1e6 / jobs as f64,
        bytes / jobs.unsigned_abs(),
        running.len(),
        first.as_secs_f64() * 1e3
    );
    println!("                  assign            {}", show(&mut assigns));
    println!("                  end+put+ask+assign {}", show(&mut cycles));
    println!("                  why               {}", show(&mut whys));
}

/// Each queue in a process of its own, so that the memory of one is not that of another.
fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if let [mix, jobs] = arguments[..] {
        return bench(&MIXES[mix], jobs as i64);
    }
    for (at, mix) in MIXES.iter().enumerate() {
        println!("{}", mix.name);
        for jobs in [1_000, 10_000, 100_000, 1_000_000] {
            let own = std::env::current_exe().unwrap();
            let status = std::process::Command::new(own).args([at.to_string(), jobs.to_string()]).status();
            assert!(status.unwrap().success());
        }
    }
}

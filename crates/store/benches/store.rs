//! The verbs that a job costs: `cargo bench -p ekiden-store --bench store [-- sqlite|postgres] [FOLDER]`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and may stop on a fault"
)]

use domain::control::{
    Expiry, JobChange, JobNumber, JobPhase, ProjectId, RunnerChange, RunnerPhase, Scope, TokenPhase, Tolerance, Uses,
};
use domain::{Conclusion, JobId, RunnerId, RunnerUuid, Timestamp};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use store::{
    Advance, AuditEntry, NewJob, NewProject, NewRun, NewRunner, NewToken, Report, Store, Taker, TokenHash, TokenKind,
};

const CELLS: usize = 256;
const RUNS: usize = 16;
/// So many callers at the same time.
const CALLERS: usize = 8;
const VERBS: [&str; 5] = ["lease", "report: start", "report: steps", "report: nothing new", "report: end"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (kinds, places): (Vec<&String>, Vec<&String>) =
        words.iter().partition(|word| ["sqlite", "postgres"].contains(&word.as_str()));
    let wants = |kind: &str| kinds.is_empty() || kinds.iter().any(|word| *word == kind);
    let place = places.first().map_or_else(std::env::temp_dir, |place| std::path::PathBuf::from(place.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if wants("sqlite") {
        let folder = tempfile::tempdir_in(place).unwrap();
        runtime.block_on(measure("sqlite", &format!("sqlite:{}", folder.path().join("ekiden.db").display())));
    }
    if wants("postgres") {
        match testkit::Postgres::shared().unwrap() {
            Some(server) => runtime.block_on(measure("postgres", &server.database().unwrap())),
            None => println!("SKIP: PostgreSQL is not installed"),
        }
    }
}

async fn measure(name: &str, url: &str) {
    let store = Store::open(url).await.unwrap();
    let new = NewProject { owner: "ana".to_owned(), name: "web".to_owned(), git: "/srv/web".to_owned() };
    let project = store.add_project(&new, at(1), &noted()).await.unwrap().id;
    let runner = runner(&store).await;

    let (began, mut jobs) = (Instant::now(), Vec::new());
    for _ in 0..RUNS {
        jobs.extend(store.create_run(&run_of(project), at(10)).await.unwrap().1);
    }
    println!("{name}: {:.0} queued jobs made per second, runs of {CELLS}", rate(jobs.len(), began));

    let (alone, shared) = jobs.split_at(jobs.len() / 4);
    for (callers, jobs) in [(1, alone), (CALLERS, shared)] {
        let began = Instant::now();
        let mut all = Vec::new();
        for share in jobs.chunks(jobs.len() / callers) {
            let (store, share) = (store.clone(), share.to_vec());
            all.push(tokio::spawn(async move {
                let mut times = Vec::with_capacity(share.len());
                for job in share {
                    times.push(whole(&store, runner, job).await);
                }
                times
            }));
        }
        let mut times = Vec::new();
        for one in all {
            times.extend(one.await.unwrap());
        }
        println!("{name}, {callers} at once: {:.0} jobs per second through all of these", rate(jobs.len(), began));
        for (at, verb) in VERBS.iter().enumerate() {
            show(verb, times.iter().map(|job| job[at]).collect());
        }
    }

    let mut times = Vec::new();
    for run in store.runs_behind(u32::MAX).await.unwrap() {
        let seen = store.run(run).await.unwrap();
        let began = Instant::now();
        store.advance(&seen, &Advance::default(), at(50)).await.unwrap().unwrap();
        times.push(began.elapsed());
    }
    show("advance, nothing follows", times);
    store.close().await;
}

/// A job from its lease to its end: how long each verb took.
async fn whole(store: &Store, runner: RunnerId, job: JobNumber) -> [Duration; VERBS.len()] {
    let taker = Taker { runner, run: None, request: Some(format!("key {job}")), until: at(1000), groups: Vec::new() };
    let began = Instant::now();
    let task = store.lease(job, &taker, at(20)).await.unwrap().unwrap().0.id;
    let mut times = [began.elapsed(); VERBS.len()];
    let start = JobChange::Started { task, at: at(21) };
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    let (some, more) = (serde_json::json!([{"state": "running"}]), serde_json::json!([{"state": "success"}]));
    let outputs = BTreeMap::new();
    let reports = [(&some, Some(&start)), (&more, Some(&start)), (&more, Some(&start)), (&more, Some(&end))];
    for (time, (steps, change)) in times[1..].iter_mut().zip(reports) {
        let began = Instant::now();
        let said =
            store.report(&Report { runner, task, run: None, steps, change, outputs: &outputs }, at(25)).await.unwrap();
        assert_eq!(said.refused, None);
        *time = began.elapsed();
    }
    times
}

fn rate(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

fn show(verb: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("  {verb}: p50 {:.0?}, p99 {:.0?}", at(50), at(99));
}

const fn at(millis: u64) -> Timestamp {
    Timestamp(millis)
}

fn noted() -> AuditEntry {
    let text = || "bench".to_owned();
    AuditEntry { actor: text(), origin: text(), action: text(), object: text(), detail: serde_json::Value::Null }
}

fn run_of(project: ProjectId) -> NewRun {
    let job = |cell: usize| NewJob {
        id: JobId::new(format!("test-{cell}")),
        name: format!("test (linux, {cell})"),
        labels: vec!["linux".to_owned()],
        priority: 0,
        tolerance: Tolerance::FailsRun,
        document: "jobs:\n  test:\n    runs-on: linux\n    steps:\n      - run: cargo test\n".repeat(8),
        facts: serde_json::json!({"matrix": {"os": "linux", "cell": cell}, "timeout": 360}),
        phase: JobPhase::queued(at(10)),
    };
    NewRun {
        project,
        workflow: ".github/workflows/ci.yml".to_owned(),
        title: "a commit".to_owned(),
        event: "push".to_owned(),
        reference: "refs/heads/main".to_owned(),
        commit: "c0ffee".repeat(6),
        actor: "ana".to_owned(),
        facts: serde_json::json!({"event": {"ref": "refs/heads/main"}}),
        jobs: Ok((0..CELLS).map(job).collect()),
    }
}

async fn runner(store: &Store) -> RunnerId {
    let token = NewToken {
        kind: TokenKind::Registration,
        hash: TokenHash([0; 32]),
        name: "bench".to_owned(),
        opens: serde_json::Value::Null,
        scope: Scope::Instance,
        phase: TokenPhase::live(Uses::Unlimited, Expiry::Never),
        by: "bench".to_owned(),
    };
    let token = store.add_token(&token, at(1), &noted()).await.unwrap();
    let runner = NewRunner {
        uuid: RunnerUuid("bench".to_owned()),
        name: "bench".to_owned(),
        pool: None,
        labels: vec!["linux".to_owned()],
        version: "1".to_owned(),
        capabilities: Vec::new(),
        phase: RunnerPhase::lasting(NonZeroU32::new(64).unwrap(), at(1)),
        key: TokenHash([1; 32]),
        opens: serde_json::Value::Null,
    };
    let made = store.register(token, &runner, at(1), &noted()).await.unwrap();
    store.change_runner(made.id, RunnerChange::Heard(at(2)), at(2), None).await.unwrap();
    made.id
}

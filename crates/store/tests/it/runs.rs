//! Runs, jobs and the leases of jobs.

use super::projects::project;
use super::runners::{registration, runner};
use crate::support::{Setting, at, contract, entry};
use domain::control::{
    CancelCause, JobChange, JobEnd, JobNumber, JobPhase, JobRefusal, NeverRan, ProjectId, RunPhase, RunnerChange,
    RunnerPhase, Tolerance,
};
use domain::{Conclusion, JobId, RunnerId, TaskId};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use store::{Advance, Followed, NewJob, NewRun, NewRunner, Report, RunFilter, Store, StoreError, StoredRun, Taker};

contract!(
    numbers_have_no_gap,
    a_run_goes_its_way,
    of_many_takers_one_gets_the_job,
    a_runner_for_one_task_gets_one,
    a_lease_that_was_not_used_is_given_again,
    what_follows_is_written_once_or_not_at_all,
    a_run_that_cannot_be_planned_says_why,
    the_silent_are_found,
    nobody_waits_for_each_other,
    a_caller_that_goes_away_leaves_all_or_nothing,
);

pub(crate) async fn new_project(store: &Store) -> ProjectId {
    store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id
}

pub(crate) fn job(id: &str) -> NewJob {
    NewJob {
        id: JobId::new(id),
        name: format!("the {id}"),
        labels: vec!["linux".to_owned()],
        priority: 0,
        tolerance: Tolerance::FailsRun,
        document: format!("jobs: {{{id}: {{}}}}"),
        facts: serde_json::json!({"x": 1}),
        phase: JobPhase::queued(at(10)),
    }
}

pub(crate) fn run_of(project: ProjectId, jobs: Vec<NewJob>) -> NewRun {
    NewRun {
        project,
        workflow: ".gitea/workflows/ci.yml".to_owned(),
        title: "first".to_owned(),
        event: "push".to_owned(),
        reference: "refs/heads/main".to_owned(),
        commit: "c0ffee".to_owned(),
        actor: "ana".to_owned(),
        facts: serde_json::json!({"event": {}}),
        jobs: Ok(jobs),
    }
}

pub(crate) async fn new_runner(store: &Store, number: u8, capacity: Option<u32>) -> RunnerId {
    let noted = entry("x", "x");
    let token = match store.tokens(store::TokenKind::Registration).await.unwrap().first() {
        Some(token) => token.id,
        None => store.add_token(&registration(99), at(1), &noted).await.unwrap(),
    };
    let phase = match capacity.and_then(NonZeroU32::new) {
        Some(capacity) => RunnerPhase::lasting(capacity, at(2)),
        None => RunnerPhase::ephemeral(at(2)),
    };
    let made = store.register(token, &NewRunner { phase, ..runner(number) }, at(2), &noted).await.unwrap();
    store.change_runner(made.id, RunnerChange::Heard(at(3)), at(3), None).await.unwrap();
    made.id
}

pub(crate) fn taker(runner: RunnerId, request: Option<&str>) -> Taker {
    Taker { runner, run: None, request: request.map(str::to_owned), until: at(1000), groups: Vec::new() }
}

pub(crate) async fn started(store: &Store, job: JobNumber, runner: RunnerId) -> TaskId {
    let (task, _) = store.lease(job, &taker(runner, None), at(20)).await.unwrap().unwrap();
    let change = JobChange::Started { task: task.id, at: at(21) };
    store.change_by_task(task.id, change, &BTreeMap::new(), at(21)).await.unwrap();
    task.id
}

async fn numbers_have_no_gap(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let mut makers = Vec::new();
    for _ in 0..12 {
        let store = store.clone();
        makers.push(tokio::spawn(async move { store.create_run(&run_of(project, vec![job("a")]), at(10)).await }));
    }
    let mut numbers = Vec::new();
    for maker in makers {
        numbers.push(maker.await.unwrap().unwrap().0.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    let page = store.runs(&RunFilter { limit: 5, project: Some(project), ..RunFilter::default() }).await.unwrap();
    assert_eq!(page.len(), 5);
    let rest = RunFilter { limit: 50, before: Some(page[4].id), ..RunFilter::default() };
    assert_eq!(store.runs(&rest).await.unwrap().len(), 7);
    let unknown = store.create_run(&run_of(ProjectId(99), vec![]), at(10)).await;
    assert!(matches!(unknown, Err(StoreError::Missing { what: "project", .. })), "{unknown:?}");
}

async fn a_run_goes_its_way(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    assert_eq!((run.number, run.phase, run.attempt.get()), (1, RunPhase::Waiting, 1));
    assert_eq!(store.queued(JobNumber(0), 10).await.unwrap().len(), 2);
    assert_eq!(store.queued(jobs[0], 10).await.unwrap()[0].number, jobs[1]);

    let runner = new_runner(&store, 1, Some(2)).await;
    let (task, given) = store.lease(jobs[0], &taker(runner, Some("key")), at(20)).await.unwrap().unwrap();
    assert_eq!((given.id.as_str(), given.document.as_str()), ("a", "jobs: {a: {}}"));
    assert_eq!((task.job, task.runner, task.runner_name.as_str()), (jobs[0], runner, "runner 1"));
    assert_eq!(store.run(run.id).await.unwrap().phase, RunPhase::Running);
    assert_eq!(store.given_for(runner, "key").await.unwrap(), [(task.clone(), given)]);

    let (steps, none) = (serde_json::json!([{"index": 0}]), BTreeMap::new());
    let report = Report { runner, task: task.id, run: None, steps: &steps, change: None, outputs: &none };
    store.report(&report, at(22)).await.unwrap();
    let change = JobChange::Started { task: task.id, at: at(21) };
    store.change_by_task(task.id, change, &BTreeMap::new(), at(21)).await.unwrap();
    let outputs = BTreeMap::from([("v".to_owned(), "1".to_owned())]);
    let end = JobChange::Ended { task: task.id, conclusion: Conclusion::Success, at: at(30) };
    let changed = store.change_by_task(task.id, end.clone(), &outputs, at(30)).await.unwrap();
    assert_eq!((changed.run, changed.run_phase), (run.id, RunPhase::Waiting));
    // Said again, it is refused, and nothing is another.
    let again = store.change_by_task(task.id, end, &BTreeMap::new(), at(31)).await;
    assert!(matches!(again, Err(StoreError::Job(JobRefusal::Finished { .. }))), "{again:?}");
    let ended = store.job(jobs[0]).await.unwrap();
    assert_eq!((ended.outputs, ended.end_order), (outputs, Some(1)));
    assert_eq!((ended.created, ended.started, ended.finished), (at(10), Some(at(20)), Some(at(30))));
    assert!(store.given_for(runner, "key").await.unwrap().is_empty());
    assert_eq!(store.runner(runner).await.unwrap().phase.room(), 2);

    let second = started(&store, jobs[1], runner).await;
    let end = JobChange::Ended { task: second, conclusion: Conclusion::Failure, at: at(40) };
    let changed = store.change_by_task(second, end, &BTreeMap::new(), at(40)).await.unwrap();
    // More may follow: the run is not over before somebody looked.
    assert_eq!(changed.run_phase, RunPhase::Blocked);
    assert_eq!(store.runs_behind(10).await.unwrap(), [run.id]);
    let seen = store.run(run.id).await.unwrap();
    assert_eq!((seen.ends, seen.advanced), (2, 0));
    assert!(store.advance(&seen, &Advance::default(), at(41)).await.unwrap().is_some());
    let run = store.run(run.id).await.unwrap();
    assert_eq!(run.phase, RunPhase::Finished(Conclusion::Failure));
    assert_eq!((run.started, run.finished), (Some(at(20)), Some(at(41))));
    assert!(store.runs_behind(10).await.unwrap().is_empty());
}

async fn of_many_takers_one_gets_the_job(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let wanted: Vec<NewJob> = (0..10).map(|number| job(&format!("j{number}"))).collect();
    let (_, jobs) = store.create_run(&run_of(project, wanted), at(10)).await.unwrap();
    let mut takers = Vec::new();
    for number in 0..4 {
        let runner = new_runner(&store, number, Some(20)).await;
        let (store, jobs) = (store.clone(), jobs.clone());
        takers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            for job in jobs {
                if let Some((task, _)) = store.lease(job, &taker(runner, None), at(20)).await.unwrap() {
                    got.push((job, task.id));
                }
            }
            got
        }));
    }
    let mut got = Vec::new();
    for taker in takers {
        got.extend(taker.await.unwrap());
    }
    let distinct = |numbers: Vec<i64>| numbers.into_iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(got.len(), 10);
    assert_eq!(distinct(got.iter().map(|(job, _)| job.0).collect()), 10);
    assert_eq!(distinct(got.iter().map(|(_, task)| task.0).collect()), 10);
}

async fn a_runner_for_one_task_gets_one(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (_, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, None).await;
    let task = started(&store, jobs[0], runner).await;
    let more = store.lease(jobs[1], &taker(runner, None), at(21)).await;
    assert!(matches!(more, Err(StoreError::Runner(_))), "{more:?}");
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();
    assert!(store.runner(runner).await.unwrap().phase.may_go());
    assert!(store.lease(jobs[1], &taker(runner, None), at(31)).await.is_err());
    // What was refused left the job as it was.
    assert_eq!(store.job(jobs[1]).await.unwrap().phase, JobPhase::queued(at(10)));
}

async fn a_lease_that_was_not_used_is_given_again(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (_, jobs) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let (first, second) = (new_runner(&store, 1, Some(1)).await, new_runner(&store, 2, Some(1)).await);
    let (lost, _) = store.lease(jobs[0], &taker(first, Some("k")), at(20)).await.unwrap().unwrap();
    let expired = JobChange::Expired { task: lost.id, at: at(1000) };
    store.change_by_task(lost.id, expired, &BTreeMap::new(), at(1000)).await.unwrap();
    assert_eq!(store.runner(first).await.unwrap().phase.room(), 1);
    let (task, job) = store.lease(jobs[0], &taker(second, None), at(1001)).await.unwrap().unwrap();
    assert_ne!(task.id, lost.id);
    assert_eq!(job.phase.epoch().get(), 2);
    let late = JobChange::Started { task: lost.id, at: at(1002) };
    let late = store.change_by_task(lost.id, late, &BTreeMap::new(), at(1002)).await;
    assert!(matches!(late, Err(StoreError::Job(JobRefusal::StaleLease { .. }))), "{late:?}");
    assert!(store.given_for(first, "k").await.unwrap().is_empty());
}

async fn what_follows_is_written_once_or_not_at_all(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (run, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let task = started(&store, jobs[0], runner).await;
    let end = JobChange::Ended { task, conclusion: Conclusion::Failure, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();

    // One of the changes has no place: none of it happens.
    let dropped = JobChange::Dropped { why: NeverRan::Skipped, at: at(40) };
    let seen = store.run(run.id).await.unwrap();
    let advance = Advance { jobs: vec![job("c")], changes: vec![(jobs[0], dropped)], ..Advance::default() };
    assert!(store.advance(&seen, &advance, at(40)).await.is_err());
    let twice = Advance { jobs: vec![job("c"), job("a")], ..Advance::default() };
    let twice = store.advance(&seen, &twice, at(40)).await;
    assert!(matches!(twice, Err(StoreError::Present { what: "job", .. })), "{twice:?}");
    assert_eq!(store.jobs(run.id, run.attempt).await.unwrap().len(), 2);
    assert_eq!(store.runs_behind(10).await.unwrap(), [run.id]);

    let cancel = JobChange::CancelAsked { by: CancelCause::FailFast, at: at(41) };
    let skipped = NewJob {
        phase: JobPhase::queued(at(41)).after(JobChange::Dropped { why: NeverRan::Skipped, at: at(41) }).unwrap(),
        ..job("d")
    };
    let changes = vec![(jobs[1], cancel)];
    let advance = Advance { jobs: vec![job("c"), skipped], changes, ..Advance::default() };
    let mut tries = Vec::new();
    for _ in 0..6 {
        let (store, seen, advance) = (store.clone(), seen.clone(), advance.clone());
        tries.push(tokio::spawn(async move { store.advance(&seen, &advance, at(41)).await.unwrap() }));
    }
    let mut done = Vec::new();
    for one in tries {
        done.extend(one.await.unwrap());
    }
    let [Followed { made, changed, .. }] = done.as_slice() else { panic!("{done:?}") };
    assert_eq!(made.len(), 2);
    let never = JobEnd::NeverRan(NeverRan::Cancelled(CancelCause::FailFast));
    assert_eq!(changed[0].after.end(), Some(&never));
    // The cancelled job's end is news, that of the job that came as skipped is not.
    let run: StoredRun = store.run(run.id).await.unwrap();
    assert_eq!((run.ends, run.phase), (2, RunPhase::Waiting));
    assert_eq!(store.runs_behind(10).await.unwrap(), [run.id]);
}

async fn a_run_that_cannot_be_planned_says_why(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let broken = NewRun { jobs: Err("ci.yml:3:1: no such key".to_owned()), ..run_of(project, Vec::new()) };
    let (run, jobs) = store.create_run(&broken, at(10)).await.unwrap();
    assert!(jobs.is_empty());
    assert_eq!(
        (run.phase, run.fault.as_deref()),
        (RunPhase::Finished(Conclusion::Failure), Some("ci.yml:3:1: no such key"))
    );
    assert_eq!(run.finished, Some(at(10)));
}

async fn the_silent_are_found(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (_, jobs) = store.create_run(&run_of(project, vec![job("a"), job("b"), job("c")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let tasks = [
        started(&store, jobs[0], runner).await,
        started(&store, jobs[1], runner).await,
        started(&store, jobs[2], runner).await,
    ];
    let (steps, outputs) = (serde_json::json!([1]), BTreeMap::new());
    let report = Report { runner, task: tasks[1], run: None, steps: &steps, change: None, outputs: &outputs };
    store.report(&report, at(500)).await.unwrap();
    let end = JobChange::Ended { task: tasks[2], conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(tasks[2], end, &BTreeMap::new(), at(30)).await.unwrap();
    let silent = async |since, now| -> Vec<_> {
        let found = store.silent_since(at(since), at(now), 10).await.unwrap();
        found.iter().map(|(task, _)| task.id).collect()
    };
    assert_eq!(silent(400, 600).await, [tasks[0]]);
    // The clock was set back since the second was heard of.
    assert_eq!(silent(400, 450).await, tasks[..2]);
    let fault = JobChange::GivenUp { task: tasks[0], fault: "no word for 10 minutes".to_owned(), at: at(700) };
    let changed = store.change_by_task(tasks[0], fault, &BTreeMap::new(), at(700)).await.unwrap();
    assert_eq!(changed.after.end().map(JobEnd::conclusion), Some(Conclusion::Failure));
}

async fn nobody_waits_for_each_other(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let wanted: Vec<NewJob> = (0..12).map(|number| job(&format!("j{number}"))).collect();
    let (run, jobs) = store.create_run(&run_of(project, wanted), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(20)).await;
    let mut ends = Vec::new();
    for number in jobs.clone() {
        let task = started(&store, number, runner).await;
        let store = store.clone();
        ends.push(tokio::spawn(async move {
            let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
            store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.map(drop)
        }));
    }
    let mut cancels = Vec::new();
    for round in 1..=12_i64 {
        let (store, jobs) = (store.clone(), jobs.clone());
        let seen = StoredRun { ends: round, ..run.clone() };
        cancels.push(tokio::spawn(async move {
            let asked =
                |number: &JobNumber| (*number, JobChange::CancelAsked { by: CancelCause::FailFast, at: at(31) });
            let changes = jobs.iter().rev().map(asked).collect();
            store.advance(&seen, &Advance { changes, ..Advance::default() }, at(31)).await.map(drop)
        }));
    }
    for done in ends.into_iter().chain(cancels) {
        match done.await.unwrap() {
            Ok(()) | Err(StoreError::Job(_)) => {}
            Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
        }
    }
    let over = store.jobs(run.id, run.attempt).await.unwrap();
    let mut places: Vec<i64> = over.iter().filter_map(|job| job.end_order).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=12).collect::<Vec<_>>());
    assert_eq!(store.run(run.id).await.unwrap().ends, 12);
}

async fn a_caller_that_goes_away_leaves_all_or_nothing(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let (first, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    for round in 0..120_u32 {
        let other = store.clone();
        let caller = tokio::spawn(async move {
            let jobs = (0..40).map(|number| job(&format!("j{number}"))).collect();
            other.create_run(&run_of(project, jobs), at(20)).await.map(drop)
        });
        // Somewhere on its way, each time a little further.
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        caller.abort();
        drop(caller.await);
        if round % 10 == 0 {
            store.note_refs(project, &[("refs/heads/main".to_owned(), round.to_string())]).await.unwrap();
        }
    }
    let (last, _) = store.create_run(&run_of(project, vec![job("a")]), at(30)).await.unwrap();
    assert!(last.id > first.id);
    for run in store.runs(&RunFilter { limit: 500, ..RunFilter::default() }).await.unwrap() {
        let jobs = store.jobs(run.id, run.attempt).await.unwrap().len();
        assert!(jobs == 40 || run.id == first.id || run.id == last.id, "{jobs}");
    }
}

//! Lists of runs and jobs: narrowed, in pages, counted.

use super::projects::project;
use super::runs::{job, new_runner, run_of, started};
use crate::support::{Setting, at, contract, entry};
use domain::Conclusion;
use domain::control::{Hold, JobChange, JobNumber, JobPhase, JobStanding, ProjectId, RunId, RunPhase};
use std::collections::BTreeMap;
use store::{Advance, JobFilter, ListOrder, NewJob, NewRun, RunFilter, Store};

contract!(runs_are_narrowed_and_counted, jobs_are_narrowed_and_counted, what_waits_and_what_is_out);

async fn ids(store: &Store, filter: RunFilter) -> Vec<RunId> {
    let filter = RunFilter { limit: 50, ..filter };
    let found: Vec<RunId> = store.runs(&filter).await.unwrap().iter().map(|run| run.id).collect();
    assert_eq!(store.count_runs(&filter).await.unwrap(), found.len() as u64);
    found
}

async fn numbers(store: &Store, filter: JobFilter) -> Vec<JobNumber> {
    let filter = JobFilter { limit: 50, ..filter };
    let found: Vec<JobNumber> = store.jobs_list(&filter).await.unwrap().iter().map(|job| job.number).collect();
    assert_eq!(store.count_jobs(&filter).await.unwrap(), found.len() as u64);
    found
}

async fn projects(store: &Store) -> [(ProjectId, domain::control::OwnerId); 3] {
    let mut made = Vec::new();
    for name in ["ana/web", "ana/docs", "bob/web"] {
        let one = store.add_project(&project(name), at(1), &entry("project.add", name)).await.unwrap();
        made.push((one.id, one.owner_id));
    }
    made.try_into().unwrap()
}

async fn runs_are_narrowed_and_counted(Setting { store, .. }: Setting) {
    let [(web, ana), (docs, _), (other, bob)] = projects(&store).await;
    let text = |text: &str| text.to_owned();
    let plain = || run_of(web, vec![job("a")]);
    let wanted = [
        plain(),
        NewRun { workflow: text("x.yml"), ..plain() },
        NewRun { event: text("schedule"), ..plain() },
        NewRun { reference: text("refs/heads/it's"), ..plain() },
        NewRun { actor: text("bob"), ..plain() },
        NewRun { commit: text("abc"), ..plain() },
        run_of(docs, vec![job("a")]),
        NewRun { jobs: Err(text("no")), ..run_of(other, Vec::new()) },
    ];
    let mut runs = Vec::new();
    for run in &wanted {
        runs.push(store.create_run(run, at(10)).await.unwrap().0.id);
    }
    let none = RunFilter::default;
    for (filter, found) in [
        (RunFilter { workflow: Some(text("x.yml")), ..none() }, vec![runs[1]]),
        (RunFilter { event: Some(text("schedule")), ..none() }, vec![runs[2]]),
        (RunFilter { reference: Some(text("refs/heads/it's")), ..none() }, vec![runs[3]]),
        (RunFilter { actor: Some(text("bob")), project: Some(web), ..none() }, vec![runs[4]]),
        (RunFilter { commit: Some(text("abc")), ..none() }, vec![runs[5]]),
        (RunFilter { project: Some(docs), ..none() }, vec![runs[6]]),
        (RunFilter { owner: Some(bob), ..none() }, vec![runs[7]]),
        (RunFilter { phases: vec![RunPhase::Finished(Conclusion::Failure)], ..none() }, vec![runs[7]]),
        (
            RunFilter { phases: vec![RunPhase::Running, RunPhase::Waiting], project: Some(docs), ..none() },
            vec![runs[6]],
        ),
        (RunFilter { phases: vec![RunPhase::Running], ..none() }, vec![]),
        (RunFilter { actor: Some(text("nobody")), ..none() }, vec![]),
    ] {
        assert_eq!(ids(&store, filter.clone()).await, found, "{filter:?}");
    }
    assert_eq!(ids(&store, RunFilter { owner: Some(ana), ..none() }).await.len(), 7);
    let page = |offset| RunFilter { offset, limit: 3, ..none() };
    let second: Vec<RunId> = store.runs(&page(3)).await.unwrap().iter().map(|run| run.id).collect();
    assert_eq!(second, [runs[4], runs[3], runs[2]]);
    assert_eq!(store.count_runs(&page(3)).await.unwrap(), 8, "all pages together");
    assert!(store.runs(&page(8)).await.unwrap().is_empty());
}

async fn jobs_are_narrowed_and_counted(Setting { store, .. }: Setting) {
    let [(web, ana), (other, _), (_, bob)] = projects(&store).await;
    let (run, jobs) = store.create_run(&run_of(web, vec![job("a"), job("b"), job("c")]), at(10)).await.unwrap();
    let (_, others) = store.create_run(&run_of(other, vec![job("a")]), at(10)).await.unwrap();
    let (runner, second) = (new_runner(&store, 1, Some(9)).await, new_runner(&store, 2, Some(9)).await);
    let task = started(&store, jobs[0], runner).await;
    started(&store, jobs[1], second).await;
    let end = JobChange::Ended { task, conclusion: Conclusion::Failure, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();
    let none = JobFilter::default;
    for (filter, found) in [
        (JobFilter { project: Some(web), ..none() }, vec![jobs[2], jobs[1], jobs[0]]),
        (JobFilter { owner: Some(bob), ..none() }, vec![]),
        (JobFilter { owner: Some(ana), ..none() }, vec![others[0], jobs[2], jobs[1], jobs[0]]),
        (JobFilter { runner: Some(runner), ..none() }, vec![jobs[0]]),
        (JobFilter { runner: Some(second), standings: vec![JobStanding::Queued], ..none() }, vec![]),
        (JobFilter { standings: vec![JobStanding::Queued], ..none() }, vec![others[0], jobs[2]]),
        (
            JobFilter { standings: vec![JobStanding::Running, JobStanding::Ended(Conclusion::Failure)], ..none() },
            vec![jobs[1], jobs[0]],
        ),
    ] {
        assert_eq!(numbers(&store, filter.clone()).await, found, "{filter:?}");
    }
    let failed = |project| JobFilter { standings: vec![JobStanding::Ended(Conclusion::Failure)], project, ..none() };
    let over = vec![JobStanding::Ended(Conclusion::Failure), JobStanding::Ended(Conclusion::Success)];
    for (filter, found) in [
        (failed(None), vec![jobs[0]]),
        (failed(Some(web)), vec![jobs[0]]),
        (failed(Some(other)), vec![]),
        (JobFilter { standings: over, owner: Some(ana), ..none() }, vec![jobs[0]]),
    ] {
        assert_eq!(numbers(&store, filter.clone()).await, found, "{filter:?}");
    }
    let oldest = JobFilter { order: ListOrder::Oldest, offset: 1, limit: 2, project: Some(web), ..none() };
    let oldest: Vec<JobNumber> = store.jobs_list(&oldest).await.unwrap().iter().map(|job| job.number).collect();
    assert_eq!(oldest, jobs[1..]);
    let again = started(&store, others[0], runner).await;
    let mut newest = store.newest_tasks(&[jobs[0], jobs[2], others[0]]).await.unwrap();
    newest.sort_by_key(|task| task.id);
    let pairs: Vec<_> = newest.iter().map(|task| (task.id, task.job)).collect();
    assert_eq!(pairs, [(task, jobs[0]), (again, others[0])]);
    assert!(store.newest_tasks(&[]).await.unwrap().is_empty());
    let of_others = store.job(others[0]).await.unwrap().run;
    let found = store.runs_of(&[of_others, run.id, run.id, RunId(999)]).await.unwrap();
    assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id, of_others]);
    assert!(store.runs_of(&[]).await.unwrap().is_empty());
    let page = JobFilter { offset: 1, limit: 2, before: Some(others[0]), ..none() };
    let page: Vec<JobNumber> = store.jobs_list(&page).await.unwrap().iter().map(|job| job.number).collect();
    assert_eq!(page, [jobs[1], jobs[0]]);
    assert_eq!(store.newest_tasks(&jobs[1..2]).await.unwrap().len(), 1);
    assert_eq!(store.open_runs().await.unwrap().iter().map(|run| run.id).next(), Some(run.id));
}

async fn what_waits_and_what_is_out(Setting { store, .. }: Setting) {
    let [(web, _), (other, _), _] = projects(&store).await;
    let held = NewJob { phase: JobPhase::held(Hold::Approval("ana".to_owned())), ..job("h") };
    let (run, jobs) = store.create_run(&run_of(web, vec![job("a"), held, job("b")]), at(10)).await.unwrap();
    let (_, others) = store.create_run(&run_of(other, vec![job("a")]), at(10)).await.unwrap();
    let runner = new_runner(&store, 1, Some(9)).await;
    let task = started(&store, jobs[0], runner).await;
    let waiting = async |project, after, limit| -> Vec<JobNumber> {
        store.waiting_jobs(project, after, limit).await.unwrap().iter().map(|job| job.number).collect()
    };
    assert_eq!(waiting(None, JobNumber(0), 9).await, [jobs[1], jobs[2], others[0]]);
    assert_eq!(waiting(Some(web), JobNumber(0), 9).await, jobs[1..]);
    assert_eq!(waiting(None, jobs[1], 1).await, [jobs[2]]);
    let out = store.out().await.unwrap();
    assert_eq!(out.iter().map(|(task, job)| (task.id, job.number)).collect::<Vec<_>>(), [(task, jobs[0])]);
    assert_eq!(store.open_runs().await.unwrap().len(), 2);

    // A run that is over is open no more.
    let end = JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) };
    store.change_by_task(task, end, &BTreeMap::new(), at(30)).await.unwrap();
    assert!(store.out().await.unwrap().is_empty());
    let seen = store.run(run.id).await.unwrap();
    let advance = Advance { removed: vec![jobs[1]], ..Advance::default() };
    store.advance(&seen, &advance, at(31)).await.unwrap().unwrap();
    let by = domain::control::CancelCause::Abandoned;
    store.change_job(jobs[2], JobChange::CancelAsked { by, at: at(32) }, at(32)).await.unwrap();
    let seen = store.run(run.id).await.unwrap();
    store.advance(&seen, &Advance::default(), at(33)).await.unwrap().unwrap();
    assert_eq!(store.open_runs().await.unwrap().len(), 1);
}

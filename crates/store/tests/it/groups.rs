//! Concurrency groups: one member holds a group, whoever writes the lease.

use super::runs::{job, new_project, new_runner, run_of, taker};
use crate::support::{Setting, at, contract};
use domain::control::{JobChange, JobNumber, ProjectId, RunId};
use domain::{Conclusion, JobId, RunnerId, TaskId};
use std::collections::BTreeMap;
use store::{Advance, GroupClaim, GroupHolder, GroupMember, NewJob, Store, StoreError, Taker};

contract!(
    a_group_has_one_holder_until_its_end,
    of_many_servers_one_lets_a_group_in,
    a_lease_takes_all_its_groups_or_none,
    a_call_holds_until_its_last_job,
);

fn with(runner: RunnerId, claims: &[(&str, GroupMember)]) -> Taker {
    let groups = claims.iter().map(|(group, member)| GroupClaim { group: (*group).to_owned(), member: member.clone() });
    Taker { groups: groups.collect(), ..taker(runner, None) }
}

async fn run(store: &Store, project: ProjectId, jobs: Vec<NewJob>) -> (RunId, Vec<JobNumber>) {
    let (run, jobs) = store.create_run(&run_of(project, jobs), at(10)).await.unwrap();
    (run.id, jobs)
}

async fn end(store: &Store, task: TaskId) {
    for change in [
        JobChange::Started { task, at: at(21) },
        JobChange::Ended { task, conclusion: Conclusion::Success, at: at(30) },
    ] {
        store.change_by_task(task, change, &BTreeMap::new(), at(30)).await.unwrap();
    }
}

async fn a_group_has_one_holder_until_its_end(setting: Setting) {
    let store = &setting.store;
    let (project, runner) = (new_project(store).await, new_runner(store, 1, Some(9)).await);
    let (first, of_first) = run(store, project, vec![job("a"), job("b")]).await;
    let (second, of_second) = run(store, project, vec![job("a")]).await;
    let (one, other) = (GroupMember::Run(first), GroupMember::Run(second));
    let (task, _) = store.lease(of_first[0], &with(runner, &[("Deploy", one.clone())]), at(20)).await.unwrap().unwrap();
    let holder = GroupHolder { project, group: "deploy".to_owned(), member: one.clone() };
    assert_eq!(store.group_holders().await.unwrap(), [holder]);
    let refused = store.lease(of_second[0], &with(runner, &[("deploy", other.clone())]), at(20)).await;
    assert!(matches!(&refused, Err(StoreError::Group { group, by }) if group == "deploy" && *by == one), "{refused:?}");
    // Its own next job holds it already, also when nothing of the run is with a runner.
    end(store, task.id).await;
    assert!(store.holds_group(project, "DEPLOY", &one).await.unwrap());
    assert!(store.lease(of_second[0], &with(runner, &[("deploy", other.clone())]), at(31)).await.is_err());
    let (task, _) = store.lease(of_first[1], &with(runner, &[("deploy", one.clone())]), at(31)).await.unwrap().unwrap();
    end(store, task.id).await;
    // Over once what follows from its last end was drawn: the row is the next one's.
    let stored = store.run(first).await.unwrap();
    store.advance(&stored, &Advance::default(), at(31)).await.unwrap().unwrap();
    assert!(!store.holds_group(project, "deploy", &one).await.unwrap());
    assert_eq!(store.group_holders().await.unwrap(), []);
    store.lease(of_second[0], &with(runner, &[("deploy", other.clone())]), at(40)).await.unwrap().unwrap();
    assert!(store.holds_group(project, "deploy", &other).await.unwrap());
}

async fn of_many_servers_one_lets_a_group_in(setting: Setting) {
    let (store, other) = (&setting.store, Store::open(&setting.url).await.unwrap());
    let (project, runner) = (new_project(store).await, new_runner(store, 1, Some(99)).await);
    for round in 0..20 {
        let group = format!("g{round}");
        let mut tries = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (run, jobs) = run(store, project, vec![job("a")]).await;
            let (store, job) = (if number % 2 == 0 { store.clone() } else { other.clone() }, jobs[0]);
            let taker = with(runner, &[(&group, GroupMember::Job(run, job))]);
            tries.spawn(async move { store.lease(job, &taker, at(20)).await });
        }
        let all = tries.join_all().await;
        let given = all.iter().filter(|given| matches!(given, Ok(Some(_)))).count();
        let refused = all.iter().filter(|given| matches!(given, Err(StoreError::Group { .. }))).count();
        assert_eq!((given, refused), (1, 5), "{all:?}");
    }
    other.close().await;
}

async fn a_lease_takes_all_its_groups_or_none(setting: Setting) {
    let store = &setting.store;
    let (project, runner) = (new_project(store).await, new_runner(store, 1, Some(9)).await);
    let (first, of_first) = run(store, project, vec![job("a")]).await;
    let (second, of_second) = run(store, project, vec![job("a")]).await;
    let (one, other) = (GroupMember::Run(first), GroupMember::Run(second));
    store.lease(of_first[0], &with(runner, &[("b", one.clone())]), at(20)).await.unwrap().unwrap();
    let both = with(runner, &[("a", other.clone()), ("b", other.clone())]);
    assert!(
        matches!(store.lease(of_second[0], &both, at(20)).await, Err(StoreError::Group { group, .. }) if group == "b")
    );
    assert!(!store.holds_group(project, "a", &other).await.unwrap());
    // A group that its own run holds is no second one.
    let (third, of_third) = run(store, project, vec![job("a")]).await;
    let (run, job) = (GroupMember::Run(third), GroupMember::Job(third, of_third[0]));
    store.lease(of_third[0], &with(runner, &[("c", run.clone()), ("C", job)]), at(20)).await.unwrap().unwrap();
    assert!(store.holds_group(project, "c", &run).await.unwrap());
}

async fn a_call_holds_until_its_last_job(setting: Setting) {
    let store = &setting.store;
    let (project, runner) = (new_project(store).await, new_runner(store, 1, Some(9)).await);
    let (first, jobs) = run(store, project, vec![job("c%l / a"), job("c%l / b"), job("cxl / a")]).await;
    let (_, others) = run(store, project, vec![job("a")]).await;
    let call = GroupMember::Call(first, JobId::new("c%l"));
    let (task, given) = store.lease(jobs[0], &with(runner, &[("g", call.clone())]), at(20)).await.unwrap().unwrap();
    end(store, task.id).await;
    let other = with(runner, &[("g", GroupMember::Run(given.run))]);
    assert!(store.lease(others[0], &other, at(40)).await.is_err());
    let (task, _) = store.lease(jobs[1], &with(runner, &[("g", call.clone())]), at(41)).await.unwrap().unwrap();
    end(store, task.id).await;
    assert!(!store.holds_group(project, "g", &call).await.unwrap());
    store.lease(others[0], &other, at(50)).await.unwrap().unwrap();
}

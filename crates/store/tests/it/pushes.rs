//! Moves on their way to runs, and what forges were told of runs.

use crate::projects::project;
use crate::runs::{job, new_project, run_of};
use crate::support::{Setting, at, contract, entry};
use store::{Push, Queue, RefChange, RefMove, RunCause, StoreError};

contract!(
    a_move_is_kept_until_its_runs_are_there,
    a_push_makes_one_run_of_a_workflow,
    too_many_moves_make_none,
    what_a_forge_was_told_is_remembered,
);

fn refs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, commit)| ((*name).to_owned(), (*commit).to_owned())).collect()
}

async fn a_move_is_kept_until_its_runs_are_there(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    store.note_refs(id, &refs(&[("refs/heads/main", "1"), ("refs/heads/old", "1")])).await.unwrap();
    assert_eq!(store.take_pushes(at(1_000), at(2_000), 9).await.unwrap(), [], "what was there starts nothing");
    let queue = Queue::UpTo { most: 2, due: at(10) };
    let now = refs(&[("refs/heads/main", "2"), ("refs/tags/v1", "1")]);
    // Of several who see the same moves one notes them.
    let mut looks = Vec::new();
    for _ in 0..4 {
        let (store, now) = (store.clone(), now.clone());
        looks.push(tokio::spawn(async move { store.note_moves(id, &now, queue).await.unwrap().len() }));
    }
    let mut moved = 0;
    for look in looks {
        moved += look.await.unwrap();
    }
    assert_eq!(moved, 3);
    assert_eq!(store.take_pushes(at(9), at(20), 9).await.unwrap(), []);
    let mut takers = Vec::new();
    for _ in 0..4 {
        let store = store.clone();
        takers.push(tokio::spawn(async move { store.take_pushes(at(10), at(20), 9).await.unwrap() }));
    }
    let mut taken: Vec<Push> = Vec::new();
    for taker in takers {
        taken.extend(taker.await.unwrap());
    }
    let to: Vec<_> = taken.iter().map(|push| (push.change.name.as_str(), push.change.to.clone(), push.tries)).collect();
    let moved = RefMove::Moved { before: "1".to_owned(), after: "2".to_owned() };
    assert_eq!(to, [("refs/heads/main", moved, 0), ("refs/tags/v1", RefMove::Made("1".to_owned()), 0)]);
    // Whoever took them is gone.
    let again = store.take_pushes(at(20), at(30), 1).await.unwrap();
    assert_eq!(again, taken[..1]);
    store.put_off_push(taken[0].id, at(40)).await.unwrap();
    store.drop_push(taken[1].id).await.unwrap();
    assert_eq!(store.take_pushes(at(39), at(50), 9).await.unwrap(), []);
    let late = store.take_pushes(at(40), at(50), 9).await.unwrap();
    assert_eq!((late.len(), late[0].id, late[0].tries), (1, taken[0].id, 1));
    // The clock went back by a day.
    let day = 24 * 60 * 60 * 1000;
    store.put_off_push(taken[0].id, at(day)).await.unwrap();
    assert_eq!(store.take_pushes(at(50), at(60), 9).await.unwrap().len(), 1);
    store.remove_project(id, at(60), &entry("project.remove", "a/b")).await.unwrap();
    assert_eq!(store.take_pushes(at(1_000), at(2_000), 9).await.unwrap(), []);
}

async fn a_push_makes_one_run_of_a_workflow(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let change = RefChange { name: "refs/heads/main".to_owned(), to: RefMove::Made("1".to_owned()) };
    let push = store.add_push(project, &change, at(5)).await.unwrap();
    let gone = RefChange { to: RefMove::Gone("1".to_owned()), ..change.clone() };
    assert!(store.add_push(project, &gone, at(5)).await.is_err());
    let new = run_of(project, vec![job("a")]);
    let make = async |cause: RunCause| {
        let reserved = store.reserve_run(project).await.unwrap();
        store.create_reserved_run(reserved, &new, &cause, at(6)).await
    };
    make(RunCause::Push(push)).await.unwrap();
    let twice = make(RunCause::Push(push)).await;
    assert!(matches!(twice, Err(StoreError::Present { what: "run", .. })), "{twice:?}");
    assert_eq!(store.workflows_of_push(push).await.unwrap(), [new.workflow.as_str()]);
    make(RunCause::Call).await.unwrap();
    make(RunCause::Push(store.add_push(project, &change, at(7)).await.unwrap())).await.unwrap();
}

async fn too_many_moves_make_none(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let many = refs(&[("refs/heads/a", "1"), ("refs/heads/b", "1"), ("refs/heads/c", "1")]);
    assert_eq!(store.note_moves(id, &many, Queue::UpTo { most: 2, due: at(10) }).await.unwrap().len(), 3);
    assert_eq!(store.take_pushes(at(1_000), at(2_000), 9).await.unwrap(), []);
}

async fn what_a_forge_was_told_is_remembered(Setting { store, .. }: Setting) {
    let project = new_project(&store).await;
    let untold =
        async || -> Vec<i64> { store.untold_runs(project, 9).await.unwrap().into_iter().map(|run| run.id.0).collect() };
    let (old, _) = store.create_run(&run_of(project, vec![job("a")]), at(10)).await.unwrap();
    let broken = store::NewRun { jobs: Err("no".to_owned()), ..run_of(project, Vec::new()) };
    let (over, _) = store.create_run(&broken, at(12)).await.unwrap();
    assert_eq!(untold().await, [old.id.0, over.id.0]);
    store.leave_untold(project).await.unwrap();
    assert_eq!(untold().await, [old.id.0], "what is over is left");
    store.note_said(old.id, "ci / a", "pending").await.unwrap();
    store.note_said(old.id, "ci / a", "success").await.unwrap();
    store.note_said(domain::control::RunId(99), "ci / a", "success").await.unwrap();
    let said: Vec<_> = store.said(old.id).await.unwrap().into_iter().collect();
    assert_eq!(said, [("ci / a".to_owned(), "success".to_owned())]);
    store.note_told(old.id, old.attempt).await.unwrap();
    assert!(untold().await.is_empty());
    // Run again, there is something to tell again.
    store.rerun(over.id, &[], None, at(20), None).await.unwrap();
    assert_eq!(untold().await, [over.id.0]);
}

//! What is known of workflows.

use super::projects::project;
use super::runs::{job, run_of};
use crate::support::{Setting, at, contract, entry};
use domain::control::ProjectId;
use store::{AuditFilter, DisabledWorkflow, NewSchedule, RunCause, RunFilter, StoreError, WorkflowState};

contract!(
    a_workflow_is_switched_off_and_on,
    a_schedule_is_taken_once,
    a_schedule_is_taken_with_its_run_or_not_at_all,
    a_project_has_settings,
);

async fn a_workflow_is_switched_off_and_on(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let off = entry("workflow.disable", "ci.yml");
    for (path, now) in [("ci.yml", 5), ("b.yml", 6), ("ci.yml", 7)] {
        store.set_workflow(id, path, WorkflowState::Disabled, at(now), &off).await.unwrap();
    }
    let disabled = |path: &str, now| DisabledWorkflow { path: path.to_owned(), by: off.actor.clone(), at: at(now) };
    assert_eq!(store.disabled_workflows(id).await.unwrap(), [disabled("b.yml", 6), disabled("ci.yml", 5)]);
    store.set_workflow(id, "b.yml", WorkflowState::Enabled, at(8), &entry("workflow.enable", "b.yml")).await.unwrap();
    assert_eq!(store.disabled_workflows(id).await.unwrap(), [disabled("ci.yml", 5)]);
    assert!(store.disabled_workflows(ProjectId(99)).await.unwrap().is_empty());
    let none = store.set_workflow(ProjectId(99), "ci.yml", WorkflowState::Disabled, at(9), &off).await;
    assert!(matches!(none, Err(StoreError::Missing { what: "project", .. })), "{none:?}");
    assert_eq!(store.audit(&AuditFilter { limit: 9, ..AuditFilter::default() }).await.unwrap().len(), 5);
}

async fn a_schedule_is_taken_once(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let new = |path: &str, cron: &str, due| NewSchedule {
        path: path.to_owned(),
        cron: cron.to_owned(),
        zone: "UTC".to_owned(),
        due: at(due),
    };
    store.set_schedules(id, &[new("ci.yml", "0 * * * *", 100), new("ci.yml", "5 * * * *", 50)]).await.unwrap();
    assert!(store.due_schedules(at(49), 9).await.unwrap().is_empty());
    let due = store.due_schedules(at(200), 9).await.unwrap();
    assert_eq!(due.iter().map(|one| one.new.due).collect::<Vec<_>>(), [at(50), at(100)]);
    let mut takers = Vec::new();
    for _ in 0..6 {
        let (store, due) = (store.clone(), due[0].clone());
        takers.push(tokio::spawn(async move { store.take_schedule(&due, at(1050)).await.unwrap() }));
    }
    let mut taken = 0;
    for taker in takers {
        taken += usize::from(taker.await.unwrap());
    }
    assert_eq!(taken, 1);
    // What is written again stays due when it was; what is not, is gone, and cannot be taken any more.
    store.set_schedules(id, &[new("ci.yml", "5 * * * *", 1), new("b.yml", "* * * * *", 70)]).await.unwrap();
    let now = store.schedules(id).await.unwrap();
    let seen: Vec<_> = now.iter().map(|one| (one.new.path.as_str(), one.new.due, one.project)).collect();
    assert_eq!(seen, [("b.yml", at(70), id), ("ci.yml", at(1050), id)]);
    assert!(!store.take_schedule(&due[1], at(2000)).await.unwrap());
}

async fn a_schedule_is_taken_with_its_run_or_not_at_all(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let hourly =
        NewSchedule { path: "ci.yml".to_owned(), cron: "0 * * * *".to_owned(), zone: "UTC".to_owned(), due: at(100) };
    store.set_schedules(id, &[hourly]).await.unwrap();
    let due = store.due_schedules(at(200), 9).await.unwrap().remove(0);
    let make = async |jobs: Vec<store::NewJob>| {
        let reserved = store.reserve_run(id).await.unwrap();
        let cause = RunCause::Time { due: due.clone(), next: at(1_000) };
        store.create_reserved_run(reserved, &run_of(id, jobs), &cause, at(200)).await
    };
    // A run that cannot be written takes no time with it.
    make(vec![job("a"), job("a")]).await.unwrap_err();
    assert_eq!(store.due_schedules(at(200), 9).await.unwrap(), std::slice::from_ref(&due));
    let runs = RunFilter { limit: 9, ..RunFilter::default() };
    assert_eq!(store.count_runs(&runs).await.unwrap(), 0);
    make(vec![job("a")]).await.unwrap();
    assert_eq!(store.schedules(id).await.unwrap()[0].new.due, at(1_000));
    let twice = make(vec![job("a")]).await;
    assert!(matches!(twice, Err(StoreError::Present { what: "run", .. })), "{twice:?}");
    assert_eq!(store.count_runs(&runs).await.unwrap(), 1);
}

async fn a_project_has_settings(Setting { store, .. }: Setting) {
    let made = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap();
    assert_eq!(made.settings, serde_json::Value::Null);
    let noted = entry("project.set", "a/b");
    let set = async |id, key, value| store.set_project_setting(id, (key, &value), at(2), &noted).await;
    set(made.id, "folders", serde_json::json!([".forgejo"])).await.unwrap();
    set(made.id, "hook", serde_json::json!({"key": 1})).await.unwrap();
    let both = serde_json::json!({"folders": [".forgejo"], "hook": {"key": 1}});
    assert_eq!(store.project("a", "b").await.unwrap().settings, both);
    set(made.id, "hook", serde_json::Value::Null).await.unwrap();
    assert_eq!(store.project("a", "b").await.unwrap().settings, serde_json::json!({"folders": [".forgejo"]}));
    let none = set(ProjectId(99), "hook", serde_json::Value::Null).await;
    assert!(matches!(none, Err(StoreError::Missing { what: "project", .. })), "{none:?}");
}

//! Databases that earlier versions wrote: opened, they hold what they held.

use crate::support::{at, empty_postgres};
use domain::control::{AttemptNumber, JobNumber, JobStanding, ProjectId, RunId, RunPhase};
use domain::{Conclusion, RunnerId, TaskId};
use sqlx::AssertSqlSafe;
use sqlx::migrate::Migrator;
use std::path::Path;
use store::{JobFilter, RunFilter, Store};

/// Rows as the first version wrote them; only what both databases read alike.
const FIRST: &str = r#"
INSERT INTO owners (id, name, name_key) VALUES (1, 'Ana', 'ana');
INSERT INTO projects (id, owner_id, name, name_key, git, created_at) VALUES (1, 1, 'Web', 'web', '/srv/web', 5);
INSERT INTO refs (project_id, name, commit_id) VALUES (1, 'refs/heads/main', 'c0ffee');
INSERT INTO runners (id, uuid, name, labels, version, capabilities, phase, created_at) VALUES (1, 'u', 'r', '["linux"]', '1', '[]',
  '{"contact":{"contact":"online","since":20},"admission":"open","work":{"work":"lasting","capacity":2,"tasks":[7]}}', 6);
INSERT INTO runs (id, project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt, tally, phase, fault, ends,
  advanced, created_at, started_at, finished_at) VALUES
 (1, 1, 1, 'ci.yml', 't', 'push', 'refs/heads/main', 'c0ffee', 'ana', '{}', 1,
  '{"held":0,"queued":0,"active":0,"cancelling":0,"skipped":1,"good":0,"cancelled":1,"failed":2}', '{"phase":"finished","conclusion":"cancelled"}',
  NULL, 3, 3, 10, 11, 30),
 (2, 1, 2, 'ci.yml', 't', 'push', 'refs/heads/main', 'c0ffee', 'ana', '{}', 1,
  '{"held":1,"queued":1,"active":1,"cancelling":0,"skipped":0,"good":1,"cancelled":0,"failed":0}', '{"phase":"running"}', NULL, 1, 0, 20, 21, NULL);
INSERT INTO jobs (id, run_id, run_attempt, job_key, name, labels, priority, tolerance, document, facts, phase, word, outputs, end_order,
  created_at, started_at, finished_at) VALUES
 (1, 1, 1, 'a', 'a', '[]', 0, '"fails_run"', '', '{}', '{"phase":"finished","end":{"end":"concluded","data":"failure"},"at":30,"epoch":1}',
  'finished', '{}', 1, 10, 11, 30),
 (2, 1, 1, 'b', 'b', '[]', 0, '"fails_run"', '', '{}', '{"phase":"finished","end":{"end":"fault","data":"gone"},"at":30,"epoch":1}',
  'finished', '{}', 2, 10, 11, 30),
 (3, 1, 1, 'c', 'c', '[]', 0, '"fails_run"', '', '{}',
  '{"phase":"finished","end":{"end":"never_ran","data":{"never_ran":"cancelled","data":{"cause":"abandoned"}}},"at":30,"epoch":0}',
  'finished', '{}', 3, 10, NULL, 30),
 (4, 1, 1, 'd', 'd', '[]', 0, '"fails_run"', '', '{}',
  '{"phase":"finished","end":{"end":"never_ran","data":{"never_ran":"skipped"}},"at":30,"epoch":0}', 'finished', '{}', NULL, 10, NULL, 30),
 (5, 2, 1, 'a', 'a', '[]', 0, '"fails_run"', '', '{}', '{"phase":"finished","end":{"end":"concluded","data":"success"},"at":30,"epoch":1}',
  'finished', '{"x":"1"}', 1, 20, 21, 30),
 (6, 2, 1, 'b', 'b', '[]', 0, '"fails_run"', '', '{}',
  '{"phase":"running","lease":{"task":7,"runner":1,"epoch":1,"given":21,"until":50},"started":22}', 'running', '{}', NULL, 20, 22, NULL),
 (7, 2, 1, 'c', 'c', '[]', 0, '"may_fail"', '', '{}', '{"phase":"queued","since":20,"epoch":0}', 'queued', '{}', NULL, 20, NULL, NULL),
 (8, 2, 1, 'd', 'd', '[]', 0, '"fails_run"', '', '{}', '{"phase":"held","hold":{"hold":"approval","for":"ana"},"epoch":0}', 'held', '{}',
  NULL, 20, NULL, NULL);
INSERT INTO tasks (id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at) VALUES
 (1, 1, 1, 'r', NULL, '[]', 11, 30), (7, 6, 1, 'r', 'k', '[]', 21, 25);
"#;

/// The first migration of a database, alone.
fn first(database: &str, folder: &Path) -> std::path::PathBuf {
    let name = "0001_first.sql";
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database).join(name);
    let to = folder.join("first");
    std::fs::create_dir(&to).unwrap();
    std::fs::copy(from, to.join(name)).unwrap();
    to
}

async fn the_first_version_is_understood(url: &str) {
    let store = Store::open(url).await.unwrap();
    let project = store.project("ana", "web").await.unwrap();
    let runs = store.runs(&RunFilter { limit: 9, project: Some(project.id), ..RunFilter::default() }).await.unwrap();
    let seen: Vec<_> = runs.iter().map(|run| (run.id.0, run.ends, run.advanced, run.attempt_created)).collect();
    assert_eq!(seen, [(2, 1, 0, at(20)), (1, 3, 3, at(10))]);
    let over = RunPhase::Finished(Conclusion::Cancelled);
    for (phases, wanted) in [(vec![over], 1), (vec![RunPhase::Running], 2)] {
        let found = store.runs(&RunFilter { limit: 9, phases, ..RunFilter::default() }).await.unwrap();
        assert_eq!(found.iter().map(|run| run.id).collect::<Vec<_>>(), [RunId(wanted)]);
    }
    assert_eq!(store.open_runs().await.unwrap().len(), 1);
    let ended = |conclusion| vec![JobStanding::Ended(conclusion)];
    for (standings, wanted) in [
        (ended(Conclusion::Failure), vec![2, 1]),
        (ended(Conclusion::Cancelled), vec![3]),
        (ended(Conclusion::Skipped), vec![4]),
        (ended(Conclusion::Success), vec![5]),
        (vec![JobStanding::Running, JobStanding::Held], vec![8, 6]),
    ] {
        let filter = JobFilter { standings, project: Some(ProjectId(1)), limit: 9, ..JobFilter::default() };
        let found: Vec<i64> = store.jobs_list(&filter).await.unwrap().iter().map(|job| job.number.0).collect();
        assert_eq!((found.len() as u64, found), (store.count_jobs(&filter).await.unwrap(), wanted));
    }
    let of_runner = JobFilter { runner: Some(RunnerId(1)), limit: 9, ..JobFilter::default() };
    assert_eq!(store.count_jobs(&of_runner).await.unwrap(), 2);
    let [(task, job)] = store.out().await.unwrap().try_into().unwrap();
    assert_eq!((task.id, job.number, job.project), (TaskId(7), JobNumber(6), ProjectId(1)));
    assert_eq!(store.given_for(RunnerId(1), "k").await.unwrap(), [(task.clone(), job)]);
    assert_eq!(store.silent_since(at(26), at(9_000), 9).await.unwrap().len(), 1);
    assert_eq!(store.waiting_jobs(None, JobNumber(0), 9).await.unwrap().len(), 2);

    // What goes on can end, and what is over can run again.
    let end = domain::control::JobChange::Ended { task: TaskId(7), conclusion: Conclusion::Success, at: at(40) };
    let changed = store.change_by_task(TaskId(7), end, &std::collections::BTreeMap::new(), at(40)).await.unwrap();
    assert_eq!(changed.run_phase, RunPhase::Waiting);
    let again = store.rerun(RunId(1), &[JobNumber(1)], None, at(50), None).await.unwrap();
    assert_eq!(
        (again.attempt, store.attempts(RunId(1)).await.unwrap().len()),
        (AttemptNumber::FIRST.next().unwrap(), 1)
    );
    store.close().await;
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ekiden.db").display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    Migrator::new(first("sqlite", folder.path())).await.unwrap().run(&pool).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(FIRST)).execute(&pool).await.unwrap();
    pool.close().await;
    the_first_version_is_understood(&url).await;
}

#[tokio::test]
async fn on_postgres() {
    let Some((url, _server)) = empty_postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    Migrator::new(first("postgres", folder.path())).await.unwrap().run(&pool).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(FIRST)).execute(&pool).await.unwrap();
    // Rows with numbers of their own do not move the next number on.
    let next = "SELECT setval(pg_get_serial_sequence('jobs', 'id'), 8)";
    sqlx::raw_sql(next).execute(&pool).await.unwrap();
    pool.close().await;
    the_first_version_is_understood(&url).await;
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("ekiden.db").display());
    Store::open(&url).await.unwrap().close().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', true, x'00', 1)";
    sqlx::raw_sql(newer).execute(&pool).await.unwrap();
    pool.close().await;
    let refused = Store::open(&url).await;
    assert!(matches!(refused, Err(store::StoreError::Schema(_))), "{refused:?}");
}

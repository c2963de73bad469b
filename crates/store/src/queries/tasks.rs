//! Queries of tasks, compiled for both databases.

use super::moves::Moves;
use super::{Conn, Db, at_once, groups, held_run, jobs, runners};
use crate::error::StoreError;
use crate::jobs::{ChangedJob, StoredJob};
use crate::news::Mark;
use crate::tasks::{StoredTask, Taker};
use domain::control::{JobChange, JobNumber, JobPhase, ProjectId, RunnerChange, RunnerPhase};
use domain::{RunnerId, TaskId, Timestamp};
use sqlx::QueryBuilder;
use std::collections::BTreeMap;
use std::time::Duration;

/// No lease is so long: one that ends later was given before the clock was set back.
const AHEAD: Duration = Duration::from_hours(1);

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    job_id: i64,
    runner_id: i64,
    runner_name: String,
    request_key: Option<String>,
    steps: String,
    given_at: i64,
    heard_at: i64,
}

/// A task and its job, found together.
#[derive(sqlx::FromRow)]
struct Both {
    #[sqlx(flatten)]
    task: Row,
    #[sqlx(flatten)]
    job: jobs::Row,
}

/// What follows `FROM tasks JOIN jobs …`, with the columns of both.
macro_rules! both {
    ($joined:literal, $after:literal) => {
        concat!(
            jobs::columns!("SELECT ", ", "),
            "tasks.id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at FROM tasks JOIN jobs ON ",
            $joined,
            $after
        )
    };
}

impl Row {
    pub(super) fn task(self) -> Result<StoredTask, StoreError> {
        Ok(StoredTask {
            id: TaskId(self.id),
            job: JobNumber(self.job_id),
            runner: RunnerId(self.runner_id),
            runner_name: self.runner_name,
            request: self.request_key,
            steps: serde_json::from_str(&self.steps).map_err(|error| StoreError::damaged("task", error))?,
            given: Timestamp(self.given_at.cast_unsigned()),
            heard: Timestamp(self.heard_at.cast_unsigned()),
        })
    }
}

impl Both {
    fn read(self) -> Result<(StoredTask, StoredJob), StoreError> {
        Ok((self.task.task()?, self.job.job()?))
    }
}

/// A held run and a job of it.
#[derive(sqlx::FromRow)]
struct Wanted {
    #[sqlx(flatten)]
    run: held_run::Row,
    #[sqlx(flatten)]
    job: jobs::Row,
}

/// A task that is new, and the phase of its runner, which is held.
#[derive(sqlx::FromRow)]
pub(super) struct Fresh {
    #[sqlx(flatten)]
    task: Row,
    phase: String,
}

impl Fresh {
    fn read(self) -> Result<(StoredTask, RunnerPhase), StoreError> {
        Ok((self.task.task()?, runners::read(&self.phase)?))
    }
}

pub(crate) async fn lease(
    conn: &mut Conn,
    number: JobNumber,
    taker: &Taker,
    now: Timestamp,
    mark: Mark,
) -> Result<Option<(StoredTask, StoredJob)>, StoreError> {
    let row: Option<Wanted> = sqlx::query_as(concat!(
        jobs::columns!(held_run::columns!(", "), " FROM runs JOIN jobs ON run_id = runs.id WHERE jobs.id = $1"),
        held_of!("runs, jobs")
    ))
    .bind(number.0)
    .fetch_optional(&mut *conn)
    .await?;
    let Wanted { run, job } = row.ok_or_else(|| jobs::missing(number))?;
    let (mut run, mut job) = (run.run()?, job.job()?);
    let JobPhase::Queued { .. } = job.phase else { return Ok(None) };
    groups::take(&mut *conn, run.project, &taker.groups).await?;
    let task = at_once::give(&mut *conn, number, taker, now).await?;
    let missing = || StoreError::Missing { what: "runner", name: taker.runner.0.to_string() };
    let (task, held) = task.ok_or_else(missing)?.read()?;
    let change = JobChange::Leased { task: task.id, runner: taker.runner, at: now, until: taker.until };
    let leased = job.phase.after(change)?;
    let moved = (&job.phase, &leased);
    let moved = jobs::moved(&mut run, number, job.tolerance, moved, &BTreeMap::new(), now)?;
    let kept = run.kept(now)?;
    let runner = Some((taker.runner, runners::written(&held.after(RunnerChange::Given(task.id))?)?));
    job.phase = leased;
    let given = (task, job);
    let moves = Moves { job: moved, run: kept, said: None, runner };
    at_once::write(conn, &moves, mark, StoredTask::news(&given)).await?;
    Ok(Some(given))
}

pub(crate) async fn given_for(
    conn: &mut Conn,
    runner: RunnerId,
    request: &str,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Both> = sqlx::query_as(both!(
        "jobs.id = job_id AND task_id = tasks.id",
        " WHERE runner_id = $1 AND request_key = $2 ORDER BY tasks.id"
    ))
    .bind(runner.0)
    .bind(request)
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Both::read).collect()
}

pub(crate) async fn out(conn: &mut Conn) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Both> = sqlx::query_as(both!(
        "tasks.id = task_id",
        " WHERE jobs.word IN ('leased', 'running', 'cancelling') ORDER BY jobs.id"
    ))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Both::read).collect()
}

pub(crate) async fn by_id(conn: &mut Conn, id: TaskId) -> Result<(StoredTask, StoredJob), StoreError> {
    let row: Option<Both> =
        sqlx::query_as(both!("jobs.id = job_id", " WHERE tasks.id = $1")).bind(id.0).fetch_optional(conn).await?;
    row.ok_or_else(|| missing(id))?.read()
}

pub(crate) async fn of_project(
    conn: &mut Conn,
    project: ProjectId,
    offset: u32,
    limit: u32,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Both> = sqlx::query_as(both!(
        "jobs.id = job_id",
        " WHERE jobs.project_id = $1 ORDER BY tasks.id DESC LIMIT $2 OFFSET $3"
    ))
    .bind(project.0)
    .bind(i64::from(limit))
    .bind(i64::from(offset))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Both::read).collect()
}

pub(crate) async fn count_of_project(conn: &mut Conn, project: ProjectId) -> Result<u64, StoreError> {
    let (count,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM tasks JOIN jobs ON jobs.id = job_id WHERE jobs.project_id = $1")
            .bind(project.0)
            .fetch_one(conn)
            .await?;
    Ok(count.cast_unsigned())
}

pub(crate) async fn newest_of(conn: &mut Conn, of: &[JobNumber]) -> Result<Vec<StoredTask>, StoreError> {
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Db>::new(
        "SELECT id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at FROM tasks
         WHERE id IN (SELECT MAX(id) FROM tasks WHERE job_id IN (",
    );
    let mut numbers = query.separated(", ");
    for job in of {
        numbers.push_bind(job.0);
    }
    query.push(") GROUP BY job_id)");
    // There are as many texts as there are counts: the one that is asked for often is remembered.
    let rows: Vec<Row> = query.build_query_as().persistent(of.len() == 1).fetch_all(conn).await?;
    rows.into_iter().map(Row::task).collect()
}

pub(crate) async fn change_job(
    conn: &mut Conn,
    id: TaskId,
    change: &JobChange,
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(RunnerId, ChangedJob), StoreError> {
    let found: Option<(i64, i64)> = sqlx::query_as("SELECT job_id, runner_id FROM tasks WHERE id = $1")
        .bind(id.0)
        .fetch_optional(&mut *conn)
        .await?;
    let (job, runner) = found.ok_or_else(|| missing(id))?;
    let changed = jobs::change(&mut *conn, JobNumber(job), change, outputs, now).await?;
    if changed.before.lease().is_some()
        && changed.after.lease().is_none()
        && let Some(phase) = freed(&mut *conn, RunnerId(runner), id).await?
    {
        runners::write(conn, RunnerId(runner), &phase).await?;
    }
    Ok((RunnerId(runner), changed))
}

/// Where a runner is without a task of its own, which is to be written; nothing of one that was removed while its job ran.
pub(super) async fn freed(conn: &mut Conn, runner: RunnerId, task: TaskId) -> Result<Option<String>, StoreError> {
    match runners::changed(conn, runner, RunnerChange::Freed(task)).await {
        Ok((_, phase)) => runners::written(&phase).map(Some),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn silent_since(
    conn: &mut Conn,
    since: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Both> = sqlx::query_as(both!(
        "tasks.id = task_id",
        " WHERE jobs.word IN ('leased', 'running', 'cancelling') AND (heard_at < $1 OR heard_at > $2) ORDER BY heard_at, tasks.id LIMIT $3"
    ))
    .bind(since.0.cast_signed())
    .bind(now.0.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Both::read).collect()
}

pub(crate) async fn unsaid(
    conn: &mut Conn,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(StoredTask, StoredJob)>, StoreError> {
    let rows: Vec<Both> = sqlx::query_as(both!(
        "tasks.id = task_id",
        " WHERE lease_until < $1 OR lease_until > $2 ORDER BY lease_until, tasks.id LIMIT $3"
    ))
    .bind(now.0.cast_signed())
    .bind(now.after(AHEAD).0.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Both::read).collect()
}

pub(super) fn missing(id: TaskId) -> StoreError {
    StoreError::Missing { what: "task", name: id.to_string() }
}

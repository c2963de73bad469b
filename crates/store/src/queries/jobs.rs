//! Queries of jobs, compiled for both databases.

use super::held_run::HeldRun;
use super::{Conn, Db, Query, held_run, runs};
use crate::error::StoreError;
use crate::jobs::{ChangedJob, JobFilter, ListOrder, StoredJob};
use crate::narrow::And;
use domain::control::{
    AttemptNumber, JobChange, JobEnd, JobNumber, JobPhase, ProjectId, RunId, RunJob, Start, Tolerance,
};
use domain::{JobId, TaskId, Timestamp};
use sqlx::QueryBuilder;
use std::collections::BTreeMap;

/// A job's columns, for queries that find other things with it.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    number: i64,
    project_id: i64,
    run_id: i64,
    run_attempt: i64,
    job_key: String,
    name: String,
    labels: String,
    priority: i64,
    tolerance: String,
    document: String,
    facts: String,
    phase: String,
    outputs: String,
    end_order: Option<i64>,
    kept_from: Option<i64>,
    created_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
}

macro_rules! columns {
    ($before:expr, $after:literal) => {
        concat!(
            $before,
            "jobs.id AS number, jobs.project_id, run_id, run_attempt, job_key, jobs.name, labels, priority, tolerance, document, \
             jobs.facts, jobs.phase, outputs, end_order, kept_from, jobs.created_at, jobs.started_at, jobs.finished_at",
            $after
        )
    };
}
pub(super) use columns;

impl Row {
    pub(super) fn job(self) -> Result<StoredJob, StoreError> {
        let damaged = |error| StoreError::damaged("job", error);
        let time = |at: i64| Timestamp(at.cast_unsigned());
        Ok(StoredJob {
            number: JobNumber(self.number),
            project: ProjectId(self.project_id),
            run: RunId(self.run_id),
            attempt: runs::attempt(self.run_attempt)?,
            id: JobId::new(self.job_key),
            name: self.name,
            labels: serde_json::from_str(&self.labels).map_err(damaged)?,
            priority: i32::try_from(self.priority).map_err(|error| StoreError::damaged("job", error))?,
            tolerance: serde_json::from_str(&self.tolerance).map_err(damaged)?,
            document: self.document,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            outputs: serde_json::from_str(&self.outputs).map_err(damaged)?,
            end_order: self.end_order,
            kept_from: self.kept_from.map(JobNumber),
            created: time(self.created_at),
            started: self.started_at.map(time),
            finished: self.finished_at.map(time),
        })
    }
}

pub(crate) async fn by_number(conn: &mut Conn, number: JobNumber) -> Result<StoredJob, StoreError> {
    let row: Option<Row> =
        sqlx::query_as(columns!("SELECT ", " FROM jobs WHERE id = $1")).bind(number.0).fetch_optional(conn).await?;
    row.ok_or_else(|| missing(number))?.job()
}

pub(crate) async fn of_run(conn: &mut Conn, run: RunId, attempt: AttemptNumber) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(columns!("SELECT ", " FROM jobs WHERE run_id = $1 AND run_attempt = $2 ORDER BY id"))
            .bind(run.0)
            .bind(i64::from(attempt.get()))
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn numbered(conn: &mut Conn, numbers: &[JobNumber]) -> Result<Vec<StoredJob>, StoreError> {
    let mut jobs = Vec::with_capacity(numbers.len());
    for number in numbers {
        let row: Option<Row> = sqlx::query_as(columns!("SELECT ", " FROM jobs WHERE id = $1"))
            .bind(number.0)
            .fetch_optional(&mut *conn)
            .await?;
        jobs.extend(row.map(Row::job).transpose()?);
    }
    Ok(jobs)
}

pub(crate) async fn queued(conn: &mut Conn, after: JobNumber, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(columns!("SELECT ", " FROM jobs WHERE word = 'queued' AND id > $1 ORDER BY id LIMIT $2"))
            .bind(after.0)
            .bind(i64::from(limit))
            .fetch_all(conn)
            .await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn queued_before(conn: &mut Conn, then: Timestamp, limit: u32) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(columns!(
        "SELECT ",
        " FROM jobs WHERE word = 'queued' AND created_at < $1 ORDER BY created_at, id LIMIT $2"
    ))
    .bind(then.0.cast_signed())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn waiting(
    conn: &mut Conn,
    project: Option<ProjectId>,
    after: JobNumber,
    limit: u32,
) -> Result<Vec<StoredJob>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(columns!(
        "SELECT ",
        " FROM jobs WHERE word IN ('held', 'queued') AND id > $1 AND ($2 OR project_id = $3) ORDER BY id LIMIT $4"
    ))
    .bind(after.0)
    .bind(project.is_none())
    .bind(project.map_or(0, |project| project.0))
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn list(conn: &mut Conn, filter: &JobFilter) -> Result<Vec<StoredJob>, StoreError> {
    let mut query = QueryBuilder::<Db>::new(columns!("SELECT ", " FROM jobs"));
    let mut and = And::FIRST;
    if let Some(before) = filter.before {
        and.push(&mut query, "id < ").push_bind(before.0);
    }
    narrow(&mut query, &mut and, filter);
    // In the order of numbers already, where there is one word of one project.
    if filter.project.is_some() && filter.standings.len() == 1 && filter.is_over() {
        and.over(&mut query);
    }
    query.push(match filter.order {
        ListOrder::Newest => " ORDER BY id DESC LIMIT ",
        ListOrder::Oldest => " ORDER BY id LIMIT ",
    });
    query.push_bind(i64::from(filter.limit)).push(" OFFSET ").push_bind(i64::from(filter.offset));
    let rows: Vec<Row> = query.build_query_as().persistent(is_one_of_few(filter)).fetch_all(conn).await?;
    rows.into_iter().map(Row::job).collect()
}

pub(crate) async fn count(conn: &mut Conn, filter: &JobFilter) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM jobs");
    let mut and = And::FIRST;
    narrow(&mut query, &mut and, filter);
    if filter.is_over() {
        and.over(&mut query);
    }
    let (count,): (i64,) = query.build_query_as().persistent(is_one_of_few(filter)).fetch_one(conn).await?;
    Ok(count.cast_unsigned())
}

/// Whether its text is remembered: who asks says how many words it has, in any order, as often as he likes.
const fn is_one_of_few(filter: &JobFilter) -> bool {
    filter.standings.len() <= 1
}

/// What is not asked for is not in the query, so that the database sees which index it can use.
fn narrow(query: &mut QueryBuilder<Db>, and: &mut And, filter: &JobFilter) {
    if let Some(project) = filter.project {
        and.push(query, "project_id = ").push_bind(project.0);
    }
    if let Some(owner) = filter.owner {
        and.push(query, "project_id IN (SELECT id FROM projects WHERE owner_id = ").push_bind(owner.0).push(")");
    }
    if let Some(runner) = filter.runner {
        and.push(query, "id IN (SELECT job_id FROM tasks WHERE runner_id = ").push_bind(runner.0).push(")");
    }
    let words: Vec<&str> = filter.standings.iter().map(|one| one.word()).collect();
    and.words(query, &words);
}

/// Changes a job of which nothing else changes.
pub(crate) async fn change(
    conn: &mut Conn,
    number: JobNumber,
    change: &JobChange,
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<ChangedJob, StoreError> {
    let mut held = held_run::hold_of(&mut *conn, number).await?;
    let run = held.id;
    let (before, after) = change_held(&mut *conn, &mut held, number, change, outputs, now).await?;
    let run_phase = held.keep(conn, now).await?;
    Ok(ChangedJob { number, run, before, after, run_phase })
}

/// Where a job of a held run is: nobody else changes it meanwhile.
pub(super) async fn phase_in(
    conn: &mut Conn,
    run: &HeldRun,
    number: JobNumber,
) -> Result<(JobPhase, Tolerance), StoreError> {
    let found: Option<(String, String)> =
        sqlx::query_as("SELECT phase, tolerance FROM jobs WHERE id = $1 AND run_id = $2")
            .bind(number.0)
            .bind(run.id.0)
            .fetch_optional(conn)
            .await?;
    let (phase, tolerance) = found.ok_or_else(|| missing(number))?;
    let damaged = |error| StoreError::damaged("job", error);
    Ok((serde_json::from_str(&phase).map_err(damaged)?, serde_json::from_str(&tolerance).map_err(damaged)?))
}

/// Changes a job of a held run, which is to be kept then; gives where it was and where it is.
pub(super) async fn change_held(
    conn: &mut Conn,
    run: &mut HeldRun,
    number: JobNumber,
    change: &JobChange,
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(JobPhase, JobPhase), StoreError> {
    let (before, tolerance) = phase_in(&mut *conn, run, number).await?;
    let after = before.after(change.clone())?;
    if after != before {
        moved(run, number, tolerance, (&before, &after), outputs, now)?.write(conn).await?;
    }
    Ok((before, after))
}

/// Where a job of a held run is now, and what it says to others where that is anything: as it is written.
pub(super) struct Move {
    number: JobNumber,
    phase: String,
    word: &'static str,
    end_order: Option<i64>,
    outputs: Option<String>,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    task: Option<TaskId>,
    until: Option<Timestamp>,
}

/// Moves a job within its held run; it is to be written, and the run to be kept.
pub(super) fn moved(
    run: &mut HeldRun,
    number: JobNumber,
    tolerance: Tolerance,
    (before, after): (&JobPhase, &JobPhase),
    outputs: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Move, StoreError> {
    let end_order = run.replace(RunJob::of(before, tolerance), RunJob::of(after, tolerance));
    let started = begun(before, after);
    run.begun = run.begun.or(started);
    Ok(Move {
        number,
        phase: runs::written(after)?,
        word: after.standing().word(),
        end_order,
        outputs: if outputs.is_empty() { None } else { Some(runs::written(outputs)?) },
        started,
        finished: end_order.map(|_| now),
        task: after.lease().map(|lease| lease.task),
        until: awaited(after),
    })
}

/// How a [`Move`] is written.
macro_rules! update {
    () => {
        "UPDATE jobs SET phase = $1, word = $2, end_order = COALESCE($3, end_order), outputs = COALESCE($4, outputs),
             started_at = COALESCE(started_at, $5), finished_at = COALESCE($6, finished_at), task_id = $7, lease_until = $8
         WHERE id = $9"
    };
}
pub(super) use update;

impl Move {
    /// The place of the job's end among those of its run, if it ended.
    pub(super) const fn end_order(&self) -> Option<i64> {
        self.end_order
    }

    /// Gives a query its first values.
    pub(super) fn bind(&self, query: Query) -> Query {
        let time = |at: Option<Timestamp>| at.map(|at| at.0.cast_signed());
        query
            .bind(&self.phase)
            .bind(self.word)
            .bind(self.end_order)
            .bind(&self.outputs)
            .bind(time(self.started))
            .bind(time(self.finished))
            .bind(self.task.map(|task| task.0))
            .bind(time(self.until))
            .bind(self.number.0)
    }

    pub(super) async fn write(&self, conn: &mut Conn) -> Result<(), StoreError> {
        self.bind(sqlx::query(update!())).execute(conn).await?;
        Ok(())
    }
}

/// When a job began that runs, or has run: when its runner got it, as forges count it. A short one says its end alone, and what a runner says of its own
/// clock is not asked.
fn begun(before: &JobPhase, after: &JobPhase) -> Option<Timestamp> {
    let lease = match after {
        JobPhase::Running { lease, .. } | JobPhase::Cancelling { lease, start: Start::At(_), .. } => Some(lease),
        JobPhase::Finished { end: JobEnd::Concluded(_) | JobEnd::Fault(_), .. } => before.lease(),
        _ => None,
    };
    lease.map(|lease| lease.given)
}

/// Until when a start is awaited.
const fn awaited(phase: &JobPhase) -> Option<Timestamp> {
    match phase {
        JobPhase::Leased { lease, .. } | JobPhase::Cancelling { lease, start: Start::Unheard, .. } => Some(lease.until),
        _ => None,
    }
}

pub(super) fn missing(number: JobNumber) -> StoreError {
    StoreError::Missing { what: "job", name: number.to_string() }
}

//! Queries of runs, compiled for both databases.

use super::held_run::HeldRun;
use super::{Conn, Db, new_jobs, projects, workflows};
use crate::error::StoreError;
use crate::following::RunCancel;
use crate::narrow::And;
use crate::pushes::PushId;
use crate::runs::{Logs, NewRun, ReservedRun, RunCause, RunFilter, StoredRun};
use domain::Timestamp;
use domain::control::{AttemptNumber, CancelCause, JobNumber, ProjectId, RunId, RunJob, RunTally};
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    project_id: i64,
    number: i64,
    workflow: String,
    title: String,
    event: String,
    reference: String,
    commit_id: String,
    actor: String,
    facts: String,
    attempt: i64,
    phase: String,
    fault: Option<String>,
    ends: i64,
    advanced: i64,
    cancel_order: Option<i64>,
    cancel_cause: Option<String>,
    created_at: i64,
    attempt_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    logs: String,
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt, phase, fault, ends, \
             advanced, cancel_order, cancel_cause, created_at, attempt_at, started_at, finished_at, logs",
            $after
        )
    };
}

impl Row {
    fn run(self) -> Result<StoredRun, StoreError> {
        let damaged = |error| StoreError::damaged("run", error);
        let time = |at: i64| Timestamp(at.cast_unsigned());
        let cancelled = cancelled(self.cancel_order, self.cancel_cause)?;
        Ok(StoredRun {
            id: RunId(self.id),
            project: ProjectId(self.project_id),
            number: self.number,
            workflow: self.workflow,
            title: self.title,
            event: self.event,
            reference: self.reference,
            commit: self.commit_id,
            actor: self.actor,
            facts: serde_json::from_str(&self.facts).map_err(damaged)?,
            attempt: attempt(self.attempt)?,
            phase: serde_json::from_str(&self.phase).map_err(damaged)?,
            fault: self.fault,
            ends: self.ends,
            advanced: self.advanced,
            cancelled,
            created: time(self.created_at),
            attempt_created: time(self.attempt_at),
            started: self.started_at.map(time),
            finished: self.finished_at.map(time),
            logs: if self.logs == "gone" { Logs::Gone } else { Logs::Kept },
        })
    }
}

/// The cause of a cancellation as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Cause {
    #[serde(flatten)]
    pub(super) by: CancelCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) all_from: Option<i64>,
}

pub(super) fn cancelled(place: Option<i64>, cause: Option<String>) -> Result<Option<RunCancel>, StoreError> {
    let (Some(place), Some(cause)) = (place, cause) else { return Ok(None) };
    let Cause { by, all_from } = serde_json::from_str(&cause).map_err(|error| StoreError::damaged("run", error))?;
    Ok(Some(RunCancel { place, by, all_from }))
}

pub(super) fn attempt(stored: i64) -> Result<AttemptNumber, StoreError> {
    let number = u32::try_from(stored).ok().and_then(AttemptNumber::from_stored);
    number.ok_or_else(|| StoreError::damaged("run", format!("its attempt is {stored}")))
}

pub(super) fn written(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::damaged("run", error))
}

/// Takes the next run number of the server, and of a project.
pub(crate) async fn reserve(conn: &mut Conn, project: ProjectId) -> Result<ReservedRun, StoreError> {
    // Holds the project's row, so that it cannot go meanwhile.
    projects::hold(&mut *conn, project).await?;
    let number = next(&mut *conn, &format!("run:{project}")).await?;
    Ok(ReservedRun { id: RunId(next(conn, "run").await?), number })
}

async fn next(conn: &mut Conn, counter: &str) -> Result<i64, StoreError> {
    let (value,): (i64,) = sqlx::query_as(
        "INSERT INTO counters (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
         RETURNING value",
    )
    .bind(counter)
    .fetch_one(conn)
    .await?;
    Ok(value)
}

/// Reads something that means nothing.
pub(crate) async fn answers(conn: &mut Conn) -> Result<(), StoreError> {
    let _one: (i64,) = sqlx::query_as("SELECT CAST(1 AS BIGINT)").fetch_one(conn).await?;
    Ok(())
}

/// Writes something that means nothing.
pub(crate) async fn touch(conn: &mut Conn) -> Result<(), StoreError> {
    next(conn, "ready").await.map(drop)
}

pub(crate) async fn create(
    conn: &mut Conn,
    run: &NewRun,
    now: Timestamp,
) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
    let reserved = reserve(&mut *conn, run.project).await?;
    create_reserved(conn, reserved, run, &RunCause::Call, now).await
}

pub(crate) async fn create_reserved(
    conn: &mut Conn,
    reserved: ReservedRun,
    run: &NewRun,
    cause: &RunCause,
    now: Timestamp,
) -> Result<(StoredRun, Vec<JobNumber>), StoreError> {
    let push = match cause {
        RunCause::Call => None,
        RunCause::Push(push) => Some(*push),
        RunCause::Time { due, next } if workflows::take(&mut *conn, due, *next).await? => None,
        RunCause::Time { due, .. } => {
            let name = format!("of {} for its time {}", run.workflow, due.new.cron);
            return Err(StoreError::Present { what: "run", name });
        }
    };
    let (jobs, fault) = match &run.jobs {
        Ok(jobs) => (jobs.as_slice(), None),
        Err(fault) => ([].as_slice(), Some(fault.clone())),
    };
    let tally = RunTally::of(jobs.iter().map(|job| RunJob::of(&job.phase, job.tolerance)));
    let first = HeldRun { fault, ..HeldRun::new(reserved.id, run.project, tally) };
    let row: Option<Row> = sqlx::query_as(columns!(
        "INSERT INTO runs (id, project_id, number, workflow, title, event, reference, commit_id, actor, facts, attempt,
                           tally, phase, word, fault, ends, advanced, created_at, attempt_at, finished_at, push_id)
         SELECT $1, id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0, 0, $15, $15, $16, $18 FROM projects
         WHERE id = $17 RETURNING ",
        ""
    ))
    .bind(reserved.id.0)
    .bind(reserved.number)
    .bind(&run.workflow)
    .bind(&run.title)
    .bind(&run.event)
    .bind(&run.reference)
    .bind(&run.commit)
    .bind(&run.actor)
    .bind(run.facts.to_string())
    .bind(i64::from(AttemptNumber::FIRST.get()))
    .bind(written(&tally)?)
    .bind(written(&first.phase())?)
    .bind(first.phase().word())
    .bind(&first.fault)
    .bind(now.0.cast_signed())
    .bind(first.is_over().then_some(now.0.cast_signed()))
    .bind(run.project.0)
    .bind(push.map(|push| push.0))
    .fetch_optional(&mut *conn)
    .await
    .map_err(|error| twice(error, run, push))?;
    let made = row.ok_or_else(|| projects::missing(run.project))?.run()?;
    let numbers = new_jobs::insert(conn, &first, jobs, now).await?;
    Ok((made, numbers))
}

/// Another server was faster with the run of a push.
fn twice(error: sqlx::Error, run: &NewRun, push: Option<PushId>) -> StoreError {
    match (&error, push) {
        (sqlx::Error::Database(fault), Some(push)) if fault.is_unique_violation() => {
            StoreError::Present { what: "run", name: format!("of {} for push {}", run.workflow, push.0) }
        }
        _ => error.into(),
    }
}

pub(crate) async fn by_id(conn: &mut Conn, id: RunId) -> Result<StoredRun, StoreError> {
    let row: Option<Row> =
        sqlx::query_as(columns!("SELECT ", " FROM runs WHERE id = $1")).bind(id.0).fetch_optional(conn).await?;
    row.ok_or_else(|| missing(id))?.run()
}

pub(crate) async fn by_ids(conn: &mut Conn, ids: &[RunId]) -> Result<Vec<StoredRun>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Db>::new(columns!("SELECT ", " FROM runs WHERE id IN ("));
    let mut numbers = query.separated(", ");
    for id in ids {
        numbers.push_bind(id.0);
    }
    query.push(") ORDER BY id");
    let rows: Vec<Row> = query.build_query_as().persistent(ids.len() == 1).fetch_all(conn).await?;
    rows.into_iter().map(Row::run).collect()
}

pub(crate) async fn list(conn: &mut Conn, filter: &RunFilter) -> Result<Vec<StoredRun>, StoreError> {
    let mut query = QueryBuilder::<Db>::new(columns!("SELECT ", " FROM runs"));
    let mut and = And::FIRST;
    if let Some(before) = filter.before {
        and.push(&mut query, "id < ").push_bind(before.0);
    }
    narrow(&mut query, &mut and, filter);
    // In the order of numbers already, where there is one word of one project.
    if filter.project.is_some() && filter.phases.len() == 1 && filter.is_over() {
        and.over(&mut query);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(filter.limit));
    query.push(" OFFSET ").push_bind(i64::from(filter.offset));
    let rows: Vec<Row> = query.build_query_as().persistent(is_one_of_few(filter)).fetch_all(conn).await?;
    rows.into_iter().map(Row::run).collect()
}

pub(crate) async fn count(conn: &mut Conn, filter: &RunFilter) -> Result<u64, StoreError> {
    let mut query = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM runs");
    let mut and = And::FIRST;
    narrow(&mut query, &mut and, filter);
    if filter.is_over() {
        and.over(&mut query);
    }
    let (count,): (i64,) = query.build_query_as().persistent(is_one_of_few(filter)).fetch_one(conn).await?;
    Ok(count.cast_unsigned())
}

/// Whether its text is remembered: who asks says how many words it has, in any order, as often as he likes.
const fn is_one_of_few(filter: &RunFilter) -> bool {
    filter.phases.len() <= 1
}

/// What is not asked for is not in the query, so that the database sees which index it can use.
fn narrow(query: &mut QueryBuilder<Db>, and: &mut And, filter: &RunFilter) {
    if let Some(project) = filter.project {
        and.push(query, "project_id = ").push_bind(project.0);
    }
    if let Some(owner) = filter.owner {
        and.push(query, "project_id IN (SELECT id FROM projects WHERE owner_id = ").push_bind(owner.0).push(")");
    }
    let texts = [
        ("workflow = ", &filter.workflow),
        ("event = ", &filter.event),
        ("reference = ", &filter.reference),
        ("actor = ", &filter.actor),
        ("commit_id = ", &filter.commit),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            and.push(query, column).push_bind(text.clone());
        }
    }
    let words: Vec<&str> = filter.phases.iter().map(|one| one.word()).collect();
    and.words(query, &words);
}

pub(crate) async fn behind(conn: &mut Conn, limit: u32) -> Result<Vec<RunId>, StoreError> {
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT id FROM runs WHERE advanced < ends ORDER BY id LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|(id,)| RunId(id)).collect())
}

pub(crate) async fn open(conn: &mut Conn) -> Result<Vec<StoredRun>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(columns!("SELECT ", " FROM runs WHERE finished_at IS NULL ORDER BY id")).fetch_all(conn).await?;
    rows.into_iter().map(Row::run).collect()
}

pub(super) fn missing(id: RunId) -> StoreError {
    StoreError::Missing { what: "run", name: id.to_string() }
}

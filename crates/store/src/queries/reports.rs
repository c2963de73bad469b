//! Queries of what runners say of their tasks, compiled for both databases.

use super::held_run::HeldRun;
use super::moves::{Moves, Said};
use super::{Conn, at_once, held_run, jobs, tasks};
use crate::error::StoreError;
use crate::following::{EndedJob, FreshEnd};
use crate::news::Mark;
use crate::reports::{Report, Reported, Step};
use domain::control::{JobPhase, RunId};
use domain::{JobId, Timestamp};

/// A job whose outputs are no longer than this has room for them in any run: those of the others are not counted.
const LITTLE: usize = 4096;

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    task: tasks::Row,
    run_id: i64,
    job_key: String,
    phase: String,
    tolerance: String,
    outputs: String,
}

/// A held run, and of a task of it what a report is about.
#[derive(sqlx::FromRow)]
struct Held {
    #[sqlx(flatten)]
    run: held_run::Row,
    #[sqlx(flatten)]
    known: Row,
}

macro_rules! columns {
    ($before:expr, $after:literal) => {
        concat!(
            $before,
            "tasks.id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at, run_id, job_key, jobs.phase, tolerance, \
             outputs",
            $after
        )
    };
}

impl Row {
    fn reported(self) -> Result<Reported, StoreError> {
        let damaged = |error| StoreError::damaged("job", error);
        let before: JobPhase = serde_json::from_str(&self.phase).map_err(damaged)?;
        let task = self.task.task()?;
        Ok(Reported {
            job: task.job,
            task,
            run: RunId(self.run_id),
            id: JobId::new(self.job_key),
            after: before.clone(),
            before,
            tolerance: serde_json::from_str(&self.tolerance).map_err(damaged)?,
            outputs: serde_json::from_str(&self.outputs).map_err(damaged)?,
            left_out: Vec::new(),
            refused: None,
            ended: None,
        })
    }
}

/// How the task of a report and its job stand.
pub(crate) async fn look(conn: &mut Conn, report: &Report<'_>) -> Result<Reported, StoreError> {
    let row: Option<Row> = sqlx::query_as(columns!(
        "SELECT ",
        " FROM tasks JOIN jobs ON jobs.id = job_id WHERE tasks.id = $1 AND runner_id = $2"
    ))
    .bind(report.task.0)
    .bind(report.runner.0)
    .fetch_optional(conn)
    .await?;
    row.ok_or_else(|| tasks::missing(report.task))?.reported()
}

/// Notes what changes nothing of the job.
pub(crate) async fn note(conn: &mut Conn, report: &Report<'_>, now: Timestamp) -> Result<(), StoreError> {
    Said::of(report, now).write(conn).await
}

impl Said {
    fn of(report: &Report<'_>, now: Timestamp) -> Self {
        Self { task: report.task, steps: report.steps.to_string(), at: now }
    }

    pub(super) async fn write(&self, conn: &mut Conn) -> Result<(), StoreError> {
        sqlx::query("UPDATE tasks SET steps = $1, heard_at = $2 WHERE id = $3")
            .bind(&self.steps)
            .bind(self.at.0.cast_signed())
            .bind(self.task.0)
            .execute(conn)
            .await?;
        Ok(())
    }
}

/// Notes what changes the job.
pub(crate) async fn change(
    conn: &mut Conn,
    report: &Report<'_>,
    now: Timestamp,
    mark: Mark,
) -> Result<Reported, StoreError> {
    let row: Option<Held> = sqlx::query_as(concat!(
        columns!(
            held_run::columns!(", "),
            " FROM runs JOIN jobs ON run_id = runs.id JOIN tasks ON job_id = jobs.id WHERE tasks.id = $1 AND runner_id = $2"
        ),
        held_of!("runs, jobs, tasks")
    ))
    .bind(report.task.0)
    .bind(report.runner.0)
    .fetch_optional(&mut *conn)
    .await?;
    let Held { run, known } = row.ok_or_else(|| tasks::missing(report.task))?;
    let (mut run, mut known) = (run.run()?, known.reported()?);
    // It was read before the run was held: meanwhile somebody may have changed the job.
    let others = match known.outputs_with(report) {
        little if little <= LITTLE => 0,
        _ => outputs_of_others(&mut *conn, &known).await?,
    };
    if known.apply(report, others, now) == Step::Nothing {
        return Ok(known);
    }
    let moved = (&known.before, &known.after);
    let job = jobs::moved(&mut run, known.job, known.tolerance, moved, &known.outputs, now)?;
    known.ended = fresh_end(&run, &known, job.end_order());
    let (run, said) = (run.kept(now)?, Some(Said::of(report, now)));
    let runner = match known.after.lease() {
        Some(_) => None,
        None => tasks::freed(&mut *conn, report.runner, report.task).await?.map(|phase| (report.runner, phase)),
    };
    at_once::write(conn, &Moves { job, run, said, runner }, mark, known.news()).await?;
    known.task.steps.clone_from(report.steps);
    known.task.heard = now;
    Ok(known)
}

/// How many bytes of outputs the other jobs of a run have in this try.
async fn outputs_of_others(conn: &mut Conn, known: &Reported) -> Result<usize, StoreError> {
    let (bytes,): (i64,) = sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(octet_length(outputs)), 0) AS BIGINT) FROM jobs WHERE run_id = $1 AND id <> $2
         AND run_attempt = (SELECT run_attempt FROM jobs WHERE id = $2)",
    )
    .bind(known.run.0)
    .bind(known.job.0)
    .fetch_one(conn)
    .await?;
    Ok(usize::try_from(bytes).unwrap_or_default())
}

/// The end of a job that has just ended, for who draws what follows.
fn fresh_end(run: &HeldRun, known: &Reported, order: Option<i64>) -> Option<FreshEnd> {
    let job = EndedJob::of(known.id.clone(), order?, known.after.end()?, known.outputs.clone());
    Some(FreshEnd { run: run.head(), job })
}

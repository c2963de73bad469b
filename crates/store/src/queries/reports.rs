//! Queries of what runners say of their tasks, compiled for both databases.

use super::{Conn, held_run, jobs, runs, tasks};
use crate::error::StoreError;
use crate::reports::{Report, Reported, Step};
use domain::Timestamp;
use domain::control::{JobPhase, RunId};

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    task: tasks::Row,
    run_id: i64,
    phase: String,
    tolerance: String,
    outputs: String,
}

/// How the task of a report and its job stand.
pub(crate) async fn look(conn: &mut Conn, report: &Report<'_>) -> Result<Reported, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT tasks.id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at, run_id, phase,
                tolerance, outputs
         FROM tasks JOIN jobs ON jobs.id = job_id WHERE tasks.id = $1 AND runner_id = $2",
    )
    .bind(report.task.0)
    .bind(report.runner.0)
    .fetch_optional(conn)
    .await?;
    let row = row.ok_or_else(|| tasks::missing(report.task))?;
    let damaged = |error| StoreError::damaged("job", error);
    let before: JobPhase = serde_json::from_str(&row.phase).map_err(damaged)?;
    let task = row.task.task()?;
    Ok(Reported {
        job: task.job,
        task,
        run: RunId(row.run_id),
        after: before.clone(),
        before,
        tolerance: serde_json::from_str(&row.tolerance).map_err(damaged)?,
        outputs: serde_json::from_str(&row.outputs).map_err(damaged)?,
        refused: None,
    })
}

/// Notes what changes nothing of the job.
pub(crate) async fn note(conn: &mut Conn, report: &Report<'_>, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE tasks SET steps = $1, heard_at = $2 WHERE id = $3")
        .bind(report.steps.to_string())
        .bind(now.0.cast_signed())
        .bind(report.task.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what changes the job.
pub(crate) async fn change(conn: &mut Conn, report: &Report<'_>, now: Timestamp) -> Result<Reported, StoreError> {
    let mut run = held_run::hold_of_task(&mut *conn, report.task).await?;
    let mut known = look(&mut *conn, report).await?;
    // It was read before the run was held: meanwhile somebody may have changed the job.
    if known.apply(report, now) == Step::Nothing {
        return Ok(known);
    }
    note(&mut *conn, report, now).await?;
    if known.after == known.before {
        sqlx::query("UPDATE jobs SET outputs = $1 WHERE id = $2")
            .bind(runs::written(&known.outputs)?)
            .bind(known.job.0)
            .execute(&mut *conn)
            .await?;
    } else {
        let moved = (&known.before, &known.after);
        jobs::write(&mut *conn, &mut run, known.job, known.tolerance, moved, &known.outputs, now).await?;
        run.keep(&mut *conn, now).await?;
        if known.after.lease().is_none() {
            tasks::free(conn, report.runner, report.task).await?;
        }
    }
    known.task.steps.clone_from(report.steps);
    known.task.heard = now;
    Ok(known)
}

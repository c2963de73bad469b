//! The rows of a moved job, each in a statement of its own. Called by the queries of tasks and reports.

use super::moves::Moves;
use super::{Conn, held_run, jobs, tasks};
use crate::error::StoreError;
use crate::news::{Change, Mark};
use crate::tasks::Taker;
use domain::Timestamp;
use domain::control::JobNumber;

/// Makes the task of a lease; nothing where there is no such runner.
pub(super) async fn give(
    conn: &mut Conn,
    job: JobNumber,
    taker: &Taker,
    now: Timestamp,
) -> Result<Option<tasks::Fresh>, StoreError> {
    let fresh = sqlx::query_as(
        "INSERT INTO tasks (job_id, runner_id, runner_name, request_key, steps, given_at, heard_at)
         SELECT $1, id, name, $2, '[]', $3, $3 FROM runners WHERE id = $4
         RETURNING id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at,
                   (SELECT phase FROM runners WHERE id = $4) AS phase",
    )
    .bind(job.0)
    .bind(&taker.request)
    .bind(now.0.cast_signed())
    .bind(taker.runner.0);
    Ok(fresh.fetch_optional(conn).await?)
}

/// Writes all: its statements go to the thread of the database together. The news are told to this process by whoever commits.
pub(super) async fn write(conn: &mut Conn, moves: &Moves, _: Mark, _: Vec<Change>) -> Result<(), StoreError> {
    let query = sqlx::query(concat!(
        jobs::update!(),
        "; UPDATE tasks SET steps = $19, heard_at = $20 WHERE id = $21; UPDATE runners SET phase = $22 WHERE id = $23; ",
        held_run::update!(10 11 12 13 14 15 16 17 18)
    ));
    moves.bind(query).execute(conn).await?;
    Ok(())
}

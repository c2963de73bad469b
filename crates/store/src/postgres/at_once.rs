//! The rows of a moved job and the news of it, in one statement: each one more is a way to the database and back, with the run's and the runner's rows
//! held from everybody else. Called by the queries of tasks and reports.

use super::Conn;
use super::moves::Moves;
use super::{held_run, jobs, tasks};
use crate::error::StoreError;
use crate::listen;
use crate::news::{Change, Mark};
use crate::tasks::Taker;
use domain::Timestamp;
use domain::control::JobNumber;

/// Makes the task of a lease, and holds its runner; nothing where there is none.
pub(super) async fn give(
    conn: &mut Conn,
    job: JobNumber,
    taker: &Taker,
    now: Timestamp,
) -> Result<Option<tasks::Fresh>, StoreError> {
    let fresh = sqlx::query_as(
        "WITH taker AS (SELECT id, name, phase FROM runners WHERE id = $4 FOR NO KEY UPDATE),
              task AS (INSERT INTO tasks (job_id, runner_id, runner_name, request_key, steps, given_at, heard_at)
                       SELECT $1, id, name, $2, '[]', $3, $3 FROM taker RETURNING *)
         SELECT task.id, job_id, runner_id, runner_name, request_key, steps, given_at, heard_at, phase FROM task, taker",
    )
    .bind(job.0)
    .bind(&taker.request)
    .bind(now.0.cast_signed())
    .bind(taker.runner.0);
    Ok(fresh.fetch_optional(conn).await?)
}

/// Writes all, and tells all servers when the transaction is committed.
pub(super) async fn write(conn: &mut Conn, moves: &Moves, mark: Mark, news: Vec<Change>) -> Result<(), StoreError> {
    let query = sqlx::query(concat!(
        "WITH job AS (",
        jobs::update!(),
        "), task AS (UPDATE tasks SET steps = $19, heard_at = $20 WHERE id = $21),
              runner AS (UPDATE runners SET phase = $22 WHERE id = $23) ",
        held_run::update!(10 11 12 13 14 15 16 17 18),
        " RETURNING pg_notify($24, $25)"
    ));
    moves.bind(query).bind(listen::CHANNEL).bind(listen::text(mark, news)).execute(conn).await?;
    Ok(())
}

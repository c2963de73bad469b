//! The rows of a moved job, one after the other: no way is long here. Called by the queries of tasks and reports.

use super::moves::Moves;
use super::{Conn, held_run, jobs, runners, tasks};
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

/// Writes all. The news are told to this process by whoever commits.
pub(super) async fn write(conn: &mut Conn, moves: &Moves, _: Mark, _: Vec<Change>) -> Result<(), StoreError> {
    let Moves { job, run, said, runner } = moves;
    if let Some(said) = said {
        said.write(&mut *conn).await?;
    }
    job.bind(sqlx::query(jobs::update!())).execute(&mut *conn).await?;
    run.bind(sqlx::query(held_run::update!(1 2 3 4 5 6 7 8 9))).execute(&mut *conn).await?;
    if let Some((runner, phase)) = runner {
        runners::write(conn, *runner, phase).await?;
    }
    Ok(())
}

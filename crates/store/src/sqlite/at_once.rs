//! The rows of a moved job, one after the other: no way is long here. Called by the queries of tasks and reports.

use super::moves::Moves;
use super::{Conn, held_run, jobs, runners};
use crate::error::StoreError;
use crate::news::{Change, Mark};

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

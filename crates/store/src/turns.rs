//! Who of this server writes a run next. On PostgreSQL whoever changes a job holds its run's row: those who want it wait here for each other, in their
//! order, because waiting in the database takes a connection each and finds the row anew. Called by `tasks`; servers still wait for each other there.

use crate::database::{Backend, Store};
use domain::control::RunId;
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// Runs that share a place wait for each other for nothing; that is rare, and short.
const PLACES: usize = 256;

/// The places in which runs are waited for. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<[Mutex<()>]>);

/// Nobody else of this server writes the run before this is dropped.
pub(crate) struct Turn<'a>(#[expect(dead_code, reason = "held until it is dropped")] Option<MutexGuard<'a, ()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl Store {
    /// Waits for the turn to write a run. Who does not know the run waits in the database alone, as does everybody on SQLite, where there is one writer.
    pub(crate) async fn turn(&self, run: Option<RunId>) -> Turn<'_> {
        let (Backend::Postgres(database), Some(run)) = (&self.backend, run) else { return Turn(None) };
        Turn(Some(database.turns.0[run.0.unsigned_abs() as usize % PLACES].lock().await))
    }
}

//! The facts of runs whose jobs were given lately: the jobs of a matrix ask for the same. Called by `make`.

use super::make::TaskError;
use crate::run::RunFacts;
use domain::control::{AttemptNumber, RunId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Store, StoredJob};

/// So many are remembered.
const MOST: usize = 64;

/// What is known of runs. The facts of a try are written once.
#[derive(Debug, Default)]
pub struct KnownRuns(Mutex<HashMap<(RunId, AttemptNumber), Arc<RunFacts>>>);

impl KnownRuns {
    /// The facts of the run of a job.
    pub(super) async fn of(&self, store: &Store, job: &StoredJob) -> Result<Arc<RunFacts>, TaskError> {
        let key = (job.run, job.attempt);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let run = store.run(job.run).await?;
        let facts = Arc::new(RunFacts::of(&run)?);
        if run.attempt == job.attempt {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= MOST {
                all.clear();
            }
            all.insert(key, Arc::clone(&facts));
        }
        Ok(facts)
    }
}

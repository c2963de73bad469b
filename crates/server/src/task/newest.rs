//! The task of a job that counts: the newest, which has its log. Called by the pages and by REST.

use domain::control::JobNumber;
use store::{Store, StoreError, StoredJob, StoredTask};

/// The job that has the tasks of a job: of a copy the one it is a copy of.
pub(crate) fn with_tasks(job: &StoredJob) -> JobNumber {
    job.kept_from.unwrap_or(job.number)
}

/// The newest task of a job; none of one that nobody had.
pub(crate) async fn newest_task(store: &Store, job: &StoredJob) -> Result<Option<StoredTask>, StoreError> {
    Ok(store.newest_tasks(&[with_tasks(job)]).await?.pop())
}

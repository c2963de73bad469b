//! The service as the protocol mounts it.

use super::caller::Callers;
use super::heard::Heard;
use super::log::LogOwners;
use super::lookups::Lookups;
use super::outputs::LastRows;
use super::report::Tasks;
use crate::plane::Plane;
use crate::task::KnownRuns;
use protocol::{
    Caller, Code, Declaration, Declared, Fetch, Fetched, PackedRows, Refusal, Registration, Report, Reported, Runner,
    RunnerService,
};
use store::StoreError;
use tokio::sync::Semaphore;

/// So many keys that are not known are looked up at a time.
const STRANGERS: usize = 4;

/// The runner service of a control plane.
#[derive(Debug)]
pub struct Runners {
    pub(super) plane: Plane,
    pub(super) callers: Callers,
    pub(super) heard: Heard,
    pub(super) lookups: Lookups,
    pub(super) logs: LogOwners,
    pub(super) tasks: Tasks,
    pub(super) last_rows: LastRows,
    pub(super) runs: KnownRuns,
    /// Keys and tokens that are not known yet are looked up so many at a time: the database is there for others too.
    pub(super) strangers: Semaphore,
}

impl Runners {
    /// The service.
    #[must_use]
    pub fn new(plane: Plane) -> Self {
        Self {
            plane,
            callers: Callers::default(),
            heard: Heard::default(),
            lookups: Lookups::default(),
            logs: LogOwners::default(),
            tasks: Tasks::default(),
            last_rows: LastRows::default(),
            runs: KnownRuns::default(),
            strangers: Semaphore::new(STRANGERS),
        }
    }
}

#[async_trait::async_trait]
impl RunnerService for Runners {
    async fn admit(&self, caller: &Caller) -> Result<(), Refusal> {
        self.caller(caller).await.map(drop)
    }

    async fn register(&self, caller: Caller, registration: Registration) -> Result<Runner, Refusal> {
        self.register_runner(&caller, registration).await
    }

    async fn declare(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal> {
        self.declare_runner(caller, declaration).await
    }

    async fn fetch(&self, caller: Caller, fetch: Fetch) -> Result<Fetched, Refusal> {
        self.fetch_tasks(Box::new(caller), fetch).await
    }

    async fn report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal> {
        self.take_report(caller, report).await
    }

    async fn log(&self, caller: Caller, batch: domain::LogBatch) -> Result<u64, Refusal> {
        self.take_rows(caller, batch).await
    }

    async fn log_packed(&self, caller: Caller, rows: PackedRows) -> Result<u64, Refusal> {
        self.take_rows(caller, rows).await
    }
}

/// What a runner hears of a server that ends.
pub(super) fn refused_stop() -> Refusal {
    Refusal::new(Code::Unavailable, "the server stops")
}

/// What a runner hears of a fault of the store.
pub(super) fn refused(error: StoreError) -> Refusal {
    let code = match &error {
        error if error.is_passing() => Code::Unavailable,
        StoreError::Missing { .. } => Code::NotFound,
        StoreError::Token(_) => Code::Unauthenticated,
        StoreError::Job(_) | StoreError::Runner(_) | StoreError::Run(_) | StoreError::Present { .. } => {
            Code::FailedPrecondition
        }
        _ => Code::Internal,
    };
    if code == Code::Internal || code == Code::Unavailable {
        tracing::warn!(error = &error as &dyn std::error::Error, "a runner's call failed");
        // What a database says is not for runners.
        return Refusal::new(code, "the control plane cannot reach its database; try again");
    }
    Refusal::new(code, error.to_string())
}

//! The rules as a service of the protocol.

use super::fake::Shared;
use domain::LogBatch;
use protocol::{
    Caller, Declaration, Declared, Fetch, Fetched, Refusal, Registration, Report, Reported, Runner, RunnerService,
};
use std::sync::Arc;

/// The service over what all connections share.
pub(super) struct Service(pub(super) Arc<Shared>);

#[async_trait::async_trait]
impl RunnerService for Service {
    async fn register(&self, _: Caller, registration: Registration) -> Result<Runner, Refusal> {
        self.0.change(|rules| rules.register(registration))
    }

    async fn declare(&self, caller: Caller, declaration: Declaration) -> Result<Declared, Refusal> {
        self.0.change(|rules| rules.declare(caller.key.as_ref(), declaration))
    }

    async fn fetch(&self, caller: Caller, fetch: Fetch) -> Result<Fetched, Refusal> {
        self.0.change(|rules| rules.fetch(caller.key.as_ref(), &fetch))
    }

    async fn report(&self, caller: Caller, report: Report) -> Result<Reported, Refusal> {
        self.0.change(|rules| rules.report(caller.key.as_ref(), report))
    }

    async fn log(&self, caller: Caller, batch: LogBatch) -> Result<u64, Refusal> {
        self.0.change(|rules| rules.log(caller.key.as_ref(), batch))
    }
}

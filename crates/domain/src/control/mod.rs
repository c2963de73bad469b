//! The control plane's words and legal moves: who is who on a server, and how jobs, runs, runners and tokens change. Used by `scheduler`, `store` and `server`.
//!
//! Each machine is an enum with data and a pure `after(change)`; a change that has no place leaves the state as it was and says why. What a state cannot
//! mean cannot be written: an attempt that runs has a lease, an ephemeral runner has at most one task ever, a token that is used up is dead.
//!
//! - [`JobPhase`]: one attempt of a job, from held to finished. A re-run is another attempt with a machine of its own ([`JobPhase::rerun`]).
//! - [`RunPhase`]: rolled up from a run's jobs by [`RunTally`].
//! - [`RunnerPhase`]: contact × admission × work.
//! - [`TokenPhase`]: live, in the grace after a rotation, dead.
//!
//! The agent's own view of an attempt is [`crate::Attempt`]; here is what the server knows.

mod id;
mod job;
mod job_change;
mod job_end;
mod lease;
mod run;
mod runner;
mod scope;
mod token;
mod token_text;

pub use id::{AttemptId, AttemptNumber, JobNumber, OwnerId, PoolId, ProjectId, RunId, TokenId};
pub use job::{JobPhase, JobStanding};
pub use job_change::{JobChange, JobRefusal};
pub use job_end::{CancelCause, Hold, JobEnd, NeverRan, Start};
pub use lease::{Epoch, Lease};
pub use run::{RunJob, RunPhase, RunRefusal, RunTally, Tolerance};
pub use runner::{Admission, Contact, RunnerChange, RunnerPhase, RunnerRefusal, RunnerStanding, Work};
pub use scope::Scope;
pub use token::{DeathCause, Expiry, TokenChange, TokenPhase, TokenRefusal, Uses};
pub use token_text::{NoToken, TokenUse};

//! The queue of jobs: who runs what next, and why a job waits. The server keeps one [`Queue`] and tells it what happens; it decides, the store makes it true.
//!
//! Pure and deterministic: the same calls give the same decisions; no clock, no IO, nothing random. An index rather than a snapshot: each event costs what it
//! changes, and an assignment costs the same behind ten jobs and behind a million.
//!
//! - Jobs with the same project, labels and priority lie in one line, first in, first out ([`JobSpec`]). Lines stand on shelves by their labels; a shelf is ordered
//!   by priority, then by what the project runs already (fair share), then by how long the line's first job stands there.
//! - A line whose first job let more than [`Settings::patience`] assignments pass goes first, whatever its priority and share: nobody starves.
//! - Runners with the same labels, scope and pool are one class; which class has which job's labels is known, not searched.
//! - [`Queue::assign`] gives assignments and cancellations; nothing that could be assigned waits after it.
//! - [`Queue::why`] says for every waiting job exactly one [`Reason`] of thirteen, by the first rule that fails.

mod class;
mod groups;
mod hint;
mod labels;
mod line;
mod queue;
mod reason;
mod reason_text;
mod shelf;
mod spec;

pub use groups::{Cancellation, CancellationCause};
pub use hint::Nearest;
pub use labels::Labels;
pub use queue::{Assignment, Decisions, PutError, Queue};
pub use reason::{CapacityLimit, Estimate, ForgeWait, IdleWait, PermitWait, Position, Reason, ReasonKind, Wait};
pub use spec::{
    Access, Claim, Credential, Durations, EmptyRunsOn, ForgeLine, GroupQueue, Hold, InProgress, JobSpec, Life, Member,
    OwnerSpec, PoolDoor, PoolSpec, Priority, ProjectSpec, RunnerDoor, RunnerSpec, Settings, Supply,
};

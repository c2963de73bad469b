//! The words all roles share and the legal moves between states.
//!
//! Pure: no IO, no clock reads, no async. Every other crate may depend on this one.

mod attempt;
mod conclusion;
pub mod control;
mod event;
mod id;
mod receipt;
mod runner;
mod secret;
mod slot;
mod task;
mod time;
mod view;

pub use attempt::{Attempt, AttemptChange, AttemptEnd, Delivery, IllegalAttemptChange, StopCause};
pub use conclusion::{Conclusion, Outcome};
pub use event::{Annotation, AnnotationLevel, EVENT_VERSION, JobEvent, JobEventKind, StepPhase, StepRef};
pub use id::{InvalidId, JobId, StepId};
pub use receipt::{Enforcement, Isolation, LimitReached, Receipt};
pub use runner::{RunnerCapability, RunnerId, RunnerKey, RunnerLife, RunnerStatus, RunnerUuid};
pub use secret::Secret;
pub use slot::{IllegalSlotChange, Slot, SlotChange};
pub use task::{
    LogBatch, LogEnd, LogRow, Task, TaskId, TaskNeed, TaskPhase, TaskResult, TaskState, TaskStep, TasksVersion,
};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use view::{View, ViewFile, ViewPart};

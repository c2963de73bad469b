//! What a runner gets: from a leased job to a `domain::Task` with its document, context, secrets, variables and needs (`runner-protocol` 4). Called by
//! `runner` when a job was leased; `newest`, `removed` and `steps` say what became of it, for the pages and for REST.

mod context;
mod given_up;
mod labels;
mod make;
mod newest;
mod progress;
mod removed;
mod runs;
mod secrets;
mod steps;
mod token;

pub(crate) use given_up::{change_by_task, give_up_all, over};
pub use make::{Receiver, RunnerKind, TaskError, make};
pub(crate) use newest::{newest_task, with_tasks};
pub use progress::{Progress, StepProgress};
pub(crate) use removed::{is_removed, removed};
pub use runs::KnownRuns;
pub(crate) use secrets::{secrets_of, variables};
pub use steps::{StepState, StepView, steps};
pub use token::{job_token, task_of_token};

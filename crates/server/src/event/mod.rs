//! From something that happened to runs: a push, a dispatch, a time. The workflows of the commit are read, those whose triggers fit are planned, and each
//! makes a run; one that cannot be used makes a run that has failed and says why. Called by routes, by the loop that looks at refs and by
//! the one that looks at the clock.

mod cron;
mod dispatch;
mod error;
mod files;
mod make;
mod occasion;
mod push;
mod schedule;
mod workflows;

pub use dispatch::dispatch;
pub use error::EventError;
pub(crate) use files::files_again;
pub use occasion::Occasion;
pub use push::push;
pub use schedule::{Fired, fire, read_schedules, schedules};
pub use workflows::{AskedInput, WorkflowFile, default_branch, workflows};

//! What pages show, as plain data with a template each: nothing here knows of the store or of HTTP. Filled by the handlers.
//!
//! Texts that others chose come through `text::line`; templates escape all but what `rows` painted.

mod forms;
mod frame;
mod job;
mod mark;
mod places;
mod run;
mod runs;
mod start;

pub(crate) use forms::{FaultPage, LoginPage, OncePage};
pub(crate) use frame::{Frame, Here};
pub(crate) use job::{JobHead, JobPage, More, Section, StateNews, Way};
pub(crate) use mark::Mark;
pub(crate) use places::{QueuePage, QueueRow, ReasonRow, RunnerJob, RunnerRow, RunnersPage};
pub(crate) use run::{Action, AttemptLink, FirstFailure, JobRow, RunHead, RunPage, Waiting};
pub(crate) use runs::{Choice, Filter, Heading, RunRow, RunsPage, WorkflowRow};
pub(crate) use start::{InputRow, StartPage};

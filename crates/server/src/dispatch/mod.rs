//! Who gets which job: one actor owns the `scheduler::Queue`, hears of jobs, runners and runners' questions, and makes its decisions true by leases in
//! the store. Rooms speak to it through a [`QueueHandle`]; nobody else decides about jobs and runners.
//!
//! The queue is an index. What counts is in the store: a lease that was lost to somebody else, or to a database that is away, puts the job back.

mod actor;
mod asks;
mod book;
mod handle;
mod news;
mod spec;

pub use actor::{Dispatcher, dispatcher};
pub use handle::{Ask, AskOutcome, Given, Manner, QueueHandle};
pub use news::Follower;

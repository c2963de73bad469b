//! The queue itself: what it knows ([`Queue`]), and one file for each kind of event: jobs and groups ([`jobs`]), projects, owners and pools ([`facts`]), runners
//! ([`runners`]), lines and shelves ([`lanes`]); then what it decides ([`assign`]) and what it says ([`why`]).

mod assign;
mod facts;
mod jobs;
mod lanes;
mod runners;
mod state;
mod why;

pub use assign::{Assignment, Decisions};
pub use jobs::PutError;
pub use state::Queue;

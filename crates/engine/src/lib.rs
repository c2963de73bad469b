//! One job in a sandbox, emitting [`domain::JobEvent`]s; `local`: a whole run on this machine.
//!
//! The engine opens no file and no connection by itself: a job's files lie in its sandbox, actions come through an
//! [`workflow::action_source::ActionSource`], and a cancellation is a message ([`cancel::Cancel`]). `exec` drives [`local::run`],
//! the agent drives [`job::run`].

pub mod cancel;
pub mod commands;
pub mod events;
pub mod job;
pub mod local;
pub mod output;

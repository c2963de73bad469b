//! The control plane: what runners, people and forges talk to.
//!
//! Each module is a room with one business; what they share is the [`plane`].

pub mod access;
pub mod backup;
pub mod count;
pub mod dispatch;
pub mod event;
pub mod folder;
pub mod git;
pub mod keys;
mod lead;
pub mod logs;
pub mod page;
mod place;
pub mod plane;
pub mod rest;
pub mod run;
pub mod runner;
pub mod serve;
pub mod status;
pub mod sweep;
pub mod task;
pub mod told;
pub mod watch;

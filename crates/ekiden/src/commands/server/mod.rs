//! `ekiden server`: the control plane as a process of its own.

mod settle;
mod start;

pub(crate) use start::run;

//! `ekiden server`: the control plane as a process of its own.

mod settle;
mod start;

pub(crate) use settle::{LISTEN, check_listen, serve_failure, token_file};
pub(crate) use start::{private_folder, run, stopped};

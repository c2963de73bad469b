//! Small workflows played from text to report over a backend of plain processes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests; skips are printed"
)]

mod actions;
mod cancelling;
mod contexts;
mod events;
mod jobs;
mod plain;
mod play;
mod steps;

//! One suite for both databases: what a verb promises holds on each of them.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says so")]

mod audit;
mod holdings;
mod projects;
mod runners;
mod runs;
mod support;
mod tokens;

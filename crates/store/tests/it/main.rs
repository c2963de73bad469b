//! One suite for both databases: what a verb promises holds on each of them.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::print_stdout, reason = "a test that cannot run says so")]

mod advance;
mod audit;
mod crash;
mod groups;
mod held;
mod holdings;
mod lists;
mod news;
mod old_data;
mod projects;
mod pushes;
mod reports;
mod reruns;
mod retention;
mod runners;
mod runs;
mod support;
mod tokens;
mod workflows;

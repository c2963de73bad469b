//! One suite for both databases: what a verb promises holds on each of them.

mod audit;
mod holdings;
mod projects;
mod runners;
mod runs;
mod support;
mod tokens;

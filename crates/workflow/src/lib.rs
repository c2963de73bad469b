//! The language: YAML text → spanned model → plan → run; expressions; diagnostics.
//!
//! Pure: no IO, no clock, no async. `exec`, `lint`, `eval` and the server all read the same tree.
//!
//! The way of a file: [`yaml`] turns text into spanned nodes, [`model`] says what a workflow and an action are, `parse` builds the
//! one from the other and reports every fault, `plan` joins files and an event into jobs, `run` decides what happens next.

pub mod action_source;
pub mod checkout;
pub mod diagnostic;
pub mod dispatch;
pub mod event;
pub mod expr;
pub mod filters;
mod lint;
pub mod matrix;
pub mod model;
mod nearest;
pub mod parse;
pub mod plan;
pub mod run;
pub mod template;
pub mod yaml;

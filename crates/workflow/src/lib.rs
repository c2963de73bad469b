//! The language: YAML text → spanned model → plan → run; expressions; diagnostics.
//!
//! Pure: no IO, no clock, no async. `exec`, `lint`, `eval` and the server all read the same tree.
//!
//! The way of a file: [`yaml`] turns text into spanned nodes, [`model`] says what a workflow and an action are, [`parse`] builds the
//! one from the other and reports every fault, [`plan`] joins the files of a run. [`event`] says whether an event starts it, [`cron`] what a schedule says, and
//! [`run`], a machine over the plan, decides what happens next; it expands each [`matrix`], and [`document`] writes down for a runner the
//! job that is ready. Values that may hold expressions are
//! [`template`]s, the expressions themselves [`expr`]. What a file could do better is said by the linter, as [`diagnostic`]s.

pub mod action_source;
pub mod checkout;
pub mod cron;
pub mod diagnostic;
pub mod dispatch;
pub mod document;
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

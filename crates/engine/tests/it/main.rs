//! Small workflows played from text to report over a backend of plain processes.

mod actions;
mod cancelling;
mod contexts;
mod events;
mod jobs;
mod plain;
mod play;
mod steps;

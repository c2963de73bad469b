//! The control plane: whole runs over real sockets; logs on real disks: against a model, through crashes, without room, a thousand at a time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod backup;
mod browse;
mod counted;
mod disk;
mod events;
mod faults;
mod git;
mod groups;
mod hears;
mod hostile;
mod hostile_runner;
mod keys_taken_back;
mod kill;
mod live;
mod locked;
mod many;
mod masked;
mod model;
mod openapi;
mod pages;
mod parts;
mod plane;
mod questions;
mod replicas;
mod rest;
mod runs;
mod serving;
mod shared;
mod starting;
mod status;
mod support;
mod sweep;
mod watched;
mod watching;

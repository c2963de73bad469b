//! A real Gitea on loopback, told what to do by its own API and, where it has no route for that, by its pages. Called by tests that a variable
//! gives a Gitea to, and by developer tasks.

mod process;
mod rest;

pub use process::{Gitea, GiteaProgram, Sweeps};
pub use rest::{Job, Run};

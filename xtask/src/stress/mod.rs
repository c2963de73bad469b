//! `cargo xtask stress`: kill -9 at every moment, and what must hold all the same. `gitea`: our agent at a real Gitea; `plane`: our own server, one or
//! several, with our agents. `witness` is told by the jobs themselves what ran, `machine` knows what was on this machine before, `agent` starts and
//! kills an agent, `judge` and `points` are those of the run with a Gitea.

mod agent;
mod gitea;
mod judge;
mod machine;
mod plane;
mod points;
mod witness;

use crate::Outcome;
use anyhow::Result;

/// Runs the one that is asked for.
pub(crate) fn run(args: &[String]) -> Result<Outcome> {
    match args.iter().any(|arg| arg == "--gitea") {
        true => gitea::run(args),
        false => plane::run(args),
    }
}

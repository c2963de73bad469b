//! Developer tasks: `cargo xtask <task>`. CONTRIBUTING.md says when to use which.

mod bench;
mod codegen;
mod compare;
mod layers;
mod moment;
mod packages;
mod processes;
mod record;
mod runner;
mod stress;
mod tests_run;
mod workspace;

use anyhow::Result;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <task>

  layers            check which crate uses which against docs/layers.toml, and the length of files
  test [ARGS…]      install what tests need, run all tests, sum them up; ARGS go to `cargo test`
  codegen [--check] make the protocol's types from its .proto files (`cargo run -p xtask --features codegen -- codegen`)
  bench [NAME…]     run the benches (all, or those whose name holds NAME), medians and ratios
  bench [waiting|begin|queue…] --ekiden BIN [--runners N] [--queued N,N…] [--times N] [--seconds N]
                    the whole server: thousands of runners that wait (10000), from queued to the first instruction, assignment
                    behind many queued jobs (1000,10000,100000)
  compare-logs [--gitea BIN --assets DIR] [--act-runner BIN] [--ekiden BIN] [--label lab|lab:host]
                    the same workflows with Gitea's own runner and with ours, logs line by line
  record --forge BIN [--assets DIR] --runner BIN [--version V] [--out DIR]
                    what a runner (ours, act_runner, forgejo-runner) and a real forge say, as fixtures of crates/protocol
  stress --gitea BIN --assets DIR --ekiden BIN [--label lab|lab:host] [--jobs N]
                    a real Gitea, and an agent and jobs that are killed at every change of state (1000 jobs)
  stress --ekiden BIN [--jobs N] [--replicas N] [--database sqlite|postgres] [--agents N] [--seed N] [--fault database-away|clock-jumps]
                    our own server; servers, agents, fork servers and jobs that are killed at random (2000 jobs)";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next();
    let rest: Vec<String> = args.collect();
    let result = match task.as_deref() {
        Some("layers") => layers::run(),
        Some("codegen") => codegen::run(&rest),
        Some("test") => tests_run::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("compare-logs") => compare::run(&rest),
        Some("record") => record::run(&rest),
        Some("stress") => stress::run(&rest),
        _ => {
            tell(USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// How a task ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Nothing was wrong.
    Good,
    /// It found something, and said what.
    Bad,
}

impl Outcome {
    fn of(is_good: bool) -> Self {
        if is_good { Self::Good } else { Self::Bad }
    }
}

/// Prints a line for the person at the terminal.
#[expect(clippy::print_stdout, reason = "this is where tasks talk")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is where tasks complain")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// Runs a command with the terminal's output; an error when it fails.
fn run(command: &mut std::process::Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|error| anyhow::anyhow!("cannot run {shown}: {error}"))?;
    anyhow::ensure!(status.success(), "{shown} failed: {status}");
    Ok(())
}

//! How fast a sandbox with everything on starts, is used and goes; and what a step costs. `cargo bench -p ekiden-sandbox-local`.
//!
//! The first instruction is that of a small program inside: `date +%s%N` would add its own start, so the program is this
//! binary's floor, `true`, once on the host and once inside; the difference is the sandbox.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench panics, and prints its figures")]

#[path = "../tests/it/bench_support.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod bench_support;

use bench_support::{Machine, command, finish};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let zygote = sandbox_local::Zygote::start().unwrap();
    // `cargo test --all-targets` runs benches too; that one look is enough there.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 200 } else { 3 };
    let machine = Arc::new(Machine::new(zygote));
    machine.backend.expect(&machine.spec().limits, 8);
    machine.runtime.block_on(async {
        run(&machine, 3).await;
        let floor = floor(rounds);
        let alone = run(&machine, rounds).await;
        println!("floor fork+exec true     {}", shown(floor));
        println!("prepare, alone           {}", shown(alone.prepare));
        println!("the inits' own count     {}", shown(alone.started));
        println!("first command ended      {}", shown(alone.ended));
        println!("destroy                  {}", shown(alone.destroyed));
        let step = steps(&machine, rounds).await;
        println!("step (true)              {}", shown(step));
        for workers in [1, 8, 32] {
            let rate = rate(&machine, workers, rounds * 4).await;
            println!("made, used, gone by {workers:2}   {rate:.0}/s");
        }
    });
}

#[derive(Default)]
struct Times {
    prepare: Vec<Duration>,
    started: Vec<Duration>,
    ended: Vec<Duration>,
    destroyed: Vec<Duration>,
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("p50 {:7.3} ms   p95 {:7.3} ms", at(50), at(95))
}

fn floor(rounds: usize) -> Vec<Duration> {
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            std::process::Command::new("/bin/true").status().unwrap();
            start.elapsed()
        })
        .collect()
}

async fn run(machine: &Arc<Machine>, rounds: usize) -> Times {
    let mut times = Times::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let sandbox = machine.prepare(machine.spec()).await.unwrap();
        times.prepare.push(start.elapsed());
        let (exec, read) = command(&*sandbox, &["/bin/true"]);
        finish(&*sandbox, exec, read).await.unwrap();
        times.ended.push(start.elapsed());
        let start = Instant::now();
        let receipt = sandbox.destroy(false).await.unwrap();
        times.destroyed.push(start.elapsed());
        times.started.push(Duration::from_micros(receipt.start_micros));
    }
    times
}

async fn steps(machine: &Arc<Machine>, rounds: usize) -> Vec<Duration> {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        let (exec, read) = command(&*sandbox, &["/bin/true"]);
        finish(&*sandbox, exec, read).await.unwrap();
        times.push(start.elapsed());
    }
    sandbox.destroy(false).await.unwrap();
    times
}

async fn rate(machine: &Arc<Machine>, workers: usize, count: usize) -> f64 {
    let start = Instant::now();
    let each = count / workers;
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let machine = machine.clone();
            tokio::spawn(async move { run(&machine, each).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (each * workers) as f64 / start.elapsed().as_secs_f64()
}

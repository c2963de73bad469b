//! How fast a sandbox with everything on starts, is used and goes; and what a step costs. `cargo bench -p ekiden-sandbox-local`.
//!
//! The job is a program of a few instructions that says at what time it began: what is measured is the sandbox, not the start of
//! a shell. Alone means one request each ten milliseconds, none of them while another runs. The floor is the same program on the host, by fork and exec. Words behind `--bench` pick parts: `alone`, `steps`, `rate`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench panics, and prints its figures")]

#[path = "../tests/it/bench_support.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod bench_support;
#[path = "support/first.rs"]
mod first;

use bench_support::{Machine, command};
use sandbox::{Backend, InsideFile, Sandbox};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let zygote = sandbox_local::Zygote::start().unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs benches too; one look is enough there.
    let rounds = if words.iter().any(|word| word == "--bench") { 300 } else { 3 };
    let picked = |part: &str| words.iter().all(|word| word.starts_with('-')) || words.iter().any(|word| word == part);
    let machine = Arc::new(Machine::new(zygote));
    machine.backend.expect(&machine.spec().expected(), usize::MAX);
    machine.runtime.block_on(async {
        run(&machine, 8, Duration::ZERO).await;
        if picked("alone") {
            println!("floor: fork+exec, first instruction   {}", shown(floor(rounds)));
            let alone = run(&machine, rounds, Duration::from_millis(10)).await;
            println!("first instruction                     {}", shown(alone.first));
            println!("prepare                               {}", shown(alone.prepare));
            println!("first command ended                   {}", shown(alone.ended));
            println!("destroy                               {}", shown(alone.destroyed));
        }
        if picked("steps") {
            println!("a further step, whole                 {}", shown(steps(&machine, rounds).await));
        }
        if picked("rate") {
            for workers in [1, 8, 32] {
                let rate = rate(&machine, workers, rounds * 4).await;
                println!("made, used, gone, {workers:2} at once           {rate:.0}/s");
            }
        }
    });
}

#[derive(Default)]
struct Times {
    first: Vec<Duration>,
    prepare: Vec<Duration>,
    ended: Vec<Duration>,
    destroyed: Vec<Duration>,
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("p50 {:7.3} ms   p95 {:7.3} ms", at(50), at(95))
}

fn floor(rounds: usize) -> Vec<Duration> {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("first");
    std::fs::write(&program, first::PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    (0..rounds)
        .map(|_| {
            let start = first::now();
            let output = std::process::Command::new(&program).output().unwrap();
            first::begun(&output.stdout).saturating_sub(start)
        })
        .collect()
}

/// Runs the program in a sandbox; gives the time at which it began.
async fn used(sandbox: &dyn Sandbox) -> Duration {
    let at = sandbox.layout().temp.join("first");
    let (mut exec, read): (_, OwnedFd) = command(sandbox, &[&at.display().to_string()]);
    exec.files = vec![InsideFile { path: at, content: first::PROGRAM.to_vec(), executable: true }];
    let process = sandbox.exec(exec).await.unwrap();
    let ended = process.wait().await.unwrap();
    assert_eq!(ended.end, sandbox::ExecEnd::Exited(0));
    let mut text = Vec::new();
    std::fs::File::from(read).read_to_end(&mut text).unwrap();
    first::begun(&text)
}

async fn run(machine: &Arc<Machine>, rounds: usize, pause: Duration) -> Times {
    let mut times = Times::default();
    for _ in 0..rounds {
        tokio::time::sleep(pause).await;
        let (start, began) = (Instant::now(), first::now());
        let sandbox = machine.prepare(machine.spec()).await.unwrap();
        times.prepare.push(start.elapsed());
        times.first.push(used(&*sandbox).await.saturating_sub(began));
        times.ended.push(start.elapsed());
        let start = Instant::now();
        sandbox.destroy(false).await.unwrap();
        times.destroyed.push(start.elapsed());
    }
    times
}

async fn steps(machine: &Arc<Machine>, rounds: usize) -> Vec<Duration> {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        used(&*sandbox).await;
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
            tokio::spawn(async move { run(&machine, each, Duration::ZERO).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    (each * workers) as f64 / start.elapsed().as_secs_f64()
}
